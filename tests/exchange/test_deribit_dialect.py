import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.exchange.dialects.deribit import DeribitSettings
from replenisher.exchange.dialects.deribit.book_batch import BookBatch
from replenisher.exchange.dialects.deribit.channels import Channel, Topic, parse
from replenisher.exchange.dialects.deribit.desk import open_desk
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.deribit.login import signature
from replenisher.exchange.dialects.deribit.numbers import number_text
from replenisher.exchange.dialects.deribit.subscription import Subscription
from replenisher.exchange.dialects.dialect import DROPPED, Close
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.words import Action, BookLevel, BookUpdate, InstrumentChanged, InstrumentState
from tests.exchange.clients import ALICE, BOB, LIVELY, MS, START, Clients, perpetual


@pytest.fixture
def clients() -> Clients:
    clients = Clients()
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    return clients


# --- Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("1054", "1054.0"),
        ("2200", "2.2e3"),
        ("0.0001423", "1.423e-4"),
        ("-0.0000004", "-4.0e-7"),
        ("9415.50", "9415.5"),
        ("10", "10.0"),
        ("123456789.12345678", "123456789.12345678"),
    ],
)
def test_numbers_are_printed_as_the_venue_prints_them(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_no_digit_of_a_number_is_ever_lost(value: Decimal) -> None:
    text = number_text(value)

    assert Decimal(text) == value
    assert re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", text)
    json.loads(text)


def test_a_price_of_seventeen_digits_reaches_the_book_and_comes_back_unharmed() -> None:
    finest = SyntheticSettings(minutes_per_second=1e-9, start_price_ticks=60_000 * 10**12, step_ticks=10**12)
    clients = Clients(finest, perpetual("FINE-PERPETUAL", "0.000000000001"))
    clients.connect("a", ALICE)
    clients.result("a", "private/subscribe", channels=["book.FINE-PERPETUAL.raw"])

    clients.send(
        "a",
        '{"jsonrpc":"2.0","id":99,"method":"private/buy","params":'
        '{"instrument_name":"FINE-PERPETUAL","amount":10,"price":50000.123456789012}}',
    )

    frames = clients.inbox["a"]
    assert '"price":50000.123456789012,' in next(frame for frame in frames if '"id":99' in frame)
    assert '["new",50000.123456789012,10.0]' in frames[-1]


# --- The envelope ----------------------------------------------------------------------------------------------------


def test_a_reply_carries_id_stamps_and_testnet_flag(clients: Clients) -> None:
    reply = clients.ask("a", "public/get_time")

    assert list(reply) == ["jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"]
    assert reply["result"] == START // MS
    assert (reply["usIn"], reply["usOut"] - reply["usIn"]) == (START // 1000, reply["usDiff"])


def test_a_request_without_id_is_answered_without_one(clients: Clients) -> None:
    clients.send("a", '{"jsonrpc":"2.0","method":"public/test","params":{}}')

    assert "id" not in json.loads(clients.inbox["a"][0])


def test_broken_json_is_a_bad_request_and_the_connection_stays(clients: Clients) -> None:
    for broken in ("{", b"\xff\xfe", '{"a":1e99999999999999999999}', "[" * 20_000):
        clients.send("a", broken)

        reply = json.loads(clients.inbox["a"].pop())
        assert reply["error"] == {"code": 11050, "message": "bad_request", "data": "invalid json"}
        assert "id" not in reply
    assert clients.result("a", "public/test") == {"version": "1.2.26"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("[]", -32600),
        ('{"id":1}', -32600),
        ('{"id":1,"method":"public/test","params":[1]}', -32600),
        ('{"id":1,"method":"public/fly"}', -32601),
        ('{"id":1,"method":"public/test","params":{"x":"' + "x" * 33_000 + '"}}', -32600),
    ],
)
def test_what_is_no_request_has_its_own_code(clients: Clients, frame: str, code: int) -> None:
    clients.send("a", frame)

    assert json.loads(clients.inbox["a"][0])["error"]["code"] == code


def test_a_missing_or_wrong_parameter_is_answered_by_its_name(clients: Clients) -> None:
    order = {"instrument_name": "BTC-PERPETUAL", "amount": 10}

    assert clients.error("a", "private/buy", **order) == {
        "code": -32602,
        "message": "Invalid params",
        "data": {"reason": "value required", "param": "price"},
    }
    assert clients.error("a", "private/buy", **order, price="1")["data"]["param"] == "price"
    assert clients.error("a", "private/buy", **order, price=True)["data"]["param"] == "price"
    assert clients.error("a", "private/buy", **order, price=1, label="x" * 65)["data"]["param"] == "label"
    assert clients.error("a", "private/buy", **(order | {"instrument_name": "NO"}), price=1)["data"] == {
        "reason": "wrong format",
        "param": "instrument_name",
    }


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=70),
    st.lists(st.sampled_from(["book.BTC-PERPETUAL.raw", "user.changes.any.any.raw", "x", "quote..", ".."])),
    st.sampled_from(["BTC-PERPETUAL", "BTC", "any", "limit", "market", "1", 50_000, 10, "asc", "connection"]),
)
NAMES = st.sampled_from(
    [
        "instrument_name",
        "amount",
        "contracts",
        "price",
        "type",
        "label",
        "order_id",
        "count",
        "channels",
        "currency",
        "start_seq",
        "offset",
        "include_unfilled",
        "start_timestamp",
        "end_timestamp",
        "valid_until",
        "time_in_force",
        "depth",
        "interval",
        "scope",
    ]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(sorted(METHODS)), st.dictionaries(NAMES, JUNK)), max_size=12))
