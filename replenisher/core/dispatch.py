"""What is sent of all that is wished: in which order, past the gate, and as far as the rate budget pays for it."""

from collections.abc import Sequence
from itertools import compress
from operator import not_

import msgspec

from replenisher.core.absence import why_distrusted
from replenisher.core.agenda import Agenda
from replenisher.core.budget import UNPAID, Budget, RateLimit
from replenisher.core.expect import expect, expect_amend
from replenisher.core.look import is_further_in
from replenisher.core.orders import Order
from replenisher.core.plan import Plan
from replenisher.core.reconcile import Change, Show, Withdraw
from replenisher.core.risk import CROSSES_OWN, Gate
from replenisher.core.setup import OnStart, StrategySetup
from replenisher.core.state import State
from replenisher.core.turns import PLACE
from replenisher.model.command import AmendOrder, CancelOrder, Command, Denied, Intent, MoveSlot, PlaceOrder
from replenisher.model.instrument import venue_of
from replenisher.model.order import WORKING
from replenisher.model.step import Cut, Quote

Shown = tuple[Plan, Sequence[Change | Show]]
QUOTE, REFILL = Intent.QUOTE, Intent.REFILL


class Till(msgspec.Struct, frozen=True, gc=False):
    """What requests to one venue are paid from in one step, and until when they must be answered."""

    budget: Budget  # as of now
    rate_limit: RateLimit
    deadline: int


