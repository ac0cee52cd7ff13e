"""Looking back: which database a report is made of, and which accounts in it."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from replenisher.config import Config, load
from replenisher.errors import ConfigurationError
from replenisher.report.report import Report, read_report
from replenisher.store import history, schema
from replenisher.store.database import Database, explained
from replenisher.store.queries import AccountKey
from replenisher.wiring.books import newest_account

SQLITE_HEAD = b"SQLite format 3\0"
Progress = Callable[[int, int], None]


def report(source: str, progress: Progress) -> Report:
    """The report on a configuration's accounts, or on all that a database has: a file of SQLite's, or a URL."""
    config = None if _is_database(source) else load(Path(source))
    url = config.database_url if config is not None else _url(source)
    schema.require_same(url)
    with closing(Database(url)) as database, explained(database):
        return database.read(partial(_read, config, progress))


def _read(config: Config | None, progress: Progress, connection: Connection) -> Report:
    if config is None:
        keys = history.account_keys(connection)
    else:
        keys = [AccountKey(venue, newest_account(config, venue, connection)) for venue in config.venues]
    return read_report(connection, keys, progress)


def _is_database(source: str) -> bool:
    if "://" in source:
        return True
    try:
        with Path(source).open("rb") as file:
            return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
    except OSError as error:
        raise ConfigurationError(f"{source}: cannot be read: {error.strerror}") from None


def _url(source: str) -> str:
    return source if "://" in source else f"sqlite:///{Path(source).absolute()}"
