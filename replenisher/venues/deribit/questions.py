"""The engine's questions to Deribit, and their answers: our orders and trades, our position, our cash.

An answer may take several requests: cash comes in pages (`cash_log`), and an order that is not among the recent ones
is sought in the archive. The engine is told once, when the answer has come to its end. Trades are told page by page.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import assert_never

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
    Event,
    OpenOrdersReported,
    OrderFilled,
    OrderNotFound,
    OrderReported,
    PositionReported,
    QuestionFailed,
    RateGranted,
    TradesReported,
)
from replenisher.model.instrument import Kind
from replenisher.model.units import MINUTE_NS
from replenisher.venues.deribit import archive, codec, private, requests, sweep
from replenisher.venues.deribit.cash_log import CashLog
from replenisher.venues.deribit.link import Clock, Link
from replenisher.venues.deribit.listed import Listed
from replenisher.venues.deribit.own_trades import OwnTrades
from replenisher.venues.deribit.watch import OwnChanges
from replenisher.venues.deribit.words import Page, Search, Sweep
from replenisher.venues.limiter import Bucket

ORDER_NOT_FOUND = 10004


class Questions:
    """Asks over one connection, and tells what it learns."""

    def __init__(
        self,
        venue: str,
        fill_of: Callable[[private.WireTrade, int], OrderFilled],
        listed: Listed,
        clock: Clock,
        link: Link,
        own_changes: OwnChanges,
        cash_credits: Bucket,
        granted: Callable[[float, float, int], None],
        facts: list[Event],
    ) -> None:
        self._venue = venue
        self._fill_of = fill_of
        self._listed = listed
        self._clock = clock
        self._link = link
        self._own_changes = own_changes
        self._granted = granted  # is told how often we may ask a second, and at once
        self._facts = facts
        self._pool: private.Pool | None = None  # what we may ask for, as told last
        self._own_trades = OwnTrades()
        self._cash_log = CashLog(venue, clock, link, cash_credits, facts)

    def ask(self, question: Question, at: int) -> None:
        """Ask the venue, or say that an instrument is none that it has."""
        listed = self._listed
        scope = question.instrument if isinstance(question, AskOrder) else question.subject
        if not isinstance(question, AskBalance | AskCash) and not listed.is_known(scope):
            self.failed(question, "the venue has not told its terms", at)
            return
        what: Question | Page = question
        params: dict[str, requests.Param]
        match question:
            case AskOpenOrders() if listed.is_all(scope):
                method, params = "private/get_open_orders", {}
            case AskOpenOrders():
                method, params = "private/get_open_orders_by_instrument", {"instrument_name": listed[scope].name}
            case AskOrder(order_id=order_id):
                method = "private/get_order_state_by_label"
                params = {"currency": listed[scope].settlement_currency, "label": order_id}
            case AskTrades():
                until_ms = self._clock.venue_ms(at + MINUTE_NS)  # whatever the clocks differ by
                method, params, what = self._own_trades.ask(question, listed.groups(scope), until_ms, at)
            case AskPosition() if listed.is_all(scope):
                method, params = "private/get_positions", {"currency": "any"}
            case AskPosition():
                method, params = "private/get_position", {"instrument_name": listed[scope].name}
            case AskCash():
                self._cash_log.ask(question, at)
                return
            case AskBalance(currency=currency):
                method = "private/get_account_summary"
                params = {"currency": currency}
            case _:
                assert_never(question)
        self._link.ask(method, params, what, at, deadline=question.deadline)

    def ask_for_orders(self, questions: Sequence[AskOrder], at: int) -> None:
        """Ask for several orders: for many of them at once."""
        if len(questions) < sweep.MANY or not all(self._listed.is_known(each.instrument) for each in questions):
            for question in questions:
                self.ask(question, at)
            return
        for each in sweep.sweeps(questions, self._listed):
            self._sweep(each, at)

    def _sweep(self, what: Sweep, at: int) -> None:
        method, params = sweep.request(what)
        self._link.ask(method, params, what, at, deadline=min(each.deadline for each in what.questions))

    def _search(self, question: AskOrder, at: int, continuation: str | None = None) -> None:
        method = "private/get_order_history_by_instrument"
        params = archive.search(self._listed[question.instrument], continuation)
        self._link.ask(method, params, Search(question), at, deadline=question.deadline)

    def wake(self, at: int) -> None:
        """Ask for what had to wait."""
        self._cash_log.line.wake(at)

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        return self._cash_log.line.next_wake

    def answered(self, what: Question | Search | Sweep | Page, reply: codec.Frame, at: int) -> None:
        """Tell the answer, or why there is none."""
        try:
            if isinstance(what, Sweep):
                self._swept(what, reply, at)
                return
            told = self._report(what, reply, at)
        except codec.UNREADABLE as error:
            told = f"unreadable answer: {error}"
        if isinstance(told, str):
            if isinstance(what, AskCash):
                self._cash_log.refused(what)
            self.failed(what, told, at)
        elif isinstance(told, tuple):
            self._facts += told
        elif told is not None:
            self._facts.append(told)

    def failed(self, what: Question | Search | Sweep | Page, message: str, at: int) -> None:
        """Tell that there is no answer."""
        if isinstance(what, Sweep):
            for each in what.questions:
                self.failed(each, message, at)
            return
        if isinstance(what, AskCash):
            self._cash_log.unanswered(what)
        question = what.question if isinstance(what, Search | Page) else what
        name, subject = type(question).__name__, question.subject
        self._facts.append(QuestionFailed(at=at, venue=self._venue, question=name, subject=subject, message=message))

    def forget(self) -> None:
        """The session is over."""
        self._own_trades.forget()
        self._cash_log.forget()

    def _report(
        self, what: Question | Search | Page, reply: codec.Frame, at: int
    ) -> Event | tuple[Event, ...] | str | None:
        """The answer as facts, or why there is none; None if the answer has not come to its end."""
        if reply.error:
            if isinstance(what, AskOrder) and reply.error.code == ORDER_NOT_FOUND:
                return self._not_recent(what, reply, at)
            return str(reply.error)
        match what:
            case AskOpenOrders(scope=scope, asked_at=asked_at):
                listed, orders = self._listed.by_name(scope), private.decode_orders(reply.result)
                reports = tuple(
                    private.report_of(order, listed[order.instrument_name])
                    for order in orders
                    if order.instrument_name in listed
                )
                return OpenOrdersReported(at=at, scope=scope, asked_at=asked_at, orders=reports)
            case AskOrder():
                orders = private.decode_orders(reply.result)
                return self._order_report(what, orders, reply, at) or self._not_recent(what, reply, at)
            case Search(question=question):
                page = private.decode_orders_page(reply.result)
                return self._order_report(question, page.orders, reply, at) or self._not_on(page, question, reply, at)
            case Page(question=AskTrades(scope=scope)):
                listed = self._listed.by_name(scope)
                trades, has_more = self._own_trades.answered(what, private.decode_trades_page(reply.result))
                told = [trade for trade in trades if trade.instrument_name in listed]
                for trade in told:
                    self._own_changes.prove(trade.instrument_name, trade.timestamp, at)
                fills = tuple(self._fill_of(trade, at) for trade in told)
                return TradesReported(at=at, scope=scope, fills=fills, has_more=has_more)
            case AskPosition(scope=scope):
                return self._positions(scope, reply, at)
            case AskCash():
                return self._cash_log.answered(what, reply, at)
            case AskBalance(currency=currency):
                summary = private.decode_summary(reply.result)
                balance = BalanceReported(
                    at=at,
                    venue=self._venue,
                    currency=currency,
                    balance=summary.balance,
                    unsettled=summary.session_rpl,
                    venue_time=reply.venue_time,
                )
                return (balance, *self._rate_granted(summary.granted, at))
            case AskTrades():
                raise AssertionError("trades are asked for page by page")
            case _:
                assert_never(what)

    def _rate_granted(self, pool: private.Pool | None, at: int) -> Iterator[RateGranted]:
        """How often we may ask, where that is news."""
        if pool is not None and pool != self._pool:
            self._pool = pool
            self._granted(pool.rate, pool.burst, at)
            yield RateGranted(at=at, venue=self._venue, per_s=pool.rate, burst=pool.burst)

    def _positions(self, scope: str, reply: codec.Frame, at: int) -> tuple[Event, ...]:
        """One fact for each instrument. Of those that are flat the answer about all does not speak."""
        if self._listed.is_all(scope):
            told = {each.instrument_name: each for each in private.decode_positions(reply.result)}
        else:
            told = {self._listed[scope].name: private.decode_position(reply.result)}
        return tuple(
            PositionReported(
                at=at,
                instrument=each.key,
                amount=told[name].amount if name in told else Decimal(0),
                average_price=(told[name].average_price if name in told else None) or Decimal(0),
            )
            for name, each in self._listed.by_name(scope).items()
            if each.kind is not Kind.SPOT
        )

    def _order_report(
        self, question: AskOrder, orders: Sequence[private.WireOrder], reply: codec.Frame, at: int
    ) -> OrderReported | None:
        # Labels are not unique at the venue; ours are, so a second one would be a stranger's on another instrument.
        instrument = self._listed[question.instrument]
        found = [
            order for order in orders if order.label == question.order_id and order.instrument_name == instrument.name
        ]
        if not found:
            return None
        latest = max(found, key=lambda order: order.last_update_timestamp)
        self._own_changes.prove(latest.instrument_name, latest.last_update_timestamp, at)
        return OrderReported(at=at, order=private.report_of(latest, instrument), venue_time=reply.venue_time)

    def _swept(self, what: Sweep, reply: codec.Frame, at: int) -> None:
        """Tell of those that were found, and ask on for the others."""
        found = {} if reply.error else sweep.by_label(private.decode_orders(reply.result))
        left: list[AskOrder] = []
        for question in what.questions:
            order = found.get((self._listed[question.instrument].name, question.order_id))
            told = None if order is None else self._order_report(question, (order,), reply, at)
            if told is None:
                left.append(question)
            else:
                self._facts.append(told)
        if what.among == "open" and len(left) >= sweep.MANY:
            self._sweep(Sweep(tuple(left), what.currency, "ended"), at)
        else:
            for question in left:
                self.ask(question, at)

    def _not_recent(self, question: AskOrder, reply: codec.Frame, at: int) -> Event | str | None:
        if archive.may_have(question, at):
            self._search(question, at)
            return None
        return _not_found(question, reply, at)

    def _not_on(self, page: private.OrdersPage, question: AskOrder, reply: codec.Frame, at: int) -> Event | str | None:
        continuation = archive.next_page(question, page)
        if continuation is not None:
            self._search(question, at, continuation)
            return None
        return _not_found(question, reply, at)


def _not_found(question: AskOrder, reply: codec.Frame, at: int) -> Event | str:
    """That there is no such order is only evidence as of some moment."""
    if reply.us_in is None:
        return "no such order, but the answer does not say as of when"
    return OrderNotFound(at=at, order_id=question.order_id, venue_time=reply.venue_time)
