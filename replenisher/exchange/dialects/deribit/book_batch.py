"""Several changes of a book told as one: the net change of each level, from the frame before to this one."""

from decimal import Decimal

from replenisher.exchange.words import Action, BookLevel, BookUpdate


class BookBatch:
    """The net change of a book since the last frame."""

    def __init__(self) -> None:
        self._begins_after: int | None = None  # the change id of the frame before
        self._last: BookUpdate | None = None
        self._bids: dict[Decimal, BookLevel] = {}
        self._asks: dict[Decimal, BookLevel] = {}

    def add(self, update: BookUpdate) -> None:
        """One more change."""
        if self._begins_after is None:
            self._begins_after = update.previous_change_id
        self._last = update
        for side, levels in ((self._bids, update.bids), (self._asks, update.asks)):
            for level in levels:
                _merge(side, level)

    def take(self) -> BookUpdate | None:
        """All of it as one change; None if it amounts to nothing, and then the next one begins where this did."""
        if self._last is None or self._begins_after is None or not (self._bids or self._asks):
            return None
        merged = BookUpdate(
            instrument=self._last.instrument,
            at=self._last.at,
            change_id=self._last.change_id,
            previous_change_id=self._begins_after,
            bids=tuple(self._bids.values()),
            asks=tuple(self._asks.values()),
        )
        self._begins_after = None
        self._bids, self._asks = {}, {}
        return merged


def _merge(side: dict[Decimal, BookLevel], level: BookLevel) -> None:
    """What two changes of one level amount to for somebody who saw neither."""
    before = side.pop(level.price, None)
    was_there = before.action is not Action.NEW if before else level.action is not Action.NEW
    match was_there, level.action:
        case True, Action.DELETE:
            side[level.price] = level
        case True, _:
            side[level.price] = BookLevel(Action.CHANGE, level.price, level.amount)
        case False, Action.DELETE:
            pass  # it came and went
        case _:
            side[level.price] = BookLevel(Action.NEW, level.price, level.amount)
