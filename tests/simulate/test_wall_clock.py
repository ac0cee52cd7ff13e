"""S21: whoever sets the wall clock changes no deadline, age or interval: every byte leaves when it would have."""

from pathlib import Path
from typing import Any

import pytest

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.faults import NAMES
from replenisher.simulate.life import VirtualClock
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue, Plan
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import swarm

DISK = {"disk full", "sync fails", "name not synced"}  # what is noticed by the next record: a jump is one more
OTHERS = [name for name in NAMES if name not in {"clock set", *DISK}]
SET = tuple(Cue(fault="clock set", after_s=after_s) for after_s in range(7, 120, 9))


class Unmoved(VirtualClock):
    """A clock that nobody can set."""

    def step(self, step_ns: int) -> None:
        pass


class Told(Check):
    """No check: it counts how often the daemon says that its clock was set."""

    name = "told"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.times = 0

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> Objection:
        self.times += verb == "clock_stepped"
        return None


def lived(seed: int, directory: Path) -> World:
    """Two minutes of whatever else goes wrong on this seed, with a clock that is set all the time."""
    plan = Plan(rates=swarm(seed, OTHERS).rates, script=SET)
    world = World(scene_of(load(SHIPPED)), seed=seed, at=START, directory=directory, plan=plan, checks=[*ALL, Told])
    world.run(120)
    return world


def told(world: World) -> int:
    return next(check.times for check in world.checks if isinstance(check, Told))


@pytest.mark.parametrize("seed", [3, 8, 20])
def test_the_same_day_with_a_wall_clock_that_jumps(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumped = lived(seed, tmp_path / "jumped")
    monkeypatch.setattr("replenisher.simulate.life.VirtualClock", Unmoved)

    stood = lived(seed, tmp_path / "stood")

    assert told(jumped) > len(SET) / 2  # whoever is dead or asleep does not see it
    assert told(stood) == 0
    assert jumped.court.violations == stood.court.violations == []
    assert jumped.tap.frames == stood.tap.frames > 1000
    assert jumped.tap.digest() == stood.tap.digest()
