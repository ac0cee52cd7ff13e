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
from replenisher.live.control import NoDaemon, ask
from replenisher.live.metrics import away, families
from replenisher.store.segments import segments
from replenisher.streams import say

HOST = "127.0.0.1"  # what is held is nobody else's to know, and there is no password here
ANSWER_S_MAX = 5.0  # half of what Prometheus waits by itself, which is to hear that there is no answer
ENDS = (signal.SIGINT, signal.SIGTERM)


class Desk(Collector):
    """The daemon of one data directory, as it is asked at each scrape; `count_halts` reads what its journal keeps."""

    def __init__(self, data_dir: Path, count_halts: Callable[[], int]) -> None:
        self._data_dir = data_dir
        self._count_halts = count_halts
        self._counted: tuple[list[tuple[int, int]], int] | None = None  # how long the journal was, and how many
        self._away = ""  # what was last said of it

    def collect(self) -> list[Metric]:
        """All of what it says, or that it says nothing and how many halts hold: why is told once, on stderr."""
        try:
            told, why = list(families(ask(self._data_dir, "status", timeout_s=ANSWER_S_MAX))), ""
        except NoDaemon as error:
            told, why = self._ended(str(error))
        except ReplenisherError as error:
            told, why = list(away(halts=None)), str(error)
        if why != self._away:
            say(why or "the daemon answers")
            self._away = why
        return told

    def _ended(self, why: str) -> tuple[list[Metric], str]:
        """A halt ends the daemon, mostly between two scrapes: it is the journal that still knows of it."""
        try:
            return list(away(self._halts())), why
        except (ReplenisherError, OSError) as error:
            return list(away(halts=None)), f"{why}; {error}"

    def _halts(self) -> int:
        """Those that the journal keeps, which is read anew only once it was written to, as by `resume`."""
        journal = [(segment.number, segment.size) for segment in segments(self._data_dir / "journal")]
        if self._counted is None or self._counted[0] != journal:
            self._counted = journal, self._count_halts()
        return self._counted[1]


def serve(data_dir: Path, count_halts: Callable[[], int], port: int, announce: Callable[[str], None]) -> None:
    """Answer scrapes until SIGINT or SIGTERM.

    Raises: ReplenisherError where the port is not to be had.
    """
    registry = CollectorRegistry()
    registry.register(Desk(data_dir, count_halts))
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
