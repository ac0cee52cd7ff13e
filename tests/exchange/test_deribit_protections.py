"""Conditions of orders, protections and dearer requests, as a client of the dialect asks for them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from replenisher.exchange.dialects.dialect import DROPPED
from replenisher.exchange.interruptions import Interruption
from replenisher.exchange.words import InstrumentState
from tests.exchange.clients import ALICE, BOB, START, Clients, S
from tests.exchange.stand import listing

NAME = "BTC-PERPETUAL"


@pytest.fixture
def clients() -> Clients:
    clients = Clients()
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    return clients


def touch(clients: Clients) -> tuple[float, float]:
    ticker = clients.result("a", "public/ticker", instrument_name=NAME)
    return ticker["best_bid_price"], ticker["best_ask_price"]


def order(clients: Clients, who: str, side: str, amount: int, **params: Any) -> dict[str, Any]:
    placed: dict[str, Any] = clients.result(who, f"private/{side}", instrument_name=NAME, amount=amount, **params)
    return placed["order"]


def test_fill_or_kill_that_cannot_be_filled_is_cancelled(clients: Clients) -> None:
    bid, ask = touch(clients)

    killed = order(clients, "a", "buy", 10_000_000, price=ask, time_in_force="fill_or_kill")

    assert (killed["order_state"], killed["filled_amount"]) == ("cancelled", 0)
    assert clients.result("a", "private/get_open_orders") == []
    assert bid < ask


def test_reduce_only(clients: Clients) -> None:
    refused = clients.error("a", "private/sell", instrument_name=NAME, amount=100, type="market", reduce_only=True)
    order(clients, "a", "buy", 100, type="market")

    reduced = order(clients, "a", "sell", 500, type="market", reduce_only=True)

    assert (refused["code"], refused["message"]) == (11030, "other_reject reduce_only")
    assert (reduced["reduce_only"], reduced["amount"], reduced["order_state"]) == (True, 100, "filled")


def test_self_trading_is_as_the_account_says(clients: Clients) -> None:
    bid, _ = touch(clients)
    own = order(clients, "a", "sell", 100, price=bid + 0.5)
    config = {"mode": "reject_taker", "extended_to_subaccounts": False}

    assert clients.result("a", "private/set_self_trading_config", **config) == "ok"
    refused = clients.error("a", "private/buy", instrument_name=NAME, amount=100, price=bid + 0.5)
    summary = clients.result("a", "private/get_account_summary", currency="BTC", extended=True)
    clients.result("a", "private/set_self_trading_config", **config | {"mode": "cancel_maker"})
    order(clients, "a", "buy", 100, price=bid + 0.5)

    assert (refused["code"], refused["message"]) == (10003, "order_overlap")
    assert summary["self_trading_reject_mode"] == "reject_taker"
    state = clients.result("a", "private/get_order_state", order_id=own["order_id"])
    assert (state["order_state"], state["filled_amount"]) == ("cancelled", 0)


def test_market_maker_protection_from_its_limits_to_its_end(clients: Clients) -> None:
    bid, _ = touch(clients)
    clients.result("a", "private/subscribe", channels=["user.mmp_trigger.btc_usd"])
    group = {"index_name": "btc_usd", "mmp_group": "ladder"}
    config = {"interval": 10, "frozen_time": 0, "quantity_limit": 0.001, "max_quote_quantity": 1}
    mine = {"mmp": True, "mmp_group": "ladder"}

    (told,) = clients.result("a", "private/set_mmp_config", **group, **config)
    order(clients, "a", "buy", 600, price=bid + 0.5, **mine)
    rest = order(clients, "a", "buy", 600, price=bid - 500, **mine)
    order(clients, "b", "sell", 600, price=bid + 0.5)

    assert (told["quantity_limit"], told["interval"], told["mmp_group"]) == (0.001, 10, "ladder")
    frames = [json.loads(frame) for frame in clients.inbox["a"] if "mmp_trigger.btc_usd" in frame]
    assert [frame["params"]["data"] for frame in frames] == [group | {"frozen_until": 0}]
    ended = clients.result("a", "private/get_order_state", order_id=rest["order_id"])
    assert (ended["cancel_reason"], ended["mmp_cancelled"]) == ("mmp_trigger", True)
    frozen = clients.error("a", "private/buy", instrument_name=NAME, amount=10, price=bid - 500, **mine)
    assert (frozen["code"], frozen["message"]) == (13030, "mmp_trigger")
    assert clients.result("a", "private/get_mmp_status") == [group | {"frozen_until": 0}]
    assert clients.result("a", "private/reset_mmp", **group) == "ok"
    assert clients.result("a", "private/get_mmp_status") == []
    order(clients, "a", "buy", 10, price=bid - 500, **mine)


@pytest.mark.parametrize(
    ("method", "params", "burst"),
    [
        ("public/get_time", {}, 100),
        ("private/get_positions", {}, 100),
        ("public/subscribe", {"channels": []}, 10),
        ("public/get_instruments", {"currency": "BTC"}, 50),
        ("private/get_transaction_log", {"currency": "BTC", "start_timestamp": 0, "end_timestamp": 1}, 8),
    ],
)
def test_who_asks_too_often_is_cut_off(clients: Clients, method: str, params: dict[str, Any], burst: int) -> None:
    for _ in range(burst):
        clients.result("a", method, **params)
    refused = clients.error("a", method, **params)

    assert (refused["code"], refused["message"]) == (10028, "too_many_requests")
    assert clients.ended["a"].code != DROPPED
    assert "b" not in clients.ended


def test_funding_waits_for_the_settlement_in_whose_row_it_is_told() -> None:
    name, every_ns = "ETH-PERPETUAL", 8 * 3600 * 10**9
    terms = {"funding_every_ns": every_ns, "funding_rate_8h": Decimal("0.001"), "settlement_every_ns": 3 * every_ns}
    funded = listing(name, at=START, pace=1e-9, **terms)
    clients = Clients(besides=[funded])
    clients.connect("a", ALICE)
    clients.result("a", "private/buy", instrument_name=name, amount=3000, type="market")
    before = clients.result("a", "private/get_account_summary", currency="ETH")

    clients.at += every_ns
    clients.dialect.wake(clients.at)
    clients.connect("between", ALICE)
    between = clients.result("between", "private/get_account_summary", currency="ETH")
    clients.at += 2 * every_ns
    clients.dialect.wake(clients.at)
    clients.connect("later", ALICE)

    log = clients.result(
        "later", "private/get_transaction_log", currency="ETH", start_timestamp=0, end_timestamp=2_000_000_000_000
    )
    after = clients.result("later", "private/get_account_summary", currency="ETH")["balance"]
    assert between["balance"] == before["balance"]
    assert between["session_rpl"] < before["session_rpl"] == 0
    row = log["logs"][0]
    assert (row["type"], row["instrument_name"], row["side"]) == ("settlement", name, "long")
    assert row["change"] == pytest.approx(after - before["balance"], abs=1e-12)
    assert row["total_interest_pl"] == row["session_rpl"] <= between["session_rpl"]
    assert [each["type"] for each in log["logs"]].count("settlement") == 1
    assert log["logs"][-1]["type"] == "deposit"


def test_a_locked_index_is_told_to_who_asks_and_to_who_listens() -> None:
    lock = Interruption(state=InstrumentState.LOCKED, after_ns=S, for_ns=2 * S)
    clients = Clients(besides=[listing("ETH-PERPETUAL", at=START, pace=1e-9)], terms={"interruptions": (lock,)})
    clients.connect("a", ALICE)
    clients.result("a", "public/subscribe", channels=["platform_state"])

    before = clients.result("a", "public/status")
    clients.wait(2)
    locked = clients.result("a", "public/status")
    clients.wait(2)

    assert before == clients.result("a", "public/status") == {"locked": "false", "locked_indices": []}
    assert locked == {"locked": "partial", "locked_indices": ["btc_usd"]}
    assert clients.heard("a", "platform_state") == [
        {"price_index": "btc_usd", "locked": True},
        {"price_index": "btc_usd", "locked": False},
    ]


def test_a_future_is_listed_until_it_expires_and_then_among_what_has_expired() -> None:
    future = listing("ETH-25DEC26", at=START, pace=1e-9, expires_at=START + S)
    clients = Clients(besides=[future])
    clients.connect("a", ALICE)

    def listed(**more: Any) -> list[str]:
        told = clients.result("a", "public/get_instruments", currency="any", **more)
        return [instrument["instrument_name"] for instrument in told]

    assert (listed(), listed(expired=True)) == ([NAME, "ETH-25DEC26"], [])
    clients.wait(2)
    assert (listed(), listed(expired=True)) == ([NAME], ["ETH-25DEC26"])
