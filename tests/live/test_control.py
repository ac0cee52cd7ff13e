"""The operator's door: who may come in, what is answered, and what a dead daemon leaves behind."""

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.live.control import SOCKET, Answer, Door, Request, ask


def echo(request: Request) -> Answer:
    return {"heard": request["verb"]}


async def in_thread(call: Callable[[], Answer]) -> Answer:
    return await asyncio.get_running_loop().run_in_executor(None, call)


def is_empty(directory: Path) -> bool:
    return not list(directory.iterdir())


async def with_door(data_dir: Path, story: Callable[[], Awaitable[None]], last_word: Answer | None = None) -> None:
    door = Door(data_dir, echo)
    await door.open()
    try:
        await story()
    finally:
        await door.close(last_word)


@pytest.mark.parametrize("verb", ["status", "pause", "resume", "cancel-all"])
async def test_a_verb_is_handed_over_and_its_answer_comes_back(tmp_path: Path, verb: str) -> None:
    async def story() -> None:
        answer = await in_thread(lambda: ask(tmp_path, verb))

        assert answer == {"heard": verb}

    await with_door(tmp_path, story)


async def test_only_the_owner_can_open_the_door_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    async def story() -> None:
        mode = (tmp_path / SOCKET).stat().st_mode

        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600

    await with_door(tmp_path, story)

    assert is_empty(tmp_path)


async def test_who_asks_to_stop_is_told_how_it_ended(tmp_path: Path) -> None:
    both_asked = asyncio.Barrier(3)

    def stop(_request: Request) -> Answer:
        waiting.append(asyncio.create_task(both_asked.wait()))
        return {"stopping": True}

    waiting: list[asyncio.Task[int]] = []
    door = Door(tmp_path, stop)
    await door.open()
    operators = [asyncio.create_task(in_thread(lambda: ask(tmp_path, "stop"))) for _ in range(2)]
    await both_asked.wait()

    await door.close({"exit_code": 0, "open_orders": 0})

    assert await asyncio.gather(*operators) == [{"exit_code": 0, "open_orders": 0}] * 2


async def test_a_daemon_that_ends_without_a_last_word_is_not_taken_for_a_clean_stop(tmp_path: Path) -> None:
    async def end_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"stopping": true}\n')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(end_at_once, tmp_path / SOCKET)

    with pytest.raises(ReplenisherError, match="ended without an answer"):
        await in_thread(lambda: ask(tmp_path, "stop"))

    server.close()
    await server.wait_closed()


async def test_a_verb_that_fails_is_an_error_with_its_sentence(tmp_path: Path) -> None:
    def refuse(_request: Request) -> Answer:
        raise ReplenisherError("cannot resume: the daily loss limit holds")

    door = Door(tmp_path, refuse)
    await door.open()

    with pytest.raises(ReplenisherError, match="the daily loss limit holds"):
        await in_thread(lambda: ask(tmp_path, "resume"))

    await door.close()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"status\n", "a request is one line of JSON"),
        (b"[1]\n", "a request is one line of JSON"),
        (b'{"verb": "buy"}\n', "verb: 'buy' is not allowed"),
        (b"{}\n", "verb: None is not allowed"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_and_harms_nobody(
    tmp_path: Path, line: bytes, sentence: str
) -> None:
    async def story() -> None:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        writer.write(line)
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()

        assert sentence in answer["error"]
        assert await in_thread(lambda: ask(tmp_path, "status")) == {"heard": "status"}

    await with_door(tmp_path, story)


async def test_a_visitor_who_says_nothing_or_too_much_keeps_nobody_out(tmp_path: Path) -> None:
    async def story() -> None:
        _, silent = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        endless_reader, endless = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        endless.write(b"x" * 200_000)

        assert await in_thread(lambda: ask(tmp_path, "status")) == {"heard": "status"}
        with suppress(ConnectionError):  # hung up on, with what it said unread
            assert await endless_reader.read() == b""
        for writer in (silent, endless):
            writer.transport.abort()

    await with_door(tmp_path, story)


def test_without_a_daemon_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReplenisherError, match="no daemon runs on"):
        ask(tmp_path / "missing", "status")

    with pytest.raises(ReplenisherError, match="no daemon runs on"):
        ask(tmp_path, "status")


async def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / SOCKET))
    dead.close()
    with pytest.raises(ReplenisherError, match="no daemon runs on"):
        ask(tmp_path, "status")

    async def story() -> None:
        assert await in_thread(lambda: ask(tmp_path, "status")) == {"heard": "status"}

    await with_door(tmp_path, story)


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / SOCKET).write_text("mine")

    with pytest.raises(ConfigurationError, match="not a socket"):
        await Door(tmp_path, echo).open()

    assert (tmp_path / SOCKET).read_text() == "mine"


async def test_a_path_too_long_for_a_socket_works_all_the_same(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * 120)
    data_dir.mkdir()

    async def story() -> None:
        assert await in_thread(lambda: ask(data_dir, "status")) == {"heard": "status"}
        assert stat.S_IMODE((data_dir / SOCKET).stat().st_mode) == 0o600

    await with_door(data_dir, story)

    assert is_empty(data_dir)
