"""The whole way to a report: what a replay has lived through is in its ledger, and the report tells it."""

from contextlib import closing
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.wiring.replaying import Outcome, replay

BLIND = Path(__file__).parents[2] / "bench" / "blind.yaml"
EXCHANGE = {"market": {"source": "synthetic", "informed_share": 0.0}, "seed": 1}
THERE_AND_BACK_MS = 4.0  # what paper trading takes for both ways


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Report]:
    room = tmp_path_factory.mktemp("replay") / "data"
    outcome = replay(load(BLIND, {"exchange": EXCHANGE}), minutes=0.7, directory=room, tell=lambda _word: None)
    with closing(Database(f"sqlite:///{room / 'replenisher.db'}")) as database:
        return outcome, database.read(lambda connection: read_report(connection, history.account_keys(connection)))


def test_every_fill_is_marked_and_its_curve_ends_where_the_life_does(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived

    (all_of_it,) = (curve for curve in report.markouts if curve.by == "all")
    assert (all_of_it.config_version, all_of_it.fills) == (outcome.version, outcome.fills)
    assert outcome.fills > 50
    known = [point.fills for point in all_of_it.points]
    assert known[0] == outcome.fills, "the market stood somewhere at each"
    assert known == sorted(known, reverse=True)
    assert known[-2:] == [0, 0], "nobody lived for another minute"
    assert [curve.key for curve in report.markouts if curve.by in ("level", "strategy")] == ["blind", "0"]


def test_what_is_captured_is_what_is_quoted_and_is_less_than_what_the_others_show(
    lived: tuple[Outcome, Report],
) -> None:
    _, report = lived

    (spread,) = report.spreads
    assert spread.effective_bps is not None and spread.quoted_bps is not None
    assert spread.effective_bps == pytest.approx(2 * 0.58, abs=0.1)
    assert spread.quoted_bps > spread.effective_bps


def test_a_quote_is_on_the_book_after_both_ways_of_the_wire(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived

    placed = sum(each.working for each in report.latency if each.request == "place")
    amended = sum(each.working + each.refused for each in report.latency if each.request == "amend")
    assert (placed, amended) == (outcome.orders - outcome.rejected, outcome.amends)
    assert {each.intent for each in report.latency} == {"quote", "refill"}
    for each in report.latency:
        assert each.p50_ms == each.p99_ms == THERE_AND_BACK_MS
