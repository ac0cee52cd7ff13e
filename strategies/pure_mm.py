"""A ladder at fixed distances around fair value, leaning against the inventory."""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import count, repeat
from typing import Annotated, Self, assert_never

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from replenisher.core.fair_value import Source, fair_value
from replenisher.core.ladder import SizeCurve, lean, size_factors
from replenisher.core.strategy import NO_QUOTES, Quotes, View, WrongArgument
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import BUY, Side
from replenisher.model.step import Quote

BPS = 10_000
STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


def about(text: str) -> FieldInfo:
    """What a parameter is, for editors and for `replenisher list strategies`."""
    field: FieldInfo = Field(description=text)
    return field


class Skew(StrEnum):
    """What leans against the inventory."""

    NONE = "none"
    PRICE = "price"  # the whole ladder moves away from more of the same
    SIZE = "size"  # the side that adds gets smaller, the other one larger
    BOTH = "both"


@dataclass(frozen=True, config=STRICT)
class FairValue:
    """Where the centre of the ladder comes from."""

    source: Annotated[Source, about("the centre of the ladder")] = Source.MID
    price: Annotated[Positive | None, about("the price itself, of the source fixed")] = None

    @model_validator(mode="after")
    def _fixed_has_a_price(self) -> Self:
        if (self.source is Source.FIXED) != (self.price is not None):
            raise WrongArgument("price", "it belongs to the source fixed, which needs it")
        return self


