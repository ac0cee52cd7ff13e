"""The exporter: a page for Prometheus, made of the daemon's answer of the moment at each scrape.

A process of its own, which asks at the operator's door as `status` does: nothing of it is in the one that trades, and
it is still there to say that no daemon answers.
"""

import errno
import signal
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from replenisher.errors import ReplenisherError
from replenisher.live.control import ask
from replenisher.live.metrics import families, up
from replenisher.streams import say

HOST = "127.0.0.1"  # what is held is nobody else's to know, and there is no password here
ANSWER_S_MAX = 5.0  # half of what Prometheus waits by itself, which is to hear that there is no answer
ENDS = (signal.SIGINT, signal.SIGTERM)


class Desk(Collector):
    """The daemon of one data directory, as it is asked at each scrape."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._away = ""  # what was last said of it

    def collect(self) -> list[Metric]:
        """All of what it says, or only that it says nothing: why is told once, on stderr."""
        try:
            told, away = list(families(ask(self._data_dir, "status", timeout_s=ANSWER_S_MAX))), ""
        except ReplenisherError as error:
            told, away = [up(False)], str(error)
        if away != self._away:
            say(away or "the daemon answers")
            self._away = away
        return told


def serve(data_dir: Path, port: int, announce: Callable[[str], None]) -> None:
    """Answer scrapes until SIGINT or SIGTERM.

    Raises: ReplenisherError where the port is not to be had.
    """
    registry = CollectorRegistry()
    registry.register(Desk(data_dir))
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # before there is a thread that they could come to
    try:
        server, _ = start_http_server(port, HOST, registry)
    except OSError as error:
        raise ReplenisherError(_why_not(port, error)) from None
    announce(f"http://{HOST}:{server.server_port}/metrics")
    signal.sigwait(ENDS)
    server.shutdown()
    server.server_close()


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: another program listens there"
    return f"there is no listening on port {port}: {error.strerror}"
