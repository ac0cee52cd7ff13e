"""The arrival intensity: how often market orders come, and how deep into the book they reach.

lambda(d) = A exp(-k d) is the rate of market orders that execute at a distance d from the mid or further; A is in
1/second, k in 1/price: Avellaneda & Stoikov, "High-frequency trading in a limit order book", Quant. Finance 8 (2008).

All prints of one market order are one arrival, and its depth is that of the deepest: prints of one time and one side
that follow one another are one order's. It is measured against the touch before it came, whichever is told first.

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
from functools import partial
from math import exp, log, sqrt

import msgspec

from replenisher.core.book import Touch
from replenisher.core.signals.last_touch import LastTouch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.window import Window
from replenisher.model.event import TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.model.units import SECOND_NS

ARRIVALS_MIN = 50  # fewer tell k to worse than a seventh of itself


class Intensity(msgspec.Struct, frozen=True, gc=False):
    """A and k of one market."""

    rate: float  # A, 1/second
    decay: float  # k, 1/price


Number = Callable[[Intensity, Window], float]  # of A as if all had come within a second, and of the time they had


def most_likely(
    arrivals: int, beyond: float, half_spread: float, step: float, seconds: float = 1.0
) -> Intensity | None:
    """A and k of so many arrivals, which went `beyond` the touch by so much in all; None if none of them did.

    `beyond`, `half_spread` (the mean) and `step`, the smallest distance between prices, are in one unit, and so is 1/k.
    """
    if beyond <= 0:
        return None
    decay = log(1 + arrivals * step / beyond) / step
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
class ArrivalRate(SignalSpec):
    """A, market orders a second at the mid."""

    window_s: float
    arrivals_min: int = ARRIVALS_MIN

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Arrivals(instrument, self.window_s, self.arrivals_min, _rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalDecay(SignalSpec):
    """k, how fast market orders get rarer with the distance from the mid, in 1/price."""

    window_s: float
    arrivals_min: int = ARRIVALS_MIN

    @property
    def seen_by(self) -> SignalSpec:
        """What tells A tells k."""
        return ArrivalRate(window_s=self.window_s, arrivals_min=self.arrivals_min)

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Arrivals(instrument, self.window_s, self.arrivals_min, _decay)

    def read(self, machine: Signal) -> Callable[[int], float | None]:
        """The other number of the same arrivals."""
        assert isinstance(machine, _Arrivals), "A is told by arrivals"
        return partial(machine.told, _decay)


class MarketOrders:
    """Makes market orders of prints, and measures each against the touch that it met."""

    __slots__ = ("_beyond", "_came_at", "_last", "_met", "_taker")

    def __init__(self) -> None:
        self._last = LastTouch()
        # The order whose prints come at present: when, from which side, what it met, and how far it has gone.
        self._came_at = 0
        self._taker = BUY
        self._met: Touch | None = None
        self._beyond = 0

    @property
    def touch(self) -> Touch | None:
        """The others' best bid and ask, if they are known."""
        return self._last.touch

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        """The others' best bid and ask are these now."""
        self._last.saw_touch(touch, venue_time)

    def saw_trade(self, trade: TradePrinted) -> tuple[int, int, int] | None:
        """What a print adds, if anything: an order or none, ticks beyond the touch, and ticks of spread that it met."""
        venue_time, taker = trade.venue_time, trade.taker
        is_new = venue_time != self._came_at or taker is not self._taker
        if is_new:
            self._came_at, self._taker, self._beyond = venue_time, taker, 0
            self._met = self._last.before(venue_time)
        met = self._met
        if met is None:
            return None
        further = (trade.price - met.ask if taker is BUY else met.bid - trade.price) - self._beyond
        # Our own quote may stand before the others' touch: who takes that has gone nowhere beyond it.
        if further > 0:
            self._beyond += further
        else:
            further = 0
        if is_new:
            return 1, further, met.ask - met.bid
        return (0, further, 0) if further else None

    def lost(self) -> None:
        """The feed is gone."""
        self._last.lost()
        self._came_at = 0


class _Arrivals(Signal):
    """Adds up the market orders in the window, and makes A and k of them."""

    __slots__ = ("_arrivals_min", "_found", "_instrument", "_known", "_number", "_orders", "_tick", "_window")

    def __init__(self, instrument: Instrument, window_s: float, arrivals_min: int, number: Number) -> None:
        self._instrument = instrument
        self._tick = instrument.tick_float
        self._arrivals_min = arrivals_min
        self._number = number
        self._window = Window(round(window_s * SECOND_NS), sums=3)
        self._orders = MarketOrders()
        self._known = (0, 0, 0)  # the sums for which the intensity was last worked out
        self._found: Intensity | None = None

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
        return self.told(self._number, venue_time)

    def told(self, number: Number, venue_time: int) -> float | None:
        """One of the numbers that the arrivals in the window tell; None if they are too few."""
        window = self._window
        window.reach(venue_time)
        arrivals, beyond, spreads, _ = window.totals
        if (arrivals, beyond, spreads) != self._known:
            self._known = (arrivals, beyond, spreads)
            self._found = self._worked_out(arrivals, beyond, spreads)
        return None if self._found is None else number(self._found, window)

    def _worked_out(self, arrivals: int, beyond: int, spreads: int) -> Intensity | None:
        if arrivals < self._arrivals_min or not self._window.watched_ns:
            return None
        tick = self._tick
        return most_likely(arrivals, beyond * tick, spreads * tick / (2 * arrivals), self._step())

    def _step(self) -> float:
        """The step of prices in force: where it is coarser than a tick, orders go further by as much at a time."""
        instrument, touch = self._instrument, self._orders.touch
        if touch is None or len(instrument.tick_steps) == 1:
            return self._tick
        return float(instrument.tick_at(instrument.price(touch.bid)))

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)


def _rate(found: Intensity, window: Window) -> float:
    return found.rate * SECOND_NS / window.watched_ns


def _decay(found: Intensity, window: Window) -> float:
    return found.decay
