"""What the doctor asks of Deribit, on the venue's own answers."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from replenisher.core.budget import RateLimit
from replenisher.errors import Unreachable
from replenisher.model.units import MS_NS, SECOND_NS, US_NS
from replenisher.venues.deribit.examination import examine, http_address
from replenisher.venues.deribit.requests import sign
from replenisher.venues.deribit.scope import is_barred_from_trading, may_write
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.doctor import Answers, Clock, Key, Listing, Unanswered
from replenisher.venues.rest import Rest

ADDRESS = "https://test.deribit.com/api/v2"
AT = 1_700_000_000 * SECOND_NS
OFFSET_MS = 40
WAY_MS = 10
SCOPE = "account:read_write connection mainaccount trade:read_write wallet:none"

RESULTS: dict[str, Any] = {
    "public/auth": {"access_token": "token", "refresh_token": "r", "expires_in": 900, "scope": SCOPE},
    "public/get_instrument": {
        "instrument_name": "BTC-PERPETUAL",
        "kind": "future",
        "settlement_period": "perpetual",
        "instrument_type": "reversed",
        "tick_size": 0.5,
        "contract_size": 10,
        "min_trade_amount": 10,
        "maker_commission": -0.0001,
        "base_currency": "BTC",
        "quote_currency": "USD",
        "settlement_currency": "BTC",
        "is_active": True,
        "state": "open",
    },
    "public/get_order_book": {
        "bids": [[59999.5, 1000.0]],
        "asks": [[60000.0, 70.0]],
        "last_price": 60000.0,
        "min_price": 59100.25,
        "max_price": 60900.5,
        "state": "open",
    },
    "private/get_account_summary": {
        "currency": "BTC",
        "balance": 1.00000001,
        "limits": {"matching_engine": {"trading": {"total": {"burst": 20, "rate": 5}}}},
    },
    "private/get_position": {"instrument_name": "BTC-PERPETUAL", "size": -430.0, "direction": "sell"},
    "private/get_cancel_on_disconnect": {"scope": "account", "enabled": False},
}


class Venue:
    """Answers as Deribit does, 40 ms ahead of our clock and 10 ms away, there and back."""

    def __init__(self) -> None:
        self.results = dict(RESULTS)
        self.refusals: dict[str, tuple[int, str]] = {}
        self.asked: dict[str, httpx.Request] = {}
        self.at = AT

    def now(self) -> int:
        return self.at

    def answer(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.removeprefix("/api/v2/")
        self.asked[method] = request
        self.at += WAY_MS * MS_NS // 2
        us = (self.at + OFFSET_MS * MS_NS) // US_NS
        self.at += WAY_MS * MS_NS // 2
        stamps = {"jsonrpc": "2.0", "usIn": us, "usOut": us, "testnet": True}
        if method in self.refusals:
            code, message = self.refusals[method]
            return httpx.Response(400, json=stamps | {"error": {"code": code, "message": message}})
        result = us // 1000 if method == "public/get_time" else self.results[method]
        return httpx.Response(200, json=stamps | {"result": result})

    def examined(self) -> Answers:
        with respx.mock(base_url=ADDRESS) as router:
            router.get(path__startswith="/").mock(side_effect=self.answer)
            with Rest(ADDRESS, self.now) as rest:
                return examine(rest, Credentials("me", "hunter2"), "deribit", ["BTC-PERPETUAL"], "nonce")


@pytest.fixture
def venue() -> Venue:
    return Venue()


def test_everything_is_told_exactly(venue: Venue) -> None:
    answers = venue.examined()

    assert answers.clock == Clock(offset_ns=OFFSET_MS * MS_NS, way_ns=WAY_MS * MS_NS)
    assert answers.key == Key(
        trades=True, arms_switch=True, withdraws=False, told="account:read_write trade:read_write"
    )
    assert answers.rate == RateLimit(per_s=5, burst=20)
    assert answers.balances == {"BTC": Decimal("1.00000001")}
    assert answers.positions == {"BTC-PERPETUAL": Decimal(-430)}
    assert answers.switch_by_default is False
    listing = answers.listings["BTC-PERPETUAL"]
    assert isinstance(listing, Listing)
    assert (listing.instrument.key, listing.instrument.tick, listing.is_open) == (
        "deribit/BTC-PERPETUAL",
        Decimal("0.5"),
        True,
    )
    assert (listing.bid, listing.ask) == ((Decimal("59999.5"), Decimal(1000)), (Decimal(60000), Decimal(70)))
    assert (listing.price_min, listing.price_max) == (Decimal("59100.25"), Decimal("60900.5"))
    assert listing.maker_fee == Decimal("-0.0001")


def test_the_login_proves_the_secret_without_sending_it_and_by_the_venues_clock(venue: Venue) -> None:
    venue.examined()

    login = parse_qs(venue.asked["public/auth"].url.query.decode())
    timestamp_ms = int(login["timestamp"][0])
    assert AT // MS_NS + OFFSET_MS <= timestamp_ms <= venue.at // MS_NS + OFFSET_MS
    assert login["signature"] == [sign("hunter2", timestamp_ms, "nonce")]
    assert "hunter2" not in json.dumps([str(request.url) for request in venue.asked.values()])
    assert venue.asked["private/get_position"].headers["Authorization"] == "Bearer token"


def test_nothing_is_asked_that_changes_anything(venue: Venue) -> None:
    venue.examined()

    assert {method.partition("/")[2].partition("_")[0] for method in venue.asked} == {"auth", "get"}
    assert {request.method for request in venue.asked.values()} == {"GET"}


def test_a_refusal_is_an_answer_and_the_rest_is_asked_all_the_same(venue: Venue) -> None:
    venue.refusals["private/get_account_summary"] = (13021, "forbidden")

    answers = venue.examined()

    assert answers.balances == answers.rate == Unanswered("13021 forbidden")
    assert answers.positions == {"BTC-PERPETUAL": Decimal(-430)}


def test_an_instrument_that_is_not_listed_is_told_as_such(venue: Venue) -> None:
    venue.refusals["public/get_instrument"] = (-32602, "Invalid params")

    answers = venue.examined()

    listing = answers.listings["BTC-PERPETUAL"]
    assert isinstance(listing, Unanswered)
    assert "the venue lists no such instrument" in listing.reason
    assert answers.positions == {}


def test_a_venue_without_limits_or_with_limits_of_another_shape_leaves_them_open(venue: Venue) -> None:
    venue.results["private/get_account_summary"] = {"currency": "BTC", "balance": 1}

    none_told = Unanswered("the venue tells no limits that we know")
    assert venue.examined().rate == none_told

    venue.results["private/get_account_summary"] = {"currency": "BTC", "balance": 1, "limits": "many"}

    answers = venue.examined()
    assert (answers.rate, answers.balances) == (none_told, {"BTC": 1})


def test_who_answers_in_another_language_is_not_deribit() -> None:
    with respx.mock(base_url=ADDRESS) as router:
        router.get(path__startswith="/").respond(404, content=b"<html>not found</html>")
        with Rest(ADDRESS, lambda: AT) as rest, pytest.raises(Unreachable, match="does not answer as Deribit does"):
            examine(rest, Credentials("me", "hunter2"), "deribit", ["BTC-PERPETUAL"], "nonce")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("wss://test.deribit.com/ws/api/v2", "https://test.deribit.com/api/v2"),
        ("ws://127.0.0.1:8787/ws/api/v2", "http://127.0.0.1:8787/api/v2"),
    ],
)
def test_the_address_over_http_follows_from_that_of_the_socket(url: str, address: str) -> None:
    assert http_address(url) == address


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("connection mainaccount trade:read_write account:read", True),
        ("connection mainaccount", None),  # names no right at all, and so denies none
        ("trade:read account:read_write", False),
        ("trade:none account:read_write", False),
        ("account:read_write wallet:none", False),
        ("", None),
    ],
)
def test_whether_a_scope_lets_trade(scope: str, may: bool | None) -> None:
    assert may_write(scope, "trade") is may
    assert is_barred_from_trading(scope) is (may is False)
