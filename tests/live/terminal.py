"""A terminal of a given size, and somebody who looks at it."""

import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from threading import Lock, Thread

import pyte

from tests.waiting import DEADLINE_S, until


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

    def until_it_shows(self, text: str, within_s: float = DEADLINE_S) -> None:
        """Wait for a line with this text."""
        try:
            until(lambda: any(text in line for line in self.lines()), f"it shows {text!r}", within_s)
        except AssertionError as late:
            raise AssertionError("\n".join([str(late), *self.lines()])) from late

    def _look(self, ours: int) -> None:
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # what a terminal says when nobody has it open any more
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)
