"""The carrier: puts a venue's frames on real WebSockets and tells what comes back. It decides nothing.

A frame is handed to the listener where it is parsed, with no queue and no task in between; what the listener wants sent
is written at once, without a task switch. A reader can therefore only be as slow as the listener itself, and what piles
up meanwhile waits in the kernel; the sender's side is bounded here: a venue that does not read
what we write is cut off, as a cancel that waits behind a full buffer is worth nothing.
"""

import asyncio
import socket as sockets
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, assert_never
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from replenisher.venues.direct import FRAME_BYTES_MAX, Direct
from replenisher.venues.venue import Action, Close, Connect, Send, Tasks

UNSENT_BYTES_MAX = 256 * 1024  # a venue that leaves more than this unread does not listen any more
CLOSE_TIMEOUT_S = 1.0
OPEN_TIMEOUT_S = 10.0
DEFAULT_PORTS = {"ws": 80, "wss": 443}


class Listener(Protocol):
    """Who is told what happens on the connections."""

    def opened(self, connection: str, at: int) -> None:
        """A connection is open."""

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """One frame arrived."""

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection ended or could not be opened; nothing more comes from it."""


class Sockets:
    """The open connections of one venue.

    Reading tasks belong to `tasks`: what a listener raises is told there, so that nobody trades on half deaf.
    """

    def __init__(self, tasks: Tasks, listener: Listener, now: Callable[[], int]) -> None:
        self._tasks = tasks
        self._listener = listener
        self._now = now
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Direct] = {}
        self._dialing: set[str] = set()
        self._unwanted: set[str] = set()  # given up while dialing

    def carry(self, actions: Iterable[Action]) -> None:
        """Do what a venue asks for, in order; all frames of one connection leave with one write."""
        said: dict[str, list[str]] = {}  # by connection
        for action in actions:
            match action:
                case Send():
                    said.setdefault(action.connection, []).extend(action.frames)
                case Connect(connection, url):
                    self._connect(connection, url)
                case Close(connection, reason):
                    self._say(connection, said.pop(connection, []))
                    self._close(connection, reason)
                case _:
                    assert_never(action)
        for connection, frames in said.items():
            self._say(connection, frames)

    async def finish(self) -> None:
        """Close whatever is open, and wait until it is."""
        readers = list(self._readers.values())
        for connection in list(self._readers):
            self._close(connection, "finish")
        if readers:
            await asyncio.wait(readers)

    def _connect(self, connection: str, url: str) -> None:
        assert connection not in self._readers, "a connection is opened again only after it was told closed"
        self._dialing.add(connection)
        self._readers[connection] = self._tasks.create_task(self._run(connection, url), name=f"socket {connection}")

    def _say(self, connection: str, frames: Sequence[str]) -> None:
        # What is for a connection that has just ended is lost, and `closed` says so.
        if websocket := self._open.get(connection):
            # What waits is from earlier writes: however much is said at once, it may first leave.
            if websocket.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                websocket.transport.abort()
            else:
                websocket.say(frames)

    def _close(self, connection: str, reason: str) -> None:
        if websocket := self._open.pop(connection, None):
            self._tasks.create_task(websocket.close(reason=reason[:100]), name=f"close {connection}")
        elif connection in self._dialing:
            self._dialing.remove(connection)
            self._unwanted.add(connection)
            self._readers[connection].cancel(reason)

    async def _run(self, connection: str, url: str) -> None:
        """One connection from its first byte to `closed`."""
        reason = "gave up dialing"
        try:
            websocket = await _dial(url)
        except (OSError, WebSocketException, ValueError) as error:  # a ValueError is a redirect to elsewhere
            reason = str(error) or type(error).__name__
        except asyncio.CancelledError:
            if connection not in self._unwanted:
                raise  # not our own doing: the whole group is ending
        else:
            self._dialing.discard(connection)
            self._open[connection] = websocket
            reason = await self._read(connection, websocket)
        self._open.pop(connection, None)
        self._dialing.discard(connection)
        self._unwanted.discard(connection)
        del self._readers[connection]
        self._listener.closed(connection, reason, self._now())

    async def _read(self, connection: str, websocket: Direct) -> str:
        """Hand over frames until the connection ends; return why it did."""
        received, now = self._listener.received, self._now
        try:
            self._listener.opened(connection, now())
            websocket.hand_over_to(lambda frame: received(connection, frame, now()))
            while True:
                await websocket.recv()  # never brings anything: all messages are handed over where they are parsed
        except ConnectionClosed as closed:
            if websocket.failure is not None:
                raise websocket.failure from None
            return str(closed)
        finally:
            if websocket.close_code is None:  # the listener failed, or the group is ending: leave nothing behind
                websocket.transport.abort()
                await websocket.wait_closed()


async def _dial(url: str) -> Direct:
    parts = urlsplit(url)
    websocket = await connect(
        url,
        create_connection=Direct,
        # Said explicitly, so that no redirect can lead our login to another host.
        host=parts.hostname,
        port=parts.port or DEFAULT_PORTS.get(parts.scheme),
        proxy=None,  # a proxy from the environment must not get between us and the venue unseen
        compression=None,
        ping_interval=None,  # the session keeps time itself
        max_size=FRAME_BYTES_MAX,
        max_queue=None,  # nothing waits there: frames are handed over as they are parsed
        write_limit=1,  # byte that may wait: what is said leaves at once, not when the loop comes round
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
    )
    assert isinstance(websocket, Direct), "it is what we asked for"
    websocket.transport.get_extra_info("socket").setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    return websocket
