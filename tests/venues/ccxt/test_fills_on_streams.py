"""What ccxt makes of a fill that an exchange's stream tells, and of the same one where it is asked for.

The messages are as each exchange documents them: of an order of which 0.3 have traded, the last 0.1 at 60,000, as maker
and for a fee of 3.
"""

import asyncio
from typing import Any

import ccxt.pro
import pytest

from replenisher.model.event import OrderFilled
from replenisher.venues.ccxt.exchanges import TRAITS
from replenisher.venues.ccxt.holdings import fees_of
from tests.venues.ccxt.given import CONTRACTS, MS, SAME, SPOT, T0, Desk, Json, exchange, trade

MILLISECONDS = T0 // MS
ISO = "2023-11-14T22:13:20.000Z"  # the same moment
OF_OKX: Json = {
    "instType": "SPOT",
    "instId": "ID",
    "ordId": "o1",
    "tradeId": "t1",
    "side": "sell",
    "fillPx": "60000",
    "fillSz": "0.1",
    "execType": "M",
}
OF_BYBIT: Json = {
    "category": "spot",
    "symbol": "ID",
    "orderId": "o1",
    "execId": "t1",
    "execType": "Trade",
    "side": "Sell",
    "execPrice": "60000",
    "execQty": "0.1",
    "execFee": "3",
    "feeCurrency": "USDT",
    "isMaker": True,
    "execTime": str(MILLISECONDS),
}
OF_BITGET: Json = {
    "symbol": "ID",
    "orderId": "o1",
    "tradeId": "t1",
    "orderType": "limit",
    "side": "sell",
    "priceAvg": "60000",
    "size": "0.1",
    "amount": "6000",
    "tradeScope": "maker",
    "cTime": str(MILLISECONDS),
    "uTime": str(MILLISECONDS),
}
FEE_OF_BITGET = {"feeCoin": "USDT", "deduction": "no", "totalDeductionFee": "0", "totalFee": "-3"}
OF_GATE: Json = {
    "id": "t1",
    "create_time": MILLISECONDS // 1000,
    "create_time_ms": f"{MILLISECONDS}.25",
    "order_id": "o1",
    "price": "60000",
    "role": "maker",
    "fee": "3",
    "point_fee": "0",
}
OF_GATE_SPOT = OF_GATE | {"currency_pair": "ID", "side": "sell", "amount": "0.1", "fee_currency": "USDT", "gt_fee": "0"}
OF_GATE_CONTRACTS = OF_GATE | {"contract": "ID", "size": "-0.1"}
OF_DERIBIT: Json = {
    "instrument_name": "ID",
    "order_id": "o1",
    "trade_id": "t1",
    "direction": "sell",
    "price": 60000,
    "amount": 0.1,
    "fee": 3,
    "fee_currency": "USDT",
    "liquidity": "M",
    "timestamp": MILLISECONDS,
}
OF_CRYPTOCOM: Json = {
    "instrument_name": "ID",
    "order_id": "o1",
    "trade_id": "t1",
    "side": "SELL",
    "traded_price": "60000",
    "traded_quantity": "0.1",
    "fees": "-3",
    "fee_instrument_name": "USDT",
    "taker_side": "MAKER",
    "create_time": MILLISECONDS,
}
OF_PHEMEX: Json = {
    "symbol": "ID",
    "orderID": "o1",
    "execID": "t1",
    "side": "Sell",
    "execPriceEp": 6_000_000_000_000,
    "execBaseQtyEv": 10_000_000,
    "execQuoteQtyEv": 600_000_000_000,
    "execFeeEv": 300_000_000,
    "feeCurrency": "USDT",
    "execStatus": "MakerFill",
    "transactTimeNs": MILLISECONDS * MS,
}
TICKET: Json = {  # of hashkey and toobit
    "e": "ticketInfo",
    "s": "ID",
    "o": "o1",
    "T": "t1",
    "S": "SELL",
    "p": "60000",
    "q": "0.1",
    "m": True,
    "t": str(MILLISECONDS),
}
OF_BINANCE: Json = {  # as its spot stream tells it, and that of contracts inside a message of its own
    "s": "ID",
    "i": "o1",
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "S": "SELL",
    "t": "t1",
    "L": "60000",
    "l": "0.1",
    "z": "0.3",
    "q": "1",
    "n": "3",
    "N": "USDT",
    "m": True,
    "T": MILLISECONDS,
}
OF_KUCOIN: Json = {
    "type": "match",
    "symbol": "ID",
    "side": "sell",
    "orderId": "o1",
    "tradeId": "t1",
    "liquidity": "maker",
    "matchPrice": "60000",
    "matchSize": "0.1",
    "ts": MILLISECONDS * MS,
}
STREAMS: dict[str, Any] = {
    "okx": {
        "arg": {"channel": "orders", "instType": "SPOT"},
        "data": [OF_OKX | {"state": "filled", "sz": "0.1", "fillFee": "-3", "fillFeeCcy": "USDT", "fillTime": "1"}],
    },
    "bybit": {"topic": "execution", "creationTime": MILLISECONDS, "data": [OF_BYBIT]},
    "bitget": {
        "action": "update",
        "arg": {"instType": "SPOT", "channel": "fill", "instId": "default"},
        "data": [OF_BITGET | {"feeDetail": [FEE_OF_BITGET]}],
    },
    "binance": {"e": "executionReport", "E": MILLISECONDS} | OF_BINANCE,
    "binanceusdm contracts": {"e": "ORDER_TRADE_UPDATE", "E": MILLISECONDS, "T": MILLISECONDS, "o": OF_BINANCE},
    "kraken": {
        "channel": "executions",
        "type": "update",
        "data": [
            {
                "exec_type": "trade",
                "exec_id": "t1",
                "order_id": "o1",
                "symbol": SPOT["symbol"],
                "side": "sell",
                "last_price": 60000,
                "last_qty": 0.1,
                "liquidity_ind": "m",
                "fees": [{"asset": "USDT", "qty": 3}],
                "timestamp": ISO,
            }
        ],
    },
    "gate": {"channel": "spot.usertrades", "event": "update", "result": [OF_GATE_SPOT]},
    "gate contracts": {"channel": "futures.usertrades", "event": "update", "result": [OF_GATE_CONTRACTS]},
    "deribit": {"params": {"channel": "user.trades.ID.raw", "data": [OF_DERIBIT]}},
    "cryptocom": {
        "method": "subscribe",
        "result": {"channel": "user.trade", "instrument_name": "ID", "data": [OF_CRYPTOCOM]},
    },
    "phemex": {"orders": {"fills": [OF_PHEMEX], "closed": [], "open": [OF_PHEMEX | {"ordStatus": "PartiallyFilled"}]}},
    "whitebit": {
        "method": "deals_update",
        "params": ["t1", MILLISECONDS / 1000, "ID", "o1", "60000", "0.1", "3", "", 1, 1, "USDT"],
        "id": None,
    },
    "mexc": {
        "channel": "private.deals.v3.api",
        "symbol": "ID",
        "privateDeals": {
            "price": "60000",
            "quantity": "0.1",
            "tradeType": 2,
            "isMaker": True,
            "tradeId": "t1",
            "orderId": "o1",
            "feeAmount": "3",
            "feeCurrency": "USDT",
            "time": MILLISECONDS,
        },
    },
    "kucoin": {
        "type": "message",
        "topic": "/spotMarket/tradeOrders",
        "subject": "orderChange",
        "data": OF_KUCOIN,
    },
    "kucoinfutures contracts": {
        "type": "message",
        "topic": "/contractMarket/tradeOrders",
        "subject": "symbolOrderChange",
        "data": OF_KUCOIN,
    },
    "poloniex": {
        "channel": "orders",
        "data": [
            {
                "eventType": "trade",
                "symbol": "ID",
                "side": "SELL",
                "orderId": "o1",
                "tradeId": "t1",
                "tradePrice": "60000",
                "tradeQty": "0.1",
                "filledQuantity": "0.3",
                "tradeFee": "3",
                "feeCurrency": "USDT",
                "matchRole": "MAKER",
                "createTime": MILLISECONDS - 1000,
                "tradeTime": MILLISECONDS,
            }
        ],
    },
    "deepcoin": {
        "action": "PushTrade",
        "result": [
            {
                "table": "Trade",
                "data": {
                    "I": "ID",
                    "OS": "o1",
                    "TI": "t1",
                    "D": "1",
                    "P": 60000,
                    "V": 0.1,
                    "F": 3,
                    "f": "USDT",
                    "m": "0",
                    "TT": MILLISECONDS // 1000,
                },
            }
        ],
    },
    "xt": {
        "topic": "trade",
        "event": "trade",
        "data": {"s": "ID", "oi": "o1", "i": "t1", "p": "60000", "q": "0.1", "t": MILLISECONDS},
    },
    "hashkey": TICKET,
    "toobit": [TICKET],
    "bingx": {
        "dataType": "spot.executionReport",
        "data": {
            "e": "executionReport",
            "x": "TRADE",
            "X": "PARTIALLY_FILLED",
            "s": "ID",
            "S": "SELL",
            "i": "o1",
            "t": "t1",
            "L": 60000,
            "p": 60000,
            "l": 0.1,
            "z": 0.3,
            "q": 1,
            "n": -3,
            "N": "USDT",
            "m": True,
            "T": MILLISECONDS,
        },
    },
    "krakenfutures contracts": {
        "feed": "fills",
        "fills": [
            {
                "instrument": "ID",
                "order_id": "o1",
                "fill_id": "t1",
                "buy": False,
                "price": 60000,
                "qty": 0.1,
                "fill_type": "maker",
                "fee_paid": 3,
                "fee_currency": "USDT",
                "time": MILLISECONDS,
            }
        ],
    },
}
ANSWERS: dict[str, Json] = {
    "okx": OF_OKX | {"fee": "-3", "feeCcy": "USDT", "ts": str(MILLISECONDS)},
    "bybit": OF_BYBIT,
    "bitget": OF_BITGET | {"feeDetail": FEE_OF_BITGET},
    "binance": {
        "symbol": "ID",
        "id": "t1",
        "orderId": "o1",
        "price": "60000",
        "qty": "0.1",
        "commission": "3",
        "commissionAsset": "USDT",
        "isBuyer": False,
        "isMaker": True,
        "time": MILLISECONDS,
    },
    "kraken": {
        "id": "t1",
        "ordertxid": "o1",
        "pair": "ID",
        "type": "sell",
        "price": "60000",
        "vol": "0.1",
        "fee": "3",
        "maker": True,
        "time": MILLISECONDS / 1000,
    },
    "gate": OF_GATE_SPOT,
    "gate contracts": OF_GATE_CONTRACTS,
    "deribit": OF_DERIBIT,
    "cryptocom": OF_CRYPTOCOM,
    "phemex": OF_PHEMEX,
    "whitebit": {
        "id": "t1",
        "orderId": "o1",
        "side": "sell",
        "price": "60000",
        "amount": "0.1",
        "fee": "3",
        "feeAsset": "USDT",
        "role": 1,
        "time": MILLISECONDS / 1000,
    },
    "kucoin": {
        "symbol": "ID",
        "tradeId": "t1",
        "orderId": "o1",
        "side": "sell",
        "price": "60000",
        "size": "0.1",
        "fee": "3",
        "feeCurrency": "USDT",
        "liquidity": "maker",
        "createdAt": MILLISECONDS,
    },
    "poloniex": {
        "symbol": "ID",
        "id": "t1",
        "orderId": "o1",
        "side": "SELL",
        "price": "60000",
        "quantity": "0.1",
        "feeAmount": "3",
        "feeCurrency": "USDT",
        "matchRole": "MAKER",
        "createTime": MILLISECONDS,
    },
    "deepcoin": {
        "instId": "ID",
        "ordId": "o1",
        "tradeId": "t1",
        "side": "sell",
        "fillPx": "60000",
        "fillSz": "0.1",
        "fee": "3",
        "feeCcy": "USDT",
        "execType": "M",
        "ts": str(MILLISECONDS),
    },
    "xt": {
        "bizType": "SPOT",
        "symbol": "ID",
        "orderId": "o1",
        "tradeId": "t1",
        "orderSide": "SELL",
        "price": "60000",
        "quantity": "0.1",
        "fee": "3",
        "feeCurrency": "USDT",
        "takerMaker": "MAKER",
        "time": MILLISECONDS,
    },
    "krakenfutures contracts": {
        "symbol": "ID",
        "order_id": "o1",
        "fill_id": "t1",
        "side": "sell",
        "price": 60000,
        "size": 0.1,
        "fillType": "maker",
        "fillTime": ISO,
    },
}
ANSWERS["binanceusdm contracts"] = ANSWERS["binance"] | {"side": "SELL", "maker": True}
for spot_alone in ("isMaker", "isBuyer"):
    del ANSWERS["binanceusdm contracts"][spot_alone]
