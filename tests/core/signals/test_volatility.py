"""Volatility: three estimators, held to what theory says of them and to the same arithmetic done in one go."""

from bisect import bisect_right
from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.signals.volatility import SAMPLES_MIN, BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import PLAIN, WALKS, finer, walked

DAYS, SAMPLES, SCALE = 2000, 4680, 60
DAILY, NOISE = 0.02, 0.0003
FINE = 10**8  # ticks in a unit of the simulated logarithm of the price, so that rounding is no noise of its own
STEP_S = 5.0


def days(number: int, noise: float, seed: int = 7) -> "np.ndarray":
    """Paths of a price that diffuses by 2 % a day, seen 4680 times through a noise of so much."""
    chance = np.random.default_rng(seed)
    moves = chance.normal(0, DAILY / sqrt(SAMPLES), (number, SAMPLES))
    paths = np.concatenate([np.zeros((number, 1)), np.cumsum(moves, axis=1)], axis=1)
    return paths + chance.normal(0, noise, paths.shape)


def two_scales(paths: "np.ndarray", scale: int) -> "np.ndarray":
    """The estimator of two scales as the paper writes it, a day a row."""
    n = paths.shape[1] - 1
    fast = (np.diff(paths, axis=1) ** 2).sum(axis=1)
    slow = ((paths[:, scale:] - paths[:, :-scale]) ** 2).sum(axis=1) / scale
    n_bar = (n - scale + 1) / scale
    return (slow - n_bar / n * fast) / (1 - n_bar / n)


def daily_variance(spec: SignalSpec, path: "np.ndarray", step_s: float = STEP_S) -> float:
    """The variance of one day as a machine sees it, in units of the true one."""
    machine = spec.start(finer("0.00000001"))
    step_ns = round(step_s * SECOND_NS)
    for number, price in enumerate(np.rint(path * FINE).astype(int).tolist(), start=1):
        machine.saw_touch(Touch(price - 1, 1, price + 1, 1), number * step_ns)
    volatility = machine.value(len(path) * step_ns + 1)
    assert volatility is not None
    return volatility**2 * (len(path) - 1) * step_s / DAILY**2


def test_over_two_thousand_noisy_days_the_plain_estimator_sees_the_noise_and_two_scales_do_not() -> None:
    paths = days(DAYS, NOISE)
    plain = (np.diff(paths, axis=1) ** 2).sum(axis=1) / DAILY**2
    sparse = (np.diff(paths[:, ::SCALE], axis=1) ** 2).sum(axis=1) / DAILY**2
    both = two_scales(paths, SCALE) / DAILY**2

    assert plain.mean() == pytest.approx(1 + 2 * SAMPLES * NOISE**2 / DAILY**2, abs=0.01)
    assert plain.mean() == pytest.approx(3.105, abs=0.01)
    assert sparse.mean() == pytest.approx(1.035, abs=0.015)
    assert 0.96 < both.mean() < 1.02
    assert both.std() == pytest.approx(0.132, abs=0.01)
    for day in range(4):  # the machines say of each day what these say of all
        path, window_s = paths[day], 1.1 * SAMPLES * STEP_S
        assert daily_variance(Volatility(window_s=window_s, sampling_s=STEP_S), path) == pytest.approx(
            plain[day], rel=1e-4
        )
        found = daily_variance(TwoScaleVolatility(window_s=window_s, sampling_s=STEP_S, scale=SCALE), path)
        assert found == pytest.approx(both[day], rel=1e-4)
        step_s = STEP_S * SCALE
        found = daily_variance(Volatility(window_s=window_s, sampling_s=step_s), path[::SCALE], step_s)
        assert found == pytest.approx(sparse[day], rel=1e-4)


