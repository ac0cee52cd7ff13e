"""Looking at the books: the audit, the database's schema, and what `check` can say before anything is started."""

import errno
import os
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, inspect

from replenisher.config import Config, has_dead_man_switch, require_ready
from replenisher.config.advice import advice
from replenisher.config.priced import listened_to
from replenisher.config.sections import PAPER_KEY, VenueSection
from replenisher.errors import ConfigurationError, Taken
from replenisher.live.sole import is_held
from replenisher.model.units import HOUR_NS
from replenisher.report.audit import Audit
from replenisher.report.audit import audit as compare_books
from replenisher.report.ledger import ExchangeBook, read_ledger
from replenisher.report.uptime import Uptime, read_uptime
from replenisher.report.wire import Key, read_exchange
from replenisher.store import queries, schema, tables
from replenisher.store.database import Database, explained
from replenisher.store.lived import last_life
from replenisher.store.older_copy import refuse_older_copy
from replenisher.store.queries import AccountKey, refuse_other_exchange
from replenisher.wiring.child import exchange_id_of, ledger_of
from replenisher.wiring.ledgers import readable
from replenisher.wiring.offered import require_offered, require_undelivered

TESTNET, PAPER = ".testnet", ".paper"  # no name of an account has a dot
LOOK_AGAIN_S = 2.0  # what a desk that trades has told the exchange and not yet our database is there by then


def accounts_of(config: Config, exchange_id: str | None) -> dict[str, str]:
    """The account key of every venue that we quote on; on the exchange that `run` starts its own id is part of it.

    The money of a testnet is none, and neither is that of an exchange that mode paper finds at an address, which says
    no id. So such an account is another one than that of the same name where money is real.
    """
    return {
        name: f"{section.account}{_ending(config.mode, section, exchange_id)}"
        for name, section in config.quoted_venues.items()
    }


def _ending(mode: str, section: VenueSection, exchange_id: str | None) -> str:
    match mode:
        case "live":
            return ""
        case "testnet":
            return TESTNET
        case _:
            return PAPER if section.url is not None else f"@{exchange_id}"


def require_database(config: Config) -> None:
    """Refuse a database that cannot be used: out of reach, newer than this program or the journal, another exchange's.

    One that is not there yet is fine, if it can be made.
    """
    url = config.database_url
    if url.startswith("sqlite"):
        file = _sqlite_file(url)
        if not file.exists():
            _require_place(config, file)
            return
        _require_writable(file, file)
    with closing(Database(url)) as database, explained(database):
        database.read(schema.refuse_newer)
        database.read(partial(refuse_older_copy, config.data_dir / "journal"))
        if config.starts_exchange:
            database.read(partial(_refuse_other_exchange, config))


def _require_place(config: Config, file: Path) -> None:
    """A database that is not there yet needs a folder; only below the data directory we make it ourselves."""
    folder = file.parent
    if folder.is_relative_to(config.data_dir):
        return
    if not folder.is_dir():
        raise ConfigurationError(f"the database {file} cannot be made: there is no folder {folder}")
    _require_writable(folder, file)


def _require_writable(path: Path, file: Path) -> None:
    """Refuse what may not be written; a folder is asked for a file without a name, for its word is not enough."""
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if path.is_dir():
            tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise ConfigurationError(f"the database {file} cannot be written: {error.strerror}") from error


def _refuse_other_exchange(config: Config, connection: Connection) -> None:
    if not inspect(connection).has_table(tables.lives.name):
        return
    exchange_id = exchange_id_of(config) or "a new one"
    for venue, account in accounts_of(config, exchange_id).items():
        refuse_other_exchange(connection, AccountKey(venue, account))


def check(config: Config) -> dict[str, Any]:
    """What would be traded, and where everything would lie. Nothing is started and nothing is written."""
    require_offered(config)
    require_undelivered(config, time.time_ns())
    require_database(config)
    return {
        "configuration": str(config.path),
        "version": config.fingerprint(),
        "mode": config.mode,
        "data_directory": str(config.data_dir),
        "database": Database(config.database_url, must_exist=False).name,
        "starts_exchange": config.starts_exchange,
        "dead_man_switch": {name: _switch(section) for name, section in config.quoted_venues.items()},
        "only_listened_to": listened_to(config),
        "strategies": {
            section.id: f"{section.strategy} on {section.venue}/{section.instrument}" for section in config.strategies
        },
        "advice": list(advice(config)),
    }


def _switch(section: VenueSection) -> str:
    """What becomes of our orders at a venue when we die."""
    if has_dead_man_switch(section):
        return f"the venue cancels our orders {section.dead_man_switch_s} s after our last sign of life, at the latest"
    return "none: orders of a daemon that dies stay at the venue until its next life, or a hand, cancels them"


def database_upgrade(config: Config) -> None:
    """Bring the tables to the version that this program knows."""
    url = config.database_url
    if url.startswith("sqlite"):
        file = _sqlite_file(url)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"the database {file} cannot be made: {error.strerror}") from error
    schema.upgrade(url)


