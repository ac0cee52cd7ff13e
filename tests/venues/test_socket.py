"""The carrier against a real WebSocket server on loopback."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from replenisher.venues.socket import UNSENT_BYTES_MAX, Sockets
from replenisher.venues.venue import Close, Connect, Send
from tests.store.tls import Authority
from tests.waiting import a_turn, eventually

Conversation = Callable[[ServerConnection], Awaitable[None]]


class Log:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.on_frame: Callable[[str, bytes], None] = lambda connection, frame: None

    def opened(self, connection: str, at: int) -> None:
        self.told.append(("opened", connection, ""))

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        assert isinstance(frame, bytes)
        self.told.append(("received", connection, frame.decode()))
        self.on_frame(connection, frame)

    def closed(self, connection: str, reason: str, at: int) -> None:
        self.told.append(("closed", connection, reason))

    def kinds(self) -> list[tuple[str, str]]:
        return [(kind, connection) for kind, connection, _ in self.told]


async def echo(server: ServerConnection) -> None:
    try:
        async for frame in server:
            await server.send(frame)
    except ConnectionClosed:
        pass


@asynccontextmanager
async def carrying(conversation: Conversation = echo) -> AsyncIterator[tuple[Sockets, Log, str]]:
    log = Log()
    async with serve(conversation, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with asyncio.TaskGroup() as tasks:
            sockets = Sockets(tasks, log, lambda: 7)
            yield sockets, log, f"ws://127.0.0.1:{port}/ws/api/v2"
            await sockets.finish()


@contextmanager
def listening() -> Iterator[int]:
    """A port that accepts nothing by itself."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_frames_go_both_ways_in_order() -> None:
    async with carrying() as (sockets, log, url):
        sockets.carry([Connect("market", url)])
        await eventually(lambda: log.kinds() == [("opened", "market")])

        sockets.carry([Send("market", (str(number),)) for number in range(100)])
        await eventually(lambda: len(log.told) == 101)

    assert [frame for _, _, frame in log.told[1:101]] == [str(number) for number in range(100)]
    assert log.kinds()[-1] == ("closed", "market")


async def test_what_the_listener_wants_sent_leaves_before_it_returns_to_the_loop() -> None:
    async with carrying() as (sockets, log, url):
        log.on_frame = lambda connection, frame: sockets.carry(
            [Send(connection, (f"{int(frame) + 1}",))] if int(frame) < 50 else []
        )
        sockets.carry([Connect("market", url)])
        await eventually(lambda: log.told)

        sockets.carry([Send("market", ("0",))])
        await eventually(lambda: log.told[-1] == ("received", "market", "50"))


async def test_two_connections_do_not_wait_for_each_other() -> None:
    async with carrying() as (sockets, log, url):
        sockets.carry([Connect("market", url), Connect("trading", url)])
        await eventually(lambda: len(log.told) == 2)

        sockets.carry([Send("trading", ("a",)), Send("market", ("b",))])
        await eventually(lambda: len(log.told) == 4)

    assert {("received", "trading", "a"), ("received", "market", "b")} <= set(log.told)


async def test_a_close_is_told_closed_once_and_the_connection_can_be_opened_again() -> None:
    async with carrying() as (sockets, log, url):
        sockets.carry([Connect("market", url)])
        await eventually(lambda: len(log.told) == 1)
        sockets.carry([Close("market", "enough"), Close("market", "twice"), Send("market", ("into the void",))])
        await eventually(lambda: len(log.told) == 2)

        sockets.carry([Connect("market", url)])
        await eventually(lambda: len(log.told) == 3)

    assert log.kinds() == [("opened", "market"), ("closed", "market"), ("opened", "market"), ("closed", "market")]


async def test_a_refused_connection_is_told_closed() -> None:
    log = Log()

    with socket.socket() as held:  # so that nobody else listens on its port
        held.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as tasks:
            sockets = Sockets(tasks, log, lambda: 7)
            sockets.carry([Connect("market", f"ws://127.0.0.1:{held.getsockname()[1]}")])
            await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]
    assert log.told[0][2]


async def test_a_name_that_nobody_knows_is_told_closed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_knows(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    log = Log()

    async with asyncio.TaskGroup() as tasks:
        Sockets(tasks, log, lambda: 7).carry([Connect("market", "wss://venue.example/ws/api/v2")])
        await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]
    assert "Name or service not known" in log.told[0][2]


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example"], ids=["of nobody we trust", "of somebody else"])
async def test_a_certificate_that_is_not_the_venues_is_told_closed_once_and_hears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate(host))
    if host != "127.0.0.1":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    reached: list[ServerConnection] = []

    async def greet(connection: ServerConnection) -> None:
        reached.append(connection)

    log = Log()
    async with serve(greet, "127.0.0.1", 0, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with asyncio.TaskGroup() as tasks:
            Sockets(tasks, log, lambda: 7).carry([Connect("market", f"wss://127.0.0.1:{port}/ws/api/v2")])
            await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]
    assert "certificate verify failed" in log.told[0][2]
    assert reached == []


