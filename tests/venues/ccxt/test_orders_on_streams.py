"""What is read of an order that an exchange's stream tells, and of the same one where it is asked for.

The messages are as each exchange documents them: of an order of 1 at 60,000 of which 0.3 have traded, once while it
rests and once it is canceled. Where they say less of its end than the answer does, the engine asks in time.
"""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from replenisher.model.instrument import Instrument
from replenisher.model.order import Status
from replenisher.venues.ccxt.exchanges import TRAITS, name_in
from replenisher.venues.ccxt.holdings import filled_of, lots_of, status_of, ticks_of
from replenisher.venues.ccxt.instruments import instrument_of
from tests.venues.ccxt.given import (
    CONTRACTS,
    MARKET,
    MS,
    NAME,
    SAME,
    SPOT,
    T0,
    Desk,
    Json,
    S,
    exchange,
)

MILLISECONDS = T0 // MS
SECONDS = MILLISECONDS // 1000
ISO = "2023-11-14T22:13:20.000Z"  # the same moment
ED8 = 100_000_000  # phemex counts in these
Told = Callable[[str], Any]  # by the exchange's word for where the order is in its life

OF_BYBIT: Json = {
    "category": "spot",
    "symbol": "ID",
    "orderId": "o1",
    "orderLinkId": NAME,
    "orderType": "Limit",
    "side": "Buy",
    "price": "60000",
    "qty": "1",
    "cumExecQty": "0.3",
    "createdTime": str(MILLISECONDS),
    "updatedTime": str(MILLISECONDS),
}
OF_OKX: Json = {
    "instType": "SPOT",
    "instId": "ID",
    "ordId": "o1",
    "clOrdId": NAME,
    "ordType": "post_only",
    "side": "buy",
    "px": "60000",
    "sz": "1",
    "accFillSz": "0.3",
    "uTime": str(MILLISECONDS),
}
OF_GATE: Json = {
    "id": "o1",
    "text": f"t-{NAME}",
    "price": "60000",
    "left": "0.7",
    "create_time_ms": f"{MILLISECONDS}",
    "update_time_ms": f"{MILLISECONDS}",
}
OF_GATE_SPOT = OF_GATE | {"currency_pair": "ID", "type": "limit", "side": "buy", "amount": "1", "account": "spot"}
OF_GATE_CONTRACTS = OF_GATE | {"contract": "ID", "size": 1, "left": 0.7, "tif": "poc"}
OF_CRYPTOCOM: Json = {
    "instrument_name": "ID",
    "order_id": "o1",
    "client_oid": NAME,
    "order_type": "LIMIT",
    "side": "BUY",
    "limit_price": "60000",
    "quantity": "1",
    "cumulative_quantity": "0.3",
    "create_time": MILLISECONDS,
    "update_time": MILLISECONDS,
}
OF_DERIBIT: Json = {
    "instrument_name": "ID",
    "order_id": "o1",
    "label": NAME,
    "order_type": "limit",
    "direction": "buy",
    "price": 60000,
    "amount": 1,
    "filled_amount": 0.3,
    "average_price": 60000,
    "creation_timestamp": MILLISECONDS,
    "last_update_timestamp": MILLISECONDS,
}
OF_GEMINI: Json = {
    "order_id": "o1",
    "client_order_id": NAME,
    "symbol": "ID",
    "side": "buy",
    "order_type": "exchange limit",
    "price": "60000",
    "original_amount": "1",
    "executed_amount": "0.3",
    "remaining_amount": "0.7",
    "timestampms": MILLISECONDS,
}
OF_HITBTC: Json = {
    "client_order_id": NAME,
    "symbol": "ID",
    "side": "buy",
    "type": "limit",
    "price": "60000",
    "quantity": "1",
    "quantity_cumulative": "0.3",
    "created_at": ISO,
    "updated_at": ISO,
}
OF_KUCOIN: Json = {
    "symbol": "ID",
    "orderType": "limit",
    "side": "buy",
    "orderId": "o1",
    "clientOid": NAME,
    "price": "60000",
    "size": "1",
    "filledSize": "0.3",
    "orderTime": MILLISECONDS * MS,
    "ts": MILLISECONDS * MS,
}
OF_PHEMEX: Json = {
    "symbol": "ID",
    "orderID": "o1",
    "clOrdID": NAME,
    "ordType": "Limit",
    "side": "Buy",
    "priceEp": 60_000 * ED8,
    "baseQtyEv": ED8,
    "cumBaseQtyEv": ED8 * 3 // 10,
    "leavesBaseQtyEv": ED8 * 7 // 10,
    "actionTimeNs": MILLISECONDS * MS,
}
OF_PHEMEX_CONTRACTS: Json = {
    "symbol": "ID",
    "orderID": "o1",
    "clOrdID": NAME,
    "side": "Buy",
    "priceRp": "60000",
    "actionTimeNs": MILLISECONDS * MS,
}
OF_BINANCE: Json = {  # the spot stream's own name of a cancel is beside the name of the order
    "s": "ID",
    "i": "o1",
    "c": NAME,
    "C": "",
    "S": "BUY",
    "o": "LIMIT",
    "p": "60000",
    "q": "1",
    "z": "0.3",
    "O": MILLISECONDS,
    "T": MILLISECONDS,
}
ASKED_OF_BINANCE: Json = {
    "symbol": "ID",
    "orderId": "o1",
    "clientOrderId": NAME,
    "type": "LIMIT",
    "side": "BUY",
    "price": "60000",
    "origQty": "1",
    "executedQty": "0.3",
    "time": MILLISECONDS,
    "updateTime": MILLISECONDS,
}
OF_BITGET: Json = {
    "instId": "ID",
    "orderId": "o1",
    "clientOid": NAME,
    "orderType": "limit",
    "side": "buy",
    "price": "60000",
    "size": "1",
    "newSize": "1",
    "baseVolume": "0.1",  # the last fill
    "accBaseVolume": "0.3",
    "cTime": str(MILLISECONDS),
    "uTime": str(MILLISECONDS),
}
OF_WHITEBIT: Json = {
    "id": 1,
    "market": "ID",
    "type": 1,
    "side": 2,
    "ctime": float(SECONDS),
    "mtime": float(SECONDS),
    "price": "60000",
    "amount": "1",
    "left": "0.7",
    "deal_stock": "0.3",
    "deal_money": "18000",
    "client_order_id": NAME,
}
OF_POLONIEX: Json = {
    "symbol": "ID",
    "type": "LIMIT",
    "side": "BUY",
    "orderId": "o1",
    "clientOrderId": NAME,
    "price": "60000",
    "quantity": "1",
    "filledQuantity": "0.3",
    "filledAmount": "18000",  # what was paid
    "tradeAmount": "6000",
    "tradeQty": "0.1",
    "tradePrice": "60000",
    "tradeId": "t1",
    "ts": MILLISECONDS,
}


