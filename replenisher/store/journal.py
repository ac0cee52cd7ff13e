"""The journal: every step that matters, on disk before any byte of its commands leaves.

A journal is a directory of segments, `00000001.journal`, `00000002.journal`, …; only the last one grows. A segment is
a row of records and nothing else:

    record  = length (u32, little endian) · crc32 of the payload (u32, little endian) · payload (msgpack)
    payload = the first record of a segment: `Header` (as a map); every later record: `Step` (as a map)

The header says whose journal it is, which life (epoch) writes the segment, and the state as of step `step`, as opaque
bytes: boot is the newest header and the steps after it. Steps are numbered through all lives, and every record is
appended with one unbuffered `os.write`, so the death of the process tears at most the last record. A torn tail is cut
off at open. A bad record that good ones follow is not a torn tail but damage: it is an error and nothing is cut.

What survives the loss of power is decided by `fsync`: under `always` a record is on the disk itself before its commands
leave; under `interval` it comes there a moment later, and no order waits for that: the disk is asked and heard of later
(`Disk.begin_sync`), and what a sync has not been heard of is not believed to be safe. The start of a life is synced
always, and before that what it goes on from, so that no later loss of power can take back what a snapshot has in it, or
let an epoch (and with it a client order id) be used twice.

Steps that only looked at the market are not written: they wait in a ring of the last minute, or of its last
`RING_STEPS_MAX` steps, and `keep_ring` writes them when something alarms. They then lie behind steps with higher
numbers, so whoever reads sorts by number.

A disk that is full loses nothing either: the steps that did not fit stay in memory and go first when there is room.
After a sync that failed no later one is believed, as an operating system forgets what it could not write: all since the
last good sync is written again, into a new segment.
"""

import errno
import fcntl
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.model.event import BookChanged, BookSnapshot, LinkAlive, TradePrinted, Woke
from replenisher.model.step import Step
from replenisher.model.units import DAY_NS, MS_NS, SECOND_NS
from replenisher.store.disk import Disk, Machine, Sync

FORMAT = 1
RING_NS = 60_000_000_000
RING_STEPS_MAX = 10_000  # a minute of 160 steps a second; of a wilder market it holds less
SEGMENT_BYTES = 32 * 1024 * 1024
SUFFIX = ".journal"
SYNC_NS_MAX = 5 * SECOND_NS  # a disk that takes longer is as good as one that takes nothing
UNWRITTEN_BYTES_MAX = 16 * 1024 * 1024  # of steps without room on the disk; days of them

_PREFIX = struct.Struct("<II")  # length, crc32
_MARKET_ONLY = frozenset({BookSnapshot, BookChanged, TradePrinted, LinkAlive, Woke})


class JournalFull(ReplenisherError):
    """A step could not be written: no order may leave on its account; cancels still do."""


class JournalCorrupt(ConfigurationError):
    """A record in the middle of a segment is damaged, or a segment is none of ours: no waiting mends that."""


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
    segment_bytes: int = SEGMENT_BYTES


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first record of a segment: whose it is, and the state in which it starts."""

    format: int
    journal_id: str  # 16 hex digits, made once and kept over all lives
    epoch: int
    segment: int
    step: int  # the last step that `snapshot` has in it
    at: int
    snapshot: bytes  # opaque here


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal remembers when a life begins; once it has begun, the snapshot and the steps are let go."""

    journal_id: str
    epoch: int  # of the last life; 0 if there was none
    step: int  # the last step that was written; 0 if there was none
    snapshot: bytes | None  # None if there was no life before
    steps: tuple[Step, ...]  # those after the snapshot, in the order of their numbers


class _UnderWay(NamedTuple):
    """A sync that has been begun and not been heard of."""

    sync: Sync
    at: int  # when it began
    end: int  # of what it brings to the disk


def is_kept(step: Step) -> bool:
    """Whether a step is written at once: it asked for something, changed an order, or heard more than the market."""
    return bool(step.commands or step.orders) or not all(type(event) in _MARKET_ONLY for event in step.events)


# --- Reading: shared by the writer at boot and by whoever follows it from another thread or process -----------------


class Segment(msgspec.Struct, frozen=True, order=True):
    """One file of a journal."""

    number: int
    path: Path

    @property
    def size(self) -> int:
        """Its length in bytes, as of now."""
        return self.path.stat().st_size


def segments(directory: Path) -> list[Segment]:
    """The segments of a journal, oldest first."""
    if not directory.is_dir():
        return []
    found = (path for path in directory.iterdir() if path.suffix == SUFFIX and path.stem.isdigit())
    return sorted(Segment(int(path.stem), path) for path in found)


