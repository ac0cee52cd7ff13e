"""Housekeeping on a calendar: what is due runs on the loop, and what fails is told and stops nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from replenisher.live.jobs import FIRST_STATEMENT_S, housekeeping
from tests.waiting import eventually

SOON = timedelta(seconds=FIRST_STATEMENT_S)


async def test_a_statement_comes_soon_and_then_five_minutes_into_each_hour_and_runs_on_the_loop() -> None:
    has_run, loop = asyncio.Event(), asyncio.get_running_loop()

    async def statement() -> None:
        assert asyncio.get_running_loop() is loop
        has_run.set()

    before = datetime.now(UTC)
    with housekeeping(hourly=lambda: None, statement=statement) as scheduler:
        job = scheduler.get_job("statement")
        first, later = job.next_run_time, before + 2 * SOON
        then = job.trigger.get_next_fire_time(later, later)
        midnight = datetime(2026, 11, 26, tzinfo=UTC)
        scheduler.modify_job("statement", next_run_time=datetime.now(UTC))
        await eventually(has_run.is_set)

        assert job.trigger.triggers[1].get_next_fire_time(None, midnight) == midnight + timedelta(minutes=5)

    assert first <= datetime.now(UTC) + SOON
    assert first >= before + SOON or first.minute == 5
    assert (then.minute, then.utcoffset()) == (5, timedelta(0))


async def test_a_job_that_fails_is_told() -> None:

    async def statement() -> None:
        raise OSError("there is no nice")

    with capture_logs() as logs, housekeeping(hourly=lambda: None, statement=statement) as scheduler:
        scheduler.modify_job("statement", next_run_time=datetime.now(UTC))
        await eventually(lambda: logs, "somebody is told")

    assert [(line["event"], line["job"]) for line in logs] == [("job_failed", "statement")]


async def test_a_job_that_a_stop_interrupts_has_not_failed() -> None:
    has_begun = asyncio.Event()

    async def statement() -> None:
        has_begun.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        with housekeeping(hourly=lambda: None, statement=statement) as scheduler:
            scheduler.modify_job("statement", next_run_time=datetime.now(UTC))
            await eventually(has_begun.is_set)
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    assert not logs
