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

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from math import e, exp, log1p, sqrt
from typing import Annotated, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, NotNegative, Positive, about
from replenisher.core.coefficient import Coefficient, Sigma, as_terms, in_steps
from replenisher.core.fair_value import FairValue
from replenisher.core.inventory import worth_base
from replenisher.core.last_answer import LastAnswers
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Chain, How, Link

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
class Glft(ModelLadder):
    """Quotes as wide, and as skewed against the inventory, as volatility and the flow of takers make it worth."""

    gamma: Annotated[Positive, about("aversion to the risk of inventory, per unit of the quote currency")]
    xi: Annotated[NotNegative | None, about("the same for the chance of fills; none: as gamma")] = None
    sigma: Annotated[Sigma, about("volatility, in price units per square root of a second")]
    a: Annotated[Coefficient, about("takers a second who reach the mid")]
    k: Annotated[Coefficient, about("how fast fills become rarer with the distance, per price unit")]
    fair_value: FairValue = FairValue()
    target_base: Annotated[float, about("the inventory that we want to hold, in the base currency")] = 0.0

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
        """What is measured of the market."""
        return in_steps(
            self.sigma.signals("sigma", self.sigma.measure)
            | self.a.signals("a", ArrivalRate)
            | self.k.signals("k", ArrivalDecay)
        )

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        skew = Link("skew", How.LOWER, ("skew", "inventory_base"))
        return self.ladder.chain(skew, Link("half spread", How.OUTWARD, ("half_spread",)))

    def quote(self, view: View) -> Quotes:
        """The ladder for this market and inventory."""
        fair = self.fair_value.of(view)
        if fair is None:
            return NO_QUOTES
        return self._answers.of(view.instrument, view.inventory, fair, view.signals)

    def _answer(self, instrument: Instrument, held: Decimal, fair: float, measured: Mapping[str, float]) -> Quotes:
        sigma = self.sigma.of(measured.get("sigma"))
        a, k = self.a.of(measured.get("a")), self.k.of(measured.get("k"))
        xi = self._xi
        order = self.order_base(instrument, fair)
        inventory = worth_base(instrument, held, fair) - self.target_base
        c1, c2 = coefficients(order, self.gamma, xi, a, k)
        half = half_spread(order, sigma, c1, c2)
        skew = sigma * c2
        centre = fair - skew * inventory
        return Quotes(
            fair_value=fair,
            quotes=tuple(self.ladder.quotes(instrument, fair, centre - half, centre + half)),
            terms={
                "fair_value": fair,
                "inventory_base": inventory,
                "order_base": order,
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
            | as_terms(measured),
        )

    @property
    def _xi(self) -> float:
        return self.gamma if self.xi is None else self.xi

    @cached_property
    def _answers(self) -> LastAnswers[Quotes, Decimal, float, Mapping[str, float]]:
        return LastAnswers(self._answer)
