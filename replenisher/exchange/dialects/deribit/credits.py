"""What a client may still ask: credits that refill with time, in a bucket of its own for each pool of methods."""

from enum import StrEnum

from replenisher.exchange.dialects.deribit.settings import DeribitSettings, Grant
from replenisher.model.units import SECOND_NS


class Pool(StrEnum):
    """Whose credits a request costs."""

    OTHER = "non_matching_engine"
    SUBSCRIBE = "subscribe"  # dearer than others, as is the next one
    INSTRUMENTS = "get_instruments"
    CASH_LOG = "get_transaction_log"
    TRADING = "trading"
    CANCEL_ALL = "cancel_all"


# What one request costs, and how many credits there are; each pool is filled up at the same rate.
CREDITS_PER_S = 10_000
DEARER = {
    Pool.SUBSCRIBE: (3_000, 30_000),
    Pool.INSTRUMENTS: (10_000, 500_000),
    Pool.CASH_LOG: (10_000, 80_000),
}


class Credits:
    """Those of one account, or of one connection that has none."""

    def __init__(self) -> None:
        self._buckets: dict[Pool, Bucket] = {}
        self._since = 0  # since when so much is granted

    def pay(self, pool: Pool, limits: DeribitSettings, at: int) -> bool:
        """Pay for one request, if there is a credit left."""
        granted = limits.granted(at)
        if granted.since != self._since:
            self._since, self._buckets = granted.since, {}
        if pool not in self._buckets:
            self._buckets[pool] = _bucket(pool, limits, granted, at)
        return self._buckets[pool].take(at)


class Bucket:
    """Credits that refill with time: one request costs one."""

    def __init__(self, rate_per_s: float, burst: int, at: int) -> None:
        assert rate_per_s > 0 and burst > 0, "a budget that never has a credit would end every session"
        self._credit_ns = round(SECOND_NS / rate_per_s)  # how long one credit takes to come back
        self._full_ns = burst * self._credit_ns
        self._level_ns = self._full_ns
        self._at = at

    def take(self, at: int) -> bool:
        """Whether there was a credit left."""
        self._level_ns = min(self._full_ns, self._level_ns + max(0, at - self._at))
        self._at = max(at, self._at)
        if self._level_ns < self._credit_ns:
            return False
        self._level_ns -= self._credit_ns
        return True


def _bucket(pool: Pool, limits: DeribitSettings, granted: Grant, at: int) -> Bucket:
    if pool is Pool.OTHER:
        return Bucket(limits.requests_per_s, limits.requests_burst, at)
    if pool in DEARER:
        cost, size = DEARER[pool]
        return Bucket(CREDITS_PER_S / cost, size // cost, at)
    return Bucket(granted.per_s, granted.burst, at)
