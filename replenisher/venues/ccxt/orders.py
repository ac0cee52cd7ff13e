"""Order entry through ccxt: what we wish as calls of its methods, and what comes back as facts.

A reply tells that a request was granted, and often nothing else: exchanges answer a place with a bare id. What it
leaves out is as we asked for it. A cancel that was taken is not yet an order that is gone; only a reply that shows it
canceled ends it, otherwise the engine asks what became of it.

Some exchanges do not refuse a post-only order that would take: they accept it and take it off at once. So an order that
ends unfilled right after its place, though nobody asked for that, was refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, assert_never

import msgspec

from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from replenisher.model.event import (
    Event,
    NotSent,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.order import Request, Side, Status
from replenisher.model.units import SECOND_NS
from replenisher.venues.ccxt import errors
from replenisher.venues.ccxt.calls import Call, Calls, Failure
from replenisher.venues.ccxt.holdings import UNREADABLE, changed_at, lots_of, status_of, ticks_of
from replenisher.venues.ccxt.link import Asked, Batch, Clock, Exchange, Listed, Search
from replenisher.venues.ccxt.names import Names

TAKEN_OFF_NS = 2 * SECOND_NS  # so soon after its place an order that ends by itself was refused
PLACED_MAX = 10_000  # places that are remembered

Reply = Mapping[str, Any]
REQUESTS: dict[type[OrderCommand], Request] = {
    PlaceOrder: Request.PLACE,
    AmendOrder: Request.AMEND,
    CancelOrder: Request.CANCEL,
}


class Placed(msgspec.Struct):
    """A place of this life."""

    side: Side
    at: int
    is_canceling: bool = False  # we have asked for its end


class OrderEntry:
    """Sends orders, and reads what is answered."""

    def __init__(
        self,
        exchange: Exchange,
        listed: Mapping[str, Listed],
        names: Names,
        calls: Calls[Asked],
        clock: Clock,
        tell: Callable[[Event], None],
    ) -> None:
        self._exchange = exchange
        self._listed = listed  # by instrument key
        self._names = names
        self._calls = calls
        self._clock = clock
        self._tell = tell
        self._placed: dict[str, Placed] = {}  # by name, the oldest first

    # --- What is sent ---------------------------------------------------------------------------------------------

    def send(self, commands: Iterable[OrderCommand], at: int) -> None:
        """Ask for each, in this order; neighbours of one kind on one instrument in one request, where there is one."""
        commands = list(commands)
        for command in commands:
            self._note(command, at)
        for (kind, key), group in groupby(commands, lambda command: (type(command), command.instrument)):
            together = list(group)
            size = self._batch_size(kind)
            if size < 2 or (kind is CancelOrder and not all(self._id(command) for command in together)):
                size = 1
            for first in range(0, len(together), size):
                self._send(together[first : first + size], key, at)

    def _note(self, command: OrderCommand, at: int) -> None:
        match command:
            case PlaceOrder():
                self._placed[command.order_id] = Placed(command.side, at)
                if len(self._placed) > PLACED_MAX:
                    del self._placed[next(iter(self._placed))]
            case CancelOrder():
                if (placed := self._placed.get(command.order_id)) is not None:
                    placed.is_canceling = True
            case AmendOrder():
                pass
            case _:
                assert_never(command)

    def placing_on(self, instrument: str) -> bool:
        """Whether an order is being placed there whose id we cannot know yet."""
        return any(place.instrument == instrument for place in self._places_under_way())

    def is_placing(self, order_id: str) -> bool:
        """Whether the request that places this order is still under way."""
        return any(place.order_id == order_id for place in self._places_under_way())

    def _places_under_way(self) -> list[PlaceOrder]:
        asked = self._calls.under_way()
        single = [what for what in asked if isinstance(what, PlaceOrder)]
        return single + [each for what in asked if isinstance(what, Batch) for each in _places(what)]

    def _batch_size(self, kind: type[OrderCommand]) -> int:
        if kind is PlaceOrder and self._exchange.can("createOrders"):
            return self._exchange.batch_max
        if kind is CancelOrder and self._exchange.can("cancelOrders"):
            return self._exchange.batch_max
        return 1

    def _id(self, command: OrderCommand) -> str:
        known = "" if isinstance(command, PlaceOrder) else command.venue_order_id
        return known or self._names.id_of(command.order_id)

    def _send(self, commands: Sequence[OrderCommand], key: str, at: int) -> None:
        symbol = self._listed[key].symbol
        if len(commands) == 1:
            self._send_one(commands[0], symbol, at)
            return
        batch = Batch(tuple(commands))
        deadline = min(command.deadline for command in commands)
        if places := _places(batch):
            orders = [
                dict(zip(("symbol", "type", "side", "amount", "price", "params"), self._terms(place), strict=True))
                for place in places
            ]
            self._calls.ask(batch, at, "create_orders", orders, deadline=deadline)
        else:
            self._calls.ask(batch, at, "cancel_orders", [self._id(each) for each in commands], symbol)

    def _send_one(self, command: OrderCommand, symbol: str, at: int) -> None:
        match command:
            case PlaceOrder():
                self._calls.ask(command, at, "create_order", *self._terms(command), deadline=command.deadline)
            case AmendOrder():
                self._amend(command, symbol, at)
            case CancelOrder() if venue_order_id := self._id(command):
                # A cancel only takes risk away: it may leave late.
                self._calls.ask(command, at, "cancel_order", venue_order_id, symbol)
            case CancelOrder():
                self._calls.ask(Search(command, "open"), at, "fetch_open_orders", symbol)
            case _:
                assert_never(command)

    def _terms(self, place: PlaceOrder) -> tuple[Any, ...]:
        listed, traits = self._listed[place.instrument], self._exchange.traits
        params = {
            traits.name_param: place.order_id,
            "postOnly": True,
            **self._deadline(place.valid_until),
        }
        amount, price = listed.instrument.amount(place.quantity), listed.instrument.price(place.price)
        # Doubles, because ccxt's exchanges calculate with what they get; the shortest text of each is the exact number.
        return (listed.symbol, "limit", place.side.value, float(amount), float(price), params)

    def _amend(self, command: AmendOrder, symbol: str, at: int) -> None:
        placed = self._placed.get(command.order_id)
        if placed is None:  # an order of an earlier life is canceled, not amended
            self._tell(NotSent(at=at, order_id=command.order_id, request=Request.AMEND))
            return
        instrument = self._listed[command.instrument].instrument
        self._calls.ask(
            command,
            at,
            "edit_order",
            self._id(command),
            symbol,
            "limit",
            placed.side.value,
            float(instrument.amount(command.quantity)),
            float(instrument.price(command.price)),
            {**self._exchange.traits.amend_params, **self._deadline(command.valid_until)},
            deadline=command.deadline,
        )

    def _deadline(self, valid_until: int) -> dict[str, int]:
        param = self._exchange.traits.deadline_param
        return {param: self._clock.venue_ms(valid_until)} if param else {}

    # --- What is answered -----------------------------------------------------------------------------------------

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """The reply to an order's request."""
        match call.what:
            case PlaceOrder() | AmendOrder():
                self._granted(call.what, value, at)
            case CancelOrder():
                self._canceled(call.what, value, at)
            case Search(what=CancelOrder() as cancel):
                self._found(cancel, value, at)
            case Batch():
                self._batch_granted(call.what, value, at)
            case _:
                raise AssertionError("this is no order's request")

    def failed(self, call: Call[Asked], failure: Failure, at: int) -> None:
        """What a failure proves, and what not."""
        match call.what:
            case PlaceOrder() | AmendOrder() | CancelOrder() as command:
                self._tell(errors.failed(self._exchange.id, failure, command.order_id, REQUESTS[type(command)], at))
            case Search(what=CancelOrder() as cancel):
                self._unknown(cancel, f"the order to cancel was not found out: {failure}", at)
            case Batch(commands=commands):
                # Of several, one may be what the failure is about: only what concerns the whole request is proof.
                whole = failure.kind in errors.CONCERNS_ALL or not failure.was_sent
                for each in commands:
                    if whole:
                        self._tell(errors.failed(self._exchange.id, failure, each.order_id, REQUESTS[type(each)], at))
                    else:
                        self._unknown(each, str(failure), at)
            case _:
                raise AssertionError("this is no order's request")

    def working(self, order: Reply, name: str, key: str, answers: Request | None, at: int) -> Event | None:
        """What an order's structure tells about an order of ours; None if it tells nothing new."""
        instrument = self._listed[key].instrument
        self._names.learn(str(order.get("id") or ""), name)
        venue_time = changed_at(order, self._exchange.traits) or self._clock.venue_time(at)
        status = status_of(order)
        if status in (Status.CANCELED, Status.EXPIRED) and not order.get("filled") and self._was_taken_off(name, at):
            message = "it would have taken, and was taken off"
            return OrderRejected(at=at, order_id=name, reason=RejectReason.POST_ONLY, message=message)
        match status:
            case Status.CANCELED:
                return OrderCanceled(at=at, order_id=name, venue_time=venue_time, reason="canceled")
            case Status.EXPIRED:
                return OrderExpired(at=at, order_id=name, venue_time=venue_time, reason="expired")
            case Status.REJECTED:
                return OrderRejected(at=at, order_id=name, reason=RejectReason.OTHER, message="rejected")
            case _:  # one that is filled has terms, too; its fills come as what they are
                price, quantity = ticks_of(order, instrument), lots_of(order, instrument)
                if not price or not quantity:
                    return None
                return OrderWorking(
                    at=at,
                    order_id=name,
                    venue_order_id=str(order.get("id") or ""),
                    venue_time=venue_time,
                    price=price,
                    quantity=quantity,
                    answers=answers,
                )

    def _was_taken_off(self, name: str, at: int) -> bool:
        placed = self._placed.get(name)
        return placed is not None and not placed.is_canceling and at - placed.at < TAKEN_OFF_NS

    def _granted(self, command: PlaceOrder | AmendOrder, reply: Any, at: int) -> None:
        try:
            venue_order_id = str(reply["id"] or "")
            told = self.working(reply, command.order_id, command.instrument, REQUESTS[type(command)], at)
        except UNREADABLE as error:
            self._unknown(command, f"unreadable answer: {error!r}", at)
            return
        if not venue_order_id:
            self._unknown(command, "the answer names no order", at)
        elif told is not None:
            self._tell(told)
        else:
            self._tell(
                OrderWorking(
                    at=at,
                    order_id=command.order_id,
                    venue_order_id=venue_order_id,
                    venue_time=self._clock.venue_time(at),
                    price=command.price,
                    quantity=command.quantity,
                    answers=REQUESTS[type(command)],
                )
            )

    def _canceled(self, command: CancelOrder, reply: Any, at: int) -> None:
        status = status_of(reply) if isinstance(reply, Mapping) else None
        if status is Status.CANCELED:
            time = changed_at(reply, self._exchange.traits) or self._clock.venue_time(at)
            self._tell(OrderCanceled(at=at, order_id=command.order_id, venue_time=time, reason="canceled"))
        elif status is Status.FILLED:
            self._not_open(command, "it is filled", at)
        else:
            self._unknown(command, "the cancel was taken, the answer does not show it done", at)

    def _found(self, command: CancelOrder, orders: Any, at: int) -> None:
        """The orders that rest, asked for because we have no id of the one to cancel."""
        for order in orders:
            if self._names.of_order(order) == command.order_id:
                symbol = self._listed[command.instrument].symbol
                self._calls.ask(command, at, "cancel_order", str(order["id"]), symbol)
                return
        self._not_open(command, "nothing to cancel", at)

    def _batch_granted(self, batch: Batch, replies: Any, at: int) -> None:
        by_id = {str(reply.get("id")): reply for reply in replies if isinstance(reply, Mapping)}
        by_name = {self._names.of_order(reply): reply for reply in by_id.values()}
        in_order = list(replies) if len(replies) == len(batch.commands) else [None] * len(batch.commands)
        for command, same_place in zip(batch.commands, in_order, strict=True):
            if isinstance(command, CancelOrder):
                self._canceled(command, by_id.get(self._id(command)), at)
                continue
            reply = by_name.get(command.order_id, same_place)
            stranger = isinstance(reply, Mapping) and self._names.of_order(reply) not in ("", command.order_id)
            if not isinstance(reply, Mapping) or stranger or not isinstance(command, PlaceOrder):
                self._unknown(command, "the answer leaves it out", at)
            else:
                self._granted(command, reply, at)

    def _not_open(self, command: CancelOrder, message: str, at: int) -> None:
        self._tell(
            RequestRejected(
                at=at,
                order_id=command.order_id,
                request=Request.CANCEL,
                reason=RejectReason.NOT_OPEN,
                message=message,
            )
        )

    def _unknown(self, command: OrderCommand, message: str, at: int) -> None:
        request = REQUESTS[type(command)]
        self._tell(OutcomeUnknown(at=at, order_id=command.order_id, request=request, message=message))


def _places(batch: Batch) -> list[PlaceOrder]:
    return [command for command in batch.commands if isinstance(command, PlaceOrder)]
