import asyncio
import json
import os
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.small_exchange import QUIET, exchange_of
from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.exchange.dialects.deribit import ApiKey, DeribitSettings
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.latency import Latency
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import ServerSettings, serve
from tests.waiting import DEADLINE_S, a_turn, eventually

USUAL = SyntheticSettings()
LIVELY = SyntheticSettings(minutes_per_second=60.0)
ALICE = ApiKey("alice-id", "alice-secret", "alice")


def settings(**changes: Any) -> ServerSettings:
    return ServerSettings(deribit=DeribitSettings(keys=(ALICE,)), **changes)


class Running:
    """An exchange that serves, for as long as a test looks at it."""

    def __init__(self, exchange: Exchange, url: str, task: asyncio.Task[None]) -> None:
        self.exchange = exchange
        self.url = url
        self.task = task


def open_exchange(ledger: LedgerFile, market: SyntheticSettings, *, age_s: int = 0) -> Exchange:
    at = time.time_ns() - age_s * 1_000_000_000
    return exchange_of(
        "alice", flow=market, at=at, append=ledger.append, past=ledger.past, exchange_id=os.urandom(8).hex()
    )


@asynccontextmanager
async def running(
    path: Path, market: SyntheticSettings = QUIET, server: ServerSettings | None = None, *, age_s: int = 0
) -> AsyncIterator[Running]:
    ledger = LedgerFile(path)
    exchange = open_exchange(ledger, market, age_s=age_s)
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(exchange, server or settings(), ledger=ledger, clock=time.time_ns, announce=announced.set_result)
    )
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait([task, announced], return_when=asyncio.FIRST_COMPLETED)
        try:
            yield Running(exchange, await announced, task)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def ask(client: ClientConnection, method: str, **params: Any) -> Any:
    """The result; what else arrives meanwhile is passed over."""
    await client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while "id" not in (reply := json.loads(await client.recv())):
        pass
    return reply["result"]


async def log_in(client: ClientConnection) -> None:
    secret = {"client_id": ALICE.client_id, "client_secret": ALICE.client_secret}
    await ask(client, "public/auth", grant_type="client_credentials", **secret)


ORDER = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": 50_000}


