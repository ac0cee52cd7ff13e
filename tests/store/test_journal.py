"""The journal survives what kills its writer."""

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.model.event import (
    ClockOffset,
    FeedLost,
    LinkAlive,
    OrderFilled,
    TradesReported,
    Woke,
)
from replenisher.model.order import Side, Status
from replenisher.model.step import Step
from replenisher.simulate.checks.bounds import collections
from replenisher.simulate.disk import SimulatedDisk
from replenisher.store.disk import Disk, Machine
from replenisher.store.growing import ROOM_BYTES, SYNC_NS_MAX, JournalFull
from replenisher.store.journal import (
    DAY_NS,
    RING_STEPS_MAX,
    UNSAFE_BYTES_MAX,
    Fsync,
    Journal,
    JournalInUse,
    Policy,
    is_kept,
)
from replenisher.store.safe_end import NUMBER
from replenisher.store.segments import JournalCorrupt, read_header, read_steps, segments
from tests.disk import HeldDisk
from tests.store.given import (
    JOURNAL_ID,
    KEY,
    SECOND,
    T0,
    a_day,
    book_changed,
    decision,
    filled,
    order,
    place,
    started,
    step,
    write_journal,
)

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20), max_value=10**20)
FILLS = st.builds(
    OrderFilled,
    at=st.integers(0, 2**63 - 1),
    instrument=st.just(KEY),
    order_id=st.text(max_size=15),
    venue_order_id=st.text(max_size=15),
    venue_time=st.integers(0, 2**63 - 1),
    trade_id=st.text(max_size=15),
    side=st.sampled_from(Side),
    price=DECIMALS,
    amount=DECIMALS,
    fee=DECIMALS,
    fee_currency=st.text(max_size=4),
    liquidity=st.sampled_from(["maker", "taker"]),
)
EVENTS = st.one_of(
    FILLS,
    st.builds(TradesReported, at=st.just(T0), scope=st.just(KEY), fills=st.tuples(FILLS), has_more=st.booleans()),
    st.just(book_changed()),
    st.just(Woke(at=T0)),
    st.just(FeedLost(at=T0, instrument=KEY, reason="gap")),
)
STEPS = st.lists(st.lists(EVENTS, min_size=1, max_size=3), max_size=8).map(
    lambda batches: [step(number, events) for number, events in enumerate(batches, start=1)]
)
ALL = Policy(market_data=True)


def opened(directory: Path, policy: Policy = ALL) -> Journal:
    return Journal.open(directory, new_id=JOURNAL_ID, policy=policy)


