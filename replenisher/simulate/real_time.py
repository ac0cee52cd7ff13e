"""Time that passes by itself: the same heap of happenings, each when the machine's clock says so, and sockets between.

So all that is written for virtual time also lives beside real servers and real connections. `run` takes as long as it
says.
"""

import asyncio
from collections.abc import Coroutine
from heapq import heappop
from time import monotonic_ns
from typing import Any

from replenisher.model.units import SECOND_NS
from replenisher.simulate.timeline import Callback, Timeline

AT_ONCE = 100  # happenings, before sockets have their turn


class RealTimeline(Timeline):
    """What happens when, on an event loop of its own."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.loop = asyncio.new_event_loop()
        self._ahead_ns = at - monotonic_ns()
        self._stirred = asyncio.Event()
        self._failure: BaseException | None = None

    def now(self) -> int:
        """The time. Whoever comes from outside the heap asks for it first: `at` is as of the last look."""
        self.at = max(self.at, monotonic_ns() + self._ahead_ns)
        return self.at

    def put(self, at: int, happens: Callback, *args: Any) -> None:
        """Let this happen then, or as soon as may be."""
        super().put(at, happens, *args)
        self._stirred.set()

    def put_last(self, at: int, happens: Callback, *args: Any) -> None:
        """Let this happen then, after all else that is due then."""
        super().put_last(at, happens, *args)
        self._stirred.set()

    def stop(self) -> None:
        """Let time pass no further than what happens now, until it is told to run again."""
        super().stop()
        self._stirred.set()

    def run(self, until: int) -> None:
        """Let time pass up to `until`, unless it is stopped."""
        self._stands = False
        self.loop.run_until_complete(self._pass(until))

    def create_task(self, work: Coroutine[Any, Any, None], /, *, name: str | None = None) -> "asyncio.Task[None]":
        """Let this go on beside the heap; if it fails, so does the run."""
        task = self.loop.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def close(self) -> None:
        """Everything that still runs here ends."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _pass(self, until: int) -> None:
        while self._failure is None:
            self._stirred.clear()
            self._let_happen(until)
            if self._stands or self.now() >= until:
                return
            await self._rest(min(until, self._heap[0][0]) if self._heap else until)
        raise self._failure

    def _let_happen(self, until: int) -> None:
        """What is due by now."""
        for _ in range(AT_ONCE):
            if self._stands or not self._heap or self._heap[0][0] > min(until, self.now()):
                return
            _, _, _, happens, args = heappop(self._heap)
            happens(*args)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._stirred.set()

    async def _rest(self, until: int) -> None:
        """Let sockets have their turn, at least; until then, or until something is put here."""
        timer = self.loop.call_later(max(0, until - self.at) / SECOND_NS, self._stirred.set)
        await asyncio.sleep(0)
        await self._stirred.wait()
        timer.cancel()
