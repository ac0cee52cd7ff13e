"""Markouts: where the others stood at a fill and after it; what nobody could know is missing, and never a zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.execution import Executed
from replenisher.core.markouts import LATE_NS, LOOK_LATE_NS_MAX, Markouts
from replenisher.model.event import FeedLost, LinkAlive, OrderFilled, StopAsked, TradesReported, Woke
from replenisher.model.order import Side
from replenisher.model.step import HORIZONS_NS, Mark
from replenisher.model.units import MS_NS, NEVER_NS
from tests.core.world import ASK, BID, KEY, LINEAR, MS, SECOND, T0, VENUE, World, filled, ladder, limits, quoting

MID = BID + ASK  # twice it, in ticks
ALL = len(HORIZONS_NS)
AGE = 2 * SECOND
ALIVE_EVERY_NS = 500 * MS


def marks(world: World) -> list[Mark]:
    return [mark for step in world.steps for mark in step.marks]


def curve(world: World) -> tuple[int | None, ...]:
    """The mids after the one fill."""
    (mark,) = (mark for mark in marks(world) if mark.mids)
    return mark.mids


def fill_one(world: World) -> None:
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()


def pass_time(world: World, duration_ns: int, *, is_alive: bool = True) -> None:
    """Time passes on a connection that shows that it lives, unless it does not."""
    until, told = world.at + duration_ns, LinkAlive(at=0, venue=VENUE) if is_alive else Woke(at=0)
    while world.at + ALIVE_EVERY_NS < until:
        world.tell(told, at=world.at + ALIVE_EVERY_NS)
    world.tell(told, at=until)


def move_to(world: World, bid: int) -> None:
    """The others' best bid, and so the mid."""
    for price in list(world.venue.others[Side.BUY]):
        world.venue.set_others(Side.BUY, price, 0, world.at)
    world.venue.set_others(Side.BUY, bid, 50, world.at)
    world.settle()


def test_a_fill_is_marked_at_once_as_the_market_stood_before_it_was_heard_of() -> None:
    world = quoting(ladder(1))
    world.venue.set_others(Side.SELL, ASK, 0, world.at)  # the same taker may have moved the market
    world.venue.set_others(Side.SELL, ASK + 40, 50, world.at)

    fill_one(world)

    assert [(mark.trade_id, mark.side, mark.bid, mark.ask) for mark in marks(world)] == [("T1", Side.BUY, BID, ASK)]


def test_a_market_that_is_told_to_have_moved_before_the_fill_that_moved_it_does_not_count_as_its_past() -> None:
    world = quoting(ladder(1))
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    fill, *_ = world.venue.private
    world.venue.private.clear()
    for ask in (ASK + 20, ASK + 40):  # the taker has gone on through others, and we hear of that first
        world.venue.set_others(Side.SELL, ASK, 0, world.at)
        world.venue.set_others(Side.SELL, ask, 50, world.at)
        world.hear()
    assert world.state.touches[KEY] != Touch(BID, 50, ASK, 50)

    world.tell(fill)
    pass_time(world, 400 * SECOND)

    assert (marks(world)[0].trade_id, marks(world)[0].bid, marks(world)[0].ask) == ("T1", BID, ASK)
    assert curve(world)[0] != MID, "after it the market is where it has gone"


def test_what_moved_before_a_fill_is_its_past() -> None:
    world = quoting(ladder(1))
    move_to(world, BID + 4)
    pass_time(world, SECOND)

    fill_one(world)

    assert (marks(world)[0].bid, marks(world)[0].ask) == (BID + 4, ASK)


def test_after_the_last_horizon_it_is_marked_with_the_mid_after_each() -> None:
    world = quoting(ladder(1))
    fill_one(world)
    filled_at = world.at
    for number, horizon_ns in enumerate(HORIZONS_NS):
        pass_time(world, filled_at + horizon_ns - 10 * MS - world.at)
        move_to(world, BID - 1 - number)

    pass_time(world, SECOND)

    assert curve(world) == tuple(MID - 1 - number for number in range(ALL))
    assert world.state.markouts.next_due == NEVER_NS


def test_the_mid_in_force_until_then_counts_and_not_that_of_the_news_which_comes_with_the_horizon() -> None:
    world = quoting(ladder(1))
    fill_one(world)
    filled_at = world.at

    world.venue.set_others(Side.BUY, BID + 6, 50, world.at)
    world.at = filled_at + HORIZONS_NS[0] - MS
    world.hear()
    pass_time(world, 400 * SECOND)

    assert curve(world) == (MID, *[MID + 6] * (ALL - 1))


