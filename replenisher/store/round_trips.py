"""What a report reads of how long our places and amends took, from those that were answered.

There may be millions. The database tells them group by group, each as one text: it is done with them sooner than a
driver with as many rows, and meanwhile it needs nothing of us.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, String, case, cast, func, select

from replenisher.store import tables
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey

if TYPE_CHECKING:
    from replenisher.store.marked import Times

WORKING = "working"


class RoundTrips(NamedTuple):
    """The places or the amends of one strategy that were answered."""

    config_version: str  # of their orders
    strategy: str
    request: str
    intent: str
    answered: int
    # How long those took that came to something, from the newest fact that led to each to the word that the order
    # works, by session time; in no particular order.
    took_ns: "Times"


def round_trips(connection: Connection, key: AccountKey, period: Period) -> Iterator[RoundTrips]:
    """Those of one account that were asked for then."""
    import numpy as np

    c = tables.answers.c
    whose = (c.config_version, c.strategy, c.request, c.intent)
    told_ns = cast(case((c.outcome == WORKING, c.at - c.asked_at)), String)
    query = (
        select(*whose, func.count(), func.aggregate_strings(told_ns, ","))
        .where(c.venue == key.venue, c.account == key.account, c.request.in_(("place", "amend")))
        .where(c.asked_at.is_not(None), *period.has(c.asked_at))
        .group_by(*whose)
    )
    for version, strategy, request, intent, answered, told in connection.execute(query):
        took = np.fromstring(told or "", dtype=np.int64, sep=",")
        yield RoundTrips(version, strategy, request, intent, answered, took)