ANSWERS["kucoinfutures contracts"] = ANSWERS["kucoin"]
ANSWERS["mexc"] = ANSWERS["binance"]
ANSWERS["bingx"] = ANSWERS["binance"] | {"commission": "-3"}
ANSWERS["toobit"] = ANSWERS["binance"] | {"feeAmount": "3", "feeCoinId": "USDT"}
ANSWERS["hashkey"] = ANSWERS["binance"] | {"fee": {"feeCoinId": "USDT", "fee": "3"}}
ALL = [*STREAMS, *SAME]
SAID = ("id", "order", "side", "price", "amount", "takerOrMaker", "timestamp")


class Socket:
    """Where ccxt's handlers leave what they have read."""

    def __init__(self) -> None:
        self.url = "wss://stream.x/ws"
        self.subscriptions: Json = {}
        self.futures: Json = {"myTrades": None}  # somebody waits
        self.executions: list[Json] = []

    def resolve(self, value: Any, _: str) -> Any:
        if isinstance(value, list) and "takerOrMaker" in value[-1]:
            self.executions = list(value)
        return value


def both(named: str) -> tuple[Json, Json]:
    """What ccxt makes of a fill that is told, and of the same one that is asked for."""
    message = SAME.get(named, named)
    market = dict(CONTRACTS if "contracts" in message else SPOT)

    async def read() -> tuple[Json, Json]:
        client, socket = getattr(ccxt.pro, named.split()[0])(), Socket()
        client.set_markets([market])
        client.handle_message(socket, STREAMS[message])
        await client.close()
        return socket.executions[-1], client.parse_trade(ANSWERS[message], client.market(market["symbol"]))

    return asyncio.run(read())


