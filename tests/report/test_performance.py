"""Ratios of orders to fills, per configuration version."""

from contextlib import closing
from decimal import Decimal
from math import sqrt

import pytest
from sqlalchemy import Connection

from replenisher.report.report import read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from tests.report.by_hand import LINEAR, SPOT, Rows


def test_orders_requests_and_fills_are_counted_by_configuration_version(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    rows.life("first")
    for order_id, filled in (("a", "2"), ("b", "0.0000"), ("c", "0.5"), ("d", "0")):
        rows.order(order_id, filled, "first")
    for kind, order_id in (
        ("place", "a"),
        ("place", "b"),
        ("place", "c"),
        ("place", "d"),
        ("amend", "c"),
        ("cancel", "c"),
    ):
        rows.request(kind, order_id)
    for kind in ("denied", "ask_balance"):
        rows.request(kind)
    rows.fill("buy", "2", "99.5", "100", "-0.01 USDT")
    rows.fill("sell", "0.5", "101", "100", "0.01 USDT")
    rows.life("second")
    rows.order("e", "0", "second")
    rows.request("place")
    rows.write(database := Database(ledger_url))

    with closing(database):
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    first, second = report.performance
    assert (first.orders, first.fills, first.fill_ratio) == (4, 2, 0.5)
    assert (first.requests, first.order_to_trade) == (6, 3.0)
    assert first.turnover_quote == Decimal("249.5")  # 2 x 99.5 + 0.5 x 101
    assert first.turnover_quote_a_day is None  # one second lies between the fills
    assert (first.currency, first.drawdown) == ("USDT", Decimal(0))
    assert first.sharpe.refused == "too short: 1 of the 30 minutes that it takes"
    assert (second.group.config_version, second.orders, second.fills) == ("second", 1, 0)
    assert (second.fill_ratio, second.order_to_trade, second.turnover_quote_a_day) == (0.0, None, None)


def test_a_configuration_that_comes_back_is_not_told_the_time_of_the_one_between(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    for part, life in enumerate(("first", "second", "first")):  # eight hours each
        rows.move_to(part * 8 * 3_600)
        rows.life(life)
        for minute in range(40 if life == "first" else 0):
            rows.move_to(part * 8 * 3_600 + 40 + 60 * minute)  # T0 is 20 s into a minute
            side, price = ("buy", "99") if minute % 2 else ("sell", "101")
            rows.fill(side, f"{1 + minute % 3}", price, "100", "0 USDT")
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    (found,) = report.performance
    # Twice 40 minutes of what 1, 2, 3, 1, ... bring at a spread of 1: 79 each, and the squares come to 183.
    deviation = sqrt((2 * 183 - 158**2 / 80) / 79)
    assert (found.sharpe.samples, found.sharpe.interval_s) == (80, 60)
    assert found.sharpe.annualised == pytest.approx(158 / 80 / deviation * sqrt(525_600))
    assert found.turnover_quote_a_day == pytest.approx(float(found.turnover_quote) * 1440 / (2 * 39))
    # It is looked at from the second of the first fill to the next life, and from where it comes back to the last fill.
    assert found.inventory_half_life.samples == (8 * 3_600 - 40 - 1) + (40 + 39 * 60 - 1)


def test_what_comes_late_to_a_configuration_counts_at_the_end_of_its_time(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    rows.life("first")
    rows.move_to(10)
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.move_to(1_810)
    rows.life("second")
    rows.move_to(4_000)
    rows.fill("buy", "1", "98", "100", "0 USDT", config_version="first")
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    first = report.performance[0]
    assert (first.fills, first.turnover_quote_a_day) == (2, 197 * 86_400 / 1_800)
    assert first.sharpe.samples == 31


def test_a_fee_that_was_taken_of_what_was_bought_counts_at_the_mid(ledger_url: str) -> None:
    rows = Rows(SPOT)
    rows.life("c")
    rows.fill("buy", "2", "99", "100", "0.03 ETH")  # 2, less 3
    rows.fill("sell", "2", "102", "101", "-0.01 ETH")  # 2 + 1.97 of inventory, and 1.01
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    (group,) = report.performance
    assert (group.pnl, group.without_fees_in, group.drawdown) == (Decimal("3.98"), "", 1)
    # By cash: -198 + 204, and of the coins 0.02 are missing, at 101.
    assert {each.currency: each.total for each in report.pnl.totals} == {"USDT": Decimal("3.98")}


def test_a_fall_between_two_fills_is_seen_where_something_was_decided_meanwhile(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "10", "100", "100", "0 USDT")
    for minute, mids in enumerate((("95", "80", "50", "80"), ("95", "96", "94"))):
        rows.wait(60 * minute)
        for mid in mids:
            rows.mid(mid)
    rows.fill("sell", "10", "101", "101", "0 USDT")

    with closing(Database(ledger_url)) as database:
        rows.write(database)
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    (group,) = report.performance
    assert group.drawdown == 500
    assert [(each.total, each.parts.inventory, each.unexplained) for each in report.pnl.totals] == [(10, 10, 0)]


def test_a_database_without_statistics_joins_whole_tables_for_a_report_and_for_nothing_else(postgres_url: str) -> None:
    def planner(connection: Connection) -> str:
        return str(connection.exec_driver_sql("SHOW enable_nestloop").scalar_one())

    def report(connection: Connection) -> str:
        history.expect_scans(connection)
        return planner(connection)

    with closing(Database(postgres_url)) as database:
        assert (database.read(report), database.read(planner)) == ("off", "on")
