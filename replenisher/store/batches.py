"""Millions of rows in bounded memory: so many at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select

ROWS_AT_ONCE = 10_000
Columns = list[tuple[Any, ...]]


def batches(connection: Connection, query: Select[Any]) -> Iterator[Columns]:
    """All that a query finds, in its order and as the driver has it; never an empty batch."""
    for rows in raw_batches(connection, query):
        yield list(zip(*rows, strict=True))


def raw_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The same, row by row."""
    if connection.dialect.name != "sqlite":
        yield from row_batches(connection, query)
        return
    # To make a row with names of each costs half of what SQLite itself takes to find it.
    found = connection.execute(query)
    assert found.cursor is not None, "a query that is being read has a cursor"
    while rows := found.cursor.fetchmany(ROWS_AT_ONCE):
        yield rows
    found.close()  # of who is interrupted on the way the connection is closed before this, and that ends it, too


def row_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """The same as rows with names, each value as its column has it."""
    # A server would send everything at once; SQLite makes a row when it is asked for one.
    is_served = connection.dialect.name != "sqlite"
    found = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE} if is_served else {})
    yield from found.partitions(ROWS_AT_ONCE)
