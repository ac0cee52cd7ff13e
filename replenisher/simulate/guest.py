"""Another client of the exchange: it has an account of its own, and asks for everything that can be asked there.

Its requests are made of the exchange's own list of methods, with parameters that mostly mean something. So what our
daemon is told is told by an exchange that others use as well, and none of that may bring it down or reach our orders.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec

from replenisher.exchange.dialects.deribit.channels import KINDS, OFFERED, RESOLUTIONS_NS
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.dialect import HttpRequest
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.exchange_end import ExchangeEnd
from replenisher.simulate.timeline import Timeline

ACCOUNT, CLIENT_ID, CLIENT_SECRET = "guest", "guest", "nobody's business"
ROUTE = "/api/v2"
REQUESTS, APART_NS = 120, 50 * MS_NS  # of one visit
OVER_HTTP, OPTIONAL, NONSENSE = 0.2, 0.3, 0.02  # shares: of requests, of what may be left out, of all that is said
BACK_MS = 600_000  # how far it looks back
FLAGS = (True, False)
SMALL = (10, 20, 50)
WORDS: Mapping[str, Sequence[Any]] = {  # what a parameter may be, where it is neither a price, an order nor a time
    "amount": SMALL,
    "cancel_type": ("all", "instrument"),
    "client_name": ("guest",),
    "client_version": ("1",),
    "contracts": (1, 2, 5),
    "count": (1, 10, 1000),
    "currency": ("BTC", "USDC", "any"),
    "currency_pair": ("btc_usd", "eth_usd"),
    "delta_limit": (1, 5),
    "depth": (1, 5, 1000),
    "expected_result": ("none", "exception"),
    "frozen_time": (0, 1, 10),
    "index_name": ("btc_usd",),
    "interval": (0, 10, 30),
    "kind": KINDS,
    "label": ("guest 1", "guest 2"),
    "mmp_group": ("", "guest"),
    "mode": ("reject_taker", "cancel_maker", "cancel_taker"),
    "offset": (0, 1),
    "query": ("trade", "settlement", "any"),
    "quantity_limit": (1, 3),
    "resolution": tuple(RESOLUTIONS_NS),
    "scope": ("connection", "account"),
    "sorting": ("asc", "desc", "default"),
    "time_in_force": ("good_til_cancelled", "good_til_day", "immediate_or_cancel", "fill_or_kill"),
    "trade_count_limit": (1, 3),
    "type": ("limit", "market", "all"),
}
LEFT_OUT = frozenset(
    {"access_token", "continuation", "display_amount", "end_id", "end_seq", "start_id", "start_seq", "subaccount_id"}
)
ASKED_AT_THE_DOOR = ("public/auth", "private/logout")
ORDERS = ("private/buy", "private/sell", "private/edit", "private/edit_by_label")


class Guest:
    """One client. A visit is a connection of its own, and some requests over HTTP."""

    def __init__(self, timeline: Timeline, counter: ExchangeEnd, chance: Random) -> None:
        self._timeline = timeline
        self._counter = counter
        self._chance = chance
        self._visits = self._asked = 0
        self._methods = [name for name in METHODS if name not in ASKED_AT_THE_DOOR]

    def visit(self) -> None:
        """Come, ask, and leave."""
        self._visits += 1
        link = f"guest-{self._visits}"
        self._counter.opened(link)
        self._counter.heard(link, self._frame("public/auth", self._login()))
        at = self._timeline.at
        for number in range(REQUESTS):
            self._timeline.put(at + (number + 1) * APART_NS, self._ask, link)
        self._timeline.put(at + (REQUESTS + 2) * APART_NS + SECOND_NS, self._leave, link)

    def _ask(self, link: str) -> None:
        if not self._counter.lets_in:
            return
        method = self._chance.choice((*self._methods, *ORDERS, *ORDERS))
        params = self._params(method)
        if self._chance.random() < OVER_HTTP:
            self._counter.requested(f"{link} over HTTP", self._http(method, params))
        else:
            self._counter.heard(link, self._frame(method, params))

    def _leave(self, link: str) -> None:
        if self._counter.is_open:
            if self._chance.choice(FLAGS):
                self._counter.heard(link, self._frame("private/logout", {}))
            self._counter.closed(link)

    def _login(self) -> dict[str, Any]:
        """By its secret, or by a signature."""
        if self._chance.choice(FLAGS):
            return {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        now, nonce = self._timeline.at // MS_NS, "once"
        signature = hmac.new(CLIENT_SECRET.encode(), f"{now}\n{nonce}\n".encode(), "sha256").hexdigest()
        signed = {"client_id": CLIENT_ID, "timestamp": now, "nonce": nonce, "data": "", "signature": signature}
        return {"grant_type": "client_signature", **signed}

    def _frame(self, method: str, params: Mapping[str, Any]) -> str:
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        return _json(request)

    def _http(self, method: str, params: Mapping[str, Any]) -> HttpRequest:
        headers = {"Authorization": "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()}
        if self._chance.choice(FLAGS):
            return HttpRequest("POST", ROUTE, headers, self._frame(method, params).encode())
        spelled = {name: value if isinstance(value, str) else _json(value) for name, value in params.items()}
        return HttpRequest("GET", f"{ROUTE}/{method}?{urlencode(spelled)}", headers)

    def _params(self, method: str) -> dict[str, Any]:
        row = METHODS[method]
        offered = [name for name in row.takes if name not in row.not_offered and name not in LEFT_OUT]
        said = [name for name in offered if name in row.needs or self._chance.random() < OPTIONAL]
        if method in ORDERS:
            said = [name for name in said if name != "contracts"] + ["amount", "price"]
        return {name: self._value(name) for name in dict.fromkeys(said)}

    def _value(self, name: str) -> Any:
        if self._chance.random() < NONSENSE:
            return self._chance.choice(("", -1, "no such thing", [], 10**20))
        views, now_ms = self._counter.exchange.views, self._timeline.at // MS_NS
        instruments = [each.instrument for each in views.instruments()]
        match name:
            case "instrument_name":
                return self._chance.choice(instruments).name
            case "price":
                chosen = self._chance.choice(instruments)
                away = 1 + self._chance.uniform(-0.01, 0.01)
                return float(round(float(views.mark_price(chosen.name)) * away / float(chosen.tick)) * chosen.tick)
            case "order_id":
                return self._chance.choice([order.order_id for order in views.open_orders(ACCOUNT)] or ["1"])
            case "channels":
                return [self._channel(self._chance.choice(tuple(OFFERED))) for _ in range(3)]
            case "start_timestamp":
                return now_ms - self._chance.randrange(BACK_MS)
            case "end_timestamp" | "timestamp":
                return now_ms
            case "valid_until":
                return now_ms + 1000
            case _:
                return self._chance.choice(WORDS.get(name, FLAGS))

    def _channel(self, pattern: str) -> str:
        """A channel by the pattern of its name."""
        parts = {
            "instrument_name": self._value("instrument_name"),
            "interval": self._chance.choice(("raw", "100ms", "agg2")),
            "group": self._chance.choice(("none", "5")),
            "depth": "10",
            "kind": self._chance.choice(("any", "future")),
            "currency": self._chance.choice(("any", "BTC")),
            "index_name": "btc_usd",
            "resolution": "1",
        }
        return pattern.format_map(parts)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
