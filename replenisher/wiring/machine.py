"""This machine, as the doctor sees it: the data directory, who holds it, the journal, the disk and the database."""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, inspect

from replenisher.config import Config
from replenisher.errors import ConfigurationError, ReplenisherError, Taken, Unreachable
from replenisher.live.accepted import alarms, reasons
from replenisher.live.control import ask
from replenisher.live.sole import sole_daemon
from replenisher.live.stated import kept
from replenisher.model.command import Halt, Pause
from replenisher.model.units import SECOND_NS
from replenisher.store import halts, leases, schema, tables
from replenisher.store.database import Database, explained
from replenisher.store.halts import Standing
from replenisher.store.moment import moment
from replenisher.store.segments import segments
from replenisher.venues.doctor import Finding, Light
from replenisher.wiring.books import accounts_of, require_database
from replenisher.wiring.child import exchange_id_of
from replenisher.wiring.memory import latches

MACHINE = "this machine"
MB, GB = 10**6, 10**9
DISK_RED_BYTES, DISK_AMBER_BYTES = 200 * MB, 2 * GB


def about_machine(config: Config) -> Iterator[Finding]:
    """What a life of the daemon would stand on."""
    yield _data_directory(config)
    yield _disk(config)
    journal, here = _journal(config)
    yield journal
    yield (database := _database(config))
    standing: tuple[Standing, ...] = ()
    if database.light is Light.GREEN:
        found, standing = _accounts(config)
        yield from found
    yield from _latched(standing, here)
    yield from _statements(config)


def _data_directory(config: Config) -> Finding:
    """Whether a daemon could hold it. The daemon of this very configuration is no stranger."""
    directory = config.data_dir
    place = _existing(directory)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        advice = "let this user write there, or set REPLENISHER_DATA_DIR"
        return _found("data directory", Light.RED, f"{directory} cannot be made or written", advice)
    if place != directory:
        return _found("data directory", Light.GREEN, f"{_short(directory)}, `run` makes it")
    try:
        with sole_daemon(directory):
            return _found("data directory", Light.GREEN, f"{_short(directory)}, no daemon runs on it")
    except Taken:
        return _in_use(config, directory)


def _in_use(config: Config, directory: Path) -> Finding:
    try:
        answer: dict[str, Any] = ask(directory, "status")
    except ReplenisherError:
        advice = "end the process that holds it, or set REPLENISHER_DATA_DIR"
        return _found("data directory", Light.RED, f"another process holds {directory} and does not answer", advice)
    if answer.get("config_version") == config.fingerprint():
        return _found("data directory", Light.GREEN, f"{_short(directory)}, a daemon trades on it as configured")
    advice = "stop that daemon, or set REPLENISHER_DATA_DIR for this one"
    return _found("data directory", Light.RED, f"another daemon uses {directory}, by another configuration", advice)


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(_existing(config.data_dir)).free
    light = Light.RED if free < DISK_RED_BYTES else Light.AMBER if free < DISK_AMBER_BYTES else Light.GREEN
    advice = "" if light is Light.GREEN else "make room: when the journal cannot be written, trading stops"
    return _found("disk", light, f"{free / GB:,.1f} GB free", advice)


def _journal(config: Config) -> tuple[Finding, list[Halt | Pause]]:
    """Whether what the next life would start from can be read, and what of it would keep that from quoting."""
    directory = config.data_dir / "journal"
    try:
        known = segments(directory)
        size = sum(segment.size for segment in known)
        here = latches(config)
    except (ReplenisherError, OSError) as error:
        advice = "move the journal away and look what the venue says of orders and positions before trading"
        return _found("journal", Light.RED, str(error), advice), []
    if not known:
        return _found("journal", Light.GREEN, "none yet"), []
    what = f"{len(known)} segment{'s' if len(known) > 1 else ''} of {size / MB:,.1f} MB"
    kept = f"{config.journal.keep_days} days are kept, fsync {config.journal.fsync}"
    return _found("journal", Light.GREEN, f"{what}, {kept}"), here


def _database(config: Config) -> Finding:
    name = Database(config.database_url, must_exist=False).name
    if (file := Path(name.partition(":///")[2])).is_relative_to(config.data_dir):
        name = f"{file.relative_to(config.data_dir)} in the data directory"
    try:
        require_database(config)
    except Unreachable as error:
        advice = "start the database, or correct database.url"
        return _found("database", Light.RED, str(error), advice, is_unreachable=True)
    except ConfigurationError as error:
        advice = "use the program and the data that belong to this database, or name another as database.url"
        return _found("database", Light.RED, str(error), advice)
    if not _is_there(config.database_url):
        return _found("database", Light.GREEN, f"{name}, `run` makes it")
    try:
        schema.check(config.database_url)
    except ConfigurationError:
        return _found("database", Light.GREEN, f"{name}, older; `run` upgrades it")
    return _found("database", Light.GREEN, f"{name}, up to date")


