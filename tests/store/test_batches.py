"""Rows come in batches, and whoever is interrupted between two of them leaves nothing to say."""

from collections.abc import Generator
from contextlib import closing

import pytest
from sqlalchemy import Connection, select

from replenisher.store import tables
from replenisher.store.batches import ROWS_AT_ONCE, raw_batches
from replenisher.store.database import Database
from replenisher.store.insert import insert_new
from tests.store.given import balance


def begun(connection: Connection) -> Generator[object]:
    """A reading that has had its first batch."""
    reading = raw_batches(connection, select(tables.balances.c.index))
    assert len(next(reading)) == ROWS_AT_ONCE
    return reading


def test_a_reading_that_is_ended_after_its_connection_complains_of_nothing(
    ledger_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    many = [balance(index) for index in range(ROWS_AT_ONCE + 1)]
    with closing(Database(ledger_url)) as database:
        database.write(lambda connection: insert_new(connection, tables.balances, many))
        reading = database.read(begun)

    reading.close()  # as the frames of an interrupt are, once the connection is gone

    assert caplog.messages == []
