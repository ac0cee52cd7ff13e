"""Resilience in a report: the sweeps that a daemon has seen end are rows, and say by day what it told while it ran."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from replenisher.core.resilience import TAUS_NS, Recovery, named_time
from replenisher.model.event import SweepEnded
from replenisher.model.order import Side
from replenisher.model.units import DAY_NS
from replenisher.report.resampling import with_intervals
from replenisher.report.resilience import read_resilience
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import Recorder
from tests.store.given import ACCOUNT, KEY, SECOND, T0, defined, started, step, write_journal
from tests.store.test_recorder import rows

ACCOUNT_KEY = AccountKey("deribit", ACCOUNT)
DAY = T0 // DAY_NS * DAY_NS


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def recovery(at: int, t90_s: int | None, *, band_bps: float = 5.0, side: Side = Side.BUY) -> Recovery:
    return Recovery(
        side=side,
        band_bps=band_bps,
        at=at,
        loss=80.0,
        watched_ns=60 * SECOND,
        back=(0.1, 0.3, 0.5, 0.7, 0.9, 1.0, None),
        t50_ns=SECOND,
        t90_ns=None if t90_s is None else t90_s * SECOND,
        flow_per_s=0.5,
        own_share=None,
    )


def ended(what: Recovery) -> SweepEnded:
    told = msgspec.structs.asdict(what)
    venue_time = told.pop("at")
    told["back"] = dict(zip(map(named_time, TAUS_NS), what.back, strict=True))
    return SweepEnded(at=venue_time + 60 * SECOND, instrument=KEY, venue_time=venue_time, **told)


def test_sweeps_come_back_from_the_ledger_as_they_went_in_day_by_day(database: Database, tmp_path: Path) -> None:
    today = [recovery(DAY + 1, 2), recovery(DAY + 2, None, side=Side.SELL)]
    touch, tomorrow = recovery(DAY + 3, 1, band_bps=0.0), recovery(DAY + DAY_NS, 4)
    facts = [ended(each) for each in (*today, touch, tomorrow)]
    write_journal(tmp_path / "journal", [step(1, [started(), defined()]), step(2, facts)])
    Recorder(tmp_path / "journal", database).record_all()

    days = database.read(lambda connection: list(read_resilience(connection, ACCOUNT_KEY)))

    def told(sweeps: list[Recovery]) -> object:
        return with_intervals([msgspec.structs.replace(each, loss=each.loss * 10) for each in sweeps])  # a lot is 10

    assert [(each.day, each.band_bps, each.config_version, each.instrument) for each in days] == [
        (DAY, 0.0, "c1", "BTC-PERPETUAL"),
        (DAY, 5.0, "c1", "BTC-PERPETUAL"),
        (DAY + DAY_NS, 5.0, "c1", "BTC-PERPETUAL"),
    ]
    assert [each.resilience for each in days] == [told([touch]), told(today), told([tomorrow])]
    assert days[1].resilience.intervals["t90_s"] == (2.0, None)  # of two sweeps one is never back
    first, *_ = rows(database, tables.sweeps)
    assert (first["loss"], first["back"]["30s"], first["t90_ns"]) == (800.0, None, 2 * SECOND)
