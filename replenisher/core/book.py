"""The order book of one instrument as the venue publishes it: integers only, best price at hand in O(1).

A side is a dictionary and its best price. Nothing is kept sorted: by far the most changes are behind the touch, where
order does not matter, so those are taken in as one, and a price at which nothing is any more stays for a while, with
a quantity of 0. When the best level goes, the next one is looked for tick by tick, as it is near in a busy book; in one
with gaps all prices are looked at instead.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from math import ceil, floor
from typing import Protocol

import msgspec

from replenisher.model.event import Level
from replenisher.model.order import BUY, SELL, Side

GONE_MAX = 10_000  # prices of a side at which nothing is any more, kept until there are so many
FAR = 1 << 62
NOWHERE: AbstractSet[int] = frozenset()
Watched = Mapping[Side, AbstractSet[int]]  # some prices of each side
UNWATCHED: Watched = {BUY: NOWHERE, SELL: NOWHERE}
Change = tuple[int, int, int]  # price, quantity before, quantity after


class Levels(Protocol):
    """One side of a market, as who looks below the touch reads it."""

    def best_first(self) -> Iterator[Level]:
        """The levels from the touch outwards."""


class Depth(Protocol):
    """Both sides of it."""

    @property
    def bids(self) -> Levels:
        """Who wants to buy."""

    @property
    def asks(self) -> Levels:
        """Who wants to sell."""

    def side(self, side: Side) -> Levels:
        """The bids for a buy, the asks for a sell."""


class BookSide:
    """One side of a book: price in ticks to quantity in lots."""

    __slots__ = ("_frontmost", "_quantities", "_sign", "_size_max", "best", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.best: int | None = None  # the best price, if there is any
        self._sign = side.sign
        self._frontmost: Callable[..., int | None] = partial(max if side is BUY else min, default=None)
        self._quantities: dict[int, int] = {}
        self._size_max = GONE_MAX

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and take these levels."""
        self._keep({price: quantity for price, quantity in levels if quantity > 0})
        self.best = self._frontmost(self._quantities)

    def change(
        self, levels: Sequence[Level], watched: AbstractSet[int] = NOWHERE, limit: int | None = None
    ) -> list[Change]:
        """The quantities at some prices, each once, are now these; 0 removes a level.

        What is told is what that was at the prices that are watched, and from `limit` on to the front.
        """
        if not levels:
            return []
        quantities, best, sign = self._quantities, self.best, self._sign
        edge = -sign * FAR if best is None else best
        if limit is not None and (edge - limit) * sign >= 0:
            edge = limit - sign
        if sign > 0:
            near = [level for level in levels if level[0] > edge or level[0] in watched]
        else:
            near = [level for level in levels if level[0] < edge or level[0] in watched]
        seen: list[Change] = []
        if len(near) > 1:
            near.sort()
        for price, quantity in near:
            if price in watched or (limit is not None and (price - limit) * sign >= 0):
                seen.append((price, quantities.get(price, 0), quantity))
            if quantity and (best is None or (price - best) * sign > 0):
                best = price
        quantities.update(levels)
        self.best = best if best is None or quantities[best] else self.behind(best)
        if len(quantities) > self._size_max:
            self._keep(self.quantities)
        return seen

    @property
    def quantities(self) -> dict[int, int]:
        """All that is there, in no particular order; made for who asks."""
        return {price: quantity for price, quantity in self._quantities.items() if quantity}

    def quantity(self, price: int) -> int:
        """What is at one price."""
        return self._quantities.get(price, 0)

    def best_first(self) -> Iterator[Level]:
        """The levels from the touch outwards."""
        price = self.best
        while price is not None:
            yield price, self._quantities[price]
            price = self.behind(price)

    def depth(self, outermost: float) -> int:
        """What stands from the touch out to this price."""
        quantities, best, sign = self._quantities, self.best, self._sign
        if best is None:
            return 0
        prices = range(best, (ceil(outermost) if sign > 0 else floor(outermost)) - sign, -sign)
        if len(prices) <= len(quantities):
            return sum(filter(None, map(quantities.get, prices)))
        return sum([quantity for price, quantity in quantities.items() if (price - outermost) * sign >= 0])

    def levels(self, depth: int) -> list[Level]:
        """The best `depth` levels from the touch outwards."""
        quantities = self.quantities
        best = heapq.nlargest if self._sign > 0 else heapq.nsmallest
        return [(price, quantities[price]) for price in best(depth, quantities)]

    def behind(self, price: int) -> int | None:
        """The next price from here outwards."""
        quantities, sign = self._quantities, self._sign
        # As many ticks as there are levels: should none of them be one, this has cost no more than what follows.
        for near in range(price - sign, price - sign * (len(quantities) + 1), -sign):
            if quantities.get(near):
                return near
        return self._frontmost([other for other in self.quantities if (price - other) * sign > 0])

    def _keep(self, quantities: dict[int, int]) -> None:
        """From now on it is these, of which none is gone."""
        self._quantities, self._size_max = quantities, len(quantities) + GONE_MAX


