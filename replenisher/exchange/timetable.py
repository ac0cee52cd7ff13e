"""When money moves on an instrument without a fill: funding, settlement, delivery.

Funding is exchanged between the longs and the shorts of a perpetual, settlement pays out what was realized and what
positions have gained since the last one, and delivery ends a dated future. The first two come at whole multiples of
their interval since the epoch, those of settlement eight hours later, so that a daily one comes at 08:00 UTC. What was
due while nobody ran the exchange is not made up for, but a future that expired meanwhile is delivered at once.
"""

from enum import StrEnum

from replenisher.exchange.market import Listing
from replenisher.model.instrument import Kind
from replenisher.model.units import SECOND_NS

SETTLEMENT_OFFSET_NS = 8 * 3600 * SECOND_NS


class Occasion(StrEnum):
    """Why money moves."""

    FUNDING = "funding"
    SETTLEMENT = "settlement"
    DELIVERY = "delivery"


class Timetable:
    """The next occasions of one instrument."""

    def __init__(self, listing: Listing, at: int) -> None:
        kind = listing.market.instrument.kind
        self._every = {
            Occasion.FUNDING: listing.funding_every_ns if kind is Kind.PERPETUAL else 0,
            Occasion.SETTLEMENT: listing.settlement_every_ns if kind is not Kind.SPOT else 0,
        }
        self._next = {occasion: self._following(occasion, at) for occasion, every in self._every.items() if every}
        if listing.expires_at is not None:
            self._next[Occasion.DELIVERY] = max(listing.expires_at, at)
        self.next_at = min(self._next.values(), default=None)  # when the next occasion comes; None if none ever does

    def due(self, at: int) -> list[Occasion]:
        """What comes now, in the order in which it is done; each occasion that has passed comes once."""
        if self.next_at is None or at < self.next_at:
            return []
        due = [occasion for occasion in Occasion if self._next.get(occasion, at + 1) <= at]
        for occasion in due:
            if occasion is Occasion.DELIVERY:
                self._next.clear()  # nothing is left that could be funded or settled
            else:
                self._next[occasion] = self._following(occasion, at)
        self.next_at = min(self._next.values(), default=None)
        return due

    def _following(self, occasion: Occasion, at: int) -> int:
        every = self._every[occasion]
        offset = SETTLEMENT_OFFSET_NS if occasion is Occasion.SETTLEMENT else 0
        return ((at - offset) // every + 1) * every + offset
