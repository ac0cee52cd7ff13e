"""The carrier: calls ccxt for a venue and tells what comes of it. It decides nothing.

Four habits of libraries are kept from the venue here. ccxt waits in a queue of its own before it sends, so a request
that comes out of it after its deadline is not sent. It calls the same methods for hosts that nobody has allowed, so a
request to any other host is refused before it is made. When a socket ends while nobody waits on it, it connects
again silently and puts the new snapshot into the old book, so every end of a socket is told, and a restart forgets.
And aiohttp repeats what goes by GET, PUT or DELETE if the connection ends before the answer; of some exchanges that is
an order, and so nothing is repeated.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, assert_never

import aiohttp

from replenisher.venues.ccxt.calls import Action, Failure, Invoke, Restart, Watch
from replenisher.venues.ccxt.said import said
from replenisher.venues.venue import Tasks

MESSAGE_MAX = 4_000  # characters of an exception, which may hold a whole page of HTML
FAREWELL_S_MAX = 5.0  # that an end waits for the last word to be heard
MEMORY = ("orderbooks", "tickers", "trades", "orders", "myTrades")  # what ccxt gathers from streams


class Listener(Protocol):
    """Who is told what comes of the calls."""

    def answered(self, number: int, value: Any, at: int) -> None:
        """A call came back with a value."""

    def failed(self, number: int, failure: Failure, at: int) -> None:
        """A call ended with an exception."""

    def watched(self, stream: str, value: Any, at: int) -> None:
        """A stream has news."""

    def cut(self, reason: str, at: int) -> None:
        """A stream or a socket has ended."""


class NotSentInTime(Exception):
    """A request came out of ccxt's queue after its deadline."""


class HostNotAllowed(Exception):
    """A request was about to go to a host that is not the venue's."""


class Caller:
    """One exchange object of ccxt's, and everything that is being awaited on it."""

    def __init__(
        self,
        tasks: Tasks,
        client: Any,
        hosts: frozenset[str],
        listener: Listener,
        hear: Callable[[Callable[[], None]], None],
        ended: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._client = client
        self._listener = listener
        self._hear = hear
        self._ended = ended
        self._now = now
        self._calls: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._secrets = [secret for secret in (client.apiKey, client.secret, client.password) if secret]
        self._queue = client.throttle
        client.throttle = self._throttle
        client.on_close = self._on_end(client.on_close)
        client.on_error = self._on_end(client.on_error)
        client.own_session = False
        client.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=client.cafile)),
            middlewares=(_only_to(hosts),),
        )

    def carry(self, actions: Iterable[Action]) -> None:
        """Do what the venue asks for, in order."""
        for action in actions:
            match action:
                case Invoke():
                    among = self._farewells if action.is_farewell else self._calls
                    among.add(self._run(self._invoke(action), action.method, among))
                case Watch():
                    self._streams.add(self._run(self._watch(action), action.stream, self._streams))
                case Restart():
                    self._forget()
                case _:
                    assert_never(action)

    async def finish(self) -> None:
        """End everything, and wait until it has ended; a last word may still be said."""
        for task in [*self._calls, *self._streams]:
            task.cancel()
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=FAREWELL_S_MAX)
        for task in self._farewells:
            task.cancel()
        if ending := [*self._calls, *self._streams, *self._farewells]:
            await asyncio.wait(ending)
        session = self._client.session
        await self._client.close()
        await session.close()

    def _run(self, work: Any, name: str, among: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, name=f"{self._client.id} {name}")
        task.add_done_callback(among.discard)
        return task

    async def _invoke(self, call: Invoke) -> None:
        under_way = _UnderWay(call.deadline)
        _current.set(under_way)
        try:
            value = await getattr(self._client, call.method)(*call.arguments)
        except Exception as error:  # noqa: BLE001 - of ccxt anything may come, its parsers' stumbling included: it is told
            was_sent = under_way.has_left or not isinstance(error, NotSentInTime | HostNotAllowed)
            failure = self._failure(error, was_sent=was_sent)
            self._ended(str(failure))
            self._hear(partial(self._listener.failed, call.number, failure, self._now()))
        else:
            self._hear(partial(self._listener.answered, call.number, value, self._now()))

    async def _watch(self, stream: Watch) -> None:
        watch = getattr(self._client, stream.method)
        try:
            while True:
                value = await watch(*stream.arguments)
                # It is read before anything else can change it: ccxt goes on with the same object.
                self._hear(partial(self._listener.watched, stream.stream, value, self._now()))
        except Exception as error:  # noqa: BLE001 - of ccxt anything may come: whatever it is, the stream has ended
            self._cut(f"{stream.stream}: {self._failure(error)}")

    def _cut(self, reason: str) -> None:
        self._ended(reason)
        self._hear(partial(self._listener.cut, reason, self._now()))

    def _on_end(self, of_ccxt: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def on_end(socket: Any, reason: Any) -> None:
            # One that was given up is no news; and ccxt would take the new socket of its address for it.
            if (self._client.clients or {}).get(socket.url) is socket:
                of_ccxt(socket, reason)
                self._cut(f"a socket ended: {said(self._plain(reason))}")

        return on_end

    def _forget(self) -> None:
        """End the streams, their sockets, and what ccxt remembers of them."""
        for task in list(self._streams):
            task.cancel()
        self._streams.clear()
        sockets = dict(self._client.clients or {})
        self._client.clients = {}
        for socket in sockets.values():
            self._tasks.create_task(_close(socket), name=f"{self._client.id} close")
        for memory in MEMORY:
            held = getattr(self._client, memory, None)
            setattr(self._client, memory, {} if isinstance(held, dict) else None)

    async def _throttle(self, cost: Any = None) -> None:
        await self._queue(cost)
        under_way = _current.get(None)
        if under_way is None:
            return
        if not under_way.has_begun and under_way.deadline and self._now() > under_way.deadline:
            raise NotSentInTime("it waited in the queue of ccxt's rate limit until it was too late")
        under_way.has_begun = True

    def _failure(self, error: Exception, *, was_sent: bool = True) -> Failure:
        return Failure(type(error).__name__, self._plain(error), was_sent)

    def _plain(self, error: object) -> str:
        """An exception's text in one line, without what may stand in a URL and without our keys."""
        text = re.sub(r"(https?|wss?)(://[^\s?]+)\?\S*", r"\1\2", " ".join(str(error).split()))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:MESSAGE_MAX]


class _UnderWay:
    """The call that a task makes: until when it may leave, and how far it has come."""

    def __init__(self, deadline: int) -> None:
        self.deadline = deadline
        self.has_begun = False  # it is out of the queue
        self.has_left = False  # something of it is on the wire


_current: ContextVar[_UnderWay] = ContextVar("call")


async def _close(socket: Any) -> None:
    if socket.connection is not None:
        await socket.close()


def _only_to(hosts: frozenset[str]) -> Any:
    async def guard(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.host not in hosts:
            raise HostNotAllowed(f"{request.url.host} is not a host of this venue")
        if (under_way := _current.get(None)) is not None:
            under_way.has_left = True
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # A GET, a PUT or a DELETE that ends with one of these aiohttp sends again; with this one it does not.
            raise aiohttp.ClientConnectionError(str(error) or type(error).__name__) from error

    return guard
