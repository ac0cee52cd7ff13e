import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.small_exchange import exchange_of
from replenisher.exchange.dialects.deribit import ApiKey, Deribit, DeribitSettings
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.deribit.login import request_data, signature
from replenisher.exchange.dialects.dialect import HttpReply, HttpRequest

MS = 1_000_000
S = 1_000_000_000
START = 1_700_000_000 * S
ALICE = ApiKey("alice-id", "alice-secret", "alice")
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "alice-id", "client_secret": "alice-secret"}
ORDER = {"instrument_name": "BTC-PERPETUAL", "amount": 100, "price": 50_000, "label": "7", "post_only": "true"}


class Client:
    """Sends HTTP requests to an exchange on virtual time."""

    def __init__(self) -> None:
        self.at = START
        self.requests = 0
        self.dialect = Deribit(exchange_of("alice", at=START), DeribitSettings(keys=(ALICE,), token_s=60))

    def send(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        """Status and content of the one reply."""
        self.requests += 1
        self.dialect.requested(f"request-{self.requests}", request, self.at)
        (reply,) = self.dialect.actions()
        assert isinstance(reply, HttpReply) and reply.connection == f"request-{self.requests}"
        return reply.status, json.loads(reply.body)

    def get(self, method: str, authorization: str = "", **params: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": authorization} if authorization else {}
        return self.send(HttpRequest("GET", target(method, **params), headers))

    def post(self, content: Any, authorization: str = "") -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": authorization} if authorization else {}
        return self.send(HttpRequest("POST", "/api/v2", headers, json.dumps(content).encode()))

    def log_in(self) -> dict[str, Any]:
        _, reply = self.get("public/auth", **CREDENTIALS)
        result: dict[str, Any] = reply["result"]
        return result


def target(method: str, **params: Any) -> str:
    return f"/api/v2/{method}" + (f"?{urlencode(params, quote_via=quote)}" if params else "")


def signed(request: HttpRequest, at: int, *, order: str = "id,ts,sig,nonce", secret: str = "alice-secret") -> str:
    stamp = at // MS
    fields = {"id": "alice-id", "ts": str(stamp), "nonce": "1iqt2wls"}
    fields["sig"] = signature(secret, stamp, fields["nonce"], request_data(request))
    return "deri-hmac-sha256 " + ",".join(f"{name}={fields[name]}" for name in order.split(","))


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_get_names_the_method_in_its_route_and_is_answered_without_an_id(client: Client) -> None:
    status, reply = client.get("public/get_time")

    assert status == 200
    assert reply["result"] == START // MS
    assert set(reply) == {"jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"}


def test_a_post_is_the_json_of_a_frame(client: Client) -> None:
    status, reply = client.post({"jsonrpc": "2.0", "id": "x", "method": "public/get_time", "params": {}})

    assert (status, reply["id"], reply["result"]) == (200, "x", START // MS)


def test_a_query_spells_numbers_and_flags_as_text(client: Client) -> None:
    bearer = f"Bearer {client.log_in()['access_token']}"

    status, reply = client.get("private/buy", bearer, **ORDER)

    assert status == 200
    order = reply["result"]["order"]
    assert (order["amount"], order["price"], order["label"], order["post_only"]) == (100.0, 50_000.0, "7", True)


@pytest.mark.parametrize("value", ["ten", "1e", "", "[1]", "1e999999999", "true", "NaN", "0x10"])
def test_a_query_that_spells_no_number_where_one_is_needed_is_refused(client: Client, value: str) -> None:
    bearer = f"Bearer {client.log_in()['access_token']}"

    status, reply = client.get("private/buy", bearer, **(ORDER | {"amount": value}))

    assert (status, reply["error"]["code"], reply["error"]["data"]["param"]) == (400, -32602, "amount")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("private/get_user_trades_by_currency", {"currency": "BTC", "start_id": ""}),
        ("private/get_user_trades_by_currency", {"currency": "BTC", "start_id": "9" * 5000}),
        ("private/get_margins", {"instrument_name": "BTC-PERPETUAL", "amount": "9" * 29, "price": 50_000}),
        ("private/buy", ORDER | {"amount": f"1.{'1' * 6000}"}),
        ("public/auth", CREDENTIALS | {"scope": f"expires:{'9' * 5000}"}),
    ],
)
def test_a_number_beyond_all_bounds_is_refused(client: Client, method: str, params: dict[str, Any]) -> None:
    bearer = f"Bearer {client.log_in()['access_token']}"

    status, reply = client.get(method, bearer, **params)

    assert (status, reply["error"]["code"]) == (400, -32602)


SENSIBLE = {
    "instrument_name": ["BTC-PERPETUAL"],
    "currency": ["BTC", "any"],
    "amount": ["10", "100"],
    "price": ["50000", "60000", "70000"],
    "order_id": ["1", "2"],
    "label": ["a"],
    "index_name": ["btc_usd"],
    "currency_pair": ["btc_usd"],
    "start_timestamp": ["1699999000000", "1700000000000"],
    "end_timestamp": ["1700000100000"],
    "count": ["1", "100"],
}
ODD = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "0", "-1", "0.1", "1e400", "1e29", "9" * 30, f"0.{'1' * 40}", "true", "null", "{}", "[1]"]),
)
OFFERED = sorted(name for name, row in METHODS.items() if not row.only_socket)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A request that makes sense but for one of its parameters at most, and perhaps one too many."""
    name = draw(st.sampled_from(OFFERED))
    names = [*METHODS[name].needs, *(["amount", "price"] if name in ("private/buy", "private/sell") else [])]
    names += draw(st.lists(st.sampled_from(METHODS[name].takes), max_size=1)) if METHODS[name].takes else []
    odd = draw(st.sampled_from([*names, None]))
    return name, {
        each: draw(ODD if each == odd or each not in SENSIBLE else st.sampled_from(SENSIBLE[each])) for each in names
    }


@settings(deadline=None, max_examples=150)
@given(st.lists(requests(), min_size=1, max_size=8))
def test_whatever_is_asked_of_a_method_is_answered(asked: list[tuple[str, dict[str, str]]]) -> None:
    client = Client()
    bearer = f"Bearer {client.log_in()['access_token']}"
    client.get("private/buy", bearer, **ORDER)

    for method, params in asked:
        status, reply = client.get(method, bearer, **params)

        assert status == (400 if "error" in reply else 200)
        assert ("result" in reply) != ("error" in reply)


def test_an_error_has_status_400(client: Client) -> None:
    assert client.get("public/get_instrument", instrument_name="XYZ")[0] == 400
    assert client.get("public/nonsense")[0] == 400
    assert client.get("public/nonsense")[1]["error"] == {"code": -32601, "message": "Method not found"}
    assert client.get("")[1]["error"]["code"] == -32601
    status, reply = client.send(HttpRequest("POST", "/api/v2", {}, b"{"))
    assert (status, reply["error"]["code"]) == (400, 11050)
    assert client.send(HttpRequest("PUT", "/api/v2/public/test"))[1]["error"]["code"] == -32600


def test_the_rest_of_the_site_is_not_here(client: Client) -> None:
    assert client.send(HttpRequest("GET", "/"))[0] == 404
    assert client.send(HttpRequest("GET", "/api/v20/public/test"))[0] == 404


def test_who_asks_too_often_without_a_login_has_no_credits_left(client: Client) -> None:
    for _ in range(100):
        assert client.get("public/get_time")[0] == 200

    status, reply = client.get("public/get_time")

    assert (status, reply["error"]["code"]) == (400, 10028)
    client.at += S
    assert client.get("public/get_time")[0] == 200


def test_what_is_about_a_connection_needs_a_socket(client: Client) -> None:
    for method in ("public/subscribe", "private/logout", "public/set_heartbeat"):
        status, reply = client.get(method)
        assert (status, reply["error"]["code"]) == (400, 10030)


def test_who_says_nothing_is_nobody(client: Client) -> None:
    unauthorized = {"code": 13009, "message": "unauthorized", "data": {"reason": "invalid_token"}}

    assert client.get("private/get_positions")[1]["error"] == unauthorized
    assert client.get("private/get_positions", "Bearer x")[1]["error"] == unauthorized
    assert client.get("private/get_positions", "Negotiate x")[1]["error"] == unauthorized


def test_a_token_is_good_for_every_request_until_it_expires(client: Client) -> None:
    login = client.log_in()
    bearer = f"Bearer {login['access_token']}"

    assert client.get("private/get_positions", bearer)[1]["result"] == []
    assert client.get("private/get_positions", access_token=login["access_token"])[1]["result"] == []

    client.at += 59 * S
    renewal = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
    renewed = client.get("public/auth", **renewal)[1]["result"]
    client.at += 1 * S
    assert client.get("private/get_positions", bearer)[1]["error"]["code"] == 13009
    assert client.get("private/get_positions", f"Bearer {renewed['access_token']}")[0] == 200


@pytest.mark.parametrize("order", ["id,ts,sig,nonce", "nonce,id,sig,ts"])
def test_a_signed_request_names_its_fields_in_any_order(client: Client, order: str) -> None:
    request = HttpRequest("GET", target("private/buy", **ORDER))

    status, _ = client.send(with_header(request, signed(request, client.at, order=order)))

    assert status == 200


def test_the_body_of_a_post_is_signed_too(client: Client) -> None:
    body = json.dumps({"id": 5, "method": "private/get_positions", "params": {}}).encode()
    request = HttpRequest("POST", "/api/v2", {}, body)
    proof = signed(request, client.at)

    assert client.send(with_header(request, proof))[1]["result"] == []
    other = HttpRequest("POST", "/api/v2", {}, body.replace(b"5", b"6"))
    assert client.send(with_header(other, proof))[1]["error"] == {"code": 13004, "message": "invalid_credentials"}


def test_a_signature_that_is_wrong_stale_or_incomplete_is_refused(client: Client) -> None:
    request = HttpRequest("GET", target("private/get_positions"))
    good = signed(request, client.at)

    refused = [
        signed(request, client.at, secret="another secret"),
        signed(request, client.at - 61 * S),
        signed(request, client.at + 61 * S),
        good.replace("alice-id", "bob-id"),
        good.partition(",nonce")[0],
        good.replace("ts=", "ts=x"),
        good.replace("ts=", "ts=-"),
        "deri-hmac-sha256",
        "deri-hmac-sha256 \udcff=,,=",
    ]

    assert client.send(with_header(request, good))[0] == 200
    for proof in refused:
        status, reply = client.send(with_header(request, proof))
        assert (status, reply["error"]["code"]) == (400, 13004), proof


def test_id_and_secret_may_come_with_the_request(client: Client) -> None:
    def basic(text: str) -> str:
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    assert client.get("private/get_positions", basic("alice-id:alice-secret"))[0] == 200
    for proof in (basic("alice-id:no"), basic("nobody:alice-secret"), "Basic ???", "Basic /w=="):
        assert client.get("private/get_positions", proof)[1]["error"]["code"] == 13004


def with_header(request: HttpRequest, authorization: str) -> HttpRequest:
    return HttpRequest(request.method, request.target, {"Authorization": authorization}, request.body)
