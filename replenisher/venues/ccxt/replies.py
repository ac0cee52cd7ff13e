"""What comes back for an order, as facts.

A reply tells that a request was granted, and often nothing else: exchanges answer a place with a bare id. What it
leaves out is as we asked for it. A cancel that was taken is not yet an order that is gone; only what shows it canceled
ends it: the reply, a stream, or the answer when the engine asks.

Some exchanges do not refuse a post-only order that would take: they accept it and take it off at once. So an order that
ends unfilled right after its place, though nobody asked for that, was refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from replenisher.model.event import (
    Event,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.order import Request, Status
from replenisher.venues.ccxt import errors
from replenisher.venues.ccxt.calls import Failure
from replenisher.venues.ccxt.holdings import UNREADABLE, changed_at, filled_of, lots_of, status_of, ticks_of
from replenisher.venues.ccxt.link import Link, Listed
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.placed import Placements

Reply = Mapping[str, Any]
REQUESTS: dict[type[OrderCommand], Request] = {
    PlaceOrder: Request.PLACE,
    AmendOrder: Request.AMEND,
    CancelOrder: Request.CANCEL,
}
ENDED = (Status.CANCELED, Status.EXPIRED, Status.REJECTED, Status.FILLED)


class Replies:
    """Reads orders' structures and failures."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        names: Names,
        placements: Placements,
    ) -> None:
        self._link = link
        self._listed = listed
        self._names = names
        self._placements = placements

    def news(self, order: Reply, name: str, key: str, asked: PlaceOrder | AmendOrder | None, at: int) -> Event | None:
        """What an order's structure tells about an order of ours; None if it leaves open what we want to know."""
        self._names.learn(str(order.get("id") or ""), name)
        status, filled = status_of(order), filled_of(order, self._link.exchange.traits)
        if status in ENDED:
            self._placements.over(name)
        is_unfilled_end = status in (Status.CANCELED, Status.EXPIRED) and not filled
        if is_unfilled_end and self._placements.was_taken_off(name, at):
            message = "it would have taken, and was taken off"
            return OrderRejected(at=at, order_id=name, reason=RejectReason.POST_ONLY, message=message)
        venue_time = self._venue_time(order, at)
        match status:
            case Status.CANCELED:
                return OrderCanceled(at=at, order_id=name, venue_time=venue_time, reason="canceled", filled=filled)
            case Status.EXPIRED:
                return OrderExpired(at=at, order_id=name, venue_time=venue_time, reason="expired", filled=filled)
            case Status.REJECTED:
                return OrderRejected(at=at, order_id=name, reason=RejectReason.OTHER, message="rejected")
            case None if order.get("status") is not None:  # a word that nobody reads says nothing
                return None
            case _:  # one that is filled has terms, too; its fills come as what they are
                return self._terms(order, name, key, asked, venue_time, at)

    def granted(self, command: PlaceOrder | AmendOrder, reply: Any, at: int) -> None:
        """The reply to a place or an amend."""
        request = REQUESTS[type(command)]
        try:
            venue_order_id = str(reply["id"] or "")
            told = self.news(reply, command.order_id, command.instrument, command, at)
        except UNREADABLE as error:
            self.unknown(command, f"unreadable answer: {error!r}", at)
            return
        if not venue_order_id:
            self.unknown(command, "the answer names no order", at)
            return
        as_asked = OrderWorking(
            at=at,
            order_id=command.order_id,
            venue_order_id=venue_order_id,
            venue_time=self._link.clock.venue_time(at),
            price=command.price,
            quantity=command.quantity,
            answers=request,
            valid_until=command.valid_until,
        )
        self._link.tell(as_asked if told is None else told)

    def canceled(self, command: CancelOrder, reply: Any, at: int) -> None:
        """The reply to a cancel."""
        status = status_of(reply) if isinstance(reply, Mapping) else None
        kind = self._listed[command.instrument].instrument.kind
        if status is Status.CANCELED:
            self._placements.over(command.order_id)
            time, filled = self._venue_time(reply, at), filled_of(reply, self._link.exchange.traits)
            self._link.tell(
                OrderCanceled(at=at, order_id=command.order_id, venue_time=time, reason="canceled", filled=filled)
            )
        elif status is Status.FILLED:
            self.not_open(command, "it is filled", at)
        elif not self._link.exchange.hears_ends(kind):  # else the stream tells, or the engine asks in time
            self.unknown(command, "the cancel was taken, the answer does not show it done", at)

    def batch_granted(self, commands: Sequence[OrderCommand], replies: Any, at: int) -> None:
        """The reply to several places or several cancels: each is known by its name or its id, else by its place."""
        structures = [reply for reply in replies if isinstance(reply, Mapping)]
        by_id = {str(reply.get("id")): reply for reply in structures}
        by_name = {self._names.of_order(reply): reply for reply in structures}
        in_order = list(replies) if len(replies) == len(commands) else [None] * len(commands)
        for command, same_place in zip(commands, in_order, strict=True):
            if isinstance(command, CancelOrder):
                venue_order_id = command.venue_order_id or self._names.id_of(command.order_id)
                self.canceled(command, by_id.get(venue_order_id), at)
                continue
            reply = by_name.get(command.order_id, same_place)
            is_its_own = isinstance(reply, Mapping) and self._names.of_order(reply) in ("", command.order_id)
            if is_its_own and isinstance(command, PlaceOrder):
                self.granted(command, reply, at)
            else:
                self.unknown(command, "the answer leaves it out", at)

    def failed(self, command: OrderCommand, failure: Failure, at: int) -> None:
        """What a failure proves, and what not."""
        self._link.tell(errors.failed(self._link.exchange.id, failure, command.order_id, REQUESTS[type(command)], at))

    def batch_failed(self, commands: Sequence[OrderCommand], failure: Failure, at: int) -> None:
        """Of several, one may be what the failure is about: only what concerns the whole request is proof."""
        for command in commands:
            if errors.concerns_all(self._link.exchange.id, failure) or not failure.was_sent:
                self.failed(command, failure, at)
            else:
                self.unknown(command, str(failure), at)

    def not_open(self, command: CancelOrder, message: str, at: int) -> None:
        """There is nothing to cancel; the engine asks what became of it."""
        self._link.tell(
            RequestRejected(
                at=at,
                order_id=command.order_id,
                request=Request.CANCEL,
                reason=RejectReason.NOT_OPEN,
                message=message,
            )
        )

    def unknown(self, command: OrderCommand, message: str, at: int) -> None:
        """Nothing is proven; the engine asks what became of it."""
        request = REQUESTS[type(command)]
        self._link.tell(OutcomeUnknown(at=at, order_id=command.order_id, request=request, message=message))

    def _terms(
        self, order: Reply, name: str, key: str, asked: PlaceOrder | AmendOrder | None, venue_time: int, at: int
    ) -> OrderWorking | None:
        instrument = self._listed[key].instrument
        price = ticks_of(order, instrument)
        quantity = lots_of(order, instrument, self._link.exchange.traits)
        if not price or not quantity:
            return None
        return OrderWorking(
            at=at,
            order_id=name,
            venue_order_id=str(order.get("id") or ""),
            venue_time=venue_time,
            price=price,
            quantity=quantity,
            answers=None if asked is None else REQUESTS[type(asked)],
            valid_until=0 if asked is None else asked.valid_until,
        )

    def _venue_time(self, order: Reply, at: int) -> int:
        return changed_at(order, self._link.exchange.traits) or self._link.clock.venue_time(at)
