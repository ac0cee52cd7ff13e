"""What we ask of each exchange that we call fit leaves: ccxt has the method for that kind of market, and all it wants.

Nobody answers as the exchange would: this shows that something is asked, and nothing of what would come of it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from replenisher.model.command import AskBalance, AskCash, AskOpenOrders, AskOrder, AskPosition, AskTrades, Question
from replenisher.venues.ccxt.client import client_of
from replenisher.venues.ccxt.exchanges import TRAITS
from replenisher.venues.ccxt.link import Settings
from tests.venues.ccxt.given import NAME, Desk, cancel, order
from tests.venues.ccxt.test_names_on_the_wire import CASES, KEYS, SPOT, SWAP

ONLY_LOOKS = Settings(dead_man_switch_s=0)
ALONE = Settings(dead_man_switch_s=0, is_exclusive=True)
INVERSE = SWAP | {"symbol": "BTC/USD:BTC", "quote": "USD", "settle": "BTC", "linear": False, "inverse": True}
TRADED = [(name, kind) for name, kind in CASES if kind == "spot" or not TRAITS[name].no_contracts]


def desk_at(name: str, market: dict[str, Any], settings: Settings = ONLY_LOOKS) -> Desk:
    """Logged in, with nothing under way."""
    desk = Desk(client_of(name, KEYS).exchange, settings, market).up()
    desk.calls()
    desk.invoked.clear()
    return desk


async def refused(address: str, name: str, market: dict[str, Any], desk: Desk) -> Sequence[str]:
    """What ccxt itself says against the calls that a desk has made."""
    desk.calls()
    assert desk.invoked, "nothing was asked"
    made = client_of(name, KEYS, address=address).of_ccxt
    made.enableRateLimit = False
    made.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True}  # as bybit's accounts are now
    made.set_markets([market])
    made.currencies = {code: {"id": code, "code": code} for code in ("USDT", "BTC")}
    made.markets_loading = asyncio.get_running_loop().create_future()
    made.markets_loading.set_result(made.markets)
    asked = [getattr(made, invoke.method)(*invoke.arguments) for invoke in desk.invoked]
    ended = await asyncio.gather(*asked, return_exceptions=True)  # most stumble over an answer that tells nothing
    await made.close()
    return [str(each) for each in ended if type(each).__name__ in ("NotSupported", "ArgumentsRequired")]


@pytest.mark.parametrize(("name", "kind"), TRADED)
async def test_every_question_of_a_sync_is_one_that_ccxt_asks(
    server: tuple[str, list[str]], name: str, kind: str
) -> None:
    market = SPOT if kind == "spot" else SWAP
    key, desk = f"x/{market['symbol']}", desk_at(name, market)
    questions: list[Question] = [
        AskOpenOrders(scope=key, deadline=0),
        AskTrades(scope=key, since=0, deadline=0),
        AskBalance(venue="x", currency="USDT", deadline=0),
    ]
    if kind == "swap":
        questions.append(AskPosition(scope=key, deadline=0))
    if TRAITS[name].tells_cash_moves:
        questions.append(AskCash(venue="x", currency="USDT", since=0, deadline=0))

    desk.venue.send(questions, desk.at)

    assert not await refused(server[0], name, market, desk)


async def test_deribits_archives_are_asked_for_in_words_that_go_together(server: tuple[str, list[str]]) -> None:
    address, requests = server
    market = INVERSE | {"id": "BTC-PERPETUAL"}
    key, desk = "x/BTC/USD:BTC", desk_at("deribit", market)
    long_ago = AskTrades(scope=key, since=0, deadline=0), AskOrder(order_id=NAME, instrument=key, deadline=0)
    desk.venue.send(long_ago, desk.at)
    for method in ("fetch_my_trades", "fetch_open_orders", "fetch_closed_orders"):
        desk.answer(method, [])

    await refused(address, "deribit", market, desk)

    trades = next(each for each in requests if "get_user_trades_by_instrument_and_time" in each)
    orders = next(each for each in requests if "get_order_history_by_instrument" in each)
    assert "historical=true" in trades and "include_old=false" in trades
    assert "historical=true" in orders and "include_unfilled=true" in orders and "include_old" not in orders


# How each exchange with a history of funding is asked for as much of it as it tells at once, and for what is further.
FUNDING = {
    **dict.fromkeys(("binance", "binancecoinm", "binanceusdm"), ("limit=1000", "endTime=1000")),
    **dict.fromkeys(("bybit", "bybiteu", "bybitid"), ("limit=100", "endTime=1000")),
    **dict.fromkeys(("gate", "gateeu"), ("limit=1000", "offset=1")),
    **dict.fromkeys(("kucoin", "kucoinfutures"), ("maxCount=100", "endAt=1000")),
    **dict.fromkeys(("okx", "myokx", "okxus"), ("/bills-archive", "end=1000")),  # a hundred, unasked
    "bitget": ("limit=100", "endTime=1000"),
    "krakenfutures": ("sort=desc", "before=1000"),
    "phemex": ("limit=200", "offset=1"),
}


@pytest.mark.parametrize("name", sorted(name for name, kind in TRADED if kind == "swap" and TRAITS[name].tells_funding))
async def test_each_exchange_is_asked_for_further_funding_in_its_own_words(
    server: tuple[str, list[str]], name: str
) -> None:
    address, requests = server
    desk = desk_at(name, SWAP)
    desk.venue.send([AskCash(venue="x", currency="USDT", since=0, deadline=0)], desk.at)
    desk.answer("fetch_funding_history", [{"timestamp": 1000, "amount": 0.1}])

    await refused(address, name, SWAP, desk)

    assert any(all(word in request for word in FUNDING[name]) for request in requests), requests


@pytest.mark.parametrize(("name", "kind"), TRADED)
async def test_one_request_clears_an_instrument_only_where_ccxt_has_it_for_that_kind_of_market(
    server: tuple[str, list[str]], name: str, kind: str
) -> None:
    market = SPOT if kind == "spot" else SWAP
    key, desk = f"x/{market['symbol']}", desk_at(name, market, ALONE)
    both = [msgspec.structs.replace(each, instrument=key) for each in (cancel(), cancel("abc000000000002", "v2"))]

    desk.venue.send(both, desk.at)

    assert not await refused(server[0], name, market, desk)


@pytest.mark.parametrize("name", ["binance", "binancecoinm", "binanceusdm"])
async def test_a_position_in_inverse_contracts_is_sought_where_they_are(
    server: tuple[str, list[str]], name: str
) -> None:
    address, requests = server
    desk = desk_at(name, INVERSE)

    desk.venue.send([AskPosition(scope="x/BTC/USD:BTC", deadline=0)], desk.at)

    assert not await refused(address, name, INVERSE, desk)
    assert all("/dapi/" in request for request in requests), requests


@pytest.mark.parametrize("name", ["bybit", "bybiteu", "bybitid"])
async def test_an_order_that_rests_no_more_is_asked_for_by_its_id(server: tuple[str, list[str]], name: str) -> None:
    desk = desk_at(name, SPOT)
    desk.venue.send([AskOpenOrders(scope="x/BTC/USDT", deadline=0)], desk.at)
    desk.answer("fetch_open_orders", [order("v1")])

    desk.venue.send([AskOrder(order_id=NAME, instrument="x/BTC/USDT", deadline=0)], desk.at)
    desk.answer("fetch_open_orders", [])

    assert not await refused(server[0], name, SPOT, desk)
    assert any("v1" in request for request in server[1]), server[1]
