"""The recount: positions and balances, added up anew from our fills and held against the exchange's.

A balance starts with the first one the venue told us, and moves by the fee of each fill, by what the fill realized
unless its instrument pays that at settlement, and by the money that moved without a fill. The exchange wrote down what
each trade realized, and position and balance after it, so the first one about which the books disagree can be named.

A position that was taken over is no fill, and moves nothing here. It stands for trades that the exchange has and our
book has not, which the audit names one by one, or for what no trade explains: that is the difference of a position.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import inf

from replenisher.core.account import Position, booked
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument, Kind
from replenisher.report.difference import Difference, differs, fill_name
from replenisher.report.ledger import ExchangeBalance, ExchangeBook
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
            at=told.at,
            currency=told.currency,
            balance=told.balance,
            trades=held.trades if held else 0,
            moves=held.moves if held else 0,
        )
        openings.setdefault(told.currency, opening)
    yield from _Recount(openings, instruments, theirs).over(fills, cash_moves)


def _held_when(told: BalanceRow, held: Sequence[ExchangeBalance]) -> ExchangeBalance | None:
    """What the exchange held when it told us: that value, if it had it about then, or else what it had just then."""
    first = bisect_right(held, told.at - CLOCKS_APART_NS_MAX, key=_at) - 1
    behind = bisect_right(held, told.at + CLOCKS_APART_NS_MAX, key=_at)
    now = bisect_right(held, told.at, key=_at)
    if not now and not told.balance:  # of a currency that nobody had yet nothing is written
        return ExchangeBalance(at=0, currency=told.currency, balance=told.balance, trades=0, moves=0)
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
        theirs: dict[tuple[str, str, str], int] = {
            (move.currency, move.kind, move.cash_id): number for number, move in enumerate(self._theirs.moves)
        }
        numbers = [theirs.get((move.currency, move.kind, move.venue_id)) for move in cash_moves]
        yield from self._compare_moves(cash_moves, numbers)
        steps: list[tuple[float, float, FillRow | CashRow]] = []
        for fill in fills:
            steps.append((self._index(fill), fill.venue_time, fill))
        for move, number in zip(cash_moves, numbers, strict=True):
            # Before the trade that was the next to happen; what the exchange does not know comes last.
            place = inf if number is None else self._theirs.moves[number].trades - 0.5
            steps.append((place, move.venue_time if number is None else number, move))
        for _, _, step in sorted(steps, key=lambda each: each[:2]):
            if isinstance(step, FillRow):
                yield from self._book(step)
            else:
                yield from self._move(step, theirs.get((step.currency, step.kind, step.venue_id)))
        yield from self._compare_ends()

    def _compare_moves(self, ours: Sequence[CashRow], numbers: Sequence[int | None]) -> Iterator[Difference]:
        """Each move of money in both books, and told alike; those before our opening balance are in it."""
        for move, number in zip(ours, numbers, strict=True):
            row = _cash_name(move.currency, move.kind, move.venue_id)
            if number is None:
                yield differs("cash_foreign", row, move.amount, None)
                continue
            told = self._theirs.moves[number]
            if move.amount != told.amount:
                yield differs("cash_amount", row, move.amount, told.amount)
            if move.realized != told.realized:
                yield differs("cash_realized", row, move.realized, told.realized)
            if move.instrument != told.instrument:
                yield differs("cash_instrument", row, move.instrument, told.instrument)
        for number in sorted(set(range(len(self._theirs.moves))) - set(numbers)):
            told = self._theirs.moves[number]
            opening = self._openings.get(told.currency)
            if opening is not None and number >= opening.moves:
                yield differs("cash_missing", _cash_name(told.currency, told.kind, told.cash_id), None, told.amount)

    def _index(self, fill: FillRow) -> float:
        """The exchange's own order; what it does not know comes last."""
        return self._trades.get((fill.instrument, fill.trade_id, fill.side), inf)

    def _move(self, move: CashRow, number: int | None) -> Iterator[Difference]:
        instrument = self._instruments.get(move.instrument)
        if instrument is not None:
            position = self._positions[move.instrument]
            if move.kind == CashKind.SETTLEMENT:
                position.settle(instrument, move.amount - move.realized)
            elif move.kind == CashKind.DELIVERY:
                position.deliver(move.amount - move.realized)
        opening = self._openings.get(move.currency)
        if opening is None or (move.at <= opening.at if number is None else number < opening.moves):
            return
        self._cash[move.currency] += move.amount
        if number is not None:
            told = self._theirs.moves[number]
            row = _cash_name(move.currency, move.kind, move.venue_id)
            yield from self._compare_after(row, "balance", move.currency, self._cash[move.currency], told.balance)

    def _book(self, fill: FillRow) -> Iterator[Difference]:
        instrument = self._instruments.get(fill.instrument)
        if instrument is None:
            yield differs("instrument_missing", f"instruments: {fill.instrument}", None, fill.instrument)
            return
        position = self._positions[fill.instrument]
        index = self._index(fill)
        realized = position.fill(instrument, fill.side, fill.amount, fill.price)
        if instrument.kind is Kind.SPOT:
            worth = booked(instrument.value(fill.amount, fill.price))
            self._earn(instrument.base_currency, index, fill.side.sign * fill.amount)
            self._earn(instrument.settlement_currency, index, -fill.side.sign * worth)
        elif not instrument.pays_at_settlement:
            self._earn(instrument.settlement_currency, index, realized)
        self._earn(fill.fee_currency, index, -fill.fee)
        if index < len(self._theirs.trades):
            trade = self._theirs.trades[int(index)]
            row = fill_name(trade)
            if instrument.kind is not Kind.SPOT:  # of which no exchange keeps a position
                yield from self._compare_after(row, "position", trade.instrument, position.size, trade.position)
                yield from self._compare_after(row, "profit", trade.instrument, realized, trade.realized)
            cash = self._cash.get(trade.fee_currency)
            if cash is not None and index >= self._openings[trade.fee_currency].trades:
                yield from self._compare_after(row, "balance", trade.fee_currency, cash, trade.balance)

    def _earn(self, currency: str, index: float, amount: Decimal) -> None:
        """Cash comes or goes, unless the opening balance has it already."""
        if currency in self._cash and index >= self._openings[currency].trades:
            self._cash[currency] += amount

    def _compare_after(self, row: str, kind: str, what: str, ours: Decimal, theirs: Decimal) -> Iterator[Difference]:
        if ours != theirs and what not in self._told:
            self._told.add(what)
            yield differs(f"{kind}_after", f"{row}, {kind} of {what}", ours, theirs)

    def _compare_ends(self) -> Iterator[Difference]:
        sizes = {name: position.size for name, position in self._positions.items() if not self._is_spot(name)}
        for name in sorted({*sizes, *(name for name in self._theirs.positions if not self._is_spot(name))}):
            ours, theirs = sizes.get(name, Decimal(0)), self._theirs.positions.get(name, Decimal(0))
            if ours != theirs:
                yield differs("position", f"positions: {name}", ours, theirs)
        last = {each.currency: each.balance for each in self._theirs.balances}
        traded = {each.fee_currency for each in self._theirs.trades}
        for currency in sorted({*self._cash, *traded}):
            if self._cash.get(currency) != last.get(currency):
                yield differs("balance", f"balances: {currency}", self._cash.get(currency), last.get(currency))

    def _is_spot(self, name: str) -> bool:
        instrument = self._instruments.get(name)
        return instrument is not None and instrument.kind is Kind.SPOT


def _cash_name(currency: str, kind: str, cash_id: str) -> str:
    """How a row of either book names one move of money."""
    return f"cash_moves: {currency} {kind} {cash_id}"
