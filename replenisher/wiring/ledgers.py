"""Which ledger is meant: that of a configuration, or a database that is named itself, for who reads rows alone."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from replenisher.config import Config, load
from replenisher.errors import ConfigurationError
from replenisher.store.database import Database, explained
from replenisher.store.schema import require_same

SQLITE_HEAD = b"SQLite format 3\0"


def ledger_named(source: str) -> tuple[Config | None, str]:
    """The configuration, if it is one, and the URL of the database: of a configuration, or SQLite's file, or a URL."""
    if "://" in source:
        return None, source
    if _is_sqlite(Path(source)):
        return None, f"sqlite:///{Path(source).absolute()}"
    config = load(Path(source))
    return config, config.database_url


@contextmanager
def readable(url: str) -> Iterator[Database]:
    """A ledger to read from; one whose rows we cannot read is refused."""
    require_same(url)
    with closing(Database(url)) as database, explained(database):
        yield database


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
