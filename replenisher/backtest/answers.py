"""What the exchange answers to the engine's questions about our account, as facts."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from replenisher.backtest.hearing import Hearing
from replenisher.exchange.dialects.deribit.settings import DeribitSettings, Grant
from replenisher.exchange.views import Views
from replenisher.exchange.words import CashChange, OrderState, OrderView
from replenisher.model.command import (
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    Question,
)
from replenisher.model.event import (
    BalanceReported,
    CashKind,
    CashMoved,
    CashReported,
    Event,
    OpenOrdersReported,
    OrderNotFound,
    OrderReport,
    OrderReported,
    PositionReported,
    RateGranted,
    TradesReported,
)
from replenisher.model.instrument import Instrument, Kind, instrument_key, name_of
from replenisher.model.order import Status
from replenisher.model.units import MS_NS, US_NS

STATUS = {
    OrderState.OPEN: Status.WORKING,
    OrderState.FILLED: Status.FILLED,
    OrderState.CANCELLED: Status.CANCELED,
    OrderState.REJECTED: Status.REJECTED,
}
KINDS = {"settlement": CashKind.SETTLEMENT, "delivery": CashKind.DELIVERY, "deposit": CashKind.TRANSFER}


class Answers:
    """Looks up what is asked. An answer is as of the moment at which the question is at the exchange."""

    def __init__(self, views: Views, venue: str, account: str, hearing: Hearing, limits: DeribitSettings) -> None:
        self._views = views
        self._venue = venue
        self._account = account
        self._hearing = hearing
        self._limits = limits
        self._granted: Grant | None = None  # what we may ask for, as told last
        self._cash_told: dict[str, int] = {}  # by currency: the last row that was told

    def to(self, question: Question, at: int, arrival: int) -> Iterable[Event]:
        """The answer, told at its arrival."""
        venue_time = at // US_NS * US_NS
        match question:
            case AskOpenOrders(scope=scope, asked_at=asked_at):
                resting = self._views.open_orders(self._account)
                listed = self._named(scope)
                orders = tuple(_report(each, listed[each.instrument]) for each in resting if each.instrument in listed)
                yield OpenOrdersReported(at=arrival, scope=scope, asked_at=asked_at, orders=orders)
            case AskOrder(order_id=order_id, instrument=key):
                instrument = self._hearing.instruments[name_of(key)]
                for order in self._views.orders_by_label(self._account, order_id):
                    if order.instrument == instrument.name:
                        yield OrderReported(at=arrival, order=_report(order, instrument), venue_time=venue_time)
                        return
                yield OrderNotFound(at=arrival, order_id=order_id, venue_time=venue_time)
            case AskTrades(scope=scope):
                since = question.since // MS_NS * MS_NS
                listed = self._named(scope)
                trades = [each for each in self._views.trades(self._account, since=since) if each.instrument in listed]
                fills = tuple(self._hearing.fill(trade, arrival) for trade in trades)
                yield TradesReported(at=arrival, scope=scope, fills=fills, has_more=False)
            case AskPosition(scope=scope):
                yield from self._positions(scope, arrival)
            case AskCash(currency=currency):
                yield from self._cash(currency, question.since, arrival)
                yield CashReported(at=arrival, venue=self._venue, currency=currency, venue_time=venue_time)
            case AskBalance(currency=currency):
                account = self._views.account(self._account, currency)
                yield BalanceReported(
                    at=arrival,
                    venue=self._venue,
                    currency=currency,
                    balance=account.balance,
                    unsettled=account.realized,
                    venue_time=venue_time,
                )
                if (granted := self._limits.granted(at)) != self._granted:
                    self._granted = granted
                    yield RateGranted(at=arrival, venue=self._venue, per_s=granted.per_s, burst=granted.burst)
            case _:
                assert_never(question)

    def _named(self, scope: str) -> dict[str, Instrument]:
        """The instruments of a scope, which is one of them or the whole venue."""
        instruments = self._hearing.traded
        return instruments if scope == self._venue else {name_of(scope): instruments[name_of(scope)]}

    def _positions(self, scope: str, arrival: int) -> Iterator[Event]:
        for name, instrument in self._named(scope).items():
            if instrument.kind is not Kind.SPOT:
                held = self._views.position(self._account, name)
                yield PositionReported(
                    at=arrival, instrument=instrument.key, amount=held.size, average_price=held.average_price
                )

    def _cash(self, currency: str, since: int, arrival: int) -> Iterator[Event]:
        """What moved cash and was not told yet, oldest first."""
        last = self._cash_told.get(currency, 0)
        news: list[CashChange] = []
        for change in self._views.cash_changes(self._account, currency):
            if change.number <= last or change.at < since // MS_NS * MS_NS:
                break
            news.append(change)
        for change in reversed(news):
            self._cash_told[currency] = change.number
            yield from self._moves(change, arrival)

    def _moves(self, change: CashChange, arrival: int) -> Iterator[CashMoved]:
        """One row of the account's book: none for a fill, two if a settlement has funding in it."""
        if change.trade is not None:
            return
        move = change.move
        funding = move.funding if move is not None else change.change * 0
        realized = move.realized - funding if move is not None else funding
        kind = KINDS[change.kind]
        for part, amount, was_realized in (
            (CashKind.FUNDING, funding, funding * 0),
            (kind, change.change - funding, realized),
        ):
            if amount or was_realized or part is CashKind.DELIVERY:
                yield CashMoved(
                    at=arrival,
                    venue=self._venue,
                    kind=part,
                    currency=change.currency,
                    amount=amount,
                    realized=was_realized,
                    venue_time=change.at // MS_NS * MS_NS,
                    venue_id=str(change.number),
                    instrument="" if move is None else instrument_key(self._venue, move.instrument),
                )


def _report(order: OrderView, instrument: Instrument) -> OrderReport:
    return OrderReport(
        order_id=order.label,
        venue_order_id=order.order_id,
        instrument=instrument.key,
        side=order.side,
        price=0 if order.price is None else int(order.price / instrument.tick),
        quantity=instrument.lots(order.amount),
        filled=order.filled_amount,
        status=STATUS[order.state],
        venue_time=order.updated_at // MS_NS * MS_NS,
        reason=order.cancel_reason,
    )