def test_bipower_is_right_without_jumps_and_hardly_sees_one() -> None:
    paths = days(DAYS, 0)[:, ::SCALE]
    sizes = np.abs(np.diff(paths, axis=1))
    bipower = pi / 2 * (sizes[:, 1:] * sizes[:, :-1]).sum(axis=1) / DAILY**2
    step_s, jump = STEP_S * SCALE, np.where(np.arange(paths.shape[1]) > 40, DAILY, 0)
    window_s = 1.1 * SAMPLES * STEP_S

    assert bipower.mean() == pytest.approx(0.990, abs=0.015)
    for day in range(4):
        found = daily_variance(BipowerVolatility(window_s=window_s, sampling_s=step_s), paths[day], step_s)
        assert found == pytest.approx(bipower[day], rel=1e-4)
    calm, jumped = (
        [
            np.mean(
                [daily_variance(spec(window_s=window_s, sampling_s=step_s), path, step_s) for path in paths[:50] + at]
            )
            for spec in (Volatility, BipowerVolatility)
        ]
        for at in (0, jump)
    )
    assert jumped[0] - calm[0] == pytest.approx(1, abs=0.1), "a jump of one day's volatility doubles the variance"
    assert jumped[1] - calm[1] < 0.3


@pytest.mark.parametrize("kind", [Volatility, BipowerVolatility, TwoScaleVolatility])
@settings(deadline=None)
@given(walk=WALKS, later_ms=st.integers(0, 5_000))
def test_streaming_says_what_the_samples_of_the_window_say_in_one_go(
    kind: type, walk: list[tuple[int, int]], later_ms: int
) -> None:
    spec = kind(window_s=40, sampling_s=0.5, **({"scale": 3} if kind is TwoScaleVolatility else {}))
    machine = spec.start(PLAIN)
    times, mids = walked(machine, walk)
    now = times[-1] + later_ms * MS_NS

    found = machine.value(now)

    step, bucket, buckets = SECOND_NS // 2, SECOND_NS, 40  # a sixtieth of the window, as whole samples
    grid = range(-(-times[0] // step) * step, now, step)
    samples = [mids[bisect_right(times, at) - 1] for at in grid]
    newest = -(-grid[-1] // bucket) * bucket if grid else 0
    inside = [place for place, at in enumerate(grid) if at > newest - buckets * bucket and place > 0]
    moves = {place: samples[place] - samples[place - 1] for place in range(1, len(samples))}
    if len(inside) < SAMPLES_MIN:
        assert found is None
        return
    match spec:
        case Volatility():
            variance = sum(moves[place] ** 2 for place in inside)
        case BipowerVolatility():
            variance = pi / 2 * sum(abs(moves[place] * moves.get(place - 1, 0)) for place in inside)
        case TwoScaleVolatility():
            fast = sum(moves[place] ** 2 for place in inside)
            pairs = [samples[place] - samples[place - 3] for place in inside if place >= 3]
            if len(pairs) < SAMPLES_MIN:
                assert found is None
                return
            share = len(pairs) / 3 / len(inside)
            variance = (sum(each**2 for each in pairs) / 3 - share * fast) / (1 - share)
    assert found == pytest.approx(sqrt(max(0, variance) / len(inside) / 0.5) / 2, rel=1e-9, abs=1e-9)


def test_the_volatility_is_in_price_units_a_square_root_of_a_second() -> None:
    machine = Volatility(window_s=100, sampling_s=4).start(finer("0.5"))

    for number in range(1, 30):  # the mid is 3 ticks, 1.5 price units, higher or lower every 4 s
        price = 100 + 3 * (number % 2)
        machine.saw_touch(Touch(price, 1, price + 2, 1), number * 4 * SECOND_NS - 1)

    assert machine.value(29 * 4 * SECOND_NS) == pytest.approx(1.5 / sqrt(4))


def test_a_market_that_stands_still_has_no_volatility() -> None:
    machine = Volatility(window_s=60, sampling_s=1).start(PLAIN)

    machine.saw_touch(Touch(100, 1, 101, 1), SECOND_NS)

    assert machine.value(20 * SECOND_NS) is None
    assert machine.value(60 * SECOND_NS) == 0.0
