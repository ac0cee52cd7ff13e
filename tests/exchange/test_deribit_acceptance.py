"""What a simulated exchange must do so that a client cannot tell it from the venue; the numbers are those of the list.

5 (client order ids that are unique while open) is another venue's, 8 (clients that others wrote) has tests of its own.
"""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.small_exchange import LIVELY
from replenisher.exchange.dialects.deribit.login import request_data, signature
from replenisher.exchange.dialects.dialect import DROPPED, Close, HttpReply, HttpRequest
from tests.exchange.clients import ALICE, BOB, MS, START, Clients, S
from tests.exchange.stand import SPOT, listing

BTC = "BTC-PERPETUAL"
ETH = "ETH-PERPETUAL"
ORDER = {"instrument_name": BTC, "amount": 100, "price": 50_000}


def quiet(name: str) -> Any:
    return listing(name, at=START, pace=1e-9)


def started(**settings: Any) -> Clients:
    clients = Clients(besides=[quiet(ETH), quiet(SPOT)], **settings)
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    return clients


# --- 1: who a client is -----------------------------------------------------------------------------------------------


def test_item_1_the_venues_test_vector_verifies() -> None:
    expected = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"

    assert signature("AMANDASECRECT", 1576074319000, "1iqt2wls", "") == expected


@pytest.mark.parametrize(
    ("secret", "age_s", "answer"),
    [("alice-secret", 0, "bearer"), ("another secret", 0, 13004), ("alice-secret", 61, 13004)],
)
def test_item_1_a_signature_logs_in_unless_it_is_wrong_or_stale(secret: str, age_s: int, answer: object) -> None:
    clients = Clients()
    clients.connect("c")
    stamp = START // MS - age_s * 1000

    reply = clients.ask(
        "c",
        "public/auth",
        grant_type="client_signature",
        client_id=ALICE.client_id,
        timestamp=stamp,
        nonce="1iqt2wls",
        data="",
        signature=signature(secret, stamp, "1iqt2wls", ""),
    )

    assert answer in (reply.get("result", {}).get("token_type"), reply.get("error", {}).get("code"))


@pytest.mark.parametrize("order", ["id,ts,sig,nonce", "id,ts,nonce,sig", "nonce,sig,ts,id"])
@pytest.mark.parametrize(("secret", "status"), [("alice-secret", 200), ("another secret", 400)])
def test_item_1_a_signed_request_may_name_its_fields_in_any_order(order: str, secret: str, status: int) -> None:
    clients = Clients()
    target = "/api/v2/private/get_position?" + urlencode({"instrument_name": BTC})
    stamp = START // MS
    fields = {"id": ALICE.client_id, "ts": str(stamp), "nonce": "n"}
    fields["sig"] = signature(secret, stamp, "n", request_data(HttpRequest("GET", target)))
    header = "deri-hmac-sha256 " + ",".join(f"{name}={fields[name]}" for name in order.split(","))

    clients.dialect.requested("r", HttpRequest("GET", target, {"Authorization": header}), clients.at)

    (reply,) = clients.dialect.actions()
    assert isinstance(reply, HttpReply)
    assert reply.status == status
    assert status == 200 or json.loads(reply.body)["error"]["code"] == 13004


# --- 2: channels ------------------------------------------------------------------------------------------------------


def test_item_2_unknown_channels_are_dropped_in_silence() -> None:
    clients = started()

    assert clients.result("a", "public/subscribe", channels=["weather.BTC", "quote.NO-ONE", f"quote.{BTC}"]) == [
        f"quote.{BTC}"
    ]
    assert clients.result("a", "public/subscribe", channels=["weather.BTC"]) == []


def test_item_2_a_book_begins_with_a_snapshot_that_is_not_repeated() -> None:
    clients = started()
    channel = f"book.{BTC}.raw"

    clients.result("a", "private/subscribe", channels=[channel])
    (snapshot,) = clients.heard("a", channel)
    clients.result("a", "private/subscribe", channels=[channel])

    assert snapshot["type"] == "snapshot"
    assert "prev_change_id" not in snapshot
    assert clients.heard("a", channel) == []


