"""What the experiment comes to without chance: its moments by dynamic programming.

The mid is a martingale that knows nothing of fills, so the mean profit is what the quotes captured, and inventory adds
only variance: profit = sum of captured distances + sum of inventory * move of the mid, and the two are uncorrelated.
Inventory is a Markov chain that changes by one. So for each inventory its chance, and with it the first and the second
moment of what was captured on the way there, are carried from step to step. Nothing is drawn and nothing is cut off.

The quotes are worked out here once more, by the formulas of the papers and without a line of the shipped strategies:
what a strategy answers is compared with this.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from math import log, sqrt
from typing import TYPE_CHECKING, NamedTuple, assert_never

if TYPE_CHECKING:
    from replenisher.experiment.world import FillModel, Floats, World

    Distances = Callable[[int, Floats], tuple[Floats, Floats]]  # of bid and ask from the mid, by step and inventory


class Quoter(StrEnum):
    """Who quotes in the experiment."""

    INVENTORY = "inventory"  # Avellaneda & Stoikov: around the reservation price
    SYMMETRIC = "symmetric"  # as wide as that is on average, around the mid
    GLFT = "glft"  # Guéant, Lehalle & Fernandez-Tapia: as if it went on for ever


class Moments(NamedTuple):
    """What the paper's tables say of a quoter's results, in price units times units of one fill, and in such units."""

    profit: float
    profit_sd: float
    inventory: float  # at the end
    inventory_sd: float


class Exact(NamedTuple):
    """What a quoter's results are without chance."""

    moments: Moments
    spread: float  # the mean total distance of bid and ask, over the time and the inventories that occur
    fills: float
    inventory_abs: float  # the mean of its absolute value, over the time
    capture_sd: float  # of what the quotes captured
    carry_sd: float  # of what inventory gained and lost; squared, both add up to the profit's


def exact(world: "World", model: "FillModel", distances: "Distances") -> Exact:
    """The results of a quoter that stands at these distances."""
    import numpy as np

    inventories = np.arange(-world.steps, world.steps + 1, dtype=float)  # nobody gets further
    chance = np.where(inventories == 0, 1.0, 0.0)
    captured, captured_squared = np.zeros_like(chance), np.zeros_like(chance)
    fills = spread = inventory_abs = carry_variance = 0.0
    for step in range(world.steps):
        bid, ask = distances(step, inventories)
        buys, sells = world.fill_chance(model, bid), world.fill_chance(model, ask)
        fills += float(chance @ (buys + sells))
        spread += float(chance @ (bid + ask)) / world.steps
        after = np.zeros((3, len(inventories)))
        for share, change, gain in (
            ((1 - buys) * (1 - sells), 0, np.zeros_like(bid)),
            (buys * sells, 0, bid + ask),
            (buys * (1 - sells), 1, bid),
            (sells * (1 - buys), -1, ask),
        ):
            squared = captured_squared + 2 * captured * gain + chance * gain**2
            moments = np.array([chance, captured + chance * gain, squared])
            after += np.roll(share * moments, change, axis=1)  # nobody is at an end who could come round
        chance, captured, captured_squared = after
        carry_variance += world.move**2 * float(chance @ inventories**2)
        inventory_abs += float(chance @ np.abs(inventories)) / world.steps
    profit, inventory = float(captured.sum()), float(chance @ inventories)
    capture_variance = float(captured_squared.sum()) - profit**2
    inventory_variance = float(chance @ inventories**2) - inventory**2
    return Exact(
        Moments(profit, sqrt(capture_variance + carry_variance), inventory, sqrt(inventory_variance)),
        spread=spread,
        fills=fills,
        inventory_abs=inventory_abs,
        capture_sd=sqrt(capture_variance),
        carry_sd=sqrt(carry_variance),
    )


def distances_of(quoter: Quoter, world: "World") -> "Distances":
    """Where a quoter stands."""
    match quoter:
        case Quoter.INVENTORY:
            return partial(_inventory, world)
        case Quoter.SYMMETRIC:
            return partial(_symmetric, world)
        case Quoter.GLFT:
            return partial(_glft, world)
        case _:
            assert_never(quoter)


def mean_spread(world: "World") -> float:
    """The total spread of Avellaneda & Stoikov, equation 30, averaged over the starts of all steps."""
    mean_left_s = world.horizon_s * (world.steps + 1) / (2 * world.steps)
    return world.gamma * world.sigma**2 * mean_left_s + 2 / world.gamma * log(1 + world.gamma / world.k)


def _inventory(world: "World", step: int, inventory: "Floats") -> tuple["Floats", "Floats"]:
    """Equations 29 and 30."""
    risk = world.gamma * world.sigma**2 * (world.horizon_s - step * world.dt_s)
    half_spread = risk / 2 + log(1 + world.gamma / world.k) / world.gamma
    return half_spread + risk * inventory, half_spread - risk * inventory


def _symmetric(world: "World", step: int, inventory: "Floats") -> tuple["Floats", "Floats"]:
    """The same all the time."""
    distance = mean_spread(world) / 2 + 0 * inventory
    return distance, distance


def _glft(world: "World", step: int, inventory: "Floats") -> tuple["Floats", "Floats"]:
    """The closed form of "Dealing with the inventory risk", Mathematics and Financial Economics 7 (2013) 477-507."""
    gamma, k = world.gamma, world.k
    slope = sqrt(world.sigma**2 * gamma / (2 * k * world.a) * (1 + gamma / k) ** (1 + k / gamma))
    edge = log(1 + gamma / k) / gamma
    return edge + (2 * inventory + 1) / 2 * slope, edge - (2 * inventory - 1) / 2 * slope
