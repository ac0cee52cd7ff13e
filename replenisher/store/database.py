"""One database: how to reach it, and one unit of work at a time.

SQLite and PostgreSQL keep the same promises: one writer at a time and any number of readers, who do not wait for each
other. Whoever only reads changes no byte. A database belongs to the thread that uses it, and so does each connection.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from typing import TypeVar

import msgspec
from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.store import postgresql, sqlite
from replenisher.store.columns import to_json

T = TypeVar("T")
BUSY_TIMEOUT_MS = 5_000


class Database:
    """Where the ledger lies. `read` and `write` run one transaction each."""

    def __init__(self, url: str, *, must_exist: bool = True, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        parsed = _parsed(url)
        self.url = url
        self.name = parsed.render_as_string(hide_password=True)
        json = {"json_serializer": to_json, "json_deserializer": msgspec.json.decode}
        self._engine: Engine
        match parsed.get_backend_name():
            case "sqlite":
                self._engine = sqlite.engine_of(parsed, must_exist=must_exist, busy_timeout_ms=busy_timeout_ms, **json)
            case "postgresql":
                self._engine = postgresql.engine_of(parsed, lock_timeout_ms=busy_timeout_ms, **json)
            case other:
                raise ConfigurationError(f"database.url: {other} is not supported, only sqlite and postgresql are")

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds, all of it as of one moment."""
        with self._engine.connect() as connection, connection.begin():
            return work(connection)

    def read_beside(self, work: Callable[[Connection, Connection], T]) -> T:
        """The same with two connections, as of one moment: another thread may wait for long answers on the second."""
        agree = sqlite.agree if self.dialect == "sqlite" else postgresql.agree
        with self._engine.connect() as connection, self._engine.connect() as beside:
            agree(connection, beside)
            return work(connection, beside)

    def now(self, connection: Connection) -> int:
        """The time by the database's own clock, which all who share it share: a server's, or this machine's."""
        if self.dialect == "sqlite":
            return time.time_ns()
        return postgresql.now(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and commit it as a whole, or nothing of it."""
        with self._engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                return work(connection)

    def settle(self) -> None:
        """Have on the disk itself what was committed, as it is at once on a server."""
        if self.dialect == "sqlite":
            sqlite.settle(self._engine)

    def prepare(self) -> None:
        """Let readers and the writer of an SQLite file work at the same time."""
        if self.dialect == "sqlite":
            sqlite.prepare(self._engine)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def said(error: BaseException) -> str:
    """Why a unit of work failed, in the words of who refused it, on one line."""
    sentence = postgresql.said(error) if isinstance(error, DBAPIError) else str(error)
    return sentence.splitlines()[0] if sentence else type(error).__name__


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Turn what a driver says at the start into one sentence for the operator."""
    try:
        yield
    except DBAPIError as error:
        if database.dialect == "postgresql":
            raise postgresql.fault(database.name, error) from error
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_CANTOPEN:
            raise ConfigurationError(f"the database {database.name} cannot be opened: {error.orig}") from error
        if isinstance(error, OperationalError | InterfaceError):
            raise Unreachable(f"the database {database.name} cannot be reached: {error.orig}") from error
        raise ConfigurationError(f"{database.name} is not a database of replenisher: {error.orig}") from error
    except SSLCertVerificationError as error:
        told = f"its certificate is not trusted: {error.verify_message}"
        raise ConfigurationError(f"the database {database.name} cannot be used: {told}") from error
    except (sqlite3.Error, OSError) as error:
        raise Unreachable(f"the database {database.name} cannot be reached: {error}") from error


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # a word where the port should be, and the like
        scheme = url.partition("://")[0]
        raise ConfigurationError(f"database.url: what begins with {scheme!r} is not the URL of a database") from error