class Dispatch:
    """The commands of one step. Each is noted in the state as it is given, so that the next one counts it."""

    __slots__ = ("_agenda", "_at", "_has_asked", "_plans", "_state", "_tills", "_unpaid", "commands")

    def __init__(self, state: State, agenda: Agenda, at: int) -> None:
        self.commands: list[Command] = []
        self._state, self._agenda, self._at = state, agenda, at
        self._tills: dict[str, Till] = {}  # by venue
        self._has_asked = False  # for an order, in this step
        self._plans: Sequence[Plan] = ()  # of this step
        self._unpaid: set[str] = set()  # strategies of which something could not be paid in this step

    def give(self, command: Command) -> None:
        """One more command: noted, and on its way."""
        expect(self._state, command, self._at)
        self.commands.append(command)

    def carry_out(self, plans: Sequence[Plan]) -> None:
        """Slots first, then every cancel, then refills, then amends and places from the touch outwards."""
        self._plans = plans
        withdrawn: list[Order] = []
        shown: list[Shown] = []
        is_any_placed = False
        for plan in plans:
            wishes: list[Change | Show] = []
            for wish in plan.wishes:
                if type(wish) is Show:
                    wishes.append(wish)
                    is_any_placed = True
                    continue
                # Also where the amend may not be sent now: its old slot is given to somebody else.
                if wish.order.level != wish.level:
                    self.give(MoveSlot(order_id=wish.order.order_id, level=wish.level))
                if type(wish) is Change:
                    wishes.append(wish)
                elif type(wish) is Withdraw:
                    withdrawn.append(wish.order)
            if wishes:
                shown.append((plan, wishes))
        for order in withdrawn:
            self._withdraw(order)
        for each in self._refills_first(shown) if is_any_placed else shown:
            self._show(*each)
        if self._state.turns.waiting:
            for plan in plans:
                if plan.setup.id not in self._unpaid:
                    self._state.turns.over(plan.setup.id)

    def cancel_left_over(self) -> list[str]:
        """Orders of a strategy that is configured no longer: nobody else would take them off. Their instruments."""
        state = self._state
        instruments: list[str] = []
        for ladder in state.orders.live.keys() - state.setup.ladders:
            for order in state.orders.of(ladder):
                instruments.append(order.instrument)
                is_left = (order.status is WORKING and order.pending is None) or order.is_in_doubt
                if is_left and state.setup.on_start is not OnStart.ABORT:
                    self._withdraw(order)
        return instruments

    def cancel_strays(self) -> None:
        """Orders at the venue that carry our name but are not in the journal: canceled once per report of them."""
        for venue_order_id, (label, instrument) in list(self._state.strays.items()):
            self._cancel(label, venue_order_id, instrument, self._till(venue_of(instrument)).deadline)

    def _refills_first(self, shown: list[Shown]) -> list[Shown]:
        """What puts back what was eaten comes before anything that only moves."""
        if len(shown) == 1 and len(shown[0][1]) == 1:
            return shown
        refills: list[Shown] = []
        others: list[Shown] = []
        for plan, wishes in shown:
            are_refills = [self._is_refill(plan, wish) for wish in wishes]
            refills.append((plan, list(compress(wishes, are_refills))))
            others.append((plan, list(compress(wishes, map(not_, are_refills)))))
        return [*refills, *others]

    def _is_refill(self, plan: Plan, wish: Change | Show) -> bool:
        if type(wish) is Change:
            return False
        return self._state.eaten_slot(plan.setup.slot(wish.quote)) is not None

    def _withdraw(self, order: Order) -> None:
        if self._is_too_soon(order) or not self._state.sync_of(order.instrument).is_open:
            return
        till = self._till(venue_of(order.instrument))
        if till.budget.spend(0):
            self._cancel(order.order_id, order.venue_order_id, order.instrument, till.deadline)
        else:
            self._pay_later(till, order.instrument, 0)

    def _is_too_soon(self, order: Order) -> bool:
        """Whether a cancel was refused so lately that it is not repeated yet."""
        if self._at < order.cancel_after:
            return True
        if self._at >= order.halted_until:
            return False
        setup = self._state.setup.strategy(order.strategy)
        return setup is not None and not why_distrusted(self._state, setup, self._at)  # else we may not hear of its end

    def _cancel(self, order_id: str, venue_order_id: str, instrument: str, deadline: int) -> None:
        self.give(
            CancelOrder(order_id=order_id, venue_order_id=venue_order_id, instrument=instrument, deadline=deadline)
        )

    def _show(self, plan: Plan, wishes: Sequence[Change | Show]) -> None:
        """Place or amend orders of one plan: those that the gate lets pass and the budget can pay for."""
        orders, setup = self._state.orders, plan.setup
        till, gate = self._till(setup.venue), self._gate(plan)
        if len(wishes) > 1 and gate.lets_all_pass([wish.quote for wish in wishes]):
            self._ask_for(wishes, plan, till)
            return
        for wish in wishes:
            quote = wish.quote
            amended = wish.order if type(wish) is Change else None
            counted = None if amended is None else orders.counted(amended)
            reason = gate.objection(quote.side, quote.price, quote.quantity, counted)
            if reason is CROSSES_OWN:
                # One that is on its way out is followed: until it is gone, what was said of this slot last is true.
                said = self._state.slots.denials.get(setup.slot(quote), "")
                if why := self._why_crossing(setup.instrument, quote) or said:
                    self._deny(plan, quote, why)
            elif reason is not None:
                self._deny(plan, quote, reason)
                if amended is not None and amended.price != quote.price:
                    self._withdraw(amended)  # Where it rests now it is not wanted either.
            elif self._ask_for((wish,), plan, till):
                if gate.is_running:
                    gate.passed(quote.side, quote.price)
                else:
                    gate = self._gate(plan)

    def _ask_for(self, wishes: Sequence[Change | Show], plan: Plan, till: Till) -> bool:
        """Give the commands for what may be shown, as far as the budget can pay; the record says what it could not."""
        state, budget, deadline = self._state, till.budget, till.deadline
        waiting, reserve = state.turns.waiting, state.orders.open  # one cancel for every order
        is_all = True
        for wish in wishes:
            is_place = type(wish) is Show
            is_paid = not waiting and budget.spend(reserve + is_place)  # as nearly always
            if not is_paid and not self._pays(till, plan.setup, reserve + is_place):
                plan.cuts += (Cut.leaving(wish.quote, UNPAID),)
                is_all = False
                if type(wish) is Change and plan.innermost is not None and is_further_in(wish.order, plan.innermost):
                    self._withdraw(wish.order)  # what is kept for cancels is kept for this
            elif type(wish) is Change:
                amend = _amend(wish, deadline)
                expect_amend(state, amend, self._at)
                self.commands.append(amend)
            else:
                self.give(self._place(plan.setup, wish.quote, deadline))
                reserve += 1
        state.count_anew((plan.setup.instrument,))
        self._has_asked = True
        if not is_all:
            self._shows_less(plan, UNPAID)
        return is_all

    def _pays(self, till: Till, setup: StrategySetup, reserve: int) -> bool:
        """Pay for one request of a strategy; else it waits for credits, and what it wishes for after that does, too."""
        turns = self._state.turns
        kept = turns.kept(setup.id, setup.venue) + (PLACE if setup.id in self._unpaid else 0)
        if till.budget.spend(reserve + kept):
            turns.over(setup.id)
            return True
        self._pay_later(till, setup.instrument, reserve + kept)
        if reserve < till.rate_limit.burst:  # nobody waits for what can never be paid
            turns.wait(setup.id, setup.venue)
            self._unpaid.add(setup.id)
        return False

    def _gate(self, plan: Plan) -> Gate:
        """What judges the orders of a plan as long as no other plan's are sent."""
        state, setup = self._state, plan.setup
        bounds, touch = plan.bounds, plan.seen.touch
        if self._has_asked and touch is not None:  # what another plan asked for may be paid from the same purse
            bounds = state.bounds(setup, touch)
        exposures = state.exposures(setup, bounds, with_ladder=True)
        # What several ladders count together is a sum of now: with the next order it is another one.
        is_running = not exposures or exposures[0].load is state.orders.load_in(setup.ladder)
        return Gate(exposures, state.orders.on(setup.instrument), is_running=is_running)

    def _place(self, setup: StrategySetup, quote: Quote, deadline: int) -> PlaceOrder:
        is_refill = self._state.eaten_slot(setup.slot(quote)) is not None
        return PlaceOrder(
            order_id=self._state.next_order_id(),
            instrument=setup.instrument,
            strategy=setup.id,
            side=quote.side,
            level=quote.level,
            price=quote.price,
            quantity=quote.quantity,
            intent=REFILL if is_refill else QUOTE,
            valid_until=deadline,
            deadline=deadline,
        )

    def _why_crossing(self, instrument: str, quote: Quote) -> str:
        """Whose order a quote would meet that stays where it is, or moves there; empty if none does."""
        moves = {wish.order.order_id: wish for plan in self._plans for wish in plan.wishes if type(wish) is not Show}
        for order in self._state.orders.on(instrument):
            move = moves.get(order.order_id)
            if order.side is quote.side or order.pending is not None or type(move) is Withdraw:
                continue
            price = move.quote.price if type(move) is Change else order.price
            if (quote.price - price) * quote.side.sign >= 0:
                return f"would cross an order of {order.strategy}"
        return ""

    def _deny(self, plan: Plan, quote: Quote, reason: str) -> None:
        """Record a denial when its reason is a new one for the slot."""
        setup = plan.setup
        self._shows_less(plan, reason)
        if self._state.slots.denials.get(setup.slot(quote)) != reason:
            self.give(
                Denied(
                    instrument=setup.instrument,
                    strategy=setup.id,
                    side=quote.side,
                    level=quote.level,
                    price=quote.price,
                    quantity=quote.quantity,
                    reason=reason,
                )
            )

    def _shows_less(self, plan: Plan, reason: str) -> None:
        """Note why a strategy shows less than its plan permits."""
        withheld, strategy = self._state.withheld, plan.setup.id
        reasons = withheld.get(strategy, "")
        if reason not in reasons.split(", "):
            withheld[strategy] = f"{reasons}, {reason}" if reasons else reason

    def _pay_later(self, till: Till, instrument: str, reserve: int) -> None:
        """Note when a request can be paid for that the rate budget of its venue could not pay for now."""
        self._agenda.cannot_pay(instrument, till.budget.affords_at(till.rate_limit, reserve))

    def _till(self, venue: str) -> Till:
        till = self._tills.get(venue)
        if till is None:
            state, budget = self._state, self._state.budget(venue, self._at)
            deadline = self._at + state.setup.venue(venue).request_timeout_ns
            till = self._tills[venue] = Till(budget, state.rate_limit(venue), deadline)
        return till


def _amend(wish: Change, deadline: int) -> AmendOrder:
    order, quote = wish.order, wish.quote
    is_top_up = order.filled_lots > 0 and order.remaining < quote.quantity
    return AmendOrder(
        order_id=order.order_id,
        venue_order_id=order.venue_order_id,
        instrument=order.instrument,
        price=quote.price,
        quantity=wish.quantity,
        intent=REFILL if is_top_up else QUOTE,
        valid_until=deadline,
        deadline=deadline,
    )
