"""The order book of one instrument as the venue publishes it: integers only, best price at hand in O(1).

A side keeps its prices sorted towards the touch, so that the busy end of the list is its cheap end: a change near the
touch moves a few integers, whatever the depth of the book.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

import msgspec

from replenisher.model.event import Level
from replenisher.model.order import BUY, SELL, Side


class BookSide:
    """One side of a book: price in ticks to quantity in lots."""

    __slots__ = ("_keys", "_sign", "quantities")

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self._keys: list[int] = []  # price x sign, ascending: the best is last
        self.quantities: dict[int, int] = {}

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and take these levels."""
        self.quantities = {price: quantity for price, quantity in levels if quantity > 0}
        self._keys = sorted(self._sign * price for price in self.quantities)

    def change(self, levels: Sequence[Level]) -> None:
        """The quantities at some prices are now these; 0 removes the level."""
        quantities, keys, sign = self.quantities, self._keys, self._sign
        for price, quantity in levels:
            if quantity > 0:
                if price not in quantities:
                    insort(keys, sign * price)
                quantities[price] = quantity
            elif price in quantities:
                del quantities[price]
                del keys[bisect_left(keys, sign * price)]

    def best(self) -> int | None:
        """The best price, if there is any."""
        return self._sign * self._keys[-1] if self._keys else None

    def prices(self) -> Iterator[int]:
        """Prices from the touch outwards."""
        sign = self._sign
        return (sign * key for key in reversed(self._keys))

    def levels(self, depth: int) -> list[Level]:
        """The best `depth` levels from the touch outwards."""
        sign = self._sign
        return [(sign * key, self.quantities[sign * key]) for key in self._keys[: -depth - 1 : -1]]


class Touch(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask of the others, our own orders left out: price in ticks, quantity in lots."""

    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Book:
    """Both sides, and whether they can be trusted. Trusted: after a snapshot, until a gap, a loss or a crossing."""

    __slots__ = ("asks", "bids", "distrust", "heard_at", "last_trade", "updated_at", "venue_time")

    def __init__(self) -> None:
        self.bids = BookSide(BUY)
        self.asks = BookSide(SELL)
        self.distrust = "no snapshot yet"  # why the book cannot be trusted; empty while it can
        self.updated_at = 0  # session time of the last update
        self.heard_at = 0  # session time at which the link last proved alive
        self.venue_time = 0
        self.last_trade: int | None = None  # ticks

    def side(self, side: Side) -> BookSide:
        """The bids for a buy, the asks for a sell."""
        return self.bids if side is BUY else self.asks

    def replace(self, bids: Sequence[Level], asks: Sequence[Level], venue_time: int, at: int) -> None:
        """A snapshot: the whole truth from here on."""
        self.bids.replace(bids)
        self.asks.replace(asks)
        self.distrust = ""
        self._heard(venue_time, at)

    def change(self, bids: Sequence[Level], asks: Sequence[Level], venue_time: int, at: int) -> None:
        """New quantities at some levels."""
        self.bids.change(bids)
        self.asks.change(asks)
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
        bid, ask = self.bids.best(), self.asks.best()
        return (bid, ask) if bid is not None and ask is not None else None

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid has reached the best ask, which no true book shows."""
        return (touch := self.shown_touch) is not None and touch[0] >= touch[1]
