"""What can befall the processes around a desk, for as long as a block takes; and how soon it quotes again after it."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from replenisher.live.control import ask
from tests.postgres import Server
from tests.stories.desk import DATABASE, Desk, Process, fills, resting
from tests.stories.wire import Wire

BACK_S = 30.0  # so long after the last fault at most, until it quotes


class Scene:
    """A desk that trades on an exchange at the other end of a wire, each a process of its own."""

    def __init__(self, room: Path, database_url: str = "") -> None:
        self.desk = Desk(room)
        if database_url:
            self.desk.variables[DATABASE] = database_url
        self._stack, self._exchange_life = ExitStack(), ExitStack()

    def __enter__(self) -> "Scene":
        self.exchange, url = self._exchange_life.enter_context(self.desk.exchange())
        self._stack.push(lambda *_: self._exchange_life.close())
        self.port = urlsplit(url).port
        self.wire = self._stack.enter_context(Wire(url).laid())
        self.desk.connect(self.wire.url)
        self.daemon = self._stack.enter_context(self.desk.running("run", self.desk.config))
        self.daemon.until("it trades", self.trades)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trades(self, before: int = 0) -> bool:
        """Whether orders rest, and one was filled since there were so many fills."""
        ledger = self.desk.ledger()
        return len(fills(ledger)) > before and bool(resting(ledger))

    def quotes(self) -> bool:
        """Whether it shows all that it wants to."""
        return not any(ask(self.desk.data, "status")["not_quoting"].values()) and bool(resting(self.desk.ledger()))

    def back_after_s(self) -> float:
        """How long it takes from now on until it quotes, without anybody's hand."""
        began = monotonic()
        self.daemon.until("it quotes again", self.quotes, BACK_S)
        return monotonic() - began

    def end_well(self) -> None:
        """It trades on and stops verified flat, and both books agree."""
        before = len(fills(self.desk.ledger()))
        self.daemon.until("it trades on", lambda: self.trades(before))
        ended = self.daemon.stop()
        assert (ended.code, ended.stderr) == (0, "")
        assert ended.summary["stop"]["verdict"] == "flat"
        self.desk.assert_books_agree()

    # --- What befalls it ------------------------------------------------------------------------------------------

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The daemon does not run, and its machine goes on."""
        self.daemon.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.daemon.send(signal.SIGCONT)

    @contextmanager
    def half_open(self) -> Iterator[None]:
        """Both ends believe in their connections, and nothing comes through."""
        self.wire.cut()
        try:
            yield
        finally:
            self.wire.mend()

    @contextmanager
    def without_exchange(self) -> Iterator[None]:
        """The exchange is killed, and started again on its books and its port."""
        assert self.port is not None, "it listens somewhere"
        self.exchange.stop(signal.SIGKILL)
        self._exchange_life.close()
        yield
        self.exchange, _ = self._exchange_life.enter_context(self.desk.exchange(self.port))


@contextmanager
def without_database(server: Server) -> Iterator[None]:
    """The database server is stopped, and started again."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def told(daemon: Process, *events: str) -> bool:
    """Whether it has said all of these."""
    return all(daemon.told(event) for event in events)
