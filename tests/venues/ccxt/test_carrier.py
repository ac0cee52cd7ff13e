"""The carrier on real sockets: ccxt's own Deribit against a small server that says what a test wants said."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from replenisher.live.clock import SessionClock
from replenisher.model.order import Request
from replenisher.venues.ccxt.calls import Action, Failure, Invoke, Restart, Watch
from replenisher.venues.ccxt.carrier import MESSAGE_MAX, Caller
from replenisher.venues.ccxt.client import Keys, client_of
from replenisher.venues.ccxt.errors import Outcome, verdict
from tests.waiting import DEADLINE_S, eventually

BOOK = Watch("book", "watch_order_book", ("BTC-PERPETUAL",))
INSTRUMENT = {
    "instrument_name": "BTC-PERPETUAL",
    "kind": "future",
    "settlement_period": "perpetual",
    "base_currency": "BTC",
    "counter_currency": "USD",
    "quote_currency": "USD",
    "settlement_currency": "BTC",
    "tick_size": 0.5,
    "contract_size": 10.0,
    "min_trade_amount": 10.0,
    "is_active": True,
    "expiration_timestamp": 32503708800000,
}


class Server:
    """Speaks as much of Deribit as ccxt needs to load its markets and to watch a book."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []  # the methods of the requests that arrived
        self.sockets: list[web.WebSocketResponse] = []
        self.answer: Callable[[str], Awaitable[web.StreamResponse]] = self._usual
        self.answers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}  # by method, before that

    async def over_http(self, request: web.Request) -> web.StreamResponse:
        method = request.path.removeprefix("/api/v2/")
        self.asked.append(method)
        if method in self.answers:
            return await self.answers[method](request)
        return await self.answer(method)

    async def over_websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            await socket.send_json({"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"]["channels"]})
            await self.show([["new", 100.0 + len(self.sockets), 10.0]])
        return socket

    async def show(self, bids: list[Any]) -> None:
        """A snapshot of the book, on the newest socket."""
        data = {"type": "snapshot", "timestamp": 1, "instrument_name": "BTC-PERPETUAL", "change_id": 1}
        params = {"channel": "book.BTC-PERPETUAL.100ms", "data": data | {"bids": bids, "asks": []}}
        await self.sockets[-1].send_json({"jsonrpc": "2.0", "method": "subscription", "params": params})

    async def _usual(self, method: str) -> web.StreamResponse:
        results = {"public/get_instruments": [INSTRUMENT], "public/get_currencies": [], "public/get_time": 1234}
        if method not in results:
            return web.json_response({"error": {"code": 10009, "message": "not_enough_funds"}}, status=400)
        return web.json_response({"jsonrpc": "2.0", "result": results[method]})


