"""Quotes that go by where the others stand: at their touch, in front of it, or in front of so much of their size."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self, assert_never

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Amount, Positive, WrongArgument, about
from replenisher.core.fair_value import FairValue
from replenisher.core.inventory import Inventory
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.signals.depth import PriceBehind
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.strategy import Quotes, View
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import BPS

NAMES = {BUY: "bids", SELL: "asks"}


class Placement(StrEnum):
    """Where the first level of a side stands."""

    JOIN = "join"  # at the others' touch or half a spread from fair value, whichever is further out
    INVERSE_JOIN = "inverse_join"  # whichever is nearer
    IMPROVE = "improve"  # as join, but in front of the others' touch
    DEPTH = "depth"  # as improve, but in front of the level that completes behind_amount; nowhere if none does


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TopOfBook(ModelLadder):
    """The first level of each side stands relative to the others' orders, and never closer than its spread allows."""

    placement: Annotated[
        Placement,
        about(
            "where the first level of a side stands: at the others' touch or half the spread, whichever is further out"
            " (join) or nearer; in front of their touch (improve), or of the level that completes behind_amount (depth)"
        ),
    ]
    spread_bps: Annotated[Positive, about("between the first levels, where the others do not decide")]
    improve_ticks: Annotated[
        Annotated[int, Field(ge=1, le=1_000)], about("steps of the price in front of the others, of improve and depth")
    ] = 1
    behind_amount: Annotated[
        Amount | None,
        about("others' size to pass over, in size_unit; a side that is known to hold less is not quoted; of depth"),
    ] = None
    fair_value: FairValue = FairValue()
    inventory: Inventory = Inventory()

    @model_validator(mode="after")
    def _depth_has_an_amount(self) -> Self:
        if (self.placement is Placement.DEPTH) != (self.behind_amount is not None):
            raise WrongArgument("behind_amount", "it belongs to the placement depth, which needs it")
        return self

    @cached_property
    def signals(self) -> dict[str, SignalSpec]:
        """Where so much of the others' size is passed over, of the placement depth."""
        if self.behind_amount is None:
            return {}
        return {
            f"{side}_behind": PriceBehind(side=side, amount=self.behind_amount, unit=self.size_unit) for side in Side
        }

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms."""
        return self.ladder.chain(
            Link("half spread", How.OUTWARD, ("half_spread",)),
            Link(self.placement, How.AT, ("first_bid",), BUY),
            Link(self.placement, How.AT, ("first_ask",), SELL),
            *self.inventory.link(How.RETREAT, "shift"),
        )

    def around(self, fair: float, view: View) -> Quotes:
        """The ladder for this market and inventory."""
        instrument = view.instrument
        half_spread = fair * self.spread_bps / 2 / BPS
        leaning = self.inventory.leaning(self.ladder, instrument, view.inventory, fair)
        shift = leaning.of_price * half_spread
        thin = [side for side in Side if view.signals.get(f"{side}_behind") == 0]
        bid, ask = self._first(view, BUY, fair - half_spread), self._first(view, SELL, fair + half_spread)
        quotes = self.ladder.quotes(instrument, fair, bid - max(shift, 0.0), ask - min(shift, 0.0), leaning.of_size)
        return Quotes(
            fair_value=fair,
            quotes=tuple(quote for quote in quotes if quote.side not in thin),
            terms={
                "fair_value": fair,
                "half_spread": half_spread,
                "first_bid": bid,
                "first_ask": ask,
                "inventory_quote": leaning.held_quote,
                "lean": leaning.lean,
                "shift": shift,
            }
            | dict(view.signals),
            reason=", ".join(f"the others' {NAMES[side]} hold less than behind_amount" for side in thin),
        )

    def _first(self, view: View, side: Side, from_fair: float) -> float:
        """Where the first level of a side stands before any lean; `from_fair` is half a spread from fair value."""
        instrument = view.instrument
        touch = view.touch.bid if side is BUY else view.touch.ask
        match self.placement:
            case Placement.JOIN:
                return _further(side, float(instrument.price(touch)), from_fair)
            case Placement.INVERSE_JOIN:
                return _nearer(side, float(instrument.price(touch)), from_fair)
            case Placement.IMPROVE:
                others = touch
            case Placement.DEPTH:
                behind = view.signals.get(f"{side}_behind")
                others = round(behind / instrument.tick_float) if behind else touch  # none: nobody has seen a book
            case _:
                assert_never(self.placement)
        return _further(side, float(instrument.price(instrument.nearer(side, others, self.improve_ticks))), from_fair)


def _further(side: Side, one: float, other: float) -> float:
    """The price that is further from the other side."""
    return min(one, other) if side is BUY else max(one, other)


def _nearer(side: Side, one: float, other: float) -> float:
    """The price that is nearer to the other side."""
    return max(one, other) if side is BUY else min(one, other)
