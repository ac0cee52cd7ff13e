"""The loop's order of things: what no order waits for comes last, and a disk that fails holds orders back."""

import asyncio
import errno
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replenisher.core.engine import Engine
from replenisher.core.state import State
from replenisher.live.clock import SessionClock
from replenisher.live.driver import Driver
from replenisher.model.event import Event, JournalFreed, Started
from replenisher.model.step import Step
from replenisher.store.journal import Journal, Policy
from tests.core.world import VENUE, Wishes, one_strategy

CALLS_MAX = 100


class Disk:
    """The machine's disk, which can be made to fail."""

    def __init__(self) -> None:
        self.is_broken = False
        self.syncs = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdatasync(self, fd: int) -> None:
        if self.is_broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.syncs += 1
        os.fdatasync(fd)


class Alarm:
    """One that rings only by hand."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self.ring = ring
        self.is_canceled = False

    def cancel(self) -> None:
        self.is_canceled = True


class ByHand:
    """A loop that goes round when it is told to, and whose alarms are in no hurry."""

    def __init__(self) -> None:
        self._ready: deque[Callable[[], object]] = deque()
        self._alarms: list[Alarm] = []

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self._ready.append(lambda: callback(*args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Alarm:
        alarm = Alarm(lambda: callback(*args))
        self._alarms.append(alarm)
        return alarm

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def go_round(self) -> None:
        """Call back whoever has asked for it, and whoever asks meanwhile; nobody asks without end."""
        for _ in range(CALLS_MAX):
            if not self._ready:
                return
            self._ready.popleft()()
        raise AssertionError("the loop never comes to rest")

    def ring(self) -> None:
        """Let all time pass that anybody waits for."""
        alarms, self._alarms = self._alarms, []
        for alarm in alarms:
            if not alarm.is_canceled:
                alarm.ring()
        self.go_round()


@dataclass
class Life:
    """A driver without a venue, on a disk and a loop of the test's."""

    driver: Driver
    disk: Disk
    loop: ByHand
    seen: list[Step] = field(default_factory=list)

    @property
    def blocked(self) -> str:
        return self.driver.engine.state.journal_blocked

    def heard(self, kind: type[Event]) -> list[Event]:
        """The facts of a kind that the engine was told of."""
        return [event for step in self.seen for event in step.events if isinstance(event, kind)]


@asynccontextmanager
async def life(directory: Path) -> AsyncIterator[Life]:
    """Its first fact is told, and its first turn is taken; the loop has not gone round since."""
    disk, loop, clock = Disk(), ByHand(), SessionClock()
    journal = Journal.open(directory, new_id="0" * 16, policy=Policy(fsync_interval_ms=0), disk=disk)
    journal.begin(1, b"", clock.now())
    seen: list[Step] = []
    driver = Driver(Engine(State(one_strategy(Wishes())), number=0), journal, {}, clock, observe=seen.append, loop=loop)
    driver.start({}, Started(at=clock.now(), epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    yield Life(driver, disk, loop, seen)
    driver.stop()
    disk.is_broken = False
    journal.close()
    assert not driver.failed.done()


async def test_watching_and_the_disk_come_when_the_turn_is_over(tmp_path: Path) -> None:
    async with life(tmp_path) as one:
        assert (one.seen, one.disk.syncs) == ([], 0)

        one.loop.go_round()

        assert [type(event) for step in one.seen for event in step.events] == [Started]
        assert one.disk.syncs == 1


async def test_a_disk_that_takes_nothing_holds_orders_back_until_it_does(tmp_path: Path) -> None:
    async with life(tmp_path) as one:
        one.disk.is_broken = True
        one.loop.go_round()
        assert os.strerror(errno.EIO) in one.blocked

        one.loop.ring()
        assert one.blocked
        assert not one.heard(JournalFreed), "what could be written, but not brought to the disk, is not safe"

        one.disk.is_broken = False
        one.loop.ring()
        assert one.blocked == ""
        assert one.heard(JournalFreed)
        assert one.disk.syncs > 0
