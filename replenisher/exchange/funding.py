"""What funding came to, hour by hour: the past of a perpetual's rate.

The rate of eight hours changes all the time; what a position pays in an hour is its mean over that hour, divided by
eight. An hour in which the exchange was opened counts from then on.
"""

from collections import deque
from decimal import Decimal

import msgspec

from replenisher.model.units import HOUR_NS

HOURS_KEPT = 31 * 24


class FundingHour(msgspec.Struct, frozen=True, kw_only=True):
    """One whole hour; the interests are fractions of a position, paid by longs where positive."""

    at: int  # its end
    index: Decimal
    previous_index: Decimal
    interest_1h: float
    interest_8h: float  # of this hour and the seven before it


class Funding:
    """Adds up a rate that is told whenever it may have changed."""

    def __init__(self, rate_8h: float, index: Decimal, at: int) -> None:
        self.hours: deque[FundingHour] = deque(maxlen=HOURS_KEPT)  # oldest first
        self.hour_ends = (at // HOUR_NS + 1) * HOUR_NS  # that in which it was told something last
        self._at = at
        self._rate = rate_8h  # since `_at`
        self._index = self._index_before = index
        self._interest = 0.0  # of this hour so far

    def observe(self, rate_8h: float, index: Decimal, at: int) -> None:
        """The rate and the index from now on; until now they were what was told last."""
        self.advance(at)
        self._rate, self._index = rate_8h, index

    def advance(self, at: int) -> None:
        """Nothing else has been told until now."""
        while at >= self.hour_ends:
            self._accrue(self.hour_ends)
            self._close(self.hour_ends)
            self.hour_ends += HOUR_NS
        self._accrue(at)

    def interest(self, start: int, end: int) -> float:
        """What the hours that ended between two moments came to."""
        return sum(hour.interest_1h for hour in self.hours if start < hour.at <= end)

    def _accrue(self, at: int) -> None:
        self._interest += self._rate * max(0, at - self._at) / (8 * HOUR_NS)
        self._at = max(at, self._at)

    def _close(self, ends: int) -> None:
        before = sum(hour.interest_1h for hour in list(self.hours)[-7:])
        self.hours.append(
            FundingHour(
                at=ends,
                index=self._index,
                previous_index=self._index_before,
                interest_1h=self._interest,
                interest_8h=before + self._interest,
            )
        )
        self._index_before, self._interest = self._index, 0.0
