"""A daemon dies at a write or a frame of its first seconds, one run each; the next life goes on on its files.

Here at every sixth of them; `make crash-points` takes each one.
"""

import os
from contextlib import closing
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.run import START, empty_database, live
from replenisher.simulate.timed_faults import CRASHES
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of

POINTS = range(0, 24, int(os.environ.get("REPLENISHER_CRASH_EVERY", "6")))
SECONDS = 6


@pytest.mark.parametrize("moment", CRASHES)
def test_whoever_dies_there_is_followed_by_a_life_that_finds_everything(moment: str, tmp_path: Path) -> None:
    scene = scene_of(load(SHIPPED))
    for point in POINTS:
        directory = tmp_path / str(point)
        directory.mkdir()
        (directory / "rows.db").write_bytes(empty_database())
        with closing(SimulatedDatabase(f"sqlite:///{directory / 'rows.db'}")) as database:
            world = World(scene, seed=1, at=START, directory=directory / "journal", database=database, checks=ALL)
            world.life.crash_at(moment, point, lambda: None)
            live(world, SECONDS)

            assert world.court.violations == [], (moment, point)
            assert list(world.ends) == ["killed", "exit 0"], (moment, point)
