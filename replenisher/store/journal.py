"""The journal: every step that matters, on disk before any byte of its commands leaves.

It is a directory of segments (`segments.py` says what their bytes are), of which the last one grows (`growing.py`). A
segment's header says whose journal it is, which life (epoch) writes the segment, and the state as of step `step`, as
opaque bytes: boot is the newest header and the steps after it (`boot.py`). Steps are numbered through all lives, and
every record is appended with one unbuffered `os.write`, so the death of the process tears at most the last record. A
torn tail is cut off at open. A bad record that good ones follow is not a torn tail but damage: it is an error and
nothing is cut. A segment gets its name once its header is safe, and keeps it whatever happens then.

What survives the loss of power is decided by `fsync`: under `always` a record is on the disk itself before its commands
leave; under `interval` it comes there a moment later, and no order waits for that; under `never` once 4 MiB of them
have gathered, as what may have to be written again is kept in memory. The start of a life is synced always, and before
that what it goes on from, so that no later loss of power can take back what a snapshot has in it, or let an epoch (and
with it a client order id) be used twice.

Steps that only looked at the market are not written: they wait in a ring of the last minute, or of its last
`RING_STEPS_MAX` steps, and `keep_ring` writes them when something alarms. They then lie behind steps with higher
numbers, so whoever reads sorts by number.

A disk that is full loses nothing either: the steps that did not fit stay in memory and go first when there is room.
After a sync that failed all since the last good one is written again.
"""

import fcntl
import os
from collections import deque
from enum import StrEnum
from pathlib import Path

import msgspec

from replenisher.errors import ReplenisherError
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    LinkAlive,
    PriceTold,
    TickerTold,
    TradePrinted,
    Woke,
)
from replenisher.model.step import Step
from replenisher.model.units import DAY_NS, MS_NS, NEVER_NS
from replenisher.store.boot import Boot, remembered
from replenisher.store.disk import Disk, Machine
from replenisher.store.growing import GrowingFile, JournalFull
from replenisher.store.safe_end import EVERYTHING, SafeEnd, tell_safe_end
from replenisher.store.segments import (
    FORMAT,
    Header,
    Segment,
    path_of,
    read_header,
    record_of,
    segments,
)

RING_NS = 60_000_000_000
RING_STEPS_MAX = 10_000  # a minute of 160 steps a second; of a wilder market it holds less
SEGMENT_BYTES = 32 * 1024 * 1024
UNSAFE_BYTES_MAX = 4 * 1024 * 1024  # of steps that are written, and not brought to the disk before there are so many
UNWRITTEN_BYTES_MAX = 16 * 1024 * 1024  # of steps without room on the disk; days of them

_MARKET_ONLY = frozenset({BookSnapshot, BookChanged, TradePrinted, TickerTold, PriceTold, LinkAlive, Woke})


class JournalInUse(ReplenisherError):
    """Another process writes this journal."""


