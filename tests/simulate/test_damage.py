"""A byte of the journal is another one when a daemon begins again: it never trades on a guess."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START, live
from replenisher.simulate.swarm import Cue
from replenisher.simulate.world import World
from replenisher.store.segments import segments
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import script

KILLED_S, AWAY_S = 25, 5
KILL = script(Cue(fault="killed", after_s=KILLED_S))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A daemon has just died."""
    with database_in(tmp_path) as database:
        scene, directory = scene_of(load(SHIPPED)), tmp_path / "journal"
        world = World(scene, seed=1, at=START, directory=directory, database=database, plan=KILL, checks=ALL)
        world.victims.away_s = (AWAY_S, AWAY_S)
        world.run(KILLED_S + 1)
        yield world


def flip(path: Path, offset: int) -> bytes:
    """Let a byte be another one; what the file was."""
    whole = path.read_bytes()
    data = bytearray(whole)
    data[offset] ^= 1
    path.write_bytes(data)
    return whole


def test_with_a_damaged_record_among_whole_ones_nothing_is_sent_until_it_is_mended(
    world: World, tmp_path: Path
) -> None:
    (segment,) = segments(tmp_path / "journal")
    whole, dialed = flip(segment.path, segment.size // 2), world.tap.frames

    world.run(3 * AWAY_S)

    assert world.ends == ["killed", "exit 78", "exit 78", "exit 78"]
    assert world.tap.frames == dialed
    assert segment.size == len(whole)
    segment.path.write_bytes(whole)
    live(world, 2 * AWAY_S)
    assert world.court.violations == []
    assert world.ends[-1] == "exit 0"


def test_a_damaged_last_record_is_as_good_as_a_torn_one_and_the_venue_tells_what_it_was(
    world: World, tmp_path: Path
) -> None:
    (segment,) = segments(tmp_path / "journal")
    flip(segment.path, segment.size - 3)

    live(world, 2 * AWAY_S)

    assert world.court.violations == []
    assert world.ends == ["killed", "exit 0"]
