"""Calibration: what a recorded market tells about the numbers that models of it need.

It is told the facts of a tape in their order, through the same book and the same machines that a daemon has. So what is
found is what a daemon would have found, had it watched all the time.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import count

import msgspec

from replenisher.core.book import Book, Touch
from replenisher.core.signals.intensity import (
    ARRIVALS_MIN,
    Intensity,
    MarketOrders,
    decay_error,
    least_squares,
    most_likely,
    rate_error,
)
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.signals.volatility import BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.errors import ConfigurationError
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS
from replenisher.report.impact import Bars, Impact, impact
from replenisher.report.microprice import TooStill, estimate, quantile_edges
from replenisher.store.tape.venue_order import MarketFact

LINE_POINTS_MAX = 70  # the line is fitted to the depths nearest to the touch: behind them single arrivals decide
APART = 1.5  # by this factor two estimates of one number differ too much to believe in the law behind both
VISITS_MIN = 50  # of a state of the micro-price on average; fewer tell little of it


class Estimate(msgspec.Struct, frozen=True):
    """A number, and its standard error."""

    value: float
    error: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. Prices are in price units, time is in seconds."""

    seconds: float  # in which the book could be trusted
    touches: int
    trades: int
    market_orders: int
    rate: Estimate  # A, 1/second
    decay: Estimate  # k, 1/price
    line: Intensity | None  # both by least squares; None if the arrivals reached too few depths
    contradiction: str  # how far that is from them, where it is too far to believe in A and k; else empty
    volatility: float | None  # price / sqrt(second), sampled once a second
    bipower: float | None
    two_scale: float | None
    impact: Impact | None  # of takers; None if too few bars of trading were seen
    microprice: StoikovTable | None
    why_no_microprice: str  # empty where there is one


