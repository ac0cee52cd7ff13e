"""The statement of a day, worked by hand, and with something missing in it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, Table, delete

from replenisher.config import load
from replenisher.errors import ReplenisherError
from replenisher.model.units import DAY_NS, SECOND_NS
from replenisher.report.statement import Entry, Statement, read_statement
from replenisher.report.statement_page import statement_page, verdict
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.store import history, tables
from replenisher.store.database import Database
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.report.by_hand import INVERSE, LINEAR, SPOT, T0, Rows

D = Decimal
FIRST, SECOND = date(2023, 11, 14), date(2023, 11, 15)  # the day of T0, which is 22:13:20, and the next one
NOW = 1_800_000_000 * SECOND_NS


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def stated(database: Database, day: date, now: int = NOW) -> Statement:
    return database.read(lambda each: read_statement(each, history.account_keys(each), day, now))


def entry(statement: Statement, asset: str) -> Entry:
    (found,) = (each for each in statement.entries if each.asset == asset)
    return found


def moved(each: Entry) -> dict[str, Decimal]:
    return {name: value for name, value in msgspec.structs.asdict(each.moved).items() if value}


# A linear perpetual that pays what fills realize at once, and the asset's spot beside it. First day:
#   opening          1000 USDT, 5 ETH, no position
#   buy   2 at  99.5   fee -0.02 USDT                                        USDT 1000.02      position  2
#   sell  3 at 101     fee  0.001 BNB    2 are closed: 2 x 1.5 = 3 realized  USDT 1003.02      position -1
#   buy 0.5 at 100 of spot, fee 0.0005 ETH                                   USDT  953.02      ETH 5.4995
#   funding 0.01, transfer 200, a charge of -1                               USDT 1152.03
# After the last word of that day, and before midnight:
#   buy   1 at 100     fee 0.03 USDT     1 is closed: 1 x 1 = 1 realized     USDT 1153.00      position  0
# Second day:
#   sell  1 at 102     no fee                                                                  position -1
DAY = {"fills": D("-47"), "fees": D("0.02"), "funding": D("0.01"), "transfers": D("200"), "charges": D("-1")}


def two_days() -> Rows:
    rows = Rows(LINEAR, SPOT)
    rows.life("c")
    rows.balance("1000")
    rows.balance("5", "ETH")
    rows.balance("0.5", "BNB")
    rows.position("0")
    rows.fill("buy", "2", "99.5", "100", "-0.02 USDT")
    rows.fill("sell", "3", "101", "100", "0.001 BNB")
    rows.fill("buy", "0.5", "100", "100", "0.0005 ETH", instrument=SPOT.name)
    rows.cash("funding", "0.01", name=LINEAR.name)
    rows.cash("transfer", "200")
    rows.cash("fee", "-1")
    rows.balance("1152.03")
    rows.balance("5.4995", "ETH")
    rows.balance("0.499", "BNB")
    rows.position("-1")
    rows.fill("buy", "1", "100", "100", "0.03 USDT")
    rows.midnight()
    rows.balance("1153.00")
    rows.position("0")
    rows.fill("sell", "1", "102", "100", "0 USDT")
    rows.position("-1")
    rows.balance("1153")
    return rows


def test_a_day_worked_by_hand(database: Database) -> None:
    two_days().write(database)

    statement = stated(database, FIRST)

    assert statement.is_explained
    assert [each.asset for each in statement.entries] == ["BNB", "ETH", LINEAR.name, "USDT"]
    usdt = entry(statement, "USDT")
    assert (usdt.opening, usdt.closing, usdt.expected) == (1000, D("1152.03"), D("1152.03"))
    assert moved(usdt) == DAY
    assert usdt.moved_since == D("0.97")
    assert moved(entry(statement, "ETH")) == {"fills": D("0.5"), "fees": D("-0.0005")}
    assert moved(entry(statement, "BNB")) == {"fees": D("-0.001")}
    assert moved(entry(statement, LINEAR.name)) == {"fills": -1}
    assert entry(statement, LINEAR.name).moved_since == 1
    assert verdict(statement) == "all that moved is explained"


def test_the_next_day_opens_with_what_the_one_before_closed_with(database: Database) -> None:
    two_days().write(database)

    first, second = (entry(stated(database, day), "USDT") for day in (FIRST, SECOND))

    assert (second.opening, second.opened_at) == (first.closing, first.closed_at)
    assert moved(second) == {"fills": 1, "fees": D("-0.03")}
    assert (second.closing, second.unexplained) == (1153, 0)


def take_away(database: Database, table: Table, **where: object) -> None:
    query = delete(table).where(*(table.c[name] == value for name, value in where.items()))
    assert database.write(lambda connection: connection.execute(query).rowcount) == 1


@pytest.mark.parametrize(
    ("table", "where", "left"),
    [
        (tables.fills, {"trade_id": "6"}, {"USDT": D("3.02"), LINEAR.name: D("2"), "BNB": 0, "ETH": 0}),
        (tables.fills, {"trade_id": "8"}, {"USDT": D("-50"), LINEAR.name: 0, "BNB": 0, "ETH": D("0.4995")}),
        (tables.cash_moves, {"kind": "funding"}, {"USDT": D("0.01"), LINEAR.name: 0, "BNB": 0, "ETH": 0}),
    ],
    ids=["fill", "spot", "funding"],
)
def test_a_row_that_is_missing_is_what_is_left(
    database: Database, table: Table, where: dict[str, object], left: dict[str, Decimal]
) -> None:
    two_days().write(database)
    take_away(database, table, **where)

    statement = stated(database, FIRST)

    found = {each.asset: each.unexplained for each in statement.entries}
    assert not statement.is_explained
    assert found == left


def test_what_is_left_is_told_with_the_words_between_which_it_came_about(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    for amount in ("100", "100", "99.5", "99.5", "98"):
        rows.balance(amount)
    rows.write(database)

    statement = stated(database, FIRST)

    usdt = entry(statement, "USDT")
    assert (usdt.opening, usdt.closing, usdt.expected, usdt.unexplained) == (100, 98, 100, -2)
    assert [gap.amount for gap in usdt.gaps] == [D("-0.5"), D("-1.5")]
    assert statement_page(statement).splitlines() == [
        "2023-11-14, UTC",
        "",
        "USDT of main on venue",
        "  opening                              100  told at 2023-11-14 22:13:22",
        "  closing                               98  told at 2023-11-14 22:13:26",
        "  NOT EXPLAINED                         -2",
        "",
        "not explained: USDT on venue: -0.5 between 2023-11-14 22:13:23 and 2023-11-14 22:13:24, "
        "-1.5 between 2023-11-14 22:13:25 and 2023-11-14 22:13:26",
    ]


def test_a_word_that_was_told_amid_fills_does_not_count(database: Database) -> None:
    """The venue had filled what we heard of only after its answer."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.position("0")
    rows.position("0")
    rows.position("2")
    rows.fill("buy", "2", "100", "100", "0 USDT")
    rows.position("2")
    rows.position("2")
    rows.write(database)

    statement = stated(database, FIRST)

    assert statement.is_explained
    assert moved(entry(statement, LINEAR.name)) == {"fills": 2}


