"""A ladder at fixed distances around fair value, leaning against the inventory."""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Amount, NotNegative, Positive, WrongArgument, about
from replenisher.core.fair_value import FairValue, GoesByFairValue
from replenisher.core.inventory import Inventory
from replenisher.core.ladder import Ladder, Rung, SizeCurve, counted, require_counted
from replenisher.core.last_answer import LastAnswer
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.mandate import Chain, How
from replenisher.model.order import BUY, Side
from replenisher.model.step import Quote
from replenisher.model.units import BPS


@dataclass(frozen=True, config=STRICT, kw_only=True)
class WrittenRung:
    """One level of a ladder that is written out."""

    spread_bps: Annotated[Positive, about("from the centre")]
    amount: Annotated[Amount, about("its size, in size_unit")]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PureMarketMaking(GoesByFairValue):
    """Levels at fixed spreads around fair value: either counted, or written out with `size_curve: custom`."""

    size_unit: Annotated[AmountUnit, about("what sizes are counted in")]
    size_curve: Annotated[SizeCurve, about("how a level's size grows with its distance")] = SizeCurve.FLAT
    order_levels: Annotated[Annotated[int, Field(ge=1, le=50)] | None, about("levels a side")] = None
    bid_spread_bps: Annotated[Positive | None, about("from the centre to the first level")] = None
    ask_spread_bps: Annotated[Positive | None, about("from the centre to the first level")] = None
    level_spacing_bps: Annotated[NotNegative | None, about("from one level to the next")] = None
    order_amount: Annotated[Amount | None, about("size of the first level, in size_unit")] = None
    level_amount_step: Annotated[NotNegative | None, about("growth a level, if linear or exponential")] = None
    bid_levels: Annotated[tuple[WrittenRung, ...], about("each level, nearest first, of the curve custom")] = ()
    ask_levels: Annotated[tuple[WrittenRung, ...], about("each level, nearest first, of the curve custom")] = ()
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
        require_counted(self.order_levels, self.level_spacing_bps, self.size_curve, self.level_amount_step)
        return self

    def around(self, fair: float, view: View) -> Quotes:
        """The ladder for this market and inventory."""
        return self._answers.of(view.instrument, view.inventory, fair)

    def _answer(self, instrument: Instrument, inventory: Decimal, fair: float) -> Quotes:
        ladder = self.ladder
        leaning = self.inventory.leaning(ladder, instrument, inventory, fair)
        half_spread = fair * ladder.nearest_bps / BPS
        centre = fair - leaning.of_price * half_spread
        return Quotes(
            fair_value=fair,
            quotes=self._standing.of(instrument, fair, centre, leaning.of_size),
            terms={
                "fair_value": fair,
                "inventory_quote": leaning.held_quote,
                "lean": leaning.lean,
                "centre": centre,
                "half_spread": half_spread,
            },
        )

    def _quotes(self, instrument: Instrument, fair: float, centre: float, lean: float) -> tuple[Quote, ...]:
        return tuple(self.ladder.quotes(instrument, fair, centre, centre, lean))

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        return self.ladder.chain(*self.inventory.link(How.LOWER, "lean", "half_spread"))

    @cached_property
    def ladder(self) -> Ladder:
        """The levels of each side, nearest first, before any lean."""
        return Ladder(
            {side: self._rungs(side) for side in Side},
            self.size_unit,
            min_spread_bps=self.min_spread_bps,
            price_floor=self.price_floor,
            price_ceiling=self.price_ceiling,
        )

    def _rungs(self, side: Side) -> tuple[Rung, ...]:
        if self.size_curve is SizeCurve.CUSTOM:
            written = self.bid_levels if side is BUY else self.ask_levels
            return tuple(Rung(rung.spread_bps, rung.amount) for rung in written)
        first_bps = self.bid_spread_bps if side is BUY else self.ask_spread_bps
        assert first_bps is not None and self.order_levels is not None and self.order_amount is not None, "validated"
        return counted(
            levels=self.order_levels,
            first_bps=first_bps,
            spacing_bps=self.level_spacing_bps or 0.0,
            amount=self.order_amount,
            curve=self.size_curve,
            step=self.level_amount_step or 0.0,
        )

    @cached_property
    def _answers(self) -> LastAnswer[Quotes, Decimal, float]:
        return LastAnswer(self._answer)

    @cached_property
    def _standing(self) -> LastAnswer[tuple[Quote, ...], float, float, float]:
        """Its quotes: a fill changes what is held, and nothing of them where they do not lean against that."""
        return LastAnswer(self._quotes)
