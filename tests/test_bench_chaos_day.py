"""The day tells what a daemon holds from what the exchange and the checks keep, and sees either grow."""

import asyncio
import gc
from collections import deque
from collections.abc import Sized
from pathlib import Path

import pytest
from msgspec import Struct

from bench.chaos_day import MB, OTHERS, PROGRAM, Look, growth, look_at
from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.checks.bounds import CEILINGS, collections
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of

OF_OTHERS = (Path, asyncio.Future)


def test_what_a_daemon_keeps_is_weighed_apart_from_the_books(tmp_path: Path) -> None:
    with database_in(tmp_path) as database:
        world = World(
            scene_of(load(SHIPPED)), seed=1, at=START, directory=tmp_path / "journal", database=database, checks=ALL
        )
        world.run(20)

        before = look_at(world, 1)
        vars(world.life.venue)["_kept"] = [bytes(MB)]
        after = look_at(world, 2)
        world.life.engine.state.account.remembered["a fill" * MB] = None
        last = look_at(world, 3)

    assert 1 <= after.daemon_mb - before.daemon_mb < 1.1
    assert abs(after.books_mb - before.books_mb) < 0.1 < before.books_mb
    assert abs(after.named_mb - before.named_mb) < 0.1
    assert abs(last.besides_mb - after.besides_mb) < 0.1
    assert 6 <= last.named_mb - after.named_mb < 6.1
    assert last.counts["Account.remembered"] == after.counts["Account.remembered"] + 1
    assert growth([before, after]) == []  # so little is none


def test_every_ceiling_has_a_structure_under_it(tmp_path: Path) -> None:
    with database_in(tmp_path) as database:
        world = World(scene_of(load(SHIPPED)), seed=1, at=START, directory=tmp_path / "journal", database=database)
        world.run(20)

        assert set(look_at(world, 1).counts) == set(CEILINGS)


@pytest.mark.parametrize("config", [SHIPPED, SHIPPED.with_name("simulate-wide.yaml")], ids=["shipped", "wide"])
def test_no_collection_of_a_daemon_is_out_of_sight(tmp_path: Path, config: Path) -> None:
    with database_in(tmp_path) as database:
        world = World(scene_of(load(config)), seed=1, at=START, directory=tmp_path / "journal", database=database)
        world.run(20)
    parts = world.life.parts()

    counted = {id(collection) for _, collection in collections(parts, sample=1_000_000)}
    overlooked = [each for each in reachable(parts) if id(each) not in counted]

    assert len(counted) > 500
    assert overlooked == []


def reachable(roots: list[object]) -> list[Sized]:
    """What Python's collector finds of collections that may grow, but for attributes' names and what others wrote."""
    stack, found = list(roots), []
    seen: set[int] = set()
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, (*PROGRAM, *OF_OTHERS)) or type(thing).__module__.startswith(OTHERS):
            continue
        names = getattr(thing, "__dict__", {})
        seen |= {id(thing), id(names)}
        if isinstance(thing, dict | list | set | deque | bytearray):
            found.append(thing)
        fields = [getattr(thing, name) for name in thing.__struct_fields__] if isinstance(thing, Struct) else ()
        stack += [*gc.get_referents(thing), *names.values(), *fields]
    return found


def a_look(hour: int, *, besides_mb: float = 2.0, named_mb: float = 0.0, rest_mb: float = 90.0) -> Look:
    return Look(
        hour=hour,
        resident_mb=rest_mb + besides_mb + named_mb + hour,
        daemon_mb=besides_mb + named_mb,
        named_mb=named_mb,
        books_mb=hour,
        counts={},
    )


def test_what_grows_up_to_a_ceiling_and_what_the_books_keep_is_no_growth() -> None:
    assert growth([a_look(hour, named_mb=2.0 * hour) for hour in range(1, 25)]) == []


def test_what_has_grown_since_noon_is_said() -> None:
    day = [a_look(hour) for hour in range(1, 24)]

    assert growth([*day, a_look(24, besides_mb=4.1)]) == [
        "what the daemon holds without a ceiling by name has grown from 2.0 to 4.1 MB between hour 12 and hour 24"
    ]
    assert growth([*day, a_look(24, rest_mb=95.0)]) == [
        "memory that nobody holds has grown from 90.0 to 95.0 MB between hour 12 and hour 24"
    ]
