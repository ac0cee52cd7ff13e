from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bench.small_exchange import LIVELY
from replenisher.exchange.dialects.deribit.book_shapes import grouped
from tests.exchange.clients import ALICE, Clients
from tests.exchange.stand import SPOT, listing

BTC = "BTC-PERPETUAL"
D = Decimal


def subscribe(clients: Clients, channel: str, connection: str = "a") -> Any:
    """What is told at once."""
    assert clients.result(connection, "private/subscribe", channels=[channel]) == [channel]
    return clients.heard(connection, channel)


def test_levels_are_joined_away_from_the_touch() -> None:
    bids = tuple((D(price), D(amount)) for price, amount in ((109, 1), (108, 2), (105, 3), (104, 4)))
    asks = tuple((D(price), D(amount)) for price, amount in ((110, 1), (111, 2), (115, 3), (116, 4)))

    assert grouped(bids, D(5), up=False) == ((105, 6), (100, 4))
    assert grouped(asks, D(5), up=True) == ((110, 1), (115, 5), (120, 4))
    assert grouped(asks, None, up=True) == asks


def test_a_grouped_book_is_told_whole_and_only_when_it_is_another(clients: Clients) -> None:
    (first,) = subscribe(clients, f"book.{BTC}.5.1.100ms")
    clients.buy("a", 50_000)
    clients.wait(0.2)
    assert clients.heard("a") == [], "far below the one level that is shown"

    bid, _ = clients.touch()
    clients.buy("a", bid, amount=500)
    clients.wait(0.2)

    (second,) = clients.heard("a")
    assert {len(side) for frame in (first, second) for side in (frame["bids"], frame["asks"])} == {1}
    assert second["bids"][0][1] == first["bids"][0][1] + 500
    assert second["bids"][0][0] % 5 == 0, "a group of BTC counts dollars"
    assert second.keys() == {"timestamp", "instrument_name", "change_id", "bids", "asks"}


def test_an_ungrouped_window_has_no_more_levels_than_asked_for(clients: Clients) -> None:
    (window,) = subscribe(clients, f"book.{BTC}.none.10.agg2")

    book = clients.exchange.views.book(BTC)
    assert [tuple(map(D, map(str, row))) for row in window["bids"]] == [*book.bids[:10]]
    assert [tuple(map(D, map(str, row))) for row in window["asks"]] == [*book.asks[:10]]


def test_an_incremental_ticker_tells_everything_and_then_what_is_another(clients: Clients) -> None:
    (snapshot,) = subscribe(clients, f"incremental_ticker.{BTC}")
    bid, _ = clients.touch()

    clients.buy("a", bid, amount=500)
    clients.wait(1.1)
    clients.buy("a", 50_000)
    clients.wait(1.1)

    (change,) = clients.heard("a")
    assert snapshot["type"] == "snapshot"
    assert change["type"] == "change"
    assert change["best_bid_amount"] == snapshot["best_bid_amount"] + 500
    assert not change.keys() & {"best_ask_price", "last_price", "open_interest", "settlement_price"}


def test_an_index_and_what_a_perpetual_costs_are_told_as_they_change() -> None:
    clients = Clients(LIVELY)
    clients.connect("a", ALICE)
    index, costs = "deribit_price_index.btc_usd", f"perpetual.{BTC}.100ms"
    clients.result("a", "private/subscribe", channels=[index, costs])

    clients.wait(30)

    prices = [told["price"] for told in clients.inbox_data("a", index)]
    assert len(prices) > 3
    assert all(earlier != later for earlier, later in pairwise(prices))
    since = 0.003  # it jumps about five times a second here, by 6 bps each, and is told once
    assert prices[-1] == pytest.approx(float(clients.exchange.views.index_price(BTC)), rel=since)
    assert set(prices[1:-1]) <= {told["index_price"] for told in clients.inbox_data("a", costs)}


def test_a_chart_is_told_candle_by_candle_and_asked_for_as_lists(clients: Clients) -> None:
    clients.result("a", "private/subscribe", channels=[f"chart.trades.{BTC}.1"])
    bid, ask = clients.touch()
    clients.buy("a", ask, amount=10)
    clients.result("b", "private/sell", instrument_name=BTC, amount=10, price=bid)
    start = clients.at // 1_000_000

    told = clients.heard("a")
    lists = clients.result(
        "a",
        "public/get_tradingview_chart_data",
        instrument_name=BTC,
        resolution="1",
        start_timestamp=start,
        end_timestamp=start,
    )

    assert [(candle["close"], candle["cost"]) for candle in told] == [(ask, 10), (bid, 20)]
    assert told[-1] == {member: lists[member][-1] for member in ("open", "high", "low", "close", "volume", "cost")} | {
        "tick": lists["ticks"][-1]
    }
    assert lists["status"] == "ok"
    nothing = clients.result(
        "a",
        "public/get_tradingview_chart_data",
        instrument_name=BTC,
        resolution="1D",
        start_timestamp=0,
        end_timestamp=1,
    )
    assert (nothing["status"], nothing["ticks"]) == ("no_data", [])


