"""Resilience in a report: the sweeps that a daemon has seen end are rows, and say by day what it told while it ran."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from rich.console import Console
from sqlalchemy import Connection, insert

from replenisher.core.resilience import TAUS_NS, Recovery, Resilience, named_time
from replenisher.model.event import SweepEnded
from replenisher.model.order import Side
from replenisher.model.units import DAY_NS
from replenisher.report.page.document import page
from replenisher.report.page.figures import figures
from replenisher.report.report import Report, read_report
from replenisher.report.resampling import with_intervals
from replenisher.report.resilience import read_resilience
from replenisher.report.summary import summary
from replenisher.store import history, tables
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import Recorder
from tests.report.by_hand import KEY as BY_HAND
from tests.report.by_hand import LINEAR, Rows
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

    days = database.read(lambda connection: list(read_resilience(connection, ACCOUNT_KEY, ALWAYS)))

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


# --- More than a report looks at ----------------------------------------------------------------------------------

MANY = 3_000  # sweeps of one day


def write_many(database: Database) -> None:
    """A ledger of a fill and very many sweeps, of all of which the touch is back after some time or not at all."""
    by_hand, random = Rows(LINEAR), Random(5)
    by_hand.life("c")
    by_hand.fill("buy", "1", "100", "100", "0 USDT")
    by_hand.write(database)
    begun = {"journal_id": "0123456789abcdef", "epoch": 1, "index": 0, "at": DAY, "side": Side.BUY, "loss": 1.0}
    begun |= {"venue": BY_HAND.venue, "account": BY_HAND.account, "instrument": LINEAR.name, "band_bps": 0.0}
    rows: list[dict[str, Any]] = []
    for number in range(MANY):
        watched_ns, t50_ns = (round(random.expovariate(rate) * SECOND) for rate in (0.02, 0.5))
        t90_ns = t50_ns + round(random.expovariate(0.05) * SECOND)
        seen = {name: at if at <= watched_ns else None for name, at in (("t50_ns", t50_ns), ("t90_ns", t90_ns))}
        back = {named_time(tau): min(1.0, tau / t50_ns / 2) if tau <= watched_ns else None for tau in TAUS_NS}
        told = {"watched_ns": watched_ns, "back": back, "flow_per_s": random.random(), "own_share": None}
        rows.append(begun | {"step": number, "venue_time": DAY + number * 20 * SECOND} | seen | told)
    database.write(lambda connection: connection.execute(insert(tables.sweeps), rows))


def reported(database: Database, sweeps_max: int, progress: list[tuple[int, int]]) -> Report:
    def work(connection: Connection, beside: Connection) -> Report:
        keys = history.account_keys(connection)
        return read_report(connection, beside, keys, ALWAYS, lambda done, of: progress.append((done, of)), sweeps_max)

    return database.read_beside(work)


def test_of_more_sweeps_than_a_report_looks_at_one_in_several_tells_what_all_would(database: Database) -> None:
    write_many(database)
    of_all, of_some = list[tuple[int, int]](), list[tuple[int, int]]()

    everything, some = reported(database, MANY, of_all), reported(database, 500, of_some)

    assert (everything.sweeps.stored, everything.sweeps.read) == (MANY, MANY)
    assert some.sweeps.stored == MANY
    assert 450 <= some.sweeps.read <= 550
    (whole,), (part,) = ([day.resilience for day in each.resilience] for each in (everything, some))
    assert (whole.sweeps, part.sweeps) == (MANY, some.sweeps.read)
    of_whole, of_part = numbers_of(whole), numbers_of(part)
    assert len(of_whole) == len(of_part) == 18
    for name, number in of_whole.items():
        low, high = part.intervals.get(name, (of_part[name], of_part[name]))  # none is told where all are alike
        assert high is not None
        assert abs(number - of_part[name]) <= high - low, name  # about four standard errors
    assert of_all[-1] == (1 + MANY, 1 + MANY)
    assert of_some[-1] == (1 + some.sweeps.read, 1 + some.sweeps.read)


def numbers_of(resilience: Resilience) -> dict[str, float]:
    """Some of them, by the names of their intervals."""
    assert resilience.t50_s is not None and resilience.t90_s is not None and resilience.flow_per_s is not None
    by_time = {f"t90_by {time}": share for time, share in resilience.t90_by.items()}
    back = {f"back {time}": share for time, share in resilience.back.items()}
    alone = {"t50_s": resilience.t50_s, "t90_s": resilience.t90_s, "flow_per_s": resilience.flow_per_s}
    return by_time | back | alone


def test_a_report_on_part_of_the_sweeps_says_so_in_every_form(database: Database) -> None:
    write_many(database)
    everything, some = reported(database, MANY, []), reported(database, 500, [])
    read = some.sweeps.read

    told = f"{read} of 3,000 sweeps were looked at"
    assert told in in_a_terminal(some) and "looked at" not in in_a_terminal(everything)
    assert json.loads(msgspec.json.encode(some))["sweeps"] == {"stored": MANY, "read": read}
    (drawn,) = (figure for figure in figures(some) if figure.key.startswith("resilience"))
    assert told in drawn.about
    assert f'data-at="sweeps.read">{read}</data><small>of 3,000</small>' in page(some)
    assert "sweeps looked at" not in page(everything)


def in_a_terminal(report: Report) -> str:
    with (console := Console(width=100)).capture() as capture:
        console.print(summary(report, 100))
    return capture.get()
