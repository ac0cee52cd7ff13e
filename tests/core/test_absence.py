"""When nothing may be shown: a market that is not trusted, not open or not there, and an operator's pause."""

import msgspec
import pytest

from replenisher.model.command import PlaceOrder
from replenisher.model.event import (
    BookChanged,
    CancelAllAsked,
    ClockOffset,
    FeedLost,
    InstrumentStateChanged,
    LinkAlive,
    PauseAsked,
    ResumeAsked,
    Suspended,
)
from replenisher.model.order import Side
from tests.core.world import ASK, BID, KEY, MS, SECOND, VENUE, cancels, ladder, limits, quoting


def test_a_lost_feed_takes_everything_off_until_the_next_snapshot() -> None:
    world = quoting(ladder(2))

    wishes = world.tell(FeedLost(at=0, instrument=KEY, reason="gap"))
    world.settle()
    ignored = world.tell(BookChanged(at=0, instrument=KEY, venue_time=0, bids=((99_999, 5),), asks=()))
    back = world.tell(world.venue.snapshot(world.at))

    assert cancels(wishes) == 4
    assert ignored == ()
    assert sum(isinstance(wish, PlaceOrder) for wish in back) == 4


def test_a_suspended_process_trusts_no_book() -> None:
    world = quoting(ladder(1))

    assert cancels(world.tell(Suspended(at=0, gap_ns=5 * SECOND))) == 2


def test_old_data_takes_everything_off_and_a_live_link_keeps_a_still_book_fresh() -> None:
    world = quoting(ladder(1), limits=limits(max_data_age_ns=2 * SECOND))
    world.wait(SECOND)
    world.tell(LinkAlive(at=0, venue=VENUE))

    kept = world.wait(1_900 * MS)
    too_old = world.wait(200 * MS)
    world.arrive()
    world.venue.public.clear()
    world.hear()
    back = world.tell(LinkAlive(at=0, venue=VENUE))

    assert cancels(kept) == 0
    assert cancels(too_old) == 2
    assert sum(isinstance(wish, PlaceOrder) for wish in back) == 2


def test_data_that_arrives_too_late_is_old_too() -> None:
    world = quoting(ladder(1), limits=limits(max_data_age_ns=2 * SECOND))

    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=0))
    wishes = world.tell(BookChanged(at=0, instrument=KEY, venue_time=world.at - 3 * SECOND, bids=(), asks=()))

    assert cancels(wishes) == 2
    assert world.steps[-1].decisions[0].withheld == "book: arrives too late"


def test_the_snapshot_of_a_book_that_has_stood_still_for_long_is_not_late() -> None:
    world = quoting(ladder(1), limits=limits(max_data_age_ns=2 * SECOND))
    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=0))

    wishes = world.tell(msgspec.structs.replace(world.venue.snapshot(world.at), venue_time=world.at - 60 * SECOND))

    assert cancels(wishes) == 0
    assert len(world.venue.resting()) == 2


def test_a_crossed_book_is_not_believed() -> None:
    world = quoting(ladder(1))

    wishes = world.tell(BookChanged(at=0, instrument=KEY, venue_time=world.at, bids=((ASK, 5),), asks=()))

    assert cancels(wishes) == 2
    assert world.steps[-1].decisions[0].withheld == "book: crossed"


def test_a_book_with_nobody_else_on_one_side_has_no_fair_value() -> None:
    world = quoting(ladder(1))

    world.venue.set_others(Side.BUY, BID, 0, world.at)

    assert cancels(world.hear()) == 2
    assert world.steps[-1].decisions[0].withheld == "one side of the book is empty"


def test_a_closed_instrument_is_not_quoted() -> None:
    world = quoting(ladder(1))

    closed = world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="settlement"))
    world.settle()
    opened = world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=True, reason=""))

    assert cancels(closed) == 2
    assert sum(isinstance(wish, PlaceOrder) for wish in opened) == 2


@pytest.mark.parametrize("fact", [PauseAsked(at=0, reason="lunch"), CancelAllAsked(at=0)])
def test_the_operator_pauses_and_resumes(fact: PauseAsked | CancelAllAsked) -> None:
    world = quoting(ladder(1))

    paused = world.tell(fact)
    world.settle()
    quiet = world.wait(60 * SECOND)
    resumed = world.tell(ResumeAsked(at=0))

    assert cancels(paused) == 2
    assert quiet == []
    assert sum(isinstance(wish, PlaceOrder) for wish in resumed) == 2
