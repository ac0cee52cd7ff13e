"""The anchors of a report on the whole path: order flow, exchange, engine, journal, recorder, ledger, report.

The blind quoter of `bench/blind.yaml` is replayed against many order flows. Where nobody is informed, a markout is the
half spread that was captured, after whatever time. Where a quarter of the takers know of jumps of 6 bps, 0.58 bps do
not pay for what they know, and the realised spread says so. Each flow is one observation.
"""

import sys
from contextlib import closing
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import pytest

from replenisher.config import load
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.wiring.replaying import replay

BLIND = Path(__file__).parents[2] / "bench" / "blind.yaml"
FLOWS, MINUTES = 12, 2.0
SURE = 4.0  # standard errors
AFTER_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0)


def reports(informed_share: float, directory: Path, capsys: pytest.CaptureFixture[str]) -> list[Report]:
    found = []
    for seed in range(1, FLOWS + 1):
        market = {"source": "synthetic", "informed_share": informed_share}
        config = load(BLIND, {"exchange": {"market": market, "seed": seed}})
        room = directory / f"{seed}"
        replay(config, minutes=MINUTES, directory=room, tell=lambda _word: None)
        with closing(Database(f"sqlite:///{room / 'replenisher.db'}")) as database:
            found.append(
                database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))
            )
        with capsys.disabled():
            print(f"{seed} of {FLOWS} order flows, {found[-1].fills} fills", file=sys.stderr, flush=True)
    return found


def markout_bps(report: Report, after_s: float) -> float:
    (curve,) = (curve for curve in report.markouts if curve.by == "all")
    mean = next(point.mean_bps for point in curve.points if point.after_s == after_s)
    assert mean is not None
    return mean


def test_where_nobody_is_informed_the_markout_is_the_captured_half_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reports(0.0, tmp_path, capsys)

    for after_s in AFTER_S:
        moved = [markout_bps(report, after_s) - markout_bps(report, 0.0) for report in found]
        assert abs(fmean(moved)) < SURE * stdev(moved) / sqrt(FLOWS), (after_s, moved)
    captured = [markout_bps(report, 0.0) for report in found]
    assert fmean(captured) == pytest.approx(0.58, abs=0.04), "rounding to the tick adds next to nothing"


def test_where_takers_know_more_than_the_spread_pays_for_the_realised_spread_is_a_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reports(0.25, tmp_path, capsys)

    spreads = [spread for report in found for spread in report.spreads]
    realised = [spread.realised_bps for spread in spreads if spread.realised_bps is not None]
    effective = [spread.effective_bps for spread in spreads if spread.effective_bps is not None]
    assert len(realised) == len(effective) == FLOWS
    assert fmean(realised) < -SURE / 2 * stdev(realised) / sqrt(FLOWS)
    assert fmean(effective) > 1