class Touch(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask of the others, our own orders left out: price in ticks, quantity in lots."""

    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int

    def is_where(self, other: "Touch") -> bool:
        """Whether its prices are those of another one."""
        return self.bid == other.bid and self.ask == other.ask


class Book:
    """Both sides, and whether they can be trusted. Trusted: after a snapshot, until a gap, a loss or a crossing."""

    __slots__ = ("asks", "bids", "distrust", "has_moved", "heard_at", "last_trade", "updated_at", "venue_time")

    def __init__(self) -> None:
        self.bids = BookSide(BUY)
        self.asks = BookSide(SELL)
        self.distrust = "no snapshot yet"  # why the book cannot be trusted; empty while it can
        self.updated_at = 0  # session time of the last update
        self.heard_at = 0  # likewise, unless it is not to be believed before the next one
        self.venue_time = 0
        self.has_moved = False  # since the snapshot, which tells when it last did: only a change says how late we hear
        self.last_trade: int | None = None  # ticks

    def side(self, side: Side) -> BookSide:
        """The bids for a buy, the asks for a sell."""
        return self.bids if side is BUY else self.asks

    def replace(self, bids: Sequence[Level], asks: Sequence[Level], venue_time: int, at: int) -> None:
        """A snapshot: the whole truth from here on."""
        self.bids.replace(bids)
        self.asks.replace(asks)
        self.distrust = ""
        self.has_moved = False
        self._heard(venue_time, at)

    def change(
        self, bids: Sequence[Level], asks: Sequence[Level], venue_time: int, at: int, watched: Watched = UNWATCHED
    ) -> tuple[list[Change], list[Change]]:
        """New quantities at some levels; what that changes, bids and asks, at the prices that are watched."""
        self.has_moved = True
        self._heard(venue_time, at)
        return self.bids.change(bids, watched[BUY]), self.asks.change(asks, watched[SELL])

    def lose(self, reason: str) -> None:
        """Nothing in this book may be acted on until the next snapshot."""
        self.bids.replace(())
        self.asks.replace(())
        self.distrust = reason

    def _heard(self, venue_time: int, at: int) -> None:
        self.venue_time = venue_time
        self.updated_at = at
        self.heard_at = at

    @property
    def shown_touch(self) -> tuple[int, int] | None:
        """The best bid and ask as published, our own orders included; None where a side is empty."""
        bid, ask = self.bids.best, self.asks.best
        return (bid, ask) if bid is not None and ask is not None else None

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid has reached the best ask, which no true book shows."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask


def difference(before: Mapping[int, int], after: Mapping[int, int]) -> tuple[Level, ...]:
    """What turns one side into another; quantity 0 removes a level."""
    gone = [(price, 0) for price in before if price not in after]
    return (*gone, *((price, quantity) for price, quantity in after.items() if before.get(price) != quantity))
