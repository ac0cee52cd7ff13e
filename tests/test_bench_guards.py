"""The bench of the guards keeps its runs, compares each with the same order flow without one, and claims no more."""

from pathlib import Path

import pytest

from bench.economics import Run
from bench.guards import GUARDS, OFF, TUNED, Changes, Job, document, measure, t_95, table, written
from replenisher.config import load
from replenisher.wiring.setup import setup_of


@pytest.mark.parametrize("guards", [GUARDS, TUNED], ids=["reported", "tuned"])
def test_every_guard_is_a_configuration_that_differs_in_its_guards_alone(
    tmp_path: Path, guards: dict[str, Changes]
) -> None:
    found = {name: setup_of(load(written(tmp_path, name, changes))) for name, changes in guards.items()}

    strategies = {name: setup.strategies[0] for name, setup in found.items()}
    assert strategies.pop(OFF).guards is None
    assert all(strategy.guards is not None for strategy in strategies.values())
    assert len({str(strategy.guards) for strategy in strategies.values()}) == len(strategies)


def test_a_run_that_is_kept_is_not_run_again(tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    jobs = [Job(OFF, 0.0, 1, 11)]

    first = measure(jobs, {OFF: {}}, results)
    again = measure(jobs, {}, results)  # nothing that could be run

    assert again == first
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

    row = document(found)["shares"]["0.1"]["guard"]

    assert row["verdict"] == verdict
    assert row["markout_10s_bps"]["mean"] == 0.7
    assert row["pnl_less_off_quote"]["mean"] == pytest.approx(sum(gains) / 3, abs=1e-4)
    assert verdict in table(document(found))


@pytest.mark.parametrize(("freedom", "printed"), [(4, 2.776), (9, 2.262), (49, 2.010), (199, 1.972)])
def test_the_interval_is_that_of_so_few_seeds(freedom: int, printed: float) -> None:
    assert t_95(freedom) == pytest.approx(printed, rel=0.01)  # any table of Student's t
