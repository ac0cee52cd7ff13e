"""The shipped strategies, asked for their quotes through their port, earn and hold by chance what is exact."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

import strategies.avellaneda_stoikov
from replenisher.experiment.exact import Moments, Quoter, distances_of, exact
from replenisher.experiment.paths import simulated
from replenisher.experiment.shipped import TICK, Shown, strategy_of
from replenisher.experiment.table import off
from replenisher.experiment.world import FillModel, World
from tests.experiment.given import PAPER, TRUTHS

PATHS = 10_000
SEED = (7,)
Z_MAX = 3.3
UNLISTED = (
    World(gamma=0.3, sigma=1.2, a=90.0, k=2.2),
    World(gamma=0.05, sigma=3.5, a=200.0, k=0.9, steps=250),
    World(gamma=0.7, sigma=0.8, a=60.0, k=4.0, horizon_s=2.0, steps=160),
)


def sampled(world: World, model: FillModel, quoter: Quoter) -> tuple[Moments, Moments]:
    """The moments of the paths, and their errors."""
    found = simulated(world, model, Shown(strategy_of(quoter, world), world), PATHS, SEED)
    return found.moments, found.errors


@cache
def of_the_paper(gamma: float, quoter: Quoter) -> Moments:
    return sampled(World(gamma=gamma), FillModel.LINEAR, quoter)[0]


def misses(moments: Moments, gamma: float, quoter: Quoter) -> list[str]:
    """Which of the moments are outside of the band of the true ones."""
    truth = TRUTHS[gamma, quoter]
    return [
        name
        for name, number, true, band in zip(Moments._fields, moments, truth.moments, truth.band_10000, strict=True)
        if abs(number - true) > band
    ]


@pytest.mark.parametrize("world", [World(gamma=gamma) for gamma in (0.1, 0.01, 1.0)] + list(UNLISTED))
@pytest.mark.parametrize("quoter", Quoter)
def test_a_shipped_strategy_stands_where_the_formulas_say(quoter: Quoter, world: World) -> None:
    inventories = np.arange(-12, 13)
    shown = Shown(strategy_of(quoter, world), world)

    for step in (0, 1, world.steps // 3, world.steps - 1):
        bids, asks = distances_of(quoter, world)(step, inventories.astype(float))
        found = np.array(shown.distances(step, inventories.tolist()))
        assert found == pytest.approx(np.column_stack([bids, asks]), abs=1.001 * float(TICK))


@pytest.mark.parametrize(("gamma", "quoter"), PAPER)
def test_ten_thousand_paths_are_within_their_band(gamma: float, quoter: Quoter) -> None:
    assert misses(of_the_paper(gamma, quoter), gamma, quoter) == []


@pytest.mark.parametrize("model", FillModel)
@pytest.mark.parametrize("quoter", Quoter)
@pytest.mark.parametrize("world", [*UNLISTED, World(gamma=0.1)])
def test_chance_and_dynamic_programming_agree_where_nobody_has_looked_and_where_the_paper_does(
    world: World, quoter: Quoter, model: FillModel
) -> None:
    truth = exact(world, model, distances_of(quoter, world))

    moments, errors = sampled(world, model, quoter)

    assert max(map(abs, off(moments, truth.moments, errors))) < Z_MAX


def test_the_same_seed_gives_the_same_paths() -> None:
    world, model = World(gamma=1.0), FillModel.POISSON
    shown = Shown(strategy_of(Quoter.GLFT, world), world)

    first, again, other = (simulated(world, model, shown, 500, seed) for seed in ((7,), (7,), (8,)))

    assert first == again
    assert first.moments != other.moments


@pytest.mark.parametrize("gamma", [0.1, 0.01, 1.0])
def test_a_strategy_that_leans_twice_as_far_is_found_out(gamma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., float] = strategies.avellaneda_stoikov.reservation_shift
    monkeypatch.setattr(strategies.avellaneda_stoikov, "reservation_shift", lambda *given: 2 * honest(*given))

    moments, _ = sampled(World(gamma=gamma), FillModel.LINEAR, Quoter.INVENTORY)

    assert {"profit_sd", "inventory_sd"} <= set(misses(moments, gamma, Quoter.INVENTORY))
