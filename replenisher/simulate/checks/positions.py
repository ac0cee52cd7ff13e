"""S1: the position is the sum of our rows, of the exchange's trades, and what the exchange says it is."""

from collections import defaultdict
from decimal import Decimal

from replenisher.exchange.ledger import Cash
from replenisher.simulate.court import Books, Check, FillRow, Objection, Oracle


class PositionIsTheirs(Check):
    """Adds up the rows, and looks at every one of them beside the trade that it stands for."""

    name = "S1"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._sums: dict[str, Decimal] = defaultdict(lambda: Decimal(0))

    def booked(self, row: FillRow) -> Objection:
        """A row moves the position by what its trade did."""
        trade = self.oracle.evidence.trades.get((row.instrument, row.trade_id, row.side))
        moved = Decimal(row.amount) * row.side.sign
        self._sums[row.instrument] += moved
        if trade is not None and moved != trade.amount * trade.side.sign:
            return f"the row of trade {row.trade_id} moves the position by {moved}, and the trade by {trade.amount}"
        return None

    def closed(self, books: Books) -> Objection:
        """All three are the same."""
        delivered = {record.instrument for record in books.ledger if isinstance(record, Cash) and not record.position}
        for instrument in {*self._sums, *self.oracle.evidence.positions}:
            ours, traded = self._sums[instrument], self.oracle.evidence.positions[instrument]
            theirs = self.oracle.exchange.views.position(self.oracle.account, instrument).size
            if ours != traded or (theirs != traded and instrument not in delivered):
                return f"{instrument}: rows sum up to {ours}, trades to {traded}, and the exchange says {theirs}"
        return None
