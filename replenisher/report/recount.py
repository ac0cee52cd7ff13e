"""The recount: positions and balances, added up anew from our fills and held against the exchange's.

A balance starts with the first one the venue told us, and moves by what each fill realized, its fee, and the money
that moved without a fill. The exchange wrote down position and balance after each trade, so the first trade after
which the books disagree can be named.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import inf

from replenisher.core.account import Position
from replenisher.model.instrument import Instrument
from replenisher.report.difference import Difference, differs, fill_name
from replenisher.report.ledger import ExchangeBalance, ExchangeBook, ExchangeTrade
from replenisher.store.queries import BalanceRow, CashRow, FillRow

CLOCKS_APART_NS_MAX = 60_000_000_000  # between the exchange's clock and ours, the way of an answer included


def recount(
    *,
    fills: Sequence[FillRow],
    balances: Sequence[BalanceRow],
    cash_moves: Sequence[CashRow],
    instruments: Mapping[str, Instrument],
    theirs: ExchangeBook,
) -> Iterator[Difference]:
    """Every position and balance that does not come out as the exchange has it."""
    openings: dict[str, ExchangeBalance] = {}
    held_in: dict[str, list[ExchangeBalance]] = defaultdict(list)
    for each in theirs.balances:
        held_in[each.currency].append(each)
    for told in balances:
        held = _held_when(told, held_in[told.currency])
        if held is None or held.balance != told.balance:
            row = f"balances: {told.currency} told at {told.at}"
            yield differs("balance_told", row, told.balance, held.balance if held else None)
        opening = ExchangeBalance(
            at=told.at, currency=told.currency, balance=told.balance, trades=held.trades if held else 0
        )
        openings.setdefault(told.currency, opening)
    yield from _Recount(openings, instruments, theirs).over(fills, cash_moves)


def _held_when(told: BalanceRow, held: Sequence[ExchangeBalance]) -> ExchangeBalance | None:
    """What the exchange held when it told us: that value, if it had it about then, or else what it had just then."""
    first = bisect_right(held, told.at - CLOCKS_APART_NS_MAX, key=_at) - 1
    behind = bisect_right(held, told.at + CLOCKS_APART_NS_MAX, key=_at)
    now = bisect_right(held, told.at, key=_at)
    about = [*reversed(held[max(first, 0) : now]), *held[now:behind]]  # the latest before, first
    return next((each for each in about if each.balance == told.balance), about[0] if about else None)


def _at(each: ExchangeBalance) -> int:
    return each.at


class _Recount:
    """Positions and cash as they come out fill by fill, next to what the exchange wrote down after each."""

    def __init__(
        self, openings: Mapping[str, ExchangeBalance], instruments: Mapping[str, Instrument], theirs: ExchangeBook
    ) -> None:
        self._openings = openings
        self._instruments = instruments
        self._theirs = theirs
        self._trades = {(each.instrument, each.trade_id, each.side): i for i, each in enumerate(theirs.trades)}
        self._positions: dict[str, Position] = defaultdict(Position)
        self._cash = {currency: opening.balance for currency, opening in openings.items()}
        self._told: set[str] = set()  # what already differs: all that follows from it is not told again

    def over(self, fills: Sequence[FillRow], cash_moves: Sequence[CashRow]) -> Iterator[Difference]:
        """Book everything in the order in which it happened, and name what differs first and at the end."""
        moves = deque(cash_moves)
        for fill in sorted(fills, key=self._order):
            while moves and moves[0].venue_time <= fill.venue_time:
                self._move(moves.popleft())
            yield from self._book(fill)
        for move in moves:
            self._move(move)
        yield from self._compare_ends()

    def _order(self, fill: FillRow) -> tuple[float, int]:
        """The exchange's own order; what it does not know comes last."""
        return self._index(fill), fill.venue_time

    def _index(self, fill: FillRow) -> float:
        return self._trades.get((fill.instrument, fill.trade_id, fill.side), inf)

    def _move(self, move: CashRow) -> None:
        opening = self._openings.get(move.currency)
        if opening and move.at > opening.at:
            self._cash[move.currency] += move.amount

    def _book(self, fill: FillRow) -> Iterator[Difference]:
        instrument = self._instruments.get(fill.instrument)
        if instrument is None:
            yield differs("instrument_missing", f"instruments: {fill.instrument}", None, fill.instrument)
            return
        position = self._positions[fill.instrument]
        index = self._index(fill)
        self._earn(instrument.settlement_currency, index, position.fill(instrument, fill.side, fill.amount, fill.price))
        self._earn(fill.fee_currency, index, -fill.fee)
        if index < len(self._theirs.trades):
            trade = self._theirs.trades[int(index)]
            yield from self._compare_after(trade, "position", trade.instrument, position.size, trade.position)
            cash = self._cash.get(trade.fee_currency)
            if cash is not None and index >= self._openings[trade.fee_currency].trades:
                yield from self._compare_after(trade, "balance", trade.fee_currency, cash, trade.balance)

    def _earn(self, currency: str, index: float, amount: Decimal) -> None:
        """Cash comes or goes, unless the opening balance has it already."""
        if currency in self._cash and index >= self._openings[currency].trades:
            self._cash[currency] += amount

    def _compare_after(
        self, trade: ExchangeTrade, kind: str, what: str, ours: Decimal, theirs: Decimal
    ) -> Iterator[Difference]:
        if ours != theirs and what not in self._told:
            self._told.add(what)
            yield differs(f"{kind}_after", f"{fill_name(trade)}, {kind} of {what}", ours, theirs)

    def _compare_ends(self) -> Iterator[Difference]:
        sizes = {name: position.size for name, position in self._positions.items()}
        for name in sorted({*sizes, *self._theirs.positions}):
            ours, theirs = sizes.get(name, Decimal(0)), self._theirs.positions.get(name, Decimal(0))
            if ours != theirs:
                yield differs("position", f"positions: {name}", ours, theirs)
        last = {each.currency: each.balance for each in self._theirs.balances}
        traded = {each.fee_currency for each in self._theirs.trades}
        for currency in sorted({*self._cash, *traded}):
            if self._cash.get(currency) != last.get(currency):
                yield differs("balance", f"balances: {currency}", self._cash.get(currency), last.get(currency))
