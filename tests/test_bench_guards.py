"""The bench of the guards keeps its runs, compares each with the same order flow without one, and claims no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.economics import Run
from bench.guards import CHOSEN, OFF, Job, document, guards, measure, measure_tape, student, table, written
from replenisher.config import load
from replenisher.wiring.setup import setup_of


def test_every_guard_is_a_configuration_that_differs_in_its_guards_alone(tmp_path: Path) -> None:
    found = {name: setup_of(load(written(tmp_path, name))) for name in guards()}

    assert set(CHOSEN) <= set(found)

    strategies = {name: setup.strategies[0] for name, setup in found.items()}
    assert strategies[OFF].guards is None
    differing = {f"{strategy.guards} {strategy.policy.refill.max_per_minute}" for strategy in strategies.values()}
    assert len(differing) == len(strategies)
    assert len({str(strategy.strategy) for strategy in strategies.values()}) == 1


def test_a_run_that_is_kept_is_not_run_again(tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    jobs = [Job(OFF, 0.0, 1, 11)]

    first = measure(jobs, results)
    results.write_text(results.read_text().replace(f"{first[jobs[0]].pnl_quote}", "4711.5"))
    again = measure(jobs, results)

    assert again == {jobs[0]: first[jobs[0]]._replace(pnl_quote=4711.5)}
    assert first[jobs[0]].fills > 20


@pytest.mark.parametrize(
    ("gains", "verdict"), [((3.0, 4.0, 5.0), "helps"), ((-3.0, -4.0, -5.0), "harms"), ((3.0, -4.0, 5.0), "not shown")]
)
def test_a_guard_helps_only_if_chance_does_not_explain_it(gains: tuple[float, ...], verdict: str) -> None:
    found = {}
    for seed, gain in enumerate(gains, start=1001):
        chance = 1000.0 * seed  # what the order flow brings to both
        found[Job(OFF, 0.1, seed, 60)] = Run(chance, 0.5, 10, 0, 0, "", 0.5)
        found[Job("guard", 0.1, seed, 60)] = Run(chance + gain, 0.7, 10, 0, 0, "", 0.6)

    row = document(found)["markets"]["pi = 0.1"]["guard"]

    assert row["verdicts"] == {"pnl_a_fill_quote": verdict, "pnl_quote": verdict}
    assert row["markout_10s_bps"]["mean"] == 0.7
    assert row["less_off"]["pnl_quote"]["mean"] == pytest.approx(sum(gains) / 3, abs=1e-4)
    assert row["less_off"]["pnl_a_fill_quote"]["mean"] == pytest.approx(sum(gains) / 30, abs=1e-4)
    assert row["less_off"]["markout_1s_bps"] == {"mean": 0.1, "low": 0.1, "high": 0.1}
    assert row["flows"] == 3
    assert verdict in table(document(found))


def test_who_only_trades_less_loses_less_and_is_told_that_his_fills_are_worse() -> None:
    found = {}
    for seed in range(1001, 1009):
        found[Job(OFF, 0.1, seed, 30)] = Run(-100.0 - seed % 2, 0, 100, 0, 0, "", 0)
        found[Job("capped", 0.1, seed, 30)] = Run(-50.0, 0, 10, 0, 0, "", 0)

    row = document(found)["markets"]["pi = 0.1"]["capped"]

    assert row["verdicts"] == {"pnl_a_fill_quote": "harms", "pnl_quote": "helps"}


@pytest.mark.parametrize(
    ("freedom", "among", "printed"),
    [(4, 1, 2.776), (9, 1, 2.262), (49, 1, 2.010), (199, 1, 1.972), (199, 5, 2.601), (120, 5, 2.617)],
)
def test_the_interval_is_that_of_so_few_seeds_and_so_many_guards(freedom: int, among: int, printed: float) -> None:
    assert student(freedom, among) == pytest.approx(printed, rel=0.01)  # any table of Student's t


def test_what_one_guard_would_have_shown_is_not_shown_among_many() -> None:
    gains = (1.0, 9.0, 2.0, 8.0, 3.0, 7.0, -2.0)
    found = {Job(OFF, 0.1, seed, 30): Run(0.0, 0, 10, 0, 0, "", 0) for seed in range(7)}
    found |= {Job("one", 0.1, seed, 30): Run(gain, 0, 10, 0, 0, "", 0) for seed, gain in enumerate(gains)}
    many = {Job(f"{n}", 0.1, seed, 30): Run(0.0, 0, 10, 0, 0, "", 0) for n in range(8) for seed in range(7)}

    assert document(found)["markets"]["pi = 0.1"]["one"]["verdicts"]["pnl_quote"] == "helps"
    assert document(found | many)["markets"]["pi = 0.1"]["one"]["verdicts"]["pnl_quote"] == "not shown"


def test_a_recording_is_cut_into_parts_of_which_each_is_paired(recordings: Callable[[str], Path]) -> None:
    tape = recordings("binance_l2/usdm_btcusdt_20240808.jsonl.gz")

    found = measure_tape([OFF], tape, 60)

    assert [part.seed for part in found] == [1, 2, 3, 4, 5]  # of 345 s
    assert sum(part.fills for part in found.values()) > 50
    row = document(found)["markets"][tape.name][OFF]
    assert row["less_off"]["pnl_quote"] == {"mean": 0, "low": 0, "high": 0}
