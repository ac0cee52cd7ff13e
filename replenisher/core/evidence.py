"""What the venue shows of our orders when it is asked, and what that proves.

An answer is weighed by what it is an answer as of. That an order rests, or has ended, is the venue's word. That it is
not there, or still is what it was before an amend, proves something only behind a fence: once no request of ours can be
granted any more, and what the venue shows is no older than that. And a venue may forget an order for a while; so "not
found" ends one only if it is said several times, and for as long as this venue may forget.
"""

from itertools import chain
from typing import assert_never

from replenisher.core.order_facts import comes_back, eat_slot, end, outlives_its_end, rests, take_terms
from replenisher.core.orders import Order, Pending
from replenisher.core.state import State
from replenisher.core.topic import Topic
from replenisher.model.event import OpenOrdersReported, OrderNotFound, OrderReport, OrderReported
from replenisher.model.instrument import venue_of
from replenisher.model.order import PLACE, Status, Transition
from replenisher.model.units import SECOND_NS

READ_LAG_NS = SECOND_NS  # how much later than `valid_until` what a venue shows becomes evidence
UNBOOKED_NS = SECOND_NS // 4  # after how long an order that has ended with fills we miss is asked for again
NOT_FOUND_TIMES = 3  # one answer may come from a part of the venue that lags, the next from one that does not
SLACK_NS = SECOND_NS // 10  # so that an answer is surely as of after the moment for which it was asked


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
    """The venue told which orders rest, on an instrument or on all: compare with what we believe.

    Most of them rest as we believe. Only of the others anything follows, and only their instruments are looked at anew.
    """
    sync, covered = state.sync(venue_of(fact.scope)), state.setup.covered_by(fact.scope)
    sync.answered(Topic.OPEN_ORDERS, fact.scope)
    resting = {report.order_id: report for report in fact.orders if state.is_ours(report.order_id)}
    for report in resting.values():
        order = state.orders.get(report.order_id)
        if order is None or order.status.is_terminal:
            _is_astray(state, order, report, fact)
            state.revisit(report.instrument)
        elif not _is_as_believed(order, report):
            _is_reported(state, order, report, as_of=report.venue_time, at=fact.at)
            state.orders.file(order)
            state.revisit(report.instrument)
    shown = {report.venue_order_id for report in fact.orders}
    for venue_order_id, (_, instrument) in list(state.strays.items()):
        if instrument in covered and venue_order_id not in shown:
            del state.strays[venue_order_id]
            state.revisit(instrument)
    for order in list(state.orders.back.values()):
        if order.instrument in covered and order.order_id not in resting and order.updated_at < fact.asked_at:
            state.orders.gone(order)
            state.own_size(order.instrument).ended(order.order_id, order.side, order.venue_time, fact.at)
            state.revisit(order.instrument)
    for order in chain.from_iterable(map(state.orders.on, covered)):
        if order.order_id not in resting and order.pending is None and order.updated_at < fact.asked_at:
            sync.ask_order(order, fact.at)
    if state.stopping is not None:
        state.stopping.shown(fact.scope, list(resting), fact.asked_at)


def _is_as_believed(order: Order, report: OrderReport) -> bool:
    """Whether the venue shows an order just as we have it, so that there is nothing to learn."""
    return (
        order.status is report.status is Status.WORKING
        and order.pending is None
        and not order.not_found
        and (order.price, order.quantity, order.filled) == (report.price, report.quantity, report.filled)
        and (order.venue_order_id, order.venue_time) == (report.venue_order_id, report.venue_time)
    )


def _is_astray(state: State, order: Order | None, report: OrderReport, fact: OpenOrdersReported) -> None:
    """It carries our name, but the journal knows no live order by it: canceled, never adopted."""
    if order is not None and outlives_its_end(order, report.venue_time, report.quantity):
        comes_back(state, order, report.venue_order_id, fact.at)
    elif order is None or order.updated_at < fact.asked_at:  # else it has ended since we asked
        state.strays[report.venue_order_id] = (report.order_id, report.instrument)
        state.ask(Topic.OPEN_ORDERS, report.instrument, fact.at + SECOND_NS)