class Heard:
    """Whatever the carrier told."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.failures: dict[int, Failure] = {}
        self.books: list[list[float]] = []
        self.cuts: list[str] = []
        self.ended: list[str] = []

    def answered(self, number: int, value: Any, at: int) -> None:
        self.answers[number] = value

    def failed(self, number: int, failure: Failure, at: int) -> None:
        self.failures[number] = failure

    def watched(self, stream: str, value: Any, at: int) -> None:
        self.books.append([row[0] for row in value["bids"]])

    def cut(self, reason: str, at: int) -> None:
        self.cuts.append(reason)


class Room:
    """A server, a carrier on it, and what was heard."""

    def __init__(self, server: Server, heard: Heard, caller: Caller, clock: SessionClock) -> None:
        self.server, self.heard, self.caller, self.clock = server, heard, caller, clock

    def carry(self, *actions: Action) -> None:
        self.caller.carry(actions)


@asynccontextmanager
async def room(*, elsewhere: str | None = None, **settings: Any) -> AsyncIterator[Room]:
    server, heard, clock = Server(), Heard(), SessionClock()
    app = web.Application()
    app.router.add_get("/ws/api/v2", server.over_websocket)
    app.router.add_get("/api/v2/{name:.*}", server.over_http)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"ws://127.0.0.1:{port}/ws/api/v2"
    client = client_of("deribit", Keys("an-id", "a-secret"), address=server.url, timeout_ms=round(DEADLINE_S * 1000))
    for name, value in settings.items():
        setattr(client.of_ccxt, name, value)
    if elsewhere is not None:
        client.of_ccxt.urls["api"]["rest"] = elsewhere
    if "rateLimit" in settings:
        client.of_ccxt.enableRateLimit = True
        client.of_ccxt.init_throttler()
    try:
        async with asyncio.TaskGroup() as tasks:
            caller = Caller(
                tasks, client.of_ccxt, client.hosts, heard, lambda tell: tell(), heard.ended.append, clock.now
            )
            yield Room(server, heard, caller, clock)
            await caller.finish()
    finally:
        await runner.cleanup()


async def test_a_call_comes_back_with_its_value_under_its_number() -> None:
    async with room() as here:
        here.carry(Invoke(7, "load_markets"), Invoke(8, "fetch_time"))
        await eventually(lambda: len(here.heard.answers) == 2)

        assert list(here.heard.answers[7]) == ["BTC/USD:BTC"]
        assert here.heard.answers[8] == 1234


async def test_a_refusal_comes_back_as_a_value_with_the_exchanges_own_code() -> None:
    async with room() as here:
        here.carry(Invoke(1, "create_order", ("BTC-PERPETUAL", "limit", "buy", 10, 60000.0, {})))
        await eventually(lambda: here.heard.failures)

        failure = here.heard.failures[1]
        assert (failure.kind, failure.was_sent) == ("InsufficientFunds", True)
        assert '"code": 10009' in failure.message
        assert here.heard.ended == [str(failure)]


async def test_an_order_whose_connection_ends_before_the_answer_is_sent_once() -> None:
    """Deribit takes orders by GET, which HTTP libraries like to repeat on a connection that was open before."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with room() as here:
        here.carry(Invoke(1, "load_markets"))
        await eventually(lambda: here.heard.answers)
        here.server.answers["private/buy"] = hang_up
        here.carry(Invoke(2, "create_order", ("BTC-PERPETUAL", "limit", "buy", 10, 60000.0, {})))
        await eventually(lambda: here.heard.failures)

        assert here.server.asked.count("private/buy") == 1
        assert here.heard.failures[2].was_sent
        assert verdict("deribit", here.heard.failures[2], Request.PLACE).outcome is Outcome.UNKNOWN


async def test_an_answer_that_ccxts_parser_stumbles_over_is_a_value_too() -> None:
    async def nonsense(method: str) -> web.StreamResponse:
        return web.json_response({"result": {"order": None}} if method == "private/buy" else {"result": [INSTRUMENT]})

    async with room() as here:
        here.server.answer = nonsense
        here.carry(Invoke(1, "create_order", ("BTC-PERPETUAL", "limit", "buy", 10, 60000.0, {})))
        await eventually(lambda: here.heard.failures)

        assert here.heard.failures[1].kind in ("TypeError", "AttributeError")


async def test_nothing_of_a_key_or_of_a_query_is_in_what_is_told() -> None:
    async def echo(method: str) -> web.StreamResponse:
        return web.Response(text=f"a-secret of an-id at https://x/y?sig=abc {'long ' * 200}", status=500)

    async with room() as here:
        here.server.answer = echo
        here.carry(Invoke(1, "fetch_time"))
        await eventually(lambda: here.heard.failures)

        message = here.heard.failures[1].message
        assert not any(word in message for word in ("a-secret", "an-id", "sig=abc"))
        assert "***" in message and len(message) <= MESSAGE_MAX


