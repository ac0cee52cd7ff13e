"""Resilience day by day: how the books that we quoted came back after somebody had swept them, from stored sweeps.

There may be millions. Where there are more than a report can look at, one in several is: what is said of them are means
and estimates of chances, which are those of all but for chance, and how much that may be their intervals say.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, select

from replenisher.core.resilience import TAUS_NS, Recovery, Resilience, named_time
from replenisher.model.order import SIDES
from replenisher.model.units import DAY_NS, MS_NS
from replenisher.report.resampling import with_intervals
from replenisher.store import tables
from replenisher.store.batches import row_batches
from replenisher.store.history import with_version
from replenisher.store.one_in import one_in
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey

TIMES = tuple(map(named_time, TAUS_NS))
SWEEPS_MAX = 50_000  # that one report looks at, but for chance
_c = tables.sweeps.c
# What is read of each: which book and band it is of, and the other fields of a recovery.
READ: tuple[ColumnElement[Any], ...] = (
    *(_c.instrument, tables.lives.c.config_version, _c.band_bps),
    *(_c.venue_time, _c.side, _c.loss, _c.watched_ns, _c.back, _c.t50_ns, _c.t90_ns, _c.flow_per_s, _c.own_share),
)


class SweepsRead(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many sweeps in the ledger the report has looked at how many."""

    stored: int
    read: int

    @property
    def is_part(self) -> bool:
        """Whether it has not looked at all of them."""
        return self.read < self.stored

    @property
    def told(self) -> str:
        """The same in words."""
        return f"{self.read:,} of {self.stored:,} sweeps were looked at, evenly over time"


class DayOfSweeps(msgspec.Struct, frozen=True, kw_only=True):
    """What the sweeps of one book came to on one day (UTC), while one configuration version was in force."""

    config_version: str
    venue: str
    instrument: str
    band_bps: float  # of the mid, within which depth counts; 0 is the touch
    day: int  # when it begins
    resilience: Resilience


def sweep_count(connection: Connection, keys: Sequence[AccountKey], period: Period, every: int = 1) -> int:
    """How many sweeps of these accounts are read, if one in so many is."""
    query = select(func.count()).select_from(tables.sweeps).where(_is_read(every), *period.has(_c.venue_time))
    counts = (query.where(_c.venue == key.venue, _c.account == key.account) for key in keys)
    return sum(connection.execute(count).scalar_one() for count in counts)


def read_resilience(
    connection: Connection,
    key: AccountKey,
    period: Period,
    every: int = 1,
    progress: Callable[[int], None] = lambda _done: None,
) -> Iterator[DayOfSweeps]:
    """Every day of one account on which there was a sweep, oldest first; a day is kept until it is over.

    One sweep in `every` is looked at; `progress` is told each time so many more are.
    """
    query = with_version(tables.sweeps, key).where(_is_read(every), *period.has(_c.venue_time))
    query = query.with_only_columns(*READ).order_by(_c.venue_time, _c.epoch, _c.step, _c["index"])
    rows = chain.from_iterable(row_batches(connection, query))
    for day, those in groupby(rows, lambda row: row.venue_time // DAY_NS * DAY_NS):
        books: dict[tuple[str, str, float], list[Recovery]] = {}
        for row in those:
            books.setdefault((row.instrument, row.config_version, row.band_bps), []).append(_recovery(row))
        for (instrument, version, band_bps), sweeps in sorted(books.items(), key=lambda each: each[0]):
            yield DayOfSweeps(
                config_version=version,
                venue=key.venue,
                instrument=instrument,
                band_bps=band_bps,
                day=day,
                resilience=with_intervals(sweeps),
            )
            progress(len(sweeps))


def _is_read(every: int) -> ColumnElement[bool]:
    """By when they happened, so that all bands tell of the same moments."""
    return one_in(every, _c.venue_time // MS_NS)


def _recovery(row: Row[Any]) -> Recovery:
    return Recovery(
        side=SIDES[row.side],
        band_bps=row.band_bps,
        at=row.venue_time,
        loss=row.loss,
        watched_ns=row.watched_ns,
        back=tuple(map(row.back.get, TIMES)),
        t50_ns=row.t50_ns,
        t90_ns=row.t90_ns,
        flow_per_s=row.flow_per_s,
        own_share=row.own_share,
    )
