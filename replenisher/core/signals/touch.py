"""Prices that the touch alone tells: the mid, and where it is likely to go."""

from collections.abc import Callable
from dataclasses import dataclass

from replenisher.core.book import Touch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.touch_prices import microprice, mid, weighted_mid
from replenisher.model.instrument import Instrument


@dataclass(frozen=True, slots=True)
class Mid(SignalSpec):
    """Half way between bid and ask."""

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfTouch(instrument, mid)


@dataclass(frozen=True, slots=True)
class WeightedMid(SignalSpec):
    """The mid weighted by the opposite sizes; with one level, VAMP is the same."""

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfTouch(instrument, weighted_mid)


@dataclass(frozen=True, slots=True)
class Microprice(SignalSpec):
    """The micro-price, of Stoikov's table if there is one, else in its closed form for queues that diffuse alike."""

    table: StoikovTable | None = None

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfTouch(instrument, microprice if self.table is None else self.table.price)


class _OfTouch(Signal):
    """A price of the touch as it stands."""

    __slots__ = ("_price", "_tick", "_touch")

    def __init__(self, instrument: Instrument, price: Callable[[Touch], float]) -> None:
        self._tick = instrument.tick_float
        self._price = price  # in ticks
        self._touch: Touch | None = None

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        self._touch = touch

    def lost(self) -> None:
        self._touch = None

    def value(self, venue_time: int) -> float | None:
        return None if self._touch is None else self._price(self._touch) * self._tick
