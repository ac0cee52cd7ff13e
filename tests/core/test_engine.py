"""The loop as a story: a ladder is shown, moved, eaten and put back."""

from replenisher.model.command import AmendOrder, CancelOrder, Intent, PlaceOrder
from replenisher.model.order import Side
from tests.core.world import ladder, quoting, want


def test_a_ladder_is_shown_once_everything_is_in_sync() -> None:
    world = quoting(ladder(3))

    assert world.shown() == set(ladder(3))
    assert len(world.venue.resting()) == 6


def test_a_moved_ladder_is_amended_in_place() -> None:
    world = quoting(ladder(2))

    commands = want(world, ladder(2, centre=100_003))
    world.settle()

    assert [type(command) for command in commands] == [AmendOrder] * 4
    assert world.shown() == set(ladder(2, centre=100_003))


def test_a_venue_that_cannot_amend_gets_cancels_first_and_places_after_their_confirmation() -> None:
    world = quoting(ladder(2), amends_price=False)

    commands = want(world, ladder(2, centre=100_003))
    later = world.settle()

    assert [type(command) for command in commands] == [CancelOrder] * 4
    assert [type(command) for command in later] == [PlaceOrder] * 4
    assert world.shown() == set(ladder(2, centre=100_003))


def test_an_eaten_level_is_put_back_at_once_and_nothing_else_is_touched() -> None:
    world = quoting(ladder(3))
    eaten = world.at_venue(world.order(Side.BUY, 1))

    world.venue.fill(eaten, 10, world.at)
    commands = world.hear()

    (place,) = commands
    assert isinstance(place, PlaceOrder)
    assert (place.side, place.level, place.intent) == (Side.BUY, 1, Intent.REFILL)
