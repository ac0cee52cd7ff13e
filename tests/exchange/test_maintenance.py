"""The whole platform under maintenance: it locks, refuses, lets nobody in, and comes back, with or without orders."""

from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from replenisher.exchange.interruptions import Interruption
from replenisher.exchange.words import InstrumentState
from tests.exchange.clients import ALICE, BOB, Clients, S
from tests.exchange.deribit_socket import venue
from tests.exchange.stand import PERPETUAL
from tests.exchange.test_deribit_codes import from_now_on, listing

STAGES = (InstrumentState.LOCKED, InstrumentState.MAINTENANCE, InstrumentState.SHUT, InstrumentState.MAINTENANCE)
STAGE_S = 10
MAINTENANCE = tuple(
    Interruption(state=state, after_ns=(1 + STAGE_S * number) * S, for_ns=STAGE_S * S)
    for number, state in enumerate(STAGES)
)
ORDER = {"instrument_name": "BTC-PERPETUAL", "amount": 100, "price": 9_000}


def maintained(*, keeps_orders: bool = False) -> Clients:
    """Alice, whose orders end with her connection, and Bob, whose do not; the platform is locked."""
    clients = Clients(terms={"interruptions": MAINTENANCE}, keeps_orders_when_shut=keeps_orders)
    for name, key in (("a", ALICE), ("b", BOB)):
        clients.connect(name, key)
        clients.result(name, "public/subscribe", channels=["platform_state"])
        clients.result(name, "private/buy", **ORDER, label="rests")
    clients.result("a", "private/enable_cancel_on_disconnect")
    clients.wait(2)
    return clients


def test_each_stage_is_told_to_who_listens_and_to_who_asks() -> None:
    clients = maintained()
    locked = clients.result("a", "public/status")
    clients.wait(STAGE_S)
    down = clients.result("a", "public/status")

    assert locked == down == {"locked": "true", "locked_indices": ["btc_usd"]}
    assert clients.heard("a", "platform_state") == [
        {"price_index": "btc_usd", "locked": True},
        {"maintenance": True},
    ]
    state = clients.result("a", "public/get_instrument", instrument_name="BTC-PERPETUAL")
    assert (state["state"], state["is_active"]) == ("halted", False)

    clients.wait(2 * STAGE_S)
    clients.connect("later", ALICE)
    clients.result("later", "public/subscribe", channels=["platform_state"])
    clients.wait(STAGE_S)
    assert clients.heard("later", "platform_state") == [
        {"price_index": "btc_usd", "locked": False},
        {"maintenance": False},
    ]
    assert clients.result("later", "public/status") == {"locked": "false", "locked_indices": []}


def test_first_orders_are_only_cancelled_and_then_nothing_is_taken() -> None:
    clients = maintained()
    order_id = clients.result("b", "private/get_open_orders")[0]["order_id"]
    assert clients.error("a", "private/buy", **ORDER)["code"] == 10019

    clients.wait(STAGE_S)

    refused = [
        clients.error("b", "private/buy", **ORDER),
        clients.error("b", "private/cancel", order_id=order_id),
        clients.error("b", "private/cancel_by_label", label="rests"),
        clients.error("b", "private/cancel_all"),
    ]
    assert {(error["code"], error["message"]) for error in refused} == {(11051, "system_maintenance")}
    assert [order["order_id"] for order in clients.result("b", "private/get_open_orders")] == [order_id]


@pytest.mark.parametrize("keeps_orders", [False, True])
def test_then_every_connection_ends_and_what_rests_goes_with_it_or_does_not(keeps_orders: bool) -> None:
    clients = maintained(keeps_orders=keeps_orders)
    clients.wait(2 * STAGE_S - 2)
    assert not clients.ended and not clients.dialect.is_shut

    clients.wait(2)

    assert {name: close.code for name, close in clients.ended.items()} == {"a": 1012, "b": 1012}
    assert clients.dialect.is_shut
    clients.wait(STAGE_S)
    assert not clients.dialect.is_shut
    for name, key in (("a", ALICE), ("b", BOB)):
        clients.connect(name, key)
    left = {name: len(clients.result(name, "private/get_open_orders")) for name in "ab"}
    assert left == {"a": int(keeps_orders), "b": 1}


async def test_whoever_comes_meanwhile_is_turned_away(tmp_path: Path) -> None:
    shut = listing(PERPETUAL, interruptions=(from_now_on(InstrumentState.SHUT),))
    async with venue(tmp_path / "ledger", shut) as exchange:
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.url)

    assert refused.value.response.status_code == 503
