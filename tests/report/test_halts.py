"""Halts and pauses in a report: since when and until when nothing was shown, why, and how that ended."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from replenisher.model.units import SECOND_NS
from replenisher.report.halts import Halt, halts_of
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.halts import Latch
from replenisher.store.period import ALWAYS
from tests.report.by_hand import KEY, LINEAR, T0, Rows

OURS, THEIRS = "a" * 16, "b" * 16


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def told(*latches: Latch, now: int = 100) -> list[tuple[int, int | None, int, str, str]]:
    """From when to when, how long, how each ended, and the words at its end."""
    found = halts_of(KEY, latches, now, ALWAYS)
    return [(each.since, each.until, each.lasted_ns, each.ended_by, each.resume_reason) for each in found]


def halted(at: int, journal_id: str = OURS, cause: str = "loss") -> Latch:
    return Latch(journal_id, "halted", at, "lost", cause=cause)


def paused(at: int, until: int = 0, strategy: str = "", journal_id: str = OURS) -> Latch:
    return Latch(journal_id, "paused", at, "broken", strategy=strategy, until=until)


def resumed(at: int, reason: str = "", journal_id: str = OURS) -> Latch:
    return Latch(journal_id, "resumed", at, reason)


def test_a_halt_ends_with_an_operators_reason_whoever_heard_it() -> None:
    assert told(halted(1), resumed(5), resumed(9, "mended", THEIRS))[0] == (1, 9, 8, "resume", "mended")


def test_a_halt_that_nobody_has_lifted_lasts_as_long_as_the_ledger_knows() -> None:
    assert told(halted(10)) == [(10, None, 90, "", "")]


def test_a_pause_ends_with_any_resume_of_its_own_daemon() -> None:
    assert told(paused(1, strategy="core"), resumed(4, "x", THEIRS), resumed(6))[0] == (1, 6, 5, "resume", "")


def test_a_pause_ends_with_its_own_time_unless_somebody_resumes_before() -> None:
    assert told(paused(1, until=20), paused(30, until=50), resumed(40)) == [
        (1, 20, 19, "time", ""),
        (30, 40, 10, "resume", ""),
    ]
    assert told(paused(1, until=200)) == [(1, None, 99, "", "")], "its time is not over yet"


def test_a_pause_that_shows_nothing_takes_the_place_of_one_that_reduces() -> None:
    assert told(paused(1, until=50), paused(10, until=60), paused(20, strategy="core")) == [
        (1, 10, 9, "pause", ""),
        (10, 60, 50, "time", ""),
        (20, None, 80, "", ""),
    ]


def test_one_resume_ends_all_that_stands() -> None:
    found = told(halted(1), halted(2, cause="key"), paused(3), resumed(9, "mended"))

    assert [(until, words) for _, until, _, _, words in found] == [(9, "mended")] * 3


def test_a_resume_that_ended_nothing_that_is_recorded_stands_alone() -> None:
    """Nothing stood at all, or what an earlier version had no row of."""
    (found,) = halts_of(KEY, [resumed(7, "done")], 100, ALWAYS)

    assert (found.kind, found.since, found.until, found.lasted_ns) == ("resumed", 7, 7, 0)
    assert (found.reason, found.ended_by, found.resume_reason) == ("", "resume", "done")


def test_a_report_tells_the_halts_and_pauses_of_its_account(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.mandate(None)
    rows.mandate(None, strategy="abroad", venue="another venue")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.move_to(60)
    rows.paused("too much was lost", for_s=900)
    rows.move_to(1_200)
    rows.paused("it raised", strategy="core")
    rows.paused("it raised", strategy="abroad")
    rows.move_to(1_260)
    rows.resumed()
    rows.move_to(2_000)
    rows.halted("loss", "too much was lost again")
    rows.move_to(3_000)
    rows.recorded()
    rows.write(database)

    found = reported(database).halts

    whose = {"venue": KEY.venue, "account": KEY.account, "resume_reason": ""}
    second = [T0 + seconds * SECOND_NS for seconds in range(3_001)]
    assert found == (
        Halt(kind="paused", strategy="", since=second[60], until=second[960], lasted_ns=900 * SECOND_NS, cause="",
             reason="too much was lost", ended_by="time", **whose),
        Halt(kind="paused", strategy="core", since=second[1_200], until=second[1_260], lasted_ns=60 * SECOND_NS,
             cause="", reason="it raised", ended_by="resume", **whose),
        Halt(kind="halted", strategy="", since=second[2_000], until=None, lasted_ns=1_000 * SECOND_NS, cause="loss",
             reason="too much was lost again", ended_by="", **whose),
    )  # fmt: skip


def reported(database: Database) -> Report:
    return database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))
