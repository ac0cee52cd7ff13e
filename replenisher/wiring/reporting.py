"""Looking back: which database a report is made of, and which accounts in it."""

from collections.abc import Callable
from contextlib import closing
from functools import partial

from sqlalchemy import Connection

from replenisher.config import Config
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database, explained
from replenisher.store.queries import AccountKey
from replenisher.wiring.books import newest_account
from replenisher.wiring.ledgers import ledger_named

Progress = Callable[[int, int], None]


def report(source: str, progress: Progress) -> Report:
    """The report on a configuration's accounts, or on all that a database has: a file of SQLite's, or a URL."""
    config, url = ledger_named(source)
    with closing(Database(url)) as database, explained(database):
        return database.read(partial(_read, config, progress))


def _read(config: Config | None, progress: Progress, connection: Connection) -> Report:
    if config is None:
        keys = history.account_keys(connection)
    else:
        keys = [AccountKey(venue, newest_account(config, venue, connection)) for venue in config.venues]
    return read_report(connection, keys, progress)
