"""What Deribit tells of our own orders, as facts: in its answers to our requests, and on the stream of our changes.

One frame of `user.changes` is one event at the venue, told as facts in the order terms, fills, ending. Terms (price and
total quantity) come first, because a fill is judged against them: an amend from 6 to 10 whose frame also brings 8
filled must not look like a full fill of 6. An ending comes last, because what it leaves behind is what was not filled.
The same trades may come twice, in a reply and on the stream; a fill is known by its trade id.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

import msgspec

from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from replenisher.model.event import (
    Event,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Request
from replenisher.venues.deribit import codec, private
from replenisher.venues.deribit.orphans import Orphans
from replenisher.venues.deribit.refusals import rejection
from replenisher.venues.deribit.watch import OwnChanges

ENDED = ("filled", "cancelled", "rejected")


class OwnOrders:
    """Reads what is told of our orders; who else must know that one has ended, or how far we were told, hears it."""

    def __init__(
        self,
        venue: str,
        is_ours: Callable[[str], bool],
        instruments: dict[str, Instrument],
        orphans: Orphans,
        own_changes: OwnChanges,
    ) -> None:
        self._venue = venue
        self._is_ours = is_ours
        self._instruments = instruments
        self._orphans = orphans
        self._own_changes = own_changes

    def facts_of(
        self,
        orders: Sequence[private.WireOrder],
        trades: Sequence[private.WireTrade],
        asked: PlaceOrder | AmendOrder | None,
        at: int,
    ) -> list[Event]:
        """Terms, fills, endings: see above. It raises what is `UNREADABLE` about what is not traded here."""
        terms: list[Event] = []
        endings: list[Event] = []
        for order in orders:
            if not self._is_ours(order.label):
                continue
            if order.order_state in ENDED:
                self._orphans.ended(order.label)
            match order.order_state:
                case "open" | "filled" | "triggered":
                    terms.append(self._working(order, asked, at))
                case "cancelled":
                    endings.append(_canceled(order, order.label, at))
                case "rejected":
                    reason = order.cancel_reason or "rejected"
                    endings.append(
                        OrderRejected(at=at, order_id=order.label, reason=RejectReason.OTHER, message=reason)
                    )
                case _:
                    pass
        return [*terms, *(self.fill(trade, at) for trade in trades), *endings]

    def _working(self, order: private.WireOrder, asked: PlaceOrder | AmendOrder | None, at: int) -> OrderWorking:
        instrument = self._instrument(order.instrument_name)
        return OrderWorking(
            at=at,
            order_id=order.label,
            venue_order_id=order.order_id,
            venue_time=order.venue_time,
            price=private.ticks_of(order, instrument),
            quantity=instrument.lots(order.amount),
            answers=None if asked is None else request_of(asked),
            valid_until=0 if asked is None else asked.valid_until,
        )

    def fill(self, trade: private.WireTrade, at: int) -> OrderFilled:
        """One of our trades."""
        self._instrument(trade.instrument_name)
        return private.fill_of(trade, self._venue, trade.label if self._is_ours(trade.label) else "", at)

    def answered(self, command: OrderCommand, reply: codec.Frame, at: int) -> Sequence[Event]:
        """What the venue's answer to a command says."""
        request = request_of(command)
        if reply.error:
            refused = _refused(command, request, reply.error, at)
            if isinstance(refused, OrderRejected):
                self._orphans.ended(command.order_id)
            return (refused,)
        try:
            match command:
                case PlaceOrder() | AmendOrder():
                    placed = private.decode_placed(reply.result)
                    self._own_changes.prove(placed.order.instrument_name, placed.order.last_update_timestamp, at)
                    return self.facts_of((placed.order,), placed.trades, command, at)
                case CancelOrder():
                    return (self._cancel_answered(command, reply, at),)
                case _:
                    assert_never(command)
        except codec.UNREADABLE as error:
            message = f"unreadable answer: {error}"
            return (OutcomeUnknown(at=at, order_id=command.order_id, request=request, message=message),)

    def _cancel_answered(self, command: CancelOrder, reply: codec.Frame, at: int) -> Event:
        canceled: OrderCanceled | None = None
        if command.venue_order_id:
            order = private.decode_order(reply.result)
            self._own_changes.prove(order.instrument_name, order.last_update_timestamp, at)
            if order.order_state == "cancelled":
                canceled = _canceled(order, command.order_id, at)
        elif codec.decode_int(reply.result) > 0:  # canceled by label: the answer is how many there were
            canceled = OrderCanceled(
                at=at, order_id=command.order_id, venue_time=reply.venue_time, reason="user_request"
            )
        if canceled is not None:
            self._orphans.ended(command.order_id)
            return canceled
        return RequestRejected(
            at=at,
            order_id=command.order_id,
            request=Request.CANCEL,
            reason=RejectReason.NOT_OPEN,
            message="nothing to cancel",
        )

    def _instrument(self, name: str) -> Instrument:
        """What one of ours is about; what is about anything else cannot be read."""
        instrument = self._instruments.get(f"{self._venue}/{name}")
        if instrument is None:
            raise msgspec.ValidationError(f"{name!r} is not traded here")
        return instrument


def request_of(command: OrderCommand) -> Request:
    """What a command asks of its order."""
    match command:
        case PlaceOrder():
            return Request.PLACE
        case AmendOrder():
            return Request.AMEND
        case CancelOrder():
            return Request.CANCEL
        case _:
            assert_never(command)


def _refused(command: OrderCommand, request: Request, error: codec.WireError, at: int) -> Event:
    reason = rejection(error.code)
    if reason is None:
        return OutcomeUnknown(at=at, order_id=command.order_id, request=request, message=str(error))
    if request is not Request.PLACE:
        return RequestRejected(at=at, order_id=command.order_id, request=request, reason=reason, message=str(error))
    if reason is RejectReason.NOT_OPEN:
        reason = RejectReason.OTHER  # a new order cannot be "not open"
    return OrderRejected(at=at, order_id=command.order_id, reason=reason, message=str(error))


def _canceled(order: private.WireOrder, order_id: str, at: int) -> OrderCanceled:
    return OrderCanceled(
        at=at,
        order_id=order_id,
        venue_time=order.venue_time,
        reason=order.cancel_reason,
        filled=order.filled_amount,
    )
