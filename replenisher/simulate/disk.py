"""A disk that knows what power loss would take: files are real, but only what was synced outlives the machine.

A process that dies leaves everything that it has written. When power is lost, every file goes back to what was synced
of it, perhaps with a part of what was written since and with bytes behind that nobody has written, and a file whose
directory was not synced after it was made is gone. Descriptors end with their process.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from replenisher.store.disk import Bytes


@dataclass(slots=True)
class Written:
    """One file: how long it is, and how much of that would survive."""

    path: Path
    end: int
    synced: int
    is_named: bool  # whether its directory has been synced since it was made


class SimulatedDisk:
    """Does what `os` does, and may fail as a disk fails. `reach` is told of the moments around each write and sync."""

    def __init__(self) -> None:
        self.is_full = False
        self.write_ns = 0  # how long it takes to write
        self.hit: Callable[[], None] | None = None  # called when it fails, or takes long
        self.stall: Callable[[int], None] = lambda _: None  # whoever writes waits so long
        self.writes = self.synced_writes = 0
        self.reach: Callable[[str], None] = lambda _: None
        self.wrote: Callable[[bytes], None] | None = None  # is told what was written
        self._files: dict[Path, Written] = {}
        self._open: dict[int, Path] = {}

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        """Open or make a file."""
        if flags & os.O_CREAT and self.is_full:
            raise self._full()
        is_new = bool(flags & os.O_CREAT) and not path.exists()
        fd = os.open(path, flags, mode)
        self._open[fd] = path
        if is_new:
            self._files[path] = Written(path, 0, 0, is_named=False)
        return fd

    def write(self, fd: int, data: Bytes, /) -> int:
        """Append; a full disk takes nothing."""
        self.reach("before write")
        if self.is_full:
            raise self._full()
        if self.write_ns:
            self._hit()
            self.stall(self.write_ns)
        written = os.write(fd, data)
        self._files[self._open[fd]].end += written
        self.writes += 1
        if self.wrote is not None:
            self.wrote(bytes(data))
        self.reach("after write")
        return written

    def fsync(self, fd: int) -> None:
        """What was written is safe; of a directory, the names in it."""
        path = self._open[fd]
        if path in self._files:
            self.fdatasync(fd)
            return
        self.reach("before sync")
        for file in self._files.values():
            file.is_named |= file.path.parent == path
        self.reach("after sync")

    def fdatasync(self, fd: int) -> None:
        """What was written is safe."""
        self.reach("before sync")
        file = self._files[self._open[fd]]
        file.synced = file.end
        self.synced_writes = self.writes
        self.reach("after sync")

    def ftruncate(self, fd: int, length: int, /) -> None:
        """Cut an open file."""
        self.truncate(self._open[fd], length)

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file."""
        os.truncate(path, length)
        file = self._files[path]
        file.end, file.synced = length, min(file.synced, length)

    def close(self, fd: int) -> None:
        """Let go."""
        del self._open[fd]
        os.close(fd)

    def abandon(self) -> None:
        """The process that had files open is gone."""
        for fd in list(self._open):
            self.close(fd)

    def lose_power(self, chance: Random) -> int:
        """Take back what was not synced, but for a part of it; how many bytes that was."""
        lost = 0
        for file in list(self._files.values()):
            if not file.path.exists():
                del self._files[file.path]
            elif not file.is_named:
                lost += file.end
                file.path.unlink()
                del self._files[file.path]
            else:
                kept = chance.randint(file.synced, file.end)
                lost += file.end - kept
                old = chance.randbytes(chance.randint(0, file.end - kept))
                self.truncate(file.path, kept)
                with file.path.open("ab") as behind:
                    behind.write(old)
                file.end = file.synced = kept + len(old)
        return lost

    def _hit(self) -> None:
        if self.hit is not None:
            self.hit()

    def _full(self) -> OSError:
        self._hit()
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
