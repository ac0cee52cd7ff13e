"""The zero-intelligence market for so long that one percent means something; prints the table."""

import sys

import pytest

from bench.small_exchange import BTC_PERPETUAL
from tests.exchange.spread_law import measure, table

MINUTES = 100_000
TOLD_EVERY_MINUTES = 10_000


def test_it_meets_the_spread_law_and_the_mean_depth_within_one_percent(capsys: pytest.CaptureFixture[str]) -> None:
    def say(*lines: object) -> None:
        with capsys.disabled():
            print(*lines, sep="\n", file=sys.stderr, flush=True)

    def progress(passed: int) -> None:
        if passed % TOLD_EVERY_MINUTES == 0:
            say(f"{passed:,} of {MINUTES:,} minutes of the model")

    figures = measure(BTC_PERPETUAL, seed=7, minutes=MINUTES, progress=progress)

    say(*table(figures, 0.01))
    assert [str(figure) for figure in figures if not figure.holds(0.01)] == []
