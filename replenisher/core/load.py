"""The load: running sums over orders that may be live, so that a limit is looked at without counting them anew.

They are whole numbers, lots and lots x ticks, and each order counts with its worst case: the larger quantity and the
higher price of an amend that is not answered. Adding and taking off again is exact, so the sums never drift.
"""

from collections.abc import Iterable

import msgspec

from replenisher.model.order import BUY, Side

Counted = tuple[int, int]  # the lots and ticks with which an order counts


class Load(msgspec.Struct, gc=False):
    """What may be on the book of one instrument, by side."""

    orders: int = 0  # of both sides
    buy_lots: int = 0
    sell_lots: int = 0
    buy_lot_ticks: int = 0  # the sum of lots x price
    sell_lot_ticks: int = 0

    def change(self, side: Side, before: Counted | None, after: Counted | None) -> None:
        """One order counts otherwise than before; None is not at all."""
        (lots_before, ticks_before), (lots, ticks) = before or (0, 0), after or (0, 0)
        more, dearer = lots - lots_before, lots * ticks - lots_before * ticks_before
        self.orders += (after is not None) - (before is not None)
        if side is BUY:
            self.buy_lots += more
            self.buy_lot_ticks += dearer
        else:
            self.sell_lots += more
            self.sell_lot_ticks += dearer

    def plus(self, other: "Load") -> "Load":
        """Both together."""
        return Load(
            self.orders + other.orders,
            self.buy_lots + other.buy_lots,
            self.sell_lots + other.sell_lots,
            self.buy_lot_ticks + other.buy_lot_ticks,
            self.sell_lot_ticks + other.sell_lot_ticks,
        )

    def minus(self, part: "Load") -> "Load":
        """What there is beside a part of it."""
        return Load(
            self.orders - part.orders,
            self.buy_lots - part.buy_lots,
            self.sell_lots - part.sell_lots,
            self.buy_lot_ticks - part.buy_lot_ticks,
            self.sell_lot_ticks - part.sell_lot_ticks,
        )

    def without(self, side: Side, lots: int, ticks: int) -> "Load":
        """What there is beside one order."""
        orders, worth = self.orders - 1, lots * ticks
        if side is BUY:
            return Load(orders, self.buy_lots - lots, self.sell_lots, self.buy_lot_ticks - worth, self.sell_lot_ticks)
        return Load(orders, self.buy_lots, self.sell_lots - lots, self.buy_lot_ticks, self.sell_lot_ticks - worth)


def sum_of(loads: Iterable[Load]) -> Load:
    """All of them together."""
    total = Load()
    for load in loads:
        total = total.plus(load)
    return total
