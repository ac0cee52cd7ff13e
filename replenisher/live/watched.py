"""Tasks of which none ends in silence: what one of them raises is told, and takes none of the others with it.

A task group would end all of them when one fails. That is too early here: cancels still have to leave, over
connections that other tasks read.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class WatchedTasks:
    """Starts tasks, and says when one has failed."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str | None = None) -> asyncio.Task[None]:
        """Start one."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def finish(self) -> None:
        """End those that still run, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
