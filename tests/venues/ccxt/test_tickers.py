"""Index and mark through ccxt: what is told of them and how old that is, and which exchanges tell them at all."""

import asyncio
from typing import Any

import ccxt.pro
import pytest

from replenisher.core.prices import Of
from replenisher.model.event import InstrumentStateChanged, TickerTold
from replenisher.venues.ccxt.exchanges import TRAITS, WORTH, Traits
from replenisher.venues.ccxt.link import Settings
from tests.venues.ccxt.given import KEY, MARKET, MS, T0, Desk, Json, S, exchange

SYMBOL = MARKET["symbol"]
CONTRACT = MARKET | {"type": "swap", "settle": "USDT", "linear": True, "inverse": False, "contractSize": 1}
POLL = Settings(poll_ns=S)


def desk_of(named: str, settings: Settings = POLL) -> Desk:
    """A desk at an exchange that tells what this one does."""
    seen = exchange(traits=Traits(worth=WORTH[named]))
    return Desk(seen, settings, CONTRACT, tickers=[SYMBOL]).up()


def ticker(mark: Any = 60010.5, index: Any = 60000.5, **more: Any) -> Json:
    return {"symbol": SYMBOL, "markPrice": mark, "indexPrice": index, "timestamp": None} | more


def told(desk: Desk) -> list[TickerTold]:
    return [fact for fact in desk.heard() if isinstance(fact, TickerTold)]


# --- By a stream ---------------------------------------------------------------------------------------------------


