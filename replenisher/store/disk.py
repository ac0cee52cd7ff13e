"""The port: what a journal asks of a disk; and `Machine`, the disk that every daemon uses."""

import ctypes
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

Bytes = bytes | bytearray
KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h
_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)  # that is Linux's


class Sync(Protocol):
    """A sync that was begun. It is a future's part that is needed here."""

    def done(self) -> bool:
        """Whether it has ended, well or not."""

    def result(self, timeout: float | None = None) -> None:
        """Wait for its end, or so many seconds; raises what it failed with, or `TimeoutError`."""


class Disk(Protocol):
    """Files that are written; the names are those of `os`, and so is what they mean and raise."""

    def open(self, path: Path, flags: int, mode: int = ..., /) -> int:
        """A descriptor of a file or a directory."""

    def write(self, fd: int, data: Bytes, /) -> int:
        """Append, and say how much was taken."""

    def pwrite(self, fd: int, data: Bytes, offset: int, /) -> int:
        """Write over what is there, in a file that was not opened to append, and say how much was taken."""

    def fsync(self, fd: int, /) -> None:
        """Bring what was written to the disk itself; of a directory, the names in it."""

    def fdatasync(self, fd: int, /) -> None:
        """Bring what was written to the disk itself."""

    def begin_sync(self, fd: int, /) -> Sync:
        """The same, while whoever asks goes on; the descriptor stays open until that has ended."""

    def reserve(self, fd: int, length: int, /) -> None:
        """Have room set aside for a file to grow to this length; nobody sees that, and a cut gives it back.

        A disk that cannot do that, or has no room, says nothing: whoever writes there hears of it.
        """

    def ftruncate(self, fd: int, length: int, /) -> None:
        """Cut an open file."""

    def rename(self, path: Path, to: Path, /) -> None:
        """Give a file another name, at once for whoever looks; on the disk itself once its directory is synced."""

    def unlink(self, path: Path, /) -> None:
        """Take a file away, in the same sense."""

    def close(self, fd: int, /) -> None:
        """Let go."""


class Machine:
    """The machine's own disk. A sync that nobody waits for has a thread, which is started with the first of them."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    pwrite = staticmethod(os.pwrite)
    fsync = staticmethod(os.fsync)
    fdatasync = staticmethod(os.fdatasync)
    ftruncate = staticmethod(os.ftruncate)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    close = staticmethod(os.close)

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync")

    def reserve(self, fd: int, length: int, /) -> None:
        """Ask for the room, where the system has a call for that."""
        if _fallocate is not None:
            _fallocate(fd, KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(length))

    def begin_sync(self, fd: int, /) -> Future[None]:
        """Let the thread wait for the disk."""
        return self._thread.submit(self.fdatasync, fd)
