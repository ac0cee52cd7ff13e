"""Random lives: whatever arrives late, never or twice, no slot holds two orders, nothing ends without evidence, every
fill is booked once, and when the noise is over the venue shows exactly what is wanted."""

from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from replenisher.core.budget import RateLimit
from replenisher.core.engine import Engine
from replenisher.core.load import Load
from replenisher.core.look import Amend
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.core.state import State
from replenisher.core.sync import Stage
from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from replenisher.model.event import NotSent, OrderRejected, OutcomeUnknown, RejectReason, SessionLost, SessionOpened
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Quote
from tests.core.world import (
    BID,
    KEY,
    MS,
    SECOND,
    VENUE,
    Resting,
    Wishes,
    World,
    ladder,
    one_strategy,
    policy,
    want,
    wishes_of,
)

REQUESTS = {PlaceOrder: Request.PLACE, AmendOrder: Request.AMEND, CancelOrder: Request.CANCEL}
CENTRES = st.sampled_from([99_990, 99_993, 100_000, 100_010])
QUANTITIES = st.sampled_from([5, 8, 10, 12])
STEPS = st.sampled_from([5, 10])


class Life(RuleBasedStateMachine):
    """One life of the engine at a venue that answers when it likes."""

    @initialize(
        amends_price=st.booleans(),
        amend=st.sampled_from(Amend),
        tolerance_bps=st.sampled_from([0.0, 0.5, 2.0]),
        partial_fill=st.sampled_from(PartialFill),
        burst=st.sampled_from([9.0, 14.0, 10_000.0]),
        max_order_age_s=st.sampled_from([None, 3]),
        last_wish=st.builds(ladder, st.just(2), QUANTITIES, STEPS, CENTRES),
    )
    def begin(
        self,
        amends_price: bool,
        amend: Amend,
        tolerance_bps: float,
        partial_fill: PartialFill,
        burst: float,
        max_order_age_s: int | None,
        last_wish: tuple[Quote, ...],
    ) -> None:
        quoting = policy(
            RefillPolicy(partial_fill=partial_fill),
            amend=amend,
            tolerance_bps=tolerance_bps,
            max_order_age_ns=None if max_order_age_s is None else max_order_age_s * SECOND,
        )
        self.world = World(
            one_strategy(
                Wishes(ladder(2)),
                policy=quoting,
                amends_price=amends_price,
                rate_limit=RateLimit(per_s=5.0, burst=burst),
            )
        )
        self.world.open()
        self.is_lost = False
        self.policy = quoting
        self.last_wish = last_wish

    # --- What may happen -----------------------------------------------------------------------------------------

    @rule(levels=st.integers(0, 3), centre=CENTRES, quantity=QUANTITIES, step=STEPS)
    def the_strategy_changes_its_mind(self, levels: int, centre: int, quantity: int, step: int) -> None:
        wishes_of(self.world).quotes = ladder(levels, quantity, step, centre)
        self.world.ask_again()
        self.world.venue.publish(Side.BUY, 90_000, self.world.at)
        self.hear_public()

    @precondition(lambda self: self.world.outgoing)
    @rule(data=st.data())
    def a_command_arrives(self, data: st.DataObject) -> None:
        self.world.arrive(data.draw(st.sampled_from(self.world.outgoing)))

    @precondition(lambda self: self.world.outgoing)
    @rule(data=st.data())
    def a_command_is_never_sent(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.world.outgoing))
        if isinstance(command, OrderCommand):
            self.world.outgoing.remove(command)
            self.world.tell(NotSent(at=0, order_id=command.order_id, request=REQUESTS[type(command)]))

    @precondition(lambda self: self.world.outgoing)
    @rule(data=st.data(), is_executed=st.booleans())
    def an_outcome_is_unknown(self, data: st.DataObject, is_executed: bool) -> None:
        command = data.draw(st.sampled_from(self.world.outgoing))
        if isinstance(command, OrderCommand):
            if not is_executed:
                self.world.outgoing.remove(command)  # Else it is still on its way, and arrives later.
            request = REQUESTS[type(command)]
            self.world.tell(OutcomeUnknown(at=0, order_id=command.order_id, request=request, message="overload"))

    @precondition(lambda self: self.world.outgoing)
    @rule(data=st.data(), reason=st.sampled_from([RejectReason.FUNDS, RejectReason.POST_ONLY, RejectReason.TOO_LATE]))
    def a_place_is_refused(self, data: st.DataObject, reason: RejectReason) -> None:
        command = data.draw(st.sampled_from(self.world.outgoing))
        if isinstance(command, PlaceOrder):
            self.world.outgoing.remove(command)
            self.world.venue.private.append(OrderRejected(at=0, order_id=command.order_id, reason=reason, message="no"))

    @precondition(lambda self: self.world.venue.resting())
    @rule(data=st.data(), lots=st.integers(1, 12))
    def somebody_trades_with_us(self, data: st.DataObject, lots: int) -> None:
        self.world.venue.fill(data.draw(st.sampled_from(self.world.venue.resting())), lots, self.world.at)

    @precondition(lambda self: self.world.venue.private)
    @rule(is_told_twice=st.booleans())
    def a_private_message_arrives(self, is_told_twice: bool) -> None:
        fact = self.world.venue.private.pop(0)
        self.world.tell(fact, *([fact] if is_told_twice else []))

    @precondition(lambda self: self.world.venue.public)
    @rule()
    def the_public_feed_arrives(self) -> None:
        self.hear_public()

    @rule(duration_ms=st.sampled_from([1, 100, 600, 2_100]))
    def time_passes(self, duration_ms: int) -> None:
        self.world.wait(duration_ms * MS)

    @precondition(lambda self: not self.is_lost)
    @rule(is_canceled_on_disconnect=st.booleans())
    def the_session_is_lost(self, is_canceled_on_disconnect: bool) -> None:
        world = self.world
        world.outgoing.clear()
        if is_canceled_on_disconnect:
            for order in world.venue.resting():
                world.venue.end(order, Status.CANCELED, world.at)
        world.venue.private.clear()
        world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
        self.is_lost = True

    @precondition(lambda self: self.is_lost)
    @rule()
    def a_session_opens(self) -> None:
        self.is_lost = False
        self.world.tell(SessionOpened(at=0, venue=VENUE))

    def hear_public(self) -> None:
        facts = list(self.world.venue.public)
        self.world.venue.public.clear()
        self.world.tell(*facts)

    # --- What must hold ------------------------------------------------------------------------------------------

    @invariant()
    def no_slot_holds_two_orders(self) -> None:
        slots = [(order.side, order.level) for order in self.world.live()]

        assert len(slots) == len(set(slots)), slots

    @invariant()
    def nothing_that_rests_is_believed_to_have_ended(self) -> None:
        live = {order.order_id for order in self.world.live()}

        assert {order.order_id for order in self.world.venue.resting()} <= live

    @invariant()
    def every_share_of_the_position_belongs_to_somebody(self) -> None:
        account = self.world.state.account

        shares = account.inventories.get(KEY, {})
        assert sum(shares.values(), Decimal(0)) == account.position(KEY).size

    @invariant()
    def the_running_sums_are_what_counting_anew_gives(self) -> None:
        anew = Load()
        for order in self.world.live():
            anew.change(order.side, None, (order.remaining_max, max(order.prices)))

        assert self.world.state.orders.load_on(KEY) == anew

    def teardown(self) -> None:
        """When the noise is over, the venue shows what is wanted, and every fill is booked once."""
        if not hasattr(self, "world"):
            return
        if self.is_lost:
            self.a_session_opens()
        world = self.world
        wishes_of(world).quotes = wanted = self.last_wish
        world.ask_again()
        # Refusals back off for up to a minute; questions and cancels are repeated on the way.
        for second in range(66):
            world.settle()
            world.wait(SECOND)
            # Another touch: a refused post-only tries again.
            world.venue.set_others(Side.BUY, BID + 1, 5 * (second % 2), world.at)
        world.settle()

        assert world.state.syncs[VENUE].stage is Stage.SYNCED
        assert world.state.pauses == {}, world.state.pauses
        assert world.state.account.position(KEY).size == world.venue.position
        assert {order.order_id for order in world.live()} == {order.order_id for order in world.venue.resting()}
        orders = {(order.side, order.level): order for order in world.live()}
        assert orders.keys() == {(quote.side, quote.level) for quote in wanted}
        for quote in wanted:
            self.assert_shown(quote, world.at_venue(orders[quote.side, quote.level]))
        self.assert_that_to_plan_always_is_to_plan_the_same()

    def assert_that_to_plan_always_is_to_plan_the_same(self) -> None:
        """An engine that plans anew at every step wishes what this one wished, that plans only where it matters."""
        world = self.world
        diligent = Engine(State.load(world.setup, None))
        for step, quotes in zip(world.steps, world.wanted, strict=True):
            wishes_of(world).quotes = quotes
            diligent.planner.at_rest.clear()

            assert diligent.step(step.events).commands == step.commands

    def assert_shown(self, quote: Quote, resting: Resting) -> None:
        """The venue shows a wanted quote, as near as the policy wants it and as much of it as fills have left."""
        assert abs(resting.price - quote.price) <= quote.price * self.policy.tolerance_bps / 10_000
        most = quote.quantity * (1 + self.policy.amount_tolerance)
        least = quote.quantity * (1 - self.policy.amount_tolerance)
        if resting.filled:
            is_topped_up = self.policy.refill.partial_fill is PartialFill.TOP_UP
            least = quote.quantity * self.policy.refill.min_fraction if is_topped_up else 1
        assert least <= resting.remaining <= most


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_a_want_is_heard() -> None:
    """Guard of the kit itself: a wish that is written down reaches the venue."""
    world = World(one_strategy(Wishes()))
    world.open()

    want(world, ladder(1))
    world.settle()

    assert len(world.venue.resting()) == 2
