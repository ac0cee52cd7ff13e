"""The far side of a Deribit machine, played by hand: what it is told, and what it has asked for."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from replenisher.model.command import AmendOrder, CancelOrder, Intent, PlaceOrder
from replenisher.model.event import Event
from replenisher.model.order import Side
from replenisher.venues.deribit.settings import Credentials, Settings
from replenisher.venues.deribit.venue import MARKET, TRADING, DeribitVenue
from replenisher.venues.venue import Close, Connect, Send

Recordings = Callable[[str], Path]
Json = dict[str, Any]

S = 1_000_000_000
MS = 1_000_000
MINUTE = 60 * S
T0 = 1_700_000_000 * S
HISTORY = "private/get_order_history_by_instrument"
KEY = "deribit/BTC-PERPETUAL"
OURS = "mmx00000a000001"
DEFINITION: Json = {
    "instrument_name": "BTC-PERPETUAL",
    "kind": "future",
    "tick_size": 0.5,
    "contract_size": 10.0,
    "min_trade_amount": 10.0,
    "base_currency": "BTC",
    "quote_currency": "USD",
    "settlement_currency": "BTC",
    "instrument_type": "reversed",
    "settlement_period": "perpetual",
    "price_index": "btc_usd",
    "is_active": True,
    "tick_size_steps": [],
}
OUR_KEY = Credentials("me", "secret")
STATUS: Json = {"locked": "false", "locked_indices": []}


class Far:
    """The venue's side of the wire, and the carrier between."""

    def __init__(
        self,
        *names: str,
        settings: Settings | None = None,
        skew_ns: int = 0,
        followed: Sequence[str] = (),
        tickers: Sequence[str] = (),
        key: Credentials | None = OUR_KEY,
    ) -> None:
        self.at = T0
        self.skew_ns = skew_ns
        self.names = names or ("BTC-PERPETUAL",)
        self.followed = followed
        self.venue = DeribitVenue(
            name="deribit",
            url="ws://far",
            credentials=key,
            instruments=self.names,
            namespace="mmx",
            random=lambda: 0.5,
            settings=settings,
            followed=followed,
            tickers=tickers,
        )
        self.facts: list[Event] = []
        self.requests: defaultdict[str, list[Json]] = defaultdict(list)
        self.dialed: list[str] = []
        self.closes: list[Close] = []
        self.change_id = 0  # of the book, as last told

    def collect(self) -> list[Event]:
        """Facts since the last call; frames and connects are filed."""
        for action in self.venue.actions():
            match action:
                case Connect(connection, _):
                    self.dialed.append(connection)
                case Send(connection, frames):
                    self.requests[connection] += map(json.loads, frames)
                case Close():
                    self.closes.append(action)
        told = self.venue.facts()
        self.facts += told
        return told

    def take(self, connection: str, method: str) -> Json:
        """The oldest request of that method that was not taken yet."""
        self.collect()
        for request in self.requests[connection]:
            if request["method"] == method:
                self.requests[connection].remove(request)
                return request
        raise AssertionError(f"no {method} among {[r['method'] for r in self.requests[connection]]}")

    def reply(self, connection: str, request: Json, result: object = None, error: Json | None = None) -> list[Event]:
        us = (self.at + self.skew_ns) // 1000
        body: Json = {"jsonrpc": "2.0", "id": request["id"], "usIn": us, "usOut": us, "usDiff": 0}
        body |= {"error": error} if error else {"result": result}
        return self.frame(connection, body)

    def answer(self, connection: str, method: str, result: object = None, error: Json | None = None) -> list[Event]:
        return self.reply(connection, self.take(connection, method), result, error)

    def answer_probes(self, *connections: str) -> list[Event]:
        """Say that the connections, all of them if none is named, are whole."""
        self.collect()
        told: list[Event] = []
        for connection in connections or list(self.requests):
            for probe in [request for request in self.requests[connection] if request["method"] == "public/test"]:
                self.requests[connection].remove(probe)
                told += self.reply(connection, probe, {"version": "1"})
        return told

    def answer_chores(self, *connections: str) -> list[Event]:
        """What a whole connection answers: probes, and how things stand."""
        told = self.answer_probes(*connections)
        standing = {
            "public/get_time": (self.at + self.skew_ns) // MS,
            "public/get_order_book": {"change_id": self.change_id},
            "public/status": STATUS,
        }
        for connection in connections or list(self.requests):
            for request in [each for each in self.requests[connection] if each["method"] in standing]:
                self.requests[connection].remove(request)
                told += self.reply(connection, request, standing[request["method"]])
        return told

    def live(self, ns: int, *connections: str) -> list[Event]:
        """Let time pass on connections that are whole, all of them if none is named."""
        told: list[Event] = []
        for _ in range(ns // (100 * MS)):
            told += self.wait(100 * MS)
            told += self.answer_chores(*connections)
        return told

    def frame(self, connection: str, body: Json) -> list[Event]:
        self.venue.received(connection, json.dumps(body, separators=(",", ":")).encode(), self.at)
        return self.collect()

    def notify(self, connection: str, channel: str, data: object) -> list[Event]:
        params = {"channel": channel, "data": data}
        return self.frame(connection, {"jsonrpc": "2.0", "method": "subscription", "params": params})

    def wait(self, ns: int) -> list[Event]:
        """Let time pass, waking the machine whenever it wants to be woken."""
        end = self.at + ns
        told: list[Event] = []
        while (wake := self.venue.next_wake) is not None and wake <= end:
            self.at = max(self.at, wake)
            self.venue.wake(self.at)
            told += self.collect()
            again = self.venue.next_wake
            assert again is None or again > self.at, "a wake that leads to itself is a busy loop"
        self.at = end
        return told

    # --- The usual course of things ---

    def connect(self, connection: str) -> None:
        self.collect()
        self.venue.opened(connection, self.at)
        self.answer(connection, "public/get_time", (self.at + self.skew_ns) // MS)
        self.answer(connection, "public/auth", {"refresh_token": "r", "access_token": "a", "expires_in": 900})
        self.answer(connection, "public/set_heartbeat", "ok")

    def define(self, **changes: object) -> None:
        for name in (*self.names, *self.followed):
            self.answer(MARKET, "public/get_instrument", DEFINITION | {"instrument_name": name} | changes)

    def subscribe(self, connection: str = MARKET) -> None:
        request = self.take(connection, "public/subscribe")
        self.reply(connection, request, request["params"]["channels"])

    def book(self, change_id: int, previous: int | None = None, bids: Any = (), asks: Any = ()) -> list[Event]:
        self.change_id = change_id
        data: Json = {"type": "snapshot" if previous is None else "change", "timestamp": self.at // MS}
        data |= {"instrument_name": "BTC-PERPETUAL", "change_id": change_id, "bids": bids, "asks": asks}
        if previous is not None:
            data["prev_change_id"] = previous
        return self.notify(MARKET, "book.BTC-PERPETUAL.raw", data)

    def open_market(self) -> None:
        self.connect(MARKET)
        self.answer(MARKET, "public/status", STATUS)
        self.define()
        self.subscribe()
        self.book(1, bids=[["new", 9999.5, 100.0]], asks=[["new", 10000.5, 200.0]])

    def open_trading(self, connection: str = TRADING) -> None:
        self.connect(connection)
        self.answer(connection, "private/enable_cancel_on_disconnect", "ok")
        self.answer(connection, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": True})
        request = self.take(connection, "private/subscribe")
        self.reply(connection, request, request["params"]["channels"])

    def changes(self, orders: Any = (), trades: Any = ()) -> list[Event]:
        data = {"instrument_name": "BTC-PERPETUAL", "orders": orders, "trades": trades, "positions": []}
        return self.notify(TRADING, "user.changes.BTC-PERPETUAL.raw", data)


def make_open(**arguments: Any) -> Far:
    far = Far(**arguments)
    far.venue.start(far.at)
    far.open_market()
    far.open_trading()
    far.facts.clear()
    return far


def order(state: str = "open", **fields: object) -> Json:
    return {
        "order_id": "77",
        "order_state": state,
        "instrument_name": "BTC-PERPETUAL",
        "direction": "buy",
        "price": 9990.0,
        "amount": 100.0,
        "filled_amount": 0.0,
        "label": OURS,
        "creation_timestamp": T0 // MS,
        "last_update_timestamp": T0 // MS,
    } | fields


def trade(**fields: object) -> Json:
    return {
        "trade_id": "t1",
        "trade_seq": 5,
        "order_id": "77",
        "instrument_name": "BTC-PERPETUAL",
        "timestamp": T0 // MS,
        "direction": "buy",
        "price": 9990.0,
        "amount": 40.0,
        "fee": -1e-06,
        "fee_currency": "BTC",
        "liquidity": "M",
        "label": OURS,
    } | fields


def place(at: int = T0) -> PlaceOrder:
    return PlaceOrder(
        order_id=OURS,
        instrument=KEY,
        strategy="core",
        side=Side.BUY,
        level=0,
        price=19_980,
        quantity=10,
        intent=Intent.QUOTE,
        valid_until=at + S,
        deadline=at + 2 * S,
    )


def amend(at: int = T0) -> AmendOrder:
    return AmendOrder(
        order_id=OURS,
        venue_order_id="77",
        instrument=KEY,
        price=19_981,
        quantity=8,
        intent=Intent.QUOTE,
        valid_until=at + S,
        deadline=at + 2 * S,
    )


def cancel(venue_order_id: str = "77") -> CancelOrder:
    return CancelOrder(order_id=OURS, venue_order_id=venue_order_id, instrument=KEY, deadline=T0 + 2 * S)


def kinds(facts: list[Event]) -> list[str]:
    return [type(fact).__name__ for fact in facts]
