"""When something of ours has failed: all is canceled without the engine, and the venue's word ends it."""

from replenisher.live.emergency import ASK_AGAIN_NS, LENGTH_NS, Emergency
from replenisher.model.command import AskOpenOrders, CancelOrder
from replenisher.model.event import OpenOrdersReported, SessionOpened
from replenisher.model.order import Side
from tests.core.world import KEY, MS, VENUE, Resting, World, ladder, quoting


def reported(world: World) -> OpenOrdersReported:
    """What the venue says when it is asked now."""
    resting = tuple(world.venue.report(order, world.at) for order in world.venue.resting())
    return OpenOrdersReported(at=world.at, scope=KEY, asked_at=world.at, orders=resting)


def send(world: World, emergency: Emergency) -> list[CancelOrder | AskOpenOrders]:
    """What it wants to send now; cancels arrive."""
    due = list(emergency.due(world.at))
    for command in due:
        if isinstance(command, CancelOrder):
            world.venue.take(command, world.at)
    return due


def test_it_cancels_all_and_asks_and_is_over_when_the_venue_shows_none() -> None:
    world = quoting(ladder(2))
    emergency = Emergency(world.state, world.at)

    assert [type(command) for command in send(world, emergency)] == [CancelOrder] * 4 + [AskOpenOrders]
    assert not emergency.is_over(world.at)
    assert list(emergency.due(world.at)) == []

    emergency.hear([reported(world)], world.at)
    assert (emergency.is_flat, emergency.left, emergency.is_over(world.at)) == (True, [], True)


def test_an_order_of_ours_that_the_engine_does_not_know_is_canceled_because_the_venue_shows_it() -> None:
    world = quoting(ladder(1))
    forgotten = Resting("tst000001000009", "V9", Side.BUY, 99_000, 10)
    world.venue.orders["V9"] = forgotten
    emergency = Emergency(world.state, world.at)
    send(world, emergency)
    assert len(world.venue.resting()) == 1

    emergency.hear([reported(world)], world.at)
    assert (emergency.is_flat, emergency.left) == (False, [forgotten.order_id])
    world.at += ASK_AGAIN_NS
    send(world, emergency)
    emergency.hear([reported(world)], world.at)

    assert emergency.is_flat
    assert world.venue.resting() == []


def test_an_answer_to_what_was_asked_before_proves_nothing_as_an_order_may_have_left_since() -> None:
    world = quoting(ladder(1))
    none_rested = OpenOrdersReported(at=world.at, scope=KEY, asked_at=world.at - MS, orders=())
    emergency = Emergency(world.state, world.at)
    send(world, emergency)

    emergency.hear([none_rested], world.at)

    assert not emergency.is_flat
    emergency.hear([reported(world)], world.at)
    assert emergency.is_flat


def test_orders_of_others_stay() -> None:
    world = quoting(ladder(1))
    for number, order in enumerate(world.venue.resting()):
        order.order_id = f"somebody-{number}"
    emergency = Emergency(world.state, world.at)

    emergency.hear([reported(world)], world.at)

    assert emergency.is_flat


def test_without_a_word_of_the_venue_it_asks_again_and_ends_in_time_and_names_what_may_rest() -> None:
    world = quoting(ladder(1))
    emergency = Emergency(world.state, world.at)
    began = world.at
    list(emergency.due(world.at))

    emergency.hear([SessionOpened(at=world.at, venue=VENUE)], world.at)
    assert len(list(emergency.due(world.at))) == 3, "a new session is asked at once"
    world.at += ASK_AGAIN_NS
    assert len(list(emergency.due(world.at))) == 3

    assert not emergency.is_over(began + LENGTH_NS - 1)
    assert emergency.is_over(began + LENGTH_NS)
    assert not emergency.is_flat
    assert emergency.left == sorted(order.order_id for order in world.live())
