"""How an SQLite file is opened: one writer and any number of readers, who do not wait for each other."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from replenisher.errors import ConfigurationError


def engine_of(url: URL, *, must_exist: bool, busy_timeout_ms: int, **options: Any) -> Engine:
    """Connections whose transactions hold what they promise, table changes included; the driver's begin too late."""
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"database.url: {url.drivername} cannot be used here, write sqlite:///FILE")
    if must_exist and not Path(str(url.database)).is_file():
        raise ConfigurationError(f"there is no database {url}: the first `run` makes it")
    made = create_engine(url, **options)

    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(made, "connect", configure)
    event.listen(made, "begin", _begin)
    return made


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: one that began by reading could not wait for it.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def agree(one: Connection, other: Connection) -> None:
    """Two readers see one moment: that of the second lies between two looks of the first, and nobody wrote meanwhile.

    A look begins a transaction, and says whether others have committed since this connection looked before.
    """
    while True:
        before = _version(one)
        one.rollback()
        _version(other)
        if _version(one) == before:
            return
        one.rollback()
        other.rollback()


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def settle(engine: Engine) -> None:
    """Bring to the disk itself what was committed: the log holds it, which SQLite syncs only when it has grown long."""
    log = Path(f"{engine.url.database}-wal")
    for path in (log, log.parent):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # all of it is in the database
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def prepare(engine: Engine) -> None:
    """Let readers and the writer work at the same time; the file remembers it."""
    connection = engine.raw_connection()
    connection.cursor().execute("PRAGMA journal_mode=WAL")
    connection.close()
