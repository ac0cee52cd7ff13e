"""The operator's door: a unix socket in the data directory; one JSON line asks, one JSON line answers.

Whoever opens it is the directory's `sole_daemon`: a socket file that is already there belongs to one that died, and is
replaced.

A request is `{"verb": ...}`, of `resume` with its `reason`; an answer is whatever the daemon says, or
`{"error": sentence}`. `stop` is answered twice: at once, and with the last word when the daemon has stopped.
"""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from replenisher.errors import ConfigurationError, ReplenisherError

Request = dict[str, Any]
Answer = dict[str, Any]

VERBS = ("status", "pause", "resume", "cancel-all", "stop")
SOCKET = "control.sock"
SOCKET_PATH_BYTES_MAX = 100  # of about 108 that the system has room for
REQUEST_TIMEOUT_S = 10.0
FAREWELL_TIMEOUT_S = 2.0
LOOK_S = 0.05  # how often whoever waits looks again
ENDED_SILENTLY = "the daemon ended without an answer: look at the venue for what may still rest there"


class NoDaemon(ReplenisherError):
    """Nobody answers on a data directory."""


class Door:
    """Answers the operator while the daemon runs. `handle` gets every request with a known verb."""

    def __init__(self, data_dir: Path, handle: Callable[[Request], Answer]) -> None:
        self._data_dir = data_dir
        self._handle = handle
        self._visits: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to answer. The caller holds `sole_daemon`."""
        self._last_word: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        listener = _listen(self._data_dir)
        self._server = await asyncio.start_unix_server(self._visit, sock=listener)

    async def close(self, last_word: Answer | None = None) -> None:
        """Tell those who asked to stop how it ended, and answer nobody any more."""
        self._server.close()
        self._last_word.set_result(last_word if last_word is not None else {})
        if self._visits:
            _, late = await asyncio.wait(self._visits, timeout=FAREWELL_TIMEOUT_S)
            for visit in late:
                visit.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._server.wait_closed()
        (self._data_dir / SOCKET).unlink(missing_ok=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None, "a connection is served by a task"
        self._visits.add(visit)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await reader.readline()
                answer, is_stop = self._answer(request)
                await _say(writer, answer)
            if is_stop:
                # Shielded, because one impatient operator must not take the last word from the others.
                await _say(writer, await asyncio.shield(self._last_word))
        except (OSError, TimeoutError, ValueError):  # gone, silent, or a line without an end
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._visits.discard(visit)

    def _answer(self, line: bytes) -> tuple[Answer, bool]:
        """The answer to one request, and whether a last word is to follow."""
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.DecodeError:
            return {"error": 'a request is one line of JSON, such as {"verb": "status"}'}, False
        verb = request.get("verb")
        if verb not in VERBS:
            return {"error": f"verb: {verb!r} is not allowed, it must be one of: {', '.join(VERBS)}"}, False
        try:
            return self._handle(request), verb == "stop"
        except ReplenisherError as error:
            return {"error": str(error)}, False


def ask(data_dir: Path, verb: str, *, timeout_s: float = REQUEST_TIMEOUT_S, **more: str) -> Answer:
    """The answer of the daemon that runs on `data_dir`; of `stop`, its last word."""
    try:
        with _connect(data_dir, timeout_s) as connection, connection.makefile("rb") as lines:
            connection.sendall(msgspec.json.encode({"verb": verb, **more}) + b"\n")
            answer = _read(lines.readline())
            return _read(lines.readline()) if verb == "stop" else answer
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NoDaemon(f"no daemon runs on {data_dir}") from None
    except ConnectionError:
        raise ReplenisherError(ENDED_SILENTLY) from None
    except TimeoutError:
        raise ReplenisherError(f"the daemon on {data_dir} did not answer {verb} within {timeout_s:g} s") from None
    except OSError as error:
        raise ReplenisherError(f"the daemon on {data_dir} cannot be asked: {error.strerror}") from None


def take_down(data_dir: Path, verb: str, *, timeout_s: float = REQUEST_TIMEOUT_S) -> Answer:
    """Ask for a pause, and wait until nothing rests any more; `left` is what may, when patience is at its end."""
    answer = ask(data_dir, verb, timeout_s=timeout_s)
    deadline = time.monotonic() + timeout_s
    while (left := _may_rest(status := ask(data_dir, "status"))) or not status["pauses"]:
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    return answer | {"left": left}


def _may_rest(status: Answer) -> list[str]:
    return sorted(str(order["order_id"]) for order in status["ladder"])


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()


def _read(line: bytes) -> Answer:
    if not line.endswith(b"\n"):
        raise ReplenisherError(ENDED_SILENTLY)
    answer = msgspec.json.decode(line, type=Answer)
    if "error" in answer:
        raise ReplenisherError(str(answer["error"]))
    return answer


def _listen(data_dir: Path) -> socket.socket:
    """A listening socket that only its owner can open, instead of one that a dead daemon left."""
    path = data_dir / SOCKET
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigurationError(f"{path}: this is not a socket, and so not ours: move it away")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as short:
            listener.bind(short)
        path.chmod(0o600)  # nobody can connect before this: it does not listen yet
        listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _connect(data_dir: Path, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        with _short(data_dir / SOCKET) as short:
            connection.connect(short)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket address: a long one goes through a descriptor of its directory."""
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        descriptor = Path("/proc/self/fd") / str(directory)
        if not descriptor.exists():
            raise ConfigurationError(f"{path.parent}: this path is too long for a socket, set REPLENISHER_DATA_DIR")
        yield str(descriptor / path.name)
    finally:
        os.close(directory)
