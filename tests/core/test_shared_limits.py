"""Several strategies under the limits of one account."""

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.state import State
from replenisher.model.command import Denied, PlaceOrder
from replenisher.model.event import InstrumentDefined, PositionReported, TradesReported
from replenisher.model.order import Side
from tests.core.world import LINEAR, Wishes, World, buy, cancels, ladder, limits, sell, setup


def test_two_strategies_share_the_limits_and_what_the_gate_denies_is_recorded_once() -> None:
    world = World(
        setup(
            [("first", Wishes((buy(0, 99_980),))), ("second", Wishes((buy(0, 99_970),)))],
            limits=limits(max_position_quote=Decimal(150)),
        )
    )

    wishes = world.open()
    again = [world.tell(world.venue.snapshot(world.at)) for _ in range(3)]

    (denied,) = (wish for wish in wishes if isinstance(wish, Denied))
    assert (denied.strategy, denied.reason) == ("second", "max_position_quote")
    assert len(world.venue.resting()) == 1
    assert again == [(), (), ()]


@pytest.mark.parametrize(("currency", "shown"), [("BTC", 0), ("USDC", 2)])  # dollars are dollars
def test_nothing_is_shown_at_a_venue_where_limits_would_add_up_two_currencies(currency: str, shown: int) -> None:
    other = msgspec.structs.replace(LINEAR, name="ETH-BTC", quote_currency=currency)
    both = setup([("first", Wishes(ladder(1))), ("second", Wishes())])
    world = World(replace(both, strategies=(both.strategies[0], replace(both.strategies[1], instrument=other.key))))
    world.open()
    for _stage in range(3):  # the toy venue knows only of one instrument
        world.tell(
            TradesReported(at=0, scope=other.key, fills=(), has_more=False),
            PositionReported(at=0, instrument=other.key, amount=Decimal(0), average_price=Decimal(0)),
        )
        world.settle()
    assert len(world.venue.resting()) == 2

    world.tell(InstrumentDefined(at=0, instrument=other))
    world.settle()

    assert len(world.venue.resting()) == shown
    assert State.load(world.setup, world.state.snapshot()).mixed == world.state.mixed, "a replay that begins here knows"


def test_what_no_longer_fits_beside_another_strategy_is_taken_off_and_nothing_is_denied() -> None:
    first, second = Wishes((buy(0, 99_980, 5),)), Wishes((buy(0, 99_970, 10),))
    world = World(setup([("first", first), ("second", second)], limits=limits(max_position_quote=Decimal(150))))
    world.open()

    first.quotes = (buy(0, 99_980, 10),)
    world.ask_again()
    wishes = [*world.tell(world.venue.snapshot(world.at)), *world.settle()]

    assert cancels(wishes) == 1
    assert not any(isinstance(wish, Denied) for wish in wishes)
    assert [resting.price for resting in world.venue.resting()] == [99_970]


def test_a_strategys_own_limits_hold_for_its_own_orders_alone() -> None:
    both = setup([("first", Wishes(ladder(2))), ("second", Wishes(ladder(2, step=20)))], limits=limits())
    own = replace(both.strategies[1], limits=limits(max_open_orders=1))
    world = World(replace(both, strategies=(both.strategies[0], own)))
    world.open()

    assert len(world.state.orders.of(both.strategies[0].ladder)) == 4
    assert len(world.state.orders.of(own.ladder)) == 1


def test_what_two_strategies_send_in_one_step_counts_together_order_by_order() -> None:
    first, second = Wishes((buy(0, 99_980), buy(1, 99_970))), Wishes((buy(0, 99_960), buy(1, 99_950)))
    world = World(setup([("first", first), ("second", second)], limits=limits(max_open_orders=3)))

    world.open()

    placed = [[wish.price for wish in step.commands if isinstance(wish, PlaceOrder)] for step in world.steps]
    assert [prices for prices in placed if prices] == [[99_980, 99_970, 99_960]]


def test_two_strategies_never_cross_each_other() -> None:
    world = World(setup([("buyer", Wishes((buy(0, 100_003),))), ("seller", Wishes((sell(0, 100_001),)))]))

    world.open()

    assert [(order_.side, order_.price) for order_ in world.live()] == [(Side.BUY, 100_003)]
