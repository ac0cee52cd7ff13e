"""What a course of P&L and of inventory says: drawdown, Sharpe ratio, half-life. Pure sums, fed in order of time.

Statistics are doubles, money is exact. A number that rests on too little is refused, with the reason.
"""

from collections import defaultdict
from decimal import Decimal
from math import fsum, log, sqrt

import msgspec

from replenisher.model.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

ZERO = Decimal(0)
YEAR_NS = 365 * DAY_NS  # these markets know no weekend
SAMPLES_MIN = 30
INTERVALS_NS = (DAY_NS, HOUR_NS, MINUTE_NS)  # the longest one of which there are enough samples is taken


class Sharpe(msgspec.Struct, frozen=True, kw_only=True):
    """Mean change of P&L over its standard deviation, for a year: `mean / sd * sqrt(intervals a year)`.

    No benchmark is subtracted, and a year has 365 days. An interval in which nothing moved is a sample like any other.
    """

    annualised: float | None
    interval_s: int | None  # of one sample
    samples: int
    refused: str = ""  # why there is no value


class HalfLife(msgspec.Struct, frozen=True, kw_only=True):
    """After how long half of an inventory is gone on average: `-ln 2 dt / ln(phi)`.

    phi is the slope of the inventory on what it was a second before (least squares with an intercept).
    """

    value_s: float | None
    samples: int  # seconds
    refused: str = ""


