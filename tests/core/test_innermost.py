"""How far in quotes may stand: none is sent where it would take from the others as we see them."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.guards import Guards
from replenisher.core.innermost import CROSSES_OTHERS, passive
from replenisher.core.look import Amend
from replenisher.core.risk import Bound, Measure, Stake
from replenisher.model.command import AmendOrder, Command, PlaceOrder
from replenisher.model.event import OrderRejected, RejectReason
from replenisher.model.instrument import TickStep
from replenisher.model.order import Side
from replenisher.model.step import Cut
from tests.core.world import ASK, BID, KEY, LINEAR, SECOND, World, buy, limits, policy, quoting, sell, want, wishes_of


def asked_for(commands: list[Command]) -> list[PlaceOrder | AmendOrder]:
    return [command for command in commands if isinstance(command, PlaceOrder | AmendOrder)]


def refusals(world: World) -> int:
    return sum(isinstance(event, OrderRejected) for step in world.steps for event in step.events)


def test_a_bid_beyond_the_others_ask_stands_one_tick_inside_it() -> None:
    wanted = (buy(0, 100_200), buy(1, 100_100), buy(2, 99_980), sell(0, 100_250))

    world = quoting(wanted)

    assert world.shown() == {buy(0, ASK - 1), buy(2, 99_980), sell(0, 100_250)}
    assert refusals(world) == 0
    (decision,) = next(step.decisions for step in world.steps if any(each.wanted for each in step.decisions))
    assert decision.withheld == CROSSES_OTHERS
    assert decision.cuts == (
        Cut(Side.BUY, 0, CROSSES_OTHERS, ASK - 1, 10),
        Cut(Side.BUY, 1, CROSSES_OTHERS, 100_100, 0),
    )


def test_an_ask_below_the_others_bid_stands_one_tick_inside_it_and_guards_move_it_further() -> None:
    assert quoting((sell(0, 99_000),)).shown() == {sell(0, BID + 1)}
    assert quoting((sell(0, 99_000),), guards=Guards(closest_bps=3.0)).shown() == {sell(0, 100_030)}


def test_what_stands_at_the_others_own_touch_joins_it() -> None:
    assert quoting((buy(0, BID), sell(0, ASK))).shown() == {buy(0, BID), sell(0, ASK)}


def test_a_fair_value_beyond_the_touch_follows_the_market_and_is_never_refused() -> None:
    world = quoting((buy(0, 100_500), buy(1, 100_400)))

    for ask in range(ASK, ASK + 30):
        world.venue.set_others(Side.SELL, ask + 1, 5, world.at)
        world.venue.set_others(Side.SELL, ask, 0, world.at)
        sent = asked_for([*world.hear(), *world.settle()])
        assert [order.price for order in sent] == [ask], "one order follows, and the one behind it is not sent"

    assert refusals(world) == 0


def test_a_fair_value_beyond_the_collar_is_no_reason_to_trade_at_the_touch() -> None:
    world = quoting((buy(0, 99_980), sell(0, 100_050)), limits=limits(price_collar_bps=200.0))
    assert world.shown() == {buy(0, 99_980), sell(0, 100_050)}

    want(world, (buy(0, 6), sell(0, 7)))  # a slipped decimal point
    world.settle()

    assert world.shown() == set()
    assert world.state.withheld == {"core": "price_collar_bps"}
    want(world, (buy(0, 6_000_000), sell(0, 6_000_001)))
    world.settle()
    assert world.shown() == set()
    want(world, (buy(0, 101_000), buy(1, 106_000)))  # 1 %, which the collar allows, and 6 %
    world.settle()
    assert world.shown() == {buy(0, ASK - 1)}


def test_inside_a_coarse_band_the_nearest_price_is_a_coarse_one() -> None:
    banded = msgspec.structs.replace(
        LINEAR, tick_steps=(TickStep(Decimal(0), Decimal("0.1")), TickStep(Decimal(5_000), Decimal(1)))
    )

    stake = Stake(position=Decimal(0), cash=Decimal(1000), base_cash=None, mark=Decimal(10_000))
    bound = Bound(Measure(limits(), banded), stake)

    quotes, _ = passive((buy(0, 100_200), sell(0, 99_000)), banded, Touch(99_990, 1, 100_010, 1), [bound])

    assert [quote.price for quote in quotes] == [100_000, 100_000]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-30, 30), st.integers(-60, 60), st.integers(-60, 60)), min_size=1, max_size=6),
    st.sampled_from(Amend),
    st.sampled_from([0.0, 2.0]),
)
def test_whatever_is_wanted_nothing_is_sent_where_it_would_take(
    looks: list[tuple[int, int, int]], amend: Amend, tolerance_bps: float
) -> None:
    world = quoting(policy=policy(amend=amend, tolerance_bps=tolerance_bps))

    for bid, first, second in looks:
        wishes_of(world).quotes = (buy(0, 100_000 + first), buy(1, 99_970 + second), sell(0, 100_050 + second))
        for price in list(world.venue.others[Side.BUY]):
            world.venue.set_others(Side.BUY, price, 0, world.at)
        world.venue.set_others(Side.BUY, min(BID + bid, ASK - 1), 5, world.at)
        commands = [*world.hear(), *want(world, wishes_of(world).quotes)]
        touch = world.state.touches[KEY]
        assert touch is not None
        sides = {order.order_id: order.side for order in world.live()}
        for order in asked_for(commands):
            assert order.price < touch.ask if sides[order.order_id] is Side.BUY else order.price > touch.bid
        world.settle()


def test_a_slot_that_is_refused_again_and_again_waits_longer_each_time() -> None:
    world = quoting()
    wishes_of(world).quotes = (buy(0, 99_980),)
    world.ask_again()

    waits: list[int] = []
    refused_at = world.at
    for tick in range(40 * 4):  # the touch moves four times a second, and always too late for us to see
        world.venue.set_others(Side.BUY, BID + tick % 2, 5, world.at)
        world.venue.set_others(Side.BUY, BID + 1 - tick % 2, 0, world.at)
        world.hear()
        for place in [command for command in world.outgoing if isinstance(command, PlaceOrder)]:
            waits.append(round((world.at - refused_at) / SECOND))
            world.outgoing.remove(place)
            world.tell(
                OrderRejected(at=0, order_id=place.order_id, reason=RejectReason.POST_ONLY, message="it would take")
            )
            refused_at = world.at
        world.wait(SECOND // 4)

    assert waits == [0, 0, 2, 4, 8, 16]