def records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The whole records at the start of `data`: each payload, and the offset at which it ends."""
    offset, view = 0, memoryview(data)
    while len(data) - offset >= _PREFIX.size:
        length, crc = _PREFIX.unpack_from(data, offset)
        payload = view[offset + _PREFIX.size : offset + _PREFIX.size + length]
        if length == 0 or len(payload) < length or zlib.crc32(payload) != crc:
            return
        offset += _PREFIX.size + length
        yield bytes(payload), offset


def is_torn(tail: bytes) -> bool:
    """Whether bytes that start with a bad record are only a torn tail: no whole record lies anywhere behind."""
    return not any(next(records(tail[start:]), None) for start in range(1, len(tail)) if _could_start(tail, start))


def whole_records(segment: Segment) -> list[tuple[bytes, int]]:
    """The records of a segment up to a torn tail; refuses one that is damaged before its end."""
    data = segment.path.read_bytes()
    found = list(records(data))
    end = found[-1][1] if found else 0
    if not is_torn(data[end:]):
        raise JournalCorrupt(
            f"{segment.path}: offset {end}: a record is damaged, and whole ones follow it; restore it, "
            "or move the journal away and look what the venue says of orders and positions before trading"
        )
    return found


def _could_start(data: bytes, offset: int) -> bool:
    if len(data) - offset < _PREFIX.size:
        return False
    length = int.from_bytes(data[offset : offset + 4], "little")
    return 0 < length <= len(data) - offset - _PREFIX.size


def read_header(segment: Segment) -> tuple[Header, int] | None:
    """A segment's header and where its steps begin; None while the header is not whole."""
    with segment.path.open("rb") as file:
        prefix = file.read(_PREFIX.size)
        length = _PREFIX.unpack(prefix)[0] if len(prefix) == _PREFIX.size else 0
        first = next(records(prefix + file.read(length)), None) if length <= segment.size else None
    if first is None:
        return None
    return _decode_header(first[0], segment), first[1]


def _decode_header(payload: bytes, segment: Segment) -> Header:
    try:
        header = _HEADERS.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"{segment.path}: offset 0: this is not a journal's header ({error})") from error
    if header.format != FORMAT:
        raise JournalCorrupt(f"{segment.path}: format {header.format}, and only format {FORMAT} is known")
    return header


def read_steps(segment: Segment, offset: int, *, is_last: bool, bytes_max: int = -1) -> list[tuple[Step, int]]:
    """The steps from `offset` on, each with the offset at which it ends; at least one if a whole one is there.

    The last segment may end in a record that is torn or still being written. An older one may not.
    """
    with segment.path.open("rb") as file:
        file.seek(offset)
        data = file.read(bytes_max)
        if bytes_max >= 0 and len(data) == bytes_max and next(records(data), None) is None:
            data += file.read()  # one record that is longer than the bite
    steps: list[tuple[Step, int]] = []
    start = offset
    for payload, end in records(data):
        steps.append((_decode_step(payload, segment, start), offset + end))
        start = offset + end
    if data and not steps and not (is_last and is_torn(data)):
        raise JournalCorrupt(f"{segment.path}: offset {offset}: a record is damaged")
    return steps


def _decode_step(payload: bytes, segment: Segment, offset: int) -> Step:
    try:
        return _STEPS.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"{segment.path}: offset {offset}: this is not a step ({error})") from error


_HEADERS = msgspec.msgpack.Decoder(Header)
_STEPS = msgspec.msgpack.Decoder(Step)


