"""A terminal of a given size, and somebody who looks at it."""

import os
import pty
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from threading import Lock, Thread

import pyte


class Terminal:
    """What is written to it is shown; `opened` gives the descriptor that a program writes to."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.raw = b""
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = Lock()

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The program's end. It is closed here; whoever got a copy must be gone by then."""
        ours, theirs = pty.openpty()
        self._ours = ours
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self.height, self.width, 0, 0))
        eyes = Thread(target=self._look, args=(ours,))
        eyes.start()
        try:
            yield theirs
        finally:
            os.close(theirs)
            eyes.join()
            os.close(ours)

    def press(self, keys: bytes) -> None:
        """Somebody types."""
        os.write(self._ours, keys)

    def lines(self) -> list[str]:
        """What it shows now."""
        with self._lock:
            return list(self._screen.display)

    def shows(self, text: str, within_s: float = 10.0) -> bool:
        """Whether a line with this text appears in time."""
        return eventually(lambda: any(text in line for line in self.lines()), within_s)

    def _look(self, ours: int) -> None:
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # what a terminal says when nobody has it open any more
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)


def eventually(holds: Callable[[], bool], within_s: float) -> bool:
    """Whether something becomes true before the deadline."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False