class Calibrator:
    """Sees one market from beginning to end."""

    def __init__(self, instrument: Instrument, window_s: float) -> None:
        """`window_s` is at least as long as all that it will see."""
        self._tick, self._lot = instrument.tick_float, float(instrument.lot)
        self._book = Book()
        self._touches: list[Touch] = []
        self._touch: Touch | None = None
        self._seen_at = 0
        self._watched_ns = 0
        self._trades = 0
        self._orders = MarketOrders()
        self._beyond: list[int] = []  # of each market order, in ticks
        self._spreads = 0  # that they met, in ticks
        self._bars = Bars()
        self._volatility, self._bipower, self._two_scale = self._machines = tuple(
            spec.start(instrument)
            for spec in (
                Volatility(window_s=2 * window_s),
                BipowerVolatility(window_s=2 * window_s),
                TwoScaleVolatility(window_s=2 * window_s),
            )
        )

    def saw(self, fact: MarketFact, venue_time: int) -> None:
        """One fact of the tape."""
        if self._touch is not None and venue_time > self._seen_at:
            self._watched_ns += venue_time - self._seen_at
        self._seen_at = max(self._seen_at, venue_time)
        match fact:
            case TradePrinted():
                self._saw_trade(fact)
            case BookSnapshot():
                self._book.replace(fact.bids, fact.asks, venue_time, venue_time)
                self._look(venue_time)
            case BookChanged():
                self._book.change(fact.bids, fact.asks, venue_time, venue_time)
                self._look(venue_time)
            case FeedLost():
                self._book.lose(fact.reason)
                self._lose()
            case _:
                pass

    def found(self, buckets: int) -> Calibration:
        """What all of it tells, or the sentence that says why it does not; the table has so many buckets.

        One without a table of the micro-price tells the rest.
        """
        arrivals, beyond, seconds = len(self._beyond), sum(self._beyond), self._watched_ns / SECOND_NS
        if self._trades and not self._touches:
            raise ConfigurationError(
                f"it has {self._trades:,} trades and no book: how far they reach is measured from the touch"
            )
        if arrivals < ARRIVALS_MIN:
            raise ConfigurationError(
                f"{arrivals} market orders are too few to tell how often they come and how far they reach: "
                f"{ARRIVALS_MIN} are needed"
            )
        half_spread = self._spreads * self._tick / (2 * arrivals)
        intensity = most_likely(arrivals, beyond * self._tick, half_spread, self._tick, seconds)
        if intensity is None:
            raise ConfigurationError(
                f"none of {arrivals} market orders went beyond the touch: nothing tells how fast they get rarer there"
            )
        line = least_squares(_reaching(self._beyond), half_spread, seconds, self._tick)
        microprice, why_none = self._table(buckets)
        return Calibration(
            seconds=seconds,
            touches=len(self._touches),
            trades=self._trades,
            market_orders=arrivals,
            rate=Estimate(intensity.rate, rate_error(arrivals, intensity, half_spread, self._tick)),
            decay=Estimate(intensity.decay, decay_error(arrivals, intensity.decay, self._tick)),
            line=line,
            contradiction="" if line is None else _contradiction(intensity, line),
            volatility=self._volatility.value(self._seen_at),
            bipower=self._bipower.value(self._seen_at),
            two_scale=self._two_scale.value(self._seen_at),
            impact=impact(
                [lots * self._lot for lots in self._bars.bought], [move * self._tick for move in self._bars.moves]
            ),
            microprice=microprice,
            why_no_microprice=why_none,
        )

    def _table(self, buckets: int) -> tuple[StoikovTable | None, str]:
        """The micro-price, a row for each spread from a tick on at which the touch stood often enough; or why not."""
        needed = VISITS_MIN * buckets
        stood = Counter(touch.ask - touch.bid for touch in self._touches)
        rows = next(spread for spread in count() if stood[spread + 1] < needed)
        if not rows:
            return None, (
                f"{stood[1]} touches with a spread of one tick are too few for {buckets} buckets of the imbalance: "
                f"{needed} are needed"
            )
        narrow = [touch for touch in self._touches if touch.ask - touch.bid <= rows]
        try:
            return estimate(narrow, quantile_edges(narrow, buckets), rows), ""
        except TooStill as fault:
            return None, f"{fault}: with fewer buckets it may"

    def _saw_trade(self, trade: TradePrinted) -> None:
        self._trades += 1
        self._bars.saw_trade(trade)
        added = self._orders.saw_trade(trade)
        if added is None:
            return
        is_new, beyond, spread = added
        if is_new:
            self._beyond.append(beyond)
            self._spreads += spread
        else:
            self._beyond[-1] += beyond

    def _look(self, venue_time: int) -> None:
        """The touch may have changed; a book that is crossed or empty on one side is no book."""
        bids, asks = self._book.bids, self._book.asks
        if bids.best is None or asks.best is None or bids.best >= asks.best:
            self._lose()
            return
        touch = Touch(bids.best, bids.quantity(bids.best), asks.best, asks.quantity(asks.best))
        if touch == self._touch:
            return
        self._touch = touch
        self._touches.append(touch)
        self._orders.saw_touch(touch, venue_time)
        self._bars.saw_mid((touch.bid + touch.ask) / 2, venue_time)
        for machine in self._machines:
            machine.saw_touch(touch, venue_time)

    def _lose(self) -> None:
        self._touch = None
        self._orders.lost()
        self._bars.lost()
        for machine in self._machines:
            machine.lost()


def _contradiction(first: Intensity, second: Intensity) -> str:
    k = second.decay / first.decay
    return "" if 1 / APART < k < APART else f"k is {k:.2g} times the first, A {second.rate / first.rate:.2g} times"


def _reaching(beyond: Sequence[int]) -> list[int]:
    """How many went 0, 1, 2, ... ticks beyond the touch or further."""
    ended = [0] * LINE_POINTS_MAX
    for ticks in beyond:
        ended[min(ticks, LINE_POINTS_MAX - 1)] += 1
    reaching, left = [], len(beyond)
    for number in ended:
        reaching.append(left)
        left -= number
    return reaching