def test_whatever_a_client_sends_is_answered_once(requests: list[tuple[str, dict[str, Any]]]) -> None:
    clients = Clients(changes_before_reply=True)
    clients.connect("a", ALICE)

    for method, params in requests:
        if method not in ("private/logout", "public/auth"):
            clients.ask("a", method, **params)

    assert clients.ended == {}


# --- Login -----------------------------------------------------------------------------------------------------------


def test_the_documented_signature_is_computed() -> None:
    expected = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"

    assert signature("AMANDASECRECT", 1576074319000, "1iqt2wls", "") == expected


def sign_in(clients: Clients, timestamp_ms: int, secret: str) -> dict[str, Any]:
    return clients.ask(
        "c",
        "public/auth",
        grant_type="client_signature",
        client_id="alice-id",
        timestamp=timestamp_ms,
        nonce="1iqt2wls",
        data="",
        signature=signature(secret, timestamp_ms, "1iqt2wls", ""),
    )


def test_a_client_logs_in_with_a_signature_of_the_last_minute(clients: Clients) -> None:
    clients.connect("c")
    now_ms = START // MS

    assert sign_in(clients, now_ms - 61_000, "alice-secret")["error"]["code"] == 13004
    assert sign_in(clients, now_ms, "a wrong secret")["error"]["code"] == 13004
    assert sign_in(clients, now_ms - 59_000, "alice-secret")["result"]["token_type"] == "bearer"
    assert clients.result("c", "private/get_positions") == []


def test_wrong_credentials_are_refused(clients: Clients) -> None:
    clients.connect("c")
    wrong = {"grant_type": "client_credentials", "client_id": "alice-id", "client_secret": "no"}

    assert clients.error("c", "public/auth", **wrong) == {"code": 13004, "message": "invalid_credentials"}
    assert clients.error("c", "public/auth", **(wrong | {"client_id": "nobody"}))["code"] == 13004
    assert clients.error("c", "public/auth", grant_type="refresh_token", refresh_token="x")["code"] == 13004
    assert clients.error("c", "public/auth", grant_type="magic")["data"]["param"] == "grant_type"


