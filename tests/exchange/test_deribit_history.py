from functools import partial
from typing import Any

import pytest

from tests.exchange.clients import ALICE, BOB, START, Clients
from tests.exchange.stand import SPOT, listing

BTC = "BTC-PERPETUAL"


@pytest.fixture
def clients() -> Clients:
    clients = Clients(besides=[listing(SPOT, at=START, pace=1e-9)])
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    return clients


def spot(clients: Clients, **more: Any) -> dict[str, Any]:
    order: dict[str, Any] = clients.result(
        "a", "private/buy", **{"instrument_name": SPOT, "amount": 0.01, "price": 50_000} | more
    )
    return order


def test_a_history_goes_on_where_the_page_before_ended(clients: Clients) -> None:
    ended = []
    for number in range(5):
        order = clients.buy("a", 50_000 - number)["order"]["order_id"]
        clients.result("a", "private/cancel", order_id=order)
        ended.insert(0, order)
    history = partial(
        clients.result, "a", "private/get_order_history_by_currency", currency="BTC", include_unfilled=True, count=2
    )

    pages, page = [], history(with_continuation=True)
    while page["continuation"]:
        pages.append(page)
        page = history(continuation=page["continuation"])
    pages.append(page)

    assert [[order["order_id"] for order in page["orders"]] for page in pages] == [ended[:2], ended[2:4], ended[4:]]


def test_a_currency_is_that_of_settlement_and_of_spot_both(clients: Clients) -> None:
    future, pair = clients.buy("a", 50_000)["order"], spot(clients)["order"]
    asked = partial(clients.result, "a", "private/get_open_orders_by_currency")

    def told(**more: Any) -> list[str]:
        return [order["order_id"] for order in asked(**more)]

    assert told(currency="BTC") == [future["order_id"], pair["order_id"]]
    assert told(currency="BTC", kind="future") == [future["order_id"]]
    assert told(currency="USDC") == told(currency="BTC", kind="spot") == [pair["order_id"]]
    assert told(currency="BTC", type="trigger_all") == []
    assert clients.error("a", "private/get_open_orders_by_currency", currency="XYZ")["data"]["param"] == "currency"


def test_the_trades_of_an_order_are_a_bare_list(clients: Clients) -> None:
    filled = spot(clients, type="market")
    spot(clients, type="market")

    asked = {"order_id": filled["order"]["order_id"]}
    newest_first = clients.result("a", "private/get_user_trades_by_order", **asked)
    oldest_first = clients.result("a", "private/get_user_trades_by_order", **asked, sorting="asc")

    assert oldest_first == newest_first[::-1]
    assert [trade["trade_id"] for trade in oldest_first] == [trade["trade_id"] for trade in filled["trades"]]
    assert clients.error("b", "private/get_user_trades_by_order", **asked)["code"] == 10004


def test_trades_are_bounded_by_sequence_and_by_id(clients: Clients) -> None:
    made = [spot(clients, type="market", amount=0.0001)["trades"][0] for _ in range(4)]
    by_instrument = partial(clients.result, "a", "private/get_user_trades_by_instrument", instrument_name=SPOT)
    by_currency = partial(clients.result, "a", "private/get_user_trades_by_currency", currency="USDC", sorting="asc")

    bounded = by_instrument(start_seq=made[1]["trade_seq"], end_seq=made[2]["trade_seq"])
    by_id = by_currency(start_id=made[1]["trade_id"], end_id=made[2]["trade_id"])

    assert bounded["trades"] == by_id["trades"] == made[1:3]


def test_an_order_is_edited_by_a_label_that_is_its_own(clients: Clients) -> None:
    placed = clients.buy("a", 50_000, label="mine")["order"]
    edit = {"label": "mine", "instrument_name": BTC, "amount": 50, "price": 49_000}

    edited = clients.result("a", "private/edit_by_label", **edit)["order"]

    assert (edited["order_id"], edited["amount"], edited["price"]) == (placed["order_id"], 50, 49_000)
    assert clients.error("a", "private/edit_by_label", **edit | {"label": "nobody's"})["code"] == 10004
    clients.buy("a", 50_000, label="mine")
    assert clients.error("a", "private/edit_by_label", **edit)["code"] == 13032


@pytest.mark.parametrize(
    ("method", "params", "names"),
    [
        ("private/cancel_all", {}, [BTC, SPOT]),
        ("private/cancel_all_by_instrument", {"instrument_name": SPOT}, [SPOT]),
        ("private/cancel_all_by_currency", {"currency": "BTC"}, [BTC, SPOT]),
        ("private/cancel_all_by_currency", {"currency": "BTC", "kind": "future"}, [BTC]),
        ("private/cancel_all_by_currency_pair", {"currency_pair": "btc_usdc"}, [SPOT]),
        ("private/cancel_all_by_kind_or_type", {"currency": "any", "kind": "spot", "type": "limit"}, [SPOT]),
        ("private/cancel_all_by_kind_or_type", {"currency": "any", "type": "trigger_all"}, []),
        ("private/cancel_by_label", {"label": "x"}, [BTC, SPOT]),
    ],
)
def test_a_mass_cancel_tells_on_request_what_it_took_off(
    method: str, params: dict[str, Any], names: list[str], clients: Clients
) -> None:
    orders = {BTC: clients.buy("a", 50_000, label="x")["order"], SPOT: spot(clients, label="x")["order"]}

    reports = clients.result("a", method, **params, detailed=True)

    assert [report["instrument_name"] for report in reports] == names
    for report in reports:
        (order,) = report["result"]
        assert order["order_id"] == orders[report["instrument_name"]]["order_id"]
        assert order["order_state"] == "cancelled"
    left = clients.result("a", "private/get_open_orders")
    assert len(left) == 2 - len(names)
    clients.buy("a", 50_000, label="x")
    assert clients.result("a", "private/cancel_all") == len(left) + 1


def test_public_trades_are_told_by_instrument_and_by_currency(clients: Clients) -> None:
    first = spot(clients, type="market", amount=0.0001)["trades"][0]
    _, ask = clients.touch()
    second = clients.buy("a", ask, amount=10)["trades"][0]

    by_currency = clients.result("b", "public/get_last_trades_by_currency", currency="BTC", count=2)
    only = clients.result(
        "b", "public/get_last_trades_by_instrument", instrument_name=SPOT, start_seq=first["trade_seq"]
    )

    assert [trade["trade_id"] for trade in by_currency["trades"]] == [second["trade_id"], first["trade_id"]]
    assert [trade["trade_id"] for trade in only["trades"]] == [first["trade_id"]]
    assert only["trades"][0]["tick_direction"] == first["tick_direction"] == 0
