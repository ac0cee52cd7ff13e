"""What is drawn goes on as long as the ledger knows something, and not only from fill to fill."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from replenisher.model.step import HORIZONS_NS
from replenisher.model.units import SECOND_NS
from replenisher.report.drawn import POINTS_MAX, Pen
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.marked import Marked
from replenisher.store.period import ALWAYS
from tests.report.by_hand import KEY, LINEAR, T0, Rows


@pytest.fixture
def report(ledger_url: str) -> Iterator[Report]:
    """A day in which it fills for a minute, marks what it holds for an hour, and is looked at for another one."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "3", "99", "100", "0 USDT")
    rows.after(100.5, *[None] * 6, 102)
    rows.move_to(60)
    rows.fill("sell", "1", "103", "", "0 USDT")
    rows.move_to(1_800)
    rows.mid("104")
    rows.move_to(3_600)
    rows.mid("101")
    rows.move_to(7_200)
    rows.recorded()
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        yield database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))


def seconds(at: tuple[int, ...]) -> list[float]:
    return [(each - T0) / SECOND_NS for each in at]


def test_the_period_is_from_the_first_to_the_last_thing_that_the_ledger_knows(report: Report) -> None:
    assert seconds((report.since, report.until)) == [1, 7_200]


def test_the_pnl_goes_on_with_the_marks_and_then_stays_to_the_end(report: Report) -> None:
    (equity,) = report.curves.equity

    assert seconds(equity.at) == [2, 60, 1_800, 3_600, 7_200]
    assert equity.total == (3, 12, 14, 8, 8)
    assert equity.total[-1] == report.pnl.totals[0].total


def test_the_middle_of_the_book_is_that_of_fills_and_after_them_and_of_marks(report: Report) -> None:
    (mids,) = report.curves.mids

    known = [(2, 100), (2.1, 100.5), (302, 102), (1_800, 104), (3_600, 101)]
    assert list(zip(seconds(mids.at), mids.mid, strict=True)) == known


def test_of_many_fills_what_the_market_did_after_them_is_few_points() -> None:
    count, at_once = 100_000, 10_000
    pen = Pen(KEY, {LINEAR.name: LINEAR}, count)
    numbers = np.full(at_once, 100.0)
    for number in range(count // at_once):
        at = T0 + (number * at_once + np.arange(at_once)) * SECOND_NS
        whose = [(LINEAR.name, "core", "c", "buy", 0, None)] * at_once
        pen.after(Marked(whose, at, *[numbers] * 5, mids=np.full((len(HORIZONS_NS), at_once), 100.0)))

    (mids,) = pen.curves(T0 + count * SECOND_NS, ()).mids
    assert POINTS_MAX / 2 <= len(mids.at) <= 2 * POINTS_MAX
    assert list(mids.at) == sorted(mids.at)


def test_what_is_held_is_held_to_the_end(report: Report) -> None:
    (held,) = report.curves.held

    assert list(zip(seconds(held.at), held.position, strict=True)) == [(2, 3), (60, 2), (7_200, 2)]