def _is_reported(state: State, order: Order, report: OrderReport, *, as_of: int, at: int) -> None:
    """The venue's word on one order that we asked for."""
    if order.status.is_terminal:
        is_resting = not report.status.is_terminal
        if is_resting and outlives_its_end(order, report.venue_time, report.quantity):
            comes_back(state, order, report.venue_order_id, at)
        return
    order.venue_order_id = report.venue_order_id or order.venue_order_id
    if report.filled > order.filled:
        state.ask(Topic.TRADES, order.instrument, at)
        if report.status.is_terminal and not _trades_are_lost(state, order, at):
            # It rests no more, but as long as its fills are not booked no position has them: it goes on counting.
            state.sync_of(order.instrument).ask_order(order, at + UNBOOKED_NS)
            return
    match report.status:
        case Status.WORKING | Status.PENDING | Status.UNKNOWN:
            if order.pending is not None and order.pending.request is PLACE:
                order.pending = None
            elif order.pending is not None and order.pending.is_overdue:
                _settle_amend(state, order, order.pending, report, as_of, at)
            if report.venue_time >= order.venue_time:  # never what an older read shows over a newer event
                take_terms(order, report.price, report.quantity, report.venue_time)
            rests(state, order, at)
        case Status.FILLED:
            end(state, order, Transition.FULLY_FILLED, report.reason, report.venue_time, at)
            eat_slot(state, order, at)
        case Status.CANCELED:
            end(state, order, Transition.CANCELED, report.reason, report.venue_time, at)
        case Status.REJECTED:
            end(state, order, Transition.REJECTED, report.reason, report.venue_time, at)
        case Status.EXPIRED:
            end(state, order, Transition.EXPIRED, report.reason, report.venue_time, at)
        case _:
            assert_never(report.status)


def _trades_are_lost(state: State, order: Order, at: int) -> bool:
    """Whether what the order traded is not among trades that the venue had long enough to show.

    Waiting longer would keep its venue out of sync for ever. What the position says of it is judged there.
    """
    order.unbooked_since = order.unbooked_since or at
    shown_by = order.unbooked_since + state.setup.venue(venue_of(order.instrument)).forgets_ns
    scope = state.setup.scope(Topic.TRADES, order.instrument)
    return state.sync_of(order.instrument).trades_as_of.get(scope, 0) > shown_by


def _settle_amend(state: State, order: Order, amend: Pending, report: OrderReport, as_of: int, at: int) -> None:
    """What became of an amend that was not answered: granted, or not and never will be, or it may still be."""
    fence = _fence(state, order, amend.valid_until)
    is_granted = (report.price, report.quantity) == (amend.price, amend.quantity)
    if as_of > fence:
        order.pending = None
        take_terms(order, report.price, report.quantity, report.venue_time)
    elif is_granted and report.venue_time >= order.venue_time:
        order.pending = None
    else:
        _ask_behind(state, order, fence - as_of, at)


def _fence(state: State, order: Order, valid_until: int) -> int:
    """The venue's time from which on what it shows is evidence: no request of this deadline can still be granted."""
    return valid_until + state.clock_offsets_ns.get(venue_of(order.instrument), 0) + READ_LAG_NS


def _ask_behind(state: State, order: Order, wait_ns: int, at: int) -> None:
    """Ask about an order again once so much time has passed."""
    state.sync_of(order.instrument).ask_order(order, at + max(wait_ns, 0) + SLACK_NS)


def _is_not_found(state: State, order: Order, fact: OrderNotFound) -> None:
    """ "Not found" ends an order only behind a fence, and only if that is said again and again."""
    if order.status.is_terminal:
        return
    fence = _fence(state, order, order.valid_until)
    if fact.venue_time <= fence:
        _ask_behind(state, order, fence - fact.venue_time, fact.at)
        return
    if not order.not_found:
        order.not_found_since = fact.venue_time
        if order.venue_order_id or fact.reason:  # it did rest, or may have: what it traded should be booked as it ends
            state.ask(Topic.TRADES, order.instrument, fact.at)
    order.not_found += 1
    forgets_ns = state.setup.venue(venue_of(order.instrument)).forgets_ns
    if order.not_found < NOT_FOUND_TIMES or fact.venue_time - order.not_found_since < forgets_ns:
        _ask_behind(state, order, forgets_ns // (NOT_FOUND_TIMES - 1), fact.at)
        return
    if order.venue_order_id:
        # It did rest, and the venue has forgotten it: it is over, and what of it traded is among the trades.
        end(state, order, Transition.CANCELED, "the venue no longer knows it", 0, fact.at)
        state.ask(Topic.TRADES, order.instrument, fact.at)
    else:
        end(state, order, Transition.REJECTED, fact.reason or "the venue never had it", 0, fact.at)
