"""The schema is what the tables say, in both directions, and numbers come back digit for digit."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateTable

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.store import schema, tables
from replenisher.store.database import Database
from replenisher.store.tables import Exact, fits

PLACES = {"journal_id": "j", "epoch": 1, "step": 1, "at": 1, "venue": "v", "account": "a", "currency": "BTC"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    schema.upgrade(url)
    schema.check(url)

    schema.upgrade(url)
    schema.check(url)


def test_up_down_and_up_again(url: str, tmp_path: Path) -> None:
    schema.upgrade(url)
    schema.downgrade(url, "base")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        left = connection.execute("select name from sqlite_master where tbl_name != 'alembic_version'").fetchall()
    schema.upgrade(url)

    assert not left
    schema.check(url)


def test_a_table_that_somebody_changed_is_refused(url: str, tmp_path: Path) -> None:
    schema.upgrade(url)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("alter table fills add column remark text")

    with pytest.raises(ConfigurationError, match="remark"):
        schema.check(url)


@pytest.mark.parametrize("use", [schema.upgrade, schema.check])
def test_a_newer_schema_is_refused_and_not_touched(url: str, tmp_path: Path, use: object) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("create table alembic_version (version_num); insert into alembic_version values ('9')")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="newer than this replenisher knows") as refused:
        use(url)

    assert refused.value.exit_code == 78
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.db"]


def test_a_database_that_is_not_there_is_not_made_by_looking(url: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="db upgrade"):
        schema.check(url)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("sqlite:////nowhere/at/all/ledger.db", Unreachable),
        ("nonsense", ConfigurationError),
        ("oracle+nothing://x/y", ConfigurationError),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(bad: str, error: type[Exception]) -> None:
    with pytest.raises(error) as said:
        schema.upgrade(bad)

    assert "\n" not in str(said.value)


def test_a_file_that_is_no_database_is_refused_and_not_touched(url: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text(
        "my shopping list, which is rather longer than a header of SQLite would be" * 20
    )
    before = (tmp_path / "ledger.db").read_bytes()

    with pytest.raises(ConfigurationError, match="not a database"):
        schema.upgrade(url)

    assert (tmp_path / "ledger.db").read_bytes() == before


def test_readers_and_the_writer_do_not_wait_for_each_other(url: str) -> None:
    schema.upgrade(url)
    with closing(Database(url, busy_timeout_ms=0)) as one, closing(Database(url, busy_timeout_ms=0)) as other:

        def look_while_writing(connection: object) -> int:
            connection.execute(insert(tables.balances), {**PLACES, "index": 1, "balance": Decimal(1)})
            return len(other.read(lambda c: c.execute(select(tables.balances)).all()))

        assert one.write(look_while_writing) == 0
        assert len(other.read(lambda c: c.execute(select(tables.balances)).all())) == 1


EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20) + 1, max_value=10**20 - 1)


@pytest.mark.parametrize(
    "text",
    ["0.1", "2.2e3", "61234.567890123456", "12345678901234.123456789012345678", "-0.00000001", "0", "1E-18", "9e19"],
)
def test_a_number_reaches_sql_and_comes_back_unharmed(url: str, text: str) -> None:
    schema.upgrade(url)
    with closing(Database(url)) as database:
        database.write(lambda c: c.execute(insert(tables.balances), {**PLACES, "index": 1, "balance": Decimal(text)}))

        assert database.read(lambda c: c.execute(select(tables.balances.c.balance)).scalar_one()) == Decimal(text)


@given(EXACT)
def test_every_number_that_fits_is_text_on_sqlite_and_itself_elsewhere(value: Decimal) -> None:
    text = Exact().process_bind_param(value, sqlite.dialect())

    assert isinstance(text, str) and "E" not in text and Decimal(text) == value
    assert Exact().process_bind_param(value, postgresql.dialect()) is value


@pytest.mark.parametrize(
    "text", ["1E-19", "1e20", "100000000000000000000.5", "NaN", "Infinity", "0.1234567890123456789"]
)
def test_a_number_that_does_not_fit_is_refused_and_not_rounded(url: str, text: str) -> None:
    schema.upgrade(url)
    assert not fits(Decimal(text))
    with closing(Database(url)) as database, pytest.raises(StatementError, match="does not fit"):
        database.write(lambda c: c.execute(insert(tables.balances), {**PLACES, "index": 1, "balance": Decimal(text)}))


def test_trailing_zeros_carry_nothing() -> None:
    assert fits(Decimal("1." + "0" * 30)) and fits(Decimal("1e2")) and fits(Decimal("0E+99"))


def test_on_postgresql_money_is_numeric_and_time_is_a_bigint() -> None:
    made = str(CreateTable(tables.fills).compile(dialect=postgresql.dialect()))

    assert "price NUMERIC NOT NULL" in made  # without a scale, to which it would round
    assert "venue_time BIGINT NOT NULL" in made
