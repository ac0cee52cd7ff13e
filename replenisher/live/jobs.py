"""Housekeeping on a calendar: what no trading decision waits for and no quote depends on."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from replenisher.logs import logger

# A job that the loop was too busy for is run late, once; the scheduler's own defaults would drop it.
DEFAULTS = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}


@contextmanager
def housekeeping(
    *, hourly: Callable[[], None], daily: Callable[[], Coroutine[Any, Any, None]]
) -> Iterator[AsyncIOScheduler]:
    """Run one job once an hour and another five minutes into each day while the block lasts. Needs a running loop."""
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=DEFAULTS)
    scheduler.add_listener(_complain, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    scheduler.add_job(hourly, "interval", hours=1, id="hourly")
    scheduler.add_job(daily, "cron", hour=0, minute=5, id="daily")
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)


def _complain(event: JobExecutionEvent) -> None:
    logger().error("job_failed", job=event.job_id, error=repr(event.exception))
