"""Refill: how a slot comes back that a fill has emptied, and how one waits whose place was refused."""

from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replenisher.core.halts import REFUSALS_MAX
from replenisher.core.slots import PartialFill, RefillMode, RefillPolicy
from replenisher.model.command import AmendOrder, CancelOrder, Command, Intent, MoveSlot, PlaceOrder
from replenisher.model.event import OrderRejected, OrderReported, RejectReason, ResumeAsked
from replenisher.model.order import Side
from replenisher.model.step import Quote
from tests.core.world import (
    BID,
    MS,
    SECOND,
    Wishes,
    World,
    buy,
    ladder,
    one_strategy,
    policy,
    quoting,
    sell,
    want,
    wishes_of,
)

LADDER = (buy(0, 99_980), sell(0, 100_020))


def refilling(refill: RefillPolicy, levels: int = 1, **other: object) -> World:
    return quoting(ladder(levels), policy=policy(refill), **other)


def eat(world: World, side: Side, level: int = 0, lots: int = 10) -> list[Command]:
    """A fill eats (a part of) a level; every wish until all is quiet."""
    resting = world.at_venue(world.order(side, level))
    world.venue.fill(resting, lots, world.at)
    wishes = list(world.hear())
    return wishes + world.settle()


def places(wishes: list[Command]) -> list[PlaceOrder]:
    return [wish for wish in wishes if isinstance(wish, PlaceOrder)]


def test_a_level_comes_back_at_once() -> None:
    world = refilling(RefillPolicy())

    (place,) = places(eat(world, Side.BUY))

    assert (place.side, place.price, place.quantity) == (Side.BUY, 99_980, 10)
    assert place.intent is Intent.REFILL


def test_a_level_comes_back_after_its_delay() -> None:
    world = refilling(RefillPolicy(delay_ns=3 * SECOND))

    at_once = eat(world, Side.BUY)
    eaten_at = world.at - MS
    soon = world.wait(2 * SECOND)
    later = world.wait(SECOND)

    assert places(at_once) == places(soon) == []
    (place,) = places(later)
    assert place.intent is Intent.REFILL
    assert world.order(Side.BUY).created_at - eaten_at <= 3 * SECOND + 2 * MS


def test_a_level_emptied_by_a_move_comes_back_without_delay() -> None:
    world = quoting(LADDER, policy=policy(RefillPolicy(delay_ns=60 * SECOND)), amends_price=False)

    want(world, (buy(0, 99_950), sell(0, 100_020)))
    (place,) = places(world.settle())

    assert place.intent is Intent.QUOTE


def test_a_refill_is_what_puts_liquidity_back_wherever_the_ladder_has_moved() -> None:
    world = quoting([buy(0, 99_980), buy(1, 99_970), buy(2, 99_960)], policy=policy(RefillPolicy()))

    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    wishes_of(world).quotes = (buy(0, 99_970), buy(1, 99_960), buy(2, 99_950))
    (refill,) = places([*world.hear(), *world.settle()])
    want(world, (buy(0, 99_970), buy(1, 99_960)))
    world.settle()
    (quote,) = places([*want(world, (buy(0, 99_970), buy(1, 99_960), buy(2, 99_950))), *world.settle()])

    assert (refill.level, refill.price, refill.intent) == (2, 99_950, Intent.REFILL)
    assert (quote.level, quote.intent) == (2, Intent.QUOTE)


def test_a_refill_that_was_refused_is_still_a_refill_when_it_is_tried_again() -> None:
    world = refilling(RefillPolicy())
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()

    refused(world, RejectReason.FUNDS)
    (again,) = places(world.wait(SECOND))

    assert again.intent is Intent.REFILL


def test_a_refill_that_was_refused_is_none_of_those_that_may_be_in_a_minute() -> None:
    world = refilling(RefillPolicy(max_per_minute=2))
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()

    refused(world, RejectReason.NOT_SENT)
    world.settle()

    assert [len(places(eat(world, Side.BUY))) for _ in range(2)] == [1, 0]


def test_a_level_comes_back_only_so_often_in_a_minute() -> None:
    world = refilling(RefillPolicy(max_per_minute=2))
    first_at = world.at
    refills = [len(places(eat(world, Side.BUY))) for _ in range(3)]

    assert refills == [1, 1, 0]
    assert places(world.wait(58 * SECOND)) == []
    (place,) = places(world.wait(2 * SECOND))
    assert place.intent is Intent.REFILL
    assert world.order(Side.BUY).created_at - first_at >= 60 * SECOND


