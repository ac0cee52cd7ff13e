"""One database: how to reach it, one unit of work at a time, and the version of its schema.

SQLite is opened so that one writer and any number of readers do not wait for each other. Whoever only reads changes
no byte of the file. A database belongs to the thread that uses it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from replenisher.errors import ConfigurationError, Unreachable

T = TypeVar("T")
BUSY_TIMEOUT_MS = 5_000
Insert = sqlite.Insert | postgresql.Insert


class Database:
    """Where the ledger lies. `read` and `write` run one transaction each."""

    def __init__(self, url: str, *, must_exist: bool = True, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        parsed = _parsed(url)
        self.url = url
        self.name = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite" and must_exist and not Path(str(parsed.database)).is_file():
            raise Unreachable(f"there is no database {self.name}; `replenisher db upgrade` makes one")
        try:
            dialect = parsed.get_dialect()
            if dialect.is_async:  # whether its driver is installed or not
                fault = f"{dialect.driver} only works asynchronously"
                raise ConfigurationError(f"database.url: {self.name} cannot be used here: {fault}")
            self._engine: Engine = create_engine(
                parsed, json_serializer=_to_json, json_deserializer=msgspec.json.decode
            )
        except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as error:
            raise ConfigurationError(f"database.url: {self.name} cannot be used here: {error}") from error
        if self._engine.dialect.name == "sqlite":
            _teach_sqlite(self._engine, busy_timeout_ms)

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds, all of it as of one moment."""
        with self._engine.connect() as connection, connection.begin():
            return work(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and commit it as a whole, or nothing of it."""
        with self._engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                return work(connection)

    def prepare(self) -> None:
        """Let readers and the writer of an SQLite file work at the same time; the file remembers it."""
        if self._engine.dialect.name == "sqlite":
            connection = self._engine.raw_connection()
            connection.cursor().execute("PRAGMA journal_mode=WAL")
            connection.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Turn what a driver says at the start into one sentence for the operator."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unreachable(f"the database {database.name} cannot be reached: {error.orig}") from error
    except DBAPIError as error:
        raise ConfigurationError(f"{database.name} is not a database of replenisher: {error.orig}") from error
    except (sqlite3.Error, OSError) as error:
        raise Unreachable(f"the database {database.name} cannot be reached: {error}") from error


def inserting(connection: Connection, table: Table) -> Insert:
    """An insert that can say what happens when the row is there already."""
    match connection.dialect.name:
        case "sqlite":
            return sqlite.insert(table)
        case "postgresql":
            return postgresql.insert(table)
        case other:
            raise ConfigurationError(f"database.url: {other} is not supported, only sqlite and postgresql are")


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"database.url: {url!r} is not the URL of a database") from error


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _teach_sqlite(engine: Engine, busy_timeout_ms: int) -> None:
    """Transactions that hold what they promise, table changes included; the driver's own begin too late."""

    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: one that began by reading could not wait for it.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)
