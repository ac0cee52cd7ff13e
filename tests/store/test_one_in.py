"""One row in several: evenly, whatever the rhythm, and the same ones in every database."""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, create_engine, insert, select

from replenisher.store.database import Database
from replenisher.store.one_in import one_in

NOW_MS = 1_700_000_000_000
NUMBERS = Table("numbers", MetaData(), Column("number", BigInteger), prefixes=["TEMPORARY"])


def chosen(connection: Connection, count: int, numbers: list[int]) -> list[int]:
    """Those that the database chooses."""
    NUMBERS.create(connection)
    connection.execute(insert(NUMBERS), [{"number": each} for each in numbers])
    number = NUMBERS.c.number
    return list(connection.execute(select(number).where(one_in(count, number)).order_by(number)).scalars())


def by_sqlite(room: Path, count: int, numbers: list[int]) -> list[int]:
    with create_engine(f"sqlite:///{room / 'any.db'}").connect() as connection:
        return chosen(connection, count, numbers)


@pytest.mark.parametrize("apart", [1, 2, 10, 100, 1_000, 60_000])
def test_it_is_as_many_as_was_asked_for_without_a_gap_in_whatever_rhythm_they_come(apart: int, tmp_path: Path) -> None:
    numbers = [NOW_MS + apart * n for n in range(5_000)]
    some = by_sqlite(tmp_path, 20, numbers)

    assert by_sqlite(tmp_path, 1, numbers) == numbers
    assert 225 <= len(some) <= 275
    assert max(after - before for before, after in pairwise(some)) <= 150 * apart


def test_every_database_chooses_the_same(postgres_url: str, tmp_path: Path) -> None:
    numbers = [NOW_MS * n // 7 for n in range(1, 400)] + list(range(400))
    with closing(Database(postgres_url)) as database:
        by_postgresql = database.write(lambda connection: chosen(connection, 5, numbers))

    assert by_sqlite(tmp_path, 5, numbers) == by_postgresql
    assert 120 < len(by_postgresql) < 200