def test_a_stream_tells_both_as_of_the_time_that_the_exchange_names() -> None:
    desk = desk_of("bybit")
    assert ("watch_ticker", (SYMBOL,)) in [(stream.method, stream.arguments) for stream in desk.streams]

    desk.at += 300 * MS
    desk.watch("ticker", ticker(timestamp=(T0 + 100 * MS) // MS))

    assert told(desk) == [
        TickerTold(
            at=T0 + 300 * MS, instrument=KEY, venue_time=T0 + 100 * MS, index=60000.5, mark=60010.5, funding_8h=None
        )
    ]


def test_what_claims_to_come_from_the_future_is_from_now() -> None:
    desk = desk_of("bybit")
    desk.watch("ticker", ticker(timestamp=(T0 + 9 * S) // MS))

    assert [fact.venue_time for fact in told(desk)] == [T0]


def test_a_stream_that_is_quiet_is_asked_for_as_often_as_others_are_polled() -> None:
    desk = desk_of("bybit")
    for _ in range(3):
        desk.later(700 * MS)
        desk.watch("ticker", ticker())
    assert "fetch_ticker" not in desk.calls()

    desk.later(S)
    desk.answer("fetch_ticker", ticker(mark=60020.0))

    assert told(desk)[-1].mark == 60020.0


def test_a_stream_that_tells_nothing_of_it_is_asked_for_as_well() -> None:
    desk = desk_of("bybit")
    for _ in range(3):
        desk.later(400 * MS)
        desk.watch("ticker", ticker(mark=None, index=None))

    assert "fetch_ticker" in desk.calls()
    assert not told(desk)


def test_after_a_restart_it_is_watched_anew() -> None:
    desk = desk_of("bybit")
    before = [stream.method for stream in desk.streams].count("watch_ticker")
    desk.cut("a socket ended")
    desk.later(S)
    desk.answer("load_markets", {SYMBOL: CONTRACT})
    desk.answer("fetch_time", desk.at // MS)
    desk.heard()

    assert [stream.method for stream in desk.streams].count("watch_ticker") == before + 1


# --- By asking -----------------------------------------------------------------------------------------------------


def test_what_was_asked_for_is_as_old_as_the_question() -> None:
    desk = desk_of("kucoin")
    asked_at = desk.at
    assert not any(stream.stream.startswith("ticker") for stream in desk.streams)
    desk.later(0)
    desk.at += 400 * MS
    desk.answer("fetch_mark_price", ticker())

    assert [(fact.at, fact.venue_time) for fact in told(desk)] == [(asked_at + 400 * MS, asked_at)]


def test_it_is_asked_again_after_an_answer_and_after_none_but_not_before() -> None:
    desk = desk_of("kucoin")
    desk.later(3 * S)
    assert desk.calls().count("fetch_mark_price") == 1

    desk.fail("fetch_mark_price", "RequestTimeout")
    desk.later(900 * MS)
    assert "fetch_mark_price" not in desk.calls()
    desk.later(100 * MS)
    desk.answer("fetch_mark_price", ticker())
    assert len(told(desk)) == 1


@pytest.mark.parametrize("rubbish", [float("nan"), float("inf"), 0, -1.0, "60000", None])
def test_what_can_be_no_price_is_none(rubbish: object) -> None:
    desk = desk_of("kucoin")
    desk.later(0)
    desk.answer("fetch_mark_price", ticker(mark=rubbish))
    assert [(fact.mark, fact.index) for fact in told(desk)] == [(None, 60000.5)]

    desk.later(S)
    desk.answer("fetch_mark_price", ticker(mark=rubbish, index=rubbish))
    desk.later(S)
    desk.answer("fetch_mark_price", ["what is this"])
    assert not told(desk)


def test_what_an_exchange_is_not_said_to_tell_is_not_believed() -> None:
    desk = desk_of("okx")
    desk.watch("ticker", ticker())

    assert [(fact.mark, fact.index) for fact in told(desk)] == [(60010.5, None)]


@pytest.mark.parametrize(("named", "is_refused"), [("bybit", True), ("binance", True), ("deribit", False)])
def test_of_spot_most_tell_nothing_and_that_is_said_at_once(named: str, is_refused: bool) -> None:
    desk = Desk(exchange(traits=Traits(worth=WORTH[named])), POLL, tickers=[SYMBOL])
    desk.venue.start(T0)
    desk.answer("load_markets", {SYMBOL: MARKET})

    state = next(fact for fact in desk.heard() if isinstance(fact, InstrumentStateChanged))

    assert state.is_final is is_refused
    assert ("no index and no mark of spot" in state.reason) is is_refused


def test_where_there_is_nothing_to_be_told_nobody_asks() -> None:
    desk = Desk(exchange(), POLL, tickers=[SYMBOL]).up()
    desk.later(5 * S)

    assert not [call for call in desk.calls() if "ticker" in call or not call]


def test_who_wants_none_is_told_none() -> None:
    desk = Desk(exchange(traits=Traits(worth=WORTH["bybit"])), market=CONTRACT).up()
    desk.later(5 * S)

    assert not [stream for stream in desk.streams if stream.stream.startswith("ticker")]
    assert "fetch_ticker" not in desk.calls()


# --- What ccxt makes of the exchanges' own messages ------------------------------------------------------------------

SWAP: Json = {
    "id": "ID",
    "symbol": "BTC/USDT:USDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "settleId": "USDT",
    "type": "swap",
    "subType": "linear",
    "active": True,
    "spot": False,
    "swap": True,
    "future": False,
    "option": False,
    "contract": True,
    "linear": True,
    "inverse": False,
    "contractSize": 1,
    "precision": {"price": 0.1, "amount": 0.001},
    "limits": {},
    "info": {},
    "priceScale": 4,  # phemex's, and the next two
    "ratioScale": 8,
    "valueScale": 4,
}
MILLISECONDS = T0 // MS
CAMEL: Json = {"symbol": "ID", "markPrice": "60010.5", "indexPrice": "60000.5"}
SNAKE: Json = {"contract": "ID", "mark_price": "60010.5", "index_price": "60000.5"}
OF_DERIBIT: Json = SNAKE | {"instrument_name": "ID", "timestamp": MILLISECONDS, "stats": {}}
OF_OKX: Json = {"instId": "ID", "instType": "SWAP", "markPx": "60010.5", "ts": str(MILLISECONDS)}
SAME = {  # whose messages are those of another one
    "binanceusdm": "binance",
    "binancecoinm": "binance",
    "myokx": "okx",
    "okxus": "okx",
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "gateeu": "gate",
    "kucoinfutures": "kucoin",
}
ANSWERS: dict[str, Any] = {
    "deribit": {"result": OF_DERIBIT},
    "binance": CAMEL | {"time": MILLISECONDS},
    "okx": {"code": "0", "data": [OF_OKX]},
    "bybit": {"retCode": 0, "result": {"category": "linear", "list": [CAMEL]}},
    "gate": [SNAKE],
    "krakenfutures": {"result": "success", "ticker": CAMEL},
    "bitget": {"code": "00000", "data": [CAMEL]},
    "poloniex": {"code": 200, "data": [{"s": "ID", "mPx": "60010.5", "iPx": "60000.5"}]},
    "bingx": {"code": 0, "data": CAMEL},
    "kucoin": {"code": "200000", "data": {"symbol": "ID", "value": 60010.5, "indexPrice": 60000.5}},
    "phemex": {"error": None, "result": {"symbol": "ID", "markPriceRp": "60010.5", "indexPriceRp": "60000.5"}},
}
NEWS: dict[str, Any] = {
    "deribit": {"method": "subscription", "params": {"channel": "ticker.ID.100ms", "data": OF_DERIBIT}},
    "binance": {"e": "markPriceUpdate", "E": MILLISECONDS, "s": "ID", "p": "60010.5", "i": "60000.5"},
    "okx": {"arg": {"channel": "mark-price", "instId": "ID"}, "data": [OF_OKX]},
    "bybit": {"topic": "tickers.ID", "type": "snapshot", "ts": MILLISECONDS, "cs": 1, "data": CAMEL},
    "gate": {"channel": "futures.tickers", "event": "update", "result": [SNAKE]},
    "krakenfutures": {"feed": "ticker", "product_id": "ID", "markPrice": 60010.5, "index": 60000.5},
}
STREAMED = [name for name, worth in WORTH.items() if worth.watch]
ADDRESSES = {"bybit": "wss://x/linear", "gate": "wss://fx-ws.gateio.ws/v4/ws/usdt"}


class Socket:
    """Where ccxt's handlers leave what they have read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: Json = {}
        self.futures: Json = {}

    def resolve(self, value: Any, _: str) -> Any:
        return value


def prices(value: Json) -> dict[Of, Any]:
    found = {Of.MARK: value.get("markPrice"), Of.INDEX: value.get("indexPrice")}
    return {of: price for of, price in found.items() if price is not None}


def meant(named: str) -> dict[Of, float]:
    return {of: price for of, price in {Of.MARK: 60010.5, Of.INDEX: 60000.5}.items() if of in WORTH[named].tells}


def test_every_row_is_about_an_exchange_that_we_know() -> None:
    assert WORTH.keys() <= TRAITS.keys()
    assert ANSWERS.keys() == {SAME.get(name, name) for name in WORTH}
    assert NEWS.keys() == {SAME.get(name, name) for name in STREAMED}


@pytest.mark.parametrize("named", WORTH)
def test_ccxt_reads_them_in_what_the_exchange_answers(named: str) -> None:
    async def asked() -> Json:
        client = getattr(ccxt.pro, named)()
        client.set_markets([dict(SWAP)])

        async def fetch(*_: Any, **__: Any) -> Any:
            return ANSWERS[SAME.get(named, named)]

        client.fetch = fetch
        try:
            found: Json = await getattr(client, WORTH[named].fetch)(SWAP["symbol"])
        finally:
            await client.close()
        return found

    assert prices(asyncio.run(asked())) == meant(named)


@pytest.mark.parametrize("named", STREAMED)
def test_ccxt_reads_them_in_what_the_stream_tells(named: str) -> None:
    async def heard() -> Json:
        client = getattr(ccxt.pro, named)()
        client.set_markets([dict(SWAP)])
        message = SAME.get(named, named)
        client.handle_message(Socket(ADDRESSES.get(message, "wss://fstream.x/ws")), NEWS[message])
        await client.close()
        found: Json = client.tickers[SWAP["symbol"]]
        return found

    assert callable(getattr(getattr(ccxt.pro, named), WORTH[named].watch))
    assert prices(asyncio.run(heard())) == meant(named)