def test_item_2_change_ids_are_one_counter_over_all_instruments() -> None:
    clients = started()
    channels = [f"book.{BTC}.raw", f"book.{ETH}.raw"]
    clients.result("a", "private/subscribe", channels=channels)
    clients.heard("a")

    for number in range(3):
        clients.result("a", "private/buy", **ORDER | {"price": 50_000 - number})
        clients.result("a", "private/buy", instrument_name=ETH, amount=100, price=2_000 - number)

    changes = clients.heard("a")
    ids = [change["change_id"] for change in changes]
    assert ids == sorted(set(ids)), "never twice"
    for name in (BTC, ETH):
        chain = [change for change in changes if change["instrument_name"] == name]
        assert len(chain) == 3
        assert all(later["prev_change_id"] == earlier["change_id"] for earlier, later in pairwise(chain))
        assert any(later["change_id"] > earlier["change_id"] + 1 for earlier, later in pairwise(chain))


def test_item_2_numbers_have_a_point_and_an_exponent_where_it_is_shorter() -> None:
    clients = started()
    clients.result("a", "private/subscribe", channels=["user.orders.any.any.raw"])

    clients.send("a", json.dumps({"id": 5, "method": "private/buy", "params": ORDER | {"amount": 2200, "price": 1054}}))

    for frame in clients.inbox["a"]:
        assert '"amount":2.2e3,' in frame
        assert '"price":1054.0,' in frame


# --- 3: the life of a connection --------------------------------------------------------------------------------------


def test_item_3_heartbeats_come_in_time_and_one_unanswered_closes_with_4000() -> None:
    clients = started()
    clients.result("a", "public/subscribe", channels=[f"trades.{BTC}.100ms"])
    clients.result("a", "public/set_heartbeat", interval=10)
    asked: list[float] = []

    while len(asked) < 3:
        clients.wait(0.1)
        if any('"test_request"' in frame for frame in clients.inbox["a"]):
            asked.append((clients.at - START) / S)
            clients.inbox["a"].clear()
            if len(asked) < 3:
                clients.result("a", "public/test")
    clients.wait(9.8)
    assert "a" not in clients.ended
    clients.wait(0.3)

    assert 12.0 <= asked[0] <= 12.6
    assert all(10.5 <= later - earlier <= 10.8 for earlier, later in pairwise(asked))
    assert clients.ended["a"] == Close("a", 4000, "heartbeat close")


def test_item_3_an_idle_connection_without_subscription_is_dropped_after_a_minute() -> None:
    clients = started()
    clients.result("b", "public/subscribe", channels=[f"trades.{BTC}.100ms"])

    clients.wait(60.4)
    assert clients.ended == {}
    clients.wait(0.2)

    assert clients.ended == {"a": Close("a", DROPPED, "idle")}


@pytest.mark.parametrize("order_reply_ms", [0, 50])
def test_item_3_too_many_requests_end_the_session(order_reply_ms: float) -> None:
    clients = started(credits_per_s=5, credits_burst=20, order_reply_ms=order_reply_ms)
    for number in range(20):
        clients.ask_later("a", "private/buy", **ORDER | {"price": 50_000 - number})

    assert clients.error("a", "private/buy", **ORDER)["code"] == 10028

    assert clients.ended.keys() == {"a"}


def test_item_3_orders_are_cancelled_when_the_connection_closes_but_not_at_a_logout() -> None:
    clients = started()
    for connection in "ab":
        clients.result(connection, "private/enable_cancel_on_disconnect")
        clients.buy(connection, 50_000)

    clients.dialect.closed("a", clients.at)
    clients.send("b", '{"id":1,"method":"private/logout","params":{}}')

    assert clients.exchange.views.open_orders("alice") == []
    assert len(clients.exchange.views.open_orders("bob")) == 1


