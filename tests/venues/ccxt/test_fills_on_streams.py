"""What ccxt makes of a fill that an exchange's stream tells, and of the same one where it is asked for."""

import asyncio
from typing import Any

import ccxt.pro
import pytest

from replenisher.model.event import OrderFilled
from replenisher.venues.ccxt.exchanges import TRAITS
from replenisher.venues.ccxt.holdings import execution_id, fees_of
from tests.venues.ccxt.given import MARKET, MS, T0, Desk, Json, exchange, trade

MILLISECONDS = T0 // MS
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
}
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
STREAMS: dict[str, Json] = {
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
    "binance": {
        "e": "executionReport",
        "E": MILLISECONDS,
        "s": "ID",
        "i": "o1",
        "x": "TRADE",
        "X": "FILLED",
        "S": "SELL",
        "t": "t1",
        "L": "60000",
        "l": "0.1",
        "n": "3",
        "N": "USDT",
        "m": True,
        "T": MILLISECONDS,
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
}
SAME = {"myokx": "okx", "okxus": "okx", "bybiteu": "bybit", "bybitid": "bybit"}  # whose messages are those of others
ALL = [*STREAMS, *SAME]


class Socket:
    """Where ccxt's handlers leave what they have read."""

    def __init__(self) -> None:
        self.url = "wss://stream.x/ws"
        self.subscriptions: Json = {}
        self.futures: Json = {}

    def resolve(self, value: Any, _: str) -> Any:
        return value


@pytest.mark.parametrize("named", ALL)
def test_what_a_fill_cost_is_believed_where_stream_and_answer_say_the_same(named: str) -> None:
    async def both() -> tuple[Json, Json]:
        client = getattr(ccxt.pro, named)()
        client.set_markets([dict(SPOT)])
        message = SAME.get(named, named)
        client.handle_message(Socket(), STREAMS[message])
        await client.close()
        (told,) = client.myTrades
        return told, client.parse_trade(ANSWERS[message], client.market(SPOT["symbol"]))

    told, asked = asyncio.run(both())

    assert execution_id(told) == execution_id(asked) == ("t1", "sell")
    assert (told["price"], told["amount"]) == (asked["price"], asked["amount"]) == (60000, 0.1)
    assert fees_of(asked) == {"USDT": 3}
    assert TRAITS[named].streams_fees is (fees_of(told) == fees_of(asked))


def test_a_stream_whose_fees_are_not_believed_makes_us_ask_for_them() -> None:
    desk = Desk(exchange(traits=TRAITS["okx"])).up()
    desk.later(1)
    desk.answer("fetch_my_trades", [])
    desk.watch("fills", [trade(fee={"cost": -0.024, "currency": "USDT"})])  # the exchange's own sign: it was taken
    assert desk.heard() == []

    desk.later(1)
    desk.answer("fetch_my_trades", [trade()])

    assert str(desk.one(OrderFilled).fee) == "0.024"
