"""Ping and pong: a trade is made on either side of fair value, and then closed at its entry and a width."""

from functools import cached_property
from typing import Annotated

from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, about
from replenisher.core.fair_value import FairValue
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.strategy import Quotes, View
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.order import BUY, SELL
from replenisher.model.step import Quote
from replenisher.model.units import BPS


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PingPong(ModelLadder):
    """While flat it quotes both sides (ping); holding something it only closes that, at a profit (pong).

    What is held is offered back at its average entry and `width_bps`, or at `spread_bps` from fair value where that is
    better by now. It waits for that as long as it takes: what bounds the loss of waiting are the limits of `risk`.
    """

    spread_bps: Annotated[Positive, about("from fair value to the first level, while flat")]
    width_bps: Annotated[Positive, about("from the entry to where it is closed")]
    fair_value: FairValue = FairValue()

    @cached_property
    def chain(self) -> Chain:
        """How prices follow from terms: the way out is a price of its own."""
        return self.ladder.chain(Link("pong", How.ONLY_AT, ("pong",)), Link("half spread", How.OUTWARD, ("spread",)))

    def around(self, fair: float, view: View) -> Quotes:
        """Both sides while flat, else the one that closes."""
        instrument, entry = view.instrument, view.entry_price
        spread = fair * self.spread_bps / BPS
        amount = abs(view.inventory)
        held = instrument.lots(amount) if amount >= instrument.min_amount else 0  # no order can close less
        terms = {"fair_value": fair, "spread": spread, "held_lots": float(held)}
        if not held or entry is None:
            quotes = self.ladder.quotes(instrument, fair, fair - spread, fair + spread)
            return Quotes(fair_value=fair, quotes=tuple(quotes), terms=terms)
        side = SELL if view.inventory > 0 else BUY
        at_entry, at_market = entry * (1 - side.sign * self.width_bps / BPS), fair - side.sign * spread
        pong = max(at_entry, at_market) if side is SELL else min(at_entry, at_market)
        price = instrument.round_price(side, pong)
        return Quotes(
            fair_value=fair,
            quotes=(Quote(side, 0, price, held),),
            terms=terms | {"entry": entry, "at_entry": at_entry, "pong": pong},
        )
