"""S1: the position is the sum of our rows, of the exchange's trades, and what the exchange says it is.

Of spot it says nothing: what is bought there is a balance, which S15 adds up.
"""

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import select

from replenisher.exchange.ledger import Cash
from replenisher.model.instrument import Kind
from replenisher.model.order import SIDES
from replenisher.simulate.court import Books, Check, FillRow, Objection
from replenisher.store import tables


class PositionIsTheirs(Check):
    """Looks at every row beside the trade that it stands for, and adds up those that there are in the end."""

    name = "S1"

    def booked(self, row: FillRow) -> Objection:
        """A row moves the position by what its trade did."""
        trade = self.oracle.evidence.trades.get((row.instrument, row.trade_id, row.side))
        moved = Decimal(row.amount) * row.side.sign
        if trade is not None and moved != trade.amount * trade.side.sign:
            return f"the row of trade {row.trade_id} moves the position by {moved}, and the trade by {trade.amount}"
        return None

    def closed(self, books: Books) -> Objection:
        """All three are the same."""
        delivered = {record.instrument for record in books.ledger if isinstance(record, Cash) and not record.position}
        listed = [view.instrument for view in self.oracle.exchange.views.instruments()]
        untold = delivered | {instrument.name for instrument in listed if instrument.kind is Kind.SPOT}
        sums = _sums(books)
        for instrument in {*sums, *self.oracle.evidence.positions}:
            ours, traded = sums[instrument], self.oracle.evidence.positions[instrument]
            theirs = self.oracle.exchange.views.position(self.oracle.account, instrument).size
            if ours != traded or (theirs != traded and instrument not in untold):
                return f"{instrument}: rows sum up to {ours}, trades to {traded}, and the exchange says {theirs}"
        return None


def _sums(books: Books) -> dict[str, Decimal]:
    """What our rows add up to, by the exchange's name of an instrument."""
    columns = tables.fills.c
    query = select(columns.instrument, columns.side, columns.amount)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for instrument, side, amount in books.database.read(lambda connection: list(connection.execute(query))):
        sums[instrument] += amount * SIDES[side].sign
    return sums