async def test_over_tls_everything_is_said_at_once_and_the_end_is_a_goodbye(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    goodbyes: list[int | None] = []

    async def converse(server: ServerConnection) -> None:
        await echo(server)
        goodbyes.append(server.close_code)

    log = Log()
    async with serve(converse, "127.0.0.1", 0, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with asyncio.TaskGroup() as tasks:
            sockets = Sockets(tasks, log, lambda: 7)
            sockets.carry([Connect("market", f"wss://127.0.0.1:{port}/ws/api/v2")])
            await eventually(lambda: log.told)
            sockets.carry([Send("market", ("a",))])
            await eventually(lambda: len(log.told) == 2)
            sockets.carry([Send("market", ("b",))])
            await eventually(lambda: len(log.told) == 3)
            sockets.carry([Close("market", "enough")])
            await eventually(lambda: ("closed", "market") in log.kinds() and goodbyes)

    assert [frame for kind, _, frame in log.told if kind == "received"] == ["a", "b"]
    assert goodbyes == [1000]


async def test_a_server_that_is_no_websocket_is_told_closed() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    log = Log()
    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    async with server, asyncio.TaskGroup() as tasks:
        port = server.sockets[0].getsockname()[1]
        Sockets(tasks, log, lambda: 7).carry([Connect("market", f"ws://127.0.0.1:{port}")])
        await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]
    assert "429" in log.told[0][2]


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.2:9/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    log = Log()
    server = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    async with server, asyncio.TaskGroup() as tasks:
        port = server.sockets[0].getsockname()[1]
        sockets = Sockets(tasks, log, lambda: 7)
        sockets.carry([Connect("market", f"ws://127.0.0.1:{port}")])
        await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]
    assert "redirect" in log.told[0][2]


async def test_a_dial_that_nobody_answers_can_be_given_up() -> None:
    log = Log()
    with listening() as port:
        async with asyncio.TaskGroup() as tasks:
            sockets = Sockets(tasks, log, lambda: 7)
            sockets.carry([Connect("market", f"ws://127.0.0.1:{port}")])
            await a_turn()
            sockets.carry([Close("market", "no sign of life")])
            await eventually(lambda: log.told)

    assert log.kinds() == [("closed", "market")]


async def test_the_servers_close_is_told_with_its_code() -> None:
    async def heartbeat_close(server: ServerConnection) -> None:
        await server.close(4000, "heartbeat close")

    async with carrying(heartbeat_close) as (sockets, log, url):
        sockets.carry([Connect("trading", url)])
        await eventually(lambda: len(log.told) == 2)

    assert log.kinds() == [("opened", "trading"), ("closed", "trading")]
    assert "4000" in log.told[1][2]


async def test_a_large_frame_comes_through_and_a_monstrous_one_ends_the_connection() -> None:
    async def shout(server: ServerConnection) -> None:
        await server.send("x" * 2**21)
        await server.send("x" * 2**24)
        await server.wait_closed()

    async with carrying(shout) as (sockets, log, url):
        sockets.carry([Connect("market", url)])
        await eventually(lambda: len(log.told) == 3)

    assert log.kinds() == [("opened", "market"), ("received", "market"), ("closed", "market")]


async def test_a_venue_that_does_not_read_is_cut_off() -> None:
    async def deaf(server: ServerConnection) -> None:
        server.transport.pause_reading()
        await asyncio.wait([asyncio.ensure_future(server.wait_closed())], timeout=0.5)
        server.transport.abort()

    async with carrying(deaf) as (sockets, log, url):
        sockets.carry([Connect("trading", url)])
        await eventually(lambda: len(log.told) == 1)
        frame = "x" * UNSENT_BYTES_MAX
        for _ in range(200):
            sockets.carry([Send("trading", (frame,))])
        await eventually(lambda: len(log.told) == 2)

    assert log.kinds() == [("opened", "trading"), ("closed", "trading")]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_however_much_one_turn_has_to_say_a_venue_that_reads_is_not_cut_off(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def say_much() -> list[str]:
        async with carrying() as (sockets, log, url):
            sockets.carry([Connect("trading", url)])
            await eventually(lambda: log.told)
            sockets.carry([Send("trading", ("x" * UNSENT_BYTES_MAX,))] * 40)
            await eventually(lambda: len(log.told) > 40)
            sockets.carry([Send("trading", ("one more",))])
            await eventually(lambda: len(log.told) > 41)
        return [kind for kind, _ in log.kinds()]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(say_much()) == ["opened", *["received"] * 41, "closed"]


async def test_what_a_listener_raises_ends_the_whole_group() -> None:
    def fail(connection: str, frame: bytes) -> None:
        raise AssertionError("the state is not what it must be")

    with pytest.raises(ExceptionGroup) as raised:
        async with carrying() as (sockets, log, url):
            log.on_frame = fail
            sockets.carry([Connect("market", url)])
            await eventually(lambda: log.told)
            sockets.carry([Send("market", ("1",))])
            await eventually(lambda: False, "the group ends")

    assert raised.group_contains(AssertionError, match="not what it must be")
