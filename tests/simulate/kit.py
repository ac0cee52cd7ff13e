"""What the tests of the simulation share: a short run of the shipped configuration."""

from collections.abc import Sequence

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check
from replenisher.simulate.run import Outcome, run
from replenisher.simulate.swarm import NO_FAULTS, Cue, Plan, drawn
from replenisher.wiring.simulation import SHIPPED, scene_of


def outcome_of(
    seed: int, *, minutes: float = 1, plan: Plan = NO_FAULTS, checks: Sequence[type[Check]] = ALL
) -> Outcome:
    return run(scene_of(load(SHIPPED)), seed=seed, minutes=minutes, plan=plan, checks=checks)


def script(*cues: Cue) -> Plan:
    return Plan(script=cues)


def swarm(seed: int, faults: Sequence[str]) -> Plan:
    return drawn(seed, faults)
