"""What instruments were worth while nobody traded, by what was decided meanwhile.

There is a decision whenever an opinion has changed, so there may be millions. Of each instrument and minute the least,
the most and the last fair value are handed out, in their order: no fall of what is held is deeper than between these.
Where there are very many fills, which tell as much, one decision in several is looked at, and all of a life's end.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Row, func, or_, select

from replenisher.model.units import MINUTE_NS
from replenisher.store import tables
from replenisher.store.batches import raw_batches
from replenisher.store.one_in import one_in
from replenisher.store.queries import AccountKey


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What an instrument was worth at a time."""

    at: int
    instrument: str
    price: Decimal


FILLS_ALONE = 50_000  # of so many each decision is looked at
STEPS_AT_END = 10_000
Told = tuple[float, int]  # the fair value, and when
_c = tables.decisions.c


def marks_between(
    connection: Connection, key: AccountKey, lives: Iterable[Row[Any]], every: int, steps_at_end: int = STEPS_AT_END
) -> Iterator[Mark]:
    """Of these lives, one after the other; the last of each is what things were worth when it ended.

    One decision in `every` is looked at, and each of the last so many steps of a life.
    """
    query = select(_c.at, _c.instrument, _c.fair_value).where(_c.venue == key.venue, _c.fair_value.is_not(None))
    for life in lives:
        whose = _c.journal_id == life.journal_id, _c.epoch == life.epoch
        last = connection.execute(select(func.max(_c.step)).where(*whose)).scalar_one() or 0
        is_seen = or_(one_in(every, _c.step), _c.step > last - steps_at_end)
        own = query.where(*whose, is_seen).order_by(_c.step, _c.index)
        minute, told = 0, dict[str, list[Told]]()
        for rows in raw_batches(connection, own):
            for at, name, price in cast("Iterable[tuple[int, str, float]]", rows):
                if at >= minute:
                    yield from _thinned(told)
                    minute, told = (at // MINUTE_NS + 1) * MINUTE_NS, {}
                told.setdefault(name, []).append((price, at))
        yield from _thinned(told)


def every_how_many(fills: int) -> int:
    """One decision in how many is looked at, where there are so many fills."""
    return max(1, fills // FILLS_ALONE)


def mark_before(connection: Connection, key: AccountKey, instrument: str, at: int) -> Iterator[Mark]:
    """The last one until then, if there is any."""
    query = select(_c.at, _c.fair_value).where(_c.venue == key.venue, _c.fair_value.is_not(None))
    before = query.where(_c.instrument == instrument, _c.at <= at).order_by(_c.at.desc()).limit(1)
    for row in connection.execute(before):
        yield _mark(instrument, (row.fair_value, row.at))


def _thinned(told: dict[str, list[Told]]) -> Iterator[Mark]:
    """The least, the most and the last of what was told of each instrument in one minute."""
    marks: list[Mark] = []
    for name, some in told.items():
        last = some[-1]
        marks += [_mark(name, each) for each in (*({min(some), max(some)} - {last}), last)]
    yield from sorted(marks, key=_when)


def _mark(instrument: str, told: Told) -> Mark:
    price, at = told
    return Mark(at, instrument, Decimal(repr(price)))


def _when(mark: Mark) -> int:
    return mark.at