# --- 4: what may come in any order ------------------------------------------------------------------------------------


def test_item_4_a_fill_is_told_before_its_order_is_answered() -> None:
    clients = started(order_reply_ms=50)
    clients.result("a", "private/subscribe", channels=["user.trades.any.any.raw"])
    _, ask = clients.touch()

    clients.send("a", json.dumps({"id": 5, "method": "private/buy", "params": ORDER | {"price": ask}}))
    clients.wait(0.1)

    fill, answer = (json.loads(frame) for frame in clients.inbox["a"])
    assert fill["params"]["data"] == answer["result"]["trades"]
    assert answer["usOut"] - answer["usIn"] == answer["usDiff"] == 50_000


def test_item_4_a_later_question_may_be_answered_first() -> None:
    clients = started(order_reply_ms=50)

    clients.send("a", json.dumps({"id": 1, "method": "private/buy", "params": ORDER}))
    clients.send("a", json.dumps({"id": 2, "method": "private/get_open_orders", "params": {}}))
    clients.wait(0.1)

    first, second = (json.loads(frame) for frame in clients.inbox["a"])
    assert (first["id"], second["id"]) == (2, 1)
    assert first["result"] == [second["result"]["order"]], "it rests already"


def test_item_4_a_filled_order_is_neither_cancelled_nor_edited() -> None:
    clients = started()
    _, ask = clients.touch()
    filled = clients.buy("a", ask, amount=10)["order"]["order_id"]
    cancelled = clients.buy("a", 50_000)["order"]["order_id"]
    clients.result("a", "private/cancel", order_id=cancelled)

    assert clients.error("a", "private/cancel", order_id=filled) == {"code": 11044, "message": "not_open_order"}
    assert clients.error("a", "private/edit", order_id=filled, amount=20)["code"] == 11008
    assert clients.error("a", "private/edit", order_id=cancelled, amount=20)["code"] == 10010


def test_item_4_a_post_only_order_finds_another_price_or_is_refused() -> None:
    clients = started()
    _, ask = clients.touch()

    moved = clients.buy("a", ask + 10, post_only=True)["order"]
    refused = clients.error("a", "private/buy", **ORDER | {"price": ask}, post_only=True, reject_post_only=True)

    assert (moved["price"], moved["order_state"]) == (ask - 0.5, "open")
    assert refused == {"code": 11054, "message": "post_only_reject"}


def test_item_4_a_cancel_takes_what_a_partial_fill_has_left() -> None:
    clients = started(order_reply_ms=50)
    clients.result("a", "private/subscribe", channels=["user.changes.any.any.raw"])
    bid, _ = clients.touch()
    placed = clients.ask_later("a", "private/buy", **ORDER | {"price": bid + 0.5})
    clients.ask_later("b", "private/sell", instrument_name=BTC, amount=40, price=bid + 0.5)
    clients.wait(0.1)
    order_id = clients.replies("a")[placed]["result"]["order"]["order_id"]
    clients.inbox["a"].clear()

    cancel = clients.ask_later("a", "private/cancel", order_id=order_id)
    late = clients.ask_later("b", "private/sell", instrument_name=BTC, amount=40, price=bid + 0.5)
    clients.wait(0.1)

    told = [json.loads(frame) for frame in clients.inbox["a"]]
    assert [frame.get("id") for frame in told] == [None, cancel]
    ended = told[1]["result"]
    assert (ended["order_state"], ended["filled_amount"], ended["amount"]) == ("cancelled", 40, 100)
    assert clients.replies("b")[late]["result"]["trades"] == [], "who comes after the cancel does not meet it"


