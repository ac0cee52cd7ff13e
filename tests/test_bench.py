"""The bench measures what it says, and ends with a sentence when there is nothing to measure."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from bench import signals, tick_to_order, venue
from bench.daemon import CONFIG
from bench.launches import over_launches
from bench.tape import RECORDING
from bench.tick_to_order import ALL_MOVE, CASES, LADDER, LOTS, ONE_MOVES, STILL, TOUCH, percentile_us
from bench.venue import BenchFailed, Burst
from replenisher.config import load
from replenisher.core.book import Touch
from replenisher.core.strategy import View
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.wiring.listings import synthetic_instrument
from tests.core.signals.given import kinds

ROUNDS = 4


def test_both_kinds_of_round_a_refill_and_the_echo_are_measured_and_the_books_agree() -> None:
    command = [sys.executable, "-m", "bench.tick_to_order", "--json", "--rounds", str(ROUNDS), "--fsync", "interval"]
    command += ["--launches", "1", "--crowd", "3"]

    ended = subprocess.run(command, cwd=CONFIG.parent.parent, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    mode = found["modes"]["interval"]
    echo_us = mode["echo"]["p50_us"]
    assert {name: case["orders"] for name, case in mode["cases"].items()} == {"one": 1, "all": 10}
    for case in mode["cases"].values():
        assert 0 < case["p50_us"] <= case["last_p50_us"]
        assert case["p50_us"] <= case["p99_us"]
        assert case["ratio_to_echo"] == pytest.approx(case["p50_us"] / echo_us, abs=0.01)
        in_turn = case["p50_us"] / mode["echo"]["in_turn_p50_us"]
        assert case["ratio_to_echo_in_turn"] == pytest.approx(in_turn, abs=0.01)
        assert case["page_faults_per_message"] >= 0
        assert case["after_a_pause_p50_us"] > 0
    assert (found["p50_us"], found["refill_p50_us"]) == (mode["cases"]["one"]["p50_us"], mode["refill_p50_us"])
    first_us, last_us = mode["cases"]["one"]["p50_us"], mode["cases"]["all"]["last_p50_us"]
    assert mode["further_us"] == pytest.approx((last_us - first_us) / (LADDER - 1), abs=0.1)
    waits = [
        mode["refill_p50_us"],
        *(mode[who][p50] for who in ("echo", "peer") for p50 in ("p50_us", "in_turn_p50_us")),
    ]
    assert min(waits) > 0
    assert mode["crowd"]["instruments"] == 3
    assert mode["crowd"]["ratio_to_one"] == pytest.approx(mode["crowd"]["p50_us"] / found["p50_us"], abs=0.01)
    assert mode["crowd"]["audit"]["orders"] == 3 * LADDER
    assert mode["crowd"]["audit"]["differences"] == []
    assert found["tick_bytes"] == 504
    assert mode["audit"]["differences"] == []
    assert mode["audit"]["fills"] == mode["audit"]["refills"] == ROUNDS + 2  # two while warming up
    assert mode["audit"]["orders"] == LADDER + ROUNDS + 2
    assert len(mode["hash"]) == 16


@pytest.mark.parametrize(("moved", "others"), [(ONE_MOVES, 1), (ALL_MOVE, 10)])
def test_a_book_change_moves_one_quote_by_a_tick_or_all_ten(moved: int, others: int) -> None:
    before, after = ladder(STILL), ladder(moved)

    distances = [abs(new.price - old.price) for old, new in zip(before, after, strict=True)]

    assert len(distances) == LADDER
    assert sorted(distances) == [0] * (LADDER - others) + [1] * others


def test_several_launches_come_to_their_medians() -> None:
    launches = [{"one": {"p50_us": us, "orders": 1}, "each": [us], "hash": f"{us}"} for us in (190.0, 171.0, 172.0)]

    found = over_launches(launches)

    assert found["one"] == {"p50_us": 172.0, "orders": 1}
    assert found["each"] == [190.0, 171.0, 172.0]
    assert found["hash"] not in {"190.0", "171.0", "172.0"}


def test_the_first_round_of_a_block_is_told_apart() -> None:
    rounds = tick_to_order.Rounds()
    for first_ns in (640, 180, 190):
        rounds.add(Burst(0, [first_ns]))
    rounds.has_paused = True
    rounds.add(Burst(0, [620]))

    assert rounds.first_ns == [180, 190]
    assert rounds.after_a_pause_ns == [640, 620]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ((50_001, 1), "0 of 1 orders came"),  # every quote stays within its tick
        ((ALL_MOVE, 1), "10 orders came, not 1"),
    ],
)
def test_a_round_with_another_number_of_orders_is_a_failure(
    case: tuple[int, int], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CASES, "one", case)
    monkeypatch.setattr(venue, "PATIENCE_S", 1.0)

    with pytest.raises(BenchFailed, match=sentence):
        tick_to_order.measure("interval", ROUNDS, None, tmp_path, 1)


def test_a_tape_goes_through_the_engine_and_one_tape_has_one_outcome(recordings: Callable[[str], Path]) -> None:
    tape = recordings(str(RECORDING))
    command = [
        sys.executable,
        "-m",
        "bench.engine_steps",
        "--json",
        "--passes",
        "2",
        "--events",
        "1500",
        "--tape",
        tape,
    ]

    runs = [
        subprocess.run(
            [*command, "--tape", tape],
            cwd=CONFIG.parent.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        for _ in range(2)
    ]

    first, again = (json.loads(run.stdout) for run in runs)
    assert first["hash"] == again["hash"]
    assert (first["orders"], first["fills"]) == (again["orders"], again["fills"])
    assert first["changes"] + first["trades"] == first["events"] == 1500
    assert first["orders"] >= LADDER
    assert first["fills"] > 0
    assert first["steps"] >= 2 * first["events"]
    assert first["pass_hashes"] == again["pass_hashes"]
    assert len(first["pass_events_per_second"]) == len(first["rss_mb"]) == len(first["blocks"]) == first["passes"] == 2
    assert first["fills"] == first["known_fills"][-1], "far too few to forget any"
    assert first["full_after"] is None
    slowest, fastest = min(first["pass_events_per_second"]), max(first["pass_events_per_second"])
    assert slowest - 1 <= first["events_per_second"] <= fastest + 1
    levels_an_event = first["levels"] / first["events"]
    assert first["levels_per_second"] == pytest.approx(first["events_per_second"] * levels_an_event, rel=0.01)


def test_a_daemon_is_watched_while_the_market_goes_on() -> None:
    command = [sys.executable, "-m", "bench.long_run", "--json", "--minutes", "0.05"]

    ended = subprocess.run(command, cwd=CONFIG.parent.parent, capture_output=True, text=True, timeout=180, check=False)

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["messages_per_second"] > 0
    assert found["cpu_percent"] >= 0
    assert 10 < found["rss_first_mb"] <= found["rss_mb"]
    assert found["orders"] >= LADDER
    assert found["audit"]["differences"] == []


def test_a_percentile_is_one_of_the_values() -> None:
    values_ns = [3000, 1000, 2000, 4000]

    assert percentile_us(values_ns, 0.5) == 2.0
    assert percentile_us(values_ns, 0.99) == 4.0
    assert percentile_us([7000], 0.5) == 7.0


def ladder(bid_lots: int) -> tuple[Quote, ...]:
    """What the bench's strategy shows when so much stands on the bid."""
    touch = Touch(TOUCH[Side.BUY], bid_lots, TOUCH[Side.SELL], LOTS - bid_lots)
    instrument = synthetic_instrument("deribit")
    view = View(at=0, instrument=instrument, touch=touch, last_trade=None, inventory=Decimal(0))
    return load(CONFIG).strategy("core").quote(view).quotes


