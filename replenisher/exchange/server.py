"""The exchange on the network: HTTP and WebSocket on one port, and timers. It carries, and decides nothing.

One loop owns the exchange: connections only hand over what arrives and wake it. So a fault in the exchange ends the
server instead of a connection.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import assert_never

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http import HttpProcessingError

from replenisher.errors import ReplenisherError
from replenisher.exchange.carrier import Carrier, Hangup
from replenisher.exchange.dialects.deribit import Deribit, DeribitSettings
from replenisher.exchange.dialects.dialect import DROPPED, Action, Close, HttpReply, HttpRequest, Send
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.latency import Latency, LatencyModel
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.model.units import SECOND_NS

HOST = "127.0.0.1"
CLOSE_TIMEOUT_S = 2.0
MESSAGE_BYTES_MAX = 1_048_576  # larger than any dialect takes: the dialect refuses with its own words
LINE_BYTES_MAX = 65_536  # of a request's target, for the same reason
KEEP_ALIVE_S = 900.0  # how long the venue keeps an HTTP connection on which nothing is asked

Clock = Callable[[], int]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the exchange listens, how far away it seems, and to whom it speaks."""

    deribit: DeribitSettings
    port: int = 0  # 0 takes any that is free
    latency: LatencyModel = Latency()
    send_buffer_bytes: int = 4_194_304  # a client that reads no faster than this fills up is cut off
    connections_max: int = 32  # of one address, and here all come from one


class SocketEnd:
    """A client that exchanges frames with us: what waits for its socket."""

    def __init__(self, request: web.BaseRequest, socket: web.WebSocketResponse, bytes_max: int) -> None:
        self._request = request
        self._socket = socket
        self._waiting: asyncio.Queue[Action] = asyncio.Queue()
        self._waiting_bytes = 0
        self._bytes_max = bytes_max
        self.says_goodbye = False

    def hand_over(self, action: Action) -> None:
        """Let the writer have it, unless the client does not keep up: then it is cut off."""
        if isinstance(action, Send):
            self._waiting_bytes += len(action.frame)
        if self._waiting_bytes > self._bytes_max:
            self.cut()
        else:
            self._waiting.put_nowait(action)

    def leave(self) -> None:
        """Say goodbye after what was said before."""
        self._waiting.put_nowait(Close("", WSCloseCode.GOING_AWAY, ""))

    def cut(self) -> None:
        """End the connection without a closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        """Carry what was handed over to the socket until it is closed."""
        with contextlib.suppress(ConnectionError):
            while True:
                action = await self._waiting.get()
                match action:
                    case Send():
                        await self._socket.send_str(action.frame)
                        self._waiting_bytes -= len(action.frame)
                    case Close(code=code) if code == DROPPED:
                        return self.cut()
                    case Close():
                        self.says_goodbye = True
                        await self._socket.close(code=action.code, message=action.reason.encode())
                        return None
                    case HttpReply():
                        raise AssertionError("frames are not answered by HTTP")
                    case _ as never:
                        assert_never(never)


class RequestEnd:
    """A client that waits for the reply to its one HTTP request."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[HttpReply] = asyncio.get_running_loop().create_future()

    def hand_over(self, action: Action) -> None:
        """There it is."""
        assert isinstance(action, HttpReply), "an HTTP request is answered by a reply"
        if not self.reply.done():
            self.reply.set_result(action)

    def leave(self) -> None:
        """There will be none."""
        self.reply.cancel()


class Server:
    """Takes connections, and turns the carrier whenever something arrives or is due."""

    def __init__(self, carrier: Carrier, path: str, settings: ServerSettings, clock: Clock) -> None:
        self._carrier = carrier
        self._path = path
        self._settings = settings
        self._clock = clock
        self._stirred = asyncio.Event()
        self._writers: set[asyncio.Task[None]] = set()
        self.protocol = web.Server(
            self._answer,
            logger=_log(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=LINE_BYTES_MAX,
        )

    def stir(self) -> None:
        """Something has changed that no client has asked for: look at what is next."""
        self._stirred.set()

    async def run(self) -> None:
        """Turn for ever."""
        while True:
            self._carrier.turn(self._clock())
            await self._rest()

    async def close(self) -> None:
        """End every connection, and wait until the clients that were told goodbye have gone, but not for ever."""
        self._carrier.hang_up(self._clock())
        if self._writers:
            await asyncio.wait(self._writers, timeout=CLOSE_TIMEOUT_S)
        await self.protocol.shutdown(0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._carrier.is_shut:
            return _turned_away(HTTPStatus.SERVICE_UNAVAILABLE, "under maintenance")
        if len(self.protocol.connections) > self._settings.connections_max:
            return _turned_away(HTTPStatus.TOO_MANY_REQUESTS, "too many connections")
        socket = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S,
            compress=False,  # between two processes of one machine it costs time and saves nothing
            max_msg_size=MESSAGE_BYTES_MAX,
        )
        if request.path == self._path and socket.can_prepare(request):
            return await self._talk(request, socket)
        return await self._reply(request)

    async def _talk(self, request: web.BaseRequest, socket: web.WebSocketResponse) -> web.StreamResponse:
        """One connection, from its first frame to its end."""
        await socket.prepare(request)
        end = SocketEnd(request, socket, self._settings.send_buffer_bytes)
        link = self._carrier.opened(end, self._clock())
        writer = asyncio.create_task(end.write())
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._carrier.arrived(link, message.data, self._clock())
                    self._stirred.set()
        finally:
            self._carrier.arrived(link, Hangup.HANGUP, self._clock())
            self._stirred.set()
            if not end.says_goodbye:
                writer.cancel()
            await asyncio.wait([writer])
        return socket

    async def _reply(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its arrival to its reply; what its client asked for is done, whether it waits or not."""
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError) as error:
            raise web.HTTPBadRequest from error
        target = request.raw_path.encode(errors="surrogateescape").decode(errors="replace")  # bytes that are no text
        end = RequestEnd()
        self._carrier.requested(end, HttpRequest(request.method, target, request.headers, body), self._clock())
        self._stirred.set()
        reply = await end.reply
        return web.Response(status=reply.status, text=reply.body, content_type="application/json")

    async def _rest(self) -> None:
        """Until something arrives or becomes due."""
        next_at = self._carrier.next_at
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
    server = Server(Carrier(dialect, settings.latency), dialect.path, settings, clock)
    try:
        listener = await asyncio.get_running_loop().create_server(server.protocol, HOST, settings.port)
    except OSError as error:
        ledger.close()
        raise ReplenisherError(_why_not(settings.port, error)) from error
    try:
        port = listener.sockets[0].getsockname()[1]
        announce(f"ws://{HOST}:{port}{dialect.path}")
        try:
            await server.run()
        finally:
            listener.close()
            await server.close()
    finally:
        ledger.close()


def _turned_away(status: HTTPStatus, why: str) -> web.Response:
    response = web.Response(status=status, text=f"{why}\n")
    response.force_close()
    return response


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: another program listens there"
    return f"the exchange cannot listen on port {port}: {error.strerror}"


def _log() -> logging.Logger:
    """What aiohttp has to say: bytes that are no HTTP are answered, and are nothing to wake anybody for."""
    log = logging.getLogger(__name__)
    log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
