"""One line a fact that a human would want to be woken for: `verb key=value`, or JSON; secrets never."""

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import RLock
from typing import Protocol

import structlog

from replenisher.streams import Described, lacks_room, silence

FILE_BYTES_MAX = 16 * 1024 * 1024
OLD_FILES = 4  # that are kept beside the one that is written

SECRET_WORDS = ("secret", "signature", "token", "password", "api_key", "client_id")


class Sink(Described, Protocol):
    """Where lines go."""

    def write(self, data: bytes, /) -> int:
        """Take it at once, as far as there is room: how many bytes were taken."""


class Stdout:
    """The standard output as it is: what it does not take waits in no buffer."""

    def write(self, data: bytes, /) -> int:
        """How much of it was taken."""
        return os.write(self.fileno(), data)

    def fileno(self) -> int:
        """Its descriptor."""
        return sys.stdout.fileno()


class RotatedFile(RotatingFileHandler):
    """A file that has an end: when it is full it gets a number, and the oldest of those goes."""

    def __init__(self, path: Path, bytes_max: int = FILE_BYTES_MAX, old_files: int = OLD_FILES) -> None:
        super().__init__(path, maxBytes=bytes_max, backupCount=old_files, encoding="utf-8")

    def write(self, data: bytes, /) -> int:
        """Append to it, perhaps to a new file. What goes wrong is raised here, and not swallowed as in `emit`."""
        if self.shouldRollover(logging.makeLogRecord({"msg": data.decode(errors="replace")})):
            self.doRollover()
        return os.write(self.fileno(), data)

    def fileno(self) -> int:
        """The descriptor of the file that is written."""
        assert self.stream is not None, "it is opened at once"
        return self.stream.fileno()


class Printer:
    """Prints lines for as long as somebody reads them, and knows whether that is so.

    A disk that is full takes some again later. The first line for which it has no room waits, so that none is ever
    torn; those after it are left out, and before the next one is printed how many they were.
    """

    def __init__(self, sink: Sink) -> None:
        self.is_heard = True
        self.lost = 0  # lines that were left out, as long as it is not told
        self._sink = sink
        self._waits = b""
        self._turn = RLock()  # who waits for rows tells from a thread of its own

    def msg(self, line: str) -> None:
        """Print one line. That nobody can read it must not stop whoever tells it from doing what has to be done."""
        with self._turn:
            if not self.is_heard:
                return
            if self._goes_out() and self.lost:
                lost, self.lost = self.lost, 0
                logger().warning("lines_lost", lines=lost)  # which comes by here as well
            if self._waits:
                self.lost += 1
            else:
                self._waits = f"{line}\n".encode()
                self._goes_out()

    def _goes_out(self) -> bool:
        """Write what waits, as far as there is room; whether all of it is written."""
        try:
            while self.is_heard and self._waits:
                self._waits = self._waits[self._sink.write(self._waits) :]
        except OSError as error:
            if not lacks_room(error):
                self.is_heard = False
                silence(self._sink)
        return not self._waits

    debug = info = warning = warn = error = critical = fatal = msg


def _without_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: "***" if any(word in key for word in SECRET_WORDS) else value for key, value in event.items()}


def configure(*, as_json: bool, sink: Sink) -> Printer:
    """Send every log line to `sink`, as JSON or as `verb key=value`."""
    printer = Printer(sink)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.processors.KeyValueRenderer(key_order=["event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _without_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: printer,
        cache_logger_on_first_use=False,
    )
    return printer


def logger() -> structlog.typing.FilteringBoundLogger:
    """The one logger."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log
