"""The measure of what is done with a tape: a bare book in plain Python, and nothing besides.

It is the simplest one that a client can keep: a side is a dictionary from price to quantity and the prices in order.
Nobody quotes on it. It is played in turn with what is measured, so a slow machine, or a busy one, slows down both:
events a second differ from machine to machine, and much less how many of these books they take as long as.
"""

import time
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from bench.tape import Tape
from replenisher.model.event import BookSnapshot, Level, TradePrinted
from replenisher.model.units import SECOND_NS


@dataclass(slots=True)
class BareBook:
    """How long it took, pass after pass."""

    tape: Tape
    seconds: list[float] = field(default_factory=list)

    def play(self) -> None:
        """One pass."""
        bids, asks, trades = Side(), Side(), 0
        begun = time.process_time()
        for fact in self.tape.facts:
            if type(fact) is TradePrinted:
                trades += 1
                continue
            if type(fact) is BookSnapshot:
                bids, asks = Side(), Side()
            bids.change(fact.bids)
            asks.change(fact.asks)
        self.seconds.append(time.process_time() - begun)
        assert trades == self.tape.trades

    @property
    def document(self) -> dict[str, float]:
        """What was found: events a second, as they are counted of what stands above, and what one level costs."""
        tape, seconds = self.tape, mean(self.seconds)
        return {
            "events_per_second": round((tape.changes + tape.trades) / seconds),
            "ns_per_level": round(seconds / tape.levels * SECOND_NS),
        }

    def ratio(self, seconds: Sequence[float]) -> float:
        """How many times as long as its own the passes of something else took that were played in turn."""
        return round(mean(seconds) / mean(self.seconds), 1)


class Side:
    """One side of a book."""

    def __init__(self) -> None:
        self.quantities: dict[int, int] = {}
        self.prices: list[int] = []

    def change(self, levels: Sequence[Level]) -> None:
        """The quantities at some prices are now these; 0 removes a level."""
        quantities, prices = self.quantities, self.prices
        for price, quantity in levels:
            if quantity:
                if price not in quantities:
                    insort(prices, price)
                quantities[price] = quantity
            elif quantities.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]
