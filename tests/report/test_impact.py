"""Impact: the line through bars finds Kyle's lambda in Kyle's market, and only there where it is."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS
from replenisher.report.impact import BAR_S, BARS_MIN, Bars, impact
from tests.core.signals.given import printed
from tests.report.test_calibrate import calibrate, recording, tape_of

BAR_NS = BAR_S * SECOND_NS
SIGMA_0, SIGMA_U = 4.0, 100.0  # the variance of what is worth knowing, and the scatter of what the others trade
AUCTIONS = 20_000


def test_in_kyles_market_it_is_what_the_maker_moves_the_price_by() -> None:
    """Who knows the value trades beta of its distance from the price; then prices of lambda a unit are fair."""
    chance = np.random.default_rng(11)
    lambda_, beta = sqrt(SIGMA_0) / SIGMA_U / 2, SIGMA_U / sqrt(SIGMA_0)
    distance = chance.normal(0, sqrt(SIGMA_0), AUCTIONS)
    taken = beta * distance + chance.normal(0, SIGMA_U, AUCTIONS)

    found = impact(taken.tolist(), distance.tolist())

    assert (lambda_, beta) == (0.01, 50)
    assert found is not None
    assert found.bars == AUCTIONS
    assert found.value == pytest.approx(lambda_, abs=3.3 * found.error)
    assert found.error == pytest.approx(0.01 / sqrt(AUCTIONS), rel=0.05)
    assert found.r2 == pytest.approx(0.5, abs=0.02), "half of what was worth knowing is in the price then"
    assert abs(float(np.mean((lambda_ * taken - distance) * taken))) < 3.3 * 200 / sqrt(AUCTIONS), "he earns nothing"


def test_bars_are_cut_in_venue_time_and_none_spans_a_loss() -> None:
    bars = Bars()
    begin = 1_000 * BAR_NS

    bars.saw_mid(100.0, begin - 1)
    bars.saw_trade(printed(begin + 1, 100, 7, Side.BUY))
    bars.saw_trade(printed(begin + 2, 100, 4, Side.SELL))
    bars.saw_mid(102.5, begin + 3)
    bars.saw_mid(101.0, begin + BAR_NS + 1)
    bars.lost()
    bars.saw_mid(500.0, begin + BAR_NS + 2)
    bars.saw_mid(501.0, begin + 2 * BAR_NS + 1)
    bars.saw_trade(printed(begin + 2 * BAR_NS + 2, 500, 9, Side.SELL))
    bars.saw_mid(499.0, begin + 3 * BAR_NS)
    bars.saw_mid(0.0, begin + 3 * BAR_NS + 1)

    assert bars.bought == [3, -9]
    assert bars.moves == [2.5, -1.0]


def test_too_few_bars_or_bars_that_are_all_alike_tell_no_line() -> None:
    assert impact([1.0, 2.0] * ((BARS_MIN - 1) // 2), [1.0, 2.0] * ((BARS_MIN - 1) // 2)) is None
    assert impact([1.0] * BARS_MIN, list(map(float, range(BARS_MIN)))) is None
    still = impact(list(map(float, range(BARS_MIN))), [0.0] * BARS_MIN)
    assert still is not None
    assert (still.value, still.error, still.r2) == (0, 0, 0)


def test_where_takers_know_nothing_calibrate_finds_none(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, recording(seed=1))

    found = json.loads(calibrate(tape, "--buckets", 4, "--json"))["impact"]

    assert found["bars"] >= BARS_MIN
    assert abs(found["value"]) < 3.3 * found["error"]
    assert "(Kyle's lambda)" in calibrate(tape, "--buckets", 4)
