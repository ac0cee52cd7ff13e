"""Ping and pong: a trade is made on either side of fair value, and then closed at its entry and a width."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, about
from replenisher.core.fair_value import FairValue
from replenisher.core.model_ladder import ModelLadder
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.order import BUY, SELL
from replenisher.model.step import Quote
from replenisher.model.units import BPS


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PingPong(ModelLadder):
    """While flat it quotes both sides (ping); holding something it only closes that, at a profit (pong).

    What is held is offered back at its average entry and `width_bps`, or at `spread_bps` from fair value where that is
    better by now, level by level as it was bought. It waits for that as long as it takes: what bounds the loss of
    waiting are the limits of `risk`.
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
        terms = {"fair_value": fair, "spread": spread, "held_lots": 0.0}
        if entry is not None:
            side = SELL if view.inventory > 0 else BUY
            at_entry, at_market = entry * (1 - side.sign * self.width_bps / BPS), fair - side.sign * spread
            pong = max(at_entry, at_market) if side is SELL else min(at_entry, at_market)
            price = instrument.round_price(side, pong)
            if held := _to_close(view, price):
                sizes = _pieces(held, self.ladder.sizes(instrument, entry)[side], instrument, price)
                quotes = [Quote(side, level, price, lots) for level, lots in enumerate(sizes)]
                return Quotes(
                    fair_value=fair,
                    quotes=tuple(self.ladder.within_bounds(instrument, quotes)),
                    terms=terms | {"held_lots": float(held), "entry": entry, "at_entry": at_entry, "pong": pong},
                )
        quotes = self.ladder.quotes(instrument, fair, fair - spread, fair + spread)
        return Quotes(fair_value=fair, quotes=tuple(quotes), terms=terms)


def _to_close(view: View, price: int) -> int:
    """The lots that can be closed at a price: no order can close less than the venue's minimum, nor what is not there.

    Of spot less is there than was bought where the fee is taken from it.
    """
    instrument, amount = view.instrument, abs(view.inventory)
    if view.inventory > 0 and view.available is not None:
        amount = min(amount, view.available)
    held = instrument.lots(amount)
    return 0 if instrument.is_too_small(instrument.amount(held), instrument.price(price)) else held


def _pieces(held: int, sizes: Sequence[int], instrument: Instrument, price: int) -> list[int]:
    """What is held, level by level, each as large as the order that opened it may have been.

    What is left over stands first, where it fills first: the others stay as they are meanwhile. If it is too small to
    stand alone it joins the next one.
    """

    def is_too_small(lots: int) -> bool:
        return lots <= 0 or instrument.is_too_small(instrument.amount(lots), instrument.price(price))

    pieces: list[int] = []
    for size in [size for size in sizes if not is_too_small(size)][:0:-1]:
        if is_too_small(held - size):
            break
        pieces.insert(0, size)
        held -= size
    return [held, *pieces]
