"""What goes into the ledger comes back as it was: numbers digit for digit, words letter for letter."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from replenisher.store import tables
from replenisher.store.columns import UnfitError, fits
from replenisher.store.database import Database
from replenisher.store.insert import insert_new
from tests.store.given import balance, balances

EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20) + 1, max_value=10**20 - 1)
ROUND_AND_LONG = [
    "0.1",
    "2.2e3",
    "61234.567890123456",
    "12345678901234.123456789012345678",
    "-0.00000001",
    "0",
    "1E-18",
    "9e19",
    "99999999999999999999.999999999999999999",
    "1.50",
]


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


@given(st.lists(st.one_of(EXACT, st.sampled_from(ROUND_AND_LONG).map(Decimal)), max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_that_fits_comes_back_unharmed(ledger: Database, numbers: list[Decimal]) -> None:
    rows = [{**balance(index), "balance": number} for index, number in enumerate(numbers)]

    ledger.write(lambda connection: connection.execute(tables.balances.delete()))
    ledger.write(lambda connection: insert_new(connection, tables.balances, rows))

    assert balances(ledger) == numbers


def test_a_number_is_spelled_the_same_on_every_database(ledger: Database) -> None:
    rows = [balance(index, number) for index, number in enumerate(ROUND_AND_LONG)]

    ledger.write(lambda connection: insert_new(connection, tables.balances, rows))

    assert [f"{number:f}" for number in balances(ledger)] == [f"{Decimal(number):f}" for number in ROUND_AND_LONG]


@pytest.mark.parametrize(
    "number", ["1E-19", "1e20", "100000000000000000000.5", "NaN", "Infinity", "0.1234567890123456789"]
)
def test_a_number_that_does_not_fit_is_refused_and_not_rounded(ledger: Database, number: str) -> None:
    assert not fits(Decimal(number))
    with pytest.raises((StatementError, UnfitError), match="does not fit"):
        ledger.write(lambda connection: insert_new(connection, tables.balances, [balance(1, number)]))
    with pytest.raises(StatementError, match="does not fit"):
        ledger.write(lambda connection: connection.execute(insert(tables.balances), balance(1, number)))
    assert balances(ledger) == []


def test_trailing_zeros_carry_nothing() -> None:
    assert fits(Decimal("1." + "0" * 30)) and fits(Decimal("1e2")) and fits(Decimal("0E+99"))


def test_whole_numbers_are_as_long_as_a_time_in_nanoseconds(ledger: Database) -> None:
    longest = {**balance(2**31 - 1), "at": 2**63 - 1, "epoch": -(2**63), "step": 2**53 + 1}

    ledger.write(lambda connection: insert_new(connection, tables.balances, [longest]))

    [row] = ledger.read(lambda connection: connection.execute(select(tables.balances)).mappings().all())
    assert dict(row) == longest


@pytest.mark.parametrize("words", ["", "naïve 価格 🦀", 'quoted "\\u0041" \\ \n', "%s %(rows)s :rows", "null"])
def test_words_come_back_as_they_were(ledger: Database, words: str) -> None:
    row = {**balance(1), "currency": words}

    ledger.write(lambda connection: insert_new(connection, tables.balances, [row]))

    query = select(tables.balances.c.currency)
    assert ledger.read(lambda connection: connection.execute(query).scalar_one()) == words


def test_a_nul_which_postgresql_cannot_hold_does_not_stop_the_rows(ledger: Database) -> None:
    row = {**balance(1), "currency": "a\0b\\u0000"}

    ledger.write(lambda connection: insert_new(connection, tables.balances, [row]))

    query = select(tables.balances.c.currency)
    kept = ledger.read(lambda connection: connection.execute(query).scalar_one())
    assert kept.replace("\0", "\N{REPLACEMENT CHARACTER}") == "a\N{REPLACEMENT CHARACTER}b\\u0000"
