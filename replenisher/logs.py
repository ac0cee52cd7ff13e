"""One line a fact that a human would want to be woken for: `verb key=value`, or JSON; secrets never."""

import logging
import sys
from typing import TextIO

import structlog

from replenisher.streams import silence

SECRET_WORDS = ("secret", "signature", "token", "password", "api_key", "client_id")


class Printer:
    """Prints lines for as long as they can be written, and knows whether that is so."""

    def __init__(self, stream: TextIO) -> None:
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


def configure(*, as_json: bool, stream: TextIO = sys.stderr) -> Printer:
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
