"""What takers paid: the effective spread, and how much of it makers kept, both in price units.

    effective = 2 d (p - m)      of a trade at p, when the mid was m; d is +1 if the taker bought, -1 if it sold
    realized  = 2 d (p - m')     with the mid m' a while later

The effective spread is the realized one plus what the trade moved the price: Huang & Stoll, "Dealer versus auction
markets", J. Fin. Economics 41 (1996). Both are means over the window, weighted by quantity.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from replenisher.core.book import Touch
from replenisher.core.signals.last_touch import LastTouch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.window import Window
from replenisher.model.event import TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS

HORIZON_STEPS = 100  # the later mid is read at most a hundredth of the horizon late


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSpread(SignalSpec):
    """What takers paid for both ways, against the mid that they met."""

    window_s: float

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Effective(instrument, self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealizedSpread(SignalSpec):
    """What makers had left of it a while later; the window counts from then."""

    window_s: float
    horizon_s: float

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Realized(instrument, self.window_s, self.horizon_s)


class _Effective(Signal):
    """Weighs each trade against the touch that it met."""

    __slots__ = ("_last", "_tick", "_window")

    def __init__(self, instrument: Instrument, window_s: float) -> None:
        self._tick = instrument.tick_float
        self._window = Window(round(window_s * SECOND_NS), sums=2)  # lots x ticks paid, and lots
        self._last = LastTouch()

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        self._last.saw_touch(touch, venue_time)

    def saw_trade(self, trade: TradePrinted) -> None:
        touch = self._last.before(trade.venue_time)
        if touch is not None:
            paid = trade.taker.sign * (2 * trade.price - touch.bid - touch.ask)
            self._window.reach(trade.venue_time)
            self._window.add(paid * trade.quantity, trade.quantity)

    def lost(self) -> None:
        self._last.lost()

    def value(self, venue_time: int) -> float | None:
        return _mean(self._window, venue_time, self._tick)

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)


class _Realized(Signal):
    """Keeps trades until their mid is there, those that fall due together in one sum."""

    __slots__ = ("_horizon_ns", "_mid", "_step_ns", "_tick", "_waiting", "_window")

    def __init__(self, instrument: Instrument, window_s: float, horizon_s: float) -> None:
        self._tick = instrument.tick_float
        self._window = Window(round(window_s * SECOND_NS), sums=2)  # lots x ticks kept, and lots
        self._horizon_ns = round(horizon_s * SECOND_NS)
        self._step_ns = max(1, self._horizon_ns // HORIZON_STEPS)
        self._waiting: deque[_Due] = deque()  # the first to fall due first
        self._mid: int | None = None  # in half ticks

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        self._settle(venue_time)
        self._mid = touch.bid + touch.ask

    def saw_trade(self, trade: TradePrinted) -> None:
        self._settle(trade.venue_time)
        at = -(-(trade.venue_time + self._horizon_ns) // self._step_ns) * self._step_ns
        if not self._waiting or self._waiting[-1].at < at:
            self._waiting.append(_Due(at))
        due, bought = self._waiting[-1], trade.taker.sign * trade.quantity
        due.paid += 2 * bought * trade.price
        due.bought += bought
        due.lots += trade.quantity

    def lost(self) -> None:
        self._waiting.clear()
        self._mid = None

    def value(self, venue_time: int) -> float | None:
        self._settle(venue_time)
        return _mean(self._window, venue_time, self._tick)

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)

    def _settle(self, venue_time: int) -> None:
        """What fell due before this time is settled with the mid that was in force until then."""
        while self._waiting and self._waiting[0].at < venue_time:
            due = self._waiting.popleft()
            if self._mid is not None:
                self._window.reach(due.at)
                self._window.add(due.paid - due.bought * self._mid, due.lots)


class _Due:
    """The trades that fall due together."""

    __slots__ = ("at", "bought", "lots", "paid")

    def __init__(self, at: int) -> None:
        self.at = at
        self.paid = 0  # by buyers less by sellers: twice lots x ticks
        self.bought = 0  # less sold: lots
        self.lots = 0


def _mean(window: Window, venue_time: int, tick: float) -> float | None:
    window.reach(venue_time)
    paid, lots, _ = window.totals
    return paid * tick / lots if lots else None
