"""ccxt's public numbers on an instrument's grid: one book as it was shown at one moment, in ticks and lots."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.units import MS_NS
from replenisher.venues.ccxt.instruments import exact

ON_GRID = Decimal("0.001")  # of a tick: what a double may miss by, far below any real price off the grid

Levels = dict[int, int]  # ticks -> lots


class OffGrid(ValueError):
    """A public price that is no multiple of the tick we know."""


class Shown(msgspec.Struct):
    """A book as it was shown at one moment."""

    bids: Levels
    asks: Levels
    venue_time: int
    nonce: int | None

    def side(self, side: Side) -> Levels:
        """The bids for a buy, the asks for a sell."""
        return self.bids if side is Side.BUY else self.asks

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid has reached the best ask."""
        return bool(self.bids) and bool(self.asks) and max(self.bids) >= min(self.asks)


class Grid:
    """An instrument's ticks and lots. ccxt's numbers repeat, so each is worked out once."""

    SIZE_MAX = 65_536

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._ticks: dict[Any, int] = {}
        self._lots: dict[Any, int] = {}

    def ticks(self, price: Any) -> int:
        """A price in ticks, or `OffGrid`."""
        if (known := self._ticks.get(price)) is not None:
            return known
        exactly = exact(price) / self._instrument.tick
        ticks = int(exactly.to_integral_value())
        if abs(exactly - ticks) > ON_GRID:
            raise OffGrid(f"price {price} is not on a grid of {self._instrument.tick}")
        return _kept(self._ticks, price, ticks)

    def lots(self, amount: Any) -> int:
        """An amount in lots; less than a lot is still somebody."""
        if (known := self._lots.get(amount)) is not None:
            return known
        lots = int((exact(amount) / self._instrument.lot).to_integral_value())
        return _kept(self._lots, amount, (lots or 1) if amount else 0)

    def shown(self, book: Mapping[str, Any], depth: int, otherwise_at: int) -> Shown:
        """ccxt's book as it stands now; it changes the same object later. `otherwise_at` is its time if it has none."""
        timestamp = book.get("timestamp")
        return Shown(
            bids=self._levels(book["bids"], depth),
            asks=self._levels(book["asks"], depth),
            venue_time=otherwise_at if timestamp is None else int(timestamp) * MS_NS,
            nonce=None if book.get("nonce") is None else int(book["nonce"]),
        )

    def _levels(self, rows: Any, depth: int) -> Levels:
        levels: Levels = {}
        for row in rows[:depth]:
            price = self.ticks(row[0])
            levels[price] = levels.get(price, 0) + self.lots(row[1])
        return levels


def _kept(table: dict[Any, int], value: Any, placed: int) -> int:
    if len(table) >= Grid.SIZE_MAX:
        table.clear()
    table[value] = placed
    return placed
