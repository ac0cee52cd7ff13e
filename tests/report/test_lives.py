"""How lives ended is told where one looks back: in the report, the audit and the statement, and for `status`."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest

from replenisher.model.units import SECOND_NS
from replenisher.report.report import Report, read_report
from replenisher.report.statement import read_statement
from replenisher.report.statement_page import statement_page
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.lived import last_life, lived
from replenisher.store.period import ALWAYS, Period
from tests.report.by_hand import KEY, LINEAR, T0, Rows

DAY = date(2023, 11, 14)  # T0 is at 22:13:20 of it


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """Of three lives: one was not flat in the end, one was cut off, and one stopped."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.move_to(60)
    rows.ended(1, "SIGTERM", "a", "b")
    rows.move_to(100)
    rows.life("c")
    rows.move_to(200)
    rows.life("d")
    rows.fill("sell", "1", "101", "100", "0 USDT")
    rows.move_to(260)
    rows.ended(0, "the operator")
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        yield database


def reported(database: Database, period: Period) -> Report:
    return database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), period=period))


def test_a_report_says_how_each_life_ended(database: Database) -> None:
    def told(period: Period) -> list[tuple[object, ...]]:
        return [
            (each.config_version, each.outcome, each.exit_code, each.reason, each.may_rest)
            for each in reported(database, period).lives
        ]

    first = ("c", "not verified flat", 1, "SIGTERM", "a, b")
    second, third = ("c", "cut off", None, "", ""), ("d", "verified flat", 0, "the operator", "")
    assert told(ALWAYS) == [first, second, third]
    assert told(Period(T0 + 90 * SECOND_NS)) == [second, third]
    assert told(Period(T0 + 150 * SECOND_NS)) == [third]
    assert told(Period(until=T0 + 90 * SECOND_NS)) == [first]


def test_of_a_desk_that_stands_it_is_said_how_its_last_life_ended(database: Database) -> None:
    life = database.read(lambda connection: last_life(connection, KEY))

    assert life is not None
    assert life.told == "ended 2023-11-14 22:17:40 UTC, verified flat, exit code 0: the operator"


def test_a_statement_says_how_the_lives_of_its_day_ended(database: Database) -> None:
    found = database.read(lambda each: read_statement(each, [KEY], DAY, T0 + 1_000 * SECOND_NS))

    assert [life.outcome for life in found.lives] == ["not verified flat", "verified flat"]
    assert (
        "\na life on main of venue ended 2023-11-14 22:14:20 UTC, not verified flat, exit code 1: SIGTERM; "
        "these may rest: a, b\n"
        "a life on main of venue ended 2023-11-14 22:17:40 UTC, verified flat, exit code 0: the operator\n"
    ) in statement_page(found)


def test_a_life_that_was_cut_off_does_not_go_on_where_the_next_one_has_another_data_directory(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.life("c", journal_id="f" * 16)
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        found = database.read(lambda connection: [each.outcome for each in lived(connection, KEY, ALWAYS)])

    assert found == ["cut off", ""]
