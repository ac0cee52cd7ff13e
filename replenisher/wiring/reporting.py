"""Looking back: which accounts a report or a statement is about."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Connection

from replenisher.config import Config
from replenisher.errors import Unreachable, UsageError
from replenisher.live import accepted as saved
from replenisher.report.report import Report, read_report
from replenisher.report.statement import Statement, borders, read_statement
from replenisher.report.statement_page import verdict
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey
from replenisher.wiring.books import newest_accounts
from replenisher.wiring.ledgers import ledger_named, readable
from replenisher.wiring.waiting import rows_wait

Progress = Callable[[int, int], None]


def report(source: str, progress: Progress, period: Period) -> Report:
    """The report on a configuration's accounts, or on all that a database has."""
    with _ledger(source) as (config, database):
        return database.read_beside(lambda one, beside: read_report(one, beside, _keys(config, one), period, progress))


def unread(source: str, period: Period) -> str:
    """What the ledger lacks of a time that is over, or of a desk that has ended, in a sentence; empty if nothing."""
    is_past = period.is_over(time.time_ns())
    with _ledger(source) as (config, database):
        return "" if config is None else rows_wait(config, database, period.until if is_past else None)


def statement(source: str, day: date, progress: Progress) -> Statement:
    """The statement of a day of the same accounts; of one that is over, once all its rows are there."""
    now = time.time_ns()
    with _ledger(source) as (config, database):
        if config is not None and (ends := borders(day)[1]) <= now and (why := rows_wait(config, database, ends)):
            raise Unreachable(f"{day} is not stated yet: {why}")
        return database.read(
            lambda connection: read_statement(connection, _keys(config, connection), day, now, progress)
        )


def accept(source: str, found: Statement, why: str) -> None:
    """An operator lives with what this statement does not explain."""
    config, _ = ledger_named(source)
    if config is None:
        raise UsageError("the command line: --accept: it is kept in a data directory, so name the configuration")
    if found.is_explained or not found.is_over:
        raise UsageError(f"the command line: --accept: {found.day} is {'explained' if found.is_over else 'not over'}")
    saved.accept(config.data_dir, saved.Accepted(date.fromisoformat(found.day), verdict(found), why))


@contextmanager
def _ledger(source: str) -> Iterator[tuple[Config | None, Database]]:
    config, url = ledger_named(source)
    with readable(url) as database:
        yield config, database


def _keys(config: Config | None, connection: Connection) -> list[AccountKey]:
    return history.account_keys(connection) if config is None else newest_accounts(config, connection)