class Equity:
    """P&L as it comes, in one currency."""

    def __init__(self) -> None:
        self.drawdown = ZERO  # the deepest fall from a peak, never negative
        self._since: int | None = None
        self._until = 0
        self._before: list[tuple[int, int]] = []  # from when to when in earlier times
        self.level = self._peak = ZERO
        self._levels: list[tuple[int, Decimal]] = []  # the last one of each minute in which it moved, but the newest
        self._minute_ends = 0  # the newest one

    def move(self, at: int, change: Decimal) -> None:
        """It is so much more now."""
        if at >= self._minute_ends:
            self._begin_minute(at)
        self._until = at
        self.level = level = self.level + change
        if level > self._peak:
            self._peak = level
        elif (fall := self._peak - level) > self.drawdown:
            self.drawdown = fall

    def _begin_minute(self, at: int) -> None:
        if self.has_moved:
            self._levels.append((self._until // MINUTE_NS, self.level))
        if self._since is None:
            self._since = at
        self._minute_ends = (at // MINUTE_NS + 1) * MINUTE_NS

    def pause(self) -> None:
        """What came after the last move, until the next one, was no time of its own."""
        if self._since is not None:
            self._before.append((self._since, self._until))
            self._since, self._minute_ends = None, 0

    @property
    def has_moved(self) -> bool:
        """Whether anything was ever made or lost, be it nothing."""
        return bool(self._times)

    @property
    def span_ns(self) -> int:
        """From the first move to the last, of each time of its own."""
        return sum(until - since for since, until in self._times)

    @property
    def _times(self) -> list[tuple[int, int]]:
        return self._before if self._since is None else [*self._before, (self._since, self._until)]

    def sharpe(self) -> Sharpe:
        """Sampled by the day, the hour or the minute; the first and the last interval, which are not whole, count."""
        samples = 0
        for interval_ns in INTERVALS_NS:
            samples = self._samples(interval_ns)
            if samples >= SAMPLES_MIN:
                return self._sampled(interval_ns, samples)
        told = f"too short: {samples} of the {SAMPLES_MIN} minutes that it takes"
        return Sharpe(annualised=None, interval_s=None, samples=samples, refused=told)

    def _samples(self, interval_ns: int) -> int:
        """How many intervals have something of its time."""
        samples, following = 0, 0
        for since, until in self._times:
            first, following = max(since // interval_ns, following), until // interval_ns + 1
            samples += following - first
        return samples

    def _sampled(self, interval_ns: int, samples: int) -> Sharpe:
        changes: defaultdict[int, float] = defaultdict(float)
        before = ZERO
        for minute, level in (*self._levels, (self._until // MINUTE_NS, self.level)):
            changes[minute * MINUTE_NS // interval_ns] += float(level - before)
            before = level
        mean = fsum(changes.values()) / samples
        squares = fsum((change - mean) ** 2 for change in changes.values()) + (samples - len(changes)) * mean**2
        deviation = sqrt(squares / (samples - 1))
        return Sharpe(
            annualised=mean / deviation * sqrt(YEAR_NS / interval_ns) if deviation else None,
            interval_s=interval_ns // SECOND_NS,
            samples=samples,
            refused="" if deviation else "P&L moved alike in every sample",
        )


class Course:
    """How one strategy fared on one instrument, in the settlement currency."""

    def __init__(self) -> None:
        self.equity = Equity()
        self.holding = Holding()
        self.fills = 0
        self.turnover_quote = ZERO
        self.without_fees_in = set[str]()  # currencies for which there is no price

    def count_from_now(self) -> None:
        """Nothing is left of what was but what accrued of an inventory."""
        self.equity, self.holding = Equity(), Holding(self.holding.held_s)
        self.fills, self.turnover_quote = 0, ZERO
        self.without_fees_in.clear()

    def leave(self, at: int) -> None:
        """Another configuration is in force from now."""
        self.holding.leave(at)

    def come_back(self) -> None:
        """It is in force again; what was between is no time of its own."""
        self.equity.pause()

    def trade(self, at: int, gained: Decimal, notional_quote: Decimal) -> None:
        """One fill, and what it gained at once."""
        self.fills += 1
        self.turnover_quote += notional_quote
        self.equity.move(at, gained)


class Holding:
    """An inventory over time: what was held is looked at at the full second."""

    def __init__(self, held_s: float = 0.0) -> None:
        self.held_s = held_s  # amount times seconds, until the last one that was looked at
        self._size = ZERO
        self._second: int | None = None  # the last one that was looked at
        self._second_ends = 0
        self._before: float | None = None  # what was held at the second before
        self._pairs = 0
        self._x = self._y = self._xx = self._xy = 0.0

    def hold(self, at: int, size: Decimal) -> None:
        """So much is held from now on."""
        if at >= self._second_ends:
            self.pass_until(at)
        self._size = size

    def pass_until(self, at: int) -> None:
        """Nothing has changed until now."""
        second = at // SECOND_NS
        if second == self._second:
            return
        if self._second is not None and second > self._second:
            self._see(second - self._second)
        self._second, self._second_ends = second, (second + 1) * SECOND_NS

    def leave(self, at: int) -> None:
        """What is held from now on is not looked at, until something is held again."""
        if self._second is not None:
            self.pass_until(at)
            self._second = self._before = None
            self._second_ends = 0

    def _see(self, seconds: int) -> None:
        """The same inventory at so many full seconds."""
        size, before = float(self._size), self._before
        self.held_s += size * seconds
        if before is not None:
            self._pairs += 1
            self._x += before
            self._y += size
            self._xx += before * before
            self._xy += before * size
        if seconds > 1:
            self._stay(size, seconds - 1)
        self._before = size

    def _stay(self, size: float, times: int) -> None:
        """So many pairs of the same inventory."""
        self._pairs += times
        self._x += size * times
        self._y += size * times
        self._xx += size * size * times
        self._xy += size * size * times

    def half_life(self) -> HalfLife:
        """As far as it can be told."""
        pairs = self._pairs
        if pairs < SAMPLES_MIN:
            told = f"too short: {pairs} of the {SAMPLES_MIN} seconds that it takes"
            return HalfLife(value_s=None, samples=pairs, refused=told)
        variance = self._xx - self._x * self._x / pairs
        if variance <= 0:
            return HalfLife(value_s=None, samples=pairs, refused="the inventory never changed")
        phi = (self._xy - self._x * self._y / pairs) / variance
        if phi >= 1:
            return HalfLife(value_s=None, samples=pairs, refused=f"it does not come back: phi is {phi:.6f}")
        if phi <= 0:
            return HalfLife(value_s=None, samples=pairs, refused=f"it turns within a second: phi is {phi:.6f}")
        return HalfLife(value_s=-log(2) / log(phi), samples=pairs)
