"""The micro-price's table: the worked chain, solved and estimated from a path of it."""

import numpy as np
import pytest

from replenisher.core.book import Touch
from replenisher.report.microprice import TooStill, adjustments, estimate, quantile_edges
from tests.report.chain import FALLS, MOVES, STAYS, path

TICKS = (-1.0, 1.0)
EDGES = (0.25, 0.5, 0.75)


def mirrored(outer: float, inner: float) -> list[float]:
    return [outer, inner, -inner, -outer]


@pytest.mark.parametrize(
    ("rounds", "expected", "tolerance"),
    [
        (1, mirrored(-0.364029, -0.128633), 1e-6),
        (2, mirrored(-0.319591, -0.112931), 1e-6),
        (6, mirrored(-0.324424, -0.114639), 1e-6),
        (200, mirrored(-0.324426, -0.114639), 1e-6),
        (6, mirrored(-0.324426, -0.114639), 1e-5),
    ],
)
def test_the_worked_chain(rounds: int, expected: list[float], tolerance: float) -> None:
    assert adjustments(STAYS, MOVES, FALLS, TICKS, rounds) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("seed", [1, 2])
def test_estimated_from_two_hundred_thousand_steps_it_comes_back(seed: int) -> None:
    table = estimate(path(200_000, seed), EDGES, spreads=1)

    outer, inner, *upper = table.adjustments[0]
    assert outer == pytest.approx(-0.324424, abs=0.009)
    assert inner == pytest.approx(-0.114639, abs=0.005)
    assert upper == pytest.approx([-inner, -outer], abs=1e-12)


def test_a_recording_that_rises_does_not_teach_that_prices_rise() -> None:
    rising = [Touch(100 + n, 5, 101 + n, 5) for n in range(1_000)]

    assert estimate(rising, (0.4, 0.6), spreads=1).adjustments[0][1] == 0


def test_wide_touches_and_jumps_are_left_out() -> None:
    touches = path(20_000, 3)
    wide = [each for touch in touches for each in (touch, Touch(touch.bid - 1, 1, touch.ask + 1, 1))]
    far = [
        Touch(t.bid + 50 * (n // 5_000), t.bid_quantity, t.ask + 50 * (n // 5_000), t.ask_quantity)
        for n, t in enumerate(touches)
    ]

    assert estimate(wide, EDGES, spreads=1) == estimate(touches, EDGES, spreads=1)
    assert np.array(estimate(far, EDGES, spreads=1).adjustments) == pytest.approx(
        np.array(estimate(touches, EDGES, spreads=1).adjustments), abs=1e-3
    )


def test_each_spread_has_its_own_row_and_stays_inside_itself() -> None:
    touches = path(50_000, 4)
    both = [*touches, *(Touch(touch.bid - 1, touch.bid_quantity, touch.ask, touch.ask_quantity) for touch in touches)]

    table = estimate(both, EDGES, spreads=2)

    assert len(table.adjustments) == 2
    assert np.array(table.adjustments[1]) == pytest.approx(np.array(table.adjustments[0]), abs=1e-3)


def test_edges_are_quantiles_and_symmetric() -> None:
    chance = np.random.default_rng(1)
    touches = [Touch(100, int(bids), 101, int(asks)) for bids, asks in chance.integers(1, 1_000, (5_000, 2))]

    for buckets in (4, 5, 10):
        edges = quantile_edges(touches, buckets)

        assert len(edges) == buckets - 1
        assert [1 - edge for edge in reversed(edges)] == pytest.approx(list(edges))
        imbalance = np.array([touch.bid_quantity / (touch.bid_quantity + touch.ask_quantity) for touch in touches])
        shares = np.bincount(np.searchsorted(edges, imbalance), minlength=buckets) / len(touches)
        assert shares == pytest.approx(1 / buckets, abs=0.02)


def test_touches_that_are_all_alike_make_fewer_buckets() -> None:
    assert quantile_edges([Touch(100, 5, 101, 5)] * 10, 10) == (0.5,)


def test_a_mid_that_never_moves_has_no_table() -> None:
    with pytest.raises(TooStill, match="does not move on"):
        estimate([Touch(100, n % 7 + 1, 101, 3) for n in range(100)], EDGES, spreads=1)
