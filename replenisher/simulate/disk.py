"""A disk that knows what power loss would take: files are real, but only what was synced outlives the machine.

A process that dies leaves everything that it has written. When power is lost, every file goes back to what was synced
of it, perhaps with a part of what was written since and with bytes behind that nobody has written. So with names: what
was made, named anew or taken away since the directory was synced, is so or is not. Descriptors end with their process.

A sync that was begun takes its time, and makes safe what had been written when it began, once somebody hears that it is
over: power may be lost at every moment in between. One that fails is told of once: from then on the operating system
believes that it has nothing more to write of what was not safe then, and later syncs end well and make nothing of it
safe, nor of what comes behind, until it has been written over itself.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.store.disk import Bytes

SYNC_NS = 10 * MS_NS  # so long a sync takes on average
COMES_BACK = 1 / 2  # of what was done to names since their directory was synced
SYNC_SLOWNESS = 20  # and so many times as long as a write, on a disk on which that takes long


@dataclass(slots=True)
class Written:
    """One file: how long it is, and how much of that would survive."""

    path: Path
    end: int
    synced: int
    is_named: bool  # whether its directory has been synced since it was made
    is_forgotten: bool = False  # whether a sync of it has failed


class SimulatedSync:
    """One that was begun, and ends at a time, well or not. Whoever waits for it stands still until then."""

    def __init__(self, disk: "SimulatedDisk", ends_at: int, ends: Callable[[], None], *, fails: bool) -> None:
        self._disk = disk
        self._ends_at = ends_at
        self._ends = ends
        self._fails = fails
        self._is_over = False

    def hasten(self, ends_at: int) -> None:
        """It ends then, if not sooner."""
        self._ends_at = min(self._ends_at, ends_at)

    def done(self) -> bool:
        """Whether it has ended."""
        if not self._is_over and self._disk.now() >= self._ends_at:
            self._end()
        return self._is_over

    def result(self, timeout: float | None = None) -> None:
        """Wait for its end, or so many seconds."""
        if not self._is_over:
            left_ns = max(0, self._ends_at - self._disk.now())
            if timeout is not None and left_ns > (most_ns := round(timeout * SECOND_NS)):
                self._disk.stall(most_ns)
                raise TimeoutError
            self._disk.stall(left_ns)
            self._end()
        if self._fails:
            raise _error(errno.EIO)

    def _end(self) -> None:
        self._is_over = True
        if not self._fails:
            self._ends()


class SimulatedDisk:
    """Does what `os` does, and may fail as a disk fails. `reach` is told of the moments around each write and sync.

    `chance` says how long a sync takes that is begun and not waited for.
    """

    def __init__(self, chance: Random) -> None:
        self.is_full = False
        self.syncs_fail = self.names_fail = False  # of what files hold; of their names
        self._write_ns = 0
        self.hit: Callable[[], None] | None = None  # called when it fails, or takes long
        self.now: Callable[[], int] = lambda: 0  # the time, as whoever writes sees it
        self.stall: Callable[[int], None] = lambda _: None  # whoever writes waits so long
        self.writes = self.synced_writes = 0
        self.reach: Callable[[str], None] = lambda _: None
        self.wrote: Callable[[bytes], None] | None = None  # is told what was appended, if anything was
        self._chance = chance
        self._files: dict[Path, Written] = {}
        self._taken_away: list[tuple[Written, bytes]] = []  # with what they held, since their directory was synced
        self._open: dict[int, Path] = {}
        self._under_way: SimulatedSync | None = None  # the last one that was begun

    @property
    def write_ns(self) -> int:
        """How long it takes to write."""
        return self._write_ns

    @write_ns.setter
    def write_ns(self, write_ns: int) -> None:
        self._write_ns = write_ns
        if not write_ns and self._under_way is not None:
            self._under_way.hasten(self.now() + SYNC_NS)

    def changes(self) -> int:
        """A number that grows with all that is written, and with all that is made safe."""
        return self.writes + self.synced_writes

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
        self._begin_write()
        written = os.write(fd, data)
        if self.wrote is not None:
            self.wrote(bytes(data))
        self._end_write(fd, self._files[self._open[fd]].end, written)
        return written

    def pwrite(self, fd: int, data: Bytes, offset: int, /) -> int:
        """Write over what is there; a full disk does not take that either."""
        self._begin_write()
        written = os.pwrite(fd, data, offset)
        if self.wrote is not None:
            self.wrote(b"")
        self._end_write(fd, offset, written)
        return written

    def _begin_write(self) -> None:
        self.reach("before write")
        if self.is_full:
            raise self._full()
        if self._write_ns:
            self._hit()
            self.stall(self._write_ns)

    def _end_write(self, fd: int, offset: int, written: int) -> None:
        file = self._files[self._open[fd]]
        if offset <= file.synced and offset + written >= file.end:
            file.is_forgotten = False
        file.end = max(file.end, offset + written)
        self.writes += 1
        self.reach("after write")

    def fsync(self, fd: int, /) -> None:
        """What was written is safe; of a directory, the names in it."""
        path = self._open[fd]
        if path in self._files:
            self.fdatasync(fd)
            return
        self.reach("before sync")
        if self.syncs_fail or self.names_fail:
            self._hit()
            raise _error(errno.EIO)
        for file in self._files.values():
            file.is_named |= file.path.parent == path
        self._taken_away = [(file, held) for file, held in self._taken_away if file.path.parent != path]
        self.reach("after sync")

    def fdatasync(self, fd: int, /) -> None:
        """What was written is safe."""
        self.reach("before sync")
        file = self._files[self._open[fd]]
        if self._forgets(file):
            raise _error(errno.EIO)
        self._brought(file)()

    def begin_sync(self, fd: int, /) -> "SimulatedSync":
        """What was written will be safe."""
        self.reach("before sync")
        takes_ns = round(self._chance.expovariate(1 / SYNC_NS))
        if self._write_ns:
            self._hit()
            takes_ns += SYNC_SLOWNESS * self._write_ns
        file = self._files[self._open[fd]]
        fails = self._forgets(file)
        self._under_way = SimulatedSync(self, self.now() + takes_ns, self._brought(file), fails=fails)
        return self._under_way

    def _forgets(self, file: Written) -> bool:
        """Whether a sync of this fails."""
        if self.syncs_fail:
            self._hit()
            file.is_forgotten |= file.synced < file.end
        return self.syncs_fail

    def _brought(self, file: Written) -> Callable[[], None]:
        """What is so once a sync has ended that begins now."""
        end, writes = file.end, self.writes

        def ends() -> None:
            if not file.is_forgotten:
                file.synced = max(file.synced, min(end, file.end))
                self.synced_writes = max(self.synced_writes, writes)
            self.reach("after sync")

        return ends

    def reserve(self, fd: int, length: int, /) -> None:
        """It finds room as it goes."""

    def ftruncate(self, fd: int, length: int, /) -> None:
        """Cut an open file."""
        self.truncate(self._open[fd], length)

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file."""
        os.truncate(path, length)
        file = self._files[path]
        file.end, file.synced = length, min(file.synced, length)

    def rename(self, path: Path, to: Path, /) -> None:
        """Give a file another name."""
        path.rename(to)
        file = self._files[to] = self._files.pop(path)
        file.path, file.is_named = to, False
        self._open = {fd: to if each == path else each for fd, each in self._open.items()}

    def unlink(self, path: Path, /) -> None:
        """Take a file away."""
        held = path.read_bytes()
        path.unlink()
        self._taken_away.append((self._files.pop(path), held))

    def close(self, fd: int, /) -> None:
        """Let go."""
        del self._open[fd]
        os.close(fd)

    def abandon(self) -> None:
        """The process that had files open is gone."""
        for fd in list(self._open):
            self.close(fd)
        self._under_way = None

    def lose_power(self, chance: Random) -> int:
        """Take back what was not synced, but for a part of it; how many bytes that was."""
        lost = 0
        for file, held in self._taken_away:
            if chance.random() < COMES_BACK and not file.path.exists():
                file.path.write_bytes(held)
                file.is_named = True
                self._files[file.path] = file
        self._taken_away.clear()
        for file in list(self._files.values()):
            if not file.path.exists():
                del self._files[file.path]
            elif not file.is_named and chance.random() < COMES_BACK:
                lost += file.end
                file.path.unlink()
                del self._files[file.path]
            else:
                file.is_named = True
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
        return _error(errno.ENOSPC)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
