"""How far in quotes may stand: what is wanted further in is moved out to the limit.

One limit holds for everybody: every order is post-only, so one that reaches the others' touch as we see it would only
be refused. Where the market moves while it is on its way it is refused still, and its slot waits (`slots.py`). What is
wanted beyond the collar is not moved inside it: who wants that has lost sight of the market.
"""

from collections.abc import Sequence

import msgspec

from replenisher.core.book import Touch
from replenisher.core.risk import COLLAR, Bound
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL
from replenisher.model.step import Cut, Quote

CROSSES_OTHERS = "would cross the others"
Innermost = tuple[int, int]  # the highest bid and the lowest ask that may be shown, in ticks


def passive(
    quotes: tuple[Quote, ...], instrument: Instrument, touch: Touch, bounds: Sequence[Bound]
) -> tuple[tuple[Quote, ...], tuple[Cut, ...]]:
    """The quotes, none of them where it would take from the others, and what was made of those that would have."""
    bid, ask = touch.bid, touch.ask
    for quote in quotes:
        if quote.price >= ask if quote.side is BUY else quote.price <= bid:
            break
    else:
        return quotes, ()
    limits = (
        instrument.round_price(BUY, instrument.price(ask - 1)),
        instrument.round_price(SELL, instrument.price(bid + 1)),
    )
    lowest, highest = max(bound.lowest for bound in bounds), min(bound.highest for bound in bounds)
    meant = [quote for quote in quotes if lowest <= quote.price <= highest]
    cuts = [Cut.all_of(quote, COLLAR) for quote in quotes if not lowest <= quote.price <= highest]
    return tuple(no_further_in(meant, limits, CROSSES_OTHERS, cuts)), tuple(cuts)


def no_further_in(quotes: Sequence[Quote], innermost: Innermost, reason: str, cuts: list[Cut]) -> list[Quote]:
    """The quotes, those beyond a limit moved out to it; of those that would meet there the first one stays."""
    kept: list[Quote] = []
    for side, limit in zip((BUY, SELL), innermost, strict=True):
        is_taken = False  # by one that was moved
        for quote in quotes:
            if quote.side is not side:
                continue
            away = (limit - quote.price) * side.sign
            if is_taken and away <= 0:
                cuts.append(Cut.all_of(quote, reason))
            elif away >= 0:
                kept.append(quote)
            else:
                is_taken = True
                kept.append(msgspec.structs.replace(quote, price=limit))
                cuts.append(Cut.leaving(kept[-1], reason))
    return kept
