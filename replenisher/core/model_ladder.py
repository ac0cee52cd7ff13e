"""What a strategy is told whose first prices come from a model: the levels from there outwards, and their bounds."""

from collections.abc import Callable, Mapping
from functools import cached_property
from math import inf, log
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Amount, NotNegative, Positive, WrongArgument, about
from replenisher.core.fair_value import GoesByFairValue
from replenisher.core.ladder import Ladder, SizeCurve, counted, require_counted
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Side

PRICES = tuple(10.0**power for power in range(-9, 10))  # something that is traded is worth about one of these


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ModelLadder(GoesByFairValue):
    """Levels by number; the model says where the first one of each side stands."""

    size_unit: Annotated[AmountUnit, about("what sizes are counted in")]
    order_amount: Annotated[Amount, about("size of the first level, in size_unit; the model's order size")]
    order_levels: Annotated[Annotated[int, Field(ge=1, le=50)], about("levels a side")] = 1
    level_spacing_bps: Annotated[NotNegative | None, about("from one level to the next")] = None
    size_curve: Annotated[SizeCurve, about("how a level's size grows with its distance")] = SizeCurve.FLAT
    level_amount_step: Annotated[NotNegative | None, about("growth a level, if linear or exponential")] = None
    min_spread_bps: Annotated[
        NotNegative | None, about("no level is closer to fair value than half of this; none: the model may cross it")
    ] = 0.0
    price_floor: Annotated[Positive | None, about("nothing is sold below it")] = None
    price_ceiling: Annotated[Positive | None, about("nothing is bought above it")] = None

    @model_validator(mode="after")
    def _is_a_ladder(self) -> Self:
        if self.size_curve is SizeCurve.CUSTOM:
            raise WrongArgument("size_curve", "it must be flat, linear or exponential")
        require_counted(self.order_levels, self.level_spacing_bps, self.size_curve, self.level_amount_step)
        return self

    @cached_property
    def ladder(self) -> Ladder:
        """The levels of both sides, counted from the model's prices."""
        rungs = counted(
            levels=self.order_levels,
            first_bps=0.0,
            spacing_bps=self.level_spacing_bps or 0.0,
            amount=self.order_amount,
            curve=self.size_curve,
            step=self.level_amount_step or 0.0,
        )
        return Ladder(
            dict.fromkeys(Side, rungs),
            self.size_unit,
            min_spread_bps=-inf if self.min_spread_bps is None else self.min_spread_bps,
            price_floor=self.price_floor,
            price_ceiling=self.price_ceiling,
        )

    def require_a_price(self, terms: Mapping[str, float], half_spread: Callable[[float], float]) -> None:
        """Refuse terms by which no bid is left, whatever an instrument is worth; the most extreme of them is blamed.

        `half_spread` is that of an order of so much base currency.
        """
        amount = float(self.order_amount)
        for price in PRICES:
            order = amount / price if self.size_unit is AmountUnit.QUOTE else amount
            try:
                if half_spread(order) < price:
                    return
            except (OverflowError, ZeroDivisionError):
                continue
        key = max(terms, key=lambda name: abs(log(terms[name])))
        raise WrongArgument(key, f"with {terms[key]:g} no price follows from the model, whatever is traded")

    def order_base(self, instrument: Instrument, price: float) -> float:
        """The first level's size in the base currency."""
        return float(self.order_amount) * self.ladder.worth_of_one(instrument, price) / price