@pytest.mark.parametrize("named", ALL)
def test_what_a_stream_tells_of_a_fill_is_believed_where_the_answer_says_the_same(named: str) -> None:
    told, asked = both(named)
    traits = TRAITS[named.split()[0]]

    says_the_same = fees_of(told) == {"USDT": 3} and all(told[each] == asked[each] for each in SAID)
    assert [asked[each] for each in SAID] == ["t1", "o1", "sell", 60000, 0.1, "maker", MILLISECONDS]
    assert (fees_of(asked) == {"USDT": 3}) is not traits.estimates_fees
    assert (traits.streams_fills and bool(fees_of(told))) is says_the_same


def test_every_exchange_with_a_stream_of_fills_is_held_against_its_answers() -> None:
    streaming = {name for name in TRAITS if getattr(ccxt.pro, name)().has["watchMyTrades"]}

    assert {named.split()[0] for named in ALL} == streaming


def test_a_stream_that_is_not_believed_makes_us_ask_for_the_fill() -> None:
    desk = Desk(exchange(traits=TRAITS["okx"])).up()
    desk.later(1)
    desk.answer("fetch_my_trades", [])
    desk.watch("fills", [trade(fee={"cost": -0.024, "currency": "USDT"})])  # the exchange's own sign: it was taken
    assert desk.heard() == []

    desk.later(1)
    desk.answer("fetch_my_trades", [trade()])

    assert str(desk.one(OrderFilled).fee) == "0.024"
