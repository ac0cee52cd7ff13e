"""Resilience day by day: how the books that we quoted came back after somebody had swept them, from stored sweeps."""

from collections.abc import Iterator
from itertools import chain, groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from replenisher.core.resilience import TAUS_NS, Recovery, Resilience, named_time
from replenisher.model.units import DAY_NS
from replenisher.report.resampling import with_intervals
from replenisher.store import tables
from replenisher.store.batches import row_batches
from replenisher.store.history import SIDES, with_version
from replenisher.store.queries import AccountKey

TIMES = tuple(map(named_time, TAUS_NS))


class DayOfSweeps(msgspec.Struct, frozen=True, kw_only=True):
    """What the sweeps of one book came to on one day (UTC), while one configuration version was in force."""

    config_version: str
    venue: str
    instrument: str
    band_bps: float  # of the mid, within which depth counts; 0 is the touch
    day: int  # when it begins
    resilience: Resilience


def read_resilience(connection: Connection, key: AccountKey) -> Iterator[DayOfSweeps]:
    """Every day of one account on which there was a sweep, oldest first; a day is kept until it is over."""
    c = tables.sweeps.c
    query = with_version(tables.sweeps, key).order_by(c.venue_time, c.epoch, c.step, c["index"])
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