async def test_a_client_logs_in_listens_and_trades(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl") as exchange, connect(exchange.url) as client:
        await log_in(client)
        channels = ["book.BTC-PERPETUAL.raw", "user.changes.BTC-PERPETUAL.raw"]
        assert await ask(client, "private/subscribe", channels=channels) == channels

        placed = await ask(client, "private/buy", **ORDER)
        order_id = placed["order"]["order_id"]
        cancelled = await ask(client, "private/cancel", order_id=order_id)

        assert cancelled["order_state"] == "cancelled"
        types = [json.loads(line)["type"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
        assert types[-4:] == ["request", "order", "request", "closed"]


async def test_the_market_moves_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl", LIVELY) as exchange, connect(exchange.url, max_queue=None) as client:
        await log_in(client)
        await ask(client, "private/subscribe", channels=["book.BTC-PERPETUAL.raw"])

        frames = [json.loads(await client.recv())["params"]["data"] for _ in range(20)]

        assert [frame["type"] for frame in frames[:2]] == ["snapshot", "change"]
        chain = [(later["prev_change_id"], earlier["change_id"]) for earlier, later in pairwise(frames)]
        assert all(previous == change_id for previous, change_id in chain)


async def test_a_market_with_an_hour_to_catch_up_keeps_no_client_waiting(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl", USUAL, age_s=3600) as exchange, connect(exchange.url) as client:
        await log_in(client)

        placed = await ask(client, "private/buy", **ORDER)
        cancelled = await ask(client, "private/cancel", order_id=placed["order"]["order_id"])

        assert cancelled["order_state"] == "cancelled"
        behind_ns = time.time_ns() - (exchange.exchange.next_at or 0)
        assert behind_ns > 600 * 1_000_000_000


async def test_orders_die_with_a_lost_connection_that_asked_for_it(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl") as exchange:
        client = await connect(exchange.url)
        await log_in(client)
        await ask(client, "private/enable_cancel_on_disconnect")
        await ask(client, "private/buy", **ORDER)

        client.transport.abort()

        await eventually(lambda: not exchange.exchange.views.open_orders("alice"))


async def test_a_logout_closes_the_connection_and_leaves_the_orders(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl") as exchange, connect(exchange.url) as client:
        await log_in(client)
        await ask(client, "private/enable_cancel_on_disconnect")
        await ask(client, "private/buy", **ORDER)

        await client.send('{"jsonrpc":"2.0","id":2,"method":"private/logout","params":{}}')
        with pytest.raises(ConnectionClosed):
            await client.recv()

        assert client.close_code == 1000
        assert len(exchange.exchange.views.open_orders("alice")) == 1


async def test_a_session_that_the_venue_ends_is_told_why(tmp_path: Path) -> None:
    poor = ServerSettings(deribit=DeribitSettings(keys=(ALICE,), credits_per_s=0.001, credits_burst=1))
    async with running(tmp_path / "ledger.jsonl", server=poor) as exchange, connect(exchange.url) as client:
        await log_in(client)
        await ask(client, "private/buy", **ORDER)

        await client.send(json.dumps({"id": 2, "method": "private/buy", "params": ORDER}))
        refused = json.loads(await client.recv())
        await client.wait_closed()

    assert refused["error"]["code"] == 10028
    assert (client.close_code, client.close_reason) == (1008, "too_many_requests")


async def test_a_frame_that_no_venue_would_read_ends_the_connection(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl") as exchange, connect(exchange.url) as client:
        await client.send("x" * 32_769)
        assert json.loads(await client.recv())["error"]["code"] == -32600

        await client.send("x" * 1_048_577)
        await client.wait_closed()

    assert client.close_code == 1009


async def test_what_a_client_sent_before_it_hung_up_still_counts(tmp_path: Path) -> None:
    slow = settings(latency=Latency(request_ms=50))
    async with running(tmp_path / "ledger.jsonl", server=slow) as exchange:
        client = await connect(exchange.url)
        await log_in(client)
        order = await ask(client, "private/buy", **ORDER)

        cancel = {"id": 3, "method": "private/cancel", "params": {"order_id": order["order"]["order_id"]}}
        await client.send(json.dumps(cancel))
        await client.close()

        await eventually(lambda: not exchange.exchange.views.open_orders("alice"))


async def test_both_ways_take_their_time(tmp_path: Path) -> None:
    far = settings(latency=Latency(request_ms=30, response_ms=20))
    async with running(tmp_path / "ledger.jsonl", server=far) as exchange, connect(exchange.url) as client:
        before = time.monotonic()
        at_the_exchange_ms = await ask(client, "public/get_time")
        after = time.monotonic()

        assert after - before >= 0.050
        assert time.time_ns() // 1_000_000 - at_the_exchange_ms >= 19


async def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    tight = settings(send_buffer_bytes=50_000)
    async with running(tmp_path / "ledger.jsonl", server=tight) as exchange:
        client = await connect(exchange.url, max_queue=1)
        request = json.dumps(
            {"id": 1, "method": "public/get_order_book", "params": {"instrument_name": "BTC-PERPETUAL", "depth": 10000}}
        )

        with pytest.raises(ConnectionClosed):
            while True:
                await client.send(request)
                await a_turn()

        async with connect(exchange.url) as other:
            assert await ask(other, "public/test")


async def test_another_path_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path / "ledger.jsonl") as exchange:
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.url.replace("/ws/api/v2", "/ws/api/v1"))

        assert refused.value.response.status_code == 404


def http_url(exchange: Running, method: str) -> str:
    return exchange.url.replace("ws://", "http://").replace("/ws/api/v2", f"/api/v2/{method}")


async def test_http_and_websocket_share_one_port(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "ledger.jsonl") as exchange,
        connect(exchange.url) as watcher,
        httpx.AsyncClient(auth=(ALICE.client_id, ALICE.client_secret), timeout=DEADLINE_S) as client,
    ):
        await log_in(watcher)
        await ask(watcher, "private/subscribe", channels=["user.orders.BTC-PERPETUAL.raw"])

        placed = await client.get(http_url(exchange, "private/buy"), params=ORDER)
        order_id = placed.json()["result"]["order"]["order_id"]
        heard = json.loads(await watcher.recv())["params"]["data"]
        cancel = {"id": 1, "method": "private/cancel", "params": {"order_id": order_id}}
        cancelled = (await client.post(http_url(exchange, ""), json=cancel)).json()["result"]

    assert (heard["order_id"], heard["order_state"]) == (order_id, "open")
    assert (cancelled["order_id"], cancelled["order_state"]) == (order_id, "cancelled")


async def test_an_http_request_takes_its_time_both_ways(tmp_path: Path) -> None:
    far = settings(latency=Latency(request_ms=30, response_ms=20))
    async with (
        running(tmp_path / "ledger.jsonl", server=far) as exchange,
        httpx.AsyncClient(timeout=DEADLINE_S) as client,
    ):
        before = time.monotonic()
        at_the_exchange_ms = (await client.get(http_url(exchange, "public/get_time"))).json()["result"]

        assert time.monotonic() - before >= 0.050
        assert time.time_ns() // 1_000_000 - at_the_exchange_ms >= 19


async def test_an_order_counts_though_its_client_does_not_wait_for_the_answer(tmp_path: Path) -> None:
    slow = settings(latency=Latency(request_ms=50))
    async with running(tmp_path / "ledger.jsonl", server=slow) as exchange:
        host, port = exchange.url.removeprefix("ws://").partition("/")[0].split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        basic = b64encode(f"{ALICE.client_id}:{ALICE.client_secret}".encode()).decode()
        writer.write(
            f"GET /api/v2/private/buy?{urlencode(ORDER)} HTTP/1.1\r\n"
            f"Host: {host}\r\nAuthorization: Basic {basic}\r\n\r\n".encode()
        )
        writer.close()

        await eventually(lambda: len(exchange.exchange.views.open_orders("alice")) == 1)


async def test_one_connection_too_many_is_answered_429(tmp_path: Path) -> None:
    few = settings(connections_max=2)
    async with (
        running(tmp_path / "ledger.jsonl", server=few) as exchange,
        connect(exchange.url),
        connect(exchange.url) as second,
        httpx.AsyncClient(timeout=DEADLINE_S) as client,
    ):
        assert (await client.get(http_url(exchange, "public/test"))).status_code == 429
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.url)

        assert refused.value.response.status_code == 429
        assert await ask(second, "public/test")


async def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ledger = LedgerFile(tmp_path / "ledger.jsonl")
        exchange = open_exchange(ledger, QUIET)

        with pytest.raises(ReplenisherError, match=f"^port {port} is in use: another program listens there$"):
            await serve(exchange, settings(port=port), ledger=ledger, clock=time.time_ns, announce=print)

    LedgerFile(tmp_path / "ledger.jsonl").close()


async def test_a_second_life_continues_the_ledger_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with running(path) as first:
        early = await connect(first.url)
        await log_in(early)
        order = await ask(early, "private/buy", **ORDER)
        exchange_id = first.exchange.exchange_id

    await early.wait_closed()
    async with running(path) as second, connect(second.url) as client:
        await log_in(client)
        ended = await ask(client, "private/get_order_state", order_id=order["order"]["order_id"])

    assert early.close_code == 1001
    assert second.exchange.exchange_id == exchange_id
    assert (ended["order_state"], ended["cancel_reason"]) == ("cancelled", "cancel_on_disconnect")


async def test_a_ledger_serves_one_exchange_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.jsonl"
    async with running(path):
        with pytest.raises(ReplenisherError, match=r"^another exchange is running on the ledger"):
            LedgerFile(path)

    LedgerFile(path).close()


def test_a_line_torn_off_at_the_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = LedgerFile(path)
    open_exchange(ledger, QUIET)
    ledger.close()
    sound = path.read_bytes()
    path.write_bytes(sound + b'{"type":"trade","trade_')

    LedgerFile(path).close()

    assert path.read_bytes() == sound


def test_a_damaged_ledger_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"what is this?\n")

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="damaged at line 1"):
            LedgerFile(path)

    assert path.read_bytes() == b"what is this?\n"
