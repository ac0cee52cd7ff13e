"""Volatility of the mid, in price units a square root of a second; three estimators of one thing.

The mid is sampled on a grid of venue time, each sample being what was in force then, and its moves are added up over
the window. The moves are of the price, not of its logarithm: the models that quote with them are written so.

- `Volatility`, the realized one, from squared moves. Sampled too finely it measures how the book bounces.
- `BipowerVolatility`, from products of neighbouring moves: a jump has quiet neighbours, and hardly counts.
  Barndorff-Nielsen & Shephard, "Power and bipower variation with stochastic volatility and jumps", J. Fin. Econometrics
  2 (2004).
- `TwoScaleVolatility`, from moves over many samples, less the noise that moves over one sample show: the bounce
  cancels, so it may be sampled finely. Zhang, Mykland & Ait-Sahalia, "A tale of two time scales", JASA 100 (2005).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Protocol

from replenisher.core.book import Touch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.window import Window
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS

SAMPLES_MIN = 20  # fewer tell a volatility to worse than a sixth of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility(SignalSpec):
    """The realized volatility."""

    window_s: float
    sampling_s: float = 1.0

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Sampled(instrument, self.window_s, self.sampling_s, _Squares())


@dataclass(frozen=True, slots=True, kw_only=True)
class BipowerVolatility(SignalSpec):
    """The volatility without jumps."""

    window_s: float
    sampling_s: float = 1.0

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Sampled(instrument, self.window_s, self.sampling_s, _Neighbours())


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoScaleVolatility(SignalSpec):
    """The volatility without the bounce of the book, from moves over one and over `scale` samples."""

    window_s: float
    sampling_s: float = 0.1
    scale: int = 60

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Sampled(instrument, self.window_s, self.sampling_s, _TwoScales(self.scale))


class _Estimator(Protocol):
    """What becomes of the moves from sample to sample, all in half ticks, as a mid may lie between two ticks."""

    memory: int  # so many samples without a move, and further ones change nothing
    sums: int  # how many it keeps in the window

    def begin(self) -> None:
        """The next move starts from a first sample."""

    def moved(self, window: Window, move: int) -> None:
        """One more sample."""

    def variance(self, window: Window, moves: int) -> float | None:
        """The variance of so many moves; None as long as nothing tells it."""


class _Sampled(Signal):
    """Samples the mid and hands its moves to an estimator."""

    __slots__ = ("_estimator", "_half_tick", "_mid", "_next", "_sample", "_step_ns", "_value", "_window")

    def __init__(self, instrument: Instrument, window_s: float, sampling_s: float, estimator: _Estimator) -> None:
        self._half_tick = instrument.tick_float / 2
        self._step_ns = round(sampling_s * SECOND_NS)
        self._window = Window(round(window_s * SECOND_NS), estimator.sums, grain_ns=self._step_ns)
        self._estimator = estimator
        self._mid = 0  # in force, in half ticks
        self._sample: int | None = None  # the newest one; None before the first
        self._next: int | None = None  # when the next one is due; None while there is no mid
        self._value: float | None = None  # as of the newest sample

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        if self._next is None:
            self._next = -(-venue_time // self._step_ns) * self._step_ns
        elif venue_time > self._next:
            self._sample_before(venue_time)
        self._mid = touch.bid + touch.ask

    def lost(self) -> None:
        self._window.lose()
        self._sample = self._next = None

    def value(self, venue_time: int) -> float | None:
        if self._next is None:
            self._window.reach(venue_time)
            self._value = self._volatility()
        elif venue_time > self._next:
            self._sample_before(venue_time)
        return self._value

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)

    def _sample_before(self, venue_time: int) -> None:
        """Take the samples that were due before a time: the mid has been the same for all of them."""
        assert self._next is not None, "there is a mid"
        window, estimator, step_ns = self._window, self._estimator, self._step_ns
        samples = (venue_time - 1 - self._next) // step_ns + 1
        at, self._next = self._next, self._next + samples * step_ns
        if self._sample is None:
            window.watch(at)
            estimator.begin()
        else:
            window.reach(at)
            estimator.moved(window, self._mid - self._sample)
        self._sample = self._mid
        for again in range(1, min(samples - 1, estimator.memory) + 1):
            window.reach(at + again * step_ns)
            estimator.moved(window, 0)
        window.reach(self._next - step_ns)
        self._value = self._volatility()

    def _volatility(self) -> float | None:
        watched_ns = self._window.watched_ns
        moves = watched_ns // self._step_ns
        variance = self._estimator.variance(self._window, moves) if moves >= SAMPLES_MIN else None
        return None if variance is None else self._half_tick * sqrt(max(0.0, variance) * SECOND_NS / watched_ns)


class _Squares:
    """The realized variance: the sum of squared moves."""

    __slots__ = ()
    memory, sums = 0, 1

    def begin(self) -> None:
        pass

    def moved(self, window: Window, move: int) -> None:
        window.add(move * move)

    def variance(self, window: Window, moves: int) -> float | None:
        return window.totals[0]


class _Neighbours:
    """Bipower variation: (pi/2) times the sum of |move| * |move before|."""

    __slots__ = ("_before",)
    memory, sums = 1, 1

    def begin(self) -> None:
        self._before = 0

    def moved(self, window: Window, move: int) -> None:
        size = abs(move)
        window.add(size * self._before)
        self._before = size

    def variance(self, window: Window, moves: int) -> float | None:
        return pi / 2 * window.totals[0]


class _TwoScales:
    """(slow/K - m/(K n) fast) / (1 - m/(K n)), of n moves over one sample (fast) and m overlapping ones over K (slow).

    After the first K samples m is n - K + 1, as in the paper; in a window that has rolled each move is the end of a
    slow one, and m is n.
    """

    __slots__ = ("_place", "_places", "memory", "scale")
    sums = 3  # squares of fast moves, squares of slow ones, moves that end no slow one

    def __init__(self, scale: int) -> None:
        assert scale > 1, "two scales differ"
        self.scale = self.memory = scale

    def begin(self) -> None:
        self._place = 0
        self._places = deque([0], maxlen=self.scale)  # of the samples before the next one, oldest first

    def moved(self, window: Window, move: int) -> None:
        self._place += move
        if len(self._places) == self.scale:
            slow = self._place - self._places[0]
            window.add(move * move, slow * slow, 0)
        else:
            window.add(move * move, 0, 1)
        self._places.append(self._place)

    def variance(self, window: Window, moves: int) -> float | None:
        fast, slow, unpaired, _ = window.totals
        pairs = moves - unpaired
        if pairs < max(self.scale, SAMPLES_MIN):
            return None
        share = pairs / self.scale / moves
        return (slow / self.scale - share * fast) / (1 - share)
