"""The monitor: what has happened in this life, counted as it happens, in bounded memory.

It is told every step on the way from the engine to the venue, so a step that only carries market data costs it a look
at the types. Fills are told any number of times and counted once.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from math import ceil
from typing import Any

import msgspec

from replenisher.core.absence import why_absent
from replenisher.core.elsewhere import fresh_prices
from replenisher.core.prices import Of
from replenisher.core.setup import VenueSetup
from replenisher.core.slots import SlotKey, slot_of
from replenisher.core.state import State
from replenisher.core.sweep_watches import Sweeps
from replenisher.live.new_fills import NewFills
from replenisher.live.picture import Picture, SeenFill, Stop, Summary
from replenisher.live.standing import (
    as_json,
    book_top,
    empty_slots,
    holding,
    live_orders,
)
from replenisher.live.uptime import uptimes
from replenisher.model.command import AmendOrder, CancelOrder, Command, Denied, Intent, PlaceOrder
from replenisher.model.event import (
    BookChanged,
    ClockOffset,
    Event,
    LinkAlive,
    OrderWorking,
    PriceFailed,
    PriceTold,
    SessionLost,
    Started,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import EXTERNAL, Status
from replenisher.model.step import Decision, OrderState, Step
from replenisher.model.units import MINUTE_NS, SECOND_NS

QUIET = frozenset({BookChanged, TradePrinted, TickerTold, PriceTold, LinkAlive, ClockOffset})
FILLS_SHOWN_MAX = 50
IN_TIME_NS = 5 * SECOND_NS  # after a fill its slot is to be full again
FILL_TIMES_MAX = 10_000
LATENCIES_MAX = 1_000
DEPTH_OF_STATUS = 5


def is_quiet(step: Step) -> bool:
    """Whether a step carries market data and nothing else."""
    if step.commands or step.orders or step.decisions:
        return False
    return QUIET.issuperset(map(type, step.events))


class Eaten(msgspec.Struct):
    """A slot was emptied by a fill, and the clock of its refill runs while its strategy wants one there."""

    since: int | None  # when it was last set going; None while it stands
    trade: tuple[str, str]  # instrument and trade id of the fill that did it
    wanted_ns: int = 0  # what it showed then

    def see(self, at: int, *, is_wanted: bool) -> None:
        """Whether a refill is wanted from now on."""
        if not is_wanted:
            self.wanted_ns, self.since = self.at(at), None
        elif self.since is None:
            self.since = at

    def at(self, at: int) -> int:
        """For how long a refill has been wanted by now."""
        return self.wanted_ns + (0 if self.since is None else at - self.since)


class Counts(msgspec.Struct, kw_only=True):
    """How often what happened in this life."""

    orders: int = 0  # placed
    amended: int = 0
    canceled: int = 0
    rejected: int = 0  # by the venue, or never sent
    expired: int = 0
    denied: int = 0  # by our own gate
    unknown: int = 0  # places that were not answered in time
    fills: int = 0
    refills: int = 0  # places and amends that put back what a fill ate
    slots_refilled: int = 0  # slots that a fill has emptied and that are full again


class Monitor:
    """Counts what happens. Made before the first step of a life, from the state it begins with."""

    def __init__(self, state: State) -> None:
        self.counts = Counts()
        self.started_at = 0
        self._new_fills = NewFills(state.account)
        self._fills: deque[SeenFill] = deque(maxlen=FILLS_SHOWN_MAX)
        self._fill_times: deque[int] = deque(maxlen=FILL_TIMES_MAX)
        self._latencies_ns: deque[int] = deque(maxlen=LATENCIES_MAX)
        self._live: dict[str, OrderState] = {order.order_id: order.report() for order in state.orders.all_live()}
        self._eaten: dict[SlotKey, Eaten] = {}
        self._refilling: dict[str, Eaten] = {}  # by the order that is on its way into the slot
        self._decisions: dict[str, Decision] = {}  # the last one of each strategy
        self._failed: dict[str, str] = {}  # why there was last no price over HTTP, by its source
        self._lost: dict[str, str] = {}  # why each venue last lost its session
        self._sweeps = Sweeps(state)

    # --- Being told ----------------------------------------------------------------------------------------------

    def observe(self, step: Step) -> None:
        """Take one step into account."""
        self._sweeps.observe(step)
        if is_quiet(step):
            return
        for event in step.events:
            if isinstance(event, OrderWorking):
                self._is_back(event.order_id, event.at)
            elif isinstance(event, Started):
                self.started_at = event.at
            elif isinstance(event, SessionLost):
                self._lost[event.venue] = event.reason
            elif isinstance(event, PriceFailed):
                self._failed[f"{Of.HTTP}:{event.source}"] = event.reason
        self._see_fills(step)
        for order in step.orders:
            self._see_order(order)
        for decision in step.decisions:
            self._decisions[decision.strategy] = decision
            self._see_wishes(decision, step.at)
        for command in step.commands:
            self._see_command(command)

    def learned(self) -> Sequence[Event]:
        """What it has found out since it was last asked that is for the record."""
        return self._sweeps.learned()

    def _see_fills(self, step: Step) -> None:
        fills = self._new_fills.among(step.events)
        if not fills:
            return
        orders = {order.order_id: order for order in step.orders}
        for number, fill in enumerate(fills):
            order = orders.get(fill.order_id)
            emptied = (
                order is not None
                and order.status is Status.FILLED
                and order.order_id in self._live
                and all(later.order_id != fill.order_id for later in fills[number + 1 :])
            )
            self.counts.fills += 1
            self._fill_times.append(fill.at)
            self._fills.appendleft(
                SeenFill(
                    at=fill.at,
                    instrument=fill.instrument,
                    order_id=fill.order_id,
                    trade_id=fill.trade_id,
                    strategy=EXTERNAL if order is None else order.strategy,
                    side=fill.side,
                    level=None if order is None else order.level,
                    price=fill.price,
                    amount=fill.amount,
                    fee=fill.fee,
                    fee_currency=fill.fee_currency,
                    liquidity=fill.liquidity,
                    emptied=emptied,
                )
            )
            if emptied and order is not None:
                self._eaten[slot_of(order)] = Eaten(fill.at, (fill.instrument, fill.trade_id))

    def _see_order(self, order: OrderState) -> None:
        before = self._live.get(order.order_id)
        if not order.status.is_terminal:
            if order.status is Status.UNKNOWN and (before is None or before.status is not Status.UNKNOWN):
                self.counts.unknown += 1
            elif order.status is Status.WORKING:
                self._is_back(order.order_id, order.updated_at)  # As the venue says when it is asked.
            self._live[order.order_id] = order
            return
        if before is None:
            return  # Its end was counted when it came; this is late news.
        del self._live[order.order_id]
        match order.status:
            case Status.FILLED:
                self._is_back(order.order_id, order.updated_at)  # It was there, or it could not have been eaten.
            case Status.CANCELED:
                self.counts.canceled += 1
            case Status.REJECTED:
                self.counts.rejected += 1
            case Status.EXPIRED:
                self.counts.expired += 1
            case _:
                raise AssertionError(f"{order.status} is not an end")
        if (eaten := self._refilling.pop(order.order_id, None)) is not None:
            self._eaten[slot_of(order)] = eaten  # It never came to rest: the clock runs on until another one does.

    def _see_command(self, command: Command) -> None:
        match command:
            case PlaceOrder():
                self.counts.orders += 1
                self.counts.refills += command.intent is Intent.REFILL
                if command.intent is Intent.REFILL:
                    self._see_refill(command)
            case AmendOrder():
                self.counts.amended += 1
                self.counts.refills += command.intent is Intent.REFILL
            case CancelOrder():
                if (order := self._live.get(command.order_id)) is not None:
                    self._eaten.pop(slot_of(order), None)  # It is not wanted there: nothing is missing any more.
            case Denied():
                self.counts.denied += 1
            case _:
                pass

    def _see_wishes(self, decision: Decision, at: int) -> None:
        if not self._eaten:
            return
        wanted = {(quote.side, quote.level) for quote in decision.permitted}
        for (strategy, instrument, *place), eaten in self._eaten.items():
            if (strategy, instrument) == (decision.strategy, decision.instrument):
                eaten.see(at, is_wanted=tuple(place) in wanted)

    def _is_back(self, order_id: str, at: int) -> None:
        """An order rests; if it is a refill, what a fill ate is back on the book."""
        eaten = self._refilling.pop(order_id, None)
        if eaten is None:
            return
        self.counts.slots_refilled += 1
        latency_ns = eaten.at(at)
        self._latencies_ns.append(latency_ns)
        self._note(eaten, refilled_after_ns=latency_ns)

    def _see_refill(self, place: PlaceOrder) -> None:
        """A refill puts back what was eaten in its slot, or else what was eaten first on its side of the ladder."""
        ladder = (place.strategy, place.instrument, place.side)
        own = (*ladder, place.level)
        slot = own if own in self._eaten else next((slot for slot in self._eaten if slot[:3] == ladder), None)
        if slot is not None:
            self._refilling[place.order_id] = self._eaten.pop(slot)

    def _note(self, eaten: Eaten, **news: Any) -> None:
        for index, fill in enumerate(self._fills):
            if (fill.instrument, fill.trade_id) == eaten.trade:
                self._fills[index] = msgspec.structs.replace(fill, **news)
                return

    # --- Being asked ---------------------------------------------------------------------------------------------

    def summary(self, state: State, at: int) -> dict[str, Any]:
        """One life on one page, as JSON carries it."""
        answer: dict[str, Any] = as_json(self._summary(state, at))
        return answer

    def status(self, state: State, at: int) -> dict[str, Any]:
        """The summary, and what stands on the book."""
        picture = self.look(state, at, DEPTH_OF_STATUS)
        standing = {"ladder": picture.ladder, "empty_slots": picture.empty_slots, "book": picture.book}
        standing["sweeps"] = self._sweeps.newest()
        answer: dict[str, Any] = as_json(picture.summary) | as_json(standing)
        return answer

    def look(self, state: State, at: int, depth: int = 60) -> Picture:
        """Everything an operator is shown, as a value that no later step changes."""
        instruments = _of_ours(state)
        return Picture(
            summary=self._summary(state, at),
            instruments=instruments,
            ladder=live_orders(state, at),
            empty_slots=empty_slots(state, at),
            book={key: book_top(state, instrument, depth) for key, instrument in instruments.items()},
            fills=tuple(self._fills),
        )

    def _summary(self, state: State, at: int) -> Summary:
        live = list(state.orders.all_live())
        latencies_ns = sorted(self._latencies_ns)
        stopping = state.stopping
        return Summary(
            at=at,
            uptime_s=round((at - self.started_at) / 1e9, 1) if self.started_at else 0.0,
            **msgspec.structs.asdict(self.counts),
            fills_per_minute=self._fills_per_minute(at),
            refill_p50_ms=_percentile_ms(latencies_ns, 0.5),
            refill_p95_ms=_percentile_ms(latencies_ns, 0.95),
            refill_p99_ms=_percentile_ms(latencies_ns, 0.99),
            refill_samples=len(latencies_ns),
            refilled_5s_share=self._refilled_share(latencies_ns, at),
            live_orders=len(live),
            in_flight=sum(order.pending is not None for order in live),
            unanswered=sum(
                order.status is Status.UNKNOWN or (order.pending is not None and order.pending.is_overdue)
                for order in live
            ),
            uncovered=sum(not order.is_covered for order in live),
            not_quoting={setup.id: why_absent(state, setup, at) for setup in state.setup.strategies},
            withheld={setup.id: state.withheld.get(setup.id, "") for setup in state.setup.strategies},
            guards={
                setup.id: guarded.told(state.orders.of(setup.ladder), at)
                for setup in state.setup.strategies
                if (guarded := state.guarded.get(setup.id)) is not None
            },
            prices={
                setup.id: setup.priced_by.standing(fresh_prices(state, setup, at), self._failed)
                for setup in state.setup.strategies
                if setup.priced_by is not None
            },
            terms={strategy: decision.terms for strategy, decision in self._decisions.items()},
            resilience=self._sweeps.resilience(),
            instruments={key: holding(state, instrument) for key, instrument in _of_ours(state).items()},
            obligations=uptimes(state, at),
            balances=dict(state.account.balances),
            halts=list(state.halts.values()),
            pauses=list(state.pauses.values()),
            sync={venue.name: _stage(state, venue.name) for venue in state.setup.quoted_venues},
            lost={
                venue: reason
                for venue, reason in self._lost.items()
                if venue in state.syncs and not state.syncs[venue].is_synced
            },
            dead_man_switch={venue.name: _switch(state, venue) for venue in state.setup.quoted_venues},
            stop=None
            if stopping is None
            else Stop(reason=stopping.reason, verdict=str(stopping.verdict), left=list(stopping.left)),
        )

    def _refilled_share(self, latencies_ns: list[int], at: int) -> float | None:
        """Of the slots that fills have emptied: how many were full again within five seconds of wanting to be."""
        waiting = [*self._eaten.values(), *self._refilling.values()]
        overdue = sum(eaten.at(at) > IN_TIME_NS for eaten in waiting)
        known = len(latencies_ns) + overdue
        return bisect_right(latencies_ns, IN_TIME_NS) / known if known else None

    def _fills_per_minute(self, at: int) -> int:
        return sum(then > at - MINUTE_NS for then in self._fill_times)


def _of_ours(state: State) -> dict[str, Instrument]:
    """The instruments that are quoted or held; not those of which only the price is followed."""
    held, setup = state.account.positions, state.setup
    return {key: each for key, each in state.instruments.items() if key in held or setup.watching(key)}


def _stage(state: State, venue: str) -> str:
    sync = state.syncs.get(venue)
    return "closed" if sync is None else str(sync.stage)


def _switch(state: State, venue: VenueSetup) -> str:
    """Whether the venue would cancel for us; a session opens only once its switch was armed, and read back or held."""
    if not venue.cancels_orphans:
        return "none"
    sync = state.syncs.get(venue.name)
    return "armed" if sync is not None and sync.is_open else "not armed"


def _percentile_ms(sorted_ns: list[int], fraction: float) -> float | None:
    """The smallest value that is not below `fraction` of them."""
    if not sorted_ns:
        return None
    return round(sorted_ns[ceil(fraction * len(sorted_ns)) - 1] / 1e6, 3)
