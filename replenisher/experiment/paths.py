"""The experiment by chance: many paths of the mid and of fills, all at once, a step at a time."""

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from replenisher.experiment.exact import Moments
from replenisher.experiment.shipped import Shown

if TYPE_CHECKING:
    from replenisher.experiment.world import FillModel, Floats, World


class Sampled(NamedTuple):
    """What the paths came to."""

    moments: Moments
    errors: Moments  # of the moments, as so many paths have them: one standard deviation
    spread: float  # the mean total distance of bid and ask
    fills: float


def simulated(world: "World", model: "FillModel", shown: Shown, paths: int, seed: tuple[int, ...]) -> Sampled:
    """So many paths, quoted by a strategy; the same seed gives the same paths."""
    import numpy as np

    chance = np.random.default_rng(seed)
    cash, mid = np.zeros(paths), np.full(paths, world.start_price)
    inventory = np.zeros(paths, dtype=np.int64)
    fills = spread = 0.0
    for step in range(world.steps):
        held, place = np.unique(inventory, return_inverse=True)
        bid, ask = np.array(shown.distances(step, held.tolist())).T
        buys = chance.random(paths) < world.fill_chance(model, bid)[place]
        sells = chance.random(paths) < world.fill_chance(model, ask)[place]
        cash += sells * (mid + ask[place]) - buys * (mid - bid[place])
        inventory += buys.astype(np.int64) - sells
        fills += float(buys.mean() + sells.mean())
        spread += float((bid + ask)[place].mean()) / world.steps
        mid += world.move * (2 * chance.integers(0, 2, paths) - 1)
    profit, inventory_left = _spread_out(cash + inventory * mid), _spread_out(inventory.astype(float))
    moments, errors = zip(*profit, *inventory_left, strict=True)
    return Sampled(Moments(*moments), Moments(*errors), spread, fills)


def _spread_out(values: "Floats") -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and standard deviation, each with its error; that of the second follows from the kurtosis that is seen."""
    mean, sd, count = float(values.mean()), float(values.std(ddof=1)), len(values)
    kurtosis = float(((values - mean) ** 4).mean()) / sd**4
    return (mean, sd / sqrt(count)), (sd, sd * sqrt((kurtosis - 1) / (4 * count)))
