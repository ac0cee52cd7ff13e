"""Looking back: which accounts a report or a statement is about."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection

from replenisher.config import Config
from replenisher.errors import ConfigurationError
from replenisher.live import accepted as saved
from replenisher.report.report import Report, read_report
from replenisher.report.statement import Statement, read_statement
from replenisher.report.statement_page import verdict
from replenisher.store import history
from replenisher.store.database import Database, explained
from replenisher.store.queries import AccountKey
from replenisher.wiring.books import newest_account
from replenisher.wiring.ledgers import ledger_named

T = TypeVar("T")
Progress = Callable[[int, int], None]


def report(source: str, progress: Progress) -> Report:
    """The report on a configuration's accounts, or on all that a database has."""
    return _read(source, lambda connection, keys: read_report(connection, keys, progress))


def statement(source: str, day: date, progress: Progress) -> Statement:
    """The statement of a day of the same accounts."""
    now = time.time_ns()
    return _read(source, lambda connection, keys: read_statement(connection, keys, day, now, progress))


def accept(source: str, found: Statement, why: str) -> None:
    """An operator lives with what this statement does not explain."""
    config, _ = ledger_named(source)
    if config is None:
        raise ConfigurationError(
            "the command line: --accept: it is kept in a data directory, so name the configuration"
        )
    if found.is_explained or not found.is_over:
        raise ConfigurationError(
            f"the command line: --accept: {found.day} is {'explained' if found.is_over else 'not over'}"
        )
    saved.accept(config.data_dir, saved.Accepted(date.fromisoformat(found.day), verdict(found), why))


def _read(source: str, work: Callable[[Connection, list[AccountKey]], T]) -> T:
    config, url = ledger_named(source)
    with closing(Database(url)) as database, explained(database):
        return database.read(lambda connection: work(connection, _keys(config, connection)))


def _keys(config: Config | None, connection: Connection) -> list[AccountKey]:
    if config is None:
        return history.account_keys(connection)
    return [AccountKey(venue, newest_account(config, venue, connection)) for venue in config.quoted_venues]
