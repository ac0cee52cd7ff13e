"""What becomes of orders that an earlier life has left: canceled, adopted, or left as they are."""

from decimal import Decimal

import msgspec
import pytest

from replenisher.core.absence import why_absent
from replenisher.core.setup import OnStart
from replenisher.core.starting import ADOPT_NS_MAX
from replenisher.core.sync import Stage
from replenisher.model.command import (
    AmendOrder,
    AskOpenOrders,
    AskTrades,
    CancelOrder,
    Command,
    MoveSlot,
    PlaceOrder,
    PositionMarked,
    Question,
)
from replenisher.model.event import FeedLost, InstrumentDefined, PauseAsked, SessionLost, SessionOpened, Started
from replenisher.model.order import Side, Status
from replenisher.model.step import Quote
from tests.core.world import (
    KEY,
    LINEAR,
    SECOND,
    VENUE,
    Resting,
    Wishes,
    World,
    buy,
    filled,
    ladder,
    limits,
    one_strategy,
    quoting,
    sell,
    setup,
)


def reborn(before: World, quotes: tuple[Quote, ...], on_start: OnStart) -> World:
    """The next life of a desk, whose strategy wants these quotes."""
    return before.reborn(one_strategy(Wishes(quotes), on_start=on_start))


def changes(wishes: list[Command]) -> list[Command]:
    """What was asked of the venue and is no question."""
    return [wish for wish in wishes if not isinstance(wish, Question | PositionMarked)]


def begin(world: World, *, with_book: bool = True) -> list[Command]:
    """A life up to the first word of its session."""
    wishes = list(world.tell(Started(at=0, epoch=2, namespace="tst", config_version="1", accounts={VENUE: "a"})))
    wishes += world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    if with_book:
        wishes += world.tell(world.venue.snapshot(world.at))
    return [*wishes, *world.tell(SessionOpened(at=0, venue=VENUE))]


# --- Adopt ---------------------------------------------------------------------------------------------------------


def test_what_rests_and_fits_stays_where_it_is() -> None:
    before = quoting(ladder(2))
    world = reborn(before, ladder(2), OnStart.ADOPT)

    wishes = begin(world) + world.settle()

    assert changes(wishes) == []
    assert world.shown() == set(ladder(2))
    assert {order.order_id for order in world.live()} == {order.order_id for order in before.live()}
    assert why_absent(world.state, world.setup.strategies[0], world.at) == ""


def test_what_does_not_fit_is_moved_or_taken_off_and_what_is_missing_placed() -> None:
    world = reborn(
        quoting(ladder(2)), (buy(0, 99_980), buy(1, 99_965), sell(0, 100_020), sell(3, 100_060)), OnStart.ADOPT
    )

    wishes = begin(world) + world.settle()

    moved = [wish.price for wish in wishes if isinstance(wish, AmendOrder)]
    assert sorted(moved) == [99_965, 100_060]
    assert not [wish for wish in wishes if isinstance(wish, CancelOrder | PlaceOrder)]
    assert {(order.side, order.price) for order in world.live()} == {
        (Side.BUY, 99_980),
        (Side.BUY, 99_965),
        (Side.SELL, 100_020),
        (Side.SELL, 100_060),
    }


def test_what_was_filled_while_nobody_looked_is_booked_and_shown_again() -> None:
    before = quoting(ladder(1))
    world = reborn(before, ladder(1), OnStart.ADOPT)
    world.venue.fill(before.at_venue(before.order(Side.BUY)), 10, world.at)
    world.venue.private.clear()

    wishes = begin(world) + world.settle()

    assert [type(wish) for wish in changes(wishes)] == [PlaceOrder]
    assert world.state.account.position(LINEAR.key).size == LINEAR.amount(10)
    assert world.shown() == set(ladder(1))


