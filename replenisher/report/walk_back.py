"""The walk back: from the positions and the cash that are there now, over all that moved them, to what was there then.

The exchange tells over the wire what there is. What there was after each trade and each move of cash follows backwards,
by the amount of every trade and what was delivered since; of money likewise, by fees and the cash book's rows that are
no trade.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from replenisher.model.units import MS_NS
from replenisher.report.answers import ZERO, CashRow, Instrument, Trade
from replenisher.report.ledger import ExchangeBalance, ExchangeCash, ExchangeTrade, MoveKind, Part, parts

SMALLEST = Decimal("1e-8")
AFTER_ALL_ROWS = 10**18  # a number that no row of the cash book reaches
MOVES: dict[str, MoveKind] = {
    "settlement": "settlement",
    "delivery": "delivery",
    "deposit": "transfer",
}


def _when(trade: Trade) -> tuple[int, int]:
    """The order in which trades happened: many share one tick of the clock, and the venue counts them."""
    digits = "".join(each for each in trade.trade_id if each.isdecimal())
    return trade.timestamp, int(digits or 0)


class Move(msgspec.Struct, frozen=True):
    """A part of a row that is no trade."""

    row: CashRow
    part: Part


def _moves(row: CashRow) -> list[Move]:
    if row.type not in MOVES:
        return []
    funding = (row.interest_pl if row.total_interest_pl is None else row.total_interest_pl) or ZERO
    realized = row.session_rpl or funding
    return [Move(row, part) for part in parts(MOVES[row.type], row.change, realized, funding)]


def in_order(trades: Sequence[Trade], rows: Sequence[CashRow]) -> list[Trade | Move]:
    """Trades and what moved money without one, as the cash book has them one after the other."""
    numbers: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.trade_id is not None and row.order_id is not None:
            key = row.trade_id, row.order_id
            numbers[key] = min(row.id, numbers.get(key, row.id))  # of spot, each currency has a row
    steps: list[tuple[int, Trade | Move]] = [(row.id, move) for row in rows for move in _moves(row)]
    for trade in sorted(trades, key=_when):
        # One that happened since the book was read comes last.
        steps.append((numbers.get((trade.trade_id, trade.order_id), AFTER_ALL_ROWS), trade))
    return [step for _, step in sorted(steps, key=lambda each: each[0])]


class WalkBack:
    """Positions and cash as they are now, and on the way back over what moved them, as they were."""

    def __init__(self, *, positions: dict[str, Decimal], cash: dict[str, Decimal], spot: dict[str, Instrument]) -> None:
        self.trades: list[ExchangeTrade] = []
        self.moves: list[ExchangeCash] = []
        self.balances: list[ExchangeBalance] = []
        self._positions = defaultdict(Decimal, positions)
        self._cash = defaultdict(Decimal, cash)
        self._spot = spot

    def over(self, steps: Sequence[Trade | Move]) -> None:
        """Find out what each step left behind; the last one left what there is now."""
        trades = sum(isinstance(step, Trade) for step in steps)
        moves = len(steps) - trades
        for step in reversed(steps):
            if isinstance(step, Trade):
                self._hold(step.timestamp, self._undo(step), trades, moves)
                trades -= 1
            else:
                held = {step.row.currency: self._cash[step.row.currency]}
                self._hold(step.row.timestamp, held, trades, moves)
                moves -= 1
                self._undo_move(step, trades)
        for told in (self.trades, self.moves, self.balances):
            told.reverse()

    def _hold(self, timestamp: int, held: dict[str, Decimal], trades: int, moves: int) -> None:
        """What there was after a step; of several currencies, in the order in which the file has them."""
        for currency, balance in reversed(held.items()):
            self.balances.append(
                ExchangeBalance(at=timestamp * MS_NS, currency=currency, balance=balance, trades=trades, moves=moves)
            )

    def _undo_move(self, move: Move, trades: int) -> None:
        row, (kind, amount, realized) = move.row, move.part
        instrument = row.instrument_name or ""
        self.moves.append(
            ExchangeCash(
                cash_id=str(row.id),
                kind=kind,
                instrument=instrument,
                currency=row.currency,
                amount=amount,
                realized=realized,
                balance=self._cash[row.currency],
                position=self._positions[instrument] if instrument else ZERO,
                at=row.timestamp * MS_NS,
                trades=trades,
            )
        )
        self._cash[row.currency] -= amount
        if kind == "delivery":
            self._positions[instrument] = -row.amount if row.side == "short" else row.amount

    def _undo(self, trade: Trade) -> dict[str, Decimal]:
        """Go back before a trade; what there was after it of each currency that it moved."""
        self.trades.append(
            ExchangeTrade(
                trade_id=trade.trade_id,
                instrument=trade.instrument_name,
                order_id=trade.order_id,
                label=trade.label,
                side=trade.direction,
                price=trade.price,
                amount=trade.amount,
                fee=trade.fee,
                fee_currency=trade.fee_currency,
                liquidity=trade.liquidity,
                realized=trade.profit_loss,
                balance=self._cash[trade.fee_currency],
                position=self._positions[trade.instrument_name],
                at=trade.timestamp * MS_NS,
            )
        )
        changes = self._changes(trade)
        held = {currency: self._cash[currency] for currency in changes}
        for currency, change in changes.items():
            self._cash[currency] -= change
        if trade.instrument_name not in self._spot:
            self._positions[trade.instrument_name] -= trade.amount * trade.direction.sign
        return held

    def _changes(self, trade: Trade) -> dict[str, Decimal]:
        """How a trade moved cash, the currency of its fee first. What a contract realizes waits for a settlement."""
        changes = {trade.fee_currency: -trade.fee}
        spot = self._spot.get(trade.instrument_name)
        if spot is None:
            return changes
        worth = (trade.amount * trade.price).quantize(SMALLEST, ROUND_HALF_EVEN)
        for currency, change in ((spot.base_currency, trade.amount), (spot.quote_currency, -worth)):
            changes[currency] = changes.get(currency, ZERO) + trade.direction.sign * change
        return changes
