"""The rate budget: a bucket of request credits that session time refills, with a reserve that only cancels may use.

A request is paid for when it is decided, and leaves once it is in the journal, for which a slow disk may take seconds.
Until then the venue has heard of nothing, and a bucket that is full gains nothing by waiting. So the room of what may
not have left yet stays empty in ours: then the venue never has less for us than we believe. By the next later step it
has left, as none is taken before.
"""

from dataclasses import dataclass

import msgspec

from replenisher.model.units import SECOND_NS

UNPAID = "rate_limit_per_s"  # why a wish was not emitted that the budget could not pay for


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a venue allows: `per_s` requests sustained, `burst` at once."""

    per_s: float
    burst: float


class Budget(msgspec.Struct):
    """The credits left. A place or amend may not touch the reserve of one cancel per live order."""

    credits: float
    refilled_at: int
    leaving: int = 0  # requests that are paid for, and may not have left yet

    def refill(self, limit: RateLimit, at: int) -> None:
        """Session time has passed."""
        if at > self.refilled_at:
            credits, most = self.credits + (at - self.refilled_at) * limit.per_s / SECOND_NS, limit.burst - self.leaving
            self.credits = credits if credits < most else most
            self.refilled_at = at

    def all_has_left(self, limit: RateLimit, at: int) -> None:
        """What was paid for is on its way by now, for all that we know not before."""
        self.refill(limit, at)
        self.leaving = 0

    def spend(self, reserve: int) -> bool:
        """Pay for one request out of what is above the reserve; False if it cannot be paid."""
        if self.credits < 1 + reserve:
            return False
        self.credits -= 1
        self.leaving += 1
        return True

    def owe(self, requests: int) -> None:
        """Pay for requests that were sent already, if need be out of credits still to come."""
        self.credits -= requests
        self.leaving += requests

    def shrink(self, less: float) -> None:
        """The bucket holds so much less from now on; no venue counts below nothing, so that alone leaves no debt."""
        self.credits = max(self.credits - less, min(self.credits, 0.0))

    def affords_at(self, limit: RateLimit, reserve: int) -> int:
        """The session time at which one more request above the reserve can be paid."""
        missing = max(0.0, 1 + reserve - self.credits)
        return self.refilled_at + int(missing * SECOND_NS / limit.per_s) + 1
