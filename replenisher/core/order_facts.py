"""What a fact about one of our orders does to it: status by the LIFECYCLE table, its slot, and its size on the book.

Only evidence ends an order. Where a fact leaves open what became of it, the order keeps counting fully and the venue
is asked for it by its own id (`evidence`). A word that an ended order rests is never ignored: it was wrong to end it.
"""

from typing import assert_never

from replenisher.core.halts import count_refusal
from replenisher.core.orders import Order, Pending
from replenisher.core.slots import slot_of
from replenisher.core.state import State
from replenisher.core.topic import Topic
from replenisher.model.command import Intent
from replenisher.model.event import (
    NotSent,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    RejectReason,
    RequestRejected,
)
from replenisher.model.order import ACCEPTED, AMEND, CANCEL, PLACE, UNKNOWN, WORKING, Request, Transition
from replenisher.model.units import SECOND_NS

CANCEL_AGAIN_QUARTERS_MAX = 8  # of a second, until a cancel is repeated
HALTED_AGAIN_QUARTERS_MAX = 128  # where nothing trades none is taken, and we mostly hear when something does again
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
            _is_over(state, order, Transition.CANCELED, fact)
        case OrderExpired():
            _is_over(state, order, Transition.EXPIRED, fact)
        case _:
            assert_never(fact)
    state.orders.file(order)
    state.revisit(order.instrument)


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
            order.pending = order.pending.doubt
            order.cancel_after = at + _until_again_ns(order, CANCEL_AGAIN_QUARTERS_MAX)
    order.reason = "not answered in time"
    state.sync_of(order.instrument).ask_order(order, at)
    state.orders.file(order)
    state.revisit(order.instrument)


def lose_track(state: State, order: Order, at: int) -> None:
    """The connection that would have told us about this order is gone: what is not answered stays unanswered."""
    if order.pending is not None:
        time_out(state, order, at)
    elif order.status is UNKNOWN:
        state.sync_of(order.instrument).ask_order(order, at)


def _works(state: State, order: Order, fact: OrderWorking) -> None:
    if order.status.is_terminal and outlives_its_end(order, fact.venue_time, fact.quantity):
        comes_back(state, order, fact.venue_order_id, fact.at)
    order.venue_order_id = fact.venue_order_id or order.venue_order_id
    pending = order.pending
    is_wish = pending is not None and _asks_for(pending, fact)
    is_answer = pending is not None and _is_answered(pending, fact)
    is_late_answer = fact.answers is PLACE and order.status is WORKING
    # The answer to an amend says what came after all we knew before, whatever the venue's clock says.
    is_news = not is_late_answer and (fact.venue_time >= order.venue_time or (is_answer and fact.answers is AMEND))
    if is_news:
        take_terms(order, fact.price, fact.quantity, fact.venue_time)
    # What an older word says may be what an amend asks for, too: it is not the amend that it speaks of.
    if is_answer or (is_wish and is_news):
        order.pending = None
    rests(state, order, fact.at)


def _asks_for(pending: Pending, fact: OrderWorking) -> bool:
    return pending.request is not CANCEL and (fact.price, fact.quantity) == (pending.price, pending.quantity)


def _is_answered(pending: Pending, fact: OrderWorking) -> bool:
    """Whether a word answers the request that is under way; one to an amend before it comes late."""
    if fact.answers is not pending.request:
        return False
    if fact.answers is PLACE:
        return True  # there is one of an order
    return fact.valid_until == pending.valid_until if fact.valid_until else _asks_for(pending, fact)


def take_terms(order: Order, price: int, quantity: int, venue_time: int) -> None:
    """The newest word on price and quantity. A venue's clock may step back; what we remember of it does not.

    An answer that leaves out either has 0 for it, and changes nothing of that.
    """
    order.price, order.quantity = price or order.price, quantity or order.quantity
    if venue_time > order.venue_time:
        order.venue_time = venue_time


def rests(state: State, order: Order, at: int) -> None:
    """The venue has the order on its book."""
    order.move(ACCEPTED, at)
    order.not_found = 0
    if order.status is WORKING:
        if order.pending is None:
            order.reason = ""
            if order.filled_lots and complete(state, order, order.venue_time, at):
                return
        state.slots.accepted(slot_of(order))
        show_at_rest(state, order, order.venue_time, at)
    elif order.order_id in state.orders.back:
        show_at_rest(state, order, order.venue_time, at)


def complete(state: State, order: Order, venue_time: int, at: int) -> bool:
    """End an order that has traded all that it may trade, now that no amend can make it more; whether it has."""
    if order.remaining_max:
        return False
    end(state, order, Transition.FULLY_FILLED, "", venue_time, at)
    eat_slot(state, order, at)
    return True


def outlives_its_end(order: Order, venue_time: int, quantity: int) -> bool:
    """Whether a word that an ended order rests is newer than the word that ended it.

    Words overtake each other: the answer to a place often comes after the fill that ended it.
    """
    return venue_time > order.ended_at and quantity > order.filled_lots


