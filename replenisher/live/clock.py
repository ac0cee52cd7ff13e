"""Session time: UTC read once at start, plus what CLOCK_BOOTTIME says has elapsed since.

It never steps and it counts the time a machine was suspended. What the wall clock does meanwhile is only a fact. That a
machine or a process stood still is seen by whoever comes too late (`driver.py`).
"""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from replenisher.model.event import ClockStepped

STEP_NS_MIN = 500_000_000  # a smaller difference is the clock being slewed


class Clock(Protocol):
    """What tells the time of a life."""

    def now(self) -> int:
        """Session time, in nanoseconds since the epoch."""

    def look(self) -> Iterable[ClockStepped]:
        """What else happened to time since the last look."""


class SessionClock:
    """The one clock of a process."""

    __slots__ = ("_boot_start", "_utc_start", "_wall_offset_ns")

    def __init__(self) -> None:
        self._utc_start = time.time_ns()
        self._boot_start = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._wall_offset_ns = 0

    def now(self) -> int:
        """Session time, in nanoseconds since the epoch."""
        return self._utc_start + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._boot_start

    def look(self) -> Iterator[ClockStepped]:
        """What the wall clock of this machine did since the last look."""
        at = self.now()
        offset_ns = time.time_ns() - at
        if abs(offset_ns - self._wall_offset_ns) > STEP_NS_MIN:
            yield ClockStepped(at=at, step_ns=offset_ns - self._wall_offset_ns)
        self._wall_offset_ns = offset_ns
