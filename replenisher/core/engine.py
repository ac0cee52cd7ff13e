"""The step: facts in, wishes out. Live trading, paper trading and every test differ only in who calls it.

It reads no clock, opens no socket and draws no random number: the same facts always give the same wishes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from replenisher.core.absence import why_absent
from replenisher.core.apply import advance, apply
from replenisher.core.book import Touch
from replenisher.core.budget import Budget
from replenisher.core.daily_loss import DailyLoss
from replenisher.core.expect import expect
from replenisher.core.orders import Order
from replenisher.core.reconcile import Change, Keep, Show, Wish, Withdraw, reconcile
from replenisher.core.risk import CROSSES_OWN, Bound, objection, permit
from replenisher.core.setup import StrategySetup
from replenisher.core.slots import SlotKey
from replenisher.core.state import State
from replenisher.core.stopping import Verdict
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.command import (
    AmendOrder,
    CancelOrder,
    Command,
    Denied,
    Intent,
    MoveSlot,
    PlaceOrder,
)
from replenisher.model.event import Event
from replenisher.model.instrument import Instrument, venue_of
from replenisher.model.order import BUY, WORKING
from replenisher.model.step import Decision, Quote, Step

FAR = 1 << 62
SHOWN = (Change, Show)  # a tuple, as a union that is written where it is used is made anew each time


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a plan depends on beside what is ours."""

    touch: Touch | None  # of the others
    last_trade: int | None  # where the strategy heeds it
    shown_touch: tuple[int, int] | None
    absence: str  # why nothing may be shown; empty if something may
    cash_moves: int  # how often any balance has changed

    def means_the_same_as(self, before: "Seen") -> bool:
        """Whether the same quotes would be judged the same: by the same mark, cash and touch as published."""
        return (
            self.touch is not None
            and before.touch is not None
            and self.touch.bid + self.touch.ask == before.touch.bid + before.touch.ask
            and self.shown_touch == before.shown_touch
            and self.absence == before.absence
            and self.cash_moves == before.cash_moves
        )


@dataclass(slots=True)
class Plan:
    """What one strategy wants in this step, and the wishes that lead there."""

    setup: StrategySetup
    seen: Seen
    wanted: Quotes
    permitted: tuple[Quote, ...]
    withheld: str  # why less than wanted was permitted
    bounds: tuple[Bound, ...]
    wishes: list[Wish]
    is_complete: bool  # all that is wanted may be shown, and stands

    def decision(self) -> Decision:
        """The same for the record."""
        return Decision(
            strategy=self.setup.id,
            instrument=self.setup.instrument,
            fair_value=self.wanted.fair_value,
            terms=self.wanted.terms,
            wanted=self.wanted.quotes,
            permitted=self.permitted,
            withheld=self.withheld,
        )


