"""One line a fact that a human would want to be woken for: `verb key=value`, or JSON; secrets never."""

import logging
import sys
from typing import TextIO

import structlog

SECRET_WORDS = ("secret", "signature", "token", "password", "api_key", "client_id")


def _without_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: "***" if any(word in key for word in SECRET_WORDS) else value for key, value in event.items()}


def configure(*, as_json: bool, stream: TextIO = sys.stderr) -> None:
    """Send every log line to `stream`, as JSON or as `verb key=value`."""
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
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def logger() -> structlog.typing.FilteringBoundLogger:
    """The one logger."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log
