"""S2: every trade of ours at the exchange is booked in SQL exactly once, and nothing else is."""

from collections import Counter

from sqlalchemy import select

from replenisher.exchange.ledger import Trade
from replenisher.simulate.court import Books, Check, Objection
from replenisher.store import tables


class FilledOnce(Check):
    """Compares the exchange's trades with our fills, row by row."""

    name = "S2"

    def closed(self, books: Books) -> Objection:
        """The two must be the same, how often each is there included."""
        theirs = Counter(
            (record.instrument, record.trade_id, record.side, record.price, record.amount, record.label)
            for record in books.ledger
            if isinstance(record, Trade) and record.account == self.oracle.account
        )
        columns = tables.fills.c
        query = select(
            columns.instrument, columns.trade_id, columns.side, columns.price, columns.amount, columns.order_id
        )
        rows = books.database.read(lambda connection: list(connection.execute(query)))
        ours = Counter(tuple(row) for row in rows)
        for fill in theirs - ours:
            return f"a trade was never booked: {_told(fill)}"
        for fill in ours - theirs:
            return f"a fill was booked that is no trade, or once too often: {_told(fill)}"
        return None


def _told(fill: tuple[object, ...]) -> str:
    return " ".join(str(part) for part in fill)
