"""S23: what is counted as met is what an onlooker of the exchange's book counts, but for the way of a few words."""

from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.core import presence
from replenisher.core.obligations import NOTHING
from replenisher.model.units import SECOND_NS
from replenisher.simulate.checks.presence import PresenceIsTrue
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START, live
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of

WIDE = SHIPPED.with_name("simulate-wide.yaml")


def watched(folder: Path, seed: int, seconds: float = 150) -> tuple[World, PresenceIsTrue]:
    """A desk that is obliged, and nothing goes wrong."""
    with database_in(folder) as database:
        scene = scene_of(load(WIDE))
        world = World(
            scene, seed=seed, at=START, directory=folder / "journal", database=database, checks=[PresenceIsTrue]
        )
        live(world, seconds)
    (check,) = (each for each in world.checks if isinstance(each, PresenceIsTrue))
    return world, check


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_what_is_counted_as_met_is_what_an_onlooker_counts(tmp_path: Path, seed: int) -> None:
    world, check = watched(tmp_path, seed)

    assert world.court.violations == []
    seen = check.seen["core"]
    assert min(seen.met_ns, seen.unmet_ns) > 5 * SECOND_NS
    assert check.claimed_ns("core") == pytest.approx(seen.met_ns, abs=SECOND_NS // 10)  # the way of some words


def test_who_claims_what_was_not_so_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "missing_of", lambda *_: NOTHING)

    world, _ = watched(tmp_path, 1)

    assert [each.invariant for each in world.court.violations] == ["S23"]
