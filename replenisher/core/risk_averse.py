"""What a model is told that weighs what it holds: how averse it is to risk, how the market moves, how takers come.

All of it counts in the base currency and price units, so that gamma is an aversion to the quote currency, whatever
sizes are counted in. The model says how far its centre gives way to the inventory, and how far from there the first
quotes are.
"""

from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from math import inf
from typing import Annotated, ClassVar, NamedTuple

from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, about
from replenisher.core.coefficient import Coefficient, Sigma, as_terms, in_steps
from replenisher.core.fair_value import FairValue
from replenisher.core.inventory import worth_base
from replenisher.core.last_answer import LastAnswer
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.signals.intensity import ArrivalDecay
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Chain, How, Link

Measured = Mapping[str, float]


class Opinion(NamedTuple):
    """What a model comes to, in price units."""

    centre: float
    half_spread: float
    terms: dict[str, float]  # the numbers that led there


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RiskAverse(ModelLadder):
    """Quotes around a centre that gives way to the inventory."""

    SKEW: ClassVar[tuple[str, ...]]  # the terms whose product is how far the centre is below fair value

    gamma: Annotated[Positive, about("aversion to the risk of inventory, per unit of the quote currency")]
    sigma: Annotated[Sigma, about("volatility, in price units per square root of a second")]
    k: Annotated[Coefficient, about("how fast fills become rarer with the distance, per price unit")]
    fair_value: FairValue = FairValue()
    target_base: Annotated[
        float,
        about("what we want to hold, in the base currency; of spot, 0 is what was held before the first trade"),
    ] = 0.0

    @abstractmethod
    def opinion(self, fair: float, inventory: float, order: float, left_s: float, measured: Measured) -> Opinion:
        """What the model says to this inventory beyond its target and this order, both in the base currency."""

    def left_s(self, at: int) -> float:
        """The time until the inventory is judged, in seconds; a session may have no end."""
        return inf

    @cached_property
    def signals(self) -> dict[str, SignalSpec]:
        """What is measured of the market: the coefficients that are not given."""
        return in_steps(self.sigma.signals("sigma", self.sigma.measure) | self.k.signals("k", ArrivalDecay))

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        skew = Link("skew", How.LOWER, self.SKEW)
        return self.ladder.chain(skew, Link("half spread", How.OUTWARD, ("half_spread",)))

    def around(self, fair: float, view: View) -> Quotes:
        """The ladder for this market, inventory and time."""
        return self._answers.of(view.instrument, view.inventory, fair, self.left_s(view.at), view.signals)

    def _answer(self, instrument: Instrument, held: Decimal, fair: float, left_s: float, measured: Measured) -> Quotes:
        order = self.order_base(instrument, fair)
        inventory = worth_base(instrument, held, fair) - self.target_base
        centre, half_spread, terms = self.opinion(fair, inventory, order, left_s, measured)
        quotes = self.ladder.quotes(instrument, fair, centre - half_spread, centre + half_spread)
        about = {"fair_value": fair, "inventory_base": inventory, "order_base": order, **terms, **as_terms(measured)}
        return Quotes(fair_value=fair, quotes=tuple(quotes), terms=about)

    @cached_property
    def _answers(self) -> LastAnswer[Quotes, Decimal, float, float, Measured]:
        return LastAnswer(self._answer)
