"""What a fact about one of our orders does to it: status by the LIFECYCLE table, its slot, and its size on the book.

Only evidence ends an order. Where a fact leaves open what became of it, the order keeps counting fully and the venue
is asked for it by its own id.
"""

from typing import assert_never

from replenisher.core.halts import count_refusal
from replenisher.core.orders import Order, Pending
from replenisher.core.state import State, slot_of
from replenisher.core.sync import Topic
from replenisher.model.command import Intent
from replenisher.model.event import (
    NotSent,
    OpenOrdersReported,
    OrderCanceled,
    OrderExpired,
    OrderNotFound,
    OrderRejected,
    OrderReport,
    OrderReported,
    OrderWorking,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.instrument import venue_of
from replenisher.model.order import Request, Status, Transition
from replenisher.model.units import SECOND_NS

READ_LAG_NS = SECOND_NS  # how much later than `valid_until` "not found" becomes evidence
CANCEL_BACKOFF_S_MAX = 8
OrderFact = OrderWorking | OrderRejected | RequestRejected | OutcomeUnknown | NotSent | OrderCanceled | OrderExpired


def apply_order_fact(state: State, fact: OrderFact) -> None:
    """Take in what was said about one order; facts about orders that are not ours change nothing."""
    order = state.orders.get(fact.order_id)
    if order is None:
        _forget_stray(state, fact)
        return
    match fact:
        case OrderWorking():
            _works(state, order, fact)
        case OrderRejected():
            _is_refused(state, order, fact.reason, fact.message, fact.at)
        case RequestRejected():
            _request_is_refused(state, order, fact)
        case OutcomeUnknown():
            if order.pending is not None and order.pending.request is fact.request:
                time_out(state, order, fact.at)
        case NotSent():
            _was_not_sent(state, order, fact)
        case OrderCanceled():
            _ends(state, order, Transition.CANCELED, fact.reason, fact.venue_time, fact.at)
        case OrderExpired():
            _ends(state, order, Transition.EXPIRED, fact.reason, fact.venue_time, fact.at)
        case _:
            assert_never(fact)
    state.orders.file(order)
    state.revisit(order.instrument)


def apply_answer(state: State, order_id: str, fact: OrderReported | OrderNotFound) -> None:
    """Take in what the venue answered when it was asked for one order."""
    for sync in state.syncs.values():
        sync.answered(Topic.ORDER, order_id)
    order = state.orders.get(order_id)
    if order is None:
        return
    match fact:
        case OrderReported():
            _is_reported(state, order, fact.order, as_of=fact.venue_time, at=fact.at)
        case OrderNotFound():
            _is_not_found(state, order, fact)
        case _:
            assert_never(fact)
    state.orders.file(order)
    state.revisit(order.instrument)


def apply_open_orders(state: State, fact: OpenOrdersReported) -> None:
    """The venue told which orders rest on an instrument: compare with what we believe."""
    sync = state.sync_of(fact.instrument)
    asked_at = sync.asked_at.pop((Topic.OPEN_ORDERS, fact.instrument), fact.at)
    sync.answered(Topic.OPEN_ORDERS, fact.instrument)
    resting = {report.order_id: report for report in fact.orders if state.is_ours(report.order_id)}
    for report in resting.values():
        order = state.orders.get(report.order_id)
        if order is not None and order.status.is_terminal and order.updated_at >= asked_at:
            continue  # it has ended since we asked
        if order is None or order.status.is_terminal:
            # It carries our name but the journal knows no live order by it: canceled, never adopted.
            state.strays[report.venue_order_id] = (report.order_id, fact.instrument)
            sync.ask(Topic.OPEN_ORDERS, fact.instrument, fact.at + SECOND_NS)
        else:
            _is_reported(state, order, report, as_of=report.venue_time, at=fact.at)
            state.orders.file(order)
    shown = {report.venue_order_id for report in fact.orders}
    for venue_order_id, (_, instrument) in list(state.strays.items()):
        if instrument == fact.instrument and venue_order_id not in shown:
            del state.strays[venue_order_id]
    for order in list(state.orders.on(fact.instrument)):
        if order.order_id not in resting and order.pending is None and order.updated_at < asked_at:
            sync.ask_order(order, fact.at)
    if state.stopping is not None:
        state.stopping.shown(fact.instrument, list(resting))
    state.revisit(fact.instrument)


def time_out(state: State, order: Order, at: int) -> None:
    """A request was not answered by its deadline, or its answer does not tell what became of it."""
    assert order.pending is not None, "only a request can time out"
    match order.pending.request:
        case Request.PLACE:
            order.pending = None
            order.move(Transition.TIMED_OUT, at)
        case Request.AMEND:
            # Price and size stay uncertain, and both count, until the venue has said which is true.
            order.pending.is_overdue = True
            order.pending.deadline = at + SECOND_NS
        case Request.CANCEL:
            order.pending = None
            order.cancel_after = at + min(1 << order.cancels, CANCEL_BACKOFF_S_MAX) * SECOND_NS // 4
    order.reason = "not answered in time"
    state.sync_of(order.instrument).ask_order(order, at)
    state.orders.file(order)
    state.revisit(order.instrument)


def lose_track(state: State, order: Order, at: int) -> None:
    """The connection that would have told us about this order is gone: what is not answered stays unanswered."""
    if order.pending is not None:
        time_out(state, order, at)
    elif order.status is Status.UNKNOWN:
        state.sync_of(order.instrument).ask_order(order, at)


def _works(state: State, order: Order, fact: OrderWorking) -> None:
    if order.status is Status.REJECTED:
        # It rests although we were sure that it never would: canceled, never adopted.
        state.strays[fact.venue_order_id] = (order.order_id, order.instrument)
        state.sync_of(order.instrument).ask(Topic.OPEN_ORDERS, order.instrument, fact.at + SECOND_NS)
        return
    order.venue_order_id = fact.venue_order_id or order.venue_order_id
    pending = order.pending
    is_late_answer = fact.answers is Request.PLACE and order.status is Status.WORKING
    if not is_late_answer and fact.venue_time >= order.venue_time:
        order.price, order.quantity, order.venue_time = fact.price, fact.quantity, fact.venue_time
    if pending is not None:
        is_answer = fact.answers is pending.request
        is_wish_come_true = pending.request is not Request.CANCEL and (fact.price, fact.quantity) == (
            pending.price,
            pending.quantity,
        )
        if is_answer or is_wish_come_true:
            order.pending = None
    _rests(state, order, fact.at)


def _rests(state: State, order: Order, at: int) -> None:
    """The venue has the order on its book."""
    order.move(Transition.ACCEPTED, at)
    if order.status is Status.WORKING:
        if order.pending is None:
            order.reason = ""
        state.slots.accepted(slot_of(order))
        show_at_rest(state, order, order.venue_time, at)


def show_at_rest(state: State, order: Order, venue_time: int, at: int) -> None:
    """The order's size is on the book by the last word on it, but for what a pending request may change."""
    own, book = state.own_size(order.instrument), state.book(order.instrument)
    own.rests(order.order_id, order.side, order.price, order.remaining, book, venue_time, at)
    if order.is_canceling:
        own.leaving(order.order_id)
    elif order.pending is not None:
        lots = order.pending.quantity - order.filled_lots
        own.sent(order.order_id, order.side, order.pending.price, lots, book, at)


def _ends(state: State, order: Order, transition: Transition, reason: str, venue_time: int, at: int) -> None:
    was_live = not order.status.is_terminal
    order.move(transition, at)
    if was_live:
        order.reason = reason
    state.own_size(order.instrument).ended(order.order_id, order.side, venue_time, at)


def _is_refused(state: State, order: Order, reason: RejectReason, message: str, at: int) -> None:
    if order.status.is_terminal:
        return
    _ends(state, order, Transition.REJECTED, f"{reason}: {message}" if message else str(reason), 0, at)
    slot = state.slots.refuse(slot_of(order), reason, state.book(order.instrument).shown_touch, at)
    slot.was_eaten = slot.was_eaten or order.intent is Intent.REFILL  # The next place here is the refill still.
    count_refusal(state, order, reason, message, at)


def _request_is_refused(state: State, order: Order, fact: RequestRejected) -> None:
    if order.pending is not None and order.pending.request is fact.request:
        order.pending = None
    if order.status.is_terminal:
        return
    order.reason = f"{fact.request} refused, {fact.reason}: {fact.message}"
    if fact.request is Request.CANCEL:
        order.cancel_after = fact.at + min(1 << order.cancels, CANCEL_BACKOFF_S_MAX) * SECOND_NS // 4
    else:
        order.amend_after = fact.at + SECOND_NS
    # "Not open" is not an end: it was filled, canceled or replaced, and only the venue can say which.
    state.sync_of(order.instrument).ask_order(order, fact.at)


def _was_not_sent(state: State, order: Order, fact: NotSent) -> None:
    if fact.request is Request.PLACE:
        _is_refused(state, order, RejectReason.NOT_SENT, "", fact.at)
    elif order.pending is not None and order.pending.request is fact.request:
        order.pending = None
        order.cancel_after = order.amend_after = fact.at + SECOND_NS // 4  # the connection is gone or full: not at once
        show_at_rest(state, order, order.venue_time, fact.at)


def _is_reported(state: State, order: Order, report: OrderReport, *, as_of: int, at: int) -> None:
    """The venue's word on one order that we asked for."""
    if order.status.is_terminal:
        return
    order.venue_order_id = report.venue_order_id or order.venue_order_id
    if report.filled > order.filled:
        state.sync_of(order.instrument).ask(Topic.TRADES, order.instrument, at)
    match report.status:
        case Status.WORKING | Status.PENDING | Status.UNKNOWN:
            if order.pending is not None and order.pending.request is Request.PLACE:
                order.pending = None
            elif order.pending is not None and order.pending.is_overdue:
                _settle_amend(state, order, order.pending, report, as_of, at)
            if report.venue_time >= order.venue_time:
                order.price, order.quantity, order.venue_time = report.price, report.quantity, report.venue_time
            _rests(state, order, at)
        case Status.FILLED:
            # Its fills are booked when the trades arrive; the order itself can rest no more.
            _ends(state, order, Transition.FULLY_FILLED, report.reason, report.venue_time, at)
            eat_slot(state, order, at)
        case Status.CANCELED:
            _ends(state, order, Transition.CANCELED, report.reason, report.venue_time, at)
        case Status.REJECTED:
            _ends(state, order, Transition.REJECTED, report.reason, report.venue_time, at)
        case Status.EXPIRED:
            _ends(state, order, Transition.EXPIRED, report.reason, report.venue_time, at)
        case _:
            assert_never(report.status)


def _settle_amend(state: State, order: Order, amend: Pending, report: OrderReport, as_of: int, at: int) -> None:
    """What became of an amend that was not answered: granted, or not and never will be, or it may still be."""
    fence = _fence(state, order, amend.valid_until)
    if (report.price, report.quantity) == (amend.price, amend.quantity) or as_of > fence:
        order.pending = None
    else:
        _ask_behind(state, order, fence - as_of, at)


def _fence(state: State, order: Order, valid_until: int) -> int:
    """The venue's time from which on what it shows is evidence: no request of this deadline can still be granted."""
    return valid_until + state.clock_offsets_ns.get(venue_of(order.instrument), 0) + READ_LAG_NS


def _ask_behind(state: State, order: Order, missing_ns: int, at: int) -> None:
    """Ask about an order again once the fence is behind us."""
    ask_at = at + max(missing_ns, 0) + SECOND_NS // 10
    state.sync_of(order.instrument).ask_order(order, ask_at)


def eat_slot(state: State, order: Order, at: int) -> None:
    """A fill has emptied the order's slot: it comes back as its strategy's refill policy says."""
    if (setup := state.setup.strategy(order.strategy)) is not None:
        state.slots.eat(slot_of(order), setup.policy.refill, at)


def _is_not_found(state: State, order: Order, fact: OrderNotFound) -> None:
    """ "Not found" ends an order only behind a fence: after `valid_until` the venue must have refused the place."""
    if order.status.is_terminal:
        return
    fence = _fence(state, order, order.valid_until)
    if fact.venue_time > fence and order.venue_order_id:
        # It did rest, and the venue has forgotten it: it is over, and what of it traded is among the trades.
        _ends(state, order, Transition.CANCELED, "the venue no longer knows it", fact.venue_time, fact.at)
        state.sync_of(order.instrument).ask(Topic.TRADES, order.instrument, fact.at)
    elif fact.venue_time > fence:
        _ends(state, order, Transition.REJECTED, "the venue never had it", fact.venue_time, fact.at)
    else:
        _ask_behind(state, order, fence - fact.venue_time, fact.at)


def _forget_stray(state: State, fact: OrderFact) -> None:
    if isinstance(fact, OrderCanceled | OrderExpired):
        for venue_order_id, (label, _) in list(state.strays.items()):
            if label == fact.order_id:
                del state.strays[venue_order_id]