def test_private_methods_need_a_login_and_its_own_token(clients: Clients) -> None:
    clients.connect("c")

    unauthorized = {"code": 13009, "message": "unauthorized", "data": {"reason": "invalid_token"}}
    assert clients.error("c", "private/get_open_orders") == unauthorized
    assert clients.error("a", "private/get_open_orders", access_token="foreign") == unauthorized


def test_a_login_expires_unless_it_is_refreshed() -> None:
    clients = Clients(token_s=60)
    clients.connect("a")
    credentials = {"client_id": "alice-id", "client_secret": "alice-secret"}
    login = clients.result("a", "public/auth", grant_type="client_credentials", **credentials)
    assert login["expires_in"] == 60
    clients.result("a", "public/subscribe", channels=["quote.BTC-PERPETUAL"])

    clients.wait(50)
    renewed = clients.result("a", "public/auth", grant_type="refresh_token", refresh_token=login["refresh_token"])

    clients.wait(50)
    clients.result("a", "private/get_open_orders", access_token=renewed["access_token"])
    clients.wait(11)
    assert clients.error("a", "private/get_open_orders")["code"] == 13009


# --- Heartbeat and the end of a connection ---------------------------------------------------------------------------


def kinds(clients: Clients, connection: str) -> list[str]:
    frames = [json.loads(frame) for frame in clients.inbox[connection]]
    clients.inbox[connection].clear()
    return [frame["params"]["type"] for frame in frames if frame["method"] == "heartbeat"]


def test_a_heartbeat_asks_after_twelve_seconds_and_closes_ten_seconds_after_silence(clients: Clients) -> None:
    assert clients.result("a", "public/set_heartbeat", interval=10) == "ok"

    clients.wait(12.0)
    assert "test_request" not in kinds(clients, "a")
    clients.wait(0.6)
    assert "test_request" in kinds(clients, "a")
    clients.result("a", "public/test")

    clients.wait(10.6)
    assert "test_request" in kinds(clients, "a")
    clients.wait(9.0)
    assert "a" not in clients.ended
    clients.wait(1.0)
    assert clients.ended["a"] == Close("a", 4000, "heartbeat close")


def test_a_heartbeat_is_no_shorter_than_ten_seconds_and_can_be_disabled(clients: Clients) -> None:
    assert clients.error("a", "public/set_heartbeat", interval=9)["data"]["param"] == "interval"
    clients.result("a", "public/set_heartbeat", interval=10)
    clients.result("a", "public/disable_heartbeat")
    clients.result("a", "public/subscribe", channels=["quote.BTC-PERPETUAL"])

    clients.wait(120)

    assert kinds(clients, "a") == []
    assert "a" not in clients.ended


def test_a_silent_connection_without_subscription_is_dropped(clients: Clients) -> None:
    clients.result("b", "public/subscribe", channels=["quote.BTC-PERPETUAL"])

    clients.wait(60.4)
    assert clients.ended == {}
    clients.wait(0.2)

    assert clients.ended == {"a": Close("a", DROPPED, "idle")}


def test_cancel_on_disconnect_fires_on_close_and_only_on_this_connections_orders(clients: Clients) -> None:
    clients.connect("a2", ALICE)
    clients.result("a", "private/enable_cancel_on_disconnect")
    lost = clients.buy("a", 50_000)["order"]["order_id"]
    kept = clients.buy("a2", 50_000)["order"]["order_id"]

    clients.dialect.closed("a", clients.at)

    order = clients.result("a2", "private/get_order_state", order_id=lost)
    assert (order["order_state"], order["cancel_reason"]) == ("cancelled", "cancel_on_disconnect")
    assert clients.result("a2", "private/get_order_state", order_id=kept)["order_state"] == "open"


def test_cancel_on_disconnect_fires_when_the_heartbeat_is_lost(clients: Clients) -> None:
    clients.result("b", "private/subscribe", channels=["quote.BTC-PERPETUAL"])
    clients.result("a", "private/enable_cancel_on_disconnect", scope="connection")
    clients.result("a", "public/set_heartbeat", interval=10)
    clients.buy("a", 50_000)

    clients.wait(30)

    assert clients.exchange.open_orders("alice") == []


