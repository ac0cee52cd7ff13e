"""How long the book of the zero-intelligence market shows which spread and how much depth, beside what it should show.

The law is that of the model of R. Cont, S. Stoikov and R. Talreja (Operations Research 58(3), 2010) with the paper's
rates and a book of 20 levels, from an independent simulation of 160,000 minutes with standard errors below 0.0003 for
the shares and 0.0009 for the mean spread. Depth at `i` ticks is what rests `i` ticks from the best price of the other
side, over both sides. Everything is weighted by time and measured on what the market tells the public.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import sqrt
from random import Random
from statistics import fmean, stdev
from typing import NamedTuple

from replenisher.exchange.flow import NANOSECONDS, SyntheticSettings
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

SHARES = (0.7423, 0.1874, 0.0506, 0.0142, 0.0039)  # of time at a spread of 1, 2, ... ticks
SHARE_ERROR = 0.0003
MEAN_SPREAD = 1.3553  # ticks
DEPTHS = (1.581, 1.636, 1.576, 1.569, 1.589, 1.556, 1.475, 1.392)  # lots at 1, 2, ... ticks
LAW = {
    "mean spread": MEAN_SPREAD,
    **{f"spread {ticks}": share for ticks, share in enumerate(SHARES, 1)},
    **{f"depth {ticks}": lots for ticks, lots in enumerate(DEPTHS, 1)},
}
BLOCK_MINUTES = 500  # far longer than the book remembers, so that blocks are independent
START = 1_700_000_000 * NANOSECONDS

# The model of the paper and nothing else: orders of one lot on the instrument's own grid, nobody informed, one of the
# model's minutes in a second of ours.
ZERO_INTELLIGENCE = SyntheticSettings(
    step_ticks=1,
    levels=20,
    minutes_per_second=1.0,
    maker_lots=(1, 1),
    taker_lots=(1, 1),
    informed_share=0.0,
    jumps_per_minute=0.0,
)


class Figure(NamedTuple):
    """One figure of the law: what it should be, what was measured, and the standard error of that."""

    name: str
    expected: float
    measured: float
    error: float

    @property
    def deviation(self) -> float:
        """Relative to what it should be."""
        return self.measured / self.expected - 1

    def holds(self, tolerance: float) -> bool:
        """Whether it is within `tolerance` (relative).

        A wide spread is so rare that no number of minutes we can afford tells its share that exactly; there the law
        holds as long as chance explains the rest, at three standard errors of both simulations together.
        """
        if abs(self.deviation) <= tolerance:
            return True
        chance = 3 * sqrt(self.error**2 + SHARE_ERROR**2)
        return self.name.startswith("spread") and abs(self.measured - self.expected) <= chance

    def __str__(self) -> str:
        return f"{self.name:12} {self.expected:8.4f} {self.measured:9.4f} {self.error:8.4f} {self.deviation:+9.2%}"


def table(figures: Sequence[Figure], tolerance: float) -> list[str]:
    """Every figure on a line, and how it holds; a share that holds by its standard errors alone says so."""
    lines = [f"{'':12} {'law':>8} {'measured':>9} {'s.e.':>8} {'deviation':>9}  holds within {tolerance:.0%}"]
    for figure in figures:
        chance = "no, but within three standard errors" if figure.holds(tolerance) else "no"
        lines.append(f"{figure}  {'yes' if abs(figure.deviation) <= tolerance else chance}")
    return lines


def measure(
    instrument: Instrument, seed: int, minutes: int, progress: Callable[[int], None] = lambda _: None
) -> list[Figure]:
    """Every figure of the law over so many minutes; `progress` is told how many of them have passed."""
    market = SyntheticMarket(instrument, ZERO_INTELLIGENCE, Random(seed), START)
    shown = {(level.side, level.price): level.quantity for level in market.depth()}
    blocks: dict[str, list[float]] = {name: [] for name in LAW}
    for passed in range(BLOCK_MINUTES, minutes + 1, BLOCK_MINUTES):
        weights = _one_block(market, shown, START + passed * NANOSECONDS)
        total = weights.pop("")
        for name in LAW:
            blocks[name].append(weights[name] / total)
        progress(passed)
    return [
        Figure(name, expected, fmean(blocks[name]), stdev(blocks[name]) / sqrt(len(blocks[name])))
        for name, expected in LAW.items()
    ]


def _one_block(market: SyntheticMarket, shown: dict[tuple[Side, int], int], end: int) -> Counter[str]:
    """Each figure times how long the book looked that way, summed; under the empty name, how long that was."""
    weights: Counter[str] = Counter()
    names = [(ticks, f"depth {ticks}") for ticks in range(1, len(DEPTHS) + 1)]
    at = market.next_at or end
    while at < end:
        for happening in market.advance(at):
            shown.update({(level.side, level.price): level.quantity for level in happening.levels})
        bid, ask, next_at = market.best(Side.BUY), market.best(Side.SELL), market.next_at
        assert bid is not None and ask is not None and next_at is not None, "the book has died"
        lasted = next_at - at
        weights[""] += lasted
        weights["mean spread"] += lasted * (ask - bid)
        weights[f"spread {ask - bid}"] += lasted
        for ticks, name in names:
            weights[name] += (
                lasted * (shown.get((Side.SELL, bid + ticks), 0) + shown.get((Side.BUY, ask - ticks), 0)) / 2
            )
        at = next_at
    return weights