def test_a_level_waits_for_its_mirror_and_both_come_back_together() -> None:
    world = refilling(RefillPolicy(mode=RefillMode.OPPOSITE_SIDE), levels=2)

    first = eat(world, Side.BUY)
    another_level = eat(world, Side.SELL, level=1)
    mirror = eat(world, Side.SELL)

    assert places(first) == places(another_level) == []
    assert {place.side for place in places(mirror)} == set(Side)
    assert all(place.level == 0 for place in places(mirror))


@pytest.mark.parametrize(
    "before",
    [RefillPolicy(mode=RefillMode.OPPOSITE_SIDE), RefillPolicy(delay_ns=86_400 * SECOND)],
    ids=["its mirror", "a day"],
)
def test_a_level_comes_back_as_the_policy_of_this_life_says(before: RefillPolicy) -> None:
    """Whatever it waited for in the life before."""
    world = refilling(before)
    eat(world, Side.BUY)

    later = world.reborn(one_strategy(Wishes(ladder(1)), policy=policy(RefillPolicy(delay_ns=3 * SECOND))))
    assert [place.side for place in places(later.open(epoch=2))] == [Side.SELL]
    (place,) = places(later.wait(3 * SECOND))

    assert (place.side, place.intent) == (Side.BUY, Intent.REFILL)


@pytest.mark.parametrize("waits", [RefillPolicy(mode=RefillMode.OPPOSITE_SIDE), RefillPolicy(delay_ns=60 * SECOND)])
def test_a_restart_lets_nothing_come_back_sooner(waits: RefillPolicy) -> None:
    world = refilling(waits)
    eat(world, Side.BUY)

    later = world.reborn()
    later.open(epoch=2)
    later.wait(50 * SECOND)

    assert [order.side for order in later.live()] == [Side.SELL]


def test_a_partly_eaten_level_waits() -> None:
    world = refilling(RefillPolicy(partial_fill=PartialFill.WAIT))

    assert eat(world, Side.BUY, lots=9) == []
    assert world.order(Side.BUY).remaining == 1


def test_a_partly_eaten_level_is_topped_up_below_its_fraction() -> None:
    world = refilling(RefillPolicy(partial_fill=PartialFill.TOP_UP, min_fraction=0.5))

    a_bit = eat(world, Side.BUY, lots=5)
    (amend,) = eat(world, Side.BUY, lots=1)

    assert a_bit == []
    assert isinstance(amend, AmendOrder)
    assert (amend.quantity, amend.intent) == (16, Intent.REFILL)
    assert world.order(Side.BUY).remaining == 10


def test_a_fill_that_only_a_report_tells_of_is_a_fill() -> None:
    world = refilling(RefillPolicy(delay_ns=3 * SECOND))
    resting = world.at_venue(world.order(Side.BUY))
    world.venue.fill(resting, 10, world.at)
    world.venue.private.clear()

    wishes = world.tell(OrderReported(at=0, venue_time=world.at, order=world.venue.report(resting, world.at)))
    wishes += tuple(world.settle())
    later = world.wait(3 * SECOND)

    assert places(list(wishes)) == []
    (place,) = places(later)
    assert place.intent is Intent.REFILL


SPACINGS = st.lists(st.tuples(st.integers(1, 25), st.sampled_from([1, 2, 10, 12])), min_size=1, max_size=5)


def uneven(side: Side, spacings: list[tuple[int, int]]) -> tuple[Quote, ...]:
    """One side of a ladder from the touch outwards: so many ticks further, so many lots."""
    distances = accumulate((ticks for ticks, _ in spacings), initial=20)
    prices = (100_000 - side.sign * distance for distance in distances)
    return tuple(Quote(side, level, next(prices), lots) for level, (_, lots) in enumerate(spacings))