class Fsync(StrEnum):
    """When a record must have reached the disk itself, and not only the operating system."""

    ALWAYS = "always"
    INTERVAL = "interval"
    NEVER = "never"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is written, when it is on disk, and how long it is kept: the `journal` section of a configuration."""

    fsync: Fsync = Fsync.INTERVAL
    fsync_interval_ms: int = 200
    market_data: bool = False
    keep_days: int = 7
    segment_bytes: int = SEGMENT_BYTES  # of steps


def is_kept(step: Step) -> bool:
    """Whether a step is written at once: it asked for, decided or marked something, or heard more than the market."""
    said = step.commands or step.orders or step.decisions or step.marks
    return bool(said) or not _MARKET_ONLY.issuperset(map(type, step.events))


class Journal:
    """The one writer of a journal. It is opened, a life begins in it, and steps are appended."""

    @classmethod
    def open(cls, directory: Path, *, new_id: str, policy: Policy, disk: Disk | None = None) -> "Journal":
        """Take a journal for writing, cut off a torn tail, and read what it remembers into `boot`.

        `new_id` (16 hex digits) names the journal if this is its first life.
        """
        disk = disk or Machine()
        directory.mkdir(parents=True, exist_ok=True)
        lock = _lock(directory, disk)
        try:
            boot, last_segment = remembered(directory, new_id, disk)
        except BaseException:
            disk.close(lock)
            raise
        return cls(directory, lock, boot, last_segment, policy, disk)

    def __init__(self, directory: Path, lock: int, boot: Boot, last_segment: int, policy: Policy, disk: Disk) -> None:
        self.boot = boot
        self.step = boot.step  # the last step this journal was told of
        self._policy = policy
        self._is_synced_always = policy.fsync is Fsync.ALWAYS
        self._sync_every_ns = policy.fsync_interval_ms * MS_NS if policy.fsync is Fsync.INTERVAL else NEVER_NS
        self._directory = directory
        self._disk = disk
        self._lock = lock
        self._segment = last_segment
        self._head_bytes = 0  # of the segment: its header, with the snapshot
        self._told: SafeEnd | None = None  # by this life
        self._epoch = boot.epoch
        self._file: GrowingFile | None = None  # of this life
        self._encoder = msgspec.msgpack.Encoder()
        self._unwritten = bytearray()  # whole records that the disk has not taken yet
        self._ring: deque[Step] = deque(maxlen=RING_STEPS_MAX)

    # A life, from its first record to its last

    def begin(self, epoch: int, snapshot: bytes, at: int) -> None:
        """Start a life: a segment of its own, on disk before this returns."""
        assert epoch > self._epoch, "an epoch is larger than every earlier one"
        self._epoch = epoch
        self._start_segment(snapshot, at)
        self.boot = msgspec.structs.replace(self.boot, snapshot=None, steps=())  # in the new snapshot, and not small

    def append(self, step: Step) -> None:
        """Write a step that is kept, before its commands leave; remember another in the ring."""
        assert step.number > self.step, "steps are numbered upwards, through all lives"
        self.step = step.number
        if is_kept(step) or (self._policy.market_data and not self._unwritten):  # what waits is kept small
            self._encode(step)
            self._write(step.at)
        else:
            self._remember(step)

    def append_fact(self, fact: Event) -> None:
        """Write a step of one fact about which no engine was asked."""
        self.append(Step(number=self.step + 1, at=fact.at, events=(fact,), commands=()))

    def keep_ring(self, at: int) -> None:
        """Write the market's last minute: something alarmed, and it may tell why."""
        while self._ring:
            self._encode(self._ring.popleft())
        self._write(at)

    def tick(self, at: int) -> None:
        """Have brought to the disk what was written, once that is due, and hear how it went."""
        file = self._living
        file.hear_of_sync(at)
        unsafe_bytes = file.unsafe_bytes
        if unsafe_bytes and (unsafe_bytes >= UNSAFE_BYTES_MAX or at - file.synced_at >= self._sync_every_ns):
            file.begin_sync(at)
        self._tell_safe()

    @property
    def is_full(self) -> bool:
        """Whether the segment has its size, and the next step should go to a new one.

        Only its steps count: the snapshot that it begins with may be larger than that.
        """
        return self._living.end - self._head_bytes >= self._policy.segment_bytes

    def rotate(self, snapshot: bytes, at: int) -> None:
        """Go on in a new segment, which starts with the state as of the last appended step."""
        self._write(at)
        self._living.sync(at)  # a segment that no longer grows may be relied on to be whole
        self._start_segment(snapshot, at)

    def recover(self, at: int) -> None:
        """Write and sync all that waits, after something went wrong."""
        if self._living.is_syncing:
            raise self._living.too_slow(at)  # not waited for: cancels may still have to leave
        if self._living.is_doubtful:
            self._living.write_again(at)
        self.keep_ring(at)
        if self._policy.fsync is not Fsync.NEVER:
            self._living.sync(at)
        self._tell_safe()

    def complaint(self) -> str:
        """Why no life should go on with it: too much waits in memory; empty while it may."""
        if len(self._unwritten) <= UNWRITTEN_BYTES_MAX:
            return ""
        return f"the journal in {self._directory} takes nothing, and {len(self._unwritten):,} bytes wait for it"

    def expired(self, now: int, *, recorded_segment: int) -> list[Segment]:
        """The segments older than `keep_days` of which the recorder, now at `recorded_segment`, needs nothing more."""
        gone: list[Segment] = []
        for segment, following in zip(known := segments(self._directory), known[1:], strict=False):
            ended = read_header(following)  # a segment's last step is older than the next one's header
            if (
                segment.number >= recorded_segment
                or ended is None
                or now - ended[0].at < self._policy.keep_days * DAY_NS
            ):
                break
            gone.append(segment)
        return gone

    def close(self) -> None:
        """Give the journal back; what was written is on disk."""
        try:
            if self._file is not None:
                self._write(self._file.synced_at)
                if self._policy.fsync is not Fsync.NEVER:
                    self._file.settle(self._file.synced_at)
                self._tell_safe()
        finally:
            if self._file is not None:
                self._file.close()
            if self._lock >= 0:
                self._disk.close(self._lock)
            self._file, self._lock = None, -1

    # Bytes

    @property
    def _living(self) -> GrowingFile:
        assert self._file is not None, "a life begins before its first step"
        return self._file

    def _tell_safe(self) -> None:
        """Whoever makes rows hears how much is safe, if that is more than before."""
        file = self._living
        if file.is_doubtful:
            return
        safe = EVERYTHING if self._policy.fsync is Fsync.NEVER else SafeEnd(self._segment, file.safe_end)
        if safe == self._told:
            return
        try:
            tell_safe_end(self._directory, safe, self._disk)
        except OSError as error:
            raise JournalFull(f"the journal in {self._directory} cannot be written: {error.strerror}") from error
        self._told = safe

    def _encode(self, step: Step) -> None:
        """Add one record to what is to be written."""
        self._unwritten += record_of(self._encoder.encode(step))

    def _write(self, at: int) -> None:
        """Append all that is to be written; what the disk does not take stays."""
        file = self._living
        if self._unwritten:
            file.write(self._unwritten)
            self._unwritten.clear()
        if self._is_synced_always:
            file.sync(at)
        else:
            file.hear_of_sync(at)

    def _remember(self, step: Step) -> None:
        ring = self._ring
        ring.append(step)  # at its full length it drops the oldest
        while step.at - ring[0].at > RING_NS:
            ring.popleft()

    def _start_segment(self, snapshot: bytes, at: int) -> None:
        """Write a new segment's header and move to it. On failure the old one goes on, or the new one is in doubt."""
        header = Header(
            format=FORMAT,
            journal_id=self.boot.journal_id,
            epoch=self._epoch,
            segment=self._segment + 1,
            step=self.step,
            at=at,
            snapshot=snapshot,
        )
        path, record = path_of(self._directory, header.segment), record_of(self._encoder.encode(header))
        new = GrowingFile.create(path, record, self._lock, self._disk, at)
        if self._file is not None:
            self._file.close()
        self._file, self._segment, self._head_bytes = new, header.segment, len(record)
        new.sync_name()
        self._tell_safe()


def _lock(directory: Path, disk: Disk) -> int:
    """An open directory that only one process at a time can hold."""
    fd = disk.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        disk.close(fd)
        raise JournalInUse(f"the journal in {directory} is written by another process") from error
    return fd
