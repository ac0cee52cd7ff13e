"""The only I/O of the exchange: sockets, timers and the ledger's file. It carries, and decides nothing.

One loop owns the exchange. Connections only put what arrives on their own line and wake it; each turn it delivers what
has been under way long enough, runs what is due, and puts the answers on the lines back. So requests are taken one by
one in the order of their arrival, and a fault in the exchange ends the server instead of a connection. The
market goes on for a few events a turn: while it is behind, turn follows turn, and what has arrived comes first.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import assert_never

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from replenisher.errors import ReplenisherError
from replenisher.exchange.dialects.deribit import Deribit, DeribitSettings
from replenisher.exchange.dialects.dialect import DROPPED, Action, Close, Dialect, Send
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.latency import DelayLine, Latency
from replenisher.exchange.ledger import Past, read_ledger
from replenisher.model.units import SECOND_NS

HOST = "127.0.0.1"
CLOSE_TIMEOUT_S = 2.0
FRAME_BYTES_MAX = 1_048_576  # larger than any dialect takes: the dialect refuses with its own words

Clock = Callable[[], int]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the exchange listens, how far away it seems, and to whom it speaks."""

    deribit: DeribitSettings
    port: int = 0  # 0 takes any that is free
    latency: Latency = Latency()
    send_buffer_bytes: int = 4_194_304  # a client that reads no faster than this fills up is cut off


class LedgerFile:
    """The file behind a ledger: read once, held alone, appended with one write a piece."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ReplenisherError(f"the exchange's ledger {self.path} cannot be opened: {error.strerror}") from error
        self._is_open = True
        try:
            self._lock()
            self.past = self._read()
        except BaseException:
            self.close()
            raise

    def append(self, data: bytes) -> None:
        """Add whole lines at the end. What is not written must not be answered, so a failure ends the exchange."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise ReplenisherError(f"the exchange's ledger {self.path} cannot be written: {error.strerror}") from error
        if written != len(data):
            raise ReplenisherError(f"the exchange's ledger {self.path} took only a part of a record: the disk is full")

    def close(self) -> None:
        """Let go of the file; closing twice is no mistake."""
        if self._is_open:
            self._is_open = False
            os.close(self._fd)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ReplenisherError(f"another exchange is running on the ledger {self.path}") from error

    def _read(self) -> Past:
        """What earlier lives wrote; a line torn off at the end was never answered, and is cut."""
        past = read_ledger(self.path.read_bytes())
        os.ftruncate(self._fd, past.kept_bytes)
        return past


class Hangup(Enum):
    """What a connection's line carries after its last frame."""

    HANGUP = "hangup"


