"""Alone: what stands in for the market where the others have left a side of a book, for who quotes on all the same.

A strategy that may do so knows a price without that book (`when_alone` in `core/fair_value.py`). Its price is then the
mark that limits, the collar and P&L go by. Signals, markouts and who follows the book go by what the others show, and
see nothing.
"""

from collections.abc import Sequence

from replenisher.core.book import Touch
from replenisher.core.elsewhere import fresh_prices
from replenisher.core.state import State


def look_alone(state: State, looked_at: Sequence[str], at: int) -> None:
    """Work out what stands in for the others' touch where there is none."""
    for instrument in looked_at:
        setup = state.setup.alone.get(instrument)
        if setup is None or setup.alone is None or state.touches[instrument] is not None:
            continue
        state.stand_ins.pop(instrument, None)
        definition, book = state.instruments.get(instrument), state.books[instrument]
        price = setup.alone.price_alone(fresh_prices(state, setup, at))
        if price is not None and definition is not None and not book.distrust:
            bid, ask = state.own_size(instrument).best_of_others(book, at)
            state.stand_ins[instrument] = stand_in(bid, ask, price / definition.tick_float)


def stand_in(bid: int | None, ask: int | None, fair_ticks: float) -> Touch:
    """A touch with nothing at the side that is empty, which is as far from fair value as the other one.

    Where somebody bids above fair value, or offers below it, they stand a tick apart: what somebody pays is a price.
    """
    twice = round(2 * fair_ticks)
    if bid is None:
        bid = 0 if ask is None else min(twice - ask, ask - 1)
    if ask is None:
        ask = max(twice - bid, bid + 1)
    return Touch(bid, 0, ask, 0)
