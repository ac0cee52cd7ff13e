"""An instrument's grid: doubles that the venue tells in public, as whole ticks and lots."""

from collections.abc import Callable, Sequence

from replenisher.model.event import Level
from replenisher.model.instrument import Instrument
from replenisher.venues.deribit.public import Row

PLACED_MAX = 65_536  # doubles whose place on a grid is remembered; with one more, all are worked out anew
ON_GRID = 1e-3  # of a tick: what a double may miss by, far below any real price off the grid


class OffGrid(Exception):
    """A public price that is no multiple of the tick we know."""


class _Table(dict[float, int]):
    """Doubles by what they are on a grid, worked out when first met. Levels repeat, so this halves a book's cost."""

    def __init__(self, place: Callable[[float], int]) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, value: float) -> int:
        if len(self) >= PLACED_MAX:
            self.clear()
        placed = self[value] = self._place(value)
        return placed


class Grid:
    """An instrument's ticks and lots for public data, which come as doubles."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick = float(instrument.tick)
        self._lot = float(instrument.lot)
        self._ticks = _Table(self.ticks)
        self._lots = _Table(self.lots)

    def levels(self, rows: Sequence[Row]) -> tuple[Level, ...]:
        """The rows on the grid; quantity 0 removes a level."""
        ticks, lots = self._ticks, self._lots
        return tuple([(ticks[price], lots[amount] if action != "delete" else 0) for action, price, amount in rows])

    def ticks(self, price: float) -> int:
        """A price in ticks, or `OffGrid`."""
        exact = price / self._tick
        ticks = round(exact)
        if not -ON_GRID < exact - ticks < ON_GRID:
            raise OffGrid(f"price {price} is not on a grid of {self._tick}")
        return ticks

    def lots(self, amount: float) -> int:
        """An amount in lots; less than a lot is still somebody."""
        return (round(amount / self._lot) or 1) if amount else 0
