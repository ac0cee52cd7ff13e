"""The exchange behind its real server, and clients that speak to it through real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from replenisher.exchange.dialects.deribit import ApiKey, DeribitSettings
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.market import Listing
from replenisher.exchange.server import ServerSettings, serve
from tests.exchange.stand import RICH
from tests.waiting import DEADLINE_S

MAIN = ApiKey("main-id", "main-secret", "main")
OTHER = ApiKey("other-id", "other-secret", "other")


class Client:
    """One WebSocket connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0

    async def send(self, frame: str) -> dict[str, Any]:
        """The reply to a frame as it is; notifications are passed over."""
        await self._socket.send(frame)
        while "method" in (reply := json.loads(await self._socket.recv())):
            pass
        return dict(reply)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole reply to a request."""
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        reply = await self.send(json.dumps(request))
        assert reply["id"] == self._asked
        return reply

    async def result(self, method: str, **params: Any) -> Any:
        """The result of a request that is not refused."""
        reply = await self.ask(method, **params)
        assert "result" in reply, (method, reply)
        return reply["result"]

    async def error(self, method: str, **params: Any) -> dict[str, Any]:
        """Why a request is refused."""
        reply = await self.ask(method, **params)
        assert "error" in reply, (method, reply)
        return dict(reply["error"])

    async def log_in(self, key: ApiKey, **more: Any) -> dict[str, Any]:
        """What `public/auth` answers."""
        secret = {"client_id": key.client_id, "client_secret": key.client_secret}
        return dict(await self.result("public/auth", grant_type="client_credentials", **secret, **more))

    async def ended(self) -> int | None:
        """With which code the exchange closed the connection."""
        await self._socket.wait_closed()
        return self._socket.close_code


class Venue:
    """A running exchange, and the connections to it."""

    def __init__(self, exchange: Exchange, url: str) -> None:
        self.exchange = exchange
        self.url = url
        self._sockets: list[ClientConnection] = []

    async def connect(self, key: ApiKey | None = None, **login: Any) -> Client:
        socket = await connect(self.url, compression=None)
        self._sockets.append(socket)
        client = Client(socket)
        if key:
            await client.log_in(key, **login)
        return client

    async def get(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply to an HTTP GET."""
        return await self._http("GET", f"/{method}", params=params)

    async def post(self, body: str, **headers: str) -> dict[str, Any]:
        """The reply to an HTTP POST."""
        return await self._http("POST", "", content=body, headers=headers)

    async def _http(self, verb: str, route: str, **more: Any) -> dict[str, Any]:
        base = self.url.replace("ws://", "http://").removesuffix("/ws/api/v2")
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as http:
            return dict((await http.request(verb, f"{base}/api/v2{route}", **more)).json())

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()


@asynccontextmanager
async def venue(path: Path, *listings: Listing, **settings: Any) -> AsyncIterator[Venue]:
    """An exchange that serves on loopback for as long as somebody looks."""
    ledger = LedgerFile(path)
    exchange = Exchange(
        exchange_id="0123456789abcdef",
        seed=7,
        listings=listings,
        balances=RICH,
        append=ledger.append,
        at=time.time_ns(),
        past=ledger.past,
    )
    terms = msgspec.structs.replace(DeribitSettings(keys=(MAIN, OTHER)), **settings)
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = ServerSettings(deribit=terms)
    task = asyncio.create_task(
        serve(exchange, server, ledger=ledger, clock=time.time_ns, announce=announced.set_result)
    )
    await asyncio.wait([task, announced], return_when=asyncio.FIRST_COMPLETED)
    running = Venue(exchange, await announced)
    try:
        yield running
    finally:
        await running.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
