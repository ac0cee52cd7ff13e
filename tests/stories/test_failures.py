"""A mistake of ours that shows while quotes rest: the life ends by itself, and takes them off first."""

from pathlib import Path

import pytest

from tests.stories.desk import Desk, resting

PLACES = {
    "the engine": "replenisher.core.engine:Engine.step",
    "a venue": "replenisher.venues.deribit.venue:DeribitVenue.received",
    "a watcher": "replenisher.wiring.daemon:_complaint",
    "a clock": "replenisher.live.clock:SessionClock.look",
    "a watching observer": "replenisher.live.chronicle:Chronicle.observe",
}


@pytest.mark.parametrize("what", PLACES)
def test_whatever_of_ours_fails_the_life_ends_and_the_venue_says_that_nothing_rests(tmp_path: Path, what: str) -> None:
    desk, sign = Desk(tmp_path), tmp_path / "sign"
    with desk.exchange() as (_, url):
        desk.connect(url)
        with desk.running("run", desk.config, fails=f"{PLACES[what]} {sign}") as daemon:
            daemon.until("quotes rest", lambda: resting(desk.ledger()))
            sign.touch()
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
