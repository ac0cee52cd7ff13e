"""What leaves for each exchange that we call fit: an order with our own name in it, and post-only, over a real socket.

Nobody answers as the exchange would: this shows what is sent, and nothing of what would come of it. How our name comes
back is shown by the field that each exchange's own orders have it in, read by ccxt's parser and then by ours.
"""

import asyncio
import re
from typing import Any

import ccxt.pro
import pytest

from replenisher.live.clock import SessionClock
from replenisher.venues.ccxt.calls import Failure, Invoke
from replenisher.venues.ccxt.carrier import Caller
from replenisher.venues.ccxt.client import Client, Keys, client_of
from replenisher.venues.ccxt.exchanges import TRAITS, name_in
from replenisher.venues.ccxt.instruments import KINDS
from replenisher.venues.ccxt.orders import ORDER_FIELDS
from tests.venues.ccxt.given import NAME
from tests.waiting import eventually

KEYS = Keys("account-key", "ABCDEF0123456789", "a password")  # the secret is hexadecimal, and base 64 as well
# How the exchanges say "post-only", each in its own word.
POST_ONLY = ("post", "maker", "poc", "gtx", '"type":2')
# ccxt's own word, which it sends on as it is where it does not know the exchange's. A few have the same one.
CCXTS_WORD = re.compile(r'"postonly":true|postonly=true')
SAME_WORD = frozenset({"kucoin", "kucoinfutures", "whitebit"})
INFO = {
    "symbol": "BTCUSDT",
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "quoteIncrement": "0.1",
    "priceScale": 2,
}
SPOT: dict[str, Any] = {
    "id": "BTCUSDT",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "type": "spot",
    "spot": True,
    "margin": False,
    "swap": False,
    "future": False,
    "option": False,
    "contract": False,
    "active": True,
    "settle": None,
    "settleId": None,
    "linear": None,
    "inverse": None,
    "contractSize": None,
    "precision": {"price": 0.1, "amount": 0.0001},
    "limits": {"amount": {"min": 0.0001}, "price": {}, "cost": {"min": 1}, "leverage": {}},
    "info": INFO,
}
SWAP = SPOT | {
    "symbol": "BTC/USDT:USDT",
    "type": "swap",
    "spot": False,
    "swap": True,
    "contract": True,
    "settle": "USDT",
    "settleId": "usdt",
    "linear": True,
    "inverse": False,
    "contractSize": 1.0,
    "precision": {"price": 0.1, "amount": 1},
}
# Where the exchanges' orders have the name that their owner gave them; a second one is that of contracts.
FIELDS = {
    "bequant": ("client_order_id",),
    "binance": ("clientOrderId",),
    "binancecoinm": ("clientOrderId",),
    "binanceus": ("clientOrderId",),
    "binanceusdm": ("clientOrderId",),
    "bingx": ("clientOrderID", "clientOrderId"),
    "bitget": ("clientOid",),
    "bybit": ("orderLinkId",),
    "bybiteu": ("orderLinkId",),
    "bybitid": ("orderLinkId",),
    "coinbase": ("client_order_id",),
    "cryptocom": ("client_oid",),
    "deepcoin": ("clOrdId",),
    "deribit": ("label",),
    "gate": ("text",),
    "gateeu": ("text",),
    "gemini": ("client_order_id",),
    "hashkey": ("clientOrderId",),
    "hitbtc": ("client_order_id",),
    "kraken": ("cl_ord_id",),
    "krakenfutures": ("cliOrdId",),
    "kucoin": ("clientOid",),
    "kucoinfutures": ("clientOid",),
    "mexc": ("clientOrderId", "externalOid"),
    "myokx": ("clOrdId",),
    "okx": ("clOrdId",),
    "okxus": ("clOrdId",),
    "phemex": ("clOrdID",),
    "poloniex": ("clientOrderId", "clOrdId"),
    "toobit": ("clientOrderId",),
    "whitebit": ("clientOrderId",),
    "xt": ("clientOrderId",),
}
CASES = [(name, kind) for name in sorted(TRAITS) for kind in ("spot", "swap") if getattr(ccxt.pro, name)().has[kind]]


class Heard:
    """Notes that the call is over, and how it ended."""

    def __init__(self) -> None:
        self.ended: list[Any] = []

    def answered(self, number: int, value: Any, at: int) -> None:
        self.ended.append(value)

    def failed(self, number: int, failure: Failure, at: int) -> None:
        self.ended.append(failure)

    def watched(self, stream: str, value: Any, at: int) -> None:
        raise AssertionError("nothing is watched")

    def cut(self, reason: str, at: int) -> None:
        raise AssertionError("nothing is watched")


