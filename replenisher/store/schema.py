"""The schema's versions: bring a database up to what this code knows, or say why it cannot be used.

The steps lie in `migrations/`. Nothing is read from an alembic.ini, so nothing depends on where one stands.
"""

import io
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect, select

import replenisher
from replenisher.errors import ConfigurationError
from replenisher.store.database import Database, explained
from replenisher.store.leases import require_none
from replenisher.store.tables import leases, lives, metadata


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`, in one transaction; a database that is not there is made."""
    with closing(Database(url, must_exist=False)) as database, explained(database):
        database.read(refuse_newer)
        database.prepare()
        database.write(lambda connection: command.upgrade(_config(connection), revision))


def downgrade(url: str, revision: str = "-1", *, drop_rows: bool = False) -> None:
    """Take the schema back, by one step unless told how far. It is for development databases.

    What the older schema has no place for is dropped, so one that holds rows is refused unless they may go, and one on
    which somebody trades always.
    """
    with closing(Database(url)) as database, explained(database):
        database.read(refuse_newer)

        def work(connection: Connection) -> None:
            if inspect(connection).has_table(leases.name):
                require_none(connection, database.now(connection))
            _downgrade(connection, revision, drop_rows=drop_rows)

        database.write(work)


def check(url: str) -> None:
    """Refuse a database whose schema is older or newer than this code, or is not what the tables say."""
    with closing(Database(url)) as database, explained(database):
        database.read(refuse_newer)
        database.read(_refuse_different)


def require_same(url: str) -> None:
    """Refuse a database that this code cannot read row by row: none of ours, or one with an older or a newer schema."""
    with closing(Database(url)) as database, explained(database):
        if not database.read(lambda connection: inspect(connection).has_table(lives.name)):
            raise ConfigurationError(
                f"the database {database.name} holds no ledger of ours: the first `run` makes one, or `db upgrade`"
            )
        database.read(refuse_newer)
        database.read(_refuse_older)


def refuse_newer(connection: Connection) -> None:
    """Refuse a database that is newer than this code."""
    known = {script.revision for script in ScriptDirectory.from_config(_config(connection)).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise ConfigurationError(
                f"the database has schema {revision}, which is newer than this replenisher knows: update replenisher"
            )


def _downgrade(connection: Connection, revision: str, *, drop_rows: bool) -> None:
    if not drop_rows and (table := _table_with_rows(connection)):
        raise ConfigurationError(
            f"the database holds rows, the first in {table}, and an older schema may drop them: going back is for "
            "development databases, --drop-rows says that this is one"
        )
    try:
        command.downgrade(_config(connection), revision)
    except CommandError as error:
        raise ConfigurationError(f"the schema cannot be taken back to {revision}: {error}") from error


def _table_with_rows(connection: Connection) -> str | None:
    there = inspect(connection).get_table_names()
    ours = (table for table in metadata.sorted_tables if table.name in there)
    return next((table.name for table in ours if connection.execute(select(1).select_from(table)).first()), None)


def _refuse_older(connection: Connection) -> None:
    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision != head:
        raise ConfigurationError(
            f"the database has schema {revision}, which is older than this replenisher's: "
            "say `replenisher db upgrade CONFIG`"
        )


def _refuse_different(connection: Connection) -> None:
    config = _config(connection)
    try:
        command.check(config)
    except CommandError as error:
        raise ConfigurationError(f"the database's schema is not the one in use: {error}") from error


def _config(connection: Connection) -> Config:
    """Alembic, told everything it needs: the scripts lie beside the package, or inside it once installed."""
    package = Path(replenisher.__file__).parent
    inside = package / "migrations"
    scripts = inside if inside.is_dir() else package.parent / "migrations"
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
