"""A watch: the signals of one market that somebody uses, and what they say now. Nobody else's are worked out."""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from replenisher.core.book import Book, Touch
from replenisher.core.own_size import OwnSize
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.model.event import SignalDump, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS

Values = Mapping[str, float | None]
NO_WINDOW_S = 3600.0  # for so long one is believed whose window is not in time


class Watch:
    """The machines on one instrument, and how each strategy reads the signals that it names.

    Equal specifications share a machine, and so do those of which one tells the other.
    """

    __slots__ = ("_depth", "_read", "_touch", "_trades", "looks_below", "machines")

    def __init__(self, wanted: Mapping[str, Mapping[str, SignalSpec]], instrument: Instrument) -> None:
        self.machines: dict[SignalSpec, Signal] = {}
        self._read: dict[str, dict[str, Callable[[int], float | None]]] = {}  # strategy -> name -> what tells it
        for strategy, specs in wanted.items():
            self._read[strategy] = read = {}
            for name, spec in specs.items():
                seen_by = spec.seen_by
                if seen_by not in self.machines:
                    self.machines[seen_by] = seen_by.start(instrument)
                read[name] = spec.read(self.machines[seen_by])
        machines = list(self.machines.values())
        self._touch = [machine for machine in machines if type(machine).saw_touch is not Signal.saw_touch]
        self._trades = [machine for machine in machines if type(machine).saw_trade is not Signal.saw_trade]
        self._depth = [machine for spec, machine in self.machines.items() if spec.needs_depth]
        self.looks_below = bool(self._depth)  # whether any of them wants to see more than the touch

    def saw_trade(self, trade: TradePrinted) -> None:
        """Somebody traded."""
        for machine in self._trades:
            machine.saw_trade(trade)

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        """The others' touch has become another one."""
        for machine in self._touch:
            machine.saw_touch(touch, venue_time)

    def saw_book(self, book: Book, own: OwnSize, at: int) -> None:
        """The book was looked at: those that look below the touch see what the others have there."""
        others = own.others(book, at)
        for machine in self._depth:
            machine.saw_book(others, book.venue_time)

    def lost(self) -> None:
        """The feed is gone."""
        for machine in self.machines.values():
            machine.lost()

    def dump(self) -> dict[str, list[float]]:
        """What the machines have seen, by specification; those that have nothing to remember are not in it."""
        dumps = {repr(spec): machine.dump() for spec, machine in self.machines.items()}
        return {spec: numbers for spec, numbers in dumps.items() if numbers}

    def recall(self, dumps: Iterable[SignalDump], instrument: Instrument, at: int) -> None:
        """Go on from what an earlier life has recorded, as far as that is still of this window, tick and lot."""
        by_specification = {repr(spec): spec for spec in self.machines}
        for dump in dumps:
            spec = by_specification.get(dump.specification)
            if spec is None or (dump.tick, dump.lot) != (instrument.tick, instrument.lot):
                continue
            if at - dump.saved_at <= getattr(spec, "window_s", NO_WINDOW_S) * SECOND_NS:
                self.machines[spec].load(dump.numbers)

    def values(self, strategy: str, venue_time: int) -> Values:
        """What the signals of a strategy say now, by the names that it gives them."""
        return {name: read(venue_time) for name, read in self._read[strategy].items()}


def why_untold(values: Values) -> str:
    """Why nothing can be quoted on these: one is not known yet, or is no number; empty if all are."""
    for name, value in values.items():
        if value is None:
            return f"the signal {name} is not known yet"
        if not isfinite(value):
            return f"the signal {name} is no number"
    return ""
