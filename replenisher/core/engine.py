"""The step: facts in, wishes out. Live trading, paper trading and every test differ only in who calls it.

It reads no clock, opens no socket and draws no random number: the same facts always give the same wishes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from replenisher.core.absence import why_absent
from replenisher.core.apply import advance, apply
from replenisher.core.budget import Budget
from replenisher.core.daily_loss import daily_loss
from replenisher.core.expect import expect
from replenisher.core.orders import Order
from replenisher.core.reconcile import Change, Keep, Show, Wish, Withdraw, reconcile
from replenisher.core.risk import crosses_own, objection, permit
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
from replenisher.model.order import Status
from replenisher.model.step import Decision, Quote, Step

FAR = 1 << 62


@dataclass(slots=True)
class Plan:
    """What one strategy wants in this step, and the wishes that lead there."""

    setup: StrategySetup
    decision: Decision
    mark: Decimal
    wishes: list[Wish]


@dataclass(slots=True)
class Engine:
    """Turns facts into wishes."""

    state: State
    number: int = 0
    at: int = 0  # session time of the last step; it never goes back
    deadlines: dict[str, int] = field(default_factory=dict)  # by instrument
    unaffordable_until: dict[str, int] = field(default_factory=dict)  # instrument -> when the rate budget allows more

    @property
    def next_deadline(self) -> int | None:
        """The session time at which the engine wants to be woken, should nothing happen before."""
        state = self.state
        candidates = list(self.deadlines.values())
        candidates += [deadline for sync in state.syncs.values() if (deadline := sync.next_deadline()) is not None]
        candidates += [pause.until for pause in state.pauses.values() if pause.until]
        if state.stopping is not None and state.stopping.verdict is Verdict.OPEN:
            candidates.append(state.stopping.deadline)
        soonest = min(candidates, default=FAR)
        return soonest if soonest < FAR else None

    def step(self, events: Sequence[Event]) -> Step:
        """Apply everything that has arrived, and decide once per touched market."""
        assert events, "a step is caused by something"
        state = self.state
        at = self.at = max(self.at, *(event.at for event in events))
        for event in events:
            apply(state, event)
        advance(state, at)
        for instrument, deadline in self.deadlines.items():
            if deadline <= at:
                state.revisit(instrument)

        commands: list[Command] = []
        for limit in daily_loss(state, at):
            commands.append(self._note(limit, at))
        touched, state.to_revisit = state.to_revisit, {}
        plans = [self._plan(setup, at) for setup in state.setup.strategies if setup.instrument in touched]
        commands += self._carry_out(plans, at)
        commands += self._cancel_left_over(touched, at)
        commands += self._cancel_strays(at)
        for instrument in touched:
            self.deadlines[instrument] = self._deadline(instrument, plans, at)
        for venue in state.setup.venues:
            if (sync := state.syncs.get(venue.name)) is not None:
                commands += sync.due(state.account.cursors, venue.request_timeout_ns, at)

        self.number += 1
        return Step(
            number=self.number,
            at=at,
            events=tuple(events),
            commands=tuple(commands),
            decisions=tuple(plan.decision for plan in plans) if commands else (),
            orders=tuple(order.report() for order in state.orders.changed()),
        )

    # --- What is wanted ------------------------------------------------------------------------------------------

    def _plan(self, setup: StrategySetup, at: int) -> Plan:
        state = self.state
        instrument = state.instruments.get(setup.instrument)
        touch = state.touch_of(setup.instrument, at)
        absence = why_absent(state, setup, at) or ("" if touch is not None else "one side of the book is empty")
        wanted, mark, withheld = NO_QUOTES, Decimal(0), absence
        permitted: tuple[Quote, ...] = ()
        if instrument is not None and touch is not None:
            mark = (touch.bid + touch.ask) * instrument.tick / 2
            if not absence:
                view = View(
                    at=at,
                    instrument=instrument,
                    touch=touch,
                    last_trade=state.book(setup.instrument).last_trade,
                    inventory=state.account.inventory(setup.instrument, setup.id),
                )
                wanted = _sane(setup.strategy.quote(view))
                permitted, withheld = permit(wanted.quotes, state.bounds(setup, mark, with_ladder=False))
        orders = state.orders.of(setup.ladder)
        showable = [quote for quote in permitted if self._is_showable(setup, quote, orders, at)]
        wishes = reconcile(
            showable, orders, setup.policy, amends_price=state.setup.venue(setup.venue).amends_price, at=at
        )
        decision = Decision(
            strategy=setup.id,
            instrument=setup.instrument,
            fair_value=wanted.fair_value,
            terms=wanted.terms,
            wanted=wanted.quotes,
            permitted=permitted,
            withheld=withheld,
        )
        return Plan(setup, decision, mark, wishes)

    def _is_showable(self, setup: StrategySetup, quote: Quote, orders: Sequence[Order], at: int) -> bool:
        """Whether a slot has an order already or may be given one now."""
        if any(order.side is quote.side and order.level == quote.level for order in orders):
            return True
        slot = self.state.slots.of((setup.id, setup.instrument, quote.side, quote.level))
        return slot.is_open(self.state.book(setup.instrument).shown_touch, at)

    # --- What is sent --------------------------------------------------------------------------------------------

    def _carry_out(self, plans: Sequence[Plan], at: int) -> Iterator[Command]:
        """Slots first, then every cancel, then refills, then amends and places from the touch outwards."""
        for plan in plans:
            for wish in plan.wishes:
                # Also where the amend may not be sent now: its old slot is given to somebody else.
                if isinstance(wish, Keep | Withdraw | Change) and wish.order.level != wish.level:
                    yield self._note(MoveSlot(order_id=wish.order.order_id, level=wish.level), at)
        for plan in plans:
            for wish in plan.wishes:
                if isinstance(wish, Withdraw):
                    yield from self._withdraw(wish.order, at)
        shown = [(plan, wish) for plan in plans for wish in plan.wishes if isinstance(wish, Change | Show)]
        for plan, wish in sorted(shown, key=lambda each: not self._is_refill(*each)):
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
        others = [order for order in state.orders.on(setup.instrument) if order is not amended]
        if crosses_own(quote.side, quote.price, others):
            return  # The other one is on its way out; this one follows it.
        bounds = state.bounds(setup, plan.mark, with_ladder=True)
        reason = objection(quote.side, quote.price, quote.quantity, bounds, amended)
        if reason is not None:
            yield from self._deny(setup, quote, reason, at)
            if amended is not None and amended.price != quote.price:
                yield from self._withdraw(amended, at)  # Where it rests now it is not wanted either.
            return
        reserve = bounds[0].stake.open_orders + (0 if amended else 1)  # one cancel for every order
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
        if self.state.slots.of(key).denied != reason:
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
        ladders = {setup.ladder for setup in self.state.setup.strategies}
        for ladder in [ladder for ladder in self.state.orders.live if ladder not in ladders]:
            for order in self.state.orders.of(ladder):
                touched[order.instrument] = None
                if order.status is Status.WORKING and order.pending is None:
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

    def _deadline(self, instrument: str, plans: Sequence[Plan], at: int) -> int:
        """The next session time at which our wishes on an instrument may change without any news."""
        state = self.state
        candidates = [FAR, self.unaffordable_until.pop(instrument, FAR)]
        for order in state.orders.on(instrument):
            if order.pending is not None:
                candidates.append(order.pending.deadline)
            candidates += (order.cancel_after, order.amend_after)
        for plan in plans:
            setup = plan.setup
            if setup.instrument != instrument:
                continue
            if setup.policy.max_order_age_ns is not None:
                resting = [order for order in state.orders.of(setup.ladder) if order.status is Status.WORKING]
                candidates += [order.created_at + setup.policy.max_order_age_ns for order in resting]
            keys = [(setup.id, instrument, quote.side, quote.level) for quote in plan.decision.permitted]
            if (opening := state.slots.next_opening(keys, at)) is not None:
                candidates.append(opening)
            candidates.append(state.book(instrument).heard_at + setup.limits.max_data_age_ns + 1)
            candidates.append(state.own_size(instrument).settles_at(at) or FAR)
        return min(candidate for candidate in candidates if candidate > at)


def _cancel(order: Order, deadline: int) -> CancelOrder:
    return CancelOrder(
        order_id=order.order_id, venue_order_id=order.venue_order_id, instrument=order.instrument, deadline=deadline
    )


def _sane(quotes: Quotes) -> Quotes:
    """A strategy's answer, checked: what it got wrong is ours, and stops the engine."""
    numbers = [*quotes.terms.values(), *([] if quotes.fair_value is None else [quotes.fair_value])]
    assert all(math.isfinite(number) for number in numbers), f"a strategy used a number that is none: {quotes.terms}"
    places = {(quote.side, quote.level) for quote in quotes.quotes}
    assert len(places) == len(quotes.quotes), "a strategy filled one slot twice"
    assert quotes.fair_value is not None or not quotes.quotes, "a strategy quoted without a fair value"
    return quotes