def _accounts(config: Config) -> tuple[list[Finding], tuple[Standing, ...]]:
    """What the database knows of the accounts: who may trade on each, and what has halted everybody there."""
    exchange_id = exchange_id_of(config) or "a new one" if config.starts_exchange else None
    accounts = accounts_of(config, exchange_id)
    now, rows, standing = 0, dict[str, Any](), tuple[Standing, ...]()
    if _is_there(config.database_url):
        with closing(Database(config.database_url)) as database, explained(database):
            now, rows, standing = database.read(
                lambda connection: (
                    database.now(connection),
                    _rows(connection, accounts),
                    halts.standing(connection, accounts) if _has(connection, tables.halts) else (),
                )
            )
    return [_lease(config, f"lease {venue}", rows.get(venue), now) for venue in accounts], standing


def _rows(connection: Connection, accounts: Mapping[str, str]) -> dict[str, Any]:
    if not _has(connection, tables.leases):
        return {}
    return {venue: leases.standing(connection, venue, account) for venue, account in accounts.items()}


def _has(connection: Connection, table: Table) -> bool:
    return inspect(connection).has_table(table.name)


def _latched(standing: Sequence[Standing], here: Sequence[Halt | Pause]) -> Iterator[Finding]:
    """What keeps a life from quoting: it ends at once for a halt, and shows nothing while it is paused.

    An account may have been halted with whatever data directory. What no recorder has brought to the database yet the
    journal says; and it alone knows of every pause.
    """
    halts = {halt.cause: halt.reason for halt in here if isinstance(halt, Halt)}
    halts |= {halt.cause: f"{halt.reason}, on {moment(halt.at)} UTC" for halt in standing}
    if halts:
        advice = 'find out why, then `replenisher resume --reason "…"`'
        yield _found("halts", Light.RED, "; ".join(halts.values()), advice)
    pauses = [_paused(pause) for pause in here if isinstance(pause, Pause)]
    if pauses:
        yield _found("pauses", Light.AMBER, "; ".join(pauses), "`replenisher resume` ends what does not end by itself")


def _paused(pause: Pause) -> str:
    who = pause.strategy or "everything"
    until = f"{moment(pause.until)} UTC" if pause.until else "an operator resumes"
    return f"{who} is paused until {until}: {pause.reason}"


def _statements(config: Config) -> Iterator[Finding]:
    """What the days that are over have come to, if any was stated."""
    stated = kept(config.data_dir)
    if left := alarms(config.data_dir, stated):
        advice = (
            "compare with the venue's own list of that time; `replenisher statement` with its --day tells more, "
            "and with --accept that you live with it"
        )
        yield _found("statement", Light.AMBER, "; ".join(left), advice)
    elif stated:
        why = reasons(config.data_dir, stated)[-1]
        told = f"{stated[-1].told}; accepted: {why}" if why else stated[-1].told
        yield _found("statement", Light.GREEN, f"{stated[-1].day}: {told}")


def _lease(config: Config, check: str, row: Any, now: int) -> Finding:
    if row is None:
        return _found(check, Light.GREEN, "nobody has traded on this account yet")
    if row.until <= now:
        return _found(check, Light.GREEN, f"free; the last one had epoch {row.epoch}")
    who = f"{leases.whereabouts(row)}, epoch {row.epoch}, nobody else's for {(row.until - now) / SECOND_NS:.0f} s"
    if (row.host, row.data_directory) == (socket.gethostname(), str(config.data_dir)):
        return _found(check, Light.GREEN, who)
    return _found(check, Light.RED, who, "stop it before `run`; if it is dead, wait until its lease has run out")


def _is_there(url: str) -> bool:
    """A server is there once it answered; a file may still have to be made."""
    scheme, _, file = url.partition(":///")
    return not scheme.startswith("sqlite") or Path(file).exists()


def _short(path: Path) -> Path:
    """A path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _found(check: str, light: Light, found: str, advice: str = "", *, is_unreachable: bool = False) -> Finding:
    return Finding(about=MACHINE, check=check, light=light, found=found, advice=advice, is_unreachable=is_unreachable)