@settings(max_examples=100, deadline=None)
@example(  # an order that serves its neighbour's quote is eaten there: its successor rests at that quote's price
    ([(1, 10), (1, 12)], [(1, 1)]),
    [(Side.BUY, 0, 1), (Side.BUY, 1, 7), (Side.BUY, 0, 1)],
    PartialFill.TOP_UP,
    False,
    1.5,
)
@given(
    st.tuples(SPACINGS, SPACINGS),
    st.lists(st.tuples(st.sampled_from(Side), st.integers(0, 4), st.integers(1, 12)), min_size=1, max_size=8),
    st.sampled_from(PartialFill),
    st.booleans(),
    st.sampled_from([0.0, 1.5, 4.0]),
)
def test_a_fill_on_one_level_causes_no_command_on_another(
    spacings: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    fills: list[tuple[Side, int, int]],
    partial: PartialFill,
    amends_price: bool,
    tolerance_bps: float,
) -> None:
    wanted = uneven(Side.BUY, spacings[0]) + uneven(Side.SELL, spacings[1])
    refill = RefillPolicy(partial_fill=partial)
    world = quoting(wanted, policy=policy(refill, tolerance_bps=tolerance_bps), amends_price=amends_price)

    for side, level, lots in fills:
        slot = (side, level % len([quote for quote in wanted if quote.side is side]))
        eaten = world.order(*slot)
        own = {eaten.order_id}
        for command in eat(world, *slot, lots=min(lots, eaten.remaining)):
            match command:
                case PlaceOrder():
                    assert (command.side, command.level) == slot
                    own.add(command.order_id)
                case AmendOrder() | CancelOrder():
                    assert command.order_id in own
                case MoveSlot():
                    pass  # nothing is sent: within the tolerance an order may serve its neighbour's quote
                case _:
                    raise AssertionError(f"a fill is no reason for {command}")
    stands = sorted((order.side, order.price) for order in world.live())
    for (side, price), quote in zip(stands, sorted(wanted, key=lambda quote: (quote.side, quote.price)), strict=True):
        assert side is quote.side
        assert abs(price - quote.price) <= quote.price * tolerance_bps / 10_000


# --- A place that is refused ---------------------------------------------------------------------------------------


def refused(world: World, reason: RejectReason) -> tuple[Command, ...]:
    """The venue refuses the place that is on its way."""
    (place,) = (command for command in world.outgoing if isinstance(command, PlaceOrder))
    world.outgoing.remove(place)
    return world.tell(OrderRejected(at=0, order_id=place.order_id, reason=reason, message="no"))


def test_a_post_only_refusal_waits_for_another_touch() -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])

    at_once = refused(world, RejectReason.POST_ONLY)
    same_touch = want(world, [buy(0, 99_980)])
    a_minute = world.wait(60 * SECOND)
    world.venue.set_others(Side.BUY, BID + 1, 5, world.at)
    other_touch = world.hear()

    assert places(list(at_once + same_touch)) == places(a_minute) == []
    assert len(places(list(other_touch))) == 1


@pytest.mark.parametrize("reason", [RejectReason.FUNDS, RejectReason.SIZE, RejectReason.PRICE, RejectReason.RATE])
def test_other_refusals_back_off_up_to_a_minute(reason: RejectReason) -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])
    waits = []
    for _ in range(8):
        refused(world, reason)
        refused_at = world.at
        while not any(isinstance(command, PlaceOrder) for command in world.outgoing):
            world.wait(SECOND // 2)
        waits.append(round((world.at - refused_at) / SECOND))

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_place_that_succeeds_forgets_earlier_refusals() -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])
    for refusals in range(3):
        refused(world, RejectReason.FUNDS)
        world.wait((1 << refusals) * SECOND)
    world.settle()

    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()
    refused(world, RejectReason.FUNDS)
    soon = world.wait(SECOND)

    assert len(places(soon)) == 1


def test_a_place_that_came_too_late_waits_like_any_other() -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])

    at_once = places(list(refused(world, RejectReason.TOO_LATE)))
    later = places(list(world.wait(SECOND)))

    assert (len(at_once), len(later)) == (0, 1)


def test_five_refusals_for_no_known_reason_pause_the_strategy() -> None:
    wanted = [buy(level, 99_980 - level) for level in range(REFUSALS_MAX)]
    world = quoting()
    want(world, wanted)
    places_sent = [command for command in world.outgoing if isinstance(command, PlaceOrder)]

    for place in places_sent[:-1]:
        world.tell(OrderRejected(at=0, order_id=place.order_id, reason=RejectReason.OTHER, message="?"))
    assert world.state.pauses == {}
    world.tell(OrderRejected(at=0, order_id=places_sent[-1].order_id, reason=RejectReason.OTHER, message="?"))

    assert set(world.state.pauses) == {"core"}
    assert places(world.wait(120 * SECOND)) == []
    assert len(places(list(world.tell(ResumeAsked(at=0))))) == REFUSALS_MAX


def test_refusals_spread_over_more_than_a_minute_do_not_pause() -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])

    for _ in range(REFUSALS_MAX + 2):
        refused(world, RejectReason.OTHER)
        world.wait(61 * SECOND)

    assert world.state.pauses == {}
