"""Housekeeping on a calendar: what no trading decision waits for and no quote depends on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from replenisher.logs import logger

# A job that the loop was too busy for is run late, once; the scheduler's own defaults would drop it.
DEFAULTS = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}


@contextmanager
def hourly(**jobs: Callable[[], None]) -> Iterator[None]:
    """Run each job once an hour while the block lasts. Needs a running loop."""
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=DEFAULTS)
    scheduler.add_listener(_complain, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
    for name, job in jobs.items():
        scheduler.add_job(job, "interval", hours=1, id=name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _complain(event: JobExecutionEvent) -> None:
    logger().error("job_failed", job=event.job_id, error=repr(event.exception))
