"""The playback of a tape: which fact comes next, and when it happens here.

What the tape shows at `origin`, or else its first snapshot, is shown at `start`; a fact that it has a while later
happens that while, divided by `speed`, after `start`, and never earlier than what came before it.
"""

from collections.abc import Iterable, Iterator

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    FeedLost,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.model.units import NEVER_NS

TapeFact = BookSnapshot | BookChanged | FeedLost | TradePrinted | TickerTold | InstrumentStateChanged


class Playback:
    """Hands out the facts of a tape one by one; they come with their venue time, in the order of that."""

    def __init__(self, facts: Iterable[tuple[int, TapeFact]], *, start: int, origin: int | None, speed: float) -> None:
        assert speed > 0, "a tape plays forwards"
        self.next: TapeFact | None = None  # none before it has begun, and after the last one
        self.due = start  # when that happens
        self.played_to = start  # when the last one was due; what happens late is still due then
        self._facts = iter(facts)
        self._start, self._origin, self._speed = start, origin, speed
        self._way_ns = self._way_ns_min = NEVER_NS  # by its two clocks: of the last message, and of the fastest

    @property
    def feed_ns(self) -> int:
        """How much longer the last message was under way than the fastest so far."""
        return self._way_ns - self._way_ns_min

    def begin(self) -> Iterator[TapeFact]:
        """What is told up to the first snapshot, with which it begins: what happened before has no book."""
        for venue_time, fact in self._facts:
            yield fact
            if isinstance(fact, BookSnapshot):
                self._origin = venue_time if self._origin is None else self._origin
                self._look_ahead()
                return

    def take_up(self) -> None:
        """It is the turn of the next fact. How long it was under way two of them say, as the clocks may differ."""
        fact, self.played_to = self.next, self.due
        if (
            type(fact) is TradePrinted  # as `isinstance` of a Struct is slow where the answer is no
            or type(fact) is BookChanged
            or type(fact) is BookSnapshot
            or type(fact) is TickerTold
        ):
            self._way_ns = way_ns = fact.at - fact.venue_time
            if way_ns < self._way_ns_min:
                self._way_ns_min = way_ns
        self._look_ahead()

    def stand_still(self, duration_ns: int) -> None:
        """It is stopped, and goes on where it was."""
        self._start += duration_ns
        self.played_to += duration_ns
        self.due += duration_ns

    def _look_ahead(self) -> None:
        following = next(self._facts, None)
        if following is None:
            self.next = None
            return
        venue_time, self.next = following
        assert self._origin is not None, "it has begun"
        later = venue_time - self._origin
        due = self._start + (later if self._speed == 1 else int(later / self._speed))
        self.due = due if due > self.played_to else self.played_to
