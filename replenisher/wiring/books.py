"""Looking at the books: the audit, the database's schema, and what `check` can say before anything is started."""

from pathlib import Path
from typing import Any

from replenisher.config import Config
from replenisher.store import schema
from replenisher.store.database import Database


def accounts_of(config: Config, exchange_id: str | None) -> dict[str, str]:
    """The account key of every venue; on a simulated exchange the exchange's own id is part of it."""
    return {
        name: section.account if exchange_id is None else f"{section.account}@{exchange_id}"
        for name, section in config.venues.items()
    }


def require_database(config: Config) -> None:
    """Refuse a database that cannot be reached or is newer than this program; one that is not there yet is fine."""
    url = config.database_url
    if url.startswith("sqlite") and not _sqlite_file(url).exists():
        return
    schema.require_known(url)


def check(config: Config) -> dict[str, Any]:
    """What would be traded, and where everything would lie. Nothing is started and nothing is written."""
    require_database(config)
    return {
        "configuration": str(config.path),
        "version": config.fingerprint(),
        "mode": config.mode,
        "data_directory": str(config.data_dir),
        "database": Database(config.database_url, must_exist=False).name,
        "starts_exchange": config.starts_exchange,
        "strategies": {
            section.id: f"{section.strategy} on {section.venue}/{section.instrument}" for section in config.strategies
        },
    }


def database_upgrade(config: Config) -> None:
    """Bring the tables to the version that this program knows."""
    url = config.database_url
    if url.startswith("sqlite"):
        _sqlite_file(url).parent.mkdir(parents=True, exist_ok=True)
    schema.upgrade(url)


def database_check(config: Config) -> dict[str, Any]:
    """Whether the tables are those that this program knows; raises if not."""
    schema.check(config.database_url)
    return {"database": Database(config.database_url).name, "schema": "as this program knows it"}


def audit(config: Config, *, allow_empty: bool) -> tuple[dict[str, Any], int]:
    """Our SQL ledger against the exchange's own; the findings and the exit code."""
    raise NotImplementedError


def _sqlite_file(url: str) -> Path:
    return Path(url.partition(":///")[2])
