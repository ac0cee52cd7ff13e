"""A whole life of a client that others wrote: ccxt's class for the venue, over REST and WebSocket.

It runs as a process of its own that has never heard of the exchange it talks to: it is told addresses, keys and
symbols, says on stderr what it does, and prints on stdout all that ccxt made of what it heard.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro

WAIT_S = 60.0  # for what the market brings by itself
PRINTS = 1000  # a lively market brings a hundred while a busy machine takes its time to ask for them


def say(step: str, text: str) -> None:
    print(f"  {step:<16}{text}", file=sys.stderr, flush=True)


class Life:
    """What one client does on one symbol, and remembers."""

    def __init__(self, venue: Any, symbol: str) -> None:
        self.venue, self.symbol = venue, symbol
        self.began_ms = venue.milliseconds()
        self.placed: list[str] = []
        self.watched: dict[str, dict[str, Any]] = {}  # the last that was heard of each order
        self.watched_trades: dict[str, dict[str, Any]] = {}

    async def lead(self) -> dict[str, Any]:
        """From the first look at the book to the last look at the books."""
        self._watching = asyncio.gather(self._watch_orders(), self._watch_trades())
        try:
            await self._look()
            await self._place_and_refuse()
            await self._fill_amend_cancel()
            await self._cancel_all()
            await self._trade_at_market()
            await self._until("every order is heard to have ended", self._have_all_ended)
            return await self._histories()
        finally:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    # --- The steps ----------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        fetched = await self.venue.fetch_order_book(self.symbol, 20)
        watched = await self.venue.watch_order_book(self.symbol)
        for book in (fetched, watched):
            assert book["bids"][0][0] < book["asks"][0][0], "a book is not crossed"
            assert all(amount > 0 for side in ("bids", "asks") for _, amount, *_ in book[side])
        say("books", f"{self.symbol}: fetched {fetched['bids'][0]} {fetched['asks'][0]}, watched {watched['bids'][0]}")

        prints = await self.venue.watch_trades(self.symbol)
        fetched_prints = await self.venue.fetch_trades(self.symbol, limit=PRINTS)
        assert {trade["id"] for trade in prints} <= {trade["id"] for trade in fetched_prints}
        since = await self.venue.fetch_trades(self.symbol, since=self.began_ms, limit=100)
        assert all(trade["timestamp"] >= self.began_ms for trade in since)
        candles = await self.venue.fetch_ohlcv(self.symbol, "1m")
        assert all(low <= opened <= high and low <= closed <= high for _, opened, high, low, closed, _ in candles)
        ticker = await self.venue.watch_ticker(self.symbol)
        assert ticker["bid"] < ticker["ask"]
        say("trades", f"watched {len(prints)}, fetched {len(fetched_prints)}; last {ticker['last']}")

    async def _place_and_refuse(self) -> None:
        book = await self.venue.fetch_order_book(self.symbol)
        resting = await self._place("buy", self._smallest(), book["bids"][0][0] * 0.9, postOnly=True)
        assert (resting["status"], resting["filled"], resting["postOnly"]) == ("open", 0, True)
        say("place", f"post-only, {resting['amount']} at {resting['price']}: {resting['status']}")
        await self._until("the resting order is heard of", lambda: resting["id"] in self.watched)

        try:
            await self._place("buy", self._smallest(), book["asks"][0][0] * 1.05, postOnly=True)
        except ccxt.ExchangeError as error:
            assert "11054" in str(error), error
            say("refused", "a post-only order that would cross: 11054")
        else:
            raise AssertionError("a post-only order that crosses was taken")
        [open_order] = await self.venue.fetch_open_orders(self.symbol)
        assert open_order["id"] == resting["id"]

    async def _fill_amend_cancel(self) -> None:
        order, amended = await self._partly_filled_and_amended()
        order_id = order["id"]
        by_us, by_others = len(order["trades"]), len(self._maker_fills(order_id))
        say("partial fill", f"{order['amount']} at {order['price']}: {by_us} fills as a taker, {by_others} as a maker")
        assert (amended["id"], amended["status"]) == (order_id, "open")
        say("amend", f"{order['amount']} at {order['price']} -> {amended['amount']} at {amended['price']}")

        cancelled = await self.venue.cancel_order(order_id, self.symbol)
        assert cancelled["status"] == "canceled" and 0 < cancelled["filled"] < cancelled["amount"]
        say("cancel", f"{cancelled['status']}, {cancelled['filled']} filled")
        try:
            await self.venue.cancel_order(order_id, self.symbol)
        except ccxt.InvalidOrder as error:
            say("refused", f"to cancel what has ended: {type(error).__name__}")
        else:
            raise AssertionError("an order was cancelled twice")

    async def _cancel_all(self) -> None:
        bid = (await self.venue.fetch_order_book(self.symbol))["bids"][0][0]
        for place in range(3):
            await self._place("buy", self._smallest(), bid * (0.9 - place / 100), postOnly=True)
        before = await self.venue.fetch_open_orders(self.symbol)
        await self.venue.cancel_all_orders(self.symbol)
        after = await self.venue.fetch_open_orders(self.symbol)
        assert len(before) == 4 and not after
        say("cancel-all", f"{len(before)} open before, {len(after)} after")

    async def _trade_at_market(self) -> None:
        sold = await self._place("sell", self._smallest() * 2, None)
        assert sold["status"] == "closed" and sold["filled"] == sold["amount"] and sold["trades"]
        say("at market", f"sold {sold['filled']} at {sold['average']}")

    async def _histories(self) -> dict[str, Any]:
        closed = await self.venue.fetch_closed_orders(self.symbol, params={"include_unfilled": True})
        trades = await self.venue.fetch_my_trades(self.symbol, limit=1000)
        since = await self.venue.fetch_my_trades(self.symbol, since=self.began_ms, limit=1000)
        one_by_one = {order_id: await self.venue.fetch_order(order_id) for order_id in self.placed}
        of_each = [trade for order_id in self.placed for trade in await self.venue.fetch_order_trades(order_id)]
        say("histories", f"{len(closed)} orders, {len(trades)} fills")
        return {
            "placed": self.placed,
            "closed": closed,
            "watched": list(self.watched.values()),
            "fetched": list(one_by_one.values()),
            "trades": trades,
            "trades_since": since,
            "watched_trades": list(self.watched_trades.values()),
            "order_trades": of_each,
        }

    # --- What it takes -------------------------------------------------------------------------------------------

    async def _place(self, side: str, amount: float, price: float | None, **params: Any) -> dict[str, Any]:
        kind = "market" if price is None else "limit"
        order: dict[str, Any] = await self.venue.create_order(self.symbol, kind, side, amount, price, params)
        self.placed.append(order["id"])
        return order

    async def _partly_filled_and_amended(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Buy more than is offered at the touch: what is left over rests there, and others take a part of it.

        The market does not wait for us: if it moves on or takes the whole, we try anew.
        """
        async with asyncio.timeout(WAIT_S):
            while True:
                asks = (await self.venue.fetch_order_book(self.symbol, 20))["asks"]
                price, amount = asks[0][0], sum(amount for _, amount, *_ in asks)
                order = await self._place("buy", amount, price, label="partly")
                while not self._maker_fills(order["id"]) and await self._is_best_bid(price):
                    pass
                is_partly_filled = order["filled"] and self._maker_fills(order["id"])
                try:
                    if is_partly_filled:
                        return order, await self._amend(order)
                    await self.venue.cancel_order(order["id"], self.symbol)
                except ccxt.InvalidOrder:
                    say("anew", "the market took the whole of it")

    async def _amend(self, order: dict[str, Any]) -> dict[str, Any]:
        """Another amount at another price, away from the market."""
        amount, price = order["amount"] - self._smallest(), order["price"] * 0.95
        amended: dict[str, Any] = await self.venue.edit_order(order["id"], self.symbol, "limit", "buy", amount, price)
        return amended

    async def _is_best_bid(self, price: float) -> bool:
        best: float = (await self.venue.fetch_order_book(self.symbol))["bids"][0][0]
        return best <= price

    def _smallest(self) -> float:
        smallest: float = self.venue.market(self.symbol)["limits"]["amount"]["min"]
        return smallest

    def _maker_fills(self, order_id: str) -> list[dict[str, Any]]:
        fills = self.watched_trades.values()
        return [fill for fill in fills if fill["order"] == order_id and fill["takerOrMaker"] == "maker"]

    def _have_all_ended(self) -> bool:
        heard = [self.watched.get(order_id) for order_id in self.placed]
        return all(order is not None and order["status"] != "open" for order in heard)

    async def _watch_orders(self) -> None:
        while True:
            for order in await self.venue.watch_orders(self.symbol):
                self.watched[order["id"]] = order

    async def _watch_trades(self) -> None:
        while True:
            for trade in await self.venue.watch_my_trades(self.symbol):
                self.watched_trades[trade["id"]] = trade

    async def _until(self, what: str, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await self.venue.fetch_time()
        assert condition(), what


async def holdings(venue: Any, perpetuals: list[str]) -> dict[str, Any]:
    """What the venue says that we have."""
    fetched, watched = await venue.fetch_balance(), await venue.watch_balance()
    async with asyncio.timeout(WAIT_S):
        while not fetched["total"].keys() <= watched.keys():  # they are told one currency at a time
            await venue.fetch_time()
    return {
        "fetched": fetched,
        "watched": watched,
        "positions": await venue.fetch_positions(),
        "one_by_one": {symbol: await venue.fetch_position(symbol) for symbol in perpetuals},
    }


async def lives(told: dict[str, Any]) -> dict[str, Any]:
    """Every symbol after the other, on one connection."""
    venue = getattr(ccxt.pro, told["venue"])(told["options"])
    try:
        markets = await venue.load_markets()
        say("load", f"{len(markets)} markets: {', '.join(markets)}")
        balance = await venue.fetch_balance()
        say("log in", "balances: " + ", ".join(f"{amount} {name}" for name, amount in balance["total"].items()))

        done = {symbol: await Life(venue, symbol).lead() for symbol in told["symbols"]}

        held = await holdings(venue, [symbol for symbol in told["symbols"] if markets[symbol]["contract"]])
        sides = {place["symbol"]: f"{place['side']} {abs(place['contracts'])}" for place in held["positions"]}
        say("positions", ", ".join(f"{symbol} {size}" for symbol, size in sides.items()))
        return {"markets": markets, "opening": balance, "lives": done, "holdings": held}
    finally:
        await venue.close()


def main(run: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """One JSON document in, one out."""
    for ours in ("replenisher", "strategies"):
        try:
            __import__(ours)
        except ImportError:
            continue
        sys.exit(f"{ours} can be imported here, so this proves nothing")
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main(lives)
