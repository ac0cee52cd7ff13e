"""A ladder at fixed distances around fair value, leaning against the inventory."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self, assert_never

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.fair_value import Source, fair_value
from replenisher.core.ladder import SizeCurve, lean, size_factors
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Side
from replenisher.model.step import Quote

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class Skew(StrEnum):
    """What leans against the inventory."""

    NONE = "none"
    PRICE = "price"  # the whole ladder moves away from more of the same
    SIZE = "size"  # the side that adds gets smaller, the other one larger
    BOTH = "both"


@dataclass(frozen=True, config=STRICT)
class FairValue:
    """Where the centre of the ladder comes from."""

    source: Source = Source.MID
    price: Positive | None = None  # of the source `fixed`

    @model_validator(mode="after")
    def _fixed_has_a_price(self) -> Self:
        if (self.source is Source.FIXED) != (self.price is not None):
            raise ValueError("`price` belongs to the source `fixed`, and only to it")
        return self


@dataclass(frozen=True, config=STRICT)
class Inventory:
    """How the ladder leans against what we hold.

    The lean is (inventory - target) in whole ladders of one side, within [-1, 1]. Price: the centre moves by
    lean * skew_factor * half spread, so that with a factor of 1 and a whole ladder too much the bids have retreated
    by one half spread. Size: bids shrink by lean * skew_factor and asks grow by as much, within 0 and double.
    """

    skew: Skew = Skew.NONE
    skew_factor: NotNegative = 1.0
    target_quote: float = 0.0


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PureMarketMaking:
    """Levels at fixed spreads around fair value."""

    size_unit: AmountUnit
    order_levels: Annotated[int, Field(ge=1, le=50)]
    bid_spread_bps: Positive
    ask_spread_bps: Positive
    order_amount: Amount  # of the first level, in `size_unit`
    level_spacing_bps: NotNegative = 0.0
    size_curve: SizeCurve = SizeCurve.FLAT
    level_amount_step: NotNegative = 0.0  # of the curves linear and exponential
    level_amounts: tuple[Amount, ...] = ()  # of the curve custom, one a level, in `size_unit`
    fair_value: FairValue = FairValue()
    inventory: Inventory = Inventory()
    min_spread_bps: NotNegative = 0.0  # no level stands closer to fair value than half of this
    price_floor: Positive | None = None
    price_ceiling: Positive | None = None

    @model_validator(mode="after")
    def _levels_are_distinct_and_sized(self) -> Self:
        if self.order_levels > 1 and self.level_spacing_bps == 0:
            raise ValueError("`level_spacing_bps` must be greater than 0 with more than one level")
        if (self.size_curve is SizeCurve.CUSTOM) != bool(self.level_amounts):
            raise ValueError("`level_amounts` belongs to the size curve `custom`, and only to it")
        if self.level_amounts and len(self.level_amounts) != self.order_levels:
            raise ValueError(f"`level_amounts` must list one amount for each of the {self.order_levels} levels")
        return self

    def quote(self, view: View) -> Quotes:
        """The ladder for this market and inventory."""
        instrument = view.instrument
        tick = float(instrument.tick)
        fair = fair_value(self.fair_value.source, view.touch, tick, view.last_trade, self.fair_value.price)
        if fair is None:
            return NO_QUOTES
        exact = Decimal(repr(fair))
        amounts = [self._wire_amount(instrument, amount, exact) for amount in self._amounts()]
        ladder_quote = float(sum(instrument.notional_quote(amount, exact) for amount in amounts))
        inventory_quote = float(instrument.notional_quote(view.inventory, exact))
        lean_now = lean(inventory_quote, self.inventory.target_quote, ladder_quote) * self.inventory.skew_factor

        half_spread = fair * (self.bid_spread_bps + self.ask_spread_bps) / 2 / 10_000
        shifts = self.inventory.skew in (Skew.PRICE, Skew.BOTH)
        centre = fair - lean_now * half_spread if shifts else fair
        quotes: list[Quote] = []
        for side in Side:
            factor = self._size_factor(side, lean_now)
            for level, amount in enumerate(amounts):
                price = instrument.round_price(side, self._price(side, level, centre, fair))
                lots = instrument.lots(amount * Decimal(repr(factor)))
                if lots > 0 and price > 0 and self._is_within_bounds(side, price * tick):
                    quotes.append(Quote(side, level, price, lots))
        terms = {
            "fair_value": fair,
            "inventory_quote": inventory_quote,
            "lean": lean_now,
            "centre": centre,
            "half_spread": half_spread,
        }
        return Quotes(fair_value=fair, quotes=_distinct(quotes), terms=terms)

    def _amounts(self) -> tuple[Decimal, ...]:
        if self.level_amounts:
            return self.level_amounts
        factors = size_factors(self.size_curve, self.order_levels, self.level_amount_step, ())
        return tuple(self.order_amount * Decimal(repr(factor)) for factor in factors)

    def _wire_amount(self, instrument: Instrument, amount: Decimal, price: Decimal) -> Decimal:
        match self.size_unit:
            case AmountUnit.QUOTE:
                return instrument.amount_of_quote(amount, price)
            case AmountUnit.BASE:
                return instrument.amount_of_base(amount, price)
            case AmountUnit.CONTRACT:
                return amount if instrument.amount_unit is AmountUnit.CONTRACT else amount * instrument.lot
            case _:
                assert_never(self.size_unit)

    def _price(self, side: Side, level: int, centre: float, fair: float) -> float:
        spread_bps = self.bid_spread_bps if side is Side.BUY else self.ask_spread_bps
        distance = fair * (spread_bps + level * self.level_spacing_bps) / 10_000
        closest = fair * self.min_spread_bps / 2 / 10_000
        if side is Side.BUY:
            return min(centre - distance, fair - closest)
        return max(centre + distance, fair + closest)

    def _size_factor(self, side: Side, lean_now: float) -> float:
        if self.inventory.skew not in (Skew.SIZE, Skew.BOTH):
            return 1.0
        return max(0.0, min(2.0, 1.0 - side.sign * lean_now))

    def _is_within_bounds(self, side: Side, price: float) -> bool:
        """Nothing is bought above the ceiling, nothing sold below the floor."""
        if side is Side.BUY:
            return self.price_ceiling is None or price <= self.price_ceiling
        return self.price_floor is None or price >= self.price_floor


def _distinct(quotes: list[Quote]) -> tuple[Quote, ...]:
    """Levels that the tick has pushed onto one price become one: the nearest keeps it."""
    seen: dict[tuple[Side, int], None] = {}
    distinct = []
    for quote in quotes:
        if (quote.side, quote.price) not in seen:
            seen[quote.side, quote.price] = None
            distinct.append(quote)
    return tuple(distinct)
