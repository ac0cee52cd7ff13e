"""One line a fact that a human would want to be woken for: `verb key=value`, or JSON; secrets never."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

import structlog

from replenisher.streams import silence

FILE_BYTES_MAX = 16 * 1024 * 1024
OLD_FILES = 4  # that are kept beside the one that is written

SECRET_WORDS = ("secret", "signature", "token", "password", "api_key", "client_id")


class RotatedFile(RotatingFileHandler):
    """A file that has an end: when it is full it gets a number, and the oldest of those goes."""

    def __init__(self, path: Path, bytes_max: int = FILE_BYTES_MAX, old_files: int = OLD_FILES) -> None:
        super().__init__(path, maxBytes=bytes_max, backupCount=old_files, encoding="utf-8")

    def write(self, text: str) -> int:
        """Append a line, perhaps to a new file. What goes wrong is raised here, and not swallowed as in `emit`."""
        if self.shouldRollover(logging.makeLogRecord({"msg": text})):
            self.doRollover()
        assert self.stream is not None, "it is opened at once"
        return self.stream.write(text)

    def fileno(self) -> int:
        """The descriptor of the file that is written."""
        assert self.stream is not None, "it is opened at once"
        return self.stream.fileno()


class Printer:
    """Prints lines for as long as they can be written, and knows whether that is so."""

    def __init__(self, stream: TextIO | RotatedFile) -> None:
        self.is_heard = True
        self._stream = stream

    def msg(self, line: str) -> None:
        """Print one line. That nobody can read it must not stop whoever tells it from doing what has to be done."""
        if not self.is_heard:
            return
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except OSError:
            self.is_heard = False
            silence(self._stream)

    debug = info = warning = warn = error = critical = fatal = msg


def _without_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: "***" if any(word in key for word in SECRET_WORDS) else value for key, value in event.items()}


def configure(*, as_json: bool, stream: TextIO | RotatedFile = sys.stderr) -> Printer:
    """Send every log line to `stream`, as JSON or as `verb key=value`."""
    printer = Printer(stream)
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
