"""How Alembic runs here: on the one connection it is handed, inside that connection's transaction."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from replenisher.store.columns import Exact
from replenisher.store.tables import metadata


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write an exact decimal out, so that a migration does not change when the code does."""
    is_exact = kind == "type" and isinstance(item, Exact)
    return 'sa.Numeric().with_variant(sa.String(40), "sqlite")' if is_exact else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
