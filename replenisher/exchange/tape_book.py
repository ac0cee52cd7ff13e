"""The book as a tape tells it, before anything of ours."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from replenisher.model.event import Level
from replenisher.model.order import Side


class BookSide:
    """One side of the tape's book: quantities by price, and the prices in order."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.quantities: dict[int, int] = {}
        self._prices: list[int] = []  # ascending

    def set(self, price: int, quantity: int) -> int:
        """Write the quantity at one price (0 removes it), and tell what was there."""
        before = self.quantities.get(price, 0)
        if quantity:
            self.quantities[price] = quantity
            if not before:
                insort(self._prices, price)
        elif before:
            del self.quantities[price]
            del self._prices[bisect_left(self._prices, price)]
        return before

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and begin with these levels."""
        self.quantities = {price: quantity for price, quantity in levels if quantity}
        self._prices = sorted(self.quantities)

    def best(self) -> Level | None:
        """The best price with its quantity."""
        if not self._prices:
            return None
        price = self._prices[-1 if self.side is Side.BUY else 0]
        return price, self.quantities[price]

    def best_first(self) -> Iterator[int]:
        """The prices from the touch outwards."""
        return reversed(self._prices) if self.side is Side.BUY else iter(self._prices)


class TapeBook:
    """Both sides of it."""

    def __init__(self) -> None:
        self.sides = {Side.BUY: BookSide(Side.BUY), Side.SELL: BookSide(Side.SELL)}

    def replace(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """A snapshot."""
        self.sides[Side.BUY].replace(bids)
        self.sides[Side.SELL].replace(asks)

    def change(self, bids: Sequence[Level], asks: Sequence[Level]) -> list[tuple[Side, int, int, int]]:
        """New quantities; answers (side, price, before, after) for each."""
        changes = []
        for side, levels in ((self.sides[Side.BUY], bids), (self.sides[Side.SELL], asks)):
            changes += [(side.side, price, side.set(price, quantity), quantity) for price, quantity in levels]
        return changes

    def quantity(self, side: Side, price: int) -> int:
        """What the tape shows at one price."""
        return self.sides[side].quantities.get(price, 0)

    def best(self, side: Side) -> Level | None:
        """The touch of one side."""
        return self.sides[side].best()
