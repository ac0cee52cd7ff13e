"""Seeds of everything that can go wrong, each to its verdict; `make chaos` runs ten thousand."""

from collections.abc import Callable

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.faults import NAMES
from replenisher.simulate.run import run
from replenisher.simulate.total import Total
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import outcome_of, swarm

SEEDS = range(1, 201)
MINUTES = 1
SPARSE = SHIPPED.with_name("simulate-sparse.yaml")
WIDE = SHIPPED.with_name("simulate-wide.yaml")


def test_whatever_goes_wrong_every_invariant_holds(finding: Callable[[str], None]) -> None:
    total = Total()
    violations = []
    for seed in SEEDS:
        outcome = outcome_of(seed, minutes=MINUTES, plan=swarm(seed, NAMES))
        total.add(outcome)
        if outcome.violation is not None:
            violations.append(f"replenisher simulate --seeds {seed} --minutes {MINUTES}: {outcome.violation}")

    finding(total.sentence())
    assert violations == []
    assert total.rare() == []
    assert total.slow() == []


def test_on_a_market_that_hardly_moves_they_hold_as_well() -> None:
    scene = scene_of(load(SPARSE))

    outcomes = [run(scene, seed=seed, minutes=3, plan=swarm(seed, NAMES), checks=ALL) for seed in range(1, 6)]

    assert [outcome.violation for outcome in outcomes] == [None] * len(outcomes)
    assert sum(outcome.messages for outcome in outcomes) < 8 * sum(outcome.seconds for outcome in outcomes)


def test_on_a_wider_desk_they_hold_as_well() -> None:
    scene = scene_of(load(WIDE))

    outcomes = [run(scene, seed=seed, minutes=1, plan=swarm(seed, NAMES), checks=ALL) for seed in range(1, 9)]

    assert [outcome.violation for outcome in outcomes] == [None] * len(outcomes)
