"""Avellaneda & Stoikov: quotes around the price at which we would not care, which moves against the inventory.

"High-frequency trading in a limit order book", Quantitative Finance 8 (2008) 217-224, equations 29 and 30, with orders
of any size in place of the paper's one unit:

    reservation = fair value - gamma * sigma² * left * inventory
    half spread = gamma * sigma² * left * order / 2 + ln(1 + gamma * order / k) / (gamma * order)

`left` is the time until the horizon, in seconds. Inventory and order are in the base currency, prices in price units
(quote currency for one of base). So gamma is per unit of the quote currency, sigma in price units per square root of a
second, and k per price unit: by a factor e fewer takers reach a quote that is 1 / k further from the mid.
"""

from enum import StrEnum
from functools import cached_property
from math import log1p
from typing import Annotated, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.risk_averse import Measured, Opinion, RiskAverse
from replenisher.model.units import SECOND_NS

STEP_S_MIN = 0.001


def reservation_shift(inventory: float, gamma: float, sigma: float, left_s: float) -> float:
    """How far the reservation price is below fair value, in price units."""
    return gamma * sigma**2 * left_s * inventory


def half_spread(order: float, gamma: float, sigma: float, k: float, left_s: float) -> float:
    """How far each quote is from the reservation price, in price units."""
    risk = gamma * order
    return risk * sigma**2 * left_s / 2 + log1p(risk / k) / risk


class Horizon(StrEnum):
    """When the inventory is to be judged."""

    FINITE = "finite"  # every horizon_s, counted from midnight UTC of 1970-01-01: a restart does not move it
    ROLLING = "rolling"  # always horizon_s from now


@dataclass(frozen=True, config=STRICT, kw_only=True)
class AvellanedaStoikov(RiskAverse):
    """Quotes around a reservation price that moves against the inventory, the more the further the horizon is."""

    SKEW = ("shift",)

    horizon: Annotated[Horizon, about("when the inventory is judged: at fixed times, or always horizon_s from now")]
    horizon_s: Annotated[Positive, about("how far away the horizon is, or is at its start")]
    time_step_s: Annotated[Positive | None, about("how often quotes follow the time that is left of a finite one")] = (
        None
    )

    @model_validator(mode="after")
    def _finite_has_a_time_step(self) -> Self:
        if (self.horizon is Horizon.FINITE) != (self.time_step_s is not None):
            raise WrongArgument("time_step_s", "it belongs to the horizon finite, which needs it")
        if self.time_step_s is not None and not STEP_S_MIN <= self.time_step_s <= self.horizon_s:
            raise WrongArgument("time_step_s", "it must be a millisecond or more, and not be longer than horizon_s")
        return self

    @model_validator(mode="after")
    def _tells_a_price(self) -> Self:
        sigma, k = self.sigma.most, self.k.least  # the widest that it may come to
        self.require_a_price(
            {"gamma": self.gamma, "sigma": sigma, "k": k},
            lambda order: half_spread(order, self.gamma, sigma, k, self.horizon_s),
        )
        return self

    @property
    def looks_again_s(self) -> float | None:
        """A finite horizon comes nearer while nothing happens."""
        return self.time_step_s

    def opinion(self, fair: float, inventory: float, order: float, left_s: float, measured: Measured) -> Opinion:
        """Equations 29 and 30."""
        sigma, k = self.sigma.of(measured.get("sigma")), self.k.of(measured.get("k"))
        shift = reservation_shift(inventory, self.gamma, sigma, left_s)
        reservation = fair - shift
        half = half_spread(order, self.gamma, sigma, k, left_s)
        terms = {
            "gamma": self.gamma,
            "sigma": sigma,
            "k": k,
            "left_s": left_s,
            "shift": shift,
            "reservation": reservation,
            "half_spread": half,
        }
        return Opinion(reservation, half, terms)

    def left_s(self, at: int) -> float:
        """The time until the horizon in seconds; of a finite one as of the start of the time step."""
        if self.horizon is Horizon.ROLLING:
            return self.horizon_s
        horizon, step = self._finite
        elapsed = at % horizon
        return (horizon - elapsed + elapsed % step) / SECOND_NS

    @cached_property
    def _finite(self) -> tuple[int, int]:
        """A finite horizon and its time step, in nanoseconds."""
        assert self.time_step_s is not None, "validated"
        return round(self.horizon_s * SECOND_NS), round(self.time_step_s * SECOND_NS)
