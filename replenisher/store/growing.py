"""The file that grows: the last segment of a journal, and how much of it is safe.

Safe is what a sync brought to the disk that has been heard of. A sync that was begun is not waited for, but one that
takes too long is as good as one that failed. After one that failed no later one is believed, as an operating system
takes what it could not write for written: first all that is in doubt is written once more, over itself. So nothing that
stood in the file moves, whoever reads it on the way, and wherever the writer may die.

Room is set aside ahead of what is written. Else the file system finds some at every few writes, and while it syncs such
a write waits for that, as long as a sync takes: `python -m bench.appends`.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from replenisher.errors import ReplenisherError
from replenisher.model.units import SECOND_NS
from replenisher.store.disk import Bytes, Disk, Sync

ROOM_BYTES = 4 * 1024 * 1024  # that is set aside at a time
UNFINISHED = ".unfinished"  # what a file is called that is none of the journal's yet
SYNC_NS_MAX = 5 * SECOND_NS  # a disk that takes longer is as good as one that takes nothing


class JournalFull(ReplenisherError):
    """A step could not be written: no order may leave on its account; cancels still do."""


class _UnderWay(NamedTuple):
    """A sync that has been begun and not been heard of."""

    sync: Sync
    at: int  # when it began
    end: int  # of what it brings to the disk
    writes: int  # that it consists of


class GrowingFile:
    """Records are appended to it, and it ends with a whole one. Every method but `close` may raise `JournalFull`."""

    @classmethod
    def create(cls, path: Path, record: bytes, folder: int, disk: Disk, at: int) -> "GrowingFile":
        """A new one with a record in it, safe; or else it is not there. Its name in `folder` is still to be synced.

        It has its name once it is whole, and keeps it: whoever follows the journal has gone on to it by then, and a
        file that was taken away may be there again after a loss of power.
        """
        unfinished = path.with_suffix(UNFINISHED)
        try:
            fd = disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                disk.reserve(fd, len(record) + ROOM_BYTES)
                if disk.write(fd, record) < len(record):
                    raise _no_space()
                disk.fsync(fd)
                disk.rename(unfinished, path)
            except OSError:
                disk.close(fd)
                raise
        except OSError as error:
            with suppress(OSError):
                disk.unlink(unfinished)
            raise _full(path, error) from error
        return cls(path, fd, len(record), folder, disk, at)

    def __init__(self, path: Path, fd: int, end: int, folder: int, disk: Disk, at: int) -> None:
        self.end = end  # of the last whole record
        self.synced_at = at  # when the last sync began that has ended well
        self.is_doubtful = True  # whether a sync has failed, so that what is not safe may be gone; or its name may
        self._path = path
        self._fd = fd
        self._folder = folder
        self._disk = disk
        self._unsafe: list[bytes] = []  # the end of it, write by write, which is not known to be on the disk itself
        self.safe_end = end  # of what is known to be on the disk itself, once its name is
        self._room_end = end + ROOM_BYTES  # of what is set aside
        self._under_way: _UnderWay | None = None
        self._is_torn = False  # whether a part of a record lies behind the last whole one

    def write(self, data: Bytes) -> None:
        """Append whole records with one call; on failure the file ends where it did."""
        self._require_belief()
        self._mend()
        if self.end + len(data) > self._room_end:
            self._room_end = self.end + len(data) + ROOM_BYTES
            self._disk.reserve(self._fd, self._room_end)
        try:
            self._is_torn = True
            if self._disk.write(self._fd, data) < len(data):
                raise _no_space()
        except OSError as error:
            with suppress(JournalFull):  # then before the next write
                self._mend()
            raise _full(self._path, error) from error
        self._is_torn = False
        self.end += len(data)
        self._unsafe.append(bytes(data))

    @property
    def unsafe_bytes(self) -> int:
        """How much of what was written is not known to be safe; so much is kept in memory, to be written again."""
        return self.end - self.safe_end

    @property
    def is_syncing(self) -> bool:
        """Whether a sync that was begun has not ended."""
        return self._under_way is not None and not self._under_way.sync.done()

    def sync(self, at: int) -> None:
        """Bring everything written to the disk itself, and wait for that."""
        if self._under_way is not None:
            self._collect(self._under_way)
        self._require_belief()
        try:
            self._disk.fdatasync(self._fd)
        except OSError as error:
            self.is_doubtful = True
            raise _full(self._path, error) from error
        self._all_is_safe(at)

    def settle(self, at: int) -> None:
        """The same, but no longer than a sync may take."""
        while self.unsafe_bytes:
            self.begin_sync(at)
            assert self._under_way is not None, "one was begun"
            self._collect(self._under_way)

    def begin_sync(self, at: int) -> None:
        """Let it be brought there, unless that is under way."""
        if self._under_way is None:
            self._require_belief()
            self._under_way = _UnderWay(self._disk.begin_sync(self._fd), at, self.end, len(self._unsafe))

    def hear_of_sync(self, at: int) -> None:
        """Note how the sync that was begun has ended, if it has; raises if it failed, or takes too long."""
        if (under_way := self._under_way) is None:
            return
        if under_way.sync.done():
            self._collect(under_way)
        elif at - under_way.at > SYNC_NS_MAX:
            raise self._too_slow(under_way, at)

    def too_slow(self, at: int) -> JournalFull:
        """What is to be said of a sync that has not ended."""
        assert self._under_way is not None, "there is one"
        return self._too_slow(self._under_way, at)

    def _too_slow(self, under_way: _UnderWay, at: int) -> JournalFull:
        waited_s = (at - under_way.at) / SECOND_NS
        return JournalFull(f"the journal in {self._path.parent} has waited {waited_s:.1f} s for the disk")

    def sync_name(self) -> None:
        """Bring its name to the disk itself; until then it is in doubt."""
        try:
            self._disk.fsync(self._folder)
        except OSError as error:
            raise _full(self._path, error) from error
        self.is_doubtful = False

    def write_again(self, at: int) -> None:
        """Write all that is in doubt over itself, from memory, and sync that: then it is safe."""
        write_again(self._path, b"".join(self._unsafe), self.safe_end, self._disk)
        self.sync_name()
        self._is_torn = False
        self._room_end = self.end
        self._all_is_safe(at)

    def close(self) -> None:
        """Let it go, once no sync needs it any more, and give back the room that it did not need."""
        if self._under_way is not None:
            with suppress(JournalFull):  # whoever wanted it safe has synced it
                self._collect(self._under_way)
        with suppress(OSError):
            self._disk.ftruncate(self._fd, self.end)
        self._disk.close(self._fd)

    def _collect(self, under_way: _UnderWay) -> None:
        """Wait until the sync that was begun has ended; only then is what it brought to the disk safe."""
        self._under_way = None
        try:
            under_way.sync.result(SYNC_NS_MAX / SECOND_NS)
        except TimeoutError:
            self.is_doubtful = True
            raise self._too_slow(under_way, under_way.at + SYNC_NS_MAX) from None
        except OSError as error:
            self.is_doubtful = True
            raise _full(self._path, error) from error
        self.synced_at = under_way.at
        if under_way.end > self.safe_end:  # else all of that has become safe in another way
            self.safe_end = under_way.end
            del self._unsafe[: under_way.writes]

    def _all_is_safe(self, at: int) -> None:
        self.synced_at = at
        self.safe_end = self.end
        self._unsafe.clear()

    def _require_belief(self) -> None:
        if self.is_doubtful:
            folder = self._path.parent
            raise JournalFull(f"the journal in {folder} was not brought to the disk, and must be written again")

    def _mend(self) -> None:
        """Cut off what a failed write may have left."""
        if self._is_torn:
            try:
                self._disk.ftruncate(self._fd, self.end)
            except OSError as error:
                raise _full(self._path, error) from error
            self._is_torn = False
            self._room_end = self.end


def write_again(path: Path, data: Bytes, offset: int, disk: Disk) -> None:
    """Write what a file holds from `offset` on once more, cut off what lies behind, and sync it.

    A sync alone would bring nothing to the disk of which the operating system believes that it is there.
    """
    try:
        fd = disk.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if disk.pwrite(fd, data, offset) < len(data):
                raise _no_space()
            disk.ftruncate(fd, offset + len(data))
            disk.fdatasync(fd)
        finally:
            disk.close(fd)
    except OSError as error:
        raise _full(path, error) from error


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full(path: Path, error: OSError) -> JournalFull:
    return JournalFull(f"the journal in {path.parent} cannot be written: {error.strerror}")
