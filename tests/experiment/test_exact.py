"""Dynamic programming gives what others have computed, what a closed form says, and what the paper scatters around."""

from math import exp, sqrt

import pytest

from replenisher.experiment.exact import Exact, Moments, Quoter, distances_of, exact, mean_spread
from replenisher.experiment.world import FillModel, World
from tests.experiment.given import PAPER, TRUTHS, Truth, paper

LINEAR, POISSON = FillModel.LINEAR, FillModel.POISSON


def found(gamma: float, quoter: Quoter, model: FillModel = LINEAR) -> Exact:
    world = World(gamma=gamma)
    return exact(world, model, distances_of(quoter, world))


@pytest.mark.parametrize(("gamma", "quoter"), TRUTHS)
def test_the_moments_are_the_true_ones(gamma: float, quoter: Quoter) -> None:
    truth, ours = TRUTHS[gamma, quoter], found(gamma, quoter)

    assert ours.moments == pytest.approx(truth.moments, abs=1e-3)
    assert ours.spread == pytest.approx(truth.spread, abs=1e-6)


@pytest.mark.parametrize(
    ("gamma", "quoter", "profit", "profit_sd", "inventory_sd", "fills"),
    [
        (0.1, Quoter.INVENTORY, 57.172, 6.362, 2.995, 85.538),
        (0.1, Quoter.SYMMETRIC, 60.985, 12.920, 8.065, None),
        (0.1, Quoter.GLFT, 59.532, 7.186, 2.398, 91.20),
        (0.01, Quoter.INVENTORY, 60.342, None, None, None),
        (0.01, Quoter.SYMMETRIC, 60.625, None, None, None),
        (0.5, Quoter.INVENTORY, 42.885, None, None, None),
        (1.0, Quoter.INVENTORY, 28.240, None, None, None),
        (1.0, Quoter.SYMMETRIC, 42.149, None, None, None),
    ],
)
def test_takers_who_come_one_by_one_fill_less(
    gamma: float,
    quoter: Quoter,
    profit: float,
    profit_sd: float | None,
    inventory_sd: float | None,
    fills: float | None,
) -> None:
    ours = found(gamma, quoter, POISSON)

    numbers = (ours.moments.profit, ours.moments.profit_sd, ours.moments.inventory_sd, ours.fills)
    for number, true in zip(numbers, (profit, profit_sd, inventory_sd, fills), strict=True):
        assert true is None or number == pytest.approx(true, abs=5e-3 if true == fills else 1e-3)


@pytest.mark.parametrize("gamma", [0.1, 0.01, 0.5, 1.0])
def test_the_symmetric_quoter_has_a_closed_form(gamma: float) -> None:
    world, ours = World(gamma=gamma), found(gamma, Quoter.SYMMETRIC)
    steps, distance = world.steps, mean_spread(world) / 2
    chance = world.a * exp(-world.k * distance) * world.dt_s
    carried = world.sigma**2 * world.dt_s * 2 * chance * (1 - chance) * steps * (steps + 1) / 2

    assert ours.moments == pytest.approx(
        Moments(
            profit=2 * steps * chance * distance,
            profit_sd=sqrt(distance**2 * 2 * steps * chance * (1 - chance) + carried),
            inventory=0,
            inventory_sd=sqrt(2 * steps * chance * (1 - chance)),
        ),
        rel=1e-9,
        abs=1e-9,
    )
    assert ours.fills == pytest.approx(2 * steps * chance)


def test_profit_splits_into_what_quotes_capture_and_what_inventory_brings() -> None:
    leaning, symmetric = found(0.1, Quoter.INVENTORY), found(0.1, Quoter.SYMMETRIC)

    assert (leaning.capture_sd, leaning.carry_sd) == pytest.approx((5.91465, 2.79816), abs=1e-5)
    assert (symmetric.capture_sd, symmetric.carry_sd) == pytest.approx((6.26502, 11.90827), abs=1e-5)
    for each in (leaning, symmetric):
        assert each.capture_sd**2 + each.carry_sd**2 == pytest.approx(each.moments.profit_sd**2)
    assert (leaning.inventory_abs, symmetric.inventory_abs) == pytest.approx((0.9858, 4.4692), abs=5e-5)
    assert symmetric.moments.profit / symmetric.fills == pytest.approx(0.745885, abs=1e-6)
    assert leaning.moments.profit / leaning.fills == pytest.approx(0.66925, abs=1e-5)


@pytest.mark.parametrize(
    ("gamma", "leaning", "symmetric"),
    [(0.1, 96.963, 91.465), (0.01, 102.206, 101.802), (0.5, 78.138, 55.589), (1.0, 56.059, 28.819)],
)
def test_fills(gamma: float, leaning: float, symmetric: float) -> None:
    assert found(gamma, Quoter.INVENTORY).fills == pytest.approx(leaning, abs=1e-3)
    assert found(gamma, Quoter.SYMMETRIC).fills == pytest.approx(symmetric, abs=1e-3)


def test_who_never_stops_earns_more_for_a_little_more_risk() -> None:
    glft = found(0.1, Quoter.GLFT)

    assert glft.moments == pytest.approx(Moments(67.729, 7.175, 0, 2.196), abs=1e-3)
    assert (glft.fills, glft.inventory_abs) == (pytest.approx(103.70, abs=5e-3), pytest.approx(1.659, abs=1e-3))


def test_no_distance_is_too_far_for_the_chance_of_a_fill() -> None:
    import numpy as np

    world, distances = World(gamma=1), np.array([-1e6, -10.0, 0.0, 10.0, 1e6])

    linear, poisson = (world.fill_chance(model, distances) for model in (LINEAR, POISSON))

    assert linear == pytest.approx([1, 1, 0.7, 0.7 * exp(-15), 0])
    assert poisson == pytest.approx([1, 1, 1 - exp(-0.7), 1 - exp(-0.7 * exp(-15)), 0])


# --- The paper -----------------------------------------------------------------------------------------------------


def test_the_paper_prints_six_quoters_of_a_thousand_paths() -> None:
    assert paper().paths == 1_000
    assert set(PAPER) == {
        (gamma, quoter) for gamma in (0.1, 0.01, 1.0) for quoter in (Quoter.INVENTORY, Quoter.SYMMETRIC)
    }


@pytest.mark.parametrize("number", Moments._fields)
@pytest.mark.parametrize(("gamma", "quoter"), PAPER)
def test_every_published_number_is_one_that_a_thousand_paths_give(gamma: float, quoter: Quoter, number: str) -> None:
    truth: Truth = TRUTHS[gamma, quoter]
    true, band = getattr(found(gamma, quoter).moments, number), getattr(truth.band_1000, number)

    assert abs(getattr(PAPER[gamma, quoter].moments, number) - true) <= band


@pytest.mark.parametrize(("gamma", "quoter"), PAPER)
def test_every_published_spread_is_ours(gamma: float, quoter: Quoter) -> None:
    assert PAPER[gamma, quoter].spread == pytest.approx(found(gamma, quoter).spread, abs=0.015)