async def call(made: Client, market: dict[str, Any], method: str, *arguments: Any) -> list[Any]:
    """Let the carrier call a method once; returns how that ended."""
    made.of_ccxt.enableRateLimit = False
    made.of_ccxt.set_markets([market])
    made.of_ccxt.markets_loading = asyncio.get_running_loop().create_future()
    made.of_ccxt.markets_loading.set_result(made.of_ccxt.markets)
    heard = Heard()

    async with asyncio.TaskGroup() as tasks:
        caller = Caller(
            tasks,
            made.of_ccxt,
            made.hosts,
            heard,
            lambda tell: tell(),
            lambda _: None,
            SessionClock().now,
        )
        caller.carry([Invoke(1, method, arguments)])
        await eventually(lambda: heard.ended, "the call is over")
        await caller.finish()
    return heard.ended


def says_post_only(name: str, request: str) -> bool:
    """Whether an order says it in a word of the exchange's own."""
    said = request.lower().partition("/")[2]
    if name not in SAME_WORD:
        said = CCXTS_WORD.sub("", said)
    return any(word in said for word in POST_ONLY)


@pytest.mark.parametrize(("name", "kind"), CASES)
async def test_an_order_leaves_with_our_name_and_post_only(server: tuple[str, list[str]], name: str, kind: str) -> None:
    address, requests = server
    made = client_of(name, KEYS, address=address)
    market = SPOT if kind == "spot" else SWAP
    params = {made.exchange.traits.name_param: NAME, **dict([made.exchange.traits.post_only])}

    ended = await call(made, market, "create_order", market["symbol"], "limit", "buy", 1.0, 60000.0, params)

    orders = [request for request in requests if NAME in request]
    assert orders, (ended, requests)
    assert says_post_only(name, orders[0]), orders[0]


BATCHES = [(name, kind) for name, kind in CASES if client_of(name, KEYS).exchange.batch_max.get(KINDS[kind], 0) > 1]


@pytest.mark.parametrize(("name", "kind"), BATCHES)
async def test_so_do_two_in_one_request(server: tuple[str, list[str]], name: str, kind: str) -> None:
    address, requests = server
    made = client_of(name, KEYS, address=address)
    market, names, traits = SPOT if kind == "spot" else SWAP, (NAME, NAME[:-1] + "2"), made.exchange.traits
    terms = [
        (market["symbol"], "limit", "buy", 1.0, 60000.0, {traits.name_param: each, **dict([traits.post_only])})
        for each in names
    ]

    ended = await call(made, market, "create_orders", [dict(zip(ORDER_FIELDS, each, strict=True)) for each in terms])

    orders = [request for request in requests if NAME in request]
    assert orders, (ended, requests)
    assert names[1] in orders[0]
    assert says_post_only(name, orders[0]), orders[0]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_order_comes_back_with_our_name(name: str, kind: str) -> None:
    made, market = client_of(name, KEYS), SPOT if kind == "spot" else SWAP
    made.of_ccxt.set_markets([market])
    traits, field = made.exchange.traits, FIELDS[name][0 if kind == "spot" else -1]

    of_theirs = {field: traits.name_prefix + NAME, "side": "BUY_OPEN" if name == "hashkey" else "BUY"}
    told = made.of_ccxt.parse_order(of_theirs, made.of_ccxt.market(market["symbol"]))

    assert name_in(told, traits.name_paths, traits.name_prefix) == NAME


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if TRAITS[case[0]].open_limit])
async def test_as_many_resting_orders_as_are_told_at_once_are_asked_for(
    server: tuple[str, list[str]], name: str, kind: str
) -> None:
    address, requests = server
    made = client_of(name, KEYS, address=address)
    market, limit = SPOT if kind == "spot" else SWAP, made.exchange.traits.open_limit

    await call(made, market, "fetch_open_orders", market["symbol"], None, limit)

    if not name.startswith("kucoin"):  # of its contracts ccxt asks for no number, and gets the 50 that are usual
        assert str(limit) in requests[-1] or "2000" in requests[-1], requests


@pytest.mark.parametrize("name", [name for name, traits in sorted(TRAITS.items()) if traits.has_switch])
async def test_a_dead_man_switch_that_we_hold_needs_nothing_but_a_time(
    server: tuple[str, list[str]], name: str
) -> None:
    address, requests = server
    made = client_of(name, KEYS, address=address)

    ended = await call(made, SWAP, "cancel_all_orders_after", 60_000)

    assert made.exchange.has_switch
    assert len(requests) == 1, (ended, requests)
    assert "after" in requests[0].lower() and "60" in requests[0]
    assert "BTC" not in requests[0], "it is for the whole account"
