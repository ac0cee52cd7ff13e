"""A peer: ccxt's own client on the same book changes, which answers each with one fixed order and decides nothing.

`watch_order_book` reads, decodes and applies the change to ccxt's book, on uvloop; then one text is sent on the same
connection. So it is what a program on ccxt costs at least, before it has thought of anything.
"""

import asyncio
import sys

import ccxt.pro
import uvloop

SYMBOL = "BTC/USD:BTC"
MARKET = {
    "id": "BTC-PERPETUAL",
    "symbol": SYMBOL,
    "base": "BTC",
    "quote": "USD",
    "settle": "BTC",
    "baseId": "BTC",
    "quoteId": "USD",
    "settleId": "BTC",
    "type": "swap",
    "spot": False,
    "swap": True,
    "contract": True,
    "linear": False,
    "inverse": True,
    "active": True,
    "contractSize": 10.0,
    "precision": {"amount": 10.0, "price": 0.5},
    "limits": {"amount": {"min": 10.0}, "price": {}, "cost": {}, "leverage": {}},
    "info": {},
}


async def answer(url: str, order: str) -> None:
    """Answer every change of the book until the other end hangs up."""
    exchange = ccxt.pro.deribit({"newUpdates": True})
    exchange.urls["api"]["ws"] = url
    exchange.set_markets([MARKET])
    try:
        await exchange.watch_order_book(SYMBOL, params={"interval": "100ms"})  # the snapshot
        client = exchange.client(url)
        while True:
            await exchange.watch_order_book(SYMBOL, params={"interval": "100ms"})
            await client.send(order)
    except ccxt.NetworkError:
        pass
    finally:
        await exchange.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(answer(*sys.argv[1:]))
