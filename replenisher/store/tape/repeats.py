"""Trades that are told again: by a stream that was joined twice, or by recordings that were put together.

One that is told again is not another one: played twice it would fill twice what was ever traded. How many are known has
an end, and recordings may overlap for longer than that: one that is older than all that are known was told or came too
late for any market, and counts as told.
"""

from collections import defaultdict, deque

from replenisher.model.event import TradePrinted

KNOWN_MAX = 10_000  # of an instrument

Print = tuple[str, int, int, int]  # a venue may count its trades anew one day, but not at the same time and price


class Repeats:
    """Knows the last trades of each instrument."""

    def __init__(self) -> None:
        self._known: defaultdict[str, _Known] = defaultdict(_Known)

    def has(self, trade: TradePrinted) -> bool:
        """Whether it was told before; one without an id cannot be known again."""
        if not trade.trade_id:
            return False
        known = self._known[trade.instrument]
        told = (trade.trade_id, trade.venue_time, trade.price, trade.quantity)
        if told in known.prints or (known.is_part and trade.venue_time <= known.least[0]):
            return True
        known.add(told)
        return False


class _Known:
    """So many trades, in the order in which they were told."""

    def __init__(self) -> None:
        self.prints: dict[Print, None] = {}
        self.is_part = False  # others are forgotten
        self.least: deque[int] = deque()  # their times, each as small as all that came after it: the first of all

    def add(self, told: Print) -> None:
        """One more; the oldest is forgotten if there are too many."""
        _, venue_time, _, _ = told
        while self.least and self.least[-1] > venue_time:
            self.least.pop()
        self.least.append(venue_time)
        self.prints[told] = None
        if len(self.prints) > KNOWN_MAX:
            self.is_part = True
            oldest = next(iter(self.prints))
            del self.prints[oldest]
            if oldest[1] == self.least[0]:
                self.least.popleft()
