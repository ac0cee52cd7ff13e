"""Several strategies under the limits of one account."""

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.state import State
from replenisher.model.command import Denied, PlaceOrder
from replenisher.model.event import (
    FeedLost,
    InstrumentDefined,
    PositionReported,
    SessionOpened,
    Started,
    TradesReported,
)
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Side
from tests.core.world import (
    LINEAR,
    VENUE,
    Wishes,
    World,
    buy,
    cancels,
    filled,
    ladder,
    limits,
    policy,
    quoting,
    sell,
    setup,
    want,
)


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


def test_an_order_that_is_tolerated_larger_than_its_quote_exceeds_no_limit() -> None:
    narrow = limits(max_position_quote=Decimal(1_050))
    world = quoting([buy(0, 99_980, 100)], limits=narrow, policy=policy(amount_tolerance=0.1))
    want(world, [buy(0, 99_980, 92)])
    assert world.shown() == {buy(0, 99_980, 100)}

    world.tell(filled(LINEAR, "", "X", Side.BUY, 99_990, 10, venue_time=world.at))  # by hand
    world.settle()

    assert world.shown() == {buy(0, 99_980, 92)}


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


TWO_COINS = limits(max_leverage=Decimal(2))
OTHER = msgspec.structs.replace(LINEAR, name="ETH-PERPETUAL", base_currency="ETH")


def two_instruments(cash: int, first: Wishes, second: Wishes, other: Instrument = OTHER) -> World:
    """So much cash, and a strategy on each of two instruments; both stand at 10,000, and a lot is 0.001 of a coin."""
    both = setup([("first", first), ("second", second)], limits=TWO_COINS)
    world = World(replace(both, strategies=(both.strategies[0], replace(both.strategies[1], instrument=other.key))))
    world.venue.balance = Decimal(cash)
    open_both(world, other)
    return world


def open_both(world: World, other: Instrument = OTHER) -> None:
    """A life begins, and is in sync."""
    world.tell(
        Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}),
        InstrumentDefined(at=0, instrument=LINEAR),
        InstrumentDefined(at=0, instrument=other),
        SessionOpened(at=0, venue=VENUE),
    )
    for _stage in range(3):  # the toy venue knows only of one instrument
        world.tell(
            TradesReported(at=0, scope=other.key, fills=(), has_more=False),
            PositionReported(at=0, instrument=other.key, amount=Decimal(0), average_price=Decimal(0)),
        )
        world.settle()


def books(world: World, *instruments: Instrument) -> list[tuple[str, Side, int]]:
    """Tell their books in one step; what is placed for that."""
    snapshot = world.venue.snapshot(world.at)
    world.ask_again()
    told = world.tell(*[msgspec.structs.replace(snapshot, instrument=each.key) for each in instruments])
    return [(each.strategy, each.side, each.quantity) for each in told if isinstance(each, PlaceOrder)]


@pytest.mark.parametrize("at_once", [False, True])
def test_what_stands_behind_one_instrument_does_not_stand_behind_another(at_once: bool) -> None:
    # 200 coins' worth at 10,000 is 2,000: with twice 1,500 there are 1,000 left for the other one.
    world = two_instruments(1_500, Wishes((buy(0, 99_980, 200), sell(0, 100_020, 150))), Wishes(ladder(2, 60)))

    placed = books(world, LINEAR, OTHER) if at_once else books(world, LINEAR) + books(world, OTHER)

    first, second = [("first", Side.BUY, 200), ("first", Side.SELL, 150)], [("second", side, 60) for side in Side]
    assert placed == first + second, "each of four levels of the other one is 600, and two on one side are too many"


def test_two_ladders_on_one_instrument_and_one_on_another_are_counted_together_order_by_order() -> None:
    first, beside, second = Wishes((buy(0, 99_980, 100), buy(1, 99_970, 100))), Wishes((buy(0, 99_960, 50),)), Wishes()
    two = two_instruments(1_500, first, second)
    core, other = two.setup.strategies
    third = replace(core, id="beside", strategy=beside)
    world = World(replace(two.setup, strategies=(core, third, other)), venue=two.venue)
    open_both(world)
    second.quotes = (buy(0, 99_980, 60),)

    placed = books(world, LINEAR, OTHER)

    assert placed == [("first", Side.BUY, 100), ("first", Side.BUY, 100), ("beside", Side.BUY, 50)]


def test_what_makes_a_position_smaller_passes_though_the_money_is_behind_others() -> None:
    first, second = Wishes(), Wishes((buy(0, 99_980, 50),))
    world = two_instruments(1_000, first, second)
    books(world, OTHER)
    (order,) = world.live()
    second.quotes = ()
    world.tell(filled(OTHER, order.order_id, "T1", Side.BUY, 99_980, 50, venue_time=world.at))

    first.quotes = (buy(0, 99_980, 151),)
    assert books(world, LINEAR) == [], "0.151 coins and 0.05 are more than 2,000"
    first.quotes = (buy(0, 99_980, 150),)
    assert books(world, LINEAR) == [("first", Side.BUY, 150)]
    second.quotes = (buy(0, 99_980, 1), sell(0, 100_020, 50))
    assert books(world, OTHER) == [("second", Side.SELL, 50)]


