"""A day that is not explained is seen by whoever looks at the desk, in a later life as well."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from replenisher.live.stated import Outcome, Stated, keep
from tests.stories.desk import Desk, resting


def test_status_and_doctor_tell_of_a_day_that_is_not_explained(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.data.mkdir()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    told = "not explained: BTC on deribit: -0.5 between 10:00:03 and 10:00:18"
    keep(desk.data, [Stated(yesterday, Outcome.NOT_EXPLAINED, told)])

    with desk.running("run", desk.config) as daemon:
        daemon.until("it rests", lambda: resting(desk.ledger()))
        page, status = desk.command("status", desk.config).stdout, desk.answer("status")
        daemon.stop()
    doctor = desk.command("doctor", desk.config).stdout

    assert f"! statement            {yesterday} is {told}" in page
    assert status["statements"] == [{"day": f"{yesterday}", "outcome": "not_explained", "told": told}]
    assert f" ! statement            {yesterday} is not explained: BTC on" in doctor