def test_cancel_on_disconnect_fires_after_ten_silent_minutes(clients: Clients) -> None:
    clients.result("a", "private/enable_cancel_on_disconnect")
    clients.result("a", "private/subscribe", channels=["quote.BTC-PERPETUAL"])
    clients.buy("a", 50_000)

    clients.wait(599)
    assert len(clients.exchange.open_orders("alice")) == 1
    clients.wait(2)

    assert clients.exchange.open_orders("alice") == []


def test_cancel_on_disconnect_does_not_fire_on_logout(clients: Clients) -> None:
    clients.result("a", "private/enable_cancel_on_disconnect")
    clients.buy("a", 50_000)

    clients.send("a", '{"jsonrpc":"2.0","id":5,"method":"private/logout","params":{}}')
    clients.dialect.closed("a", clients.at)

    assert clients.ended["a"].code == 1000
    assert len(clients.exchange.open_orders("alice")) == 1


def test_cancel_on_disconnect_can_be_asked_for_and_for_connections_to_come(clients: Clients) -> None:
    assert clients.result("a", "private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": False}

    clients.result("a", "private/enable_cancel_on_disconnect", scope="account")

    assert clients.result("a", "private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": False}
    clients.connect("a2", ALICE)
    assert clients.result("a2", "private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": True}
    clients.result("a2", "private/disable_cancel_on_disconnect", scope="account")
    assert clients.result("a2", "private/get_cancel_on_disconnect", scope="account")["enabled"] is False


def test_too_many_order_requests_end_the_session_and_its_orders() -> None:
    clients = Clients(credits_per_s=5, credits_burst=20)
    clients.connect("a", ALICE)
    clients.result("a", "private/enable_cancel_on_disconnect")
    for number in range(20):
        clients.buy("a", 50_000 - number)

    clients.wait(0.1)
    refused = clients.error("a", "private/buy", instrument_name="BTC-PERPETUAL", amount=10, price=50_000)

    assert refused == {"code": 10028, "message": "too_many_requests"}
    assert "a" in clients.ended
    assert clients.exchange.open_orders("alice") == []


def test_credits_come_back_with_time() -> None:
    clients = Clients(credits_per_s=5, credits_burst=1)
    clients.connect("a", ALICE)

    for number in range(5):
        clients.buy("a", 50_000 - number)
        clients.wait(0.2)

    assert clients.ended == {}


# --- Subscriptions ---------------------------------------------------------------------------------------------------


def test_unknown_channels_are_dropped_without_a_word(clients: Clients) -> None:
    asked = ["book.NO-SUCH.raw", "quote.BTC-PERPETUAL", "weather.BTC-PERPETUAL", "book.BTC-PERPETUAL.7ms"]

    assert clients.result("a", "public/subscribe", channels=asked) == ["quote.BTC-PERPETUAL"]
    assert clients.result("a", "public/subscribe", channels=["user.orders.BTC-PERPETUAL.raw"]) == []


def test_raw_channels_are_not_for_strangers(clients: Clients) -> None:
    clients.connect("c")

    assert clients.error("c", "public/subscribe", channels=["book.BTC-PERPETUAL.raw"])["code"] == 13778
    assert clients.result("c", "public/subscribe", channels=["book.BTC-PERPETUAL.100ms"])


def test_a_book_starts_with_a_snapshot_that_is_not_repeated(clients: Clients) -> None:
    channel = "book.BTC-PERPETUAL.raw"

    clients.result("a", "private/subscribe", channels=[channel])
    (snapshot,) = clients.heard("a", channel)
    assert clients.result("a", "private/subscribe", channels=[channel]) == [channel]

    assert snapshot["type"] == "snapshot"
    assert "prev_change_id" not in snapshot
    assert {row[0] for row in snapshot["bids"] + snapshot["asks"]} == {"new"}
    assert [row[1] for row in snapshot["bids"]] == sorted((row[1] for row in snapshot["bids"]), reverse=True)
    assert clients.heard("a", channel) == []


