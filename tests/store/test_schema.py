"""The schema is what the tables say, in both directions, on either database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, column, insert, inspect, select, table, text

from replenisher.errors import ConfigurationError
from replenisher.store import schema, tables
from replenisher.store.database import Database
from replenisher.store.insert import insert_new
from tests.store.given import balance

NEWER = "create table alembic_version (version_num varchar(32) not null)", "insert into alembic_version values ('9')"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url, must_exist=False)) as database:
        yield database


def execute(database: Database, *statements: str) -> None:
    database.write(lambda connection: [connection.execute(text(statement)) for statement in statements])


def names_in(database: Database) -> set[str]:
    return set(database.read(lambda connection: inspect(connection).get_table_names()))


def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    schema.upgrade(database.url)
    schema.check(database.url)

    schema.upgrade(database.url)
    schema.check(database.url)


def test_up_down_and_up_again(database: Database) -> None:
    schema.upgrade(database.url)
    assert names_in(database) == {*tables.metadata.tables, "alembic_version"}

    schema.downgrade(database.url, "base")
    left = names_in(database)
    schema.upgrade(database.url)

    assert left == {"alembic_version"}
    schema.check(database.url)


def test_rows_go_up_and_down_with_the_schema(database: Database) -> None:
    moved = {**balance(1), "kind": "funding", "venue_id": "7", "amount": Decimal("-0.1"), "venue_time": 5}
    del moved["balance"]
    schema.upgrade(database.url, "0001")
    older = table("cash_moves", *(column(name, tables.cash_moves.c[name].type) for name in moved))
    database.write(lambda connection: connection.execute(insert(older), moved))

    def rows(*which: ColumnElement[Any]) -> list[dict[str, Any]]:
        return database.read(lambda connection: [dict(row) for row in connection.execute(select(*which)).mappings()])

    schema.upgrade(database.url)
    assert rows(*tables.cash_moves.c) == [moved | {"instrument": "", "realized": Decimal(0)}]

    schema.downgrade(database.url, "0001", drop_rows=True)
    assert rows(*older.c) == [moved]
    assert "instrument" not in {each["name"] for each in database.read(lambda c: inspect(c).get_columns("cash_moves"))}

    schema.upgrade(database.url)
    schema.check(database.url)
    assert rows(*tables.cash_moves.c) == [moved | {"instrument": "", "realized": Decimal(0)}]


def test_fills_that_were_told_together_are_numbered_as_they_happened(database: Database) -> None:
    """By the venue's clock, then by its numbers; a fill that is alone in its step stays where it is."""
    told = [  # trade id, step, index, venue time: as they should stand
        *(("7", 1, 0, 5), ("8", 1, 2, 3), ("9", 1, 2, 4), ("10", 1, 2, 4), ("6", 1, 3, 1)),
        ("1", 2, 3, 9),
    ]
    names = [each.name for each in tables.fills.c if not each.nullable]
    same: dict[str, object] = {"price": Decimal(1), "amount": Decimal(1), "fee": Decimal(0), "epoch": 1, "at": 1}
    rows = [
        dict.fromkeys(names, "") | same | {"trade_id": name, "step": step, "index": index, "venue_time": venue_time}
        for name, step, index, venue_time in reversed(told)
    ]
    schema.upgrade(database.url, "0014")
    database.write(lambda connection: connection.execute(insert(tables.fills), rows))

    schema.upgrade(database.url)

    c = tables.fills.c
    query = select(c.trade_id, c.step, c.index).order_by(c.step, c.index)
    assert database.read(lambda connection: [tuple(row) for row in connection.execute(query)]) == [
        *(("7", 1, 0), ("8", 1, 1), ("9", 1, 2), ("10", 1, 3), ("6", 1, 4)),
        ("1", 2, 3),
    ]


def test_the_way_down_is_closed_while_there_are_rows(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        database.write(lambda connection: insert_new(connection, tables.balances, [balance(1)]))

        with pytest.raises(ConfigurationError, match="holds rows, the first in balances") as refused:
            schema.downgrade(ledger_url)
        assert refused.value.exit_code == 78
        schema.check(ledger_url)

        schema.downgrade(ledger_url, "base", drop_rows=True)
        assert names_in(database) == {"alembic_version"}


@pytest.mark.parametrize("revision", ["0815", "-99"])
def test_a_way_down_that_leads_nowhere_is_one_sentence(ledger_url: str, revision: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot be taken back to {revision}"):
        schema.downgrade(ledger_url, revision)

    schema.check(ledger_url)


def test_a_table_that_somebody_changed_is_refused(database: Database) -> None:
    schema.upgrade(database.url)
    execute(database, "alter table fills add column remark text")

    with pytest.raises(ConfigurationError, match="remark"):
        schema.check(database.url)


@pytest.mark.parametrize("use", [schema.upgrade, schema.downgrade, schema.check])
def test_a_newer_schema_is_refused_and_not_touched(database: Database, tmp_path: Path, use: object) -> None:
    execute(database, *NEWER)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(ConfigurationError, match="newer than this replenisher knows") as refused:
        use(database.url)

    assert refused.value.exit_code == 78
    assert names_in(database) == {"alembic_version"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("made", [(), ("create table lives_of_others (a integer)",)], ids=["empty", "of others"])
def test_a_database_without_our_tables_is_no_ledger(database: Database, made: tuple[str, ...]) -> None:
    execute(database, *made, "create table other (a integer)")

    with pytest.raises(ConfigurationError, match="holds no ledger of ours") as refused:
        schema.require_same(database.url)

    assert refused.value.exit_code == 78


def test_daemons_that_start_at_once_on_one_server_make_one_schema(postgres_url: str) -> None:
    with ThreadPoolExecutor() as pool:
        for ended in [pool.submit(schema.upgrade, postgres_url) for _ in range(4)]:
            ended.result()

    schema.check(postgres_url)