# --- Writing --------------------------------------------------------------------------------------------------------


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
            boot, last_segment = _boot(directory, new_id, disk)
        except BaseException:
            disk.close(lock)
            raise
        return cls(directory, lock, boot, last_segment, policy, disk)

    def __init__(self, directory: Path, lock: int, boot: Boot, last_segment: int, policy: Policy, disk: Disk) -> None:
        self.boot = boot
        self.step = boot.step  # the last step this journal was told of
        self._policy = policy
        self._is_synced_always = policy.fsync is Fsync.ALWAYS
        self._directory = directory
        self._disk = disk
        self._lock = lock
        self._segment = last_segment
        self._epoch = boot.epoch
        self._fd = -1
        self._end = 0  # of the last whole record in the file
        self._synced_at = 0  # when the last sync began that has ended well
        self._synced_end = 0  # of what it brought to the disk
        self._under_way: _UnderWay | None = None
        self._encoder = msgspec.msgpack.Encoder()
        self._unwritten = bytearray()  # whole records that the disk has not taken yet
        self._is_torn = False  # whether a part of a record lies behind the last whole one
        self._is_doubtful = False  # whether a sync has failed, so that what was written may be gone
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
        assert self._fd >= 0, "a life begins before its first step"
        assert step.number > self.step, "steps are numbered upwards, through all lives"
        self.step = step.number
        if is_kept(step) or (self._policy.market_data and not self._unwritten):  # what waits is kept small
            self._encode(step)
            self._write(step.at)
        else:
            self._remember(step)

    def keep_ring(self, at: int) -> None:
        """Write the market's last minute: something alarmed, and it may tell why."""
        while self._ring:
            self._encode(self._ring.popleft())
        self._write(at)

    @property
    def is_full(self) -> bool:
        """Whether the segment has its size, and the next step should go to a new one."""
        return self._end >= self._policy.segment_bytes

    def complaint(self) -> str:
        """Why no life should go on with it: too much waits in memory; empty while it may."""
        if len(self._unwritten) <= UNWRITTEN_BYTES_MAX:
            return ""
        return f"the journal in {self._directory} takes nothing, and {len(self._unwritten):,} bytes wait for it"

    def rotate(self, snapshot: bytes, at: int) -> None:
        """Go on in a new segment, which starts with the state as of the last appended step."""
        self._write(at)
        self.sync(at)  # a segment that no longer grows may be relied on to be whole
        self._start_segment(snapshot, at)

    def recover(self, snapshot: bytes, at: int) -> None:
        """Write and sync all that waits, after something went wrong; `snapshot` is as for `rotate`."""
        if self._under_way is not None and not self._under_way.sync.done():
            raise self._too_slow(at - self._under_way.at)  # not waited for: cancels may still have to leave
        if self._is_doubtful:
            self._mend()
            doubtful = _path(self._directory, self._segment).read_bytes()[self._synced_end : self._end]
            self._start_segment(snapshot, at)
            self._unwritten[:0] = doubtful
        self.keep_ring(at)
        if self._policy.fsync is not Fsync.NEVER:
            self.sync(at)

    def sync(self, at: int) -> None:
        """Bring everything written to the disk itself, and wait for that."""
        if self._under_way is not None:
            self._collect(self._under_way)
        self._require_belief()
        if self._fd >= 0:
            try:
                self._disk.fdatasync(self._fd)
            except OSError as error:
                self._is_doubtful = True
                raise self._full(error) from error
        self._synced_at, self._synced_end = at, self._end

    def tick(self, at: int) -> None:
        """Under `interval`, have brought to the disk what was written, once that is due, and hear how it went."""
        self._hear_of_sync(at)
        if (
            self._policy.fsync is Fsync.INTERVAL
            and self._under_way is None
            and self._end > self._synced_end
            and at - self._synced_at >= self._policy.fsync_interval_ms * MS_NS
        ):
            self._require_belief()
            self._under_way = _UnderWay(self._disk.begin_sync(self._fd), at, self._end)

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
            if self._fd >= 0:
                self._write(self._synced_at)
                if self._policy.fsync is not Fsync.NEVER:
                    self.sync(self._synced_at)
        finally:
            if self._under_way is not None:  # it needs the descriptor
                with suppress(JournalFull):  # then something else has failed before, and that is raised
                    self._collect(self._under_way)
            for fd in (self._fd, self._lock):
                if fd >= 0:
                    self._disk.close(fd)
            self._fd = self._lock = -1

    # Bytes

    def _encode(self, step: Step) -> None:
        """Add one record to what is to be written."""
        buffer, start = self._unwritten, len(self._unwritten)
        try:
            self._encoder.encode_into(step, buffer, start + _PREFIX.size)
        except BaseException:
            del buffer[start:]
            raise
        with memoryview(buffer) as view, view[start + _PREFIX.size :] as body:
            _PREFIX.pack_into(buffer, start, len(body), zlib.crc32(body))

    def _write(self, at: int) -> None:
        """Append all that is to be written with one call; on failure it stays, and the file ends where it did."""
        buffer = self._unwritten
        if buffer:
            self._mend()
            try:
                self._is_torn = True
                written = self._disk.write(self._fd, buffer)
                if written < len(buffer):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                with suppress(JournalFull):  # then before the next write
                    self._mend()
                raise self._full(error) from error
            self._is_torn = False
            self._end += written
            buffer.clear()
        if self._is_synced_always:
            self.sync(at)
        else:
            self._hear_of_sync(at)

    def _hear_of_sync(self, at: int) -> None:
        """Note how the sync that was begun has ended, if it has; raises if it failed, or takes too long."""
        if (under_way := self._under_way) is None:
            return
        if under_way.sync.done():
            self._collect(under_way)
        elif at - under_way.at > SYNC_NS_MAX:
            raise self._too_slow(at - under_way.at)

    def _collect(self, under_way: _UnderWay) -> None:
        """Wait until the sync that was begun has ended; only then is what it brought to the disk safe."""
        self._under_way = None
        try:
            under_way.sync.result()
        except OSError as error:
            self._is_doubtful = True
            raise self._full(error) from error
        self._synced_at, self._synced_end = under_way.at, under_way.end

    def _require_belief(self) -> None:
        if self._is_doubtful:
            raise JournalFull(f"the journal in {self._directory} was not brought to the disk, and begins a new segment")

    def _mend(self) -> None:
        """Cut off what a failed write may have left."""
        if self._is_torn:
            try:
                self._disk.ftruncate(self._fd, self._end)
            except OSError as error:
                raise self._full(error) from error
            self._is_torn = False

    def _full(self, error: OSError) -> JournalFull:
        return JournalFull(f"the journal in {self._directory} cannot be written: {error.strerror}")

    def _too_slow(self, waited_ns: int) -> JournalFull:
        waited_s = waited_ns / SECOND_NS
        return JournalFull(f"the journal in {self._directory} has waited {waited_s:.1f} s for the disk")

    def _remember(self, step: Step) -> None:
        ring = self._ring
        ring.append(step)  # at its full length it drops the oldest
        while step.at - ring[0].at > RING_NS:
            ring.popleft()

    def _start_segment(self, snapshot: bytes, at: int) -> None:
        """Write a new segment's header and move to it; on failure the old segment goes on."""
        header = Header(
            format=FORMAT,
            journal_id=self.boot.journal_id,
            epoch=self._epoch,
            segment=self._segment + 1,
            step=self.step,
            at=at,
            snapshot=snapshot,
        )
        path = _path(self._directory, header.segment)
        payload = self._encoder.encode(header)
        record = _PREFIX.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            fd = _create(path, record, self._disk)
            try:
                self._disk.fsync(self._lock)  # the directory's own entry of the new file
            except OSError:
                self._disk.close(fd)
                raise
        except OSError as error:
            path.unlink(missing_ok=True)
            raise self._full(error) from error
        if self._fd >= 0:
            self._disk.close(self._fd)
        self._fd, self._segment, self._end = fd, header.segment, len(record)
        self._synced_at, self._synced_end = at, self._end
        self._is_torn = self._is_doubtful = False


