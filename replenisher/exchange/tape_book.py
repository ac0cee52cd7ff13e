"""The book as a tape tells it, before anything of ours."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from replenisher.model.event import Level
from replenisher.model.order import BUY, SELL, Side

GONE_MAX = 10_000  # prices at which nothing is any more, kept until there are so many
Change = tuple[int, int, int]  # price, quantity before, quantity after


class BookSide:
    """One side of the tape's book: quantities by price, and the best of them at hand.

    Nearly all that a tape tells is behind the touch, where no order is needed, so a change is taken in as one. A price
    at which nothing is any more stays for a while, with a quantity of 0. When the best level goes, the next one is
    looked for tick by tick, as it is near in a busy book; in one with gaps all prices are looked at instead.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self.best_price: int | None = None
        self._quantities: dict[int, int] = {}
        self._sign = side.sign
        self._frontmost = max if side is BUY else min
        self._size_max = GONE_MAX

    def change(
        self, levels: Sequence[Level], watched: AbstractSet[int] = frozenset(), limit: int | None = None
    ) -> list[Change]:
        """Write new quantities (0 removes a level), and tell what happened where it is watched, and from `limit` on."""
        if not levels:
            return []
        quantities, sign = self._quantities, self._sign
        changes = dict(levels)
        prices: AbstractSet[int] = watched & changes.keys()
        foremost = self._frontmost(changes)
        if limit is not None and (foremost - limit) * sign >= 0:
            prices = {*prices, *(price for price in changes if (price - limit) * sign >= 0)}
        seen = [(price, quantities.get(price, 0), changes[price]) for price in sorted(prices)]
        quantities |= changes
        best = self.best_price
        if best is None or (foremost - best) * sign > 0:
            better = [price for price in changes if (best is None or (price - best) * sign > 0) and changes[price]]
            best = self.best_price = self._frontmost(better, default=best)
        if best is not None and not quantities[best]:
            self.best_price = self._behind(best)
        if len(quantities) > self._size_max:
            self._quantities = self.quantities
            self._size_max = len(self._quantities) + GONE_MAX
        return seen

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and begin with these levels."""
        self._quantities = {price: quantity for price, quantity in levels if quantity}
        self._size_max = len(self._quantities) + GONE_MAX
        self.best_price = self._frontmost(self._quantities, default=None)

    @property
    def quantities(self) -> dict[int, int]:
        """What is at each price."""
        return {price: quantity for price, quantity in self._quantities.items() if quantity}

    def quantity(self, price: int) -> int:
        """What is at one price."""
        return self._quantities.get(price, 0)

    def best(self) -> Level | None:
        """The best price with its quantity."""
        price = self.best_price
        return None if price is None else (price, self._quantities[price])

    def best_first(self) -> Iterator[int]:
        """The prices from the touch outwards."""
        price = self.best_price
        while price is not None:
            yield price
            price = self._behind(price)

    def _behind(self, price: int) -> int | None:
        """The next price outwards."""
        quantities, sign = self._quantities, self._sign
        # As many ticks as there are levels: should none of them be one, this has cost no more than what follows.
        for near in range(price - sign, price - sign * (len(quantities) + 1), -sign):
            if quantities.get(near):
                return near
        behind = [other for other, quantity in quantities.items() if quantity and (price - other) * sign > 0]
        return self._frontmost(behind, default=None)


class TapeBook:
    """Both sides of it."""

    def __init__(self) -> None:
        self.bids, self.asks = BookSide(BUY), BookSide(SELL)
        self.sides = {BUY: self.bids, SELL: self.asks}

    def replace(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """A snapshot."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def change(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """New quantities."""
        self.bids.change(bids)
        self.asks.change(asks)

    def quantity(self, side: Side, price: int) -> int:
        """What the tape shows at one price."""
        return self.sides[side].quantity(price)

    def best(self, side: Side) -> Level | None:
        """The touch of one side."""
        return self.sides[side].best()
