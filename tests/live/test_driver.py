"""The loop's order of things: what no order waits for comes last, and a disk that fails holds orders back."""

import asyncio
import errno
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from replenisher.core.engine import Engine
from replenisher.core.state import State
from replenisher.core.strategy import Quotes
from replenisher.live.clock import SessionClock
from replenisher.live.driver import LOOK_BACK_S, Driver
from replenisher.live.lease import Lease, Word
from replenisher.model.command import Command, OrderCommand, Question
from replenisher.model.event import (
    CancelAllAsked,
    Event,
    InstrumentDefined,
    InstrumentStateChanged,
    JournalFreed,
    LeaseHeld,
    LoopLagged,
    SessionOpened,
    Started,
    Suspended,
)
from replenisher.model.step import Step
from replenisher.model.units import DAY_NS
from replenisher.store.journal import Journal, Policy
from tests.core.world import KEY, LINEAR, SECOND, T0, VENUE, ToyVenue, Wishes, ladder, limits, one_strategy
from tests.disk import HeldDisk

CALLS_MAX = 100


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
        if delay == LOOK_BACK_S:
            self._ready.append(alarm.ring)  # a moment is over once all that is at hand is done
        else:
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


class Clock:
    """Session time passes only when the test says so."""

    def __init__(self) -> None:
        self.at = T0

    def now(self) -> int:
        return self.at

    def look(self) -> tuple[()]:
        return ()


class NearVenue:
    """The toy venue, so near that it answers at once; what it was asked, and that it was told of a gap, is kept."""

    name, next_wake = VENUE, None

    def __init__(self) -> None:
        self.toy = ToyVenue(LINEAR)
        self.asked: list[Command] = []
        self.gaps = 0

    def start(self, at: int, *, follows: bool = False) -> None:
        self.toy.private += [InstrumentDefined(at=at, instrument=LINEAR), SessionOpened(at=at, venue=VENUE)]
        self.toy.public.append(self.toy.snapshot(at))

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        self.asked += commands
        for command in commands:
            self.toy.take(command, at)

    def facts(self) -> list[Event]:
        facts = [*self.toy.private, *self.toy.public]
        self.toy.private.clear()
        self.toy.public.clear()
        return facts

    def suspended(self, at: int) -> None:
        self.gaps += 1

    def actions(self) -> tuple[()]:
        return ()

    def wake(self, at: int) -> None: ...

    def stop(self, at: int, *, is_flat: bool = False) -> None: ...


class NoCarrier:
    """There is nothing to carry."""

    def carry(self, actions: Sequence[object]) -> None:
        assert not actions

    async def finish(self) -> None: ...


class Renewed:
    """A keeper of the lease who always answers at once."""

    def __init__(self, at: int) -> None:
        self.word = Word(asked_at=at)

    def renew(self, at: int) -> None:
        self.word = Word(asked_at=at)


@dataclass
class Life:
    """A driver without a venue, on a disk and a loop of the test's."""

    driver: Driver
    disk: HeldDisk
    loop: ByHand
    seen: list[Step] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    venue: NearVenue = field(default_factory=NearVenue)

    @property
    def blocked(self) -> str:
        return self.driver.engine.state.journal_blocked

    def wants(self, quotes: Quotes, *news: Event) -> None:
        """The strategy wants something else from the next news on, which come now: of the market, unless others do."""
        wishes = self.driver.engine.state.setup.strategies[0].strategy
        assert isinstance(wishes, Wishes)
        wishes.quotes = quotes
        self.driver.engine.planner.at_rest.clear()
        self.venue.toy.public += news or [self.venue.toy.snapshot(self.clock.at)]
        self.driver.venue_heard()
        self.loop.go_round()

    def heard(self, kind: type[Event]) -> list[Event]:
        """The facts of a kind that the engine was told of."""
        return [event for step in self.seen for event in step.events if isinstance(event, kind)]