def of_kraken(word: str) -> Json:
    """Of an end it says no more than that."""
    about = {"order_id": "o1", "order_userref": 0, "order_status": word, "cum_qty": 0.3, "timestamp": ISO}
    if word != "canceled":
        about |= {"symbol": SPOT["symbol"], "side": "buy", "limit_price": 60000, "order_qty": 1, "cl_ord_id": NAME}
    return {"channel": "executions", "type": "update", "data": [about | {"exec_type": word}]}


def in_gate(word: str) -> Json:
    """Of spot it tells what has happened to an order, too."""
    return {"event": word, "finish_as": "cancelled" if word == "finish" else "open"}


def of_krakenfutures(word: str) -> Json:
    """Of an end it says no more than that."""
    if word == "cancelled_by_user":
        return {"feed": "open_orders", "order_id": "o1", "is_cancel": True, "reason": word}
    about = {"instrument": "ID", "order_id": "o1", "direction": 0, "limit_price": 60000, "qty": 0.7, "filled": 0.3}
    return {"feed": "open_orders", "order": about | {"time": MILLISECONDS}, "is_cancel": False, "reason": word}


STREAMS: dict[str, tuple[Told, str, str]] = {
    "binance": (
        lambda word: {"e": "executionReport", "x": word, "X": word} | OF_BINANCE,
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "binanceusdm contracts": (
        lambda word: {"e": "ORDER_TRADE_UPDATE", "o": OF_BINANCE | {"ps": "BOTH", "x": word, "X": word}},
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "bybit": (
        lambda word: {"topic": "order", "data": [OF_BYBIT | {"orderStatus": word}]},
        "PartiallyFilled",
        "PartiallyFilledCanceled",
    ),
    "okx": (
        lambda word: {"arg": {"channel": "orders", "instType": "SPOT"}, "data": [OF_OKX | {"state": word}]},
        "partially_filled",
        "canceled",
    ),
    "gate": (
        lambda word: {"channel": "spot.orders", "event": "update", "result": [OF_GATE_SPOT | in_gate(word)]},
        "update",
        "finish",
    ),
    "gate contracts": (
        lambda word: {
            "channel": "futures.orders",
            "event": "update",
            "result": [OF_GATE_CONTRACTS | {"status": word, "finish_as": "cancelled" if word == "finished" else None}],
        },
        "open",
        "finished",
    ),
    "kraken": (of_kraken, "partially_filled", "canceled"),
    "krakenfutures contracts": (of_krakenfutures, "partial_fill", "cancelled_by_user"),
    "cryptocom": (
        lambda word: {
            "method": "subscribe",
            "result": {
                "channel": "user.order",
                "subscription": "user.order.ID",
                "instrument_name": "ID",
                "data": [OF_CRYPTOCOM | {"status": word}],
            },
        },
        "ACTIVE",
        "CANCELED",
    ),
    "deribit": (
        lambda word: {"params": {"channel": "user.orders.any.any.raw", "data": OF_DERIBIT | {"order_state": word}}},
        "open",
        "cancelled",
    ),
    "gemini": (lambda word: [OF_GEMINI | {"type": word}], "booked", "cancelled"),
    "hitbtc": (
        lambda word: {"method": "spot_order", "params": OF_HITBTC | {"id": 1, "status": word, "report_type": word}},
        "partiallyFilled",
        "canceled",
    ),
    "coinbase": (
        lambda word: {
            "channel": "user",
            "events": [
                {
                    "type": "update",
                    "orders": [
                        {
                            "product_id": "ID",
                            "order_id": "o1",
                            "client_order_id": NAME,
                            "order_type": "Limit",
                            "order_side": "BUY",
                            "limit_price": "60000",
                            "cumulative_quantity": "0.3",
                            "leaves_quantity": "0.7",
                            "status": word,
                            "creation_time": ISO,
                        }
                    ],
                }
            ],
        },
        "OPEN",
        "CANCELLED",
    ),
    "kucoin": (
        lambda word: {
            "type": "message",
            "topic": "/spotMarket/tradeOrders",
            "subject": "orderChange",
            "data": OF_KUCOIN | {"type": word},
        },
        "update",
        "canceled",
    ),
    "kucoinfutures contracts": (
        lambda word: {
            "type": "message",
            "topic": "/contractMarket/tradeOrders",
            "subject": "symbolOrderChange",
            "data": OF_KUCOIN | {"type": word},
        },
        "update",
        "canceled",
    ),
    "mexc": (
        lambda word: {
            "channel": "private.orders.v3.api",
            "symbol": "ID",
            "privateOrders": {
                "id": "o1",
                "clientId": NAME,
                "orderType": 2,
                "tradeType": 1,
                "price": "60000",
                "quantity": "1",
                "cumulativeQuantity": "0.3",
                "remainQuantity": "0.7",
                "status": word,
                "createTime": MILLISECONDS,
            },
        },
        "3",
        "4",
    ),
    "phemex": (
        lambda word: {"orders": {"fills": [], "closed": [OF_PHEMEX | {"ordStatus": word}], "open": []}},
        "PartiallyFilled",
        "Canceled",
    ),
    "phemex contracts": (
        lambda word: {
            "orders_p": [
                OF_PHEMEX_CONTRACTS
                | {"action": "Cancel", "ordStatus": word, "orderQty": "1", "cumQty": "0.3", "leavesQty": "0.7"}
            ]
        },
        "PartiallyFilled",
        "Canceled",
    ),
    "bitget": (
        lambda word: {
            "action": "snapshot",
            "arg": {"instType": "SPOT", "channel": "orders", "instId": "ID"},
            "data": [OF_BITGET | {"status": word}],
        },
        "partially_filled",
        "cancelled",
    ),
    "bitget contracts": (
        lambda word: {
            "action": "snapshot",
            "arg": {"instType": "USDT-FUTURES", "channel": "orders", "instId": "default"},
            "data": [OF_BITGET | {"status": word, "posMode": "one_way_mode"}],
        },
        "partially_filled",
        "cancelled",
    ),
    "whitebit": (
        lambda word: {"method": "ordersPending_update", "params": [int(word), OF_WHITEBIT], "id": None},
        "2",
        "3",
    ),
    "poloniex": (
        lambda word: {"channel": "orders", "data": [OF_POLONIEX | {"eventType": "canceled", "state": word}]},
        "PARTIALLY_FILLED",
        "PARTIALLY_CANCELED",
    ),
    "bingx": (
        lambda word: {
            "dataType": "spot.executionReport",
            "data": OF_BINANCE | {"e": "executionReport", "x": word, "X": word},
        },
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "hashkey": (
        lambda word: OF_BINANCE | {"e": "executionReport", "r": "0.7", "X": word},
        "PARTIALLY_FILLED",
        "PARTIALLY_CANCELED",
    ),
    "toobit": (
        lambda word: [OF_BINANCE | {"e": "executionReport", "L": "60000", "p": "60000", "X": word}],
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "xt": (
        lambda word: {
            "topic": "order",
            "event": "order",
            "data": {
                "s": "ID",
                "i": "o1",
                "ci": NAME,
                "sd": "BUY",
                "p": "60000",
                "oq": "1",
                "eq": "0.3",
                "lq": "0.7",
                "st": word,
                "ct": MILLISECONDS,
            },
        },
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "deepcoin": (
        lambda word: {
            "action": "PushOrder",
            "result": [
                {
                    "table": "Order",
                    "data": {
                        "I": "ID",
                        "OS": "o1",
                        "D": "0",
                        "P": 60000,
                        "V": 1,
                        "VT": 0.3,
                        "Or": word,
                        "IT": SECONDS,
                        "U": SECONDS,
                    },
                }
            ],
        },
        "4",
        "6",
    ),
}
ANSWERS: dict[str, tuple[Told, str, str]] = {
    "binance": (lambda word: ASKED_OF_BINANCE | {"status": word}, "PARTIALLY_FILLED", "CANCELED"),
    "bybit": (lambda word: OF_BYBIT | {"orderStatus": word}, "PartiallyFilled", "PartiallyFilledCanceled"),
    "okx": (lambda word: OF_OKX | {"state": word}, "partially_filled", "canceled"),
    "gate": (lambda word: OF_GATE_SPOT | {"status": word, "finish_as": word}, "open", "cancelled"),
    "gate contracts": (
        lambda word: OF_GATE_CONTRACTS | {"status": word, "finish_as": "cancelled" if word == "finished" else None},
        "open",
        "finished",
    ),
    "kraken": (
        lambda word: {
            "id": "o1",
            "cl_ord_id": NAME,
            "status": word,
            "opentm": float(SECONDS),
            "descr": {"pair": "ID", "type": "buy", "ordertype": "limit", "price": "60000"},
            "vol": "1",
            "vol_exec": "0.3",
        },
        "open",
        "canceled",
    ),
    "krakenfutures contracts": (
        lambda word: {
            "status": word,
            "order": {"orderId": "o1", "cliOrdId": NAME, "symbol": "ID", "side": "buy", "quantity": 1, "filled": 0.3},
        },
        "ENTERED_BOOK",
        "CANCELLED",
    ),
    "cryptocom": (lambda word: OF_CRYPTOCOM | {"status": word}, "ACTIVE", "CANCELED"),
    "deribit": (lambda word: OF_DERIBIT | {"order_state": word}, "open", "cancelled"),
    "gemini": (
        lambda word: OF_GEMINI | {"is_live": word == "is_live", "is_cancelled": word == "is_cancelled"},
        "is_live",
        "is_cancelled",
    ),
    "hitbtc": (lambda word: OF_HITBTC | {"status": word}, "partiallyFilled", "canceled"),
    "coinbase": (
        lambda word: {
            "product_id": "ID",
            "order_id": "o1",
            "client_order_id": NAME,
            "side": "BUY",
            "order_configuration": {"limit_limit_gtc": {"limit_price": "60000", "base_size": "1"}},
            "filled_size": "0.3",
            "status": word,
            "created_time": ISO,
        },
        "OPEN",
        "CANCELLED",
    ),
    "kucoin": (
        lambda word: (
            OF_KUCOIN
            | {"id": "o1", "dealSize": "0.3", "active": word == "active", "isActive": word == "active"}
            | {"cancelExist": word == "done"}
        ),
        "active",
        "done",
    ),
    "mexc": (lambda word: ASKED_OF_BINANCE | {"status": word}, "PARTIALLY_FILLED", "PARTIALLY_CANCELED"),
    "phemex": (lambda word: OF_PHEMEX | {"ordStatus": word}, "PartiallyFilled", "Canceled"),
    "phemex contracts": (
        lambda word: (
            OF_PHEMEX_CONTRACTS
            | {"ordStatus": word, "orderQtyRq": "1", "cumQtyRq": "0.3", "leavesQtyRq": "0.7", "reduceOnly": False}
        ),
        "PartiallyFilled",
        "Canceled",
    ),
    "bitget": (
        lambda word: (
            {each: OF_BITGET[each] for each in OF_BITGET if each not in ("accBaseVolume", "newSize", "instId")}
            | {"symbol": "ID", "baseVolume": "0.3", "status": word}
        ),
        "partially_filled",
        "cancelled",
    ),
    "whitebit": (
        lambda word: {
            "orderId": 1,
            "clientOrderId": NAME,
            "market": "ID",
            "side": "buy",
            "type": "limit",
            "price": "60000",
            "amount": "1",
            "left": "0.7",
            "dealStock": "0.3",
            "dealMoney": "18000",
            "timestamp": float(SECONDS),
            "status": word,
        },
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
    "poloniex": (
        lambda word: {
            "symbol": "ID",
            "type": "LIMIT_MAKER",
            "side": "BUY",
            "id": "o1",
            "clientOrderId": NAME,
            "price": "60000",
            "quantity": "1",
            "filledQuantity": "0.3",
            "filledAmount": "18000",
            "state": word,
            "createTime": MILLISECONDS,
        },
        "PARTIALLY_FILLED",
        "PARTIALLY_CANCELED",
    ),
    "deepcoin": (
        lambda word: {
            "instId": "ID",
            "ordId": "o1",
            "clOrdId": NAME,
            "side": "buy",
            "px": "60000",
            "sz": "1",
            "accFillSz": "0.3",
            "cTime": str(MILLISECONDS),
            "state": word,
        },
        "partially_filled",
        "canceled",
    ),
    "xt": (
        lambda word: {
            "symbol": "ID",
            "orderId": "o1",
            "clientOrderId": NAME,
            "side": "BUY",
            "price": "60000",
            "origQty": "1",
            "executedQty": "0.3",
            "time": MILLISECONDS,
            "state": word,
        },
        "PARTIALLY_FILLED",
        "CANCELED",
    ),
}
ANSWERS["binanceusdm contracts"] = ANSWERS["bingx"] = ANSWERS["toobit"] = ANSWERS["binance"]
ANSWERS["hashkey"] = ANSWERS["mexc"]
ANSWERS["kucoinfutures contracts"] = ANSWERS["kucoin"]
ANSWERS["bitget contracts"] = ANSWERS["bitget"]
ALSO_SAME = SAME | {"bequant": "hitbtc"}
ALL = [*STREAMS, *ALSO_SAME]
TELLS_OF_ALL = ("coinbase", "gate", "gate contracts", "hitbtc", "krakenfutures contracts", "poloniex", "xt")

Read = tuple[str, Status | None, int | None, int | None, Any]  # our name, where it is, ticks, lots, what has traded


class Socket:
    """Where ccxt's handlers say that they have read something."""

    def __init__(self) -> None:
        self.url = "wss://stream.x/ws"
        self.subscriptions: Json = {}
        self.futures: Json = {"orders": None}  # somebody waits

    def resolve(self, value: Any, _: str) -> Any:
        return value


def both(named: str, is_canceled: bool) -> tuple[Read | None, Read]:
    """What is read of the order that was told, None if ccxt tells none, and of the same one that is asked for."""
    message, name = ALSO_SAME.get(named, named), named.split()[0]
    market = dict(CONTRACTS if "contracts" in message else SPOT)

    async def read() -> tuple[Json | None, Json]:
        client, socket = getattr(ccxt.pro, name)(), Socket()
        client.set_markets([market])
        tell, *words = STREAMS[message]
        for word in words[: 1 + is_canceled]:
            client.handle_message(socket, tell(word))
        await client.close()
        answer, *states = ANSWERS[message]
        asked = client.parse_order(answer(states[is_canceled]), client.market(market["symbol"]))
        return (client.orders[-1] if client.orders else None), asked

    told, asked = asyncio.run(read())
    traits = TRAITS[name]
    instrument = instrument_of("x", "ID", market, 4, traits)
    assert isinstance(instrument, Instrument)

    def read_of(each: Json) -> Read:
        return (
            name_in(each, traits.name_paths, traits.name_prefix),
            status_of(each),
            ticks_of(each, instrument),
            lots_of(each, instrument, traits),
            filled_of(each, traits),
        )

    return None if told is None else read_of(told), read_of(asked)


@pytest.mark.parametrize("is_canceled", [False, True])
@pytest.mark.parametrize("named", ALL)
def test_what_a_stream_tells_of_an_order_is_believed_where_the_answer_says_the_same(
    named: str, is_canceled: bool
) -> None:
    told, asked = both(named, is_canceled)
    traits = TRAITS[named.split()[0]]
    is_heard = traits.streams_orders and (traits.streams_contracts or "contracts" not in named)

    assert asked[:2] == (NAME, Status.CANCELED if is_canceled else Status.WORKING)
    if is_heard and (traits.streams_ends or not is_canceled):
        assert told is not None and told[0] in (NAME, "")  # of a name that is left out, the id has told
        assert told[1:] == (asked[1], 600_000, 1000, Decimal("0.3")) == asked[1:]
    elif traits.streams_orders:
        assert told is None or told[1:] != asked[1:]


@pytest.mark.parametrize("named", TELLS_OF_ALL)
def test_the_end_of_an_older_order_is_told_or_no_stream_of_them_is_listened_to(named: str) -> None:
    tell, rests, ends = STREAMS[named]
    market, name = dict(CONTRACTS if "contracts" in named else SPOT), named.split()[0]
    newer = json.dumps(tell(rests)).replace("o1", "o2").replace(NAME, "abc000000000002")
    newer = newer.replace(str(SECONDS), str(SECONDS + 1)).replace(ISO, "2023-11-14T22:13:21.000Z")

    async def read() -> list[str]:
        client, socket = getattr(ccxt.pro, name)(), Socket()
        client.set_markets([market])

        async def subscribed(*_: Any) -> Any:
            return client.orders

        client.subscribe = client.subscribe_private = client.authenticate = subscribed
        for message in (tell(rests), json.loads(newer), tell(ends)):
            client.handle_message(socket, message)
            told = await client.watch_orders(market["symbol"])
        await client.close()
        return [each["id"] for each in told]

    assert (asyncio.run(read()) == [NAME if named == "hitbtc" else "o1"]) is TRAITS[name].streams_orders


def test_every_exchange_with_a_stream_of_orders_is_held_against_its_answers() -> None:
    streaming = {name for name in TRAITS if getattr(ccxt.pro, name)().has["watchOrders"]}

    assert {named.split()[0] for named in ALL} == streaming


def test_where_ccxt_does_not_read_what_streams_tell_of_contracts_they_are_asked_for_more_often() -> None:
    contracts = MARKET | {"type": "swap", "linear": True, "inverse": False, "contractSize": 1.0, "settle": "USDT"}
    of_contracts, of_spot = (
        Desk(exchange(traits=TRAITS["phemex"]), market=market).up() for market in (contracts, MARKET)
    )

    for desk in (of_contracts, of_spot):
        desk.later(1)
        desk.answer("fetch_my_trades", [])
        desk.answer("fetch_open_orders", [])
        desk.later(2 * S)

    assert {"fetch_my_trades", "fetch_open_orders"} <= set(of_contracts.calls())
    assert not {"fetch_my_trades", "fetch_open_orders"} & set(of_spot.calls())
    ours = ("watch_orders", "watch_my_trades")
    assert not [stream for stream in of_contracts.streams if stream.method in ours]
    assert len([stream for stream in of_spot.streams if stream.method in ours]) == 2
