"""Our end of the exchange's counter: what the engine wishes becomes a request there, and the outcome a fact.

It stands where a venue's session and the exchange's dialect stand else, and says what the two would make of a request
together: an order is refused for the reason that the venue's code for it means.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import assert_never

from replenisher.backtest.answers import Answers
from replenisher.backtest.connection import Connection
from replenisher.backtest.hearing import Hearing
from replenisher.backtest.subscriptions import Subscriptions
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.deribit.errors import TOO_MANY_REQUESTS, Fault, Refused, fault, refuse_for
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.latency import Delay, Way
from replenisher.exchange.words import OrderRequest, OrderState, Outcome
from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder, Question
from replenisher.model.event import (
    Event,
    OrderCanceled,
    OrderRejected,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.instrument import name_of
from replenisher.model.order import Request
from replenisher.model.units import MS_NS, NEVER_NS, SECOND_NS, US_NS
from replenisher.venues.deribit.own_orders import request_of
from replenisher.venues.deribit.refusals import rejection

CONNECTION = "replay"
LOOK_AGAIN_NS = 5 * SECOND_NS  # after an order was refused because nothing trades: is that so?

Answer = Callable[[int], Iterable[Event]]  # what it says if it is heard then


class Counter:
    """Asks for one account."""

    def __init__(
        self,
        exchange: Exchange,
        account: str,
        hearing: Hearing,
        answers: Answers,
        connection: Connection,
        subscriptions: Subscriptions,
        *,
        definitions_ns: Delay,
        replies: Way,
        held_ns: int,
    ) -> None:
        """The exchange holds back for `held_ns` what it answers to a request about an order."""
        self._exchange = exchange
        self._account = account
        self._hearing = hearing
        self._answers = answers
        self._connection = connection
        self._subscriptions = subscriptions
        self._replies = replies
        self._held_ns = held_ns
        self._held: deque[tuple[int, Answer]] = deque()  # by when the exchange sends it
        self._definitions_ns = definitions_ns
        self._wanted: dict[str, int] = {}  # by name: when a question for its definition is at the exchange
        self.next_at = NEVER_NS  # when the first of all these is, or a subscription wants something
        hearing.doubted = self._want
        hearing.out_of_sight = self._lost
        hearing.in_sight = self._found

    def turn(self, at: int) -> None:
        """What is due; an answer that was held back until now has waited longest."""
        self._release(at)
        for command in self._connection.arrived(at):
            self._ask(command, at)
        if self.next_at <= at:
            self._define(at)
            self._subscriptions.turn(at)
            self._rearm()

    def _ask(self, command: OrderCommand | Question, at: int) -> None:
        """A request is at the exchange."""
        match command:
            case PlaceOrder() | AmendOrder() | CancelOrder():
                method = _method(command)
                if not self._connection.pays(METHODS[method].pool, at):
                    self._end(command, at)
                    return
                if self._held_ns:
                    self._held.append((at + self._held_ns, self._order(command, method, at)))
                    self._rearm()
                else:
                    arrival = self._replies.arrival(at)
                    self._hearing.answered(lambda: self._order(command, method, at)(arrival))
            case _:
                self._hearing.put(self._answers.to(command, at, self._replies.arrival(at)))

    def _end(self, command: OrderCommand, at: int) -> None:
        """One request too many: the exchange refuses it, and ends the connection with all that rests on it."""
        refused = self._refused(command, fault(TOO_MANY_REQUESTS), self._replies.arrival(at))
        self._hearing.put(refused)
        self._connection.end(at)
        self._held.clear()
        ended = "cancel_on_disconnect"
        self._exchange.cancel_all(self._account, connection=CONNECTION, reason=ended, method=ended, at=at)

    def _release(self, at: int) -> None:
        """Send the answers that were held back until now."""
        while self._held and self._held[0][0] <= at:
            _, answer = self._held.popleft()
            self._hearing.put(answer(self._replies.arrival(at)))

    def _define(self, at: int) -> None:
        """Questions for definitions are at the exchange: what it says of whether an instrument trades."""
        due = {name for name, asked_at in self._wanted.items() if asked_at <= at}
        for view in self._exchange.views.instruments():
            if view.instrument.name in due:
                del self._wanted[view.instrument.name]
                self._hearing.tell_state(view.instrument.name, view.state, at)

    def _want(self, name: str, at: int) -> None:
        """Ask for the definition then, if it is not asked for sooner."""
        self._wanted[name] = min(at + self._definitions_ns(), self._wanted.get(name, NEVER_NS))
        self._rearm()

    def _lost(self, name: str, heard_at: int) -> None:
        """A book is out of sight at the exchange."""
        self._subscriptions.lost(name, heard_at)
        self._rearm()

    def _found(self, name: str, at: int) -> None:
        """It is there again."""
        self._subscriptions.found(name, at)
        self._rearm()

    def _rearm(self) -> None:
        held_until = self._held[0][0] if self._held else NEVER_NS
        self.next_at = min(self._subscriptions.next_at, min(self._wanted.values(), default=NEVER_NS), held_until)

    def _order(self, command: OrderCommand, method: str, at: int) -> Answer:
        """The exchange does what it is asked for, and answers."""
        match command:
            case PlaceOrder():
                return partial(self._told, command, self._place(command, method, at))
            case AmendOrder():
                return partial(self._told, command, self._amend(command, method, at))
            case CancelOrder(venue_order_id=""):
                count = self._exchange.cancel_all(self._account, label=command.order_id, method=method, at=at)
                return partial(self._told_by_label, command, count, at // US_NS * US_NS)
            case CancelOrder(venue_order_id=order_id):
                canceled = self._exchange.cancel(self._account, order_id, method=method, at=at)
                return partial(self._told, command, canceled)
            case _:
                assert_never(command)

    def _place(self, command: PlaceOrder, method: str, at: int) -> Outcome:
        instrument = self._hearing.instruments[name_of(command.instrument)]
        return self._exchange.place(
            OrderRequest(
                account=self._account,
                connection=CONNECTION,
                instrument=instrument.name,
                side=command.side,
                amount=instrument.amount(command.quantity),
                price=instrument.price(command.price),
                post_only=True,
                reject_post_only=True,
                label=command.order_id,
                valid_until=command.valid_until // MS_NS * MS_NS,
                method=method,
            ),
            at,
        )

    def _amend(self, command: AmendOrder, method: str, at: int) -> Outcome:
        instrument = self._hearing.instruments[name_of(command.instrument)]
        return self._exchange.amend(
            self._account,
            command.venue_order_id,
            amount=instrument.amount(command.quantity),
            price=instrument.price(command.price),
            post_only=True,
            reject_post_only=True,
            valid_until=command.valid_until // MS_NS * MS_NS,
            method=method,
            at=at,
        )

    def _told_by_label(self, command: CancelOrder, count: int, venue_time: int, arrival: int) -> Iterable[Event]:
        """What the answer to a cancel by label says: how many there were."""
        if count:
            return (OrderCanceled(at=arrival, order_id=command.order_id, venue_time=venue_time, reason="user_request"),)
        return (_nothing_to_cancel(command, arrival),)

    def _told(self, command: OrderCommand, outcome: Outcome, arrival: int) -> Iterable[Event]:
        """What the venue's answer to a command says."""
        if outcome.refusal is not None:
            return self._refused(command, _fault(outcome), arrival)
        assert outcome.order is not None, "what was not refused has an order"
        if not isinstance(command, CancelOrder):
            return self._hearing.own((outcome.order,), outcome.trades, command, arrival)
        if outcome.order.state is not OrderState.CANCELLED:
            return (_nothing_to_cancel(command, arrival),)
        return self._hearing.own((outcome.order,), outcome.trades, None, arrival)

    def _refused(self, command: OrderCommand, fault: Fault, arrival: int) -> Iterable[Event]:
        request, reason, message = request_of(command), rejection(fault.code), f"{fault.code} {fault.message}"
        if reason is None:
            yield OutcomeUnknown(at=arrival, order_id=command.order_id, request=request, message=message)
            return
        if reason is RejectReason.HALTED:
            name = name_of(command.instrument)
            yield from self._hearing.halted(name, message, arrival)
            self._want(name, arrival + LOOK_AGAIN_NS)
        if request is Request.PLACE:
            if reason is RejectReason.NOT_OPEN:
                reason = RejectReason.OTHER  # a new order cannot be "not open"
            yield OrderRejected(at=arrival, order_id=command.order_id, reason=reason, message=message)
        else:
            yield RequestRejected(
                at=arrival, order_id=command.order_id, request=request, reason=reason, message=message
            )


def _method(command: OrderCommand) -> str:
    """What the venue asks for it with."""
    match command:
        case PlaceOrder():
            return f"private/{command.side.value}"
        case AmendOrder():
            return "private/edit"
        case CancelOrder(venue_order_id=""):
            return "private/cancel_by_label"
        case CancelOrder():
            return "private/cancel"
        case _:
            assert_never(command)


def _nothing_to_cancel(command: OrderCommand, arrival: int) -> RequestRejected:
    return RequestRejected(
        at=arrival,
        order_id=command.order_id,
        request=Request.CANCEL,
        reason=RejectReason.NOT_OPEN,
        message="nothing to cancel",
    )


def _fault(outcome: Outcome) -> Fault:
    """The venue's code and word for what was refused."""
    assert outcome.refusal is not None, "it was refused"
    try:
        refuse_for(outcome.refusal, outcome.limit)
    except Refused as refused:
        return refused.fault
