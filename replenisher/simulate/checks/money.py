"""S15: no money is made up or lost, and every number of the exchange's stands in SQL digit for digit."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import select

from replenisher.exchange.ledger import Cash, Deposit, Trade
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import SIDES
from replenisher.simulate.court import Books, Check, FillRow, Objection
from replenisher.store import tables

ZERO = Decimal(0)
CENT = Decimal("1e-8")


class MoneyIsConserved(Check):
    """Compares each row with its trade, and in the end adds up both books, currency by currency."""

    name = "S15"

    def booked(self, row: FillRow) -> Objection:
        """A row has the numbers of its trade."""
        trade = self.oracle.evidence.trades.get((row.instrument, row.trade_id, row.side))
        if trade is None:
            return None
        ours = (Decimal(row.price), Decimal(row.fee), row.fee_currency, row.liquidity[:1].upper())
        theirs = (trade.price, trade.fee, trade.fee_currency, trade.liquidity)
        return None if ours == theirs else f"the row of trade {row.trade_id} says {ours}, and the exchange {theirs}"

    def closed(self, books: Books) -> Objection:
        """What was paid in, less fees, with what moved besides, is what there is."""
        listed = [view.instrument for view in self.oracle.exchange.views.instruments()]
        spots = {instrument.name: instrument for instrument in listed if instrument.kind is Kind.SPOT}
        paid_in: dict[str, Decimal] = {}
        theirs: defaultdict[str, Decimal] = defaultdict(Decimal)
        for record in books.ledger:
            match record:
                case Deposit(account=self.oracle.account):
                    paid_in[record.currency] = paid_in.get(record.currency, ZERO) + record.amount
                case Trade(account=self.oracle.account):
                    theirs[record.fee_currency] -= record.fee
                    if spot := spots.get(record.instrument):
                        _swap(theirs, spot, record.amount * record.side.sign, record.price)
                case Cash(account=self.oracle.account):
                    theirs[record.currency] += record.amount
                case _:
                    pass
        ours = _moved(books, spots)
        for currency in {**paid_in, **theirs, **ours}:
            balance = self.oracle.exchange.views.account(self.oracle.account, currency).balance
            moved = theirs.get(currency, ZERO)
            if balance != (adds_up_to := paid_in.get(currency, ZERO) + moved):
                return f"{currency}: the ledger adds up to {adds_up_to}, not to {balance}"
            if (ours_moved := ours.get(currency, ZERO)) != moved:
                return f"{currency}: our rows add up to {ours_moved}, not to {moved}"
        return None


def _moved(books: Books, spots: Mapping[str, Instrument]) -> dict[str, Decimal]:
    """What our rows say has moved."""
    fills, moves = tables.fills.c, tables.cash_moves.c
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    all_fills = select(fills.fee_currency, fills.fee, fills.instrument, fills.side, fills.amount, fills.price)
    paid = books.database.read(lambda connection: list(connection.execute(all_fills)))
    for currency, fee, name, side, amount, price in paid:
        sums[currency] -= fee
        if spot := spots.get(name):
            _swap(sums, spot, amount * SIDES[side].sign, price)
    query = select(moves.currency, moves.amount).where(moves.kind != CashKind.TRANSFER)  # what was paid in
    moved = books.database.read(lambda connection: list(connection.execute(query)))
    for currency, amount in moved:
        sums[currency] += amount
    return sums


def _swap(sums: defaultdict[str, Decimal], spot: Instrument, bought: Decimal, price: Decimal) -> None:
    """Buying spot gives the quote currency away for the base currency, whatever the fee."""
    sums[spot.base_currency] += bought
    sums[spot.quote_currency] -= (bought * price).quantize(CENT, ROUND_HALF_EVEN)
