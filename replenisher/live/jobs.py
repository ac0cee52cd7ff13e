"""Housekeeping on a calendar: what no trading decision waits for and no quote depends on."""

from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from replenisher.logs import logger

FIRST_STATEMENT_S = 60  # from the start: it takes a CPU, which a start needs itself
# A job that the loop was too busy for is run late, once; the scheduler's own defaults would drop it.
DEFAULTS = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}


@contextmanager
def housekeeping(
    *, hourly: Callable[[], None], statement: Callable[[], Coroutine[Any, Any, None]]
) -> Iterator[AsyncIOScheduler]:
    """Run two jobs while the block lasts: one once an hour; the other a minute after the start, for what was missed,
    and five minutes into each hour, for the day that is over and what is not explained yet. Needs a running loop.
    """

    async def until_we_stop() -> None:
        with suppress(CancelledError):  # which the scheduler would call a failure, with its traceback
            await statement()

    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=DEFAULTS)
    scheduler.add_listener(_complain, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    scheduler.add_job(hourly, "interval", hours=1, id="hourly")
    soon = DateTrigger(datetime.now(UTC) + timedelta(seconds=FIRST_STATEMENT_S))
    scheduler.add_job(until_we_stop, OrTrigger([soon, CronTrigger(minute=5, timezone="UTC")]), id="statement")
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)


def _complain(event: JobExecutionEvent) -> None:
    logger().error("job_failed", job=event.job_id, error=repr(event.exception))
