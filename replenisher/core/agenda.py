"""The agenda: when to look again, should nothing happen before.

A step pays for the instruments that it has touched and for those whose time has come, whatever their number.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from replenisher.core.elsewhere import next_expiry
from replenisher.core.plan import Plan
from replenisher.core.setup import StrategySetup
from replenisher.core.state import State
from replenisher.model.order import WORKING
from replenisher.model.units import NEVER_NS


class Alarms:
    """One session time for each instrument, and the earliest of them at hand.

    An alarm that is put off keeps its place, and is moved on when that has come: most are put off again before.
    """

    __slots__ = ("_places", "_queue", "_times", "first")

    def __init__(self) -> None:
        self.first = NEVER_NS  # none is earlier
        self._times: dict[str, int] = {}
        self._places: dict[str, int] = {}  # instrument -> the time at which it stands in the queue
        self._queue: list[tuple[int, str]] = []  # a heap; what is not in `_places` is void

    def set(self, instrument: str, at: int) -> None:
        """Look at this instrument at this time, and at no other."""
        self._times[instrument] = at
        if at < self._places.get(instrument, NEVER_NS):
            self._places[instrument] = at
            heappush(self._queue, (at, instrument))
            if at < self.first:
                self.first = at

    def due(self, at: int) -> list[str]:
        """The instruments whose time has come, the earliest first; each is told once."""
        due: list[str] = []
        while self._queue and self._queue[0][0] <= at:
            place, instrument = heappop(self._queue)
            if self._places.get(instrument) != place:
                continue
            del self._places[instrument]
            if self._times[instrument] <= at:
                due.append(instrument)
            else:
                self.set(instrument, self._times[instrument])
        self.first = self._queue[0][0] if self._queue else NEVER_NS
        return due


class Agenda:
    """What time alone may change."""

    __slots__ = ("_affordable_at", "_revisits", "_settlings", "fresh_until")

    def __init__(self) -> None:
        self.fresh_until = NEVER_NS  # from then on a book is too old on which this step has decided something
        self._revisits = Alarms()  # when our wishes may be others
        self._settlings = Alarms()  # when a level of ours has been still, and may show a decrease of the others
        self._affordable_at: dict[str, int] = {}  # instrument -> when the rate budget allows what it refused

    def deadline(self, state: State) -> int | None:
        """The session time at which to look again."""
        soonest = min(self._revisits.first, self._settlings.first, state.orders.first_deadline)
        for sync in state.syncs.values():
            if (due := sync.next_due) < soonest:
                soonest = due
        for pause in state.pauses.values():
            if pause.until and pause.until < soonest:
                soonest = pause.until
        stopping = state.stopping
        if stopping is not None and not stopping.is_over:
            soonest = min(soonest, stopping.looks_until or stopping.deadline)
        return soonest if soonest < NEVER_NS else None

    def remind(self, state: State, at: int) -> None:
        """A step begins, at `at`: note in the state what is due."""
        self.fresh_until = NEVER_NS
        if self._revisits.first <= at:
            for instrument in self._revisits.due(at):
                state.revisit(instrument)
        if self._settlings.first <= at:
            for instrument in self._settlings.due(at):
                state.look_at(instrument)

    def cannot_pay(self, instrument: str, until: int) -> None:
        """The rate budget has refused a request."""
        self._affordable_at[instrument] = min(until, self._affordable_at.get(instrument, NEVER_NS))

    def looked_at(self, state: State, instrument: str, at: int) -> None:
        """A market was looked at: note when it may look otherwise although it has not moved."""
        settles_at = state.own_size(instrument).settles_at(at)
        if settles_at is not None:
            self._settlings.set(instrument, settles_at)

    def decided(self, state: State, instrument: str, plans: Sequence[Plan], at: int) -> None:
        """All that is wanted on an instrument was decided: note when that may change without any news.

        A request that is not answered has its own deadline, which the orders keep.
        """
        soonest = self._affordable_at.pop(instrument, NEVER_NS)
        if at < state.orders.held_back_until:
            for order in state.orders.on(instrument):
                if at < order.cancel_after < soonest:
                    soonest = order.cancel_after
                if at < order.halted_until < soonest:
                    soonest = order.halted_until
                if at < order.amend_after < soonest:
                    soonest = order.amend_after
        for plan in plans:
            if plan.setup.instrument == instrument:
                too_old_at = _too_old_at(state, plan.setup, at)
                if at < too_old_at < self.fresh_until:
                    self.fresh_until = too_old_at
                if at < too_old_at < soonest:
                    soonest = too_old_at
                soonest = _changes_at(state, plan, soonest, at)
        self._revisits.set(instrument, soonest)
        self.looked_at(state, instrument, at)


def _too_old_at(state: State, setup: StrategySetup, at: int) -> int:
    """When a strategy can no longer rely on its book or a price from elsewhere, should nothing be heard any more."""
    heard_at, link_heard_at = state.books[setup.instrument].heard_at, state.links_heard.get(setup.venue, 0)
    too_old_at = (heard_at if heard_at > link_heard_at else link_heard_at) + setup.limits.max_data_age_ns + 1
    return min(too_old_at, next_expiry(state, setup, at) or NEVER_NS) if setup.prices else too_old_at


def _changes_at(state: State, plan: Plan, soonest: int, at: int) -> int:
    """When time may change what one strategy wants or may show in another way, if that is sooner."""
    setup = plan.setup
    if plan.seen.absence and at < (left_alone_until := state.left_alone_until.get(setup.venue, 0)) < soonest:
        soonest = left_alone_until
    if (guarded := state.guarded.get(setup.id)) is not None:
        soonest = min(soonest, guarded.changes_at(at))
    if setup.looks_again_ns is not None:
        soonest = min(soonest, at + setup.looks_again_ns)
    if setup.policy.max_order_age_ns is not None:
        for order in state.orders.of(setup.ladder):
            if order.status is WORKING and at < order.created_at + setup.policy.max_order_age_ns < soonest:
                soonest = order.created_at + setup.policy.max_order_age_ns
    if at < state.slots.last_opening:
        keys = list(map(setup.slot, plan.permitted))
        soonest = min(soonest, state.slots.next_opening(keys, at) or NEVER_NS)
    return soonest