async def test_what_waits_in_ccxts_queue_until_it_is_too_late_is_not_sent() -> None:
    async with room(rateLimit=300) as here:
        here.carry(Invoke(1, "load_markets"))
        await eventually(lambda: here.heard.answers)
        now = here.clock.now()
        terms = ("BTC-PERPETUAL", "limit", "buy", 10, 60000.0, {})
        here.carry(Invoke(2, "fetch_time"), Invoke(3, "create_order", terms, deadline=now + 1_000_000))
        await eventually(lambda: here.heard.failures)

        failure = here.heard.failures[3]
        assert (failure.kind, failure.was_sent) == ("NotSentInTime", False)
        assert "private/buy" not in here.server.asked


@pytest.mark.parametrize("action", [Invoke(1, "fetch_time"), BOOK])
async def test_a_request_to_a_host_that_is_not_the_venues_is_not_made(action: Action) -> None:
    async with room(elsewhere="http://elsewhere.invalid") as here:
        here.caller._client.urls["api"]["ws"] = "ws://elsewhere.invalid/ws"
        here.carry(action)
        await eventually(lambda: here.heard.failures or here.heard.cuts)

        told = [*(str(failure) for failure in here.heard.failures.values()), *here.heard.cuts]
        assert all("elsewhere.invalid is not a host of this venue" in each for each in told)
        assert here.server.asked == []


async def test_an_order_that_is_sent_elsewhere_by_the_venue_is_not_and_yet_was_sent() -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "http://elsewhere.invalid/"})

    async with room() as here:
        here.carry(Invoke(1, "load_markets"))
        await eventually(lambda: here.heard.answers)
        here.server.answers["private/buy"] = elsewhere
        here.carry(Invoke(2, "create_order", ("BTC-PERPETUAL", "limit", "buy", 10, 60000.0, {})))
        await eventually(lambda: here.heard.failures)

        assert "elsewhere.invalid is not a host of this venue" in str(here.heard.failures[2])
        assert here.heard.failures[2].was_sent


async def test_a_stream_is_called_again_and_again_and_its_end_is_told() -> None:
    async with room() as here:
        here.carry(BOOK)
        await eventually(lambda: here.heard.books)
        await here.server.show([["new", 50.0, 10.0]])
        await eventually(lambda: [101.0, 50.0] in here.heard.books)

        await here.server.sockets[-1].close()

        await eventually(lambda: here.heard.cuts)


async def test_after_a_restart_nothing_of_the_old_book_is_left_and_the_old_sockets_end_is_no_news() -> None:
    async with room() as here:
        here.carry(BOOK)
        await eventually(lambda: [101.0] in here.heard.books)

        here.carry(Restart("a test"), BOOK)
        await eventually(lambda: here.heard.books[-1] == [102.0])
        await eventually(lambda: here.server.sockets[0].closed)
        await here.server.show([["new", 60.0, 10.0]])
        await eventually(lambda: here.heard.books[-1] == [102.0, 60.0])

        assert here.heard.cuts == []


async def test_a_socket_that_ends_is_told_even_if_nobody_waits_on_it() -> None:
    """What ccxt hides: it would connect again at the next call, and put the snapshot into the old book."""
    async with room() as here:
        here.carry(BOOK)
        await eventually(lambda: here.heard.books)
        for stream in list(here.caller._streams):
            stream.cancel()
        await eventually(lambda: not here.caller._streams)

        await here.server.sockets[-1].close()

        await eventually(lambda: here.heard.cuts)
        assert here.heard.cuts[0].startswith("a socket ended")


async def test_a_last_word_is_still_said_and_nothing_else_is_waited_for() -> None:
    said = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        await said.wait()
        return web.json_response({"jsonrpc": "2.0", "result": 7})

    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("it is given up")

    async with room() as here:
        here.server.answers = {"public/get_time": slowly, "public/get_currencies": never}
        here.carry(Invoke(1, "fetch_currencies"), Invoke(2, "fetch_time", is_farewell=True), Restart("stop"))
        await eventually(lambda: len(here.server.asked) == 2)
        asyncio.get_running_loop().call_later(0.05, said.set)  # while the room is being left

    assert (here.heard.answers, here.heard.failures) == ({2: 7}, {})