@dataclass(frozen=True, config=STRICT)
class Inventory:
    """How the ladder leans against what we hold.

    The lean is (inventory - target) in whole ladders of one side, within [-1, 1]. Price: the centre moves by
    lean * skew_factor * half spread, so that with a factor of 1 and a whole ladder too much the bids have retreated
    by one half spread. Size: bids shrink by lean * skew_factor and asks grow by as much, within 0 and double.
    """

    skew: Annotated[Skew, about("what leans against the inventory")] = Skew.NONE
    skew_factor: Annotated[NotNegative, about("half spreads that the centre moves with a whole ladder too much")] = 1.0
    target_quote: Annotated[float, about("what we want to hold")] = 0.0


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rung:
    """One level of a ladder that is written out."""

    spread_bps: Annotated[Positive, about("from the centre")]
    amount: Annotated[Amount, about("its size, in size_unit")]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PureMarketMaking:
    """Levels at fixed spreads around fair value: either counted, or written out with `size_curve: custom`."""

    size_unit: Annotated[AmountUnit, about("what sizes are counted in")]
    size_curve: Annotated[SizeCurve, about("how a level's size grows with its distance")] = SizeCurve.FLAT
    order_levels: Annotated[Annotated[int, Field(ge=1, le=50)] | None, about("levels a side")] = None
    bid_spread_bps: Annotated[Positive | None, about("from the centre to the first level")] = None
    ask_spread_bps: Annotated[Positive | None, about("from the centre to the first level")] = None
    level_spacing_bps: Annotated[NotNegative | None, about("from one level to the next")] = None
    order_amount: Annotated[Amount | None, about("size of the first level, in size_unit")] = None
    level_amount_step: Annotated[NotNegative | None, about("growth a level, if linear or exponential")] = None
    bid_levels: Annotated[tuple[Rung, ...], about("each level, nearest first, of the curve custom")] = ()
    ask_levels: Annotated[tuple[Rung, ...], about("each level, nearest first, of the curve custom")] = ()
    fair_value: FairValue = FairValue()
    inventory: Inventory = Inventory()
    min_spread_bps: Annotated[NotNegative, about("no level stands closer to fair value than half of this")] = 0.0
    price_floor: Annotated[Positive | None, about("nothing is sold below it")] = None
    price_ceiling: Annotated[Positive | None, about("nothing is bought above it")] = None

    @model_validator(mode="after")
    def _is_one_kind_of_ladder(self) -> Self:
        counted = ("order_levels", "bid_spread_bps", "ask_spread_bps", "order_amount")
        optional = ("level_spacing_bps", "level_amount_step")
        if self.size_curve is SizeCurve.CUSTOM:
            given = [name for name in (*counted, *optional) if getattr(self, name) is not None]
            if given:
                raise WrongArgument(given[0], "it has no meaning with size_curve: custom")
            if not self.bid_levels and not self.ask_levels:
                raise WrongArgument("bid_levels", "size_curve: custom needs bid_levels or ask_levels")
            return self
        missing = [name for name in counted if getattr(self, name) is None]
        if missing:
            raise WrongArgument(missing[0], "missing")
        if self.bid_levels or self.ask_levels:
            raise WrongArgument("bid_levels" if self.bid_levels else "ask_levels", "it belongs to size_curve: custom")
        if self.order_levels != 1 and not self.level_spacing_bps:
            raise WrongArgument("level_spacing_bps", "it must be greater than 0 with more than one level")
        if (self.level_amount_step is not None) != (self.size_curve in (SizeCurve.LINEAR, SizeCurve.EXPONENTIAL)):
            raise WrongArgument(
                "level_amount_step", "it belongs to the size curves linear and exponential, which need it"
            )
        return self

    @property
    def heeds_trades(self) -> bool:
        """Whether the last trade matters."""
        return self.fair_value.source is Source.LAST

    def quote(self, view: View) -> Quotes:
        """The ladder for this market and inventory."""
        instrument = view.instrument
        fair = fair_value(
            self.fair_value.source, view.touch, instrument.tick_float, view.last_trade, self.fair_value.price
        )
        if fair is None:
            return NO_QUOTES
        last = self._last.get(instrument.key)
        if last is not None and last[1] is instrument and last[2] == view.inventory and last[0].fair_value == fair:
            return last[0]
        answer = self._answer(instrument, view.inventory, fair)
        self._last[instrument.key] = (answer, instrument, view.inventory)
        return answer

    def _answer(self, instrument: Instrument, inventory: Decimal, fair: float) -> Quotes:
        """The ladder around a fair value. That, the instrument and the inventory are all it depends on."""
        inventory_quote = self._inventory_quote(instrument, inventory, fair) if inventory else 0.0
        lean_now = 0.0
        if inventory_quote != self.inventory.target_quote:
            ladder_quote = self._ladder_amount * self._worth_of_one(instrument, fair)
            lean_now = lean(inventory_quote, self.inventory.target_quote, ladder_quote) * self.inventory.skew_factor

        half_spread = fair * self._nearest_bps / BPS
        centre = fair - lean_now * half_spread if self._leans_by_price else fair
        quotes: list[Quote] = []
        for side, sizes in self._sizes(instrument, fair, lean_now if self._leans_by_size else 0.0).items():
            prices = instrument.round_prices(side, self._prices(side, centre, fair))
            rungs = list(map(Quote, repeat(side), count(), prices, sizes))
            if rungs and (min(prices) <= 0 or min(sizes) <= 0 or len(set(prices)) < len(prices)):
                rungs = _standing(rungs)
            quotes += rungs
        if self.price_floor is not None or self.price_ceiling is not None:
            tick = instrument.tick_float
            quotes = [quote for quote in quotes if self._is_within_bounds(quote.side, quote.price * tick)]
        terms = {
            "fair_value": fair,
            "inventory_quote": inventory_quote,
            "lean": lean_now,
            "centre": centre,
            "half_spread": half_spread,
        }
        return Quotes(fair_value=fair, quotes=tuple(quotes), terms=terms)

    @cached_property
    def ladder(self) -> dict[Side, tuple[Rung, ...]]:
        """The levels of each side, nearest first, before any lean."""
        return {side: self._rungs(side) for side in Side}

    def _rungs(self, side: Side) -> tuple[Rung, ...]:
        if self.size_curve is SizeCurve.CUSTOM:
            return self.bid_levels if side is BUY else self.ask_levels
        spread_bps = self.bid_spread_bps if side is BUY else self.ask_spread_bps
        assert spread_bps is not None and self.order_levels is not None and self.order_amount is not None, "validated"
        spacing_bps = self.level_spacing_bps or 0.0
        factors = size_factors(self.size_curve, self.order_levels, self.level_amount_step or 0.0)
        return tuple(
            Rung(spread_bps=spread_bps + level * spacing_bps, amount=self.order_amount * Decimal(repr(factor)))
            for level, factor in enumerate(factors)
        )

    @cached_property
    def _leans_by_price(self) -> bool:
        return self.inventory.skew in (Skew.PRICE, Skew.BOTH)

    @cached_property
    def _leans_by_size(self) -> bool:
        return self.inventory.skew in (Skew.SIZE, Skew.BOTH)

    @cached_property
    def _nearest_bps(self) -> float:
        """The spread of the first level, the mean of both sides."""
        nearest = [rungs[0].spread_bps for rungs in self.ladder.values() if rungs]
        return sum(nearest) / len(nearest)

    @cached_property
    def _ladder_amount(self) -> float:
        """The larger side of the ladder, in `size_unit`."""
        return max(float(sum((rung.amount for rung in rungs), Decimal(0))) for rungs in self.ladder.values())

    def _worth_of_one(self, instrument: Instrument, price: float) -> float:
        """What one `size_unit` is worth, in the quote currency."""
        match self.size_unit:
            case AmountUnit.QUOTE:
                return 1.0
            case AmountUnit.BASE:
                return price
            case AmountUnit.CONTRACT:
                amount = self._wire_amount(instrument, Decimal(1), Decimal(1))
                return float(amount * instrument.contract_value) * (1.0 if instrument.inverse else price)
            case _:
                assert_never(self.size_unit)

    def _inventory_quote(self, instrument: Instrument, inventory: Decimal, price: float) -> float:
        """What an inventory is worth, in the quote currency."""
        return float(instrument.notional_quote(inventory, Decimal(repr(price))))

    @cached_property
    def _last(self) -> dict[str, tuple[Quotes, Instrument, Decimal]]:
        """The last answer for each instrument, and what it was for: most news change nothing that it depends on."""
        return {}

    def _sizes(self, instrument: Instrument, price: float, lean_now: float) -> dict[Side, list[int]]:
        """The size of each level in lots; worked out anew only when something that counts has changed."""
        counts = self._counts_in_base if instrument.inverse else self._counts_in_quote
        basis = (price if counts else 0.0, lean_now)
        last = self._last_sizes.get(instrument.key)
        if last is not None and last[1] is instrument and last[2] == basis:
            return last[0]
        exact_price = Decimal(repr(price))
        amounts = [self._wire_amount(instrument, amount, exact_price) for amount in self._amounts]
        sizes: dict[Side, list[int]] = {}
        for side, places in self._places.items():
            factor = Decimal(repr(self._size_factor(side, lean_now)))
            lots = [instrument.lots(amount * factor) for amount in amounts]
            sizes[side] = [lots[place] for place in places]
        self._last_sizes[instrument.key] = (sizes, instrument, basis)
        return sizes

    @cached_property
    def _amounts(self) -> list[Decimal]:
        """Every amount that a level has, once: a flat ladder has one."""
        return list(dict.fromkeys(rung.amount for rungs in self.ladder.values() for rung in rungs))

    @cached_property
    def _places(self) -> dict[Side, list[int]]:
        """Which of these amounts each level has."""
        return {side: [self._amounts.index(rung.amount) for rung in rungs] for side, rungs in self.ladder.items()}

    @cached_property
    def _last_sizes(self) -> dict[str, tuple[dict[Side, list[int]], Instrument, tuple[float, float]]]:
        """The last sizes for each instrument, and what they were worked out from."""
        return {}

    @cached_property
    def _counts_in_quote(self) -> bool:
        return self.size_unit is AmountUnit.QUOTE

    @cached_property
    def _counts_in_base(self) -> bool:
        return self.size_unit is AmountUnit.BASE

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

    def _prices(self, side: Side, centre: float, fair: float) -> list[float]:
        """Where each level of a side would stand if there were no ticks."""
        closest = fair * self.min_spread_bps / 2 / BPS
        if side is BUY:
            bound = fair - closest
            prices = [centre - fair * spread_bps / BPS for spread_bps in self._spreads_bps[side]]
            return prices if max(prices, default=bound) <= bound else [min(price, bound) for price in prices]
        bound = fair + closest
        prices = [centre + fair * spread_bps / BPS for spread_bps in self._spreads_bps[side]]
        return prices if min(prices, default=bound) >= bound else [max(price, bound) for price in prices]

    @cached_property
    def _spreads_bps(self) -> dict[Side, list[float]]:
        return {side: [rung.spread_bps for rung in rungs] for side, rungs in self.ladder.items()}

    def _size_factor(self, side: Side, lean_now: float) -> float:
        return max(0.0, min(2.0, 1.0 - side.sign * lean_now))

    def _is_within_bounds(self, side: Side, price: float) -> bool:
        """Nothing is bought above the ceiling, nothing sold below the floor."""
        bound = self.price_ceiling if side is BUY else self.price_floor
        return bound is None or (price - bound) * side.sign <= 0


def _standing(rungs: list[Quote]) -> list[Quote]:
    """Those that can stand. Levels that the tick has pushed onto one price become one: the nearest keeps it."""
    nearest: dict[int, Quote] = {}
    for quote in rungs:
        if quote.quantity > 0 and quote.price > 0:
            nearest.setdefault(quote.price, quote)
    return list(nearest.values())
