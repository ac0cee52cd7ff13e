"""The table of the experiment: every quoter in every world, exactly, by chance, and as the paper prints it."""

from collections.abc import Iterator
from itertools import product
from math import sqrt
from typing import Any, NamedTuple

from replenisher.experiment.exact import Exact, Moments, Quoter, distances_of, exact
from replenisher.experiment.paths import Sampled, simulated
from replenisher.experiment.published import Printed, Published
from replenisher.experiment.shipped import Shown, strategy_of
from replenisher.experiment.world import FillModel, World

GAMMAS = (0.1, 0.01, 1.0)  # of the paper's tables 1 to 3


class Row(NamedTuple):
    """One quoter in one world. A z is by how many standard errors a number is off what is exact."""

    fill_model: FillModel
    gamma: float
    quoter: Quoter
    exact: Exact
    sampled: Sampled
    sampled_z: Moments
    printed: Printed | None  # by the paper, whose fill model is the linear one
    printed_z: Moments | None

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        paper, z = self.printed, self.printed_z
        return {
            "fill_model": self.fill_model.value,
            "gamma": self.gamma,
            "quoter": self.quoter.value,
            "exact": _flat(self.exact),
            "monte_carlo": _flat(self.sampled) | {"z": self.sampled_z._asdict()},
            "paper": None if paper is None or z is None else _flat(paper) | {"z": z._asdict()},
        }


def rows(paths: int, seed: int, paper: Published | None) -> Iterator[Row]:
    """The whole table, row by row; the same seed gives the same numbers."""
    worlds = {gamma: World(gamma=gamma) for gamma in GAMMAS}
    shown = {
        (gamma, quoter): Shown(strategy_of(quoter, world), world)
        for gamma, world in worlds.items()
        for quoter in Quoter
    }
    for number, (model, gamma, quoter) in enumerate(product(FillModel, GAMMAS, Quoter)):
        world = worlds[gamma]
        truth = exact(world, model, distances_of(quoter, world))
        sampled = simulated(world, model, shown[gamma, quoter], paths, (seed, number))
        z = off(sampled.moments, truth.moments, sampled.errors)
        printed = paper.rows.get((gamma, quoter)) if paper is not None and model is FillModel.LINEAR else None
        printed_z = None
        if paper is not None and printed is not None:
            scale = sqrt(paths / paper.paths)
            printed_z = off(printed.moments, truth.moments, Moments(*(error * scale for error in sampled.errors)))
        yield Row(model, gamma, quoter, truth, sampled, z, printed, printed_z)


def off(moments: Moments, truth: Moments, errors: Moments) -> Moments:
    """By how many standard errors moments are off the true ones."""
    return Moments(*((each - true) / error for each, true, error in zip(moments, truth, errors, strict=True)))


def _flat(line: Exact | Sampled | Printed) -> dict[str, Any]:
    """The numbers of one line by name, the moments first."""
    numbers = line._asdict()
    moments: Moments = numbers.pop("moments")
    return moments._asdict() | {
        name: number._asdict() if isinstance(number, Moments) else number for name, number in numbers.items()
    }
