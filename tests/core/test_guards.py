"""Guards: what a strategy's own caution takes from its wishes, and that nothing else notices."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.guards import Guards
from replenisher.core.look import Amend
from replenisher.core.queue_value import QueuePolicy
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.core.toxicity import Response, ToxicityPolicy
from replenisher.model.command import AmendOrder, CancelOrder, Command, PlaceOrder
from replenisher.model.event import TradePrinted
from replenisher.model.order import Side
from replenisher.model.step import Cut
from replenisher.model.units import DAY_NS
from tests.core.world import (
    ASK,
    BID,
    KEY,
    MS,
    SECOND,
    T0,
    World,
    buy,
    ladder,
    limits,
    policy,
    quoting,
    sell,
    want,
    wishes_of,
)

HORIZON = 10 * SECOND


def toxic(response: Response, **other: object) -> Guards:
    """One fill that loses is enough."""
    usual: dict[str, object] = {
        "response": response,
        "horizon_ns": HORIZON,
        "window_ns": 60 * SECOND,
        "fills_min": 1,
        "markout_bps_min": 0.0,
    }
    return Guards(toxicity=ToxicityPolicy(**(usual | other)))


def move(world: World, side: Side, price: int) -> list[Command]:
    """The others move on one side, the wishes do not."""
    for before in list(world.venue.others[side]):
        world.venue.set_others(side, before, 0, world.at)
    world.venue.set_others(side, price, 5, world.at)
    return [*world.hear(), *world.settle()]


def fill(world: World, side: Side, level: int = 0, lots: int = 10) -> list[Command]:
    """A level is eaten, in part or as a whole."""
    world.venue.fill(world.at_venue(world.order(side, level)), lots, world.at)
    return [*world.hear(), *world.settle()]


def lose(world: World, side: Side, level: int = 0) -> None:
    """A level is eaten, is back, and its fill turns out to have lost: those behind it are gone."""
    fill(world, side, level)
    move(world, side, (BID if side is Side.BUY else ASK) - 200 * side.sign)
    world.wait(HORIZON + SECOND)
    world.settle()


def sent(commands: list[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, PlaceOrder | AmendOrder | CancelOrder)]


def told(world: World) -> list[str]:
    return world.state.guarded[world.setup.strategies[0].id].told(world.live(), world.at)


# --- Min profit ----------------------------------------------------------------------------------------------------


def test_no_quote_stands_closer_to_fair_value_than_the_fee_and_the_profit() -> None:
    wanted = (buy(0, 99_992), buy(1, 99_960), sell(0, 100_008), sell(1, 100_040))
    world = quoting(wanted, guards=Guards(closest_bps=2.0))  # the fair value is 100,000 ticks

    assert world.shown() == {buy(0, 99_980), buy(1, 99_960), sell(0, 100_020), sell(1, 100_040)}
    (decision,) = next(step.decisions for step in world.steps if any(each.wanted for each in step.decisions))
    assert decision.wanted == wanted
    assert decision.withheld == "min_profit_bps"
    assert decision.cuts == (
        Cut(Side.BUY, 0, "min_profit_bps", 99_980, 10),
        Cut(Side.SELL, 0, "min_profit_bps", 100_020, 10),
    )


def test_of_quotes_that_would_meet_at_the_limit_the_first_one_stays() -> None:
    wanted = (buy(0, 99_995), buy(1, 99_990), buy(2, 99_980), buy(3, 99_970))
    world = quoting(wanted, guards=Guards(closest_bps=2.0))

    assert world.shown() == {buy(0, 99_980), buy(3, 99_970)}


def test_a_fair_value_that_comes_closer_moves_a_quote_that_is_wanted_where_it_was() -> None:
    world = quoting((buy(0, 99_975),), guards=Guards(closest_bps=2.0))

    commands = sent(move(world, Side.BUY, BID - 20))

    (amend,) = commands
    assert isinstance(amend, AmendOrder)
    assert amend.price == 99_970  # 2 bps of 99,990 are 19.998 ticks


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 20.0),
    st.sampled_from(Amend),
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=1, max_size=6),
)
def test_whatever_is_tolerated_no_order_stands_closer_than_that_after_a_look(
    tolerance_bps: float, amend: Amend, moves: list[tuple[int, int]]
) -> None:
    world = quoting(ladder(3), policy=policy(tolerance_bps=tolerance_bps, amend=amend), guards=Guards(closest_bps=3.0))

    for moved, leant in moves:  # in the order in which the market stays true
        sides = [(Side.BUY, BID), (Side.SELL, ASK)] if moved < 0 else [(Side.SELL, ASK), (Side.BUY, BID)]
        for side, price in sides:
            move(world, side, price + moved)
        want(world, ladder(3, centre=100_000 + moved + leant))
        world.wait(SECOND)
        world.settle()

        fair = 100_000 + moved
        assert len(world.live()) >= 2
        for order in world.live():
            assert (fair - order.price) * order.side.sign >= fair * 3 / 10_000 - 1e-6


def test_a_tolerated_order_that_has_come_too_close_moves_as_far_out_as_it_must() -> None:
    world = quoting((buy(0, 99_975),), policy=policy(tolerance_bps=3.0), guards=Guards(closest_bps=2.0))

    still = sent(move(world, Side.BUY, BID - 10))  # 2 bps of 99,995 are 19.999 ticks
    (amend,) = sent(move(world, Side.BUY, BID - 20))

    assert still == []
    assert isinstance(amend, AmendOrder)
    assert amend.price == 99_970


@pytest.mark.parametrize("closest_bps", [-1.0, 0.0, 1.9])
def test_what_stands_far_enough_out_is_left_alone(closest_bps: float) -> None:
    world = quoting(ladder(3), guards=Guards(closest_bps=closest_bps))

    assert world.shown() == set(ladder(3))


# --- Toxicity ------------------------------------------------------------------------------------------------------


def test_a_toxic_level_stands_further_out_and_no_other_moves() -> None:
    world = quoting(ladder(2), guards=toxic(Response.WIDEN, widen_bps=3.0))

    lose(world, Side.BUY)

    assert world.shown() == {buy(0, 99_950), buy(1, 99_970), sell(0, 100_020), sell(1, 100_030)}
    assert told(world) == ["toxicity, widen buy 0: mean markout -8.00 bps of 1 fills"]


def test_a_level_that_is_toxic_no_more_comes_back_to_its_place() -> None:
    world = quoting(ladder(2), guards=toxic(Response.WIDEN, widen_bps=3.0))
    lose(world, Side.BUY)

    world.wait(60 * SECOND)
    world.settle()

    assert world.shown() == set(ladder(2))
    assert told(world) == []


def test_the_refill_of_a_toxic_level_is_withheld_until_its_fills_are_too_old() -> None:
    world = quoting(ladder(2), guards=toxic(Response.WITHHOLD))
    lose(world, Side.BUY)
    assert world.shown() == set(ladder(2)), "what rests already stays"

    at_once = sent(fill(world, Side.BUY))
    other = sent(fill(world, Side.SELL))
    later = sent(world.wait(45 * SECOND))
    at_last = sent(world.wait(40 * SECOND))

    assert at_once == later == []
    assert [(place.side, place.level) for place in other if isinstance(place, PlaceOrder)] == [(Side.SELL, 0)]
    assert [(place.side, place.level) for place in at_last if isinstance(place, PlaceOrder)] == [(Side.BUY, 0)]


def test_the_refill_of_a_toxic_level_comes_later() -> None:
    world = quoting(ladder(2), guards=toxic(Response.DELAY, delay_ns=5 * SECOND))
    lose(world, Side.BUY)

    at_once = sent(fill(world, Side.BUY))
    eaten_at = world.at
    soon = sent(world.wait(4 * SECOND))
    (place,) = sent(world.wait(2 * SECOND))

    assert at_once == soon == []
    assert isinstance(place, PlaceOrder)
    assert world.order(Side.BUY).created_at - eaten_at <= 5 * SECOND + 2 * MS


def test_an_order_of_a_toxic_level_is_not_topped_up() -> None:
    refill = RefillPolicy(partial_fill=PartialFill.TOP_UP, min_fraction=0.9)
    world = quoting(ladder(1), policy=policy(refill), guards=toxic(Response.WITHHOLD))
    lose(world, Side.BUY)

    held = sent(fill(world, Side.BUY, lots=6))
    (top_up,) = sent(fill(world, Side.SELL, lots=6))

    assert held == []
    assert world.order(Side.BUY).remaining == 4
    assert isinstance(top_up, AmendOrder)


def test_a_level_hit_by_a_cluster_is_held_while_the_cluster_lasts() -> None:
    guards = toxic(Response.WITHHOLD, cluster_fills=2, cluster_ns=5 * SECOND, markout_bps_min=-10_000.0)
    world = quoting(ladder(3), guards=guards)

    first = sent(fill(world, Side.BUY, 0))
    second = sent(fill(world, Side.BUY, 1))
    at_last = sent(world.wait(6 * SECOND))

    assert len(first) == 1
    assert second == []
    assert [(place.side, place.level) for place in at_last if isinstance(place, PlaceOrder)] == [(Side.BUY, 1)]


def test_the_refill_of_a_level_hit_by_a_cluster_comes_as_late_as_is_said_however_short_the_cluster_was() -> None:
    guards = toxic(Response.DELAY, cluster_fills=2, cluster_ns=SECOND, delay_ns=5 * SECOND, markout_bps_min=-10_000.0)
    world = quoting(ladder(3), guards=guards)

    first = sent(fill(world, Side.BUY, 0))
    second = sent(fill(world, Side.BUY, 1))
    eaten_at = world.at
    soon = sent(world.wait(4 * SECOND))
    (place,) = sent(world.wait(2 * SECOND))

    assert len(first) == 1
    assert second == soon == []
    assert isinstance(place, PlaceOrder)
    assert (place.side, place.level) == (Side.BUY, 1)
    assert world.order(Side.BUY, 1).created_at - eaten_at <= 5 * SECOND + 2 * MS


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Response),
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(0, 2), st.integers(1, 10), st.integers(0, 4)),
        min_size=2,
        max_size=10,
    ),
    st.sampled_from(PartialFill),
)
def test_whatever_a_levels_fills_have_brought_no_other_level_is_touched(
    response: Response, fills: list[tuple[Side, int, int, int]], partial: PartialFill
) -> None:
    guards = toxic(response, widen_bps=3.0, delay_ns=5 * SECOND, cluster_fills=2, cluster_ns=SECOND)
    refill = RefillPolicy(partial_fill=partial)
    world = quoting(ladder(3), policy=policy(refill, tolerance_bps=0.0), guards=guards)
    own: dict[str, tuple[Side, int]] = {order.order_id: (order.side, order.level) for order in world.live()}
    hit: set[tuple[Side, int]] = set()

    for side, level, lots, pause_s in fills:
        if not [order for order in world.live() if (order.side, order.level) == (side, level)]:
            continue  # it is held back
        hit.add((side, level))
        commands = fill(world, side, level, min(lots, world.order(side, level).remaining))
        commands += [*move(world, side, (BID if side is Side.BUY else ASK) - 50 * side.sign)]
        commands += [*world.wait(pause_s * HORIZON // 2), *world.settle()]
        for command in sent(commands):
            if isinstance(command, PlaceOrder):
                own[command.order_id] = (command.side, command.level)
            assert own[command.order_id] in hit

    assert {(order.side, order.level) for order in world.live()} >= {
        (quote.side, quote.level) for quote in ladder(3)
    } - hit


def test_the_reason_of_a_held_refill_is_recorded_with_the_decision() -> None:
    world = quoting(ladder(2), guards=toxic(Response.WITHHOLD))
    lose(world, Side.BUY)
    fill(world, Side.BUY)

    want(world, (buy(0, 99_980), buy(1, 99_960)))

    (decision,) = world.steps[-1].decisions
    assert decision.withheld == "toxicity, withhold buy 0: mean markout -8.00 bps of 1 fills"
    assert decision.permitted == (buy(1, 99_960),)


def test_what_was_learned_of_levels_ends_with_the_life() -> None:
    world = quoting(ladder(1), guards=toxic(Response.WITHHOLD))
    lose(world, Side.BUY)

    later = world.reborn()
    later.open(epoch=2)

    assert told(world) != []
    assert told(later) == []
    assert len(later.shown()) == 2


# --- Hanging -------------------------------------------------------------------------------------------------------


def test_another_reason_not_to_show_a_level_is_on_record_though_nothing_is_to_be_done() -> None:
    """Its second level is too far out, then too large, while the first one stands and stays."""
    world = quoting([buy(0, 99_980)], limits=limits(price_collar_bps=50.0, max_order_quote=Decimal(10_000)))
    want(world, [buy(0, 99_980), buy(1, 90_000)])

    before = len(world.steps)
    for lots in (10, 20):
        want(world, [buy(0, 99_980), buy(1, 90_000, lots)])
    want(world, [buy(0, 99_980), buy(1, 99_970, 2_000)])

    assert not any(step.commands for step in world.steps[before:])
    told = [decision.withheld for step in world.steps[before:] for decision in step.decisions]
    assert told == ["max_order_quote"], "once"


def hanging(world: World) -> list[str]:
    return [line for line in told(world) if line.endswith("hangs")]


def test_an_order_whose_opposite_was_filled_stays_while_the_ladder_moves() -> None:
    world = quoting(ladder(2), guards=Guards(hanging_pct=1.0))

    fill(world, Side.BUY)
    want(world, ladder(2, centre=99_980))
    (decision,) = world.steps[-1].decisions
    world.settle()

    assert world.shown() == {buy(0, 99_960), buy(1, 99_950), sell(0, 100_020), sell(1, 100_010)}
    assert decision.withheld == "sell 0 hangs"
    assert hanging(world) == ["sell 0 hangs"]


def test_an_order_that_hangs_too_far_out_is_moved_and_hangs_no_more() -> None:
    world = quoting(ladder(1), guards=Guards(hanging_pct=0.1))  # 100 ticks
    fill(world, Side.BUY)

    move(world, Side.BUY, BID - 150)  # the fair value is 75 ticks lower
    still = world.shown()
    move(world, Side.BUY, BID - 250)  # 125 ticks
    wanted = ladder(1, centre=99_990)
    want(world, wanted)
    world.settle()
    moved = world.shown()
    move(world, Side.BUY, BID)
    want(world, ladder(1))
    world.settle()

    assert sell(0, 100_020) in still
    assert moved == set(wanted)
    assert world.shown() == set(ladder(1)), "it follows the ladder again"
    assert hanging(world) == []


def test_a_hanging_order_that_was_partly_filled_is_left_with_what_remains() -> None:
    world = quoting(ladder(1), guards=Guards(hanging_pct=1.0))
    fill(world, Side.BUY)
    fill(world, Side.SELL, lots=4)

    want(world, ladder(1, centre=99_980))
    commands = sent(world.settle())

    assert world.order(Side.SELL).price == 100_020
    assert world.order(Side.SELL).remaining == 6
    assert all(world.order(Side.SELL).order_id != getattr(command, "order_id", "") for command in commands)


def test_an_order_may_not_hang_closer_to_fair_value_than_min_profit() -> None:
    world = quoting(ladder(1), guards=Guards(hanging_pct=1.0, closest_bps=2.0))
    fill(world, Side.BUY)

    move(world, Side.SELL, ASK + 20)  # the fair value is 10 ticks higher, and the order 10 ticks from it

    (order,) = (order for order in world.live() if order.side is Side.SELL)
    assert order.price == 100_031  # 2 bps of 100,010 are 20.002 ticks


def test_a_toxic_level_whose_order_hangs_stays_until_that_is_gone() -> None:
    world = quoting(ladder(2), guards=replace(toxic(Response.WIDEN, widen_bps=3.0), hanging_pct=1.0))
    fill(world, Side.BUY)
    fill(world, Side.SELL)

    move(world, Side.BUY, BID - 200)
    world.wait(HORIZON + SECOND)
    world.settle()
    hangs = world.order(Side.BUY).price
    fill(world, Side.BUY)

    assert told(world)[0].startswith("toxicity, widen buy 0: mean markout -")
    assert hangs == 99_980
    assert world.order(Side.BUY).price == 99_950


def test_without_it_every_order_moves_with_the_ladder() -> None:
    world = quoting(ladder(1))
    fill(world, Side.BUY)

    want(world, ladder(1, centre=99_980))
    world.settle()

    assert world.shown() == set(ladder(1, centre=99_980))
    assert world.state.guarded == {}


# --- Queue value ---------------------------------------------------------------------------------------------------


def queued(within_bps: float = 5.0, taken: int = 30) -> World:
    """A bid of ours at 99,980 joins forty lots, of which some are taken; the fair value is 100,000."""
    guards = Guards(queue=QueuePolicy(within_bps=within_bps, horizon_ns=10 * SECOND))
    world = quoting((), guards=guards)
    world.venue.set_others(Side.BUY, 99_980, 40, world.at)
    world.hear()
    want(world, (buy(0, 99_980),))
    world.settle()
    if taken:
        world.tell(
            TradePrinted(
                at=0, instrument=KEY, venue_time=world.at, trade_id="T", price=99_980, quantity=taken, taker=Side.SELL
            )
        )
    return world


def test_an_order_keeps_a_place_that_is_worth_more_than_a_little_more_edge() -> None:
    world = queued()
    assert told(world) == ["buy 0 stands behind 10 lots at its price"]

    # 20 ticks of edge behind 15 lots, against 21 behind 45: 30 are taken within the horizon on average
    commands = sent([*want(world, (buy(0, 99_979),)), *world.settle()])

    assert commands == []
    assert world.shown() == {buy(0, 99_980)}


def test_an_order_leaves_a_place_that_is_worth_less() -> None:
    world = queued()

    # 20 ticks behind 15 lots are worth 12.1, and 15 behind 5 are worth 12.7
    want(world, (buy(0, 99_985),))
    world.settle()

    assert world.shown() == {buy(0, 99_985)}


@pytest.mark.parametrize(("within_bps", "taken"), [(0.05, 30), (5.0, 0)], ids=["too far off", "nothing trades"])
def test_an_order_moves_where_its_place_counts_for_nothing(within_bps: float, taken: int) -> None:
    world = queued(within_bps, taken)

    want(world, (buy(0, 99_979),))
    world.settle()

    assert world.shown() == {buy(0, 99_979)}


def test_a_place_ahead_of_many_is_kept_however_long_nothing_has_traded() -> None:
    world = queued()
    (order,) = world.live()
    (queues,) = (each.queues for each in world.state.guarded.values() if each.queues is not None)
    book, later = world.state.books[KEY], world.at + 200 * SECOND  # e^-20 of the volume is left

    assert queues.keeps(order, 99_979, 100_000.0, book, later)
    assert not queues.keeps(order, 99_985, 100_000.0, book, later), "there is less before that one"


@pytest.mark.parametrize(
    ("price", "silence_ns", "is_kept"),
    [
        # With 30 taken within the horizon on average, 20 ticks of edge behind 15 lots are worth 20 exp(-15/30) = 12.1.
        (99_979, 0, True),  # 21 behind 45 are worth 4.7: 5 at the touch and 50 at our price, of which 10 are our own
        (99_940, 0, False),  # 60 behind those 45 are worth 13.4, though more is before it; behind 55 they would be 9.6
        (99_987, 0, True),  # 13 behind 5 are worth 11.0, though less is before it
        # One horizon later 11 are taken, and the same place is worth 5.1.
        (99_940, HORIZON, True),  # 1.0
        (99_987, HORIZON, False),  # 8.3
    ],
)
def test_a_place_is_worth_its_edge_times_the_chance_that_all_before_it_trades(
    price: int, silence_ns: int, is_kept: bool
) -> None:
    world = queued()
    (order,) = world.live()
    (queues,) = (each.queues for each in world.state.guarded.values() if each.queues is not None)

    kept = queues.keeps(order, price, 100_000.0, world.state.books[KEY], world.at + silence_ns)

    assert kept is is_kept


def test_no_place_beyond_fair_value_is_kept() -> None:
    world = queued(within_bps=50.0)
    wishes_of(world).quotes = (buy(0, 99_880),)

    move(world, Side.BUY, BID - 200)  # the fair value is 99,900, below our bid

    assert world.shown() == {buy(0, 99_880)}


# --- Daily volume --------------------------------------------------------------------------------------------------


def capped(buy_quote: str) -> Guards:
    return Guards(max_daily_buy_quote=Decimal(buy_quote))


def test_what_is_bought_and_wanted_stays_within_the_daily_cap() -> None:
    world = quoting(ladder(2), guards=capped("350"))  # a quote is 10 lots of 0.001 at 9,998: 99.98

    first = sent(fill(world, Side.BUY))
    assert len(first) == 1, "100 bought and 200 wanted"
    fill(world, Side.BUY)
    assert world.shown() == {buy(0, 99_980), sell(0, 100_020), sell(1, 100_030)}, "200 bought and 100 wanted"
    fill(world, Side.BUY)

    assert not [order for order in world.live() if order.side is Side.BUY]
    assert len([order for order in world.live() if order.side is Side.SELL]) == 2
    assert told(world) == ["max_daily_buy_quote: 299.94 of 350 today"]


def test_a_new_day_has_a_new_cap() -> None:
    world = quoting(ladder(1), guards=capped("150"))
    fill(world, Side.BUY)
    assert [order.side for order in world.live()] == [Side.SELL]

    world.wait(DAY_NS - T0 % DAY_NS)
    world.settle()

    assert [order.side for order in sorted(world.live(), key=lambda order: order.side)] == [Side.BUY, Side.SELL]


def test_a_restart_gives_no_new_day() -> None:
    world = quoting(ladder(1), guards=capped("150"))
    fill(world, Side.BUY)

    later = world.reborn()
    later.open(epoch=2)

    assert [order.side for order in later.live()] == [Side.SELL]
    assert told(later) == ["max_daily_buy_quote: 99.98 of 150 today"]


def test_a_fill_of_yesterday_that_is_told_today_counts_no_more() -> None:
    world = quoting(ladder(1), guards=capped("150"))
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, T0 + MS)
    world.at = T0 + DAY_NS
    world.hear()
    world.settle()

    assert told(world) == ["max_daily_buy_quote: 0.00 of 150 today"]


def test_without_caps_nothing_of_them_is_remembered() -> None:
    guarded, plain = quoting(ladder(1), guards=Guards(closest_bps=1.0)), quoting(ladder(1))
    for world in (guarded, plain):
        fill(world, Side.BUY)

    assert guarded.state.dump() == plain.state.dump()
    assert b"volumes" not in plain.state.dump()
