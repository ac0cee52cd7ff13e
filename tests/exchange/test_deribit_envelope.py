import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.exchange.dialects.deribit.dispatch import METHODS
from tests.exchange.clients import ALICE, MS, START, Clients


def test_a_reply_carries_id_stamps_and_testnet_flag(clients: Clients) -> None:
    reply = clients.ask("a", "public/get_time")

    assert list(reply) == ["jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"]
    assert reply["result"] == START // MS
    assert (reply["usIn"], reply["usOut"] - reply["usIn"]) == (START // 1000, reply["usDiff"])


def test_a_request_without_id_is_answered_without_one(clients: Clients) -> None:
    clients.send("a", '{"jsonrpc":"2.0","method":"public/test","params":{}}')

    assert "id" not in json.loads(clients.inbox["a"][0])


@pytest.mark.parametrize("named", ["1", '"x"', '""', "123456789012345678901234567890", "null"])
def test_the_id_of_a_request_is_repeated_as_it_was(clients: Clients, named: str) -> None:
    clients.send("a", '{"id":' + named + ',"method":"public/test","params":{}}')

    assert json.loads(clients.inbox["a"][0]).get("id") == json.loads(named)


@pytest.mark.parametrize("named", ["7.5", "1e999999", "true", "[1]", '{"a":1}'])
def test_what_is_neither_a_whole_number_nor_a_text_is_no_id(clients: Clients, named: str) -> None:
    clients.send("a", '{"id":' + named + ',"method":"public/test","params":{}}')

    reply = json.loads(clients.inbox["a"][0])
    assert reply["error"]["code"] == -32600
    assert "id" not in reply


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
    clients = Clients()
    clients.connect("a", ALICE)

    for method, params in requests:
        if method not in ("private/logout", "public/auth"):
            clients.ask("a", method, **params)

    assert clients.ended == {}
