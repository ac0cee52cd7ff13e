"""Leaning against what we hold: how far the inventory is off its target, and what gives way to it."""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, NamedTuple

from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, NotNegative, about
from replenisher.core.ladder import Ladder
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import How, Link


class Skew(StrEnum):
    """What leans against the inventory."""

    NONE = "none"
    PRICE = "price"  # the whole ladder moves away from more of the same
    SIZE = "size"  # the side that adds gets smaller, the other one larger
    BOTH = "both"


class Leaning(NamedTuple):
    """How a ladder leans now."""

    held_quote: float  # what the inventory is worth, in the quote currency
    lean: float  # with the skew factor in it
    of_price: float  # half spreads by which the centre moves against the inventory
    of_size: float  # share by which bids shrink and asks grow


@dataclass(frozen=True, config=STRICT)
class Inventory:
    """How the ladder leans against what we hold.

    The lean is (inventory - target) in whole ladders of one side, within [-1, 1]. Price: the centre moves by
    lean * skew_factor * half spread, so that with a factor of 1 and a whole ladder too much the bids have retreated
    by one half spread. Size: bids shrink by lean * skew_factor and asks grow by as much, within 0 and double.
    """

    skew: Annotated[Skew, about("what leans against the inventory")] = Skew.NONE
    skew_factor: Annotated[NotNegative, about("half spreads that the centre moves with a whole ladder too much")] = 1.0
    target_quote: Annotated[
        float, about("what we want to hold; of spot, 0 is what was held before the first trade")
    ] = 0.0

    def leaning(self, ladder: Ladder, instrument: Instrument, inventory: Decimal, fair: float) -> Leaning:
        """How far this ladder leans against an inventory in the wire amount."""
        held_quote = worth_quote(instrument, inventory, fair)
        if held_quote == self.target_quote:
            return Leaning(held_quote, 0.0, 0.0, 0.0)
        leans = lean(held_quote, self.target_quote, ladder.side_quote(instrument, fair)) * self.skew_factor
        return Leaning(held_quote, leans, leans if self._by_price else 0.0, leans if self._by_size else 0.0)

    def link(self, how: How, *terms: str) -> tuple[Link, ...]:
        """What it does to a price, in these terms of the strategy; nothing where it leaves prices alone."""
        return (Link("skew", how, terms),) if self._by_price else ()

    @cached_property
    def _by_price(self) -> bool:
        return self.skew in (Skew.PRICE, Skew.BOTH)

    @cached_property
    def _by_size(self) -> bool:
        return self.skew in (Skew.SIZE, Skew.BOTH)


def lean(inventory_quote: float, target_quote: float, ladder_quote: float) -> float:
    """How far the inventory is off its target, in whole ladders of one side, within [-1, 1]."""
    if ladder_quote <= 0:
        return 0.0
    return max(-1.0, min(1.0, (inventory_quote - target_quote) / ladder_quote))


def worth_base(instrument: Instrument, inventory: Decimal, price: float) -> float:
    """What an inventory in the wire amount is worth, in the base currency."""
    if not inventory:
        return 0.0
    contracts = float(inventory * instrument.contract_value)
    return contracts / price if instrument.inverse else contracts


def worth_quote(instrument: Instrument, inventory: Decimal, price: float) -> float:
    """What an inventory in the wire amount is worth, in the quote currency."""
    return float(instrument.notional_quote(inventory, Decimal(repr(price)))) if inventory else 0.0