def apply(book: dict[str, dict[float, float]], data: dict[str, Any]) -> None:
    """What a careful client does with a book channel."""
    for side in ("bids", "asks"):
        for action, price, amount in data[side]:
            assert (price in book[side]) == (action != "new"), (action, price)
            if action == "delete":
                assert amount == 0
                del book[side][price]
            else:
                assert amount > 0
                book[side][price] = amount


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
def test_the_changes_of_a_book_form_a_chain_that_adds_up_to_the_book(interval: str) -> None:
    clients = Clients(LIVELY)
    clients.connect("a", ALICE)
    channel = f"book.BTC-PERPETUAL.{interval}"
    clients.result("a", "private/subscribe", channels=[channel])
    bid, _ = clients.touch()
    order = clients.buy("a", bid)["order"]["order_id"]
    clients.wait(5)
    clients.ask("a", "private/cancel", order_id=order)
    clients.wait(5)

    snapshot, *changes = clients.heard("a", channel)

    book: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    apply(book, snapshot)
    last = snapshot["change_id"]
    assert len(changes) > 5
    for change in changes:
        assert change["type"] == "change"
        assert change["prev_change_id"] == last
        last = change["change_id"]
        apply(book, change)
    if interval == "raw":
        view = clients.exchange.book("BTC-PERPETUAL")
        assert last == view.change_id
        assert book["bids"] == {float(price): float(amount) for price, amount in view.bids}
        assert book["asks"] == {float(price): float(amount) for price, amount in view.asks}


AMOUNTS = st.lists(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=5), max_size=8)


@given(AMOUNTS, AMOUNTS)
def test_gathered_changes_amount_to_the_same_book(before: list[Any], after: list[Any]) -> None:
    exact: dict[Decimal, int] = {}
    for updates in before:
        exact |= {Decimal(price): amount for price, amount in updates}
    exact = {price: amount for price, amount in exact.items() if amount}
    seen = dict(exact)

    batch = BookBatch()
    for number, updates in enumerate(after):
        levels = []
        for price, amount in dict(updates).items():
            was = exact.pop(Decimal(price), 0)
            if amount:
                exact[Decimal(price)] = amount
            if amount != was:
                action = Action.NEW if not was else Action.CHANGE if amount else Action.DELETE
                levels.append(BookLevel(action, Decimal(price), Decimal(amount)))
        batch.add(
            BookUpdate(
                instrument="X", at=number, change_id=number + 1, previous_change_id=number, bids=tuple(levels), asks=()
            )
        )
    change = batch.take()

    for level in change.bids if change else ():
        assert (level.price in seen) == (level.action is not Action.NEW)
        seen.pop(level.price, None)
        if level.amount:
            seen[level.price] = int(level.amount)
    assert seen == exact


def test_an_unsubscribed_channel_is_silent(clients: Clients) -> None:
    channel = "user.orders.BTC-PERPETUAL.raw"
    clients.result("a", "private/subscribe", channels=[channel, "quote.BTC-PERPETUAL"])

    assert clients.result("a", "private/unsubscribe", channels=[channel, "quote.OTHER"]) == [channel]
    clients.heard("a")
    clients.buy("a", 50_000)
    assert clients.heard("a") == []
    assert clients.result("a", "private/unsubscribe_all") == "ok"


def test_prints_and_quotes_are_told() -> None:
    clients = Clients()
    clients.connect("a", ALICE)
    clients.connect("b")
    clients.result("b", "public/subscribe", channels=["trades.BTC-PERPETUAL.100ms", "quote.BTC-PERPETUAL"])
    _, ask = clients.touch()

    clients.buy("a", ask, amount=10)
    clients.wait(0.2)

    told = clients.heard("b")
    prints = [data for data in told if isinstance(data, list)]
    quotes = [data for data in told if isinstance(data, dict)]
    assert [(printed["price"], printed["amount"], printed["direction"]) for printed in prints[0]] == [(ask, 10, "buy")]
    assert len(quotes) == 2, "one at once, and one because the touch has another amount"