def test_money_comes_back_from_an_instrument_that_needs_it_no_more() -> None:
    first, second = Wishes((buy(0, 99_980, 300),)), Wishes((buy(0, 99_980, 100),))
    world = two_instruments(1_500, first, second)
    assert books(world, LINEAR) == [("first", Side.BUY, 300)]
    assert books(world, OTHER) == []
    world.settle()

    first.quotes = (buy(0, 99_980, 200),)
    assert books(world, LINEAR) == [], "it is amended"
    world.settle()

    assert books(world, OTHER) == [("second", Side.BUY, 100)]


def test_money_stays_behind_orders_whose_book_is_lost_until_they_are_gone() -> None:
    first, second = Wishes((buy(0, 99_980, 300),)), Wishes((buy(0, 99_980, 100),))
    world = two_instruments(1_500, first, second)
    books(world, LINEAR)
    world.settle()

    world.tell(FeedLost(at=0, instrument=LINEAR.key, reason="gap"))
    assert books(world, OTHER) == [], "the cancel is under way"
    world.settle()
    assert books(world, OTHER) == [("second", Side.BUY, 100)]


def test_one_currency_pays_for_the_buys_of_one_pair_or_of_another() -> None:
    pair = msgspec.structs.replace(OTHER, name="ETH_USDT", kind=Kind.SPOT)
    world = two_instruments(
        1_500, Wishes((buy(0, 99_980, 200),)), Wishes((buy(0, 99_980, 40), buy(1, 99_970, 40))), pair
    )

    assert books(world, LINEAR) == [("first", Side.BUY, 200)]
    assert books(world, pair) == [("second", Side.BUY, 40)], "of 500 that are left"


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


def test_whose_level_would_cross_another_strategy_is_told_which_until_it_may_stand_there() -> None:
    buyer, seller = Wishes((buy(0, 100_003),)), Wishes((sell(0, 100_001), sell(1, 100_020)))
    world = World(setup([("buyer", buyer), ("seller", seller)]))

    wishes = world.open()
    again = [world.tell(world.venue.snapshot(world.at)) for _ in range(3)]

    (denied,) = (wish for wish in wishes if isinstance(wish, Denied))
    assert (denied.strategy, denied.level, denied.reason) == ("seller", 0, "would cross an order of buyer")
    assert again == [(), (), ()], "it is told once"
    assert world.state.withheld == {"buyer": "", "seller": "would cross an order of buyer"}

    buyer.quotes = ()
    world.ask_again()
    world.tell(world.venue.snapshot(world.at))
    assert world.state.withheld["seller"] == "would cross an order of buyer", "the cancel is under way"
    world.settle()

    assert [(order_.side, order_.price) for order_ in world.live()] == [(Side.SELL, 100_020), (Side.SELL, 100_001)]
    assert world.state.withheld["seller"] == ""


@pytest.mark.parametrize("first", ["buyer", "seller"])
def test_a_level_that_only_waits_for_another_strategy_to_move_on_is_not_denied(first: str) -> None:
    buyer, seller = Wishes((buy(0, 99_999),)), Wishes((sell(0, 100_001),))
    both = [("buyer", buyer), ("seller", seller)]
    world = World(setup(both if first == "buyer" else both[::-1]))
    world.open()

    buyer.quotes, seller.quotes = (buy(0, 99_995),), (sell(0, 99_997),)  # where the buyer stands still
    world.ask_again()
    wishes = [*world.tell(world.venue.snapshot(world.at)), *world.settle()]

    assert not any(isinstance(wish, Denied) for wish in wishes)
    assert {(order_.side, order_.price) for order_ in world.live()} == {(Side.BUY, 99_995), (Side.SELL, 99_997)}
    assert not any(world.state.withheld.values())


def test_an_order_that_may_not_follow_where_another_strategy_stands_stays_further_out() -> None:
    buyer, seller = Wishes((buy(0, 99_999),)), Wishes((sell(0, 100_001),))
    world = World(setup([("buyer", buyer), ("seller", seller)]))
    world.open()

    buyer.quotes, seller.quotes = (buy(0, 100_002),), (sell(0, 99_998),)  # each where the other one stands
    world.ask_again()
    wishes = [*world.tell(world.venue.snapshot(world.at)), *world.settle()]

    told = {(wish.strategy, wish.reason) for wish in wishes if isinstance(wish, Denied)}
    assert told == {("buyer", "would cross an order of seller"), ("seller", "would cross an order of buyer")}
    assert {(order_.side, order_.price) for order_ in world.live()} == {(Side.BUY, 99_999), (Side.SELL, 100_001)}


def test_what_the_gate_denies_for_good_is_no_news_in_every_step() -> None:
    """Also where a limit withholds another level."""
    buyer, seller = Wishes((buy(0, 100_003),)), Wishes((sell(0, 100_001), sell(1, 100_020, 200)))
    world = World(setup([("buyer", buyer), ("seller", seller)], limits=limits(max_order_quote=Decimal(1_500))))
    world.open()

    before = len(world.steps)
    for price in (99_991, 99_992, 99_993):
        world.venue.set_others(Side.BUY, price, 5, world.at)
        world.hear()

    assert world.state.withheld["seller"] == "max_order_quote, would cross an order of buyer"
    assert [step.decisions for step in world.steps[before:]] == [(), (), ()]
