"""Marking: what is held is marked once a minute and when a life stops, whoever quotes or not."""

from replenisher.model.command import PositionMarked
from replenisher.model.event import InstrumentDefined, PauseAsked, StopAsked
from replenisher.model.order import BUY
from tests.core.world import ASK, BID, KEY, LINEAR, SECOND, World, buy, quoting

MINUTE = 60 * SECOND


def marks(world: World, wait_ns: int) -> list[PositionMarked]:
    return [wish for wish in world.wait(wait_ns) if isinstance(wish, PositionMarked)]


def holding() -> World:
    """A daemon that has bought something, and then been told to quote no more."""
    world = quoting([buy(0, 99_980)])
    world.tell(world.venue.fill(world.venue.resting()[0], 4, world.at))
    world.tell(PauseAsked(at=0, reason="the news"))
    world.settle()
    world.wait(MINUTE)
    return world


def test_whoever_is_paused_still_marks_what_is_held_as_the_market_moves() -> None:
    world = holding()

    (still,) = marks(world, MINUTE)
    world.venue.set_others(BUY, still.bid + 3, 9, world.at)
    world.hear()
    (moved,) = marks(world, MINUTE)

    assert still.instrument == KEY
    assert moved == PositionMarked(instrument=KEY, bid=still.bid + 3, ask=still.ask)


def test_where_nothing_is_held_nothing_is_marked() -> None:
    world = quoting([buy(0, 99_980)])

    assert marks(world, 5 * MINUTE) == []


def test_a_life_that_stops_marks_once_more() -> None:
    world = holding()

    told = [*world.tell(StopAsked(at=0, reason="lunch")), *world.settle(), *world.wait(5 * MINUTE)]

    assert [wish.instrument for wish in told if isinstance(wish, PositionMarked)] == [KEY]


def test_what_is_held_is_marked_as_soon_as_its_market_is_known() -> None:
    world = holding().reborn()
    blind = [*world.wake(), *world.wait(SECOND)]

    world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    told = world.tell(world.venue.snapshot(world.at))
    again = world.wait(SECOND)

    assert not any(isinstance(wish, PositionMarked) for wish in [*blind, *again])
    assert [wish for wish in told if isinstance(wish, PositionMarked)] == [
        PositionMarked(instrument=KEY, bid=BID, ask=ASK)
    ]
