"""How many rows become one statement, and what happens to those that are there already.

SQLite is in our own process and takes a row at a time; what its statements say is worked out once, as that costs more
than to carry them out. PostgreSQL is a network away, and its driver would go there three times for every row; so the
rows for a table travel as one JSON document, which the server takes apart itself.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    ColumnClause,
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from replenisher.store import tables
from replenisher.store.columns import Exact, require_fit, to_json
from replenisher.store.rows import Row

Insert = sqlite.Insert | postgresql.Insert
OF_THE_FIRST_LIFE = ("journal_id", "epoch", "config_version")  # of an order: under what it was placed
NUL, REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet: told twice is told once."""
    if rows:
        _execute(connection, table, _insert_new, rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or put them in the place of those with the same key. The last word wins."""
    if rows:
        _execute(connection, table, _upsert, list({_key_of(table)(row): row for row in rows}.values()))


def _execute(
    connection: Connection, table: Table, statement: Callable[[str, Table], Insert], rows: Sequence[Row]
) -> None:
    if connection.dialect.name == "sqlite":
        form = _form(table, statement)
        connection.exec_driver_sql(form.text, [form.values(row) for row in rows])
    else:
        connection.execute(statement(connection.dialect.name, table), {"rows": _document(table, rows)})


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    return _inserting(dialect, table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table) -> Insert:
    """Of an order a later word wins, and under which life and configuration it was placed stays."""
    statement = _inserting(dialect, table)
    new, old, kept = statement.excluded, table.c, {*_key(table)}
    may_replace = None
    if table is tables.orders:
        kept |= {*OF_THE_FIRST_LIFE}
        may_replace = or_(
            new.updated_epoch > old.updated_epoch,
            and_(new.updated_epoch == old.updated_epoch, new.updated_step >= old.updated_step),
        )
    return statement.on_conflict_do_update(
        index_elements=_key(table),
        set_={name: new[name] for name in _names(table) if name not in kept},
        where=may_replace,
    )


def _inserting(dialect: str, table: Table) -> Insert:
    """An insert that can say what happens when the row is there already."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    names = _names(table)
    record: ColumnClause[Any] = literal_column(f"NULL::{table.name}")  # whose columns say what is what
    document = cast(bindparam("rows", type_=Text()), JSON)
    rows = func.json_populate_recordset(record, document).table_valued(*(column(name) for name in names))
    return postgresql.insert(table).from_select(names, select(*(rows.c[name] for name in names)))


class Form(NamedTuple):
    """A statement as SQLite's driver takes it."""

    text: str
    values: Callable[[Row], tuple[Any, ...]]  # of a row, in the order and the form that the text wants


@cache
def _form(table: Table, statement: Callable[[str, Table], Insert]) -> Form:
    dialect = sqlite.dialect(paramstyle="qmark", json_serializer=to_json)
    names = _names(table)
    ways = ((each.name, each.type.dialect_impl(dialect).bind_processor(dialect)) for each in table.c)
    translated = [(names.index(name), into) for name, into in ways if into is not None]
    pick = itemgetter(*names)

    def values(row: Row) -> tuple[Any, ...]:
        found = list(pick(row))
        for place, into in translated:
            found[place] = into(found[place])
        return tuple(found)

    return Form(str(statement("sqlite", table).compile(dialect=dialect, column_keys=names)), values)


def _document(table: Table, rows: Sequence[Row]) -> str:
    """The rows as they travel to PostgreSQL."""
    for name in _exact(table):
        for row in rows:
            require_fit(row[name])
    document = to_json(rows)
    if r"\u0000" in document:  # no text in PostgreSQL can hold it
        document = to_json([_without_nul(row) for row in rows])
    return document


def _without_nul(row: Row) -> Row:
    return {name: value.replace(NUL, REPLACEMENT) if isinstance(value, str) else value for name, value in row.items()}


def _names(table: Table) -> list[str]:
    return [each.name for each in table.c]


def _key(table: Table) -> tuple[str, ...]:
    return tuple(each.name for each in table.primary_key)


@cache
def _key_of(table: Table) -> Callable[[Row], object]:
    return itemgetter(*_key(table))


@cache
def _exact(table: Table) -> tuple[str, ...]:
    return tuple(each.name for each in table.c if isinstance(each.type, Exact))
