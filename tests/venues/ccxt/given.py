"""What the tests of ccxt as a venue are given: exchanges, markets and orders in ccxt's words, and a venue at hand."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from replenisher.model.command import AmendOrder, CancelOrder, Intent, PlaceOrder
from replenisher.model.event import Event
from replenisher.model.order import Side
from replenisher.venues.ccxt.calls import Action, Failure, Invoke, Restart, Watch
from replenisher.venues.ccxt.exchanges import USUAL, Traits
from replenisher.venues.ccxt.link import Exchange, Settings
from replenisher.venues.ccxt.venue import CcxtVenue

Told = TypeVar("Told", bound=Event)
Json = dict[str, Any]

S = 1_000_000_000
MS = 1_000_000
T0 = 1_700_000_000 * S  # also the venue's clock: it runs as ours
KEY = "x/BTC/USDT"
NAME = "abc000000000001"

EVERYTHING = (
    *("createOrder", "editOrder", "cancelOrder", "fetchOpenOrders", "fetchOrder", "fetchMyTrades", "fetchBalance"),
    *("fetchOrderBook", "fetchTrades", "fetchTime", "fetchPosition", "fetchClosedOrders"),
    *("watchOrderBook", "watchTrades", "watchOrders", "watchMyTrades"),
)
MARKET: Json = {
    "id": "BTCUSDT",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": None,
    "type": "spot",
    "active": True,
    "linear": None,
    "inverse": None,
    "contractSize": None,
    "precision": {"price": 0.1, "amount": 0.001},
    "limits": {"amount": {"min": 0.002}, "cost": {"min": 5.0}},
}
# The same as ccxt itself has it, of whatever exchange, and contracts.
SPOT: Json = MARKET | {
    "id": "ID",
    "baseId": "BTC",
    "quoteId": "USDT",
    "spot": True,
    "swap": False,
    "future": False,
    "option": False,
    "contract": False,
    "margin": False,
    "info": {},
    **dict.fromkeys(("priceScale", "valueScale", "ratioScale"), 8),  # of phemex
}
CONTRACTS = SPOT | {"symbol": "BTC/USDT:USDT", "type": "swap", "spot": False, "swap": True, "contract": True}
CONTRACTS |= {"settle": "USDT", "linear": True, "inverse": False, "contractSize": 1.0}
SAME = {  # whose messages are those of others
    **dict.fromkeys(("myokx", "okxus"), "okx"),
    **dict.fromkeys(("bybiteu", "bybitid"), "bybit"),
    "binanceus": "binance",
    "binancecoinm contracts": "binanceusdm contracts",
    "gateeu": "gate",
}


def exchange(*without: str, also: Mapping[str, Any] | None = None, traits: Traits = USUAL, **more: Any) -> Exchange:
    """An exchange that can everything but this."""
    has: Json = {what: what not in without for what in EVERYTHING} | dict(also or {})
    return Exchange(id="kraken", has=has, precision_mode=4, traits=traits, **more)


class Desk:
    """A venue, its calls, and what it told: stands where the loop and the carrier stand."""

    def __init__(
        self,
        seen: Exchange | None = None,
        settings: Settings | None = None,
        market: Json = MARKET,
        others: Sequence[Json] = (),
        followed: Sequence[Json] = (),
        tickers: Sequence[str] = (),
    ) -> None:
        self.at = T0
        self.venue = CcxtVenue(
            name="x",
            exchange=seen or exchange(),
            instruments=[each["symbol"] for each in (market, *others)],
            namespace="abc",
            random=lambda: 0.5,
            settings=settings,
            followed=[each["symbol"] for each in followed],
            tickers=tickers,
        )
        self.market, self.others = market, (*others, *followed)
        self.facts: list[Event] = []
        self.invoked: list[Invoke] = []
        self.streams: list[Watch] = []
        self.restarts: list[str] = []

    # --- What is told --------------------------------------------------------------------------------------------

    def up(self, *, follows: bool = False) -> "Desk":
        """Connected, logged in, and with a book if books are watched."""
        self.known(follows=follows)
        self.fail("cancel_order", "OrderNotFound")
        self.heard()
        return self

    def known(self, *, follows: bool = False) -> "Desk":
        """Connected, and the key is one; whether it may trade is still to be heard."""
        self.venue.start(self.at, follows=follows)
        self.later(S if follows else 0)
        return self._logged_in()

    def again(self) -> "Desk":
        """Up once more, after its streams have ended; what it told of that is still to be heard."""
        self.later(S)
        self._logged_in().fail("cancel_order", "OrderNotFound")
        return self

    def _logged_in(self) -> "Desk":
        self.answer("load_markets", {each["symbol"]: each for each in (self.market, *self.others)})
        if self.venue._exchange.can("fetchTime"):
            self.answer("fetch_time", self.at // MS)
        self.answer("fetch_balance", {})
        return self

    def answer(self, method: str, value: Any) -> None:
        """Answer the first open call of a method."""
        self.venue.answered(self.call(method).number, value, self.at)
        self._drain()

    def fail(self, method: str, kind: str, message: str = "why not", *, was_sent: bool = True) -> None:
        """Fail the first open call of a method."""
        self.venue.failed(self.call(method).number, Failure(kind, message, was_sent), self.at)
        self._drain()

    def watch(self, stream: str, value: Any) -> None:
        """A stream has news."""
        self.venue.watched(
            f"{stream} {KEY if stream in ('orders', 'fills') else self.market['symbol']}", value, self.at
        )
        self._drain()

    def book(self, bids: Any, asks: Any, **more: Any) -> None:
        """The watched book is this now."""
        self.watch("book", {"bids": bids, "asks": asks, "timestamp": self.at // MS, "nonce": None} | more)

    def cut(self, reason: str) -> None:
        """A stream or a socket has ended."""
        self.venue.cut(reason, self.at)
        self._drain()

    def later(self, ns: int) -> None:
        """Time passes, and the venue is woken whenever it wants to be."""
        end = self.at + ns
        while (wake := self.venue.next_wake) is not None and wake <= end:
            self.at = max(self.at, wake)
            self.venue.wake(self.at)
            self._drain()
        self.at = end

    # --- What is seen --------------------------------------------------------------------------------------------

    def call(self, method: str) -> Invoke:
        """The first call of a method that was not yet looked at; it is taken off the list."""
        self._drain()
        for index, invoke in enumerate(self.invoked):
            if invoke.method == method:
                return self.invoked.pop(index)
        raise AssertionError(f"no {method} among {[invoke.method for invoke in self.invoked]}")

    def calls(self) -> list[str]:
        """The methods that wait for an answer."""
        self._drain()
        return [invoke.method for invoke in self.invoked]

    def heard(self) -> list[Event]:
        """What was told since the last look."""
        self._drain()
        told, self.facts = self.facts, []
        return told

    def one(self, kind: type[Told]) -> Told:
        """The only fact of a kind since the last look."""
        found = [fact for fact in self.heard() if isinstance(fact, kind)]
        assert len(found) == 1, f"{len(found)} {kind.__name__}"
        return found[0]

    def _drain(self) -> None:
        self.facts += self.venue.facts()
        actions: list[Action] = self.venue.actions()
        self.invoked += [action for action in actions if isinstance(action, Invoke)]
        self.streams += [action for action in actions if isinstance(action, Watch)]
        self.restarts += [action.reason for action in actions if isinstance(action, Restart)]


def place(order_id: str = NAME, *, at: int = T0, **changes: Any) -> PlaceOrder:
    """A buy of 0.01 at 60,000.0."""
    terms: Json = {
        "instrument": KEY,
        "strategy": "core",
        "side": Side.BUY,
        "level": 0,
        "price": 600_000,
        "quantity": 10,
        "intent": Intent.QUOTE,
        "valid_until": at + 2 * S,
        "deadline": at + 2 * S,
    }
    return PlaceOrder(order_id=order_id, **terms | changes)


def amend(order_id: str = NAME, venue_order_id: str = "v1", *, at: int = T0) -> AmendOrder:
    """To 0.012 at 60,000.1."""
    return AmendOrder(
        order_id=order_id,
        venue_order_id=venue_order_id,
        instrument=KEY,
        price=600_001,
        quantity=12,
        intent=Intent.QUOTE,
        valid_until=at + 2 * S,
        deadline=at + 2 * S,
    )


def cancel(order_id: str = NAME, venue_order_id: str = "v1", *, at: int = T0) -> CancelOrder:
    """The order off the book."""
    return CancelOrder(order_id=order_id, venue_order_id=venue_order_id, instrument=KEY, deadline=at + 2 * S)


def order(venue_order_id: str = "v1", name: str = NAME, status: str = "open", **more: Any) -> Json:
    """An order as ccxt shows it."""
    return {
        "id": venue_order_id,
        "clientOrderId": name,
        "symbol": "BTC/USDT",
        "side": "buy",
        "price": 60000.0,
        "amount": 0.01,
        "filled": 0.0,
        "status": status,
        "info": {},
    } | more


def trade(trade_id: str = "t1", venue_order_id: str = "v1", at: int = T0, **more: Any) -> Json:
    """An execution as ccxt shows it."""
    return {
        "id": trade_id,
        "order": venue_order_id,
        "symbol": "BTC/USDT",
        "timestamp": at // MS,
        "side": "buy",
        "price": 60000.0,
        "amount": 0.004,
        "takerOrMaker": "maker",
        "fee": {"cost": 0.024, "currency": "USDT"},
        "info": {},
    } | more
