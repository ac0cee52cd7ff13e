import json

from replenisher.exchange.dialects.dialect import Close
from tests.exchange.clients import ALICE, Clients


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

    assert clients.exchange.views.open_orders("alice") == []


def test_cancel_on_disconnect_fires_after_ten_silent_minutes(clients: Clients) -> None:
    clients.result("a", "private/enable_cancel_on_disconnect")
    clients.result("a", "private/subscribe", channels=["quote.BTC-PERPETUAL"])
    clients.buy("a", 50_000)

    clients.wait(599)
    assert len(clients.exchange.views.open_orders("alice")) == 1
    clients.wait(2)

    assert clients.exchange.views.open_orders("alice") == []


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
    assert clients.exchange.views.open_orders("alice") == []


def test_credits_come_back_with_time() -> None:
    clients = Clients(credits_per_s=5, credits_burst=1)
    clients.connect("a", ALICE)

    for number in range(5):
        clients.buy("a", 50_000 - number)
        clients.wait(0.2)

    assert clients.ended == {}
