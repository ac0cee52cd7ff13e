"""Volatility from how far the mid ranged, in price units a square root of a second; three estimators of one thing.

A bar is a stretch of venue time in which the mid opens, ranges between a high and a low, and closes. What it did in
between says more than where it ended: of as many bars the range is told from a fifth of what the moves need.

- Parkinson, (H - L)^2 / (4 ln 2), "The extreme value method for estimating the variance of the rate of return", J.
  Business 53 (1980): of a price that does not drift.
- Garman & Klass, (H - L)^2 / 2 - (2 ln 2 - 1) (C - O)^2, "On the estimation of security price volatilities from
  historical data", ibid.: likewise, and the one that scatters least.
- Rogers & Satchell, (H - C) (H - O) + (L - C) (L - O), "Estimating variance from high, low and closing prices", Annals
  of Applied Probability 1 (1991): of a price that may drift.

All take it that the price is seen all the time. Between two changes of the touch it went further than was seen, so they
say a little too little where few come in a bar; and where the book bounces they count every bounce.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import ClassVar

from replenisher.core.book import Touch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.window import Window
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS

BAR_S = 5.0
BARS_MIN = 5  # they tell a volatility as well as twenty moves


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfRanges(SignalSpec):
    """Any of the three."""

    window_s: float
    bar_s: float = BAR_S

    weights: ClassVar[Sequence[float]]  # of the sums of (H - L)^2, (C - O)^2 and (H - C) (H - O) + (L - C) (L - O)

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Ranged(instrument, self.window_s, self.bar_s, self.weights)


class ParkinsonVolatility(_OfRanges):
    """From high and low."""

    __slots__ = ()
    weights = (1 / (4 * log(2)), 0.0, 0.0)


class GarmanKlassVolatility(_OfRanges):
    """From high, low, open and close."""

    __slots__ = ()
    weights = (0.5, 1 - 2 * log(2), 0.0)


class RogersSatchellVolatility(_OfRanges):
    """From the same, whatever the drift."""

    __slots__ = ()
    weights = (0.0, 0.0, 1.0)


class _Ranged(Signal):
    """Follows the mid through one bar after the other, in half ticks, as it may lie between two ticks."""

    __slots__ = ("_bar_ns", "_end", "_half_tick", "_high", "_low", "_mid", "_open", "_value", "_weights", "_window")

    def __init__(self, instrument: Instrument, window_s: float, bar_s: float, weights: Sequence[float]) -> None:
        self._half_tick = instrument.tick_float / 2
        self._bar_ns = round(bar_s * SECOND_NS)
        self._weights = weights
        self._window = Window(round(window_s * SECOND_NS), sums=len(weights), grain_ns=self._bar_ns)
        self._mid = self._high = self._low = 0  # in force, and the furthest that it was in this bar
        self._open: int | None = None  # of this bar; None before the first whole one
        self._end: int | None = None  # of this bar; None while there is no mid
        self._value: float | None = None  # as of the end of the last one

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        if self._end is None:
            self._end = -(-venue_time // self._bar_ns) * self._bar_ns
        elif venue_time > self._end:
            self._close_before(venue_time)
        self._mid = mid = touch.bid + touch.ask
        if mid > self._high:
            self._high = mid
        elif mid < self._low:
            self._low = mid

    def lost(self) -> None:
        self._window.lose()
        self._open = self._end = None

    def value(self, venue_time: int) -> float | None:
        if self._end is None:
            self._window.reach(venue_time)
            self._value = self._volatility()
        elif venue_time > self._end:
            self._close_before(venue_time)
        return self._value

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)

    def _close_before(self, venue_time: int) -> None:
        """Close the bars that have ended before a time: in all but the first of them nothing has moved."""
        assert self._end is not None, "there is a mid"
        window, opened, mid = self._window, self._open, self._mid
        if opened is None:
            window.watch(self._end)
        else:
            high, low = self._high, self._low
            window.reach(self._end)
            window.add(
                (high - low) ** 2, (mid - opened) ** 2, (high - mid) * (high - opened) + (low - mid) * (low - opened)
            )
        self._open = self._high = self._low = mid
        self._end += (venue_time - 1 - self._end) // self._bar_ns * self._bar_ns
        window.reach(self._end)
        self._end += self._bar_ns
        self._value = self._volatility()

    def _volatility(self) -> float | None:
        watched_ns = self._window.watched_ns
        if watched_ns < BARS_MIN * self._bar_ns:
            return None
        variance = sum(weight * total for weight, total in zip(self._weights, self._window.totals, strict=False))
        return self._half_tick * sqrt(max(0.0, variance) * SECOND_NS / watched_ns)
