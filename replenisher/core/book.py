"""The order book of one instrument as the venue publishes it: integers only, best price at hand in O(1).

A side is a dictionary and its best price. Nothing is kept sorted: by far the most changes are behind the touch, where
order does not matter. When the best level goes, the next one is looked for tick by tick, as it is near in a busy book;
in one with gaps all prices are looked at instead.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from replenisher.model.event import Level
from replenisher.model.order import BUY, SELL, Side


class BookSide:
    """One side of a book: price in ticks to quantity in lots."""

    __slots__ = ("_sign", "best", "quantities")

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self.best: int | None = None  # the best price, if there is any
        self.quantities: dict[int, int] = {}

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and take these levels."""
        self.quantities = {price: quantity for price, quantity in levels if quantity > 0}
        self.best = self._best_of(self.quantities)

    def change(self, levels: Sequence[Level]) -> None:
        """The quantities at some prices are now these; 0 removes the level."""
        quantities, best, sign = self.quantities, self.best, self._sign
        for price, quantity in levels:
            if quantity > 0:
                quantities[price] = quantity
                if best is None or (price - best) * sign > 0:
                    best = price
            else:
                quantities.pop(price, None)
        self.best = best if best is None or best in quantities else self.behind(best)

    def prices(self) -> Iterator[int]:
        """Prices from the touch outwards."""
        price = self.best
        while price is not None:
            yield price
            price = self.behind(price)

    def levels(self, depth: int) -> list[Level]:
        """The best `depth` levels from the touch outwards."""
        best = heapq.nlargest if self._sign > 0 else heapq.nsmallest
        return [(price, self.quantities[price]) for price in best(depth, self.quantities)]

    def behind(self, price: int) -> int | None:
        """The next price from here outwards."""
        quantities, sign = self.quantities, self._sign
        # As many ticks as there are levels: should none of them be one, this has cost no more than what follows.
        for near in range(price - sign, price - sign * (len(quantities) + 1), -sign):
            if near in quantities:
                return near
        return self._best_of([other for other in quantities if (price - other) * sign > 0])

    def _best_of(self, prices: Collection[int]) -> int | None:
        return (max if self._sign > 0 else min)(prices, default=None)


class Touch(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask of the others, our own orders left out: price in ticks, quantity in lots."""

    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


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

    def change(self, bids: Sequence[Level], asks: Sequence[Level], venue_time: int, at: int) -> None:
        """New quantities at some levels."""
        self.bids.change(bids)
        self.asks.change(asks)
        self.has_moved = True
        self._heard(venue_time, at)

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