def test_limits_that_are_below_what_is_held_now_let_only_less_of_it_be_shown() -> None:
    before = quoting(ladder(2))
    for level in range(2):
        before.venue.fill(before.at_venue(before.order(Side.BUY, level)), 10, before.at)  # 100 USDT each
    before.hear()
    before.settle()
    assert before.shown() == set(ladder(2))
    tight = limits(max_position_quote=Decimal(50))
    world = before.reborn(one_strategy(Wishes(ladder(2)), on_start=OnStart.ADOPT, limits=tight))

    wishes = changes(begin(world) + world.settle())

    assert {type(wish) for wish in wishes} == {CancelOrder}, "what is held is not sold in a hurry"
    assert world.shown() == {quote for quote in ladder(2) if quote.side is Side.SELL}
    assert world.state.withheld["core"] == "max_position_quote"


def test_a_place_that_was_under_way_at_the_end_is_waited_for() -> None:
    before = quoting(ladder(1))
    before.venue.fill(before.at_venue(before.order(Side.BUY)), 10, before.at)
    before.hear()
    (lost,) = [wish for wish in before.outgoing if isinstance(wish, PlaceOrder)]
    world = reborn(before, ladder(1), OnStart.ADOPT)

    begin(world)
    world.settle()
    assert world.state.orders.by_id[lost.order_id].status is Status.UNKNOWN
    assert world.state.syncs[VENUE].stage is Stage.ORDERS
    world.wait(6 * SECOND)
    world.settle()
    world.wait(6 * SECOND)
    world.settle()

    assert world.state.orders.by_id[lost.order_id].status.is_terminal
    assert world.shown() == set(ladder(1))


def test_an_order_with_our_name_that_the_journal_does_not_know_is_not_adopted() -> None:
    before = quoting(ladder(1))
    world = reborn(before, ladder(1), OnStart.ADOPT)
    world.venue.orders["V8"] = Resting("tst000009000001", "V8", Side.BUY, 99_970, 10)
    world.venue.orders["V9"] = Resting("by-hand", "V9", Side.BUY, 99_960, 10)

    wishes = begin(world) + world.settle() + world.wait(2 * SECOND) + world.settle()

    assert [wish.venue_order_id for wish in changes(wishes)] == ["V8"]
    assert world.shown() == set(ladder(1))


def test_an_order_of_a_strategy_that_is_there_no_longer_is_canceled() -> None:
    before = quoting(ladder(1))
    world = before.reborn(setup([("other", Wishes(ladder(1)))], on_start=OnStart.ADOPT))

    begin(world)
    world.settle()

    assert {order.strategy for order in world.live()} == {"other"}
    assert world.shown() == set(ladder(1))


def test_what_nobody_can_manage_does_not_rest_for_long() -> None:
    world = reborn(quoting(ladder(1)), ladder(1), OnStart.ADOPT)

    begin(world)
    early = world.wait(ADOPT_NS_MAX - SECOND)  # the venue answers nothing
    late = world.wait(2 * SECOND)

    assert changes(early) == []
    assert [type(wish) for wish in changes(late)] == [CancelOrder] * 2


def test_they_wait_for_the_first_book_but_not_for_long() -> None:
    world = reborn(quoting(ladder(1)), ladder(1), OnStart.ADOPT)

    early = begin(world, with_book=False) + world.settle() + world.wait(ADOPT_NS_MAX - SECOND)
    late = world.wait(2 * SECOND)

    assert changes(early) == []
    assert [type(wish) for wish in changes(late)] == [CancelOrder] * 2


@pytest.mark.parametrize("has_paused", [True, False])
def test_whoever_must_show_nothing_takes_them_off_at_once(has_paused: bool) -> None:
    world = reborn(quoting(ladder(1)), ladder(1), OnStart.ADOPT)

    wishes = begin(world)
    assert changes(wishes) == []
    world.settle()
    if has_paused:
        wishes = list(world.tell(PauseAsked(at=0, reason="lunch")))
    else:
        world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
        world.wait(ADOPT_NS_MAX)
        wishes = [*world.tell(SessionOpened(at=0, venue=VENUE)), *world.settle()]

    assert [type(wish) for wish in changes(wishes)][:2] == [CancelOrder] * 2


