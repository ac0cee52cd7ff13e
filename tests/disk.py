"""The machine's disk, with a hand on it: it can be told to fail, to forget once, and to let whoever syncs wait."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Event

from replenisher.store.disk import Bytes, Machine
from tests.waiting import DEADLINE_S


class HeldDisk(Machine):
    """Files are real, and so is the thread in which a sync is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.forgets = False  # the kernel says so once; from then on it believes what it no longer has
        self.before_write: Callable[[], None] = lambda: None
        self.syncs = 0  # that have ended well
        self.begun: list[Future[None]] = []
        self._is_free = Event()
        self._is_free.set()

    def write(self, fd: int, data: Bytes, /) -> int:
        self.before_write()
        return os.write(fd, data)

    def fdatasync(self, fd: int, /) -> None:
        assert self._is_free.wait(DEADLINE_S)
        if self.is_broken or self.forgets:
            self.forgets = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(fd)
        self.syncs += 1

    def begin_sync(self, fd: int, /) -> Future[None]:
        self.begun.append(super().begin_sync(fd))
        return self.begun[-1]

    def hold(self) -> None:
        """Let no sync that is begun from now on end before `let_go`."""
        self.let_go()
        self._is_free.clear()

    def let_go(self) -> None:
        """Let all that was begun come to its end, well or not."""
        self._is_free.set()
        assert not wait(self.begun, DEADLINE_S).not_done
