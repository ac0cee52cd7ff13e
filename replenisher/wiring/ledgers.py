"""Which ledger is meant: that of a configuration, or a database that is named itself, for who reads rows alone."""

from pathlib import Path

from replenisher.config import Config, load
from replenisher.errors import ConfigurationError
from replenisher.store.schema import require_same

SQLITE_HEAD = b"SQLite format 3\0"


def ledger_named(source: str) -> tuple[Config | None, str]:
    """The configuration, if it is one, and the URL of the database: of a configuration, or SQLite's file, or a URL.

    A database whose rows we cannot read is refused.
    """
    config, url = _named(source)
    require_same(url)
    return config, url


def _named(source: str) -> tuple[Config | None, str]:
    if "://" in source:
        return None, source
    if _is_sqlite(Path(source)):
        return None, f"sqlite:///{Path(source).absolute()}"
    config = load(Path(source))
    return config, config.database_url


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
