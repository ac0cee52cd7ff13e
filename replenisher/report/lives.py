"""The lives of a daemon: when each began, under which configuration, and how it ended."""

from collections.abc import Iterable, Iterator

import msgspec

from replenisher.store.lived import CUT_OFF, Lived
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life that traded on an account."""

    venue: str
    account: str
    config_version: str
    since: int
    until: int | None  # None while it goes on, and where it was cut off
    outcome: str  # verified flat, not verified flat or cut off; empty while it goes on
    exit_code: int | None
    reason: str
    may_rest: str  # the ids of orders, where it was not verified flat


def lives_of(key: AccountKey, told: Iterable[Lived], period: Period) -> Iterator[Life]:
    """Those of one account in a period, oldest first; of one that was cut off only its beginning is known."""
    for life in told:
        if period.meets(life.since, life.since if life.outcome == CUT_OFF else life.until):
            yield Life(
                venue=key.venue,
                account=key.account,
                config_version=life.config_version,
                since=life.since,
                until=life.until,
                outcome=life.outcome,
                exit_code=life.exit_code,
                reason=life.reason,
                may_rest=", ".join(life.may_rest),
            )
