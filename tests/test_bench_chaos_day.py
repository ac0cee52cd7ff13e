"""The day tells what a daemon holds from what the exchange and the checks keep, and sees either grow."""

from pathlib import Path

from bench.chaos_day import MB, Look, growth, look_at
from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of


def test_what_a_daemon_keeps_is_weighed_apart_from_the_books(tmp_path: Path) -> None:
    with database_in(tmp_path) as database:
        world = World(
            scene_of(load(SHIPPED)), seed=1, at=START, directory=tmp_path / "journal", database=database, checks=ALL
        )
        world.run(20)

        before = look_at(world, 1)
        vars(world.life.venue)["_kept"] = [bytes(MB)]
        after = look_at(world, 2)

    assert 1 <= after.daemon_mb - before.daemon_mb < 1.1
    assert abs(after.books_mb - before.books_mb) < 0.1 < before.books_mb
    assert growth([before, after]) == []  # so little is none


def test_what_has_grown_since_noon_is_said() -> None:
    before_noon = [Look(hour, 10.0 + hour, 5.0, 95.0 + hour) for hour in range(1, 13)]
    steady = [Look(hour, 22.2, 5.0 + hour, 90.0 + hour) for hour in range(13, 25)]

    assert growth([*before_noon, *steady]) == []
    assert growth([*before_noon, *steady[:-1], Look(24, 29.0, 29.0, 113.0)]) == [
        "what the daemon holds has grown from 22.0 to 29.0 MB between hour 12 and hour 24"
    ]
    assert growth([*before_noon, *steady[:-1], Look(24, 22.0, 10.0, 150.0)]) == [
        "memory has grown from 102.0 to 140.0 MB between hour 12 and hour 24"
    ]
