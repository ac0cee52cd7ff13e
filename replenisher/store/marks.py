"""What instruments were worth while nobody traded: where the others stood once a minute, and when a life stopped."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, func, select

from replenisher.store import tables
from replenisher.store.batches import batches
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What an instrument was worth at a time."""

    at: int
    instrument: str
    price: Decimal


_c = tables.marks.c


def marks(connection: Connection, key: AccountKey, period: Period) -> Iterator[Mark]:
    """Every one of an account, the oldest first."""
    query = select(_c.at, _c.instrument, _c.mid).where(_c.venue == key.venue, _c.account == key.account)
    query = query.where(*period.has(_c.at))
    for at, instrument, mid in batches(connection, query.order_by(_c.at, _c.epoch, _c.step, _c.index)):
        yield from map(Mark, at, instrument, map(Decimal, mid))


def mark_count(connection: Connection, key: AccountKey, period: Period) -> int:
    """How many there are to be read."""
    query = select(func.count()).where(_c.venue == key.venue, _c.account == key.account)
    return connection.execute(query.where(*period.has(_c.at))).scalar_one()