def test_orders_through_matching_and_through_the_socket_are_counted_in_the_ledgers() -> None:
    command = [sys.executable, "-m", "bench.exchange_orders", "--json", "--orders", "300"]

    runs = [
        subprocess.run(command, cwd=CONFIG.parent.parent, capture_output=True, text=True, timeout=120) for _ in "12"
    ]

    found, again = (json.loads(ended.stdout) for ended in runs)
    for way in ("matching", "socket"):
        assert (found[way]["orders"], found[way]["requests"], found[way]["fills"]) == (300, 500, 200)
        assert found[way]["orders_per_second"] > 0
    assert found["echo"]["frames"] == 500
    assert found["matching"]["hash"] == again["matching"]["hash"]
    assert found["matching"]["hash"] != found["socket"]["hash"]


def test_every_signal_has_its_cost_and_one_market_has_one_hash() -> None:
    command = [sys.executable, "-m", "bench.signals", "--json", "--rounds", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "REPLENISHER_TEST_DATA"}

    runs = [
        subprocess.run(
            command, cwd=CONFIG.parent.parent, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        for _ in range(2)
    ]

    first, again = (json.loads(run.stdout) for run in runs)
    assert first["is_reached"] == (first["glft_us"] < first["glft_us_max"])
    assert runs[0].returncode == (0 if first["is_reached"] else 1)
    assert first["market"] == "synthetic"
    assert first["touches"] + first["trades"] == first["events"]
    assert first["hash"] == again["hash"]
    assert first["values"] == again["values"]
    assert first["glft_us"] > 0
    assert first["signals"].keys() == first["values"].keys()
    assert all(cost >= 0 for costs in (*first["signals"].values(), first["vector"]) for cost in costs.values())
    assert None not in first["values"].values(), "the market tells every signal enough"


def test_no_kind_of_signal_is_without_its_cost() -> None:
    assert {type(spec).__name__ for spec in signals.SIGNALS} == kinds()


def test_signals_are_told_a_recording_as_it_was(recordings: Callable[[str], Path]) -> None:
    market = signals.recorded(recordings(str(RECORDING)))

    assert sum(event.trade is not None for event in market.events) == 21_313
    changes = [event for event in market.events if event.book is not None]
    assert len(changes) + 21_313 == len(market.events)
    touches = [event.touch for event in changes if event.touch is not None]
    assert len(touches) > 5_000
    assert all(before != after for before, after in pairwise(touches))
