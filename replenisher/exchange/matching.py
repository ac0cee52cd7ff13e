"""The book of one instrument: orders of everybody, matched by price and then by time.

Theory. A level is a queue of orders at one price; the oldest trades first, at its own price. The best price is known at
all times; the next one is found through a heap from which dead prices are dropped only when they come to the top, so
that no operation costs more when more orders rest. A replaced order keeps its place in the queue only if its price
stays and its quantity does not grow; any other change sends it to the back, and it may trade at once like a new one.
Prices are integer ticks, quantities integer lots.
"""

import heapq
from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass, field

import msgspec

from replenisher.exchange.market import NOTHING, PublicLevel, Reach
from replenisher.model.event import Level as Shown
from replenisher.model.order import BUY, SELL, Side


class Resting(msgspec.Struct, gc=False):
    """An order in the queue."""

    order_id: str
    side: Side
    price: int
    quantity: int  # what is left


class Match(msgspec.Struct, frozen=True, gc=False):
    """One taker met one resting order, at the price of the latter."""

    maker: str
    taker: str
    taker_side: Side
    price: int
    quantity: int


@dataclass(slots=True)
class Level:
    """The queue at one price. (A linked dictionary: its oldest entry is found in constant time.)"""

    queue: OrderedDict[str, Resting] = field(default_factory=OrderedDict)
    quantity: int = 0