def test_the_end_of_an_instrument_is_told(clients: Clients) -> None:
    channel = parse("instrument.state.future.BTC")
    assert channel
    subscription = Subscription(channel, "", open_desk(clients.exchange, DeribitSettings(keys=())))

    changed = InstrumentChanged(instrument="BTC-PERPETUAL", state=InstrumentState.CLOSED, at=START)
    told = subscription.hear(changed, START)

    assert told == [{"timestamp": START // MS, "state": "closed", "instrument_name": "BTC-PERPETUAL"}]


def test_the_same_requests_get_the_same_frames() -> None:
    def run() -> list[str]:
        clients = Clients(LIVELY)
        clients.connect("a", ALICE)
        channels = ["book.BTC-PERPETUAL.raw", "user.changes.any.any.raw", "trades.BTC-PERPETUAL.100ms"]
        clients.result("a", "private/subscribe", channels=[*channels, "ticker.BTC-PERPETUAL.raw"])
        bid, _ = clients.touch()
        clients.buy("a", bid, amount=10_000)
        clients.wait(3)
        return clients.inbox["a"]

    assert run() == run()


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("book.BTC-PERPETUAL.raw", Topic.BOOK),
        ("trades.future.BTC.100ms", Topic.TRADES),
        ("user.changes.any.any.raw", Topic.CHANGES),
        ("user.trades.BTC-PERPETUAL.agg2", Topic.FILLS),
        ("user.orders.future.btc.raw", Topic.ORDERS),
        ("instrument.state.any.any", Topic.STATE),
        ("platform_state", Topic.PLATFORM),
        ("ticker.BTC-PERPETUAL.100ms", Topic.TICKER),
    ],
)
def test_channels_are_known_by_name(name: str, topic: Topic) -> None:
    channel = parse(name)

    assert isinstance(channel, Channel)
    assert channel.topic is topic
    assert channel.is_raw == name.endswith(".raw")


# --- Orders ----------------------------------------------------------------------------------------------------------


def test_an_order_is_answered_and_its_change_is_told(clients: Clients) -> None:
    clients.result("a", "private/subscribe", channels=["user.changes.BTC-PERPETUAL.raw"])

    order = clients.buy("a", 50_000, label="quote-1", post_only=True, reject_post_only=True)["order"]

    (change,) = clients.heard("a")
    assert change["orders"] == [order]
    assert change["trades"] == []
    assert (order["order_state"], order["label"], order["price"]) == ("open", "quote-1", 50_000)


@pytest.mark.parametrize("first", [True, False])
def test_a_change_goes_out_before_or_after_the_reply(first: bool) -> None:
    clients = Clients(changes_before_reply=first)
    clients.connect("a", ALICE)
    clients.result("a", "private/subscribe", channels=["user.changes.any.any.raw"])

    clients.send(
        "a",
        '{"jsonrpc":"2.0","id":99,"method":"private/buy","params":'
        '{"instrument_name":"BTC-PERPETUAL","amount":10,"price":50000}}',
    )

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


def test_post_only_orders_are_moved_or_refused(clients: Clients) -> None:
    _, ask = clients.touch()

    moved = clients.buy("a", ask + 10, post_only=True)["order"]
    order = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": ask, "post_only": True}
    refused = clients.error("a", "private/buy", **order, reject_post_only=True)

    assert (moved["price"], moved["order_state"]) == (ask - 0.5, "open")
    assert refused == {"code": 11054, "message": "post_only_reject"}


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


def test_an_order_that_ended_long_ago_is_told_only_on_request(clients: Clients) -> None:
    _, ask = clients.touch()
    order = clients.buy("a", ask + 5, amount=10)["order"]
    history = partial(clients.result, "c", "private/get_order_history_by_instrument", instrument_name="BTC-PERPETUAL")

    clients.wait(3 * 24 * 3600)
    clients.connect("c", ALICE)

    assert history() == []
    assert [old["order_id"] for old in history(include_old=True)] == [order["order_id"]]


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


