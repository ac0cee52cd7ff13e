"""The impact of takers: by how much the mid moves for each unit that they buy more than they sell.

That is Kyle's lambda, "Continuous auctions and insider trading", Econometrica 53 (1985): in his market a maker who can
only see how much was taken moves the price by lambda of it, and lambda is high where takers know much and few others
trade. Here it is what a line of least squares through bars of a recording says: the move of the mid in a bar on what
takers bought less what they sold in it. It is an average of what happens at once, and says nothing of what lasts.
"""

from collections.abc import Sequence
from math import sqrt

import msgspec
import numpy as np

from replenisher.model.event import TradePrinted
from replenisher.model.units import SECOND_NS

BAR_S = 10
BARS_MIN = 10  # fewer tell no line


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What a line through so many bars says."""

    bars: int
    value: float  # price units for each unit of the wire amount
    error: float
    r2: float  # the share of the moves' variance that it explains


def impact(bought: Sequence[float], moves: Sequence[float]) -> Impact | None:
    """The line through these bars; None if they are too few, or if takers did the same in all of them."""
    bars = len(moves)
    if bars < BARS_MIN:
        return None
    x, y = np.array(bought) - np.mean(bought), np.array(moves) - np.mean(moves)
    if not x.any():
        return None
    slope = float(x @ y / (x @ x))
    left, all_of_it = float(((y - slope * x) ** 2).sum()), float(y @ y)
    error = sqrt(left / (bars - 2) / float(x @ x))
    return Impact(bars=bars, value=slope, error=error, r2=1 - left / all_of_it if all_of_it else 0.0)


class Bars:
    """Cuts a market into bars of venue time; one in which the book was lost is left out."""

    def __init__(self) -> None:
        self.bought: list[int] = []  # by takers, less what they sold, in lots
        self.moves: list[float] = []  # of the mid, in ticks
        self._mid: float | None = None  # in force
        self._opened: float | None = None  # where it was when this bar began; None if that was not seen
        self._end = 0  # of this bar
        self._lots = 0

    def saw_mid(self, mid: float, venue_time: int) -> None:
        """It stands there now, in ticks."""
        self._pass(venue_time)
        self._mid = mid

    def saw_trade(self, trade: TradePrinted) -> None:
        """Somebody took."""
        self._pass(trade.venue_time)
        self._lots += trade.taker.sign * trade.quantity

    def lost(self) -> None:
        """The book is gone."""
        self._mid = self._opened = None

    def _pass(self, venue_time: int) -> None:
        if venue_time <= self._end:
            return
        if self._mid is not None and self._opened is not None:
            self.bought.append(self._lots)
            self.moves.append(self._mid - self._opened)
        self._opened, self._lots = self._mid, 0
        bar_ns = BAR_S * SECOND_NS
        self._end = -(-venue_time // bar_ns) * bar_ns
