"""Guéant, Lehalle & Fernandez-Tapia: the quotes of a market maker whose session has no end, in closed form.

"Dealing with the inventory risk", Mathematics and Financial Economics 7 (2013) 477-507, in the general form of Guéant,
"Optimal market making" (2016), equations 4.6 and 4.7: orders of any size, and one risk aversion for inventory (gamma)
and one for the chance of fills (xi). With xi = gamma it is the model of 2013; with xi = 0 fills are taken as they come.

    c1 = ln(1 + xi * order / k) / (xi * order)
    c2 = sqrt(gamma / (2 * a * order * k) * (1 + xi * order / k) ^ (k / (xi * order) + 1))
    half spread = c1 + order / 2 * sigma * c2
    skew        = sigma * c2 for one unit of inventory
    bid = fair value - half spread - skew * inventory,    ask = fair value + half spread - skew * inventory

Inventory and order are in the base currency, prices in price units (quote currency for one of base). So gamma and xi
are per unit of the quote currency, and sigma is in price units per square root of a second. Takers reach a quote at a
distance d from the mid at the rate a * exp(-k * d): a is per second, k per price unit.
"""

from functools import cached_property
from math import e, exp, log1p, sqrt
from typing import Annotated, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, NotNegative, about
from replenisher.core.coefficient import Coefficient, in_steps
from replenisher.core.risk_averse import Measured, Opinion, RiskAverse
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.signal import SignalSpec

NO_SHARE = 1e-12  # of xi * order / k: below it the formulas are as good as their limits, and beyond what doubles hold


def coefficients(order: float, gamma: float, xi: float, a: float, k: float) -> tuple[float, float]:
    """c1, in price units, and c2, which times sigma is the skew for one unit of inventory."""
    risk = xi * order
    share = risk / k
    if share < NO_SHARE:
        return 1 / k, sqrt(gamma / (2 * a * order * k) * e)
    return log1p(share) / risk, sqrt(gamma / (2 * a * order * k) * exp((1 / share + 1) * log1p(share)))


def half_spread(order: float, sigma: float, c1: float, c2: float) -> float:
    """How far each quote is from the centre, in price units."""
    return c1 + order / 2 * sigma * c2


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Glft(RiskAverse):
    """Quotes as wide, and as skewed against the inventory, as volatility and the flow of takers make it worth."""

    SKEW = ("skew", "inventory_base")

    xi: Annotated[NotNegative | None, about("likewise to the chance of fills; none: as gamma")] = None
    a: Annotated[Coefficient, about("takers a second who reach the mid")]

    @model_validator(mode="after")
    def _tells_a_price(self) -> Self:
        xi, sigma, a, k = self._xi, self.sigma.most, self.a.least, self.k.least  # the widest that it may come to
        self.require_a_price(
            {"gamma": self.gamma, "sigma": sigma, "a": a, "k": k},
            lambda order: half_spread(order, sigma, *coefficients(order, self.gamma, xi, a, k)),
        )
        return self

    @cached_property
    def signals(self) -> dict[str, SignalSpec]:
        """What is measured of the market: the coefficients that are not given."""
        return in_steps(
            self.sigma.signals("sigma", self.sigma.measure)
            | self.a.signals("a", ArrivalRate)
            | self.k.signals("k", ArrivalDecay)
        )

    def opinion(self, fair: float, inventory: float, order: float, left_s: float, measured: Measured) -> Opinion:
        """The closed form."""
        sigma, xi = self.sigma.of(measured.get("sigma")), self._xi
        a, k = self.a.of(measured.get("a")), self.k.of(measured.get("k"))
        c1, c2 = coefficients(order, self.gamma, xi, a, k)
        half = half_spread(order, sigma, c1, c2)
        skew = sigma * c2
        centre = fair - skew * inventory
        terms = {
            "gamma": self.gamma,
            "xi": xi,
            "sigma": sigma,
            "a": a,
            "k": k,
            "c1": c1,
            "c2": c2,
            "skew": skew,
            "centre": centre,
            "half_spread": half,
        }
        return Opinion(centre, half, terms)

    @property
    def _xi(self) -> float:
        return self.gamma if self.xi is None else self.xi
