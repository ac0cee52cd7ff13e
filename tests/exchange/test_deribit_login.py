import json
from typing import Any

import pytest

from replenisher.exchange.dialects.deribit import ApiKey
from replenisher.exchange.dialects.deribit.scopes import parse
from tests.exchange.clients import ALICE, BOB, Clients

READER = ApiKey("reader-id", "reader-secret", "alice", scope="account:read trade:read wallet:none")


def log_in(clients: Clients, connection: str, key: ApiKey, **more: Any) -> dict[str, Any]:
    clients.connect(connection)
    secret = {"client_id": key.client_id, "client_secret": key.client_secret}
    result: dict[str, Any] = clients.result(
        connection, "public/auth", grant_type="client_credentials", **secret, **more
    )
    return result


@pytest.fixture
def clients() -> Clients:
    clients = Clients(keys=(ALICE, BOB, READER), token_s=60)
    clients.connect("a", ALICE)
    return clients


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("", "connection mainaccount"),
        ("connection", "connection mainaccount"),
        ("session:desk", "session:desk mainaccount"),
        ("trade:read", "trade:read connection mainaccount"),
        ("trade:read_write account:read session:x", "account:read trade:read_write session:x mainaccount"),
        ("wallet:read_write", "wallet:none connection mainaccount"),
    ],
)
def test_a_scope_is_answered_as_far_as_the_key_goes(asked: str, granted: str, clients: Clients) -> None:
    assert log_in(clients, "c", ALICE, scope=asked)["scope"] == granted


def test_a_key_caps_what_a_login_may_do(clients: Clients) -> None:
    told = log_in(clients, "c", READER, scope="trade:read_write account:read_write")

    assert told["scope"] == "account:read trade:read connection mainaccount"
    order = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": 50_000}
    assert clients.result("c", "private/get_positions") == []
    assert clients.error("c", "private/buy", **order)["code"] == 13021
    assert clients.error("c", "private/enable_cancel_on_disconnect")["code"] == 13021


def test_a_login_may_do_less_than_its_key(clients: Clients) -> None:
    log_in(clients, "c", ALICE, scope="trade:read")
    channels = ["user.orders.any.any.raw", "user.portfolio.btc"]

    assert clients.error("c", "private/cancel_all")["code"] == 13403
    assert clients.error("c", "private/get_account_summary", currency="BTC")["code"] == 13403
    assert clients.result("c", "private/subscribe", channels=channels) == channels[:1]


@pytest.mark.parametrize("asked", ["flying", "trade:all", "expires:0", "expires:x", "session:", "castle:read"])
def test_a_scope_that_the_venue_does_not_have_is_a_wrong_parameter(asked: str, clients: Clients) -> None:
    clients.connect("c")
    secret = {"client_id": ALICE.client_id, "client_secret": ALICE.client_secret}

    error = clients.error("c", "public/auth", grant_type="client_credentials", **secret, scope=asked)

    assert error["data"] == {"reason": "wrong format", "param": "scope"}
    assert parse(asked) is None


def test_a_token_lives_as_long_as_it_says(clients: Clients) -> None:
    assert log_in(clients, "c", ALICE)["expires_in"] == 60
    assert log_in(clients, "d", ALICE, scope="expires:5")["expires_in"] == 5
    assert log_in(clients, "e", ALICE, scope="expires:500")["expires_in"] == 60

    clients.wait(5)
    assert clients.error("d", "private/get_positions")["code"] == 13009
    clients.wait(54.9)
    assert clients.result("c", "private/get_positions") == []
    clients.wait(0.1)
    assert clients.error("c", "private/get_positions")["code"] == 13009


def test_a_refresh_keeps_the_scope_and_starts_the_clock_anew(clients: Clients) -> None:
    first = log_in(clients, "c", ALICE, scope="trade:read")
    clients.wait(50)

    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = clients.result("c", "public/auth", **renewal)
    clients.wait(20)

    assert second["scope"] == first["scope"]
    assert second["access_token"] != first["access_token"]
    assert clients.result("c", "private/get_positions") == []
    assert clients.error("c", "private/get_positions", access_token=first["access_token"])["code"] == 13009


def test_the_token_of_a_connection_means_nothing_on_another(clients: Clients) -> None:
    told = log_in(clients, "c", ALICE)
    clients.connect("d")

    stolen = {"access_token": told["access_token"]}
    renewal = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}

    assert clients.error("d", "private/get_positions", **stolen)["code"] == 13009
    assert clients.error("d", "public/auth", **renewal)["code"] == 13004
    assert clients.result("c", "private/get_positions", **stolen) == []


def test_the_token_of_a_session_outlives_its_connection(clients: Clients) -> None:
    told = log_in(clients, "c", ALICE, scope="session:desk")
    clients.dialect.closed("c", clients.at)
    clients.connect("d")

    assert clients.result("d", "private/get_positions", access_token=told["access_token"]) == []
    assert clients.error("d", "private/get_positions")["code"] == 13009, "the connection itself did not log in"
    renewed = clients.result("d", "public/auth", grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert renewed["scope"] == told["scope"]
    assert clients.result("d", "private/get_positions") == []


@pytest.mark.parametrize(("goodbye", "code"), [({}, 13009), ({"invalidate_token": False}, None)])
def test_a_logout_ends_the_token_of_a_session_unless_it_is_to_live_on(
    goodbye: dict[str, Any], code: int | None, clients: Clients
) -> None:
    told = log_in(clients, "c", ALICE, scope="session:desk")
    clients.send("c", json.dumps({"id": 1, "method": "private/logout", "params": goodbye}))
    clients.connect("d")

    reply = clients.ask("d", "private/get_positions", access_token=told["access_token"])

    assert reply.get("error", {}).get("code") == code
    renewal = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    assert ("error" in clients.ask("d", "public/auth", **renewal)) == (code is not None)


def test_failed_logins_are_counted_for_a_minute(clients: Clients) -> None:
    wrong = {"grant_type": "client_credentials", "client_id": ALICE.client_id, "client_secret": "?"}
    clients.connect("c")

    codes = [clients.error("c", "public/auth", **wrong)["code"] for _ in range(11)]
    assert codes == [13004] * 10 + [12003]
    assert clients.error("c", "public/auth", **wrong | {"client_secret": ALICE.client_secret})["code"] == 12003
    clients.wait(60)

    assert log_in(clients, "d", ALICE)["token_type"] == "bearer"


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
