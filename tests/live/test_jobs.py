"""Housekeeping on a calendar: what is due runs on the loop, and what fails is told and stops nothing."""

import asyncio
from datetime import UTC, datetime

from structlog.testing import capture_logs

from replenisher.live.jobs import housekeeping
from tests.waiting import eventually


async def test_the_daily_job_comes_five_minutes_into_the_day_and_runs_on_the_loop() -> None:
    has_run, loop = asyncio.Event(), asyncio.get_running_loop()

    async def daily() -> None:
        assert asyncio.get_running_loop() is loop
        has_run.set()

    with housekeeping(hourly=lambda: None, daily=daily) as scheduler:
        due = scheduler.get_job("daily").next_run_time
        scheduler.modify_job("daily", next_run_time=datetime.now(UTC))
        await eventually(has_run.is_set)
        again = scheduler.get_job("daily").next_run_time

    assert (due.hour, due.minute, due.utcoffset().total_seconds()) == (0, 5, 0)
    assert again == due


async def test_a_job_that_fails_is_told() -> None:

    async def daily() -> None:
        raise OSError("there is no nice")

    with capture_logs() as logs, housekeeping(hourly=lambda: None, daily=daily) as scheduler:
        scheduler.modify_job("daily", next_run_time=datetime.now(UTC))
        await eventually(lambda: logs, "somebody is told")

    assert [(line["event"], line["job"]) for line in logs] == [("job_failed", "daily")]
