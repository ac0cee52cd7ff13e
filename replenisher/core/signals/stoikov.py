"""Stoikov's micro-price: the mid, and what is added to it at each imbalance and spread, from a table.

The micro-price is the mid that is expected once both queues have moved on, given how much stands on either side and how
wide the spread is: Stoikov, "The micro-price: a high-frequency estimator of future prices", Quant. Finance 18 (2018).
How much to add is a property of the instrument, estimated from a tape: `replenisher calibrate`.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Annotated

from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, about
from replenisher.core.book import Touch


@dataclass(frozen=True, slots=True, config=STRICT)
class StoikovTable:
    """What to add to the mid, in ticks, at each imbalance and spread; a wider spread is treated as the widest here.

    Imbalance is the bid's share of what stands at the touch, and is cut into buckets.
    """

    edges: Annotated[tuple[float, ...], about("where one bucket of imbalance ends and the next one begins")]
    adjustments: Annotated[
        tuple[tuple[float, ...], ...],
        about("ticks to add to the mid: a row for each spread from one tick on, a number for each bucket"),
    ]

    def __post_init__(self) -> None:
        if not all(0 < edge < 1 for edge in self.edges) or any(b <= a for a, b in pairwise(self.edges)):
            raise ValueError("the edges of the imbalance ascend, between 0 and 1")
        if not self.adjustments:
            raise ValueError("there is a row for a spread of one tick at least")
        for spread, row in enumerate(self.adjustments, start=1):
            if len(row) != len(self.edges) + 1:
                raise ValueError(
                    f"the row of spread {spread} has {len(row)} numbers, the edges make {len(self.edges) + 1} buckets"
                )
            if not all(-spread / 2 <= ticks <= spread / 2 for ticks in row):
                raise ValueError(f"the row of spread {spread} leaves the spread: half of it is {spread / 2} ticks")

    def price(self, touch: Touch) -> float:
        """The micro-price in ticks."""
        row = self.adjustments[min(touch.ask - touch.bid, len(self.adjustments)) - 1]
        imbalance = touch.bid_quantity / (touch.bid_quantity + touch.ask_quantity)
        # On an edge both buckets count: a balanced touch, which an edge may be made for, leans to neither side.
        below, above = row[bisect_left(self.edges, imbalance)], row[bisect_right(self.edges, imbalance)]
        return (touch.bid + touch.ask) / 2 + (below + above) / 2
