"""Volatility from ranges: the worked bar, days that diffuse, and the same arithmetic done in one go."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.ranges import (
    BARS_MIN,
    GarmanKlassVolatility,
    ParkinsonVolatility,
    RogersSatchellVolatility,
)
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import PLAIN, WALKS, finer, walked

FINE = 10**8  # ticks in a unit of the logarithm of the price, so that rounding changes nothing
DAYS, SAMPLES = 2_000, 4_680


def variance_of_bars(by: type, bars: Sequence[Sequence[float]]) -> float:
    """The mean variance of bars, each of these places of the mid, evenly spaced from its open to its close."""
    length = len(bars[0]) - 1
    machine = by(window_s=2.0 * len(bars) * length, bar_s=length).start(finer(f"{1 / FINE:.8f}"))
    places = [bars[0][0], *(place for bar in bars for place in bar[1:])]
    for second, place in enumerate(places, start=length):
        ticks = round(place * FINE)
        machine.saw_touch(Touch(ticks - 1, 1, ticks + 1, 1), second * SECOND_NS)
    volatility = machine.value((length + len(places) - 1) * SECOND_NS + 1)
    assert volatility is not None
    return volatility**2 * length


@pytest.mark.parametrize(
    ("by", "variance", "volatility"),
    [
        (ParkinsonVolatility, 5.658552e-4, 0.0237877),
        (GarmanKlassVolatility, 7.461953e-4, 0.0273166),
        (RogersSatchellVolatility, 7.806163e-4, 0.0279395),
    ],
)
def test_the_bar_that_opens_at_100_ranges_from_99_to_103_and_closes_at_101(
    by: type, variance: float, volatility: float
) -> None:
    bar = [log(price / 100) for price in (100, 103, 99, 101)]
    bars = [[place + bar[-1] * number for place in bar] for number in range(BARS_MIN)]

    found = variance_of_bars(by, bars)

    assert found == pytest.approx(variance, rel=1e-6)
    assert sqrt(found) == pytest.approx(volatility, rel=3e-6)


def test_over_two_thousand_days_each_is_as_good_as_what_it_sees() -> None:
    moves = np.random.default_rng(7).normal(0, 1 / sqrt(SAMPLES), (DAYS, SAMPLES))
    paths = np.concatenate([np.zeros((DAYS, 1)), np.cumsum(moves, axis=1)], axis=1)
    high, low, close = paths.max(axis=1), paths.min(axis=1), paths[:, -1]
    each = {
        ParkinsonVolatility: (high - low) ** 2 / (4 * log(2)),
        GarmanKlassVolatility: 0.5 * (high - low) ** 2 - (2 * log(2) - 1) * close**2,
        RogersSatchellVolatility: (high - close) * high + (low - close) * low,
    }

    # Measured elsewhere on as many days, with these errors: from so many looks a day ranges are 1 to 2 % short.
    for by, mean, error in (
        (ParkinsonVolatility, 1.000, 0.014),
        (GarmanKlassVolatility, 0.987, 0.011),
        (RogersSatchellVolatility, 0.983, 0.013),
    ):
        assert each[by].std() / sqrt(DAYS) == pytest.approx(error, abs=0.0015)
        assert each[by].mean() == pytest.approx(mean, abs=3 * sqrt(2) * error)
        # The machine says of some days what these say of all.
        shift = np.concatenate([[0.0], np.cumsum(close[: BARS_MIN - 1])])
        days = [(paths[day] + shift[day]).tolist() for day in range(BARS_MIN)]
        assert variance_of_bars(by, days) == pytest.approx(each[by][:BARS_MIN].mean(), rel=1e-4)


def test_a_price_that_drifts_fools_all_but_one() -> None:
    rising = [[float(place + 30 * number) / FINE for place in range(0, 31, 10)] for number in range(BARS_MIN)]

    assert variance_of_bars(RogersSatchellVolatility, rising) == 0
    assert variance_of_bars(ParkinsonVolatility, rising) > 0


@pytest.mark.parametrize("by", [ParkinsonVolatility, GarmanKlassVolatility, RogersSatchellVolatility])
@settings(deadline=None)
@given(walk=WALKS, later_ms=st.integers(0, 5_000))
def test_streaming_says_what_the_bars_of_the_window_say_in_one_go(
    by: type, walk: list[tuple[int, int]], later_ms: int
) -> None:
    machine = by(window_s=40, bar_s=2).start(PLAIN)
    times, mids = walked(machine, walk)
    now = times[-1] + later_ms * MS_NS

    found = machine.value(now)

    bar, buckets = 2 * SECOND_NS, 20
    ends = list(range(-(-times[0] // bar) * bar, now, bar))
    total, bars = 0.0, 0
    for begin, end in pairwise(ends):
        if end <= ends[-1] - buckets * bar:
            continue
        opened, closed = (bisect_right(times, at) - 1 for at in (begin, end))
        seen = mids[opened : closed + 1]
        high, low, first, last = max(seen), min(seen), seen[0], seen[-1]
        bars += 1
        total += {
            ParkinsonVolatility: (high - low) ** 2 / (4 * log(2)),
            GarmanKlassVolatility: 0.5 * (high - low) ** 2 - (2 * log(2) - 1) * (last - first) ** 2,
            RogersSatchellVolatility: (high - last) * (high - first) + (low - last) * (low - first),
        }[by]
    if bars < BARS_MIN:
        assert found is None
    else:
        assert found == pytest.approx(sqrt(max(0.0, total) / bars / 2) / 2, rel=1e-9, abs=1e-9)