def test_fills_that_were_found_together_realize_in_the_order_in_which_they_happened(database: Database) -> None:
    """As after an outage, all in one answer: the sale closes the first one, whatever orders and trades are called."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.balance("1000")
    rows.position("0")
    rows.number = 8  # the trades are 9, 10 and 11
    for order_id, side, price in (("c", "buy", "100"), ("b", "sell", "110"), ("a", "buy", "105")):
        rows.fill(side, "1", price, price, "0 USDT", order_id=order_id, at=T0 + 60 * SECOND_NS, step=20)
    rows.move_to(61)
    rows.balance("1010")
    rows.position("1")
    rows.write(database)

    statement = stated(database, FIRST)

    assert statement.is_explained
    assert moved(entry(statement, "USDT")) == {"fills": 10}


def test_what_is_less_with_every_word_of_a_day_is_named_though_none_of_them_goes_with_another(
    database: Database,
) -> None:
    """Interest that no row tells: an hour takes 0.1, and the venue is asked once an hour."""
    rows = Rows(LINEAR)
    rows.life("c")
    for hour in range(72):
        rows.move_to(hour * 3_600)
        rows.balance(f"{1000 - hour / 10:.1f}")
        rows.balance("5", "ETH")
    rows.write(database)

    statement = stated(database, SECOND)

    assert not statement.is_explained
    usdt = entry(statement, "USDT")  # from the second word, at 23:13 of the day before, to the 26th
    assert (usdt.opening, usdt.closing, usdt.unexplained) == (D("999.9"), D("997.5"), D("-2.4"))
    assert [gap.amount for gap in usdt.gaps] == [D("-0.1")] * 24
    assert entry(statement, "ETH").unexplained == 0
    assert verdict(statement) == (
        "not explained: USDT on venue: -2.4 in 24 steps between 2023-11-14 23:13:20 and 2023-11-15 23:13:20"
    )
    after = entry(stated(database, date(2023, 11, 16)), "USDT")
    assert (after.opening, after.opened_at) == (usdt.closing, usdt.closed_at)


def test_a_day_on_which_money_moved_and_the_venue_said_nothing_is_not_explained(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.cash("transfer", "7")
    rows.midnight()
    rows.balance("7")
    rows.write(database)

    statement = stated(database, FIRST)

    usdt = entry(statement, "USDT")
    assert (usdt.closing, usdt.unexplained, moved(usdt)) == (None, None, {"transfers": 7})
    assert not statement.is_explained
    assert "the venue told nothing on that day" in verdict(statement)


def test_an_asset_that_the_venue_never_tells_is_listed_and_alarms_nobody(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.balance("100")
    rows.fill("buy", "1", "100", "100", "0.001 BNB")
    rows.balance("100")
    rows.write(database)

    statement = stated(database, FIRST)

    assert statement.is_explained
    assert (entry(statement, "BNB").unexplained, moved(entry(statement, "BNB"))) == (None, {"fees": D("-0.001")})
    page = statement_page(statement)
    assert "  not known: the venue told nothing at any time" in page
    assert page.endswith(
        "all that moved is explained, but for BNB on venue, ETH-PERP on venue, of which the venue tells nothing"
    )


def test_profit_that_waits_is_cash_when_it_is_settled_and_a_delivery_ends_the_position(database: Database) -> None:
    waits = msgspec.structs.replace(INVERSE, pays_at_settlement=True)
    rows = Rows(waits)
    rows.life("c")
    rows.balance("1", "BTC")
    rows.position("0")
    rows.fill("buy", "100", "50000", "50000", "0.00001 BTC")  # 0.002 coins
    rows.fill("sell", "50", "62500", "62500", "0 BTC")  # 0.001 less 0.0008: 0.0002 are realized, and wait
    rows.balance("0.99999", "BTC")
    rows.cash("settlement", "0.0004", "BTC", realized="0.0002", name=waits.name)
    rows.cash("delivery", "0.0001", "BTC", name=waits.name)
    rows.balance("1.00049", "BTC")
    rows.position("0")
    rows.write(database)

    statement = stated(database, FIRST)

    assert statement.is_explained
    cash = {"fees": D("-0.00001"), "settlement": D("0.0004"), "delivery": D("0.0001")}
    assert moved(entry(statement, "BTC")) == cash
    assert moved(entry(statement, waits.name)) == {"fills": 50, "delivery": -50}


@pytest.mark.parametrize(
    ("day", "now", "told"),
    [
        (date(2023, 11, 20), NOW, "on 2023-11-20 the ledger has neither a word nor a move of main on venue"),
        (date(2027, 1, 16), NOW, "2027-01-16 has not come yet"),
    ],
)
def test_a_day_without_anything_and_one_that_has_not_come_are_one_sentence(
    database: Database, day: date, now: int, told: str
) -> None:
    two_days().write(database)

    with pytest.raises(ReplenisherError, match=told):
        stated(database, day, now)


def test_today_is_stated_as_far_as_it_has_come(database: Database) -> None:
    two_days().write(database)

    page = statement_page(stated(database, SECOND, now=1_700_010_000 * SECOND_NS))

    assert page.startswith("2023-11-15, UTC, so far\n")


def test_a_day_that_ends_with_a_stop_is_explained_to_its_end(tmp_path: Path) -> None:
    with database_in(tmp_path) as simulated:
        scene = scene_of(load(SHIPPED))
        world = World(scene, seed=4, at=START, directory=tmp_path / "journal", database=simulated)
        world.run(40)
        assert world.stop() == "exit 0"  # and since the venue was last asked there was a fill
        day = datetime.fromtimestamp(START / SECOND_NS, UTC).date()

        def state(connection: Connection) -> Statement:
            return read_statement(connection, history.account_keys(connection), day, START + DAY_NS)

        statement = simulated.read(state)

    told = [entry for entry in statement.entries if entry.is_ever_told]
    assert [entry.asset for entry in told] == ["BTC", "BTC-PERPETUAL"]
    assert all(entry.moved.fees or entry.moved.fills for entry in told), "it traded"
    assert [entry.moved_since for entry in told] == [0, 0]
    assert statement.is_explained
