"""A day that is not explained is seen by whoever looks at the desk, in a later life as well."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from replenisher.errors import UsageError
from replenisher.live.stated import Outcome, Stated, keep
from replenisher.report.statement import Entry, Gap, Moved, Statement
from replenisher.report.statement_page import verdict
from replenisher.wiring.reporting import accept
from tests.stories.desk import Desk, resting


def lost(day: date) -> Statement:
    """A day on which half a bitcoin went, and nobody knows where."""
    half = Decimal("-0.5")
    entry = Entry(
        venue="deribit",
        account="main",
        asset="BTC",
        is_ever_told=True,
        moved=Moved(),
        unexplained=half,
        gaps=(Gap(amount=half, after=36_003_000_000_000, until=36_018_000_000_000),),
        moved_since=Decimal(0),
    )
    return Statement(day=f"{day}", is_over=True, is_explained=False, entries=(entry,))


def test_a_day_that_is_accepted_is_no_alarm_but_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    monkeypatch.setenv("REPLENISHER_DATA_DIR", f"{desk.data}")
    desk.data.mkdir()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    statement = lost(yesterday)
    keep(desk.data, [Stated(yesterday, Outcome.NOT_EXPLAINED, told := verdict(statement))])

    with desk.running("run", desk.config) as daemon:
        daemon.until("it rests", lambda: resting(desk.ledger()))
        accept(str(desk.config), statement, "a gift")
        page = desk.command("status", desk.config).stdout
        today = desk.command(
            "statement", desk.config, "--day", f"{datetime.now(UTC):%Y-%m-%d}", "--accept", "all of it"
        )
        daemon.stop()
    doctor = desk.command("doctor", desk.config).stdout

    assert "! statement" not in page and "! statement" not in doctor
    assert f"statement              {yesterday}: {told}; accepted: a gift" in page
    assert " ✓ statement " in doctor
    assert today.code == 2 and "is not over" in today.stderr
    for explained in (replace(statement, is_explained=True), replace(statement, is_over=False)):
        with pytest.raises(UsageError, match="--accept"):
            accept(str(desk.config), explained, "nothing")
    with pytest.raises(UsageError, match="name the configuration"):
        accept(desk.database_url, statement, "nothing")


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
    assert status["statements"] == [{"day": f"{yesterday}", "outcome": "not_explained", "told": told, "accepted": ""}]
    assert f" ! statement            {yesterday} is not explained: BTC on" in doctor