class Link:
    """One client's connection: two lines of delay, and what waits for its socket."""

    def __init__(self, name: str, socket: ServerConnection, settings: ServerSettings) -> None:
        self.name = name
        self.inbound: DelayLine[str | bytes | Hangup] = DelayLine(settings.latency.request_ns)
        self.outbound: DelayLine[Action] = DelayLine(settings.latency.response_ns)
        self._socket = socket
        self._waiting: asyncio.Queue[Action] = asyncio.Queue()
        self._waiting_bytes = 0
        self._bytes_max = settings.send_buffer_bytes

    def hand_over(self, action: Action) -> None:
        """Let the writer have it, unless the client does not keep up: then it is cut off."""
        if isinstance(action, Send):
            self._waiting_bytes += len(action.frame)
        if self._waiting_bytes > self._bytes_max:
            self.cut()
        else:
            self._waiting.put_nowait(action)

    def cut(self) -> None:
        """End the connection without a closing handshake."""
        self._socket.transport.abort()

    async def write(self) -> None:
        """Carry what was handed over to the socket until it is closed."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                action = await self._waiting.get()
                match action:
                    case Send():
                        await self._socket.send(action.frame)
                        self._waiting_bytes -= len(action.frame)
                    case Close(code=code) if code == DROPPED:
                        self.cut()
                    case Close():
                        await self._socket.close(action.code, action.reason)
                    case _ as never:
                        assert_never(never)


class Carrier:
    """Carries frames between sockets and a dialect, and time from the clock to it."""

    def __init__(self, dialect: Dialect, settings: ServerSettings, clock: Clock) -> None:
        self._dialect = dialect
        self._settings = settings
        self._clock = clock
        self._links: dict[str, Link] = {}
        self._connections = 0
        self._stirred = asyncio.Event()

    async def accept(self, socket: ServerConnection) -> None:
        """One connection, from its first frame to its end."""
        self._connections += 1
        link = Link(f"connection-{self._connections}", socket, self._settings)
        self._links[link.name] = link
        self._dialect.opened(link.name, self._clock())
        writer = asyncio.create_task(link.write())
        try:
            async for frame in socket:
                self._arrived(link, frame)
        except ConnectionClosed:
            pass  # how it ended makes no difference here
        finally:
            self._arrived(link, Hangup.HANGUP)
            writer.cancel()
            await asyncio.wait([writer])

    async def run(self) -> None:
        """Turn for ever."""
        while True:
            self._turn(self._clock())
            await self._rest()

    def hang_up(self) -> None:
        """Every connection ends now: the exchange hears of it before its ledger is closed."""
        at = self._clock()
        for name in list(self._links):
            del self._links[name]
            self._dialect.closed(name, at)

    def _arrived(self, link: Link, item: str | bytes | Hangup) -> None:
        link.inbound.put(item, self._clock())
        self._stirred.set()

    def _turn(self, at: int) -> None:
        """Deliver what has arrived, do what is due, and send what has come back."""
        while due := self._first_due(at):
            arrived_at, link = due
            for item in link.inbound.take(arrived_at):
                self._deliver(link, item, at)
        next_wake = self._dialect.next_wake
        if next_wake is not None and next_wake <= at:
            self._dialect.wake(at)
            self._collect(at)
        for link in self._links.values():
            for action in link.outbound.take(at):
                link.hand_over(action)

    def _first_due(self, at: int) -> tuple[int, Link] | None:
        """The connection whose next item arrived first."""
        arrivals = [(due, link) for link in self._links.values() if (due := link.inbound.next_at) is not None]
        first = min(arrivals, key=lambda arrival: arrival[0], default=None)
        return first if first and first[0] <= at else None

    def _deliver(self, link: Link, item: str | bytes | Hangup, at: int) -> None:
        if item is Hangup.HANGUP:
            del self._links[link.name]
            self._dialect.closed(link.name, at)
        else:
            self._dialect.received(link.name, item, at)
        self._collect(at)

    def _collect(self, at: int) -> None:
        for action in self._dialect.actions():
            link = self._links.get(action.connection)
            if link is not None:
                link.outbound.put(action, at)

    async def _rest(self) -> None:
        """Until something arrives or becomes due."""
        moments = [self._dialect.next_wake]
        for link in self._links.values():
            moments += [link.inbound.next_at, link.outbound.next_at]
        next_at = min((moment for moment in moments if moment is not None), default=None)
        if next_at is not None:
            delay_s = (next_at - self._clock()) / SECOND_NS
            timer = asyncio.get_running_loop().call_later(max(delay_s, 0), self._stirred.set)
            await self._stirred.wait()
            timer.cancel()
        else:
            await self._stirred.wait()
        self._stirred.clear()


async def serve(
    exchange: Exchange,
    settings: ServerSettings,
    *,
    ledger: LedgerFile,
    clock: Clock,
    announce: Callable[[str], None],
) -> None:
    """Let clients trade until cancelled; `announce` is told the URL as soon as they can connect.

    `clock` is session time, the one with whose time the exchange was opened. The ledger is closed at the end.
    """
    dialect = Deribit(exchange, settings.deribit)
    carrier = Carrier(dialect, settings, clock)

    def only_our_path(socket: ServerConnection, request: Request) -> Response | None:
        if request.path == dialect.path:
            return None
        return socket.respond(HTTPStatus.NOT_FOUND, f"The exchange listens at {dialect.path}.\n")

    try:
        server = await listen(
            carrier.accept,
            HOST,
            settings.port,
            process_request=only_our_path,
            compression=None,  # between two processes of one machine it costs time and saves nothing
            ping_interval=None,  # the dialect keeps time
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=FRAME_BYTES_MAX,
        )
    except OSError as error:
        ledger.close()
        raise ReplenisherError(_why_not(settings.port, error)) from error
    try:
        async with server:
            port = server.sockets[0].getsockname()[1]
            announce(f"ws://{HOST}:{port}{dialect.path}")
            try:
                await carrier.run()
            finally:
                carrier.hang_up()
    finally:
        ledger.close()


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: another program listens there"
    return f"the exchange cannot listen on port {port}: {error.strerror}"
