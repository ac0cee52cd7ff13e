"""A ladder as wide as the market moves: its half spread is so many standard deviations over a holding time."""

from functools import cached_property
from math import sqrt
from typing import Annotated, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.coefficient import Sigma, as_terms
from replenisher.core.fair_value import FairValue
from replenisher.core.inventory import Inventory
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.strategy import Quotes, View
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.units import BPS


@dataclass(frozen=True, config=STRICT, kw_only=True)
class VolatilityMarketMaking(ModelLadder):
    """Quotes that stand further out in a market that moves more, within bounds.

    half spread = spread_factor * sigma * sqrt(holding_s), not below half of min_spread_bps of fair value and not above
    half of max_spread_bps.
    """

    sigma: Annotated[Sigma, about("volatility, in price units per square root of a second")]
    spread_factor: Annotated[Positive, about("standard deviations of the mid over holding_s that the half spread is")]
    holding_s: Annotated[Positive, about("how long an inventory is held, by and large")]
    max_spread_bps: Annotated[Positive, about("between the first levels, however much the market moves")]
    fair_value: FairValue = FairValue()
    inventory: Inventory = Inventory()

    @model_validator(mode="after")
    def _has_room_to_breathe(self) -> Self:
        if self.min_spread_bps is not None and self.min_spread_bps > self.max_spread_bps:
            raise WrongArgument("max_spread_bps", "it must not be less than min_spread_bps")
        return self

    @cached_property
    def signals(self) -> dict[str, SignalSpec]:
        """What is measured of the market."""
        return self.sigma.signals("sigma", self.sigma.measure)

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        spread = Link("half spread", How.OUTWARD, ("half_spread",))
        return self.ladder.chain(*self.inventory.link(How.LOWER, "lean", "half_spread"), spread)

    def around(self, fair: float, view: View) -> Quotes:
        """The ladder for this market, volatility and inventory."""
        instrument = view.instrument
        sigma = self.sigma.of(view.signals.get("sigma"))
        moved = self.spread_factor * sigma * sqrt(self.holding_s)
        least, most = (fair * spread_bps / 2 / BPS for spread_bps in (self.min_spread_bps or 0.0, self.max_spread_bps))
        half_spread = max(least, min(most, moved))
        leaning = self.inventory.leaning(self.ladder, instrument, view.inventory, fair)
        centre = fair - leaning.of_price * half_spread
        quotes = self.ladder.quotes(instrument, fair, centre - half_spread, centre + half_spread, leaning.of_size)
        return Quotes(
            fair_value=fair,
            quotes=tuple(quotes),
            terms={
                "fair_value": fair,
                "sigma": sigma,
                "moved": moved,
                "half_spread": half_spread,
                "inventory_quote": leaning.held_quote,
                "lean": leaning.lean,
                "centre": centre,
            }
            | as_terms(view.signals),
        )
