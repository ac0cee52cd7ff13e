"""Sweeps: how the books that we quote come back after somebody has swept them, seen while it happens."""

from collections.abc import Sequence

from replenisher.core.resilience import Resilience, SweepWatch
from replenisher.core.state import State
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, TradePrinted
from replenisher.model.order import Side
from replenisher.model.step import Step

BAND_BPS = 10.0  # of the mid, within which depth counts


class Sweeps:
    """Watches every book of which a step tells; made from the state it looks at."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._watches: dict[str, SweepWatch] = {}

    def observe(self, step: Step) -> None:
        """Take one step into account: its trades first, then the books as they are by now."""
        changed: dict[str, None] = {}
        for event in step.events:
            match event:
                case TradePrinted():
                    self._watch(event.instrument).saw_trade(event)
                case BookChanged() | BookSnapshot():
                    changed[event.instrument] = None
                case FeedLost():
                    watch = self._watch(event.instrument)
                    watch.lost(self._state.books[event.instrument].venue_time)
                case _:
                    pass
        for instrument in changed:
            book = self._state.books.get(instrument)
            if book is not None and not book.distrust:
                watch = self._watch(instrument)
                watch.saw_book(book, self._own(instrument) if watch.is_recovering else None)

    def resilience(self) -> dict[str, Resilience]:
        """What is known of each book by now."""
        return {instrument: watch.resilience() for instrument, watch in self._watches.items()}

    def _watch(self, instrument: str) -> SweepWatch:
        watch = self._watches.get(instrument)
        if watch is None:
            watch = self._watches[instrument] = SweepWatch(BAND_BPS)
        return watch

    def _own(self, instrument: str) -> dict[Side, Sequence[Level]]:
        own: dict[Side, list[Level]] = {side: [] for side in Side}
        for order in self._state.orders.on(instrument):
            if not order.status.is_terminal:
                own[order.side].append((order.price, order.remaining))
        return dict(own)