@given(STEPS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_at_any_byte_of_the_tail_loses_only_the_torn_record(steps: list[Step], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with closing(opened(directory)) as journal:
            journal.begin(1, b"state", T0)
            header_end = segments(directory)[0].size
            ends = []
            for each in steps:
                journal.append(each)
                ends.append(segments(directory)[0].size)
        cut = data.draw(st.integers(header_end, segments(directory)[0].size))

        os.truncate(segments(directory)[0].path, cut)

        whole = [end for end in ends if end <= cut]
        with closing(opened(directory)) as journal:
            assert list(journal.boot.steps) == steps[: len(whole)]
            assert segments(directory)[0].size == max([header_end, *whole])


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_rubbish_behind_the_last_record_is_cut_off(rubbish: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_journal(directory, a_day())
        with segments(directory)[0].path.open("ab") as file:
            file.write(rubbish)

        with closing(opened(directory)) as journal:
            assert list(journal.boot.steps) == a_day()


def test_a_life_that_never_began_is_forgotten(tmp_path: Path) -> None:
    write_journal(tmp_path, a_day())
    write_journal(tmp_path, [], epoch=2)
    os.truncate(segments(tmp_path)[1].path, 20)

    with closing(opened(tmp_path)) as journal:
        assert (journal.boot.epoch, list(journal.boot.steps)) == (1, a_day())
        journal.begin(2, b"", T0)
    assert [segment.number for segment in segments(tmp_path)] == [1, 2]


def test_damage_before_whole_records_is_an_error_that_names_file_and_offset(tmp_path: Path) -> None:
    write_journal(tmp_path, a_day())
    path = segments(tmp_path)[0].path
    first_ends = read_steps(segments(tmp_path)[0], _header_end(tmp_path), is_last=True)[0][1]
    before = _with_flipped_byte(path, first_ends + 12)

    with pytest.raises(JournalCorrupt, match=rf"{path}: offset {first_ends}:"):
        opened(tmp_path)

    assert path.read_bytes() == before


def test_damage_in_an_older_segment_is_an_error_that_names_file_and_offset(tmp_path: Path) -> None:
    write_journal(tmp_path, a_day(), rotate_every=4)
    oldest = segments(tmp_path)[0]
    steps = read_steps(oldest, _header_end(tmp_path), is_last=False)
    _with_flipped_byte(oldest.path, steps[-1][1] - 1)

    assert len(read_steps(oldest, _header_end(tmp_path), is_last=False)) == len(steps) - 1
    with pytest.raises(JournalCorrupt, match=rf"{oldest.path}: offset {steps[-2][1]}:"):
        read_steps(oldest, steps[-2][1], is_last=False)


def test_boot_is_the_newest_snapshot_and_the_steps_after_it(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as journal:
        assert journal.boot == msgspec.structs.replace(
            journal.boot, journal_id=JOURNAL_ID, epoch=0, step=0, snapshot=None, steps=()
        )
        journal.begin(7, b"empty", T0)
        for each in a_day()[:4]:
            journal.append(each)
        journal.rotate(b"after four", T0)
        for each in a_day()[4:6]:
            journal.append(each)

    with closing(Journal.open(tmp_path, new_id="f" * 16, policy=ALL)) as journal:
        boot = journal.boot
        journal.begin(8, b"after six", T0)
        begun = journal.boot

    assert boot.journal_id == JOURNAL_ID, "a journal is named once"
    assert (boot.epoch, boot.step, boot.snapshot) == (7, 6, b"after four")
    assert list(boot.steps) == a_day()[4:6]
    assert begun == msgspec.structs.replace(boot, snapshot=None, steps=()), "a life does not carry its past along"


@pytest.mark.parametrize(
    ("kept", "each"),
    [
        (False, step(1, [book_changed(), Woke(at=T0), LinkAlive(at=T0, venue="deribit")])),
        (True, step(1, [ClockOffset(at=T0, venue="deribit", offset_ns=5)], decisions=[decision()])),
        (True, step(1, [book_changed()], [place("a")])),
        (True, step(1, [Woke(at=T0)], orders=[order("a", Status.UNKNOWN)])),
        (True, step(1, [book_changed(), filled("a", "1")])),
        (True, step(1, [FeedLost(at=T0, instrument=KEY, reason="gap")])),
    ],
)
def test_a_step_is_kept_unless_it_only_looked_at_the_market(kept: bool, each: Step) -> None:
    assert is_kept(each) is kept


def test_the_markets_last_minute_is_written_when_something_alarms(tmp_path: Path) -> None:
    with closing(opened(tmp_path, Policy())) as journal:
        journal.begin(1, b"", T0)
        for number in range(1, 101):
            journal.append(step(number, [book_changed()]))
        journal.append(step(101, [started()]))
        size_before = segments(tmp_path)[0].size

        journal.keep_ring(T0 + 101 * SECOND)

        assert segments(tmp_path)[0].size > size_before
    with closing(opened(tmp_path)) as journal:
        assert [each.number for each in journal.boot.steps] == [*range(40, 101), 101]


def test_of_a_minute_in_which_too_much_happens_the_latest_steps_are_kept(tmp_path: Path) -> None:
    with closing(opened(tmp_path, Policy())) as journal:
        journal.begin(1, b"", T0)
        for number in range(1, RING_STEPS_MAX + 3):
            journal.append(Step(number=number, at=T0, events=(book_changed(),), commands=()))
        journal.keep_ring(T0)

    with closing(opened(tmp_path)) as journal:
        assert [each.number for each in journal.boot.steps] == [*range(3, RING_STEPS_MAX + 3)]


def test_a_late_ring_is_not_played_again_onto_a_snapshot_that_has_it(tmp_path: Path) -> None:
    with closing(opened(tmp_path, Policy())) as journal:
        journal.begin(1, b"", T0)
        journal.append(step(1, [book_changed()]))
        journal.rotate(b"has step 1", T0)
        journal.append(step(2, [started()]))
        journal.keep_ring(T0)

    with closing(opened(tmp_path)) as journal:
        assert [each.number for each in journal.boot.steps] == [2]


def test_a_segment_takes_its_size_of_steps_however_large_the_snapshot_is_that_it_begins_with(tmp_path: Path) -> None:
    with closing(opened(tmp_path, Policy(segment_bytes=2_000))) as journal:
        journal.begin(1, bytes(10_000), T0)
        number, sizes = 0, []
        for _ in range(3):
            before = segments(tmp_path)[-1].size
            while not journal.is_full:
                number += 1
                journal.append(step(number, [started()]))
            sizes.append(segments(tmp_path)[-1].size - before)
            journal.rotate(bytes(10_000), T0)

    assert all(2_000 <= size < 2_500 for size in sizes)


def test_two_processes_cannot_write_one_journal(tmp_path: Path) -> None:
    with closing(opened(tmp_path)), pytest.raises(JournalInUse):
        opened(tmp_path)


@contextmanager
def _disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond `size`, which is as good as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_told_and_loses_nothing_once_there_is_room(tmp_path: Path) -> None:
    steps = a_day()
    with closing(opened(tmp_path)) as journal:
        journal.begin(1, b"", T0)
        journal.append(steps[0])
        size = segments(tmp_path)[0].size

        with _disk_of(size + 50):
            for each in steps[1:3]:
                with pytest.raises(JournalFull, match="cannot be written"):
                    journal.append(each)
            with pytest.raises(JournalFull):
                journal.rotate(b"state" * size, T0)
            assert segments(tmp_path)[0].size == size, "the file ends with a whole record"
        for each in steps[3:]:
            journal.append(each)

    with closing(opened(tmp_path)) as journal:
        assert list(journal.boot.steps) == steps


def test_a_segment_that_cannot_be_started_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as journal:
        journal.begin(1, b"", T0)
        with _disk_of(1_000), pytest.raises(JournalFull):
            journal.rotate(bytes(2_000), T0)
        journal.append(step(1, [started()]))

    assert [segment.number for segment in segments(tmp_path)] == [1]


class Meanwhile:
    """Lets something happen before the sync that comes `nth`."""

    def __init__(self, disk: SimulatedDisk, nth: int, happens: Callable[[], None]) -> None:
        self._nth, self._happens = nth, happens
        disk.reach = self._reach

    def _reach(self, moment: str) -> None:
        self._nth -= moment == "before sync"
        if self._nth == 0 and moment == "before sync":
            self._happens()


@pytest.mark.parametrize("nth", [2, 3, 4], ids=["the old one", "the new one", "its name"])
def test_a_segment_that_could_not_be_started_takes_no_step_with_it_when_power_is_lost(tmp_path: Path, nth: int) -> None:
    for seed in range(20):
        disk, directory = SimulatedDisk(Random(seed)), tmp_path / f"{seed}"
        journal = Journal.open(directory, new_id=JOURNAL_ID, policy=Policy(fsync=Fsync.ALWAYS), disk=disk)
        journal.begin(1, b"", T0)
        for each in a_day()[:2]:
            journal.append(each)
        Meanwhile(disk, nth, lambda disk=disk: setattr(disk, "syncs_fail", True))
        with pytest.raises(JournalFull):
            journal.rotate(b"after two", T0)
        disk.syncs_fail = False
        journal.recover(T0)
        for each in a_day()[2:4]:
            journal.append(each)
        disk.abandon()
        disk.lose_power(Random(seed))

        with closing(Journal.open(directory, new_id="f" * 16, policy=ALL, disk=disk)) as journal:
            assert journal.boot.step == 4
            assert journal.boot.snapshot in (b"", b"after two")
            assert [each.number for each in journal.boot.steps] == [1, 2, 3, 4][-len(journal.boot.steps) :]


@pytest.mark.parametrize("dies", [False, True], ids=["the life goes on", "it dies, and another one begins"])
def test_after_a_failed_sync_the_next_one_is_not_believed_and_all_in_doubt_is_written_again(
    tmp_path: Path, dies: bool
) -> None:
    disk, steps, policy = SimulatedDisk(Random(1)), a_day(), Policy(fsync=Fsync.ALWAYS)
    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)
    journal.begin(1, b"", T0)
    journal.append(steps[0])
    disk.syncs_fail = True
    with pytest.raises(JournalFull, match=f"cannot be written: {os.strerror(errno.EIO)}"):
        journal.append(steps[1])
    disk.syncs_fail = False
    with pytest.raises(JournalFull, match="must be written again"):
        journal.append(steps[2])  # it waits in memory

    if dies:
        disk.abandon()
        journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)
        assert list(journal.boot.steps) == steps[:2]
        journal.begin(2, b"all of this", T0)
    else:
        journal.recover(T0)
        journal.append(steps[3])
    disk.abandon()
    lost = disk.lose_power(Random(1))

    first = segments(tmp_path)[0]
    assert lost <= NUMBER.size, "what is told of it may be forgotten, and nothing of it"
    assert [each for each, _ in read_steps(first, _header_end(tmp_path), is_last=False)] == steps[: 2 if dies else 4]


def test_a_sync_that_failed_is_not_made_good_by_the_next_one_on_the_simulated_disk(tmp_path: Path) -> None:
    for writes_again in (False, True):
        disk, path = SimulatedDisk(Random(1)), tmp_path / f"{writes_again}"
        fds = [disk.open(tmp_path, os.O_RDONLY), disk.open(path, os.O_WRONLY | os.O_CREAT)]
        disk.write(fds[1], b"safe and ")
        for fd in fds:
            disk.fsync(fd)
        disk.write(fds[1], b"in doubt")
        disk.syncs_fail = True
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            disk.fdatasync(fds[1])
        disk.syncs_fail = False
        if writes_again:
            disk.pwrite(fds[1], b"in doubt", 9)
        disk.fdatasync(fds[1])
        disk.abandon()

        assert (disk.lose_power(Random(1)) == 0) is writes_again


def test_room_is_set_aside_while_a_file_grows_and_given_back_at_its_end(tmp_path: Path) -> None:
    def room() -> int:
        """What the newest segment takes on the disk beyond its bytes."""
        newest = segments(tmp_path)[-1]
        return newest.path.stat().st_blocks * 512 - newest.size

    scratch = os.open(tmp_path / "scratch", os.O_CREAT | os.O_WRONLY)
    Machine().reserve(scratch, ROOM_BYTES)
    least = os.fstat(scratch).st_blocks * 512 // 4  # nothing where the file system cannot set any aside
    os.close(scratch)
    left, long = [], step(1, [TradesReported(at=T0, scope=KEY, fills=(filled("o", "t"),) * 5_000, has_more=False)])
    with closing(opened(tmp_path)) as journal:
        journal.begin(1, b"", T0)
        assert room() >= least
        while segments(tmp_path)[-1].size < 2 * ROOM_BYTES:
            journal.append(msgspec.structs.replace(long, number=journal.step + 1))
            left.append(room())
    assert max(left[len(left) // 2 :]) >= least, "it was set aside once more"
    assert room() < ROOM_BYTES // 64
    with closing(opened(tmp_path)) as journal:
        assert [each.number for each in journal.boot.steps] == [*range(1, len(left) + 1)]


def test_what_waits_for_a_full_disk_has_an_end(tmp_path: Path) -> None:
    looks = step(2, [book_changed()])
    policy = Policy(market_data=True)
    with closing(Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy)) as journal:
        journal.begin(1, b"", T0)
        with _disk_of(segments(tmp_path)[0].size):
            with pytest.raises(JournalFull):
                journal.append(step(1, [started()]))
            journal.append(looks)  # it has no room either, and waits in the ring
            assert journal.complaint() == ""
            number, fills = 2, (filled("o", "t"),) * 5_000
            while not journal.complaint():
                number += 1
                with pytest.raises(JournalFull):
                    journal.append(step(number, [TradesReported(at=T0, scope=KEY, fills=fills, has_more=False)]))

        assert "takes nothing, and" in journal.complaint()


@pytest.mark.parametrize("fsync", [Fsync.NEVER, Fsync.INTERVAL])
def test_what_may_have_to_be_written_again_has_an_end(tmp_path: Path, fsync: Fsync) -> None:
    disk, policy = HeldDisk(), Policy(fsync=fsync, fsync_interval_ms=3_600_000)
    long = step(1, [TradesReported(at=T0, scope=KEY, fills=(filled("o", "t"),) * 5_000, has_more=False)])
    kept: list[int] = []
    with closing(Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)) as journal:
        journal.begin(1, b"", T0)
        while segments(tmp_path)[-1].size < 3 * UNSAFE_BYTES_MAX:
            journal.append(msgspec.structs.replace(long, number=journal.step + 1))
            journal.tick(T0)
            disk.let_go()
            kept += [sum(map(len, each)) for name, each in collections(journal) if name == "GrowingFile._unsafe"]
        begun = len(disk.begun)

    assert begun == 2
    assert UNSAFE_BYTES_MAX / 2 < max(kept) < 1.5 * UNSAFE_BYTES_MAX


@pytest.mark.parametrize(("fsync", "syncs"), [(Fsync.ALWAYS, 3), (Fsync.INTERVAL, 0), (Fsync.NEVER, 0)])
def test_only_under_always_an_order_waits_for_the_disk(tmp_path: Path, fsync: Fsync, syncs: int) -> None:
    disk = HeldDisk()
    with closing(Journal.open(tmp_path, new_id=JOURNAL_ID, policy=Policy(fsync=fsync), disk=disk)) as journal:
        journal.begin(1, b"", T0)
        for number in range(1, 4):
            journal.append(step(number, [filled("order", f"fill {number}")]))

        assert disk.syncs == syncs


def test_under_interval_the_disk_has_everything_once_the_interval_is_over(tmp_path: Path) -> None:
    disk, interval = HeldDisk(), 200_000_000
    policy = Policy(fsync=Fsync.INTERVAL, fsync_interval_ms=200)
    with closing(Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)) as journal:
        journal.begin(1, b"", T0)
        begun: list[int] = []
        for number, at in enumerate((T0 + 1, T0 + interval, T0 + interval + 1, T0 + 2 * interval), start=1):
            journal.append(step(number, [filled("order", f"fill {number}")]))
            journal.tick(at)
            disk.let_go()
            begun.append(len(disk.begun))
        journal.tick(T0 + 9 * interval)  # nothing was written since

    assert begun == [0, 1, 1, 2]
    assert disk.syncs == 2, "and not at the close, as all is safe"


def under_way(directory: Path, disk: Disk) -> Journal:
    """A journal under `interval`, with one step written and a sync of it begun; then another one is written."""
    policy = Policy(fsync=Fsync.INTERVAL, fsync_interval_ms=0)
    journal = Journal.open(directory, new_id=JOURNAL_ID, policy=policy, disk=disk)
    journal.begin(1, b"", T0)
    journal.append(a_day()[0])
    journal.tick(T0 + 1)
    journal.append(a_day()[1])
    return journal


def test_while_the_disk_takes_its_time_steps_are_written_and_no_second_sync_is_begun(tmp_path: Path) -> None:
    disk = HeldDisk()
    disk.hold()
    with closing(under_way(tmp_path, disk)) as journal:
        journal.tick(T0 + SECOND)
        assert (len(disk.begun), disk.syncs) == (1, 0)

        disk.let_go()
        journal.tick(T0 + SECOND)
        assert len(disk.begun) == 2, "what was written meanwhile is due"

    with closing(opened(tmp_path)) as journal:
        assert list(journal.boot.steps) == a_day()[:2]


def test_a_sync_that_failed_is_told_before_the_next_order_leaves_and_all_since_the_last_good_one_is_written_again(
    tmp_path: Path,
) -> None:
    disk, steps = HeldDisk(), a_day()
    disk.hold()
    with closing(under_way(tmp_path, disk)) as journal:
        disk.forgets = True
        disk.let_go()

        with pytest.raises(JournalFull, match=f"cannot be written: {os.strerror(errno.EIO)}"):
            journal.append(steps[2])
        with pytest.raises(JournalFull, match="must be written again"):
            journal.tick(T0 + SECOND)
        path, size = segments(tmp_path)[0].path, segments(tmp_path)[0].size
        os.truncate(path, _header_end(tmp_path))
        os.truncate(path, size)  # the kernel has dropped what it could not write

        journal.recover(T0 + SECOND)
        journal.append(steps[3])

    with closing(opened(tmp_path)) as journal:
        assert list(journal.boot.steps) == steps[:4]


def test_a_disk_that_never_comes_to_an_end_is_as_good_as_one_that_takes_nothing(tmp_path: Path) -> None:
    disk, late = HeldDisk(), T0 + 2 + SYNC_NS_MAX
    disk.hold()
    with closing(under_way(tmp_path, disk)) as journal:
        journal.tick(late - 1)
        for too_late in (journal.tick, journal.keep_ring, lambda at: journal.recover(at)):
            with pytest.raises(JournalFull, match=r"has waited 5\.0 s for the disk"):
                too_late(late)

        disk.let_go()
        journal.recover(late)
        journal.tick(late)

        assert disk.syncs == 2, "what was written meanwhile is safe, too"
    assert [segment.number for segment in segments(tmp_path)] == [1], "nothing was in doubt"


class Patient(HeldDisk):
    """One on which a sync ends only once somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.hold()
        self.ended_first: list[bool] = []  # whether it had, each time that a file was let go

    def begin_sync(self, fd: int, /) -> Future[None]:
        begun = super().begin_sync(fd)
        wait_for_it = begun.result

        def result(timeout: float | None = None) -> None:
            self.let_go()
            wait_for_it(timeout)

        begun.result = result
        return begun

    def close(self, fd: int, /) -> None:
        self.ended_first.append(all(each.done() for each in self.begun))
        os.close(fd)


@pytest.mark.parametrize("ends", [Journal.close, lambda journal: journal.rotate(b"", T0 + 2)], ids=["close", "rotate"])
def test_a_file_is_let_go_only_when_its_sync_has_ended(tmp_path: Path, ends: Callable[[Journal], None]) -> None:
    disk = Patient()
    with closing(under_way(tmp_path, disk)) as journal:
        ends(journal)

    assert disk.ended_first and all(disk.ended_first)
    with closing(opened(tmp_path)) as journal:
        assert journal.step == a_day()[1].number


def test_a_file_that_cannot_be_written_to_its_end_is_let_go_only_when_its_sync_has_ended(tmp_path: Path) -> None:
    disk = Patient()
    journal = under_way(tmp_path, disk)
    with _disk_of(segments(tmp_path)[0].size), pytest.raises(JournalFull):
        journal.append(a_day()[2])

    with _disk_of(segments(tmp_path)[0].size), pytest.raises(JournalFull):
        journal.close()

    assert disk.ended_first and all(disk.ended_first)


def test_power_that_is_lost_while_a_sync_is_under_way_may_take_what_it_would_have_saved_and_nothing_after_its_end(
    tmp_path: Path,
) -> None:
    left: dict[bool, set[int]] = {False: set(), True: set()}
    for seed in range(40):
        for is_heard_of in left:
            directory, disk = tmp_path / f"{seed} {is_heard_of}", SimulatedDisk(Random(seed))
            journal = under_way(directory, disk)
            if is_heard_of:
                disk.now = lambda: T0 + SECOND
                journal.tick(T0 + SECOND)
            disk.abandon()
            disk.lose_power(Random(seed))
            with closing(opened(directory)) as journal:
                left[is_heard_of].add(len(journal.boot.steps))

    assert (min(left[False]), min(left[True])) == (0, 1)


@pytest.mark.parametrize("fsync", Fsync)
def test_what_was_appended_survives_a_kill(tmp_path: Path, fsync: Fsync) -> None:
    program = f"""
import os, signal
from pathlib import Path
from replenisher.store.journal import Fsync, Journal, Policy
from tests.store.given import a_day
journal = Journal.open(Path({str(tmp_path)!r}), new_id="0" * 16, policy=Policy(fsync=Fsync({fsync.value!r})))
journal.begin(1, b"", 1)
for step in a_day():
    journal.append(step)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)

    assert ended.returncode == -signal.SIGKILL
    with closing(opened(tmp_path)) as journal:
        assert list(journal.boot.steps) == a_day()