@dataclass(slots=True)
class Engine:
    """Turns facts into wishes."""

    state: State
    number: int = 0
    at: int = 0  # session time of the last step; it never goes back
    deadlines: dict[str, int] = field(default_factory=dict)  # by instrument
    settlings: dict[str, int] = field(default_factory=dict)  # instrument -> when a level of ours there has been still
    soonest: int = FAR  # none of all these is earlier
    unaffordable_until: dict[str, int] = field(default_factory=dict)  # instrument -> when the rate budget allows more
    daily_loss: DailyLoss = field(default_factory=DailyLoss)
    at_rest: dict[str, Plan] = field(default_factory=dict)  # strategy -> its last plan, if that left nothing to do

    @property
    def next_deadline(self) -> int | None:
        """The session time at which the engine wants to be woken, should nothing happen before."""
        state, soonest = self.state, self.soonest
        for sync in state.syncs.values():
            if (next_due := sync.next_due) < soonest:
                soonest = next_due
        for pause in state.pauses.values():
            if pause.until and pause.until < soonest:
                soonest = pause.until
        if state.stopping is not None and state.stopping.verdict is Verdict.OPEN:
            soonest = min(soonest, state.stopping.deadline)
        return soonest if soonest < FAR else None

    def step(self, events: Sequence[Event]) -> Step:
        """Apply everything that has arrived, and decide once per touched market."""
        assert events, "a step is caused by something"
        state, at = self.state, self.at
        for event in events:
            if event.at > at:
                at = event.at
            apply(state, event)
        self.at = at
        advance(state, at)
        if at >= self.soonest:
            self._revisit_due(at)
        commands: list[Command] = []
        for limit in self.daily_loss.look(state, self._revalued(at), at):
            commands.append(self._note(limit, at))
        touched, state.to_revisit = state.to_revisit, {}
        moved, state.to_look_at = state.to_look_at, {}
        plans = [self._plan(setup, at) for instrument in touched for setup in state.setup.watching(instrument)]
        for instrument in moved:
            if instrument not in touched and (fresh := self._plans_after_move(instrument, at)):
                touched[instrument] = None
                plans += fresh
        if plans:
            commands += self._carry_out(plans, at)
        if state.earlier_lives:
            commands += self._cancel_left_over(touched, at)
        if state.strays:
            commands += self._cancel_strays(at)
        for instrument in touched:
            self.deadlines[instrument] = deadline = self._deadline(instrument, plans, at)
            self.soonest = min(self.soonest, deadline)
            self._note_settling(instrument, at)
        for venue, sync in state.syncs.items():
            if sync.next_due <= at:
                commands += sync.due(state.account.cursors, state.setup.venue(venue).request_timeout_ns, at)

        self.number += 1
        return Step(
            number=self.number,
            at=at,
            events=tuple(events),
            commands=tuple(commands),
            decisions=tuple([plan.decision() for plan in plans]) if commands else (),
            orders=tuple([order.report() for order in state.orders.changed()]),
        )

    def _revalued(self, at: int) -> list[str]:
        """Look at every market that has moved; the instruments on which our P&L may be another one now."""
        state = self.state
        revalued = list(state.to_revisit)
        for instrument in revalued:
            state.touches[instrument] = state.touch_of(instrument, at)
        for instrument in state.to_look_at:
            before = state.touches.get(instrument)
            touch = state.touches[instrument] = state.touch_of(instrument, at)
            if touch is None or before is None or touch.bid + touch.ask != before.bid + before.ask:
                revalued.append(instrument)
        return revalued

    # --- What is wanted ------------------------------------------------------------------------------------------

    def _plans_after_move(self, instrument: str, at: int) -> list[Plan]:
        """The plans of the strategies for which it matters that a market has moved and nothing of ours.

        It does not matter to a strategy that had all it wanted, as long as it sees what it saw then, or wants what it
        wanted then at the same mark. What time alone changes has its deadline.
        """
        plans: list[Plan] = []
        for setup in self.state.setup.watching(instrument):
            before = self.at_rest.get(setup.id)
            seen = self._seen(setup, at)
            if before is None:
                plans.append(self._plan(setup, at))
            elif seen != before.seen:
                wanted = self._wanted(setup, seen, at)
                is_same = wanted is before.wanted or wanted.quotes == before.wanted.quotes
                if is_same and seen.means_the_same_as(before.seen):
                    before.seen = seen
                else:
                    plans.append(self._plan(setup, at, seen, wanted))
        self._note_settling(instrument, at)
        return plans

    def _seen(self, setup: StrategySetup, at: int) -> Seen:
        state = self.state
        book = state.book(setup.instrument)
        touch = state.touches.get(setup.instrument)
        absence = why_absent(state, setup, at)
        if not absence and touch is None:
            absence = "one side of the book is empty"
        last_trade = book.last_trade if setup.heeds_trades else None
        return Seen(touch, last_trade, book.shown_touch, absence, state.account.cash_moves)

    def _wanted(self, setup: StrategySetup, seen: Seen, at: int) -> Quotes:
        instrument = self.state.instruments.get(setup.instrument)
        if instrument is None or seen.touch is None or seen.absence:
            return NO_QUOTES
        view = View(
            at=at,
            instrument=instrument,
            touch=seen.touch,
            last_trade=seen.last_trade,
            inventory=self.state.account.inventory(setup.instrument, setup.id),
        )
        wanted = setup.strategy.quote(view)
        before = self.at_rest.get(setup.id)
        return wanted if before is not None and wanted is before.wanted else _sane(wanted)

    def _plan(self, setup: StrategySetup, at: int, seen: Seen | None = None, wanted: Quotes | None = None) -> Plan:
        state = self.state
        seen = seen or self._seen(setup, at)
        wanted = wanted or self._wanted(setup, seen, at)
        permitted, withheld = wanted.quotes, seen.absence
        bounds: tuple[Bound, ...] = ()
        if seen.touch is not None and (instrument := state.instruments.get(setup.instrument)) is not None:
            mark = (seen.touch.bid + seen.touch.ask) * instrument.tick / 2
            bounds = state.bounds(setup, mark)
            if permitted:
                permitted, withheld = permit(permitted, state.exposures(setup, bounds, with_ladder=False))
        orders = state.orders.of(setup.ladder)
        showable = self._showable(setup, permitted, orders, at)
        wishes = reconcile(
            showable, orders, setup.policy, amends_price=state.setup.venue(setup.venue).amends_price, at=at
        )
        is_complete = len(showable) == len(wanted.quotes) and not any(
            not isinstance(wish, Keep) or wish.order.level != wish.level for wish in reversed(wishes)
        )
        return Plan(setup, seen, wanted, permitted, withheld, bounds, wishes, is_complete)

    def _showable(
        self, setup: StrategySetup, quotes: Sequence[Quote], orders: Sequence[Order], at: int
    ) -> Sequence[Quote]:
        """The quotes whose slots have an order already or may be given one now."""
        taken = {order.level if order.side is BUY else ~order.level for order in orders}
        missing = [quote for quote in quotes if (quote.level if quote.side is BUY else ~quote.level) not in taken]
        if not missing:
            return quotes
        touch = self.state.book(setup.instrument).shown_touch
        closed = {
            (quote.side, quote.level)
            for quote in missing
            if not self.state.slots.known((setup.id, setup.instrument, quote.side, quote.level)).is_open(touch, at)
        }
        return [quote for quote in quotes if (quote.side, quote.level) not in closed] if closed else quotes

    # --- What is sent --------------------------------------------------------------------------------------------

    def _carry_out(self, plans: Sequence[Plan], at: int) -> Iterator[Command]:
        """Slots first, then every cancel, then refills, then amends and places from the touch outwards."""
        for plan in plans:
            if plan.is_complete:
                self.at_rest[plan.setup.id] = plan
            else:
                self.at_rest.pop(plan.setup.id, None)
        for plan in plans:
            for wish in plan.wishes:
                # Also where the amend may not be sent now: its old slot is given to somebody else.
                if not isinstance(wish, Show) and wish.order.level != wish.level:
                    yield self._note(MoveSlot(order_id=wish.order.order_id, level=wish.level), at)
        for plan in plans:
            for wish in plan.wishes:
                if isinstance(wish, Withdraw):
                    yield from self._withdraw(wish.order, at)
        shown = [(plan, wish) for plan in plans for wish in plan.wishes if isinstance(wish, SHOWN)]
        if len(shown) > 1:
            shown.sort(key=lambda each: not self._is_refill(*each))
        for plan, wish in shown:
            yield from self._show(plan, wish, at)

    def _is_refill(self, plan: Plan, wish: Change | Show) -> bool:
        """Whether a wish puts back what was eaten: that comes before anything that only moves."""
        if isinstance(wish, Change):
            return False
        key = (plan.setup.id, plan.setup.instrument, wish.quote.side, wish.quote.level)
        return self.state.eaten_slot(key) is not None

    def _withdraw(self, order: Order, at: int) -> Iterator[Command]:
        if at < order.cancel_after or not self.state.sync_of(order.instrument).is_open:
            return
        if self._can_pay(order.instrument, 0, at):
            deadline = at + self.state.setup.venue(venue_of(order.instrument)).request_timeout_ns
            yield self._note(_cancel(order, deadline), at)

    def _show(self, plan: Plan, wish: Change | Show, at: int) -> Iterator[Command]:
        """Place or amend one order, if the gate lets it pass and the budget can pay for it."""
        state, setup, quote = self.state, plan.setup, wish.quote
        instrument = state.instruments[setup.instrument]
        amended = wish.order if isinstance(wish, Change) else None
        exposures = state.exposures(setup, plan.bounds, with_ladder=True)
        counted = None if amended is None else state.orders.load_of(amended)
        others = state.orders.on(setup.instrument)  # of the other side is all that matters here
        reason = objection(quote.side, quote.price, quote.quantity, exposures, others, counted)
        if reason is CROSSES_OWN:
            return  # The other one is on its way out; this one follows it.
        if reason is not None:
            yield from self._deny(setup, quote, reason, at)
            if amended is not None and amended.price != quote.price:
                yield from self._withdraw(amended, at)  # Where it rests now it is not wanted either.
            return
        reserve = state.orders.open + (0 if amended else 1)  # one cancel for every order
        if not self._can_pay(setup.instrument, reserve, at):
            return
        timeout_ns = state.setup.venue(setup.venue).request_timeout_ns
        if amended is None:
            yield self._note(self._place(setup, quote, at, at + timeout_ns), at)
            return
        assert isinstance(wish, Change)
        yield self._note(self._amend(amended, wish, instrument, at, at + timeout_ns), at)

    def _place(self, setup: StrategySetup, quote: Quote, at: int, deadline: int) -> PlaceOrder:
        key: SlotKey = (setup.id, setup.instrument, quote.side, quote.level)
        return PlaceOrder(
            order_id=self.state.next_order_id(),
            instrument=setup.instrument,
            strategy=setup.id,
            side=quote.side,
            level=quote.level,
            price=quote.price,
            quantity=quote.quantity,
            intent=Intent.QUOTE if self.state.eaten_slot(key) is None else Intent.REFILL,
            valid_until=deadline,
            deadline=deadline,
        )

    def _amend(self, order: Order, wish: Change, instrument: Instrument, at: int, deadline: int) -> AmendOrder:
        is_top_up = order.filled_lots > 0 and order.remaining < wish.quote.quantity
        return AmendOrder(
            order_id=order.order_id,
            venue_order_id=order.venue_order_id,
            instrument=instrument.key,
            price=wish.quote.price,
            quantity=wish.quantity,
            intent=Intent.REFILL if is_top_up else Intent.QUOTE,
            valid_until=deadline,
            deadline=deadline,
        )

    def _deny(self, setup: StrategySetup, quote: Quote, reason: str, at: int) -> Iterator[Command]:
        """Record a denial when its reason is a new one for the slot."""
        key: SlotKey = (setup.id, setup.instrument, quote.side, quote.level)
        if self.state.slots.known(key).denied != reason:
            denied = Denied(
                instrument=setup.instrument,
                strategy=setup.id,
                side=quote.side,
                level=quote.level,
                price=quote.price,
                quantity=quote.quantity,
                reason=reason,
            )
            yield self._note(denied, at)

    def _cancel_left_over(self, touched: dict[str, None], at: int) -> Iterator[Command]:
        """Orders of a strategy that is configured no longer: nobody else would take them off."""
        for ladder in self.state.orders.live.keys() - self.state.setup.ladders:
            for order in self.state.orders.of(ladder):
                touched[order.instrument] = None
                if order.status is WORKING and order.pending is None:
                    yield from self._withdraw(order, at)

    def _cancel_strays(self, at: int) -> Iterator[Command]:
        """Orders at the venue that carry our name but are not in the journal: canceled once per report of them."""
        for venue_order_id, (label, instrument) in list(self.state.strays.items()):
            deadline = at + self.state.setup.venue(venue_of(instrument)).request_timeout_ns
            cancel = CancelOrder(
                order_id=label, venue_order_id=venue_order_id, instrument=instrument, deadline=deadline
            )
            yield self._note(cancel, at)

    def _can_pay(self, instrument: str, reserve: int, at: int) -> bool:
        """Spend one request of the venue's rate budget, or note when it can be spent."""
        venue = venue_of(instrument)
        budget: Budget = self.state.budget(venue, at)
        if budget.spend(reserve):
            return True
        affordable_at = budget.affords_at(self.state.setup.venue(venue).rate_limit, reserve)
        self.unaffordable_until[instrument] = min(self.unaffordable_until.get(instrument, FAR), affordable_at)
        return False

    def _note(self, command: Command, at: int) -> Command:
        expect(self.state, command, at)
        return command

    # --- When to look again --------------------------------------------------------------------------------------

    def _note_settling(self, instrument: str, at: int) -> None:
        """Note when a level of ours may show a decrease of the others: then the market is looked at again."""
        settles_at = self.state.own_size(instrument).settles_at(at)
        if settles_at is not None:
            self.settlings[instrument] = settles_at
            self.soonest = min(self.soonest, settles_at)

    def _revisit_due(self, at: int) -> None:
        """Note the instruments whose time has come, and when the next one's does."""
        for instrument, deadline in self.deadlines.items():
            if deadline <= at:
                self.state.revisit(instrument)
        for instrument in [instrument for instrument, settles_at in self.settlings.items() if settles_at <= at]:
            del self.settlings[instrument]
            self.state.look_at(instrument)
        later = [time for time in (*self.deadlines.values(), *self.settlings.values()) if time > at]
        self.soonest = min(later, default=FAR)

    def _deadline(self, instrument: str, plans: Sequence[Plan], at: int) -> int:
        """The next session time at which our wishes on an instrument may change without any news."""
        state = self.state
        soonest = self.unaffordable_until.pop(instrument, FAR)
        for order in state.orders.on(instrument):
            if order.pending is not None and at < order.pending.deadline < soonest:
                soonest = order.pending.deadline
            if at < order.cancel_after < soonest:
                soonest = order.cancel_after
            if at < order.amend_after < soonest:
                soonest = order.amend_after
        for plan in plans:
            setup = plan.setup
            if setup.instrument != instrument:
                continue
            candidates = [state.book(instrument).heard_at + setup.limits.max_data_age_ns + 1]
            if setup.policy.max_order_age_ns is not None:
                resting = [order for order in state.orders.of(setup.ladder) if order.status is WORKING]
                candidates += [order.created_at + setup.policy.max_order_age_ns for order in resting]
            if at < state.slots.last_opening:
                keys = [(setup.id, instrument, quote.side, quote.level) for quote in plan.permitted]
                candidates.append(state.slots.next_opening(keys, at) or FAR)
            for candidate in candidates:
                if at < candidate < soonest:
                    soonest = candidate
        return soonest


def _cancel(order: Order, deadline: int) -> CancelOrder:
    return CancelOrder(
        order_id=order.order_id, venue_order_id=order.venue_order_id, instrument=order.instrument, deadline=deadline
    )


def _sane(quotes: Quotes) -> Quotes:
    """A strategy's answer, checked: what it got wrong is ours, and stops the engine."""
    total = math.fsum(quotes.terms.values()) + (quotes.fair_value or 0.0)
    assert math.isfinite(total), f"a strategy used a number that is none: {quotes.terms}"
    places = {quote.level if quote.side is BUY else ~quote.level for quote in quotes.quotes}
    assert len(places) == len(quotes.quotes), "a strategy filled one slot twice"
    assert quotes.fair_value is not None or not quotes.quotes, "a strategy quoted without a fair value"
    return quotes