def test_item_4_a_fill_may_be_told_after_its_order_has_ended() -> None:
    clients = started()
    clients.result("a", "private/subscribe", channels=[f"user.orders.{BTC}.raw", f"user.trades.{BTC}.100ms"])
    _, ask = clients.touch()

    clients.buy("a", ask, amount=10)
    (order,) = clients.heard("a", f"user.orders.{BTC}.raw")
    clients.wait(0.2)
    ((fill,),) = clients.heard("a", f"user.trades.{BTC}.100ms")

    assert order["order_state"] == "filled"
    assert fill["order_id"] == order["order_id"]


# --- 6: how long things are remembered --------------------------------------------------------------------------------


def test_item_6_an_ended_order_is_told_for_half_an_hour_and_then_only_as_history() -> None:
    clients = started()
    order = clients.buy("a", 50_000, label="mine")["order"]["order_id"]
    clients.result("a", "private/cancel", order_id=order)

    def told(**more: Any) -> list[str]:
        asked = {"instrument_name": BTC, "include_unfilled": True} | more
        clients.connect("c", ALICE)
        history = clients.result("c", "private/get_order_history_by_instrument", **asked)
        return [each["order_id"] for each in history]

    def by_label() -> list[Any]:
        return list(clients.result("c", "private/get_order_state_by_label", currency="BTC", label="mine"))

    clients.wait(30 * 60 - 1)
    assert (told(), told(historical=True), len(by_label())) == ([order], [], 1)
    clients.wait(2)
    assert (told(), told(historical=True), len(by_label())) == ([], [order], 0)
    assert clients.result("c", "private/get_order_state", order_id=order)["order_state"] == "cancelled"


@pytest.mark.parametrize("method", ["private/get_user_trades_by_instrument", "private/get_user_trades_by_currency"])
def test_item_6_a_trade_is_told_for_a_day_and_then_only_as_history(method: str) -> None:
    clients = started()
    _, ask = clients.touch()
    trade = clients.buy("a", ask, amount=10)["trades"][0]["trade_id"]
    asked = {"currency": "BTC"} if method.endswith("currency") else {"instrument_name": BTC}

    def told(**more: Any) -> list[str]:
        clients.connect("c", ALICE)
        return [each["trade_id"] for each in clients.result("c", method, **asked, **more)["trades"]]

    clients.wait(24 * 3600 - 1)
    assert (told(), told(historical=True)) == ([trade], [])
    clients.wait(2)
    assert (told(), told(historical=True)) == ([], [trade])


# --- 7: how trades are counted, and what they cost --------------------------------------------------------------------


def test_item_7_trades_are_counted_without_gaps_and_no_id_is_given_twice() -> None:
    clients = Clients(LIVELY, besides=[listing(ETH, at=START, pace=20.0)])
    clients.connect("a", ALICE)
    clients.result("a", "public/subscribe", channels=["trades.any.any.100ms"])

    clients.wait(30)
    prints = [printed for told in clients.heard("a") for printed in told]

    for name in (BTC, ETH):
        counted = [printed["trade_seq"] for printed in prints if printed["instrument_name"] == name]
        assert len(counted) > 10
        assert counted == list(range(counted[0], counted[0] + len(counted)))
    assert len({printed["trade_id"] for printed in prints}) == len(prints)


def test_item_7_a_fee_is_paid_in_what_the_trade_brings() -> None:
    clients = started()

    def taken(side: str, name: str, amount: float) -> tuple[str, Decimal]:
        order = {"instrument_name": name, "amount": amount, "type": "market"}
        fills = clients.result("a", f"private/{side}", **order)["trades"]
        (currency,) = {fill["fee_currency"] for fill in fills}
        return currency, sum(Decimal(str(fill["fee"])) for fill in fills)

    assert taken("buy", BTC, 10)[0] == "BTC"
    assert taken("buy", SPOT, 0.01) == ("BTC", Decimal("0.000005"))
    currency, fee = taken("sell", SPOT, 0.01)
    assert currency == "USDC"
    assert Decimal("0.2") < fee < Decimal("0.4"), "five hundredths of a percent of six hundred dollars"
