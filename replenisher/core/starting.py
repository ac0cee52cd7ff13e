"""Starting: what becomes of the orders that an earlier life has left at a venue, in the first session of this one.

`cancel` takes them off before the first quote: nothing is permitted yet, so that the sync does it by itself. `adopt`
leaves them where they rest until everything is known; then they are live orders like any others, and those that fit a
wanted quote stay. For that there is not much time: what nobody can manage must not rest. `abort` touches nothing, and
ends the life if there are any. An order that is not ours is touched by none of them, and one that carries our name but
is not in the journal is never adopted. What was traded and is not configured any more is looked after like the rest,
until the life ends in which nothing rests there.
"""

from dataclasses import replace

from replenisher.core.absence import why_distrusted
from replenisher.core.orders import Order
from replenisher.core.setup import OnStart, StrategySetup
from replenisher.core.state import State
from replenisher.core.topic import Topic
from replenisher.model.instrument import venue_of
from replenisher.model.order import Status
from replenisher.model.units import NEVER_NS, SECOND_NS

ADOPT_NS_MAX = 10 * SECOND_NS  # how long orders are left alone that may be adopted


def out_of_reach(state: State) -> list[str]:
    """Orders that may rest and that nobody can ask about or cancel under this setup."""
    is_quoted_on, orders = state.setup.is_quoted_on, state.orders.all_live()
    return sorted(
        order.order_id
        for order in orders
        if not (state.is_ours(order.order_id) and is_quoted_on(venue_of(order.instrument)))
    )


def look_after_what_was_left(state: State) -> None:
    """A life begins: instruments that nobody quotes any more are asked about as long as something may rest there."""
    quoted = {setup.instrument for setup in state.setup.strategies}
    venues = {setup.venue for setup in state.setup.strategies}
    left = {order.instrument for order in state.orders.all_live() if venue_of(order.instrument) in venues} - quoted
    if (left_on := tuple(sorted(left))) != state.setup.left_on:
        state.setup = replace(state.setup, left_on=left_on)


def begin(state: State, venue: str, at: int) -> None:
    """A session has opened: in the first one orders may have to be left alone for a while."""
    if state.setup.on_start is OnStart.ADOPT:
        state.left_alone_until.setdefault(venue, at + ADOPT_NS_MAX)
    elif state.setup.on_start is OnStart.ABORT:
        state.left_alone_until.setdefault(venue, NEVER_NS)


def are_left_alone(state: State, setup: StrategySetup, at: int) -> bool:
    """Whether a strategy that may show nothing leaves what rests as it is."""
    if at >= state.left_alone_until.get(setup.venue, 0):
        return False
    if state.setup.on_start is OnStart.ABORT:
        return True
    if state.stopping is not None or state.halts or state.pauses or state.journal_blocked:
        return False
    if not state.books[setup.instrument].updated_at:
        return True  # its first book is waited for
    return not state.sync(setup.venue).is_synced and not state.lease_lost and not why_distrusted(state, setup, at)


def is_in_the_way(state: State, order: Order, at: int) -> bool:
    """Whether the sync has to wait for an order's end."""
    venue = venue_of(order.instrument)
    if state.setup.on_start is not OnStart.ADOPT or at >= state.left_alone_until.get(venue, 0):
        return True
    is_known = order.status is Status.WORKING and order.pending is None
    return (
        not is_known
        or (Topic.ORDER, order.order_id) in state.sync(venue).open_questions
        or (order.strategy, order.instrument) not in state.setup.ladders
    )


def object_to(state: State, venue: str) -> None:
    """End the life if the venue shows orders of an earlier one, and they are not to be touched."""
    if state.setup.on_start is not OnStart.ABORT or not state.left_alone_until.get(venue):
        return
    resting = {label for label, instrument in state.strays.values() if venue_of(instrument) == venue}
    if not resting and not state.sync(venue).open_questions:
        resting = {order.order_id for order in state.orders.all_live() if venue_of(order.instrument) == venue}
    if resting:
        names = ", ".join(sorted(resting))
        state.objection = f"risk.on_start is abort, and orders of ours rest at {venue}: {names}"


def is_over(state: State, venue: str) -> None:
    """The venue is in sync: nothing was left that is not to be touched."""
    if state.setup.on_start is OnStart.ABORT:
        state.left_alone_until[venue] = 0
