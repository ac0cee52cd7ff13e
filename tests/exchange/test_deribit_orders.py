import json
from functools import partial
from typing import Any

import pytest

from bench.small_exchange import LIVELY
from tests.exchange.clients import ALICE, MS, START, Clients, S


def test_an_order_is_answered_and_its_change_is_told(clients: Clients) -> None:
    clients.result("a", "private/subscribe", channels=["user.changes.BTC-PERPETUAL.raw"])

    order = clients.buy("a", 50_000, label="quote-1", post_only=True, reject_post_only=True)["order"]

    (change,) = clients.heard("a")
    assert change["orders"] == [order]
    assert change["trades"] == []
    assert (order["order_state"], order["label"], order["price"]) == ("open", "quote-1", 50_000)


@pytest.mark.parametrize("first", [True, False])
def test_a_change_goes_out_before_or_after_the_reply(first: bool) -> None:
    clients = Clients(order_reply_ms=1 if first else 0)
    clients.connect("a", ALICE)
    clients.result("a", "private/subscribe", channels=["user.changes.any.any.raw"])

    clients.send(
        "a",
        '{"jsonrpc":"2.0","id":99,"method":"private/buy","params":'
        '{"instrument_name":"BTC-PERPETUAL","amount":10,"price":50000}}',
    )
    clients.wait(0.001)

    assert [json.loads(frame).get("id") for frame in clients.inbox["a"]] == ([None, 99] if first else [99, None])


def test_a_fill_is_one_frame_for_each_side(clients: Clients) -> None:
    for connection in "ab":
        clients.result(connection, "private/subscribe", channels=["user.changes.BTC-PERPETUAL.raw"])
    bid, ask = clients.touch()
    price = bid + 0.5
    assert price < ask
    resting = clients.buy("a", price, amount=30, label="maker", post_only=True)["order"]["order_id"]
    clients.heard("a")

    taken = clients.result("b", "private/sell", instrument_name="BTC-PERPETUAL", amount=20, price=price, label="taker")

    (maker,), (taker,) = clients.heard("a"), clients.heard("b")
    assert maker["trades"][0]["order_id"] == resting
    assert (maker["trades"][0]["liquidity"], maker["trades"][0]["state"]) == ("M", "open")
    assert maker["trades"][0]["fee"] < 0
    assert maker["orders"][0]["filled_amount"] == 20
    assert maker["positions"][0]["size"] == 20
    assert taker["trades"] == taken["trades"]
    assert (taken["trades"][0]["liquidity"], taken["order"]["order_state"]) == ("T", "filled")
    assert taker["positions"][0]["direction"] == "sell"


def test_an_amend_names_the_total_and_a_cancel_answers_the_order(clients: Clients) -> None:
    order = clients.buy("a", 50_000, amount=100)["order"]

    amended = clients.result("a", "private/edit", order_id=order["order_id"], amount=50, price=50_001)["order"]
    cancelled = clients.result("a", "private/cancel", order_id=order["order_id"])

    assert (amended["amount"], amended["price"], amended["replaced"]) == (50, 50_001, True)
    assert (cancelled["order_state"], cancelled["cancel_reason"]) == ("cancelled", "user_request")


def test_refusals_have_the_venues_codes(clients: Clients) -> None:
    order = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": 50_000}
    ended = clients.buy("a", 50_000)["order"]["order_id"]
    clients.result("a", "private/cancel", order_id=ended)
    foreign = clients.buy("b", 50_000)["order"]["order_id"]
    late = START // MS - 1

    def code(method: str, **params: Any) -> int:
        return int(clients.error("a", method, **params)["code"])

    assert code("private/buy", **(order | {"price": 50_000.3})) == 10043
    assert code("private/buy", **(order | {"amount": 15})) == 10021
    assert code("private/buy", **(order | {"amount": 1_000_000_000})) == 10009
    assert code("private/buy", **order, valid_until=late) == 13888
    assert code("private/buy", **order, type="stop_limit") == 10033
    assert code("private/cancel", order_id="404404") == 10004
    assert code("private/cancel", order_id=ended) == 11044
    assert code("private/edit", order_id=ended, amount=10, price=1) == 10010
    assert code("private/cancel", order_id=foreign) == 10029
    assert code("private/get_order_state", order_id=foreign) == 10004
    assert code("private/edit", order_id="404404", amount=10, price=1) == 10004


def test_mass_cancels_count_what_they_took_off(clients: Clients) -> None:
    for label in ("x", "x", "y", "z"):
        clients.buy("a", 50_000, label=label)
    clients.buy("b", 50_000)

    assert clients.result("a", "private/cancel_by_label", label="x") == 2
    assert clients.result("a", "private/cancel_by_label", label="y", currency="ETH") == 0
    assert clients.result("a", "private/cancel_all_by_instrument", instrument_name="BTC-PERPETUAL") == 2
    assert clients.result("a", "private/cancel_all") == 0
    assert len(clients.result("b", "private/get_open_orders")) == 1