def _path(directory: Path, segment: int) -> Path:
    return directory / f"{segment:08d}{SUFFIX}"


def _create(path: Path, record: bytes, disk: Disk) -> int:
    """A new file with one record in it, on disk; it is appended to through the descriptor."""
    fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if disk.write(fd, record) < len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.fsync(fd)
    except OSError:
        disk.close(fd)
        raise
    return fd


def _lock(directory: Path, disk: Disk) -> int:
    """An open directory that only one process at a time can hold."""
    fd = disk.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        disk.close(fd)
        raise JournalInUse(f"the journal in {directory} is written by another process") from error
    return fd


def _boot(directory: Path, new_id: str, disk: Disk) -> tuple[Boot, int]:
    """What the journal remembers, and the number of its last segment; a torn tail is cut off on the way."""
    known = segments(directory)
    while known:
        segment = known.pop()
        found = whole_records(segment)
        if not found:
            segment.path.unlink()  # its life or its rotation never got to its first step
            continue
        _settle(segment, found[-1][1], disk)
        header = _decode_header(found[0][0], segment)
        starts = [end for _, end in found]
        decoded = [_decode_step(found[i][0], segment, starts[i - 1]) for i in range(1, len(found))]
        steps = {step.number: step for step in decoded}
        boot = Boot(
            journal_id=header.journal_id,
            epoch=header.epoch,
            step=max(header.step, *steps) if steps else header.step,
            snapshot=header.snapshot,
            steps=tuple(steps[number] for number in sorted(steps) if number > header.step),
        )
        return boot, segment.number
    assert len(new_id) == 16, "a journal's id is 16 hex digits"
    return Boot(journal_id=new_id, epoch=0, step=0, snapshot=None, steps=()), 0


def _settle(segment: Segment, end: int, disk: Disk) -> None:
    """Cut off a torn tail, and bring the rest to the disk: the next segment's snapshot relies on it, and so do rows."""
    fd = disk.open(segment.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if end < segment.size:
            disk.ftruncate(fd, end)
        disk.fdatasync(fd)
    except OSError as error:
        raise JournalFull(f"{segment.path} cannot be brought to the disk: {error.strerror}") from error
    finally:
        disk.close(fd)
