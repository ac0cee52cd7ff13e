"""What a report reads of how long our places and amends took, from those that were answered."""

from collections.abc import Iterator, Sequence
from typing import cast

from sqlalchemy import Connection, case, select

from replenisher.store import tables
from replenisher.store.batches import raw_batches
from replenisher.store.queries import AccountKey

WORKING = "working"

# A place or an amend: the configuration version of its order, strategy, request, intent, and how long it took from the
# newest fact that led to it to the word that the order works, by session time in ns; None of what came to nothing.
RoundTrip = tuple[str, str, str, str, int | None]


def round_trips(connection: Connection, key: AccountKey) -> Iterator[Sequence[RoundTrip]]:
    """Those of one account, many at once and in no particular order."""
    c = tables.answers.c
    took_ns = case((c.outcome == WORKING, c.at - c.asked_at))
    query = (
        select(c.config_version, c.strategy, c.request, c.intent, took_ns)
        .where(c.venue == key.venue, c.account == key.account, c.request.in_(("place", "amend")))
        .where(c.asked_at.is_not(None))
    )
    yield from cast("Iterator[Sequence[RoundTrip]]", raw_batches(connection, query))