def database_downgrade(config: Config, revision: str, *, drop_rows: bool) -> str:
    """Take the tables of a development database back to an older version, and say which database that was."""
    if is_held(config.data_dir):
        raise Taken(f"{config.data_dir}: a daemon runs on this data directory and needs its tables, stop it first")
    schema.downgrade(config.database_url, revision, drop_rows=drop_rows)
    return Database(config.database_url).name


def database_check(config: Config) -> dict[str, Any]:
    """Whether the tables are those that this program knows; raises if not."""
    schema.check(config.database_url)
    return {"database": Database(config.database_url).name, "schema": "as this program knows it"}


def audit(config: Config) -> Audit:
    """Our SQL ledger against the exchange's own.

    An exchange that has an address is asked over the wire; of the one that `run` starts the ledger file is read.
    """
    if config.mode != "paper":
        raise ConfigurationError(
            f"{config.path}: in mode {config.mode} there are no books of an exchange to read: `replenisher statement` "
            "holds the ledger against what the venue says"
        )
    is_running = is_held(config.data_dir)
    found = _compared(config, is_running=is_running)
    if not (is_running and found.differences):
        return found
    time.sleep(LOOK_AGAIN_S)
    return _compared(config, is_running=is_running).confirming(found)


def _compared(config: Config, *, is_running: bool) -> Audit:
    """One look into both books, the exchange's first."""
    venue = _audited_venue(config)
    is_asked = config.venues[venue].url is not None
    theirs = _asked_book(config, venue) if is_asked else _filed_book(config, venue)
    with readable(config.database_url) as database:
        if is_asked:
            account = database.read(partial(newest_account, config, venue))
        else:
            account = accounts_of(config, theirs.exchange_id)[venue]
        key = AccountKey(venue, account)
        return database.read(partial(compare_books, key=key, theirs=theirs, is_running=is_running))


def obligations(config: Config, hours: int) -> dict[str, Any]:
    """How every strategy of ours met its obligations in the last hours, at all venues, as the rows say."""
    with readable(config.database_url) as database:
        uptime = database.read(partial(_uptime, config, hours))
    found: dict[str, Any] = msgspec.to_builtins(uptime)
    return found


def _uptime(config: Config, hours: int, connection: Connection) -> Uptime:
    return read_uptime(connection, newest_accounts(config, connection), time.time_ns() - hours * HOUR_NS)


def last_lives(config: Config) -> list[str]:
    """How the last life on these accounts ended: a sentence, or as many as there are accounts of which it differs."""
    with readable(config.database_url) as database:
        return database.read(partial(_last_lives, config))


def _last_lives(config: Config, connection: Connection) -> list[str]:
    lives = (last_life(connection, key) for key in newest_accounts(config, connection))
    return list(dict.fromkeys(f"the last life {life.told}" for life in lives if life is not None))


def _audited_venue(config: Config) -> str:
    """The venue that the simulated exchange stands in for; without such a section, the only one there is."""
    if config.exchange is not None:
        return config.exchange.venue
    if len(config.quoted_venues) > 1:
        raise ConfigurationError(f"{config.path}: exchange.venue is missing, it says which of the venues is audited")
    return next(iter(config.quoted_venues))


def _filed_book(config: Config, venue: str) -> ExchangeBook:
    ledger_file = Path(ledger_of(config))
    if config.exchange is None or not ledger_file.is_file():
        raise ConfigurationError(f"there is no ledger of an exchange to compare with: {ledger_file}")
    return read_ledger(ledger_file, config.venues[venue].account)


def _asked_book(config: Config, venue: str) -> ExchangeBook:
    require_ready(config)  # no key reaches a host that is not allowed
    section = config.venues[venue]
    assert section.url is not None, "an exchange without an address is not asked"
    key = Key(PAPER_KEY, PAPER_KEY)
    if section.api_key is not None and section.api_secret is not None:
        key = Key(section.api_key.get_secret_value(), section.api_secret.get_secret_value())
    return read_exchange(section.url, key)


def newest_accounts(config: Config, connection: Connection) -> list[AccountKey]:
    """The account that we traded on last at each venue that we quote on."""
    return [AccountKey(venue, newest_account(config, venue, connection)) for venue in config.quoted_venues]


def newest_account(config: Config, venue: str, connection: Connection) -> str:
    """The account key under which we traded last: an exchange's id may be part of it, which the wire does not tell."""
    if config.mode != "paper":
        return accounts_of(config, None)[venue]
    name = config.venues[venue].account
    at_an_address = f"{name}{PAPER}"
    held = queries.accounts(connection, venue)
    return next((key for key in held if key == at_an_address or key.startswith(f"{name}@")), at_an_address)


def _sqlite_file(url: str) -> Path:
    return Path(url.partition(":///")[2])
