"""Company: an operator who looks at the daemon and takes its quotes down, and another client of the exchange."""

from itertools import islice
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.live.blocks import Blocks
from replenisher.simulate import guest
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import OURS
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import outcome_of, script

LOOKED_AT = 1  # a seed in which somebody looks


def test_a_page_that_cannot_be_drawn_fails_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    assert outcome_of(LOOKED_AT, minutes=0.5).violation is None
    monkeypatch.setattr(Blocks, "__init__", fail)
    found = outcome_of(LOOKED_AT, minutes=0.5).violation

    assert found is not None
    assert (found.invariant, found.sentence) == (OURS, "ZeroDivisionError: planted")


def test_a_guest_trades_and_leaves_nothing_of_ours_the_worse(tmp_path: Path) -> None:
    cues = [Cue(fault="guest", after_s=after_s) for after_s in (10, 20, 30)]
    world = World(scene_of(load(SHIPPED)), seed=3, at=START, directory=tmp_path, plan=script(*cues), checks=ALL)

    world.run(50)

    assert world.court.violations == []
    assert world.befell["guest"] == 3
    assert list(islice(world.exchange.views.trades(guest.ACCOUNT), 1))
    assert list(world.evidence.ours())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_an_operator_takes_down_is_quoted_again_once_he_has_looked(tmp_path: Path, seed: int) -> None:
    plan = script(Cue(fault="taken down", after_s=10))
    world = World(scene_of(load(SHIPPED)), seed=seed, at=START, directory=tmp_path, plan=plan, checks=ALL)

    assert world.run_until(lambda: any(world.evidence.ours()), 10)
    world.run(2)
    assert world.run_until(lambda: not any(world.evidence.ours()), 20)
    assert world.run_until(lambda: any(world.evidence.ours()), 70)
    assert world.court.violations == []
