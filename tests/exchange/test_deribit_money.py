from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.exchange.clients import ALICE, START, Clients

BTC = "BTC-PERPETUAL"
HOUR_NS = 3600 * 1_000_000_000
START_MS = START // 1_000_000
FUNDED = {"funding_every_ns": HOUR_NS, "funding_rate_8h": Decimal("0.008"), "settlement_every_ns": 24 * HOUR_NS}


def log(clients: Clients, **more: Any) -> dict[str, Any]:
    period = {"start_timestamp": START_MS - 1, "end_timestamp": clients.at // 1_000_000 + 1}
    clients.connect("a", ALICE)
    result: dict[str, Any] = clients.result("a", "private/get_transaction_log", currency="BTC", **period, **more)
    return result


@pytest.fixture
def funded() -> Clients:
    """An account that is long on a perpetual whose longs pay a thousandth an hour, for a day and an hour."""

    clients = Clients(terms=FUNDED)
    clients.connect("a", ALICE)
    _, ask = clients.touch()
    clients.buy("a", ask, amount=20)
    clients.wait(25 * 3600)
    return clients


def test_the_cash_book_adds_up_row_by_row(funded: Clients) -> None:
    rows = log(funded, count=250)["logs"]

    assert [row["type"] for row in rows] == ["settlement", "trade", "deposit"]
    settled = rows[0]
    assert settled["change"] == settled["cashflow"] == pytest.approx(settled["session_rpl"] + settled["session_upl"])
    assert settled["session_rpl"] == settled["total_interest_pl"] < 0 != settled["session_upl"], "hours of funding"
    for later, earlier in pairwise(rows):
        assert later["user_seq"] > earlier["user_seq"]
        assert later["balance"] == pytest.approx(earlier["balance"] + later["change"], abs=1e-12)
    (trade,) = [row for row in rows if row["type"] == "trade"]
    assert (trade["side"], trade["position"], trade["user_role"]) == ("open buy", 20, "taker")
    assert trade["change"] == -trade["commission"] < 0


def test_the_cash_book_is_read_in_pages_and_by_what_is_looked_for(funded: Clients) -> None:
    everything = log(funded, count=250)["logs"]

    first = log(funded, count=1)
    second = log(funded, count=250, continuation=first["continuation"])

    assert first["logs"] + second["logs"] == everything
    assert second["continuation"] is None
    assert [row["type"] for row in log(funded, query="trade")["logs"]] == ["trade"]
    assert log(funded, query="maker")["logs"] == []
    assert log(funded, query="deposit")["logs"] == everything[-1:]


def test_funding_is_told_hour_by_hour_and_by_the_position(funded: Clients) -> None:
    funded.connect("a", ALICE)
    period = {"start_timestamp": START_MS, "end_timestamp": funded.at // 1_000_000}

    hours = funded.result("a", "public/get_funding_rate_history", instrument_name=BTC, **period)
    value = funded.result("a", "public/get_funding_rate_value", instrument_name=BTC, **period)
    ticker = funded.result("a", "public/ticker", instrument_name=BTC)
    position = funded.result("a", "private/get_position", instrument_name=BTC)

    assert {hour["timestamp"] % 3_600_000 for hour in hours} == {0}
    assert hours[-1]["interest_1h"] == pytest.approx(0.001)
    assert hours[-1]["interest_8h"] == pytest.approx(0.008)
    assert value == pytest.approx(sum(hour["interest_1h"] for hour in hours))
    assert ticker["funding_8h"] == ticker["current_funding"] == 0.008
    hours_since_settlement = 23 - 8
    expected = -hours_since_settlement * 0.001 * 20 / position["mark_price"]
    assert position["realized_funding"] == pytest.approx(expected, rel=0.02)
    assert position["realized_profit_loss"] == position["realized_funding"]


def test_the_settlement_price_is_that_of_the_last_settlement(funded: Clients) -> None:
    funded.connect("a", ALICE)

    ticker = funded.result("a", "public/ticker", instrument_name=BTC)
    position = funded.result("a", "private/get_position", instrument_name=BTC)
    (settled,) = [row for row in log(funded, count=250)["logs"] if row["type"] == "settlement"]
    (bought,) = [row for row in log(funded, count=250)["logs"] if row["type"] == "trade"]

    assert ticker["settlement_price"] == position["settlement_price"] == settled["price"]
    assert position["average_price"] == pytest.approx(bought["price"], rel=1e-4), "what it was built for"
    for member, price in (("floating_profit_loss", settled["price"]), ("total_profit_loss", bought["price"])):
        assert position[member] == pytest.approx(20 / price - 20 / position["mark_price"], abs=2e-8)


def test_equity_is_the_balance_and_what_the_session_has_made(funded: Clients) -> None:
    funded.connect("a", ALICE)
    funded.result("a", "private/sell", instrument_name=BTC, amount=10, type="market")

    summary = funded.result("a", "private/get_account_summary", currency="BTC")
    position = funded.result("a", "private/get_position", instrument_name=BTC)
    (sold, *_) = log(funded, query="trade")["logs"]

    session = summary["session_rpl"] + summary["session_upl"]
    assert summary["session_rpl"] == position["realized_profit_loss"] != position["realized_funding"]
    assert summary["session_upl"] == position["floating_profit_loss"]
    assert summary["futures_pl"] == position["total_profit_loss"]
    assert summary["equity"] == pytest.approx(summary["balance"] + session, abs=1e-12)
    assert summary["balance"] == sold["balance"], "as the last row has left it"
    assert sold["change"] == -sold["commission"] < 0 != sold["cashflow"]
    held = summary["initial_margin"] + max(session, 0)
    assert summary["available_withdrawal_funds"] == pytest.approx(summary["equity"] - held, abs=1e-12)


def test_margins_are_told_for_an_order_before_it_is_placed() -> None:
    clients = Clients()
    clients.connect("a", ALICE)

    margins = clients.result("a", "private/get_margins", instrument_name=BTC, amount=5000, price=50_000)
    clients.buy("a", 50_000, amount=5000)
    position = clients.result("a", "private/get_position", instrument_name=BTC)
    summary = clients.result("a", "private/get_account_summary", currency="BTC")

    assert margins["buy"] == margins["sell"] == pytest.approx(5000 / 50_000 / 50)
    assert margins["min_price"] < 50_000 < margins["max_price"]
    assert (position["initial_margin"], position["size"]) == (0, 0)
    assert position["open_orders_margin"] == pytest.approx(5000 / position["mark_price"] / 50, abs=1e-8)
    assert summary["initial_margin"] == pytest.approx(position["open_orders_margin"], abs=1e-8)
    assert summary["available_funds"] == pytest.approx(summary["balance"] - summary["initial_margin"], abs=1e-8)
