"""Some clients of one exchange that speaks Deribit's dialect, on virtual time."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bench.small_exchange import BTC_PERPETUAL, QUIET, exchange_of, listing_of
from replenisher.exchange.dialects.deribit import ApiKey, Deribit, DeribitSettings
from replenisher.exchange.dialects.dialect import Close, Send
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.market import Listing
from replenisher.model.instrument import Instrument

MS = 1_000_000
S = 1_000_000_000
START = 1_700_000_000 * S

RICH = {"BTC": Decimal(10), "ETH": Decimal(100), "USDC": Decimal(1_000_000)}
ALICE = ApiKey("alice-id", "alice-secret", "alice")
BOB = ApiKey("bob-id", "bob-secret", "bob")


class Clients:
    """Some clients of one exchange, on virtual time; what the dialect sends is kept for each connection."""

    def __init__(
        self,
        market: SyntheticSettings = QUIET,
        instrument: Instrument = BTC_PERPETUAL,
        besides: Sequence[Listing] = (),
        terms: Mapping[str, Any] = MappingProxyType({}),
        **limits: Any,
    ) -> None:
        self.at = START
        self.ledger: list[bytes] = []
        self.exchange = exchange_of(
            "alice",
            "bob",
            listings=(listing_of(market, at=START, instrument=instrument, **terms), *besides),
            cash=RICH,
            append=self.ledger.append,
            at=START,
        )
        self.dialect = Deribit(self.exchange, DeribitSettings(**{"keys": (ALICE, BOB)} | limits))
        self.inbox: dict[str, list[str]] = {}
        self.ended: dict[str, Close] = {}
        self._next_id = 0

    def connect(self, connection: str, key: ApiKey | None = None, **login: Any) -> None:
        self.inbox[connection] = []
        self.ended.pop(connection, None)
        self.dialect.opened(connection, self.at)
        if key:
            credentials = {"client_id": key.client_id, "client_secret": key.client_secret}
            self.result(connection, "public/auth", grant_type="client_credentials", **credentials, **login)

    def send(self, connection: str, frame: str | bytes) -> None:
        self.dialect.received(connection, frame, self.at)
        self._drain()

    def ask(self, connection: str, method: str, **params: Any) -> dict[str, Any]:
        """The reply; notifications stay in the inbox."""
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        self.send(connection, json.dumps(request))
        replies = [frame for frame in self.inbox[connection] if json.loads(frame).get("id") == self._next_id]
        assert len(replies) == 1, f"one reply to {method}"
        self.inbox[connection].remove(replies[0])
        return json.loads(replies[0])

    def ask_later(self, connection: str, method: str, **params: Any) -> int:
        """Send a request whose reply may take its time; the id of it."""
        self._next_id += 1
        self.send(connection, json.dumps({"id": self._next_id, "method": method, "params": params}))
        return self._next_id

    def replies(self, connection: str) -> dict[int, dict[str, Any]]:
        """The replies in the inbox, by id."""
        frames = [json.loads(frame) for frame in self.inbox[connection]]
        return {frame["id"]: frame for frame in frames if "id" in frame}

    def result(self, connection: str, method: str, **params: Any) -> Any:
        reply = self.ask(connection, method, **params)
        assert "error" not in reply, reply
        return reply["result"]

    def error(self, connection: str, method: str, **params: Any) -> dict[str, Any]:
        error: dict[str, Any] = self.ask(connection, method, **params)["error"]
        return error

    def buy(self, connection: str, price: float, amount: int = 100, **params: Any) -> dict[str, Any]:
        order: dict[str, Any] = self.result(
            connection, "private/buy", instrument_name="BTC-PERPETUAL", amount=amount, price=price, **params
        )
        return order

    def heard(self, connection: str, channel: str = "") -> list[Any]:
        """The data of the notifications so far, and forget them."""
        frames = [json.loads(frame) for frame in self.inbox[connection]]
        self.inbox[connection].clear()
        told = [frame["params"] for frame in frames if frame["method"] == "subscription"]
        return [params["data"] for params in told if not channel or params["channel"] == channel]

    def inbox_data(self, connection: str, channel: str) -> list[Any]:
        """The data that one channel told so far; nothing is forgotten."""
        told = [json.loads(frame).get("params", {}) for frame in self.inbox[connection]]
        return [params["data"] for params in told if params.get("channel") == channel]

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the dialect whenever it asks for it."""
        until = self.at + round(seconds * S)
        while (due := self.dialect.next_wake) is not None and due <= until:
            self.at = max(self.at, due)
            self.dialect.wake(self.at)
            self._drain()
        self.at = until

    def touch(self) -> tuple[float, float]:
        book = self.exchange.views.book("BTC-PERPETUAL")
        return float(book.bids[0][0]), float(book.asks[0][0])

    def _drain(self) -> None:
        for action in self.dialect.actions():
            match action:
                case Send():
                    assert action.connection not in self.ended, "nothing is said after the end"
                    self.inbox[action.connection].append(action.frame)
                case Close():
                    self.ended[action.connection] = action