def comes_back(state: State, order: Order, venue_order_id: str, at: int) -> None:
    """An order rests that had ended for us: it counts again until it is gone, and is canceled, never adopted."""
    order.venue_order_id = venue_order_id or order.venue_order_id
    state.strays[order.venue_order_id] = (order.order_id, order.instrument)
    state.orders.comes_back(order)
    state.ask(Topic.OPEN_ORDERS, order.instrument, at + SECOND_NS)


def show_at_rest(state: State, order: Order, venue_time: int, at: int) -> None:
    """The order's size is on the book by the last word on it, but for what a pending request may change."""
    own, book = state.own_size(order.instrument), state.books[order.instrument]
    own.rests(order.order_id, order.side, order.price, order.remaining, book, venue_time, at)
    if order.is_canceling:
        own.leaving(order.order_id)
    elif order.pending is not None:
        lots = order.pending.quantity - order.filled_lots
        own.sent(order.order_id, order.side, order.pending.price, lots, book, at)


def end(state: State, order: Order, transition: Transition, reason: str, venue_time: int, at: int) -> None:
    """An order rests no more; `venue_time` is that of the venue's word for it, 0 if there is none."""
    was_live = not order.status.is_terminal
    order.move(transition, at)
    order.ended_at = max(order.ended_at, venue_time)
    state.orders.gone(order)
    if was_live:
        order.reason = reason
    state.own_size(order.instrument).ended(order.order_id, order.side, venue_time, at)


def _is_over(state: State, order: Order, transition: Transition, fact: OrderCanceled | OrderExpired) -> None:
    """The venue says that the order rests no more. What it traded must be booked, or be known to be nothing.

    Else it counts on, and the venue is asked for it. Of an order that nobody has heard of, only that answer tells.
    """
    may_have_traded = order.status is UNKNOWN if fact.filled is None else fact.filled > order.filled
    if may_have_traded and not order.status.is_terminal:
        sync = state.sync_of(order.instrument)
        sync.answered(Topic.ORDER, order.order_id)  # what was asked before may be answered as of before
        sync.ask_order(order, fact.at)
    else:
        end(state, order, transition, fact.reason, fact.venue_time, fact.at)


def _is_refused(state: State, order: Order, reason: RejectReason, message: str, at: int) -> None:
    if order.status.is_terminal:
        return
    end(state, order, Transition.REJECTED, f"{reason}: {message}" if message else str(reason), 0, at)
    slot = state.slots.refuse(slot_of(order), reason, state.books[order.instrument].shown_touch, at)
    if order.intent is Intent.REFILL:
        slot.refill_refused(order.created_at)
    count_refusal(state, order, reason, message, at)


def _request_is_refused(state: State, order: Order, fact: RequestRejected) -> None:
    if order.pending is not None and order.pending.request is fact.request:
        order.pending = order.pending.doubt
    if fact.reason is RejectReason.PERMISSION:  # where nothing is filled no place may tell us
        count_refusal(state, order, fact.reason, fact.message, fact.at)
    if order.status.is_terminal or (order.filled_lots and complete(state, order, order.venue_time, fact.at)):
        return
    order.reason = f"{fact.request} refused, {fact.reason}: {fact.message}"
    if fact.request is CANCEL:
        order.cancel_after = fact.at + _until_again_ns(order, CANCEL_AGAIN_QUARTERS_MAX)
        if fact.reason is RejectReason.HALTED:
            order.halted_until = fact.at + _until_again_ns(order, HALTED_AGAIN_QUARTERS_MAX)
    else:
        order.amend_after = fact.at + SECOND_NS
    # "Not open" is not an end: it was filled, canceled or replaced, and only the venue can say which.
    state.sync_of(order.instrument).ask_order(order, fact.at)


def _until_again_ns(order: Order, quarters_max: int) -> int:
    return min(1 << order.cancels, quarters_max) * SECOND_NS // 4


def _was_not_sent(state: State, order: Order, fact: NotSent) -> None:
    if fact.request is PLACE:
        _is_refused(state, order, RejectReason.NOT_SENT, "", fact.at)
    elif order.pending is not None and order.pending.request is fact.request:
        order.pending = order.pending.doubt
        order.amend_after = fact.at + SECOND_NS // 4  # the connection is gone or full: not at once
        if fact.request is CANCEL:
            order.cancel_after = order.amend_after
        if not (order.filled_lots and complete(state, order, order.venue_time, fact.at)):
            show_at_rest(state, order, order.venue_time, fact.at)


def eat_slot(state: State, order: Order, at: int) -> None:
    """A fill has emptied the order's slot: it comes back as its strategy's refill policy says."""
    if (setup := state.setup.strategy(order.strategy)) is not None:
        state.slots.eat(slot_of(order), setup.policy.refill, at)
        if (guarded := state.guarded.get(setup.id)) is not None:
            guarded.saw_eaten(order, state.orders.of(setup.ladder))


def _forget_stray(state: State, fact: OrderFact) -> None:
    if isinstance(fact, OrderCanceled | OrderExpired):
        for venue_order_id, (label, _) in list(state.strays.items()):
            if label == fact.order_id:
                del state.strays[venue_order_id]