def test_without_a_market_a_mid_is_missing() -> None:
    world = quoting(ladder(1))
    fill_one(world)
    pass_time(world, 700 * MS)
    world.tell(FeedLost(at=0, instrument=KEY, reason="gap"))
    pass_time(world, 6 * SECOND)
    world.tell(world.venue.snapshot(world.at))
    pass_time(world, 400 * SECOND)

    assert curve(world) == (MID, MID, None, None, *[MID] * 4)


def test_of_a_market_of_which_nothing_is_heard_for_too_long_a_mid_is_missing() -> None:
    world = quoting(ladder(1), limits=limits(max_data_age_ns=AGE))
    fill_one(world)
    filled_at = world.at
    pass_time(world, 9 * SECOND, is_alive=False)
    world.tell(LinkAlive(at=0, venue=VENUE))
    pass_time(world, filled_at + 400 * SECOND - world.at, is_alive=False)

    assert curve(world) == (MID, MID, MID, None, MID, None, None, None)


def test_a_fill_that_a_sync_tells_late_has_no_mids() -> None:
    world = quoting(ladder(1))
    order = world.order(Side.BUY)
    fill = filled(LINEAR, order.order_id, "T9", Side.BUY, order.price, 10, venue_time=world.at)
    pass_time(world, LATE_NS)
    world.tell(TradesReported(at=0, scope=KEY, fills=(fill,), has_more=False))
    pass_time(world, 400 * SECOND)

    assert marks(world) == [Mark(instrument=KEY, trade_id="T9", side=Side.BUY)]


def test_a_stop_in_good_order_tells_what_is_known_by_then() -> None:
    world = quoting(ladder(1))
    fill_one(world)
    pass_time(world, 2 * SECOND)

    world.tell(StopAsked(at=0, reason="evening"))

    assert curve(world) == (MID, MID, MID, *[None] * 5)
    pass_time(world, 400 * SECOND)
    assert len(marks(world)) == 2, "it is told once"


def test_the_next_life_knows_nothing_of_it() -> None:
    world = quoting(ladder(1))
    fill_one(world)
    later = world.reborn()
    later.open(2)

    pass_time(later, 400 * SECOND)

    assert marks(later) == []


@given(
    st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.booleans()), min_size=1, max_size=20),
    st.lists(st.integers(1, 30_000), max_size=60),
)
def test_whatever_the_steps_each_fill_has_one_curve_of_what_was_in_force(
    fills: list[tuple[int, bool, bool]], pauses: list[int]
) -> None:
    """A machine alone, told of steps at any time; the mid is the time itself, so it says when it was looked for."""
    machine, at = Markouts(), T0
    told: list[Mark] = []
    begun: dict[str, int] = {}

    def stood(_instrument: str, due: int) -> Touch:
        return Touch(due, 1, due, 1)

    def go_to(until: int) -> None:
        nonlocal at
        while (due := machine.next_due) <= until:
            machine.pass_time(max(due, at), stood)
        at = until
        machine.pass_time(at, stood)
        told.extend(machine.taken())

    for number, (gap_s, is_late, is_other) in enumerate(fills):
        go_to(at + gap_s * SECOND)
        name = "toy/ETH" if is_other else KEY
        machine.saw_fill(_executed(str(number), at, LATE_NS + 1 if is_late else LATE_NS, name), 0, stood)
        if not is_late:
            begun[str(number)] = at
    for pause_ms in pauses:
        go_to(at + pause_ms * MS_NS)
    go_to(at + 301 * SECOND)

    curves = {mark.trade_id: mark.mids for mark in told if mark.mids}
    assert len(told) == len(fills) + len(begun)
    assert curves == {number: tuple(2 * (at + h) for h in HORIZONS_NS) for number, at in begun.items()}
    assert machine.next_due == NEVER_NS


@pytest.mark.parametrize("late_ns", [0, LOOK_LATE_NS_MAX, LOOK_LATE_NS_MAX + 1])
def test_who_looks_too_late_does_not_know(late_ns: int) -> None:
    machine = Markouts()
    machine.saw_fill(_executed("1", T0, 0), 0, lambda _instrument, _at: Touch(BID, 1, ASK, 1))

    machine.pass_time(T0 + HORIZONS_NS[0] + late_ns, lambda _instrument, _at: Touch(BID, 1, ASK, 1))
    machine.end()

    assert machine.taken()[-1].mids[0] == (MID if late_ns <= LOOK_LATE_NS_MAX else None)


def _executed(trade_id: str, at: int, lateness_ns: int, instrument: str = KEY) -> Executed:
    fill = OrderFilled(
        at=at,
        instrument=instrument,
        order_id="",
        venue_order_id="",
        venue_time=at - lateness_ns,
        trade_id=trade_id,
        side=Side.BUY,
        price=Decimal(1),
        amount=Decimal(1),
        fee=Decimal(0),
        fee_currency="BTC",
        liquidity="maker",
    )
    return Executed("external", fill, None)