def test_a_portfolio_is_told_at_once_and_with_every_change_of_the_account(clients: Clients) -> None:
    (before,) = subscribe(clients, "user.portfolio.btc")
    _, ask = clients.touch()

    clients.buy("a", ask, amount=20)
    clients.buy("b", 50_000)

    (after,) = clients.heard("a")
    assert before["balance"] == before["available_funds"] == 10
    assert after["balance"] < before["balance"], "a fee"
    assert after["initial_margin"] == pytest.approx(20 / ask / 50, rel=0.01)
    assert after["delta_total_map"] == {"btc_usd": pytest.approx(20 / ask, rel=0.01)}


def test_a_portfolio_of_any_currency_is_one_frame_for_each() -> None:
    clients = Clients(besides=[listing(SPOT, pace=1e-9)])
    clients.connect("a", ALICE)

    told = subscribe(clients, "user.portfolio.any")

    assert [frame["currency"] for frame in told] == ["BTC", "USDC"]


def test_a_triggered_protection_is_told(clients: Clients) -> None:
    limits = {"index_name": "btc_usd", "mmp_group": "x", "interval": 60, "frozen_time": 10, "trade_count_limit": 1}
    limits |= {"max_quote_quantity": 1}
    clients.result("a", "private/set_mmp_config", **limits)
    clients.result("a", "private/subscribe", channels=["user.mmp_trigger.btc_usd", "user.orders.any.any.raw"])
    bid, _ = clients.touch()
    clients.buy("a", bid + 0.5, mmp=True, mmp_group="x")
    clients.inbox["a"].clear()

    for _ in range(2):
        clients.result("b", "private/sell", instrument_name=BTC, amount=20, price=bid + 0.5)

    (trigger,) = clients.inbox_data("a", "user.mmp_trigger.btc_usd")
    ended = clients.inbox_data("a", "user.orders.any.any.raw")[-1]
    until = clients.at // 1_000_000 + 10_000
    assert trigger == {"index_name": "btc_usd", "frozen_until": until, "mmp_group": "x"}
    assert (ended["order_state"], ended["cancel_reason"], ended["mmp_cancelled"]) == ("cancelled", "mmp_trigger", True)
    assert clients.result("a", "private/get_mmp_status") == [trigger]


def test_an_account_hears_of_its_own_orders_alone(clients: Clients) -> None:
    clients.result("b", "private/subscribe", channels=["user.changes.any.any.raw", "user.portfolio.any"])
    clients.heard("b")

    clients.buy("a", 50_000)

    assert clients.heard("b") == []


def test_a_channel_that_is_given_up_while_it_gathers_tells_nothing_and_may_be_heard_again(clients: Clients) -> None:
    channel = f"book.{BTC}.100ms"
    subscribe(clients, channel)
    clients.buy("a", 50_000)

    assert clients.result("a", "private/unsubscribe", channels=[channel]) == [channel]
    clients.wait(0.2)
    assert clients.heard("a", channel) == []

    (snapshot,) = subscribe(clients, channel)
    clients.buy("a", 50_000)
    clients.wait(0.2)
    (change,) = clients.heard("a", channel)
    assert (snapshot["type"], change["type"]) == ("snapshot", "change")


def test_statistics_and_open_interest_are_those_of_what_was_traded(clients: Clients) -> None:
    before = clients.result("a", "public/ticker", instrument_name=BTC)
    _, ask = clients.touch()
    clients.buy("a", ask, amount=20)
    clients.wait(60)

    after = clients.result("b", "public/ticker", instrument_name=BTC)
    (summary,) = clients.result("b", "public/get_book_summary_by_currency", currency="BTC")

    assert (before["last_price"], before["open_interest"], before["stats"]["high"]) == (None, 0, None)
    assert (after["last_price"], after["open_interest"]) == (ask, 20)
    assert (after["stats"]["high"], after["stats"]["low"], after["stats"]["volume_usd"]) == (ask, ask, 20)
    assert after["stats"]["volume"] == round(20 / ask, 8)
    assert (summary["last"], summary["volume_usd"], summary["open_interest"]) == (ask, 20, 20)
    assert after["mark_price"] != after["index_price"], "the book stands beside the index"
