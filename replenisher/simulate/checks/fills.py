"""S2: every trade of ours at the exchange is booked in SQL exactly once, and nothing else is; in their order, too.

Those that one answer told are rows of one step, and only their numbers in there say which of them was first.
"""

from collections import Counter

from sqlalchemy import select

from replenisher.model.event import OrderFilled, TradesReported
from replenisher.model.instrument import name_of
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.simulate.court import Books, Check, Daemon, FillRow, Objection, Oracle
from replenisher.store import tables

FillKey = tuple[str, str, Side]  # instrument, trade id


class FilledOnce(Check):
    """Compares the exchange's trades with our fills: a row when it is committed, all of them at the end."""

    name = "S2"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._together: list[tuple[int, int, set[FillKey]]] = []  # epoch, step, and what one answer told then

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """An answer may tell of several trades; what a stream tells in the same step has its place already."""
        for event in step.events:
            if isinstance(event, TradesReported) and len(event.fills) > 1:
                streamed = {_key(fill) for fill in step.events if isinstance(fill, OrderFilled)}
                self._together.append((daemon.epoch, step.number, {_key(fill) for fill in event.fills} - streamed))
        return None

    def booked(self, row: FillRow) -> Objection:
        """A row must stand for a trade."""
        if (row.instrument, row.trade_id, row.side) in self.oracle.evidence.trades:
            return None
        return f"a fill was booked that is no trade: {row.instrument} {row.trade_id} {row.side} {row.amount}"

    def closed(self, books: Books) -> Objection:
        """The two must be the same, how often each is there included, and those of an answer stand in their order."""
        columns = tables.fills.c
        query = select(columns.instrument, columns.trade_id, columns.side, columns.epoch, columns.step, columns.index)
        rows = books.database.read(lambda connection: list(connection.execute(query)))
        ours = Counter(tuple(row[:3]) for row in rows)
        theirs: Counter[tuple[str, ...]] = Counter(self.oracle.evidence.trades.keys())
        for fill in theirs - ours:
            return f"a trade was never booked: {' '.join(fill)}"
        for fill in ours - theirs:
            return f"a fill was booked that is no trade, or once too often: {' '.join(fill)}"
        return self._disorder({(name, trade_id, side): place for name, trade_id, side, *place in rows})

    def _disorder(self, places: dict[FillKey, list[int]]) -> Objection:
        happened = {key: number for number, key in enumerate(self.oracle.evidence.trades)}
        for epoch, step, told in self._together:
            last: dict[str, int] = {}  # an answer tells instrument by instrument
            for key in sorted(told, key=happened.__getitem__):
                *moment, index = places[key]
                if moment == [epoch, step]:
                    if index <= last.get(key[0], -1):
                        return f"a fill does not stand behind the one before it: {' '.join(key)}"
                    last[key[0]] = index
        return None


def _key(fill: OrderFilled) -> FillKey:
    return name_of(fill.instrument), fill.trade_id, fill.side
