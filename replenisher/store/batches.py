"""Millions of rows in bounded memory: so many at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select

ROWS_AT_ONCE = 10_000
Columns = list[tuple[Any, ...]]


def batches(connection: Connection, query: Select[Any]) -> Iterator[Columns]:
    """All that a query finds, in its order; never an empty batch."""
    for rows in row_batches(connection, query):
        yield list(zip(*rows, strict=True))


def row_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """The same, row by row."""
    # A server would send everything at once; SQLite makes a row when it is asked for one.
    is_served = connection.dialect.name != "sqlite"
    found = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE} if is_served else {})
    yield from found.partitions(ROWS_AT_ONCE)
