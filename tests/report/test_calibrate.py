"""Calibration: what a recording was made with is read off it; one that tells too little is refused in a sentence."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter
from typer.testing import CliRunner

from replenisher.cli import app
from replenisher.core.coefficient import Coefficient
from replenisher.core.fair_value import FairValue
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.errors import ConfigurationError
from replenisher.report.microprice import estimate
from tests.report.chain import path

A, K, TICK = 20.0, 8.0, 0.1  # a second, 1/price, price units
STEP_MS, STEPS = 20, 6_000
START_MS = 1_723_161_256_000


def recording(seed: int, steps: int = STEPS, rate: float = A, decay: float = K) -> Iterator[object]:
    """Two minutes as Binance sends them: a touch that walks, and market orders that arrive with that intensity."""
    chance = np.random.default_rng(seed)
    before: dict[str, list[tuple[str, str]]] = {"b": [], "a": []}
    trade_id = 0
    for number, touch in enumerate(path(steps, seed)):
        now = START_MS + number * STEP_MS
        sides = {
            "b": [(f"{touch.bid * TICK:.1f}", f"{touch.bid_quantity}.000")],
            "a": [(f"{touch.ask * TICK:.1f}", f"{touch.ask_quantity}.000")],
        }
        if number == 0:
            yield {"lastUpdateId": 5, "bids": sides["b"], "asks": sides["a"]}
        gone = {side: [(price, "0.000") for price, _ in before[side] if price != sides[side][0][0]] for side in "ba"}
        data = {"E": now, "T": now, "s": "ABCUSDT", "U": number + 6, "u": number + 6, "pu": number + 5}
        yield {"stream": "abcusdt@depth@0ms", "data": data | {side: gone[side] + sides[side] for side in "ba"}}
        before = sides
        for _ in range(chance.poisson(rate * math.exp(-decay * TICK / 2) * STEP_MS / 1000)):
            beyond, is_sell = int(chance.exponential(1 / decay) / TICK), bool(chance.random() < 0.5)
            touched = touch.bid if is_sell else touch.ask
            at = now + 1 + int(chance.integers(STEP_MS - 1))
            for price in dict.fromkeys((touched, touched - beyond if is_sell else touched + beyond)):
                trade_id += 1
                data = {"E": at, "T": at, "s": "ABCUSDT", "t": trade_id, "q": "0.001", "m": is_sell}
                yield {"stream": "abcusdt@trade", "data": data | {"p": f"{price * TICK:.1f}"}}


def tape_of(folder: Path, messages: Iterator[object]) -> Path:
    tape = folder / "abc.jsonl"
    tape.write_text("".join(f"{n} {json.dumps(message)}\n" for n, message in enumerate(messages, 1)))
    return tape


def calibrate(*words: object) -> str:
    ended = CliRunner().invoke(app, ["calibrate", *map(str, words)], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_a_recording_tells_the_numbers_it_was_made_with(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, recording(seed=1))

    found = json.loads(calibrate(tape, "--instrument", "ABCUSDT", "--buckets", 4, "--json"))

    seconds = (STEPS - 1) * STEP_MS / 1000
    assert found["instrument"] == "ABCUSDT"
    assert found["seconds"] == pytest.approx(seconds, abs=STEP_MS / 1000)
    assert found["market_orders"] == pytest.approx(A * math.exp(-K * TICK / 2) * seconds, rel=0.1)
    for name, made_with in (("rate", A), ("decay", K)):
        assert abs(found[name]["value"] - made_with) < 3.3 * found[name]["error"]
        assert found[name]["error"] < 0.05 * made_with
    assert found["line"]["decay"] == pytest.approx(K, rel=0.35), "single arrivals far out weigh as much as the rest"
    mids = [(touch.bid + touch.ask) / 2 * TICK for touch in path(STEPS, 1)]
    every_second = np.diff(mids[1000 // STEP_MS - 1 :: 1000 // STEP_MS])
    assert found["volatility"] == pytest.approx(math.sqrt((every_second**2).mean()), rel=0.05)
    assert found["two_scale"] == pytest.approx(found["volatility"], rel=0.5)
    assert found["bipower"] == pytest.approx(found["volatility"], rel=0.5)


def test_time_without_a_book_is_not_counted(tmp_path: Path) -> None:
    lost, found_again = "@depth@0ms", STEPS // 4

    def with_a_gap() -> Iterator[object]:
        """An update is missing at the first quarter, and the next snapshot comes with the second."""
        updates = 0
        for message in recording(seed=5):
            assert isinstance(message, dict)
            updates += lost in message.get("stream", "")
            if updates == 2 * found_again and lost in message.get("stream", ""):
                data = message["data"]
                yield {"lastUpdateId": data["u"] - 1, "bids": data["b"], "asks": data["a"]}
            if updates != found_again or lost not in message.get("stream", ""):
                yield message

    found = json.loads(calibrate(tape_of(tmp_path, with_a_gap()), "--buckets", 4, "--json"))

    assert found["seconds"] == pytest.approx((STEPS - found_again) * STEP_MS / 1000, abs=0.1)
    for name, made_with in (("rate", A), ("decay", K)):
        assert abs(found[name]["value"] - made_with) < 3.3 * found[name]["error"]


def test_what_was_found_is_printed_as_yaml_that_a_strategy_takes(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, recording(seed=2))

    page = calibrate(tape, "--buckets", 4)

    pasted = yaml.safe_load(page)
    fair_value = TypeAdapter(FairValue).validate_python(pasted["fair_value"])
    coefficients = {name: TypeAdapter(Coefficient).validate_python(pasted[name]).value for name in ("sigma", "a", "k")}
    assert coefficients["a"] == pytest.approx(A, rel=0.15)
    assert coefficients["k"] == pytest.approx(K, rel=0.15)
    assert isinstance(fair_value.table, StoikovTable)
    expected = estimate(path(STEPS, 2), fair_value.table.edges, spreads=1)
    assert fair_value.table.adjustments[0] == pytest.approx(expected.adjustments[0], abs=2e-3)
    assert 0.2 < fair_value.table.adjustments[0][-1] < 0.4
    assert "k = " in page and "ABCUSDT: 120.0 s" in page
    assert "which agrees with them" in page


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        (
            lambda: recording(3, rate=0.2),
            "market orders are too few to tell how often they come and how far they reach",
        ),
        (lambda: recording(3, decay=400, rate=1e10), "market orders went beyond the touch: nothing tells"),
    ],
)
def test_a_recording_that_tells_too_little_is_refused(
    messages: Callable[[], Iterator[object]], sentence: str, tmp_path: Path
) -> None:
    tape = tape_of(tmp_path, messages())

    ended = CliRunner().invoke(app, ["calibrate", str(tape)])

    assert isinstance(ended.exception, ConfigurationError)
    assert ended.exception.exit_code == 78
    assert str(ended.exception).startswith(f"tape {tape}: ")
    assert sentence in str(ended.exception)
    assert ended.stdout == ""


def test_spreads_of_one_tick_are_needed_for_the_micro_price_alone(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, recording(seed=1))

    page, found = calibrate(tape, "--buckets", 100), json.loads(calibrate(tape, "--buckets", 100, "--json"))

    assert yaml.safe_load(page).keys() == {"sigma", "a", "k"}
    why = "touches with a spread of one tick are too few for 100 buckets of the imbalance: 5000 are needed"
    assert f"the table of the micro-price is left out: {found['why_no_microprice']}" in page
    assert found["microprice"] is None and found["why_no_microprice"].endswith(why)
    assert abs(found["decay"]["value"] - K) < 3.3 * found["decay"]["error"]


def test_a_recording_of_trades_alone_is_refused(recordings: Callable[[str], Path]) -> None:
    tape = recordings("tardis_csv/bitmex_trades_XBTUSD.csv")

    ended = CliRunner().invoke(app, ["calibrate", str(tape)])

    why = "it has 10 trades and no book: how far they reach is measured from the touch"
    assert str(ended.exception) == f"tape {tape}: {why}"


def test_a_recording_of_something_else_is_refused(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, recording(3, steps=100))

    ended = CliRunner().invoke(app, ["calibrate", str(tape), "--instrument", "XYZUSDT"])

    assert str(ended.exception) == f"tape {tape}: it tells of ABCUSDT, not of XYZUSDT"


def test_a_real_recording_says_that_its_market_is_not_exponential(recordings: Callable[[str], Path]) -> None:
    tape = recordings("binance_l2/usdm_btcusdt_20240808.jsonl.gz")

    page, found = calibrate(tape, "--instrument", "BTCUSDT"), json.loads(calibrate(tape, "--json"))

    assert "21,313 trades" in page
    assert "which contradicts them:" in page
    assert found["contradiction"] in page and found["contradiction"].startswith("k is 0.")
    assert yaml.safe_load(page).keys() == {"sigma", "fair_value"}, "nothing to paste of what does not hold"
    table = TypeAdapter(FairValue).validate_python(yaml.safe_load(page)["fair_value"]).table
    assert table is not None
    assert list(table.adjustments[0]) == sorted(table.adjustments[0]), "more on the bid is never worth less"
