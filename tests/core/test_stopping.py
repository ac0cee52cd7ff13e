"""Stopping verified-flat: over only when the venue, asked after our last send, shows none of our orders."""

from replenisher.core.stopping import LAST_LOOK_NS_MAX, STOP_NS_MAX, Verdict
from replenisher.core.topic import Topic
from replenisher.model.command import AskBalance, AskOpenOrders, AskPosition, CancelOrder, PlaceOrder
from replenisher.model.event import OpenOrdersReported, SessionLost, SessionOpened, StopAsked
from replenisher.model.order import Side
from tests.core.world import KEY, SECOND, VENUE, Resting, World, buy, ladder, quoting, want


def stopping(world: World) -> Verdict:
    assert world.state.stopping is not None
    return world.state.stopping.verdict


def test_a_stop_cancels_everything_asks_the_venue_and_is_flat() -> None:
    world = quoting(ladder(2))

    canceled = world.tell(StopAsked(at=0, reason="operator"))
    world.arrive()
    asked = world.hear()
    before = stopping(world)
    world.arrive()
    world.hear()

    assert [type(wish) for wish in canceled] == [CancelOrder] * 4
    assert [type(wish) for wish in asked] == [AskOpenOrders]
    assert before is Verdict.OPEN
    assert stopping(world) is Verdict.FLAT


def flat(world: World) -> list[type]:
    """A stop up to the moment at which it is verified; what was asked then."""
    world.tell(StopAsked(at=0, reason="operator"))
    for _ in range(2):
        world.arrive()
        asked = world.hear()
    assert stopping(world) is Verdict.FLAT
    return [type(wish) for wish in asked]


def is_over(world: World) -> bool:
    assert world.state.stopping is not None
    return world.state.stopping.is_over


def test_what_is_held_is_asked_once_more_when_all_is_flat_and_the_answer_is_waited_for() -> None:
    world = quoting(ladder(2))

    asked = flat(world)
    before = is_over(world)
    world.settle()

    assert asked == [AskPosition, AskBalance]
    assert (before, is_over(world), stopping(world)) == (False, True, Verdict.FLAT)


def test_a_last_look_that_nobody_answers_is_waited_for_a_moment_and_no_longer() -> None:
    world = quoting(ladder(2))
    flat(world)
    world.outgoing.clear()

    assert world.engine.next_deadline == world.at + LAST_LOOK_NS_MAX
    world.wait(LAST_LOOK_NS_MAX - 1)
    before = is_over(world)
    world.wait(1)

    assert (before, is_over(world), stopping(world)) == (False, True, Verdict.FLAT)


def test_a_last_look_that_differs_from_our_books_does_not_halt_and_does_not_last() -> None:
    world = quoting(ladder(2))
    world.venue.position += 7
    flat(world)
    world.settle()
    world.wait(LAST_LOOK_NS_MAX)

    assert (is_over(world), stopping(world), world.state.halts) == (True, Verdict.FLAT, {})


def test_a_session_that_is_lost_ends_the_last_look() -> None:
    world = quoting(ladder(2))
    flat(world)

    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))

    assert (is_over(world), stopping(world)) == (True, Verdict.FLAT)


def test_nothing_is_shown_after_a_stop_was_asked_for() -> None:
    world = quoting(ladder(1))
    world.tell(StopAsked(at=0, reason="operator"))

    later = [*world.settle(), *world.wait(5 * SECOND), *world.tell(world.venue.snapshot(world.at))]

    assert not any(isinstance(wish, PlaceOrder) for wish in later)


def test_a_place_under_way_is_waited_for() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.tell(StopAsked(at=0, reason="operator"))
    assert stopping(world) is Verdict.OPEN

    world.arrive(place)
    world.settle()

    assert stopping(world) is Verdict.FLAT
    assert world.venue.resting() == []


def test_a_stop_that_the_venue_does_not_answer_names_what_may_be_left() -> None:
    world = quoting(ladder(1))
    ids = sorted(order.order_id for order in world.live())

    world.tell(StopAsked(at=0, reason="operator"))
    world.outgoing.clear()
    world.wait(STOP_NS_MAX - SECOND)
    assert stopping(world) is Verdict.OPEN
    world.wait(2 * SECOND)

    assert stopping(world) is Verdict.LEFT
    assert is_over(world)
    assert world.state.stopping is not None
    assert sorted(world.state.stopping.left) == ids


def test_an_order_of_ours_that_only_the_venue_knows_is_canceled_before_the_stop_is_over() -> None:
    world = quoting(ladder(1))
    world.venue.orders["V9"] = Resting("tst000000000009", "V9", Side.BUY, 99_000, 5)

    world.tell(StopAsked(at=0, reason="operator"))
    world.settle()
    world.wait(3 * SECOND)
    world.settle()

    assert stopping(world) is Verdict.FLAT
    assert world.venue.resting() == []


def test_an_answer_from_before_the_last_cancel_proves_nothing() -> None:
    world = quoting(ladder(1))
    world.tell(StopAsked(at=0, reason="operator"))

    world.tell(OpenOrdersReported(at=0, scope=KEY, asked_at=world.at, orders=()))

    assert stopping(world) is Verdict.OPEN


def test_nor_does_one_to_a_question_from_before_it_that_comes_after_it() -> None:
    world = quoting(ladder(1))
    world.state.sync(VENUE).ask(Topic.OPEN_ORDERS, KEY, world.at)
    world.wake()
    (question,) = world.outgoing
    world.outgoing.clear()  # the venue is slow to answer that
    assert isinstance(question, AskOpenOrders)
    late = OpenOrdersReported(at=0, scope=KEY, asked_at=question.asked_at, orders=())

    world.tell(StopAsked(at=0, reason="operator"))
    world.arrive()
    asked = world.hear()
    world.tell(late)

    assert [type(wish) for wish in asked] == [AskOpenOrders]
    assert stopping(world) is Verdict.OPEN
    world.arrive()
    world.hear()
    assert stopping(world) is Verdict.FLAT


def test_a_session_lost_while_stopping_is_waited_for() -> None:
    world = quoting(ladder(1))
    world.tell(StopAsked(at=0, reason="operator"))
    world.tell(StopAsked(at=0, reason="again"))
    world.outgoing.clear()

    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    world.wait(SECOND)
    world.tell(SessionOpened(at=0, venue=VENUE))
    for _ in range(5):
        world.settle()
        world.wait(SECOND)

    assert stopping(world) is Verdict.FLAT
    assert world.state.stopping is not None
    assert world.state.stopping.reason == "operator"
