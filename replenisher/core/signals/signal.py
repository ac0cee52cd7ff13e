"""The signal port: what a signal is told, and the one number that it makes of it.

A *specification* is a frozen value that says which signal, over which window. `start` makes the *machine* that computes
it for one instrument: it is told the market in the order of events and asked for its value. Prices come in ticks and
quantities in lots; the value is in price units, wire amounts and seconds, where it has a unit. Time is the venue's, in
nanoseconds, and never runs backwards for long: what comes a little late counts as now.

Two signals may be read off one machine: then one specification names the other's as `seen_by`, and `read` says how.

A restart is a loss of the feed: a machine that was given the dump of another one goes on exactly as that one would have
after `lost`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from replenisher.core.book import Depth, Touch
from replenisher.model.event import TradePrinted
from replenisher.model.instrument import Instrument


class Signal(Protocol):
    """One number of one market. What one does not need it does not hear.

    A touch or a trade takes constant time. A book takes a time for each level that is looked at, the best fifty of a
    side at most.
    """

    __slots__ = ()

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        """The others' best bid and ask are these now."""
        return

    def saw_trade(self, trade: TradePrinted) -> None:
        """Two others traded, or one of them was us."""
        return

    def saw_book(self, book: Depth, venue_time: int) -> None:
        """The others' book, when it was looked at; told only to one whose specification says `needs_depth`."""
        return

    def lost(self) -> None:
        """The feed is gone: what comes next does not follow what was last, and the time between was not watched."""
        return

    def value(self, venue_time: int) -> float | None:
        """The number now. None: too little was seen to know it. NaN: there is none, so nothing can be built on it."""

    def dump(self) -> list[float]:
        """What must be remembered so that a restart does not begin from nothing; few numbers, and exact ones."""
        return []

    def load(self, numbers: Sequence[float]) -> None:
        """Go on from the dump of a machine of the same specification; told to one that has seen nothing yet."""
        return


class SignalSpec(Protocol):
    """Which signal, over which window: a frozen value. Equal specifications make equal machines."""

    __slots__ = ()

    @property
    def needs_depth(self) -> bool:
        """Whether it looks below the touch, at the book."""
        return False

    @property
    def seen_by(self) -> "SignalSpec":
        """Whose machine sees the market for it."""
        return self

    def start(self, instrument: Instrument) -> Signal:
        """The machine, before it has seen anything."""

    def read(self, machine: Signal) -> Callable[[int], float | None]:
        """How its number is read off the machine that sees the market for it, at a venue time."""
        return machine.value
