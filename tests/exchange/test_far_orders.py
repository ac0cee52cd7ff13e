"""An order that waits far from the market trades when the market comes there, and earns nothing by being far."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import pytest

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.flow import EVERYTHING, SyntheticSettings
from replenisher.exchange.market import ClientOrder, Traded
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import SECOND_NS

START = 1_700_000_000 * SECOND_NS

MARKOUT_S = 10


class Trader:
    """Who rests orders in a market, and looks at it every so often."""

    def __init__(self, seed: int) -> None:
        self.market = SyntheticMarket(BTC_PERPETUAL, SyntheticSettings(), Random(seed), START)
        self.at = START
        self.open: dict[str, int] = {}  # lots of each order that may still trade
        self._number = 0

    def wait(self, duration_ns: int) -> list[Traded]:
        """What traded in the meantime."""
        self.at += duration_ns
        trades = [trade for happening in self.market.advance(self.at) for trade in happening.trades]
        for trade in trades:
            if trade.maker_order:
                self._fill(trade.maker_order, trade.quantity)
        return trades

    def place(self, side: Side, price: int, quantity: int, *, rests: bool = True) -> str:
        """The id of an order that has taken what it could."""
        self._number += 1
        order = ClientOrder(order_id=f"{self._number}", side=side, price=price, quantity=quantity, rests=rests)
        self.open[order.order_id] = quantity
        for trade in self.market.place(order, self.at).trades:
            self._fill(order.order_id, trade.quantity)
        return order.order_id

    def cancel(self, order_id: str) -> None:
        """Take an open order off."""
        self.market.cancel(order_id, self.at)
        del self.open[order_id]

    def _fill(self, order_id: str, lots: int) -> None:
        self.open[order_id] -= lots
        if not self.open[order_id]:
            del self.open[order_id]

    @property
    def efficient_price(self) -> float:
        """What the informed know."""
        assert self.market.index is not None
        return self.market.index

    @property
    def mid(self) -> float:
        """Of the book, with everybody's orders."""
        bid, ask = self.market.best(BUY), self.market.best(SELL)
        assert bid is not None and ask is not None
        return (bid + ask) / 2


@pytest.mark.parametrize(("seed", "comes_there"), [(7, False), (3, True)])
def test_an_hour_passes_and_only_where_the_efficient_price_comes_is_a_far_order_filled(
    seed: int, comes_there: bool
) -> None:
    trader = Trader(seed)
    bid = round(trader.efficient_price * 0.95)
    order_id = trader.place(BUY, bid, EVERYTHING)
    seen = [trader.efficient_price]
    filled_at: list[float] = []  # the lowest efficient price until then
    strayed: list[float] = []  # how far trades were from all efficient prices of their second

    for _ in range(3600):
        trades = trader.wait(SECOND_NS)
        seen.append(trader.efficient_price)
        lowest, highest = sorted(seen[-2:])
        strayed += [max(trade.price / highest, lowest / trade.price) - 1 for trade in trades]
        filled_at += [min(seen) for trade in trades if trade.maker_order == order_id]

    assert (min(seen) < bid) is comes_there
    assert bool(filled_at) is comes_there
    assert all(lowest < bid * 1.01 for lowest in filled_at)
    assert max(strayed) < 0.02  # an exchange lets nobody trade beyond 10 %


def test_a_side_that_a_client_takes_is_not_followed_to_the_far_order_behind_it() -> None:
    trader = Trader(seed=7)
    far = trader.place(SELL, round(trader.efficient_price * 1.05), 10)
    trader.place(BUY, round(trader.efficient_price * 1.04), EVERYTHING, rests=False)
    assert trader.market.best(SELL) == round(trader.efficient_price * 1.05)

    trades = trader.wait(10 * SECOND_NS)

    assert abs(trader.mid / trader.efficient_price - 1) < 0.01
    assert [trade for trade in trades if trade.maker_order == far] == []


class Outcome(NamedTuple):
    """What quoting one distance from the mid brought, marked to the mid some seconds after each fill."""

    fills: int
    gained: float  # bps times lots

    @classmethod
    def of(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """All of them together."""
        return cls(sum(part.fills for part in parts), sum(part.gained for part in parts))


def quoting(distance_bps: float, seed: int, duration_s: int = 300) -> Outcome:
    """Somebody who keeps one order a side so far from the mid."""
    trader = Trader(seed)
    quotes: dict[Side, tuple[str, int]] = {}
    filled: list[tuple[int, Traded]] = []
    mids: list[float] = []
    for tenth in range(duration_s * 10):
        trades = [trade for trade in trader.wait(SECOND_NS // 10) if trade.maker_order]
        filled += [(tenth, trade) for trade in trades]
        mids.append(trader.mid)
        for side in Side:
            wanted = round(trader.mid * (1 - side.sign * distance_bps / 10_000))
            order_id, price = quotes.get(side, ("", 0))
            if order_id in trader.open:
                if abs(price - wanted) <= 6:
                    continue
                trader.cancel(order_id)
            quotes[side] = trader.place(side, wanted, 100), wanted
    later = [mids[min(tenth + MARKOUT_S * 10, len(mids) - 1)] for tenth, _ in filled]
    return Outcome(
        fills=len(filled),
        gained=sum(
            (trade.price / mid - 1) * 10_000 * trade.taker.sign * trade.quantity
            for (_, trade), mid in zip(filled, later, strict=True)
        ),
    )


def test_who_quotes_beyond_the_others_earns_nothing_by_it() -> None:
    near, beyond, far = (Outcome.of([quoting(bps, seed) for seed in (1, 2, 3)]) for bps in (20, 60, 500))

    assert near.fills > 100
    assert near.gained > 0
    assert beyond.fills < near.fills / 20
    assert beyond.gained < near.gained / 5
    assert far == Outcome(fills=0, gained=0)
