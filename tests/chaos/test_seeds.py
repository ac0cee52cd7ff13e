"""Seeds of everything that can go wrong, each to its verdict; `make chaos` runs ten thousand."""

from collections.abc import Callable

from replenisher.simulate.faults import NAMES
from replenisher.simulate.total import Total
from tests.simulate.kit import outcome_of, swarm

SEEDS = range(1, 201)
MINUTES = 1


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
