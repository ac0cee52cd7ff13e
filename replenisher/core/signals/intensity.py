"""The arrival intensity: how often market orders come, and how deep into the book they reach.

lambda(d) = A exp(-k d) is the rate of market orders that execute at a distance d from the mid or further; A is in
1/second, k in 1/price: Avellaneda & Stoikov, "High-frequency trading in a limit order book", Quant. Finance 8 (2008).

All prints of one market order are one arrival, and its depth is that of the deepest. What they were measured against is
the touch before it came, whichever of the two was told first.

No market order stops before the touch, half a spread from the mid, and from there on it reaches so many whole ticks
further. So what tells k is how far it went beyond the touch, and there the law is a geometric one:

    k = ln(1 + n / (ticks beyond the touch, of all n)) / tick

Taking the depth from the mid instead, k = n / (sum of depths), would find a smaller k the wider the spread. A is the
rate of arrivals, carried from the touch back to the mid: A = n / T * exp(k * half a spread). Both are maximum
likelihood estimates. The classical fit of a line through ln(lambda) is the cross-check: it weighs the one arrival far
out as much as the thousand at the touch, and scatters half as much again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from operator import attrgetter

import msgspec

from replenisher.core.book import Touch
from replenisher.core.signals.last_touch import LastTouch
from replenisher.core.signals.signal import Signal
from replenisher.core.signals.window import Window
from replenisher.model.event import TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, Side
from replenisher.model.units import SECOND_NS

ARRIVALS_MIN = 50  # fewer tell k to worse than a seventh of itself


class Intensity(msgspec.Struct, frozen=True, gc=False):
    """A and k of one market."""

    rate: float  # A, 1/second
    decay: float  # k, 1/price


def most_likely(arrivals: int, beyond: float, half_spread: float, seconds: float, tick: float) -> Intensity | None:
    """A and k of so many arrivals, which went `beyond` the touch by so much in all; None if none of them did.

    `beyond`, `half_spread` (the mean) and `tick` are in one unit, and 1/k is in it, too.
    """
    if beyond <= 0 or seconds <= 0:
        return None
    decay = log(1 + arrivals * tick / beyond) / tick
    return Intensity(arrivals / seconds * exp(decay * half_spread), decay)


def decay_error(arrivals: int, decay: float, tick: float) -> float:
    """The standard error of k; k / sqrt(arrivals) where a tick is small against 1/k."""
    further = exp(-decay * tick)  # how many go a tick further
    return (1 - further) / (tick * sqrt(further * arrivals))


def rate_error(arrivals: int, found: Intensity, half_spread: float, tick: float) -> float:
    """The standard error of A: that of a count, and that of k, which carries it from the touch to the mid."""
    return found.rate * sqrt(1 / arrivals + (half_spread * decay_error(arrivals, found.decay, tick)) ** 2)


def least_squares(reaching: Sequence[int], half_spread: float, seconds: float, tick: float) -> Intensity | None:
    """A and k of the line through ln(lambda), of how many arrivals went 0, 1, 2, ... ticks beyond the touch or further.

    None unless they went to two depths at least. Depths that nobody reached tell nothing and are left out.
    """
    points = [(half_spread + place * tick, log(count / seconds)) for place, count in enumerate(reaching) if count > 0]
    if len(points) < 2:
        return None
    depth = sum(x for x, _ in points) / len(points)
    level = sum(y for _, y in points) / len(points)
    slope = sum((x - depth) * (y - level) for x, y in points) / sum((x - depth) ** 2 for x, _ in points)
    return Intensity(exp(level - slope * depth), -slope)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRate:
    """A, market orders a second at the mid."""

    window_s: float
    arrivals_min: int = ARRIVALS_MIN

    @property
    def needs_depth(self) -> bool:
        """The touch is enough."""
        return False

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Arrivals(instrument, self.window_s, self.arrivals_min, attrgetter("rate"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalDecay:
    """k, how fast market orders get rarer with the distance from the mid, in 1/price."""

    window_s: float
    arrivals_min: int = ARRIVALS_MIN

    @property
    def needs_depth(self) -> bool:
        """The touch is enough."""
        return False

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Arrivals(instrument, self.window_s, self.arrivals_min, attrgetter("decay"))


class MarketOrders:
    """Makes market orders of prints, and measures each against the touch that it met."""

    __slots__ = ("_beyond", "_last", "_order")

    def __init__(self) -> None:
        self._last = LastTouch()
        self._order: tuple[int, Side] | None = None  # the one whose prints come at present
        self._beyond = 0  # how far it has gone

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        """The others' best bid and ask are these now."""
        self._last.saw_touch(touch, venue_time)

    def saw_trade(self, trade: TradePrinted) -> tuple[int, int, int] | None:
        """What a print adds: one order or none, ticks beyond the touch, and ticks of spread that the order met."""
        venue_time, taker = trade.venue_time, trade.taker
        touch = self._last.before(venue_time)
        if touch is None:
            return None
        # Our own quote may stand before the others' touch: who takes that has gone nowhere beyond it.
        beyond = max(0, trade.price - touch.ask if taker is BUY else touch.bid - trade.price)
        if self._order != (venue_time, taker):
            self._order, self._beyond = (venue_time, taker), beyond
            return 1, beyond, touch.ask - touch.bid
        further = max(0, beyond - self._beyond)
        self._beyond += further
        return 0, further, 0

    def lost(self) -> None:
        """The feed is gone."""
        self._last.lost()
        self._order = None


class _Arrivals(Signal):
    """Adds up the market orders in the window, and makes A and k of them."""

    __slots__ = ("_arrivals_min", "_number", "_orders", "_tick", "_window")

    def __init__(
        self, instrument: Instrument, window_s: float, arrivals_min: int, number: Callable[[Intensity], float]
    ) -> None:
        self._tick = instrument.tick_float
        self._arrivals_min = arrivals_min
        self._number = number
        self._window = Window(round(window_s * SECOND_NS), sums=3)
        self._orders = MarketOrders()

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        self._window.watch(venue_time)
        self._orders.saw_touch(touch, venue_time)

    def saw_trade(self, trade: TradePrinted) -> None:
        added = self._orders.saw_trade(trade)
        if added is not None:
            self._window.reach(trade.venue_time)
            self._window.add(*added)

    def lost(self) -> None:
        self._window.lose()
        self._orders.lost()

    def value(self, venue_time: int) -> float | None:
        window = self._window
        window.reach(venue_time)
        arrivals, beyond, spreads, _ = window.totals
        if arrivals < self._arrivals_min:
            return None
        tick, half_spread = self._tick, spreads * self._tick / (2 * arrivals)
        found = most_likely(arrivals, beyond * tick, half_spread, window.watched_ns / SECOND_NS, tick)
        return None if found is None else self._number(found)

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)