@asynccontextmanager
async def life(directory: Path, *, fails: bool = False) -> AsyncIterator[Life]:
    """Its first fact is told, and its first turn is taken; the loop has not gone round since."""
    disk, loop, clock = HeldDisk(), ByHand(), SessionClock()
    journal = Journal.open(directory, new_id="0" * 16, policy=Policy(fsync_interval_ms=0), disk=disk)
    journal.begin(1, b"", clock.now())
    seen: list[Step] = []
    engine = Engine(State(one_strategy(Wishes())), number=0)
    lease = Lease(Renewed(clock.now()), DAY_NS)
    driver = Driver(engine, journal, {}, clock, lease, observe=seen.append, loop=loop)
    driver.start({}, Started(at=clock.now(), epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    yield Life(driver, disk, loop, seen)
    driver.stop()
    disk.is_broken = False
    journal.close()
    assert driver.failed.done() is fails


async def test_watching_and_the_disk_come_when_the_turn_is_over(tmp_path: Path) -> None:
    async with life(tmp_path) as one:
        assert (one.seen, one.disk.begun) == ([], [])

        one.loop.go_round()

        assert [type(event) for step in one.seen for event in step.events] == [Started, LeaseHeld]
        assert len(one.disk.begun) == 1


async def test_what_is_heard_is_due_until_its_turn_is_taken(tmp_path: Path) -> None:
    async with life(tmp_path) as one:
        one.loop.go_round()
        assert not one.driver.is_turn_due

        one.driver.hear(lambda: None)
        assert one.driver.is_turn_due

        one.loop.go_round()
        assert not one.driver.is_turn_due


async def test_a_disk_that_takes_nothing_holds_orders_back_until_it_does(tmp_path: Path) -> None:
    async with life(tmp_path) as one:
        one.disk.is_broken = True
        one.loop.go_round()
        one.disk.let_go()
        one.loop.ring()
        assert os.strerror(errno.EIO) in one.blocked

        one.loop.ring()
        assert one.blocked
        assert not one.heard(JournalFreed), "what could be written, but not brought to the disk, is not safe"

        one.disk.is_broken = False
        one.loop.ring()
        assert one.blocked == ""
        assert one.heard(JournalFreed)
        assert one.disk.syncs > 0


@asynccontextmanager
async def quoting(directory: Path, **tighter: object) -> AsyncIterator[Life]:
    """A driver whose two orders rest; a second too late is too late."""
    disk, loop, clock, venue = HeldDisk(), ByHand(), Clock(), NearVenue()
    journal = Journal.open(directory, new_id="0" * 16, policy=Policy(fsync_interval_ms=0), disk=disk)
    journal.begin(1, b"", clock.now())
    seen: list[Step] = []
    constants = one_strategy(Wishes(ladder(1)), limits=limits(max_loop_lag_ns=SECOND, **tighter))
    engine = Engine(State(constants), number=0)
    lease = Lease(Renewed(clock.now()), DAY_NS)
    driver = Driver(engine, journal, {VENUE: venue}, clock, lease, observe=seen.append, loop=loop)
    started = Started(at=clock.now(), epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"})
    driver.start({VENUE: NoCarrier()}, started)
    loop.go_round()
    assert len(venue.toy.resting()) == 2
    venue.asked.clear()
    seen.clear()
    yield Life(driver, disk, loop, seen, clock, venue)
    driver.stop()
    journal.close()
    assert not driver.failed.done()


async def test_a_slow_sync_holds_no_order_back(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:
        one.disk.hold()
        one.wants(ladder(2))
        assert kinds(one.venue.asked) == ["PlaceOrder", "PlaceOrder"]
        assert not one.disk.begun[-1].done()
        one.venue.asked.clear()

        one.wants(ladder(3))
        assert kinds(one.venue.asked) == ["PlaceOrder", "PlaceOrder"]
        assert not one.disk.begun[-1].done()

        one.disk.let_go()
        assert one.blocked == ""


async def test_after_a_sync_that_failed_beside_the_loop_no_order_leaves_and_what_rests_is_canceled(
    tmp_path: Path,
) -> None:
    async with quoting(tmp_path) as one:
        one.disk.hold()
        one.wants(ladder(2))
        one.venue.asked.clear()
        one.seen.clear()
        one.disk.is_broken = True
        one.disk.let_go()

        one.wants(ladder(3))
        assert "PlaceOrder" in kinds(one.seen[0].commands)
        assert set(kinds(one.venue.asked)) == {"CancelOrder"}
        assert one.venue.toy.resting() == []
        assert os.strerror(errno.EIO) in one.blocked

        one.disk.is_broken = False
        one.loop.ring()
        assert one.blocked == ""
        assert one.heard(JournalFreed)


async def test_a_sync_that_failed_is_found_out_though_the_market_is_silent(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:
        one.disk.hold()
        one.wants(ladder(2))
        one.disk.is_broken = True
        one.disk.let_go()

        one.loop.ring()

        assert os.strerror(errno.EIO) in one.blocked
        assert one.venue.toy.resting() == []

        one.disk.is_broken = False
        one.loop.ring()
        assert one.blocked == ""


def kinds(items: Sequence[object]) -> list[str]:
    """What they are, in order."""
    return [type(item).__name__ for item in items]


@pytest.mark.parametrize("is_seen_by", ["news", "the clock"])
async def test_whoever_comes_too_late_cancels_before_it_hears_what_has_arrived(tmp_path: Path, is_seen_by: str) -> None:
    async with quoting(tmp_path) as one:
        one.clock.at += 3 * SECOND
        if is_seen_by == "news":
            one.venue.toy.public.append(one.venue.toy.snapshot(one.clock.at))
            one.driver.venue_heard()
            one.loop.go_round()
        else:
            one.loop.ring()

        assert kinds(one.seen[0].events) == ["LoopLagged"]
        assert kinds(one.seen[0].commands) == ["CancelOrder", "CancelOrder"]
        assert kinds(one.venue.asked)[:2] == ["CancelOrder", "CancelOrder"]
        (lagged,) = one.heard(LoopLagged)
        assert isinstance(lagged, LoopLagged) and 2 * SECOND < lagged.lag_ns <= 3 * SECOND
        assert (one.venue.gaps, one.heard(Suspended)) == (0, [])


async def test_a_moment_too_late_is_nothing(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:
        one.clock.at += SECOND
        one.loop.ring()

        assert (one.heard(LoopLagged), one.venue.asked) == ([], [])
        assert len(one.venue.toy.resting()) == 2


async def test_a_process_that_was_stopped_for_long_cancels_and_begins_anew_with_every_feed(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:
        one.clock.at += 120 * SECOND
        one.venue.toy.public.append(one.venue.toy.snapshot(one.clock.at))  # it waited all that time
        one.driver.venue_heard()
        one.loop.go_round()

        assert [kinds(step.events) for step in one.seen][:1] == [["LoopLagged"]]
        assert one.venue.gaps == 1
        assert one.heard(Suspended)
        assert one.venue.toy.resting() == []
        assert one.driver.engine.state.books[LINEAR.key].distrust == "the process did not run for 119.5 s"


async def test_what_was_decided_before_a_slow_disk_took_it_is_not_sent(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:

        def take_three_seconds() -> None:
            one.disk.before_write = lambda: None
            one.clock.at += 3 * SECOND

        one.disk.before_write = take_three_seconds
        one.wants(ladder(2, quantity=5))  # two orders more, and two that shrink

        decided = one.seen[0].commands
        assert sorted(kinds(decided)) == ["AmendOrder", "AmendOrder", "PlaceOrder", "PlaceOrder"]
        assert kinds(one.seen[1].events) == ["NotSent"] * 4 + ["LoopLagged"]
        assert kinds(one.venue.asked)[:2] == ["CancelOrder", "CancelOrder"]
        assert not set(decided) & set(one.venue.asked)


@pytest.mark.parametrize("takes_ns", [SECOND // 20, SECOND // 5])
async def test_nothing_leaves_on_a_book_that_became_too_old_while_the_disk_took_the_record(
    takes_ns: int, tmp_path: Path
) -> None:
    async with quoting(tmp_path, max_data_age_ns=2 * SECOND) as one:

        def take_a_moment() -> None:
            one.disk.before_write = lambda: None
            one.clock.at += takes_ns

        for _ in range(4):
            one.clock.at += round(1.9 / 4 * SECOND)
            one.loop.ring()
        one.venue.asked.clear()
        one.seen.clear()
        one.disk.before_write = take_a_moment
        one.wants(
            ladder(2, quantity=5), InstrumentStateChanged(at=one.clock.at, instrument=KEY, is_open=True, reason="open")
        )

        assert one.heard(LoopLagged) == []
        decided = one.seen[0].commands
        assert sorted(kinds(decided)) == ["AmendOrder", "AmendOrder", "PlaceOrder", "PlaceOrder"]
        if takes_ns < SECOND // 10:
            assert one.venue.asked == list(decided)
        else:
            assert not set(decided) & set(one.venue.asked)
            assert kinds(one.venue.asked)[:2] == ["CancelOrder", "CancelOrder"]


async def test_a_disk_that_is_slow_again_and_again_lets_others_on_the_loop_have_their_turn(tmp_path: Path) -> None:
    async with quoting(tmp_path) as one:
        writes: list[int] = []
        written_before: list[int] = []  # when somebody else had a turn

        def take_three_seconds() -> None:
            writes.append(one.clock.at)
            one.clock.at += 3 * SECOND
            if len(writes) == 10:
                one.disk.before_write = lambda: None

        def have_a_turn() -> None:
            written_before.append(len(writes))
            if len(writes) < 10:
                one.loop.call_soon(have_a_turn)

        one.disk.before_write = take_three_seconds
        one.driver.tell(CancelAllAsked(at=one.clock.at))
        one.loop.call_soon(have_a_turn)
        one.loop.go_round()

        assert len(written_before) > 3
        assert max(after - before for before, after in pairwise(written_before)) <= 2
        assert kinds(one.venue.asked)[:2] == ["CancelOrder", "CancelOrder"]


@pytest.mark.parametrize(
    "error", [AssertionError("planted"), StopIteration("planted")], ids=lambda error: type(error).__name__
)
async def test_whatever_fails_is_told_as_a_failure(tmp_path: Path, error: Exception) -> None:
    def fail() -> None:
        raise error

    async with life(tmp_path, fails=True) as one:
        one.driver.hear(fail)

        assert repr(error) in repr(one.driver.failed.exception())
