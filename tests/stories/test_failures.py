"""A mistake of ours that shows while quotes rest: the life ends by itself, and takes them off first."""

from pathlib import Path

import pytest

from tests.stories.desk import Desk, resting

SOME = 60  # calls, after which it trades
PLACES = {
    "the engine": ("replenisher.core.engine:Engine.step", SOME),
    "a venue": ("replenisher.venues.deribit.venue:DeribitVenue.received", SOME),
    "a watcher": ("replenisher.wiring.daemon:_complaint", 40),  # ten times a second
    "a clock": ("replenisher.live.clock:SessionClock.look", 8),  # twice a second
    "a watching observer": ("replenisher.live.chronicle:Chronicle.observe", SOME),
}


@pytest.mark.parametrize("what", PLACES)
def test_whatever_of_ours_fails_the_life_ends_and_the_venue_says_that_nothing_rests(tmp_path: Path, what: str) -> None:
    place, number = PLACES[what]
    desk = Desk(tmp_path)
    with desk.exchange() as (_, url):
        desk.connect(url)
        with desk.running("run", desk.config, fails=f"{place} {number}") as daemon:
            ended = daemon.wait()
        left = resting(desk.ledger())
        again = desk.run("--duration", "1")
        desk.assert_books_agree()

    assert ended.code == 1, ended
    (failed,) = (fact for fact in ended.told if fact["event"] == "failed")
    assert "planted" in failed["error"]
    assert [fact["left"] for fact in ended.told if fact["event"] == "failed_flat"] == [[]], ended
    assert left == set()
    assert (again.code, again.stderr) == (0, "")
