"""S2: every trade of ours at the exchange is booked in SQL exactly once, and nothing else is."""

from collections import Counter

from sqlalchemy import select

from replenisher.simulate.court import Books, Check, FillRow, Objection
from replenisher.store import tables


class FilledOnce(Check):
    """Compares the exchange's trades with our fills: a row when it is committed, all of them at the end."""

    name = "S2"

    def booked(self, row: FillRow) -> Objection:
        """A row must stand for a trade."""
        if (row.instrument, row.trade_id, row.side) in self.oracle.evidence.trades:
            return None
        return f"a fill was booked that is no trade: {row.instrument} {row.trade_id} {row.side} {row.amount}"

    def closed(self, books: Books) -> Objection:
        """The two must be the same, how often each is there included."""
        columns = tables.fills.c
        query = select(columns.instrument, columns.trade_id, columns.side)
        rows = books.database.read(lambda connection: list(connection.execute(query)))
        ours = Counter(tuple(row) for row in rows)
        theirs: Counter[tuple[str, ...]] = Counter(self.oracle.evidence.trades.keys())
        for fill in theirs - ours:
            return f"a trade was never booked: {' '.join(fill)}"
        for fill in ours - theirs:
            return f"a fill was booked that is no trade, or once too often: {' '.join(fill)}"
        return None
