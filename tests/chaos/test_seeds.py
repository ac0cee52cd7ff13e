"""Seeds of everything that can go wrong, each to its verdict; `make chaos` runs ten thousand."""

from collections.abc import Callable
from pathlib import Path

from replenisher.config import load
from replenisher.exchange.ledger import Order, read_ledger
from replenisher.simulate.checks import ALL
from replenisher.simulate.faults import NAMES
from replenisher.simulate.run import START, run
from replenisher.simulate.total import Total
from replenisher.simulate.world import World
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

    outcomes = [run(scene, seed=seed, minutes=2, plan=swarm(seed, NAMES), checks=ALL) for seed in range(1, 9)]

    assert [outcome.violation for outcome in outcomes] == [None] * len(outcomes)


def test_the_wider_desk_quotes_all_that_it_names(tmp_path: Path) -> None:
    config = load(WIDE)
    world = World(scene_of(config), seed=3, at=START, directory=tmp_path / "journal")

    world.run(90)

    placed = {record.instrument for record in read_ledger(world.ledger_bytes()).records if isinstance(record, Order)}
    assert placed == {section.instrument for section in config.strategies}
