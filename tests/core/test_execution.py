"""What we showed when a fill came: the strategy's own best bid and ask, by the venue's last word on each order."""

from replenisher.model.command import AmendOrder, Command
from replenisher.model.event import Event, TradesReported
from replenisher.model.order import Side
from replenisher.model.step import Quote
from tests.core.world import (
    KEY,
    LINEAR,
    SECOND,
    T0,
    Wishes,
    World,
    buy,
    filled,
    ladder,
    one_strategy,
    quoting,
    sell,
    setup,
    want,
)

Own = tuple[int | None, int | None]


def shown(world: World) -> list[Own]:
    """What was shown at each fill, in the order in which they were booked."""
    return [(mark.own_bid, mark.own_ask) for step in world.steps for mark in step.marks if not mark.mids]


def want_before(world: World, fill: Event, quotes: tuple[Quote, ...]) -> tuple[Command, ...]:
    """The strategy changes its mind before we hear of a fill."""
    world.venue.private.remove(fill)
    world.venue.public.clear()
    return want(world, quotes)


def hit(world: World, side: Side, level: int = 0, lots: int = 10) -> None:
    """Somebody trades with an order of ours; we have not heard of it yet."""
    world.venue.fill(world.at_venue(world.order(side, level)), lots, world.at)


def test_a_fill_says_between_which_of_our_prices_it_came() -> None:
    world = quoting(ladder(3))

    hit(world, Side.BUY)
    world.hear()

    assert shown(world) == [(99_980, 100_020)]


def test_who_sweeps_us_finds_less_at_each_level_in_one_step_or_in_two() -> None:
    at_once, one_by_one = quoting(ladder(3)), quoting(ladder(3))

    for level in range(3):
        hit(at_once, Side.BUY, level)
    fills = list(at_once.venue.private)
    at_once.tell(*fills)
    for fill in fills:
        one_by_one.tell(fill)

    assert shown(at_once) == shown(one_by_one) == [(99_980, 100_020), (99_970, 100_020), (99_960, 100_020)]


def test_what_is_filled_in_part_is_shown_still() -> None:
    world = quoting(ladder(2))

    hit(world, Side.SELL, lots=4)
    world.hear()
    hit(world, Side.SELL, lots=6)
    world.hear()

    assert shown(world) == [(99_980, 100_020)] * 2


def test_on_one_side_alone_no_spread_is_shown() -> None:
    world = quoting((buy(0, 99_980), buy(1, 99_970)))

    hit(world, Side.BUY, 1)
    world.hear()

    assert shown(world) == [(None, None)]


def test_what_was_sent_and_is_not_confirmed_is_not_shown() -> None:
    world = quoting(ladder(1))
    hit(world, Side.BUY)
    (fill,) = world.venue.private

    wishes = want_before(world, fill, (buy(0, 99_985), sell(0, 100_015)))
    world.tell(fill)

    assert {type(wish) for wish in wishes} == {AmendOrder}
    assert shown(world) == [(99_980, 100_020)]


def test_what_another_strategy_shows_on_the_same_instrument_is_not_ours() -> None:
    world = World(setup([("core", Wishes((buy(0, 99_980), sell(0, 100_030)))), ("wide", Wishes((sell(0, 100_020),)))]))
    world.open()
    world.settle()

    hit(world, Side.BUY)
    world.hear()

    assert shown(world) == [(99_980, 100_030)]


def test_of_a_fill_that_is_told_late_nobody_knows_what_was_shown() -> None:
    world = quoting(ladder(1))
    order = world.order(Side.BUY)
    late = filled(LINEAR, order.order_id, "T9", Side.BUY, order.price, 10, venue_time=T0)

    world.tell(TradesReported(at=0, scope=KEY, fills=(late,), has_more=False), at=world.at + 60 * SECOND)

    assert shown(world) == [(None, None)]


def test_of_a_fill_that_is_of_no_order_of_ours_nothing_was_shown() -> None:
    world = World(one_strategy(Wishes(ladder(1))))
    world.open()
    world.settle()

    world.tell(filled(LINEAR, "", "T9", Side.BUY, 99_980, 10, venue_time=world.at))

    assert shown(world) == [(None, None)]