def test_orders_are_found_by_id_label_and_instrument(clients: Clients) -> None:
    order = clients.buy("a", 50_000, label="mine")["order"]
    clients.result("a", "private/cancel", order_id=clients.buy("a", 49_000, label="mine")["order"]["order_id"])

    by_label = clients.result("a", "private/get_order_state_by_label", currency="BTC", label="mine")

    assert [found["order_state"] for found in by_label] == ["cancelled", "open"]
    assert clients.result("a", "private/get_open_orders_by_label", currency="BTC", label="mine") == [order]
    assert clients.result("a", "private/get_open_orders_by_instrument", instrument_name="BTC-PERPETUAL") == [order]
    assert clients.result("a", "private/get_open_orders_by_currency", currency="ETH") == []
    assert clients.result("a", "private/get_order_state", order_id=order["order_id"]) == order


def test_ended_orders_are_asked_for_in_pages_the_last_one_first(clients: Clients) -> None:
    _, ask = clients.touch()
    filled = clients.buy("a", ask + 5, amount=10)["order"]["order_id"]
    canceled = [clients.buy("a", 49_000 + step)["order"]["order_id"] for step in range(3)]
    for order_id in canceled:
        clients.result("a", "private/cancel", order_id=order_id)
    clients.buy("a", 48_000)
    clients.result("b", "private/cancel", order_id=clients.buy("b", 48_000)["order"]["order_id"])
    history = partial(clients.result, "a", "private/get_order_history_by_instrument", instrument_name="BTC-PERPETUAL")

    everything = history(include_unfilled=True)
    pages = [history(include_unfilled=True, count=2, offset=offset) for offset in (0, 2, 4)]

    assert [order["order_id"] for order in everything] == [*reversed(canceled), filled]
    assert [order["order_state"] for order in everything] == ["cancelled"] * 3 + ["filled"]
    assert [order for page in pages for order in page] == everything
    assert [order["order_id"] for order in history()] == [filled]
    for params in ({"offset": -1}, {"offset": 2**63}, {"count": 1001}, {"instrument_name": "NO"}):
        params = {"instrument_name": "BTC-PERPETUAL"} | params
        assert clients.error("a", "private/get_order_history_by_instrument", **params)["code"] == -32602


def test_trades_are_asked_for_in_pages(clients: Clients) -> None:
    _, ask = clients.touch()
    made = [clients.buy("a", ask + 5, amount=10)["trades"][0]["trade_seq"] for _ in range(3)]
    ask_for = {"instrument_name": "BTC-PERPETUAL"}

    newest = clients.result("a", "private/get_user_trades_by_instrument", **ask_for, count=2)
    onward = clients.result("a", "private/get_user_trades_by_instrument", **ask_for, start_seq=made[1])
    now_ms = START // MS
    timed = clients.result(
        "a",
        "private/get_user_trades_by_instrument_and_time",
        **ask_for,
        start_timestamp=now_ms,
        end_timestamp=now_ms,
    )

    assert [trade["trade_seq"] for trade in newest["trades"]] == [made[2], made[1]]
    assert newest["has_more"] is True
    assert ([trade["trade_seq"] for trade in onward["trades"]], onward["has_more"]) == (made[1:], False)
    assert [trade["trade_seq"] for trade in timed["trades"]] == made
    public = clients.result("a", "public/get_last_trades_by_instrument", **ask_for, count=3)
    assert {trade["trade_seq"] for trade in public["trades"]} == set(made)


def test_money_and_position_are_told(clients: Clients) -> None:
    _, ask = clients.touch()
    clients.buy("a", ask, amount=10)

    position = clients.result("a", "private/get_position", instrument_name="BTC-PERPETUAL")
    summary = clients.result("a", "private/get_account_summary", currency="BTC")
    summaries = clients.result("a", "private/get_account_summaries")

    assert position["size"] == 10
    assert position["average_price"] == pytest.approx(ask, rel=1e-4)  # the entry value is rounded to a satoshi
    assert clients.result("a", "private/get_positions", currency="BTC", kind="future") == [position]
    assert summary["balance"] < 10
    assert summaries["summaries"] == [summary]
    assert clients.error("a", "private/get_account_summary", currency="XYZ")["data"]["param"] == "currency"


def test_an_order_that_is_filled_while_its_amend_is_judged_is_filled_already() -> None:
    clients = Clients(LIVELY, credits_per_s=1e9, credits_burst=1_000_000)
    clients.connect("a", ALICE)
    clients.at += 600 * S  # the market is behind, and every request brings it on a little

    for _ in range(10):
        order_id = clients.buy("a", clients.touch()[0], amount=10)["order"]["order_id"]
        while "error" not in (reply := clients.ask("a", "private/edit", order_id=order_id, amount=10)):
            pass
        assert reply["error"] == {"code": 11008, "message": "already_filled"}