def test_what_a_snapshot_relies_on_is_not_taken_back_by_a_later_loss_of_power(tmp_path: Path) -> None:
    disk, policy = SimulatedDisk(Random(1)), Policy(fsync=Fsync.INTERVAL)
    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)
    journal.begin(1, b"", T0)
    for each in a_day():
        journal.append(each)
    disk.abandon()  # the process dies, and none of this has been synced
    with segments(tmp_path)[0].path.open("ab") as file:
        file.write(b"torn")

    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=policy, disk=disk)
    journal.begin(2, b"all of this", T0 + 1)
    disk.abandon()
    lost = disk.lose_power(Random(1))

    first, second = segments(tmp_path)
    assert lost <= NUMBER.size, "what is told of it may be forgotten, and nothing of it"
    assert [each for each, _ in read_steps(first, _header_end(tmp_path), is_last=False)] == a_day()
    found = read_header(second)
    assert found is not None and found[0].snapshot == b"all of this"


def test_segments_expire_once_they_are_old_and_recorded(tmp_path: Path) -> None:
    with closing(opened(tmp_path, Policy(keep_days=7))) as journal:
        journal.begin(1, b"", T0)
        for day in range(1, 11):
            journal.rotate(b"", T0 + day * DAY_NS)
        now = T0 + 10 * DAY_NS

        old = [segment.number for segment in journal.expired(now, recorded_segment=11)]
        old_and_recorded = [segment.number for segment in journal.expired(now, recorded_segment=2)]

    assert old == [1, 2, 3]
    assert old_and_recorded == [1]


def _header_end(directory: Path) -> int:
    found = read_header(segments(directory)[0])
    assert found is not None
    return found[1]


def _with_flipped_byte(path: Path, offset: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)
    return bytes(data)


def test_a_disk_that_hangs_does_not_hang_the_end_of_a_life(tmp_path: Path) -> None:
    now = [T0]
    disk = SimulatedDisk(Random(1))
    disk.now = lambda: now[0]
    disk.stall = lambda for_ns: now.__setitem__(0, now[0] + for_ns)
    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=Policy(), disk=disk)
    journal.begin(1, b"", T0)
    journal.append(step(1, [started()]))
    disk.write_ns = 3_600 * SECOND  # as good as for ever
    journal.tick(T0 + SECOND)

    with pytest.raises(JournalFull, match=r"has waited 5\.0 s for the disk"):
        journal.close()

    assert now[0] - T0 == SYNC_NS_MAX
    disk.write_ns = 0
    with closing(opened(tmp_path)) as again:
        assert [each.number for each in again.boot.steps] == [1]
