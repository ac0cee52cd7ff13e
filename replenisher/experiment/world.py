"""The world of Avellaneda & Stoikov's experiment: a mid that walks, and takers who reach a quote by chance.

Section 3.3 of "High-frequency trading in a limit order book", Quantitative Finance 8 (2008) 217-224. Per step of dt:
the quotes are made from the state at its start; ask and bid are filled, each by itself and at most once, for one unit;
then the mid moves up or down by sigma * sqrt(dt). Inventory has no limit. Profit is cash and inventory at the last mid.
Prices are in price units, time in seconds, inventory in units of one fill.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING, Any, assert_never

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]


class FillModel(StrEnum):
    """The chance that a quote is filled within one step, if takers reach it at the rate lambda."""

    LINEAR = "linear"  # lambda * dt, and never more than 1: what the paper does
    POISSON = "poisson"  # 1 - exp(-lambda * dt): at least one taker in a Poisson process


@dataclass(frozen=True, kw_only=True)
class World:
    """One parameter set of the experiment; unless told otherwise the paper's."""

    gamma: float  # risk aversion, per unit of money
    sigma: float = 2.0  # of the mid, price units per square root of a second
    a: float = 140.0  # takers a second who reach the mid
    k: float = 1.5  # by how much fewer of them reach a price unit further: lambda = a * exp(-k * distance)
    horizon_s: float = 1.0
    steps: int = 200
    start_price: float = 100.0

    @property
    def dt_s(self) -> float:
        """One step."""
        return self.horizon_s / self.steps

    @property
    def move(self) -> float:
        """How far the mid moves in one step, in price units."""
        return self.sigma * sqrt(self.dt_s)

    def fill_chance(self, model: FillModel, distance: "Floats") -> "Floats":
        """The chance that a quote this far from the mid is filled in one step; the distance may be negative."""
        import numpy as np

        expected_log = np.log(self.a * self.dt_s) - self.k * distance  # of the takers who reach it in one step
        match model:
            case FillModel.LINEAR:
                chance: Floats = np.exp(np.minimum(expected_log, 0.0))
            case FillModel.POISSON:
                chance = -np.expm1(-np.exp(np.minimum(expected_log, CERTAIN_LOG)))
            case _:
                assert_never(model)
        return chance


CERTAIN_LOG = 5.0  # exp(-exp(5)) is less than 1e-64