# --- Abort ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_stray", [False, True])
def test_the_life_ends_and_everything_is_as_it_was(is_stray: bool) -> None:
    before = quoting(ladder(1))
    if is_stray:
        for resting in before.venue.resting():
            resting.order_id = f"tst000000{resting.order_id[-6:]}"
    world = reborn(before, ladder(1), OnStart.ABORT)

    wishes = begin(world) + world.settle() + world.wait(2 * SECOND) + world.settle() + world.wait(60 * SECOND)

    assert changes(wishes) == []
    names = ", ".join(sorted(order.order_id for order in world.venue.resting()))
    assert world.state.objection == f"risk.on_start is abort, and orders of ours rest at toy: {names}"
    assert len(world.venue.resting()) == 2


def test_without_anything_of_ours_there_is_nothing_to_end_for() -> None:
    before = quoting(ladder(1))
    for resting in before.venue.resting():
        before.venue.end(resting, Status.CANCELED, before.at)
    world = reborn(before, ladder(1), OnStart.ABORT)
    world.venue.orders["V9"] = Resting("by-hand", "V9", Side.BUY, 99_960, 10)

    begin(world)
    for _ in range(4):
        world.settle()
        world.wait(2 * SECOND)

    assert world.state.objection == ""
    assert world.shown() == set(ladder(1))
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    wishes = [*world.tell(SessionOpened(at=0, venue=VENUE)), *world.settle()]
    assert world.state.objection == "", "those are this life's own"
    assert [type(wish) for wish in wishes if not isinstance(wish, Question | MoveSlot)][:2] == [CancelOrder] * 2


# --- What is traded no longer --------------------------------------------------------------------------------------


def test_what_rests_where_nobody_quotes_any_more_is_asked_about_and_canceled_like_the_rest() -> None:
    before = quoting(ladder(1))
    left = {order.order_id for order in before.live()}
    world = before.reborn(setup([("core", Wishes(ladder(1)))], instrument=f"{VENUE}/ETH-PERPETUAL"))

    wishes = begin(world)

    assert world.state.setup.left_on == (KEY,)
    assert {wish.order_id for wish in wishes if isinstance(wish, CancelOrder)} == left
    asked = {(type(wish), wish.subject) for wish in wishes if isinstance(wish, Question)}
    assert {(topic, KEY) for topic in (AskOpenOrders, AskTrades)} <= asked
    world.settle()
    assert not world.live()
    life_after = world.reborn(world.setup)
    life_after.open(epoch=3)
    assert life_after.state.setup.left_on == ()


def test_a_fill_that_names_an_order_of_another_instrument_is_not_one_of_it() -> None:
    world = quoting(ladder(1))
    order = next(iter(world.live()))
    other = msgspec.structs.replace(LINEAR, name="ETH-PERPETUAL")

    world.tell(
        InstrumentDefined(at=0, instrument=other),
        filled(other, order.order_id, "t1", order.side, 99_980, 5, venue_time=world.at),
    )

    assert order.filled == 0
    assert world.state.account.position(other.key).size == other.amount(5) * order.side.sign


def test_what_may_be_adopted_is_left_alone_on_no_book_that_is_lost_once_it_was_there() -> None:
    """A place of the earlier life in doubt keeps everything waiting; quotes do not wait with it."""
    before = quoting(ladder(1))
    before.venue.fill(before.at_venue(before.order(Side.BUY)), 10, before.at)
    before.hear()  # its refill is under way when the life ends
    world = reborn(before, ladder(1), OnStart.ADOPT)
    begin(world)
    world.settle()
    resting = world.order(Side.SELL)
    assert world.state.syncs[VENUE].stage is Stage.ORDERS

    wishes = [*world.tell(FeedLost(at=0, instrument=KEY, reason="gap")), *world.wait(SECOND // 2)]

    assert resting.order_id in {wish.order_id for wish in wishes if isinstance(wish, CancelOrder)}