@dataclass(slots=True)
class Ladder:
    """One side of the book. Heap keys grow away from the market, so they are negated prices on the bid side."""

    sign: int  # -1 for bids, 1 for asks
    best: int | None = None  # the price nearest to the market
    levels: dict[int, Level] = field(default_factory=dict)
    heap: list[int] = field(default_factory=list)  # every price of `levels`, and some that are gone
    in_heap: set[int] = field(default_factory=set)
    touched: dict[int, None] = field(default_factory=dict)  # prices, since they were last told

    def quantity(self, price: int) -> int:
        """What rests at one price."""
        level = self.levels.get(price)
        return level.quantity if level else 0

    def changes(self) -> tuple[Shown, ...]:
        """The prices touched since the last call, each with the quantity it has now."""
        if not self.touched:
            return ()
        shown = tuple([(price, self.quantity(price)) for price in self.touched])
        self.touched.clear()
        return shown

    def level(self, price: int) -> Level:
        """The queue at a price, made if there is none."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            if self.best is None or (self.best - price) * self.sign > 0:
                self.best = price
            if price not in self.in_heap:
                self.in_heap.add(price)
                heapq.heappush(self.heap, price * self.sign)
        return level

    def drop(self, price: int) -> None:
        """Forget an empty level; once dead prices outnumber live ones the heap is built anew."""
        del self.levels[price]
        if price == self.best:
            self._find_best()
        if len(self.heap) > 2 * len(self.levels) + 64:
            self.heap = [live * self.sign for live in self.levels]
            heapq.heapify(self.heap)
            self.in_heap = set(self.levels)

    def _find_best(self) -> None:
        while self.heap:
            self.best = self.heap[0] * self.sign
            if self.best in self.levels:
                return
            heapq.heappop(self.heap)
            self.in_heap.discard(self.best)
        self.best = None


def crosses(side: Side, price: int, opposite: int | None) -> bool:
    """Whether an order at `price` would trade with the best price of the other side."""
    return opposite is not None and (price >= opposite if side is BUY else price <= opposite)


class Book:
    """Price-time priority over everything that rests."""

    def __init__(self) -> None:
        self._orders: dict[str, Resting] = {}
        self.bids = Ladder(-1)  # read them, the book alone changes them
        self.asks = Ladder(1)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    def order(self, order_id: str) -> Resting | None:
        """The resting order of that name; read it, the book alone changes it."""
        return self._orders.get(order_id)

    def best(self, side: Side) -> int | None:
        """The best bid (BUY) or ask (SELL)."""
        return self._ladder(side).best

    def quantity(self, side: Side, price: int) -> int:
        """What rests at one price."""
        return self._ladder(side).quantity(price)

    def depth(self) -> list[PublicLevel]:
        """Every level, in no particular order."""
        return [
            PublicLevel(side, price, level.quantity)
            for side in (BUY, SELL)
            for price, level in self._ladder(side).levels.items()
        ]

    def changes(self) -> tuple[tuple[Shown, ...], tuple[Shown, ...]]:
        """The bids and asks touched since the last call, each price with the quantity it has now."""
        return self.bids.changes(), self.asks.changes()

    def reach(self, side: Side, limit: int | None, quantity: int, *, without: Container[str] = ()) -> Reach:
        """What a new order would trade if the orders `without` were gone, and whose orders it would meet."""
        ladder = self._ladder(side.opposite)
        best = ladder.best
        if best is None or (limit is not None and not crosses(side, limit, best)):
            return NOTHING
        takes: list[tuple[int, int]] = []
        makers: list[str] = []
        for price in sorted(ladder.levels, reverse=side is SELL):
            if not quantity or (limit is not None and not crosses(side, limit, price)):
                break
            taken = 0
            for maker in ladder.levels[price].queue.values():
                if maker.order_id in without:
                    continue
                traded = min(quantity - taken, maker.quantity)
                makers.append(maker.order_id)
                taken += traded
                if taken == quantity:
                    break
            quantity -= taken
            if taken:
                takes.append((price, taken))
        return Reach(tuple(takes), tuple(makers))

    def place(self, order_id: str, side: Side, price: int | None, quantity: int, *, rests: bool) -> list[Match]:
        """Match a new order (at any price if `price` is None), then let the rest of it queue if it `rests`."""
        assert quantity > 0, "an order has a quantity"
        assert order_id not in self._orders, "an order id is used once"
        assert price is not None or not rests, "a market order has no price to rest at"
        matches, left = self._take(order_id, side, price, quantity)
        if rests and left and price is not None:
            self._queue(Resting(order_id, side, price, left))
        return matches

    def amend(self, order_id: str, price: int, quantity: int) -> list[Match]:
        """Give a resting order another price and open quantity."""
        assert quantity > 0, "an amend to nothing is a cancel"
        order = self._orders[order_id]
        if price == order.price and quantity <= order.quantity:
            self._shrink(order, order.quantity - quantity)
            return []
        self.cancel(order_id)
        return self.place(order_id, order.side, price, quantity, rests=True)

    def cancel(self, order_id: str) -> int:
        """Take a resting order off the book; returns the lots it still had."""
        order = self._orders[order_id]
        left = order.quantity
        self._shrink(order, left)
        return left

    def _ladder(self, side: Side) -> Ladder:
        return self.bids if side is BUY else self.asks

    def _queue(self, order: Resting) -> None:
        ladder = self._ladder(order.side)
        level = ladder.level(order.price)
        level.queue[order.order_id] = order
        level.quantity += order.quantity
        self._orders[order.order_id] = order
        ladder.touched[order.price] = None

    def _take(self, taker: str, side: Side, limit: int | None, quantity: int) -> tuple[list[Match], int]:
        """Trade against the other side, best price first and oldest order first, as far as `limit` allows."""
        ladder = self._ladder(side.opposite)
        matches: list[Match] = []
        while quantity and (price := ladder.best) is not None:
            if limit is not None and not crosses(side, limit, price):
                break
            maker = next(iter(ladder.levels[price].queue.values()))
            traded = min(quantity, maker.quantity)
            matches.append(Match(maker.order_id, taker, side, price, traded))
            self._shrink(maker, traded)
            quantity -= traded
        return matches, quantity

    def _shrink(self, order: Resting, lots: int) -> None:
        """Take lots off a resting order without moving it; at zero it leaves the book."""
        ladder = self._ladder(order.side)
        level = ladder.levels[order.price]
        order.quantity -= lots
        level.quantity -= lots
        if not order.quantity:
            del level.queue[order.order_id]
            del self._orders[order.order_id]
            if not level.queue:
                ladder.drop(order.price)
        if lots:
            ladder.touched[order.price] = None
