"""So much depth within so many percent of fair value, as a market-making programme asks of a token's issuer."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property, partial
from hashlib import blake2b
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Amount, NotNegative, Positive, WrongArgument, about
from replenisher.core.fair_value import FairValue, GoesByFairValue
from replenisher.core.inventory import Inventory
from replenisher.core.ladder import Ladder, Rung
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.mandate import Chain, How
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.model.units import BPS

BPS_OF_PCT = 100


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Band:
    """So much on each side within a distance, what is nearer included."""

    within_pct: Annotated[Positive, about("distance from fair value")]
    depth_quote: Annotated[Amount, about("what stands on each side within it, in the quote currency")]
    levels: Annotated[Annotated[int, Field(ge=1, le=50)], about("orders a side between the band before and this one")]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LiquidityProfile(GoesByFairValue):
    """A book as deep as its bands say, in orders whose sizes and distances look grown rather than made.

    Sizes and distances are drawn once from the seed: a level stands up to `roughness` of a spacing further out than in
    an even row, and is up to that share larger or smaller than the mean. The bands add up to what they ask for all the
    same, and to `margin_pct` more, so that neither lots nor a small move of the market miss the target. Where
    nobody else may stand there, `fair_value` wants `when_alone: quote` and a price that is known without the book.
    """

    bands: Annotated[tuple[Band, ...], about("nearest first; each names what is within it in all")]
    spread_bps: Annotated[Positive, about("between the first bid and the first ask")]
    seed: Annotated[int, about("which of many natural-looking books it is")] = 1
    roughness: Annotated[Annotated[float, Field(ge=0, lt=1)], about("0 is even; near 1, wild")] = 0.5
    margin_pct: Annotated[Annotated[float, Field(ge=0, le=50)], about("deeper and nearer than asked by so much")] = 2.0
    fair_value: FairValue = FairValue()
    inventory: Inventory = Inventory()
    price_floor: Annotated[Positive | None, about("nothing is sold below it")] = None
    price_ceiling: Annotated[Positive | None, about("nothing is bought above it")] = None
    min_order_quote: Annotated[NotNegative, about("no order is made smaller than this, in the quote currency")] = 0.0

    @model_validator(mode="after")
    def _grows_outwards(self) -> Self:
        if not self.bands:
            raise WrongArgument("bands", "it needs at least one band")
        reach_bps, depth = self.spread_bps / 2, Decimal(0)
        for band in self.bands:
            if self._reach_bps(band) <= reach_bps:
                raise WrongArgument("bands", "each must reach further than the one before, the first beyond the spread")
            if band.depth_quote <= depth:
                raise WrongArgument("bands", "each must be deeper than the one before, which it includes")
            reach_bps, depth = self._reach_bps(band), band.depth_quote
        smallest = min(rung.amount for side in Side for rung in self._rungs(side))
        if float(smallest) < self.min_order_quote:
            raise WrongArgument("min_order_quote", f"with so many levels one order would be {smallest:.2f}")
        return self

    def around(self, fair: float, view: View) -> Quotes:
        """The book for this market and inventory."""
        instrument, half_spread = view.instrument, fair * self.spread_bps / 2 / BPS
        leaning = self.inventory.leaning(self.ladder, instrument, view.inventory, fair)
        centre = fair - leaning.of_price * half_spread
        return Quotes(
            fair_value=fair,
            quotes=tuple(self.ladder.quotes(instrument, fair, centre, centre, leaning.of_size)),
            terms={
                "fair_value": fair,
                "half_spread": half_spread,
                "inventory_quote": leaning.held_quote,
                "lean": leaning.lean,
                "centre": centre,
            },
        )

    def lacking(self, instrument: Instrument, fair: float, quotes: Sequence[Quote]) -> str:
        """What these quotes lack of the bands: what ticks, lots and minimums have taken away. Empty if nothing."""
        for band in self.bands:
            for side, name in ((Side.BUY, "bid"), (Side.SELL, "ask")):
                depth = sum(
                    instrument.notional_quote(instrument.amount(quote.quantity), instrument.price(quote.price))
                    for quote in quotes
                    if quote.side is side
                    and abs(quote.price * instrument.tick_float - fair) <= fair * band.within_pct / 100
                )
                if depth < band.depth_quote:
                    asked = f"{band.depth_quote:.2f} within {band.within_pct:g} %"
                    return f"{depth:.2f} of {asked} would stand on the {name}"
        return ""

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        return self.ladder.chain(*self.inventory.link(How.LOWER, "lean", "half_spread"))

    @cached_property
    def ladder(self) -> Ladder:
        """The levels of both sides."""
        rungs = {side: tuple(self._rungs(side)) for side in Side}
        return Ladder(rungs, AmountUnit.QUOTE, price_floor=self.price_floor, price_ceiling=self.price_ceiling)

    def _reach_bps(self, band: Band) -> float:
        """How far out its last level may stand."""
        return band.within_pct * BPS_OF_PCT * (1 - self.margin_pct / 100)

    def _rungs(self, side: Side) -> Iterator[Rung]:
        """The levels of one side, nearest first, as the seed has drawn them."""
        drawn = partial(_drawn, self.seed, side)
        start_bps, below = self.spread_bps / 2, Decimal(0)
        for band in self.bands:
            end_bps = self._reach_bps(band)
            spacing_bps = (end_bps - start_bps) / band.levels
            weights = [1 + self.roughness * (2 * drawn(band, level, "size") - 1) for level in range(band.levels)]
            asked = (band.depth_quote - below) * Decimal(repr(1 + self.margin_pct / 100))
            for level, weight in enumerate(weights):
                is_first = not level and not below  # the spread is what it is
                # Never past the next one's own place.
                off = 0.0 if is_first else self.roughness * drawn(band, level, "distance")
                spread_bps = start_bps + spacing_bps * (level + off)
                yield Rung(spread_bps, asked * Decimal(repr(weight / sum(weights))))
            start_bps, below = end_bps, band.depth_quote


def _drawn(seed: int, side: Side, band: Band, level: int, what: str) -> float:
    """A number in [0, 1) that only the seed and its place decide: other bands, or more of them, do not change it."""
    place = f"{seed}/{side}/{band.within_pct}/{level}/{what}"
    return int.from_bytes(blake2b(place.encode(), digest_size=6).digest()) / (1 << 48)
