"""Virtual time: one heap of timed happenings, and an event loop that lives on it.

What is due at the same moment happens in the order in which it was put there, so one seed has one outcome; only the
turns of processes come last, so that all that reaches one at a moment is one turn. A process is a `VirtualLoop`: it can
stand still, as one that is stopped or waits for its disk does, and it can die, whereupon nothing that it had put off
happens any more.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

from replenisher.model.units import SECOND_NS

Callback = Callable[..., object]
AT_ONCE_MAX = 100_000  # so many things at one moment, each of them the next one's cause, never end
MOMENT_NS = 100_000  # who wakes a nanosecond later each time never gets anywhere, either


class Stuck(Exception):
    """Time does not pass any more: what happens makes something else happen at once, and so on."""


class Died(BaseException):
    """A process ends in the middle of what it is doing, and how. No `except` of its own may hold this up."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Timeline:
    """What happens when."""

    def __init__(self, at: int) -> None:
        self.at = at  # nanoseconds since the epoch
        self._heap: list[tuple[int, bool, int, Callback, tuple[Any, ...]]] = []
        self._numbers = count()
        self._stands = False

    def put(self, at: int, happens: Callback, *args: Any) -> None:
        """Let this happen then, or as soon as may be."""
        heappush(self._heap, (at, False, next(self._numbers), happens, args))

    def put_last(self, at: int, happens: Callback, *args: Any) -> None:
        """Let this happen then, after all else that is due then."""
        heappush(self._heap, (at, True, next(self._numbers), happens, args))

    def stop(self) -> None:
        """Let time pass no further than what happens now, until it is told to run again."""
        self._stands = True

    def run(self, until: int) -> None:
        """Let time pass up to and including `until`, unless it is stopped."""
        self._stands = False
        heap, at_once, moment_ends = self._heap, 0, self.at + MOMENT_NS
        while heap and heap[0][0] <= until and not self._stands:
            at, _, _, happens, args = heappop(heap)
            at_once += 1
            if at > self.at:
                self.at = at
            if at > moment_ends:
                moment_ends, at_once = at + MOMENT_NS, 0
            elif at_once > AT_ONCE_MAX:
                raise Stuck(f"the last of {AT_ONCE_MAX:,} things at one moment was {happens!r}")
            happens(*args)
        if not self._stands:
            self.at = max(self.at, until)


class Timer:
    """Something put off, which may be called off."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callback, args: tuple[object, ...]) -> None:
        self.callback: Callback | None = callback
        self.args = args

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None


class VirtualLoop:
    """What one process has instead of asyncio's loop: as much of it as the driver asks for."""

    def __init__(self, timeline: Timeline, died: Callable[[str], None]) -> None:
        self._timeline = timeline
        self._died = died
        self._ready: deque[tuple[Callback, tuple[object, ...]]] = deque()
        self._is_due = False  # whether what is ready has its place on the timeline
        self.still_until = 0
        self._hit: Callable[[], None] | None = None  # called when something has to wait for it
        self.is_over = False

    def call_soon(self, callback: Callback, *args: object, context: object = None) -> None:
        """Call back once what is being done is done; a future names a context, and here there is only one."""
        self._ready.append((callback, args))
        if not self._is_due:
            self._is_due = True
            self._timeline.put_last(self._timeline.at, self._run_ready)

    def call_later(self, delay: float, callback: Callback, *args: object) -> Timer:
        """Call back in so many seconds."""
        timer = Timer(callback, args)
        self._timeline.put(self.now() + round(delay * SECOND_NS), self._ring, timer)
        return timer

    def create_future(self) -> "asyncio.Future[None]":
        """Something that is awaited."""
        return asyncio.Future(loop=cast(asyncio.AbstractEventLoop, self))

    def get_debug(self) -> bool:
        """A future asks for this."""
        return False

    def now(self) -> int:
        """The time, as the process sees it: what waits for its disk goes on later than it began."""
        at, still_until = self._timeline.at, self.still_until
        return at if at > still_until else still_until

    def stand_still(self, until: int, hit: Callable[[], None] | None = None) -> None:
        """Do nothing before then: the process is stopped, or waits for something that it cannot do without."""
        self.still_until = max(self.still_until, until)
        self._hit = hit or self._hit

    def take(self, callback: Callback, *args: object) -> None:
        """Something reaches the process from outside: now, or when it runs again."""
        if self.is_over:
            return
        if self._timeline.at < self.still_until:
            self._is_waited_for()
            self._timeline.put(self.still_until, self.take, callback, *args)
        else:
            self._do(callback, args)

    def give(self, callback: Callback, *args: object) -> None:
        """Something leaves the process when it is that late for it, however long it stands still from then on."""
        if self._timeline.at < self.still_until:
            self._timeline.put(self.still_until, self.beside, callback, *args)
        else:
            callback(*args)

    def beside(self, callback: Callback, *args: object) -> None:
        """Another process of the same daemon does something: it waits for nothing here, and dies with this one."""
        if not self.is_over:
            self._do(callback, args)

    def end(self) -> None:
        """The process is no more."""
        self.is_over = True
        self._ready.clear()

    def _ring(self, timer: Timer) -> None:
        if timer.callback is not None:
            self.take(timer.callback, *timer.args)

    def _run_ready(self) -> None:
        self._is_due = False
        ready = self._ready
        while ready and not self.is_over:
            if self._timeline.at < self.still_until:
                self._is_due = True
                self._is_waited_for()
                self._timeline.put_last(self.still_until, self._run_ready)  # behind all that reaches it meanwhile
                return
            self._do(*ready.popleft())

    def _is_waited_for(self) -> None:
        if self._hit is not None:
            self._hit()
            self._hit = None

    def _do(self, callback: Callback, args: tuple[object, ...]) -> None:
        try:
            callback(*args)
        except Died as death:
            self.end()
            self._died(death.how)
