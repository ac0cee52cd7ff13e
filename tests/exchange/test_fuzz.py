"""No bytes bring the server down, and what the venue answers is answered: raw bytes, frames and requests at random."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from bench.small_exchange import exchange_of
from replenisher.exchange.dialects.deribit import ApiKey, DeribitSettings
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import ServerSettings, serve
from tests.waiting import DEADLINE_S

ALICE = ApiKey("alice-id", "alice-secret", "alice")
BASIC = b"Authorization: Basic YWxpY2UtaWQ6YWxpY2Utc2VjcmV0\r\n"

HANDSHAKE = (
    b"GET /ws/api/v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"GET /api/v2/public/test HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n",
            b"POST /api/v2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.0\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b'{"id":1,"method":"public/test","params":{}}',
            b"Content-Length: -1\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Expect: 100-continue\r\n",
            BASIC,
            HANDSHAKE,
            b"\x81\x80\x00\x00\x00\x00",
            b"\x88\x82\x00\x00\x00\x00\x03\xe8",
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\r\n",
            b"\x00",
        ]
    ),
)
TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["public/test", "private/buy", "public/auth", "public/subscribe", "BTC-PERPETUAL", "1e99999", "[[["]
    ),
)
ROUTES = st.one_of(TEXT, st.sampled_from(sorted(METHODS)))
NAMES = st.one_of(TEXT, st.sampled_from(sorted({name for method in METHODS.values() for name in method.takes})))
WORDS = "10 -1 0 1e400 0.1 true null {} BTC any limit buy 60000 main connection btc_usd 1 100 default 1700000000000"
VALUES = st.one_of(TEXT, st.sampled_from([*WORDS.split(), "9" * 30, '["book.BTC-PERPETUAL.raw"]']))
METHOD = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=40)


class Running:
    """An exchange on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._url: Future[str] = Future()
        self._task: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()
        self._executor = ThreadPoolExecutor(max_workers=1)
        self._life = self._executor.submit(asyncio.run, self._serve())
        self.url = self._url.result(DEADLINE_S)
        self.port = int(self.url.split(":")[2].partition("/")[0])

    def stop(self) -> None:
        """End it; if it has ended by itself, that is raised here."""
        loop, task = self._task.result(DEADLINE_S)
        if not self._life.done():
            loop.call_soon_threadsafe(task.cancel)
        with suppress(asyncio.CancelledError):
            self._life.result(DEADLINE_S)
        self._executor.shutdown()

    def is_well(self) -> bool:
        """Whether it answers the simplest question."""
        client = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            client.request("GET", "/api/v2/public/test")
            return client.getresponse().status == 200
        finally:
            client.close()

    def raw(self, data: bytes, *, says_no_more: bool = True) -> bytes:
        """All that is said to these bytes, until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as client:
            try:
                client.sendall(data)
                if says_no_more:
                    client.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: client.recv(65_536), b""))
            except ConnectionError:
                return b""  # it was cut off, which is an answer

    async def _serve(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task.set_result((asyncio.get_running_loop(), task))
        ledger = LedgerFile(self._path)
        exchange = exchange_of("alice", at=time.time_ns(), append=ledger.append, past=ledger.past)
        much = 1_000_000
        generous = DeribitSettings(
            keys=(ALICE,), credits_per_s=much, credits_burst=much, requests_per_s=much, requests_burst=much
        )
        await serve(
            exchange,
            ServerSettings(deribit=generous),
            ledger=ledger,
            clock=time.time_ns,
            announce=self._url.set_result,
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("exchange") / "ledger.jsonl")
    yield running
    running.stop()


@settings(deadline=None, max_examples=150)
@given(st.lists(PIECES, max_size=6))
def test_no_bytes_bring_the_server_down(running: Running, pieces: list[bytes]) -> None:
    said = running.raw(b"".join(pieces))

    assert said == b"" or said.startswith(b"HTTP/1.")
    assert running.is_well()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_in_place_of_frames_bring_the_server_down(running: Running, pieces: list[bytes]) -> None:
    said = running.raw(HANDSHAKE + b"".join(pieces))

    assert said == b"" or said.startswith(b"HTTP/1.1 101 ")
    assert running.is_well()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.from_regex(r"\{.*\}")), max_size=5))
@example(["[" * 20_000, b"\xff\xfe", '"\\ud800"', "1e999999999", '{"id":[],"method":{},"params":1}', ""])
def test_every_frame_is_answered_once(running: Running, frames: list[str | bytes]) -> None:
    with connect(running.url, proxy=None, open_timeout=DEADLINE_S) as client:
        for frame in frames:
            client.send(
                frame.encode(errors="replace") if isinstance(frame, str) else frame, text=isinstance(frame, str)
            )
            reply = json.loads(client.recv(DEADLINE_S))
            assert ("result" in reply) != ("error" in reply)

        client.send('{"id":7,"method":"public/test","params":{}}')
        assert json.loads(client.recv(DEADLINE_S))["id"] == 7


@settings(deadline=None, max_examples=200)
@given(METHOD, ROUTES, st.dictionaries(NAMES, VALUES, max_size=6), VISIBLE, st.binary(max_size=80), st.booleans())
@example("GET", "private/get_positions", {}, "deri-hmac-sha256 id=alice-id,ts=1,sig=x,nonce=", b"", False)
@example("POST", "", {}, "", b'{"id":"\\ud800","method":"public/test"}', True)
def test_every_request_is_answered(
    running: Running,
    method: str,
    route: str,
    query: dict[str, str],
    authorization: str,
    body: bytes,
    knows_the_key: bool,
) -> None:
    spelled = "&".join(
        f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in query.items()
    )
    header = BASIC if knows_the_key else f"Authorization: {authorization}\r\n".encode()
    client = socket.create_connection(("127.0.0.1", running.port), DEADLINE_S)
    with client:
        client.sendall(
            f"{method} /api/v2/{quote(route, errors='replace')}?{spelled} HTTP/1.1\r\nHost: x\r\n".encode()
            + header
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        response = HTTPResponse(client)
        response.begin()
        content = json.loads(response.read())

    assert response.status == (400 if "error" in content else 200)
    assert ("result" in content) != ("error" in content)


@settings(deadline=None, max_examples=100)
@given(VISIBLE)
def test_a_target_that_was_never_encoded_is_answered(running: Running, target: str) -> None:
    request = b"GET /" + target.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert running.raw(request, says_no_more=False).startswith(b"HTTP/1.")