# --- The real wire ---------------------------------------------------------------------------------------------------

Recordings = Callable[[str], Path]


def examples(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def documented(path: Path, section: str) -> Any:
    return next(line["msg"] for line in examples(path) if line["section"] == section)


def test_private_frames_have_every_member_of_the_recorded_ones(clients: Clients, recordings: Recordings) -> None:
    recorded = {line["case"]: line["msg"] for line in examples(recordings("private/roq_deribit_recorded.jsonl"))}
    _, ask = clients.touch()
    clients.result("a", "private/subscribe", channels=["user.changes.any.any.raw"])

    clients.buy("a", 50_000, label="x")
    (opened,) = clients.heard("a")
    clients.result("a", "private/cancel_all")
    (cancelled,) = clients.heard("a")
    clients.buy("a", ask, label="x", amount=10, time_in_force="immediate_or_cancel")
    (filled,) = clients.heard("a")

    for ours, case in ((opened, "order_open"), (cancelled, "order_cancelled"), (filled, "order_ioc_filled")):
        theirs = recorded[case]["params"]["data"]
        assert ours.keys() == theirs.keys()
        for members in ("orders", "trades", "positions"):
            assert len(ours[members]) == len(theirs[members])
            for our_row, their_row in zip(ours[members], theirs[members], strict=True):
                assert set(their_row) <= set(our_row)
                assert set(our_row) - set(their_row) <= {"reject_post_only", "open_orders_margin"}
                for member, value in their_row.items():
                    assert type(our_row[member]) is type(value), member


def test_an_error_looks_like_the_recorded_one(clients: Clients, recordings: Recordings) -> None:
    lines = examples(recordings("private/roq_deribit_recorded.jsonl"))
    recorded = next(line["msg"] for line in lines if line["case"] == "failure")

    reply = clients.ask("a", "private/get_open_orders_by_label", label="x")

    assert reply.keys() == recorded.keys()
    assert reply["error"] == recorded["error"]


def test_book_frames_have_the_members_of_the_recorded_ones(clients: Clients, recordings: Recordings) -> None:
    _, snapshot, change, *_ = examples(recordings("deribit_ws/btc_perpetual_book_raw_5msgs_with_gap.jsonl"))
    clients.result("a", "private/subscribe", channels=["book.BTC-PERPETUAL.raw"])
    clients.buy("a", 50_000)

    ours = clients.heard("a")

    for our_data, their_data in zip(ours, (snapshot["params"]["data"], change["params"]["data"]), strict=True):
        assert set(our_data) == set(their_data) | {"type"}  # the recording is older than this member
        assert type(our_data["bids"][0][2]) is type(their_data["bids"][0][2])


NOT_OURS: dict[str, set[str]] = {
    "/public/auth": set(),
    "/public/get_instruments": set(),
    "/public/get_order_book": set(),
    "/public/ticker": set(),
    "/private/get_position": {"estimated_liquidation_price"},  # nothing is ever liquidated here
}


@pytest.mark.parametrize("section", list(NOT_OURS))
def test_answers_have_every_documented_member(section: str, clients: Clients, recordings: Recordings) -> None:
    theirs = documented(recordings("private/deribit_docs_examples.jsonl"), section)["result"]
    params: dict[str, Any] = {
        "/public/get_instruments": {"currency": "BTC", "kind": "future"},
        "/public/auth": {"grant_type": "client_credentials", "client_id": "bob-id", "client_secret": "bob-secret"},
    }.get(section, {"instrument_name": "BTC-PERPETUAL"})

    ours = clients.result("a", section[1:], **params)

    if isinstance(theirs, list):
        ours, theirs = ours[0], theirs[0]
    assert set(theirs) - set(ours) == NOT_OURS[section]
