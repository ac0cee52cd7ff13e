"""The lease on virtual time: a daemon that slept past its end says nothing until the database has told whose it is."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import update

from replenisher.config import load
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Oracle
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.run import START, empty_database
from replenisher.simulate.world import World
from replenisher.store import tables
from replenisher.wiring.simulation import SHIPPED, scene_of

QUOTING_S = 20
PAST_THE_LEASE_S = 100


class Sent(Check):
    """Counts what a daemon says, from when a world is made."""

    name: ClassVar[str] = "sent"
    frames: ClassVar[int] = 0

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        Sent.frames = 0

    def sent(self, daemon: Daemon, connection: str, frame: str) -> None:
        Sent.frames += 1


def counted() -> None:
    """Nobody here counts what a fault hits."""


@contextmanager
def quoting_world(directory: Path) -> Iterator[tuple[World, SimulatedDatabase]]:
    """A desk that quotes, on a database of its own."""
    (directory / "rows.db").write_bytes(empty_database())
    with closing(SimulatedDatabase(f"sqlite:///{directory / 'rows.db'}")) as database:
        scene = scene_of(load(SHIPPED))
        world = World(scene, seed=1, at=START, directory=directory / "journal", database=database, checks=[Sent])
        world.run(QUOTING_S)
        assert world.exchange.views.open_orders("main")
        yield world, database


@pytest.mark.parametrize("is_theirs", [False, True], ids=["still ours", "somebody else's"])
def test_a_daemon_that_slept_past_its_lease_is_silent_until_it_was_read(tmp_path: Path, is_theirs: bool) -> None:
    with quoting_world(tmp_path) as (world, database):
        world.victims.lock_database(counted, is_locked=True)
        world.victims.suspend(counted, PAST_THE_LEASE_S * SECOND_NS)
        before = Sent.frames

        world.run(PAST_THE_LEASE_S + 30)
        assert Sent.frames == before

        world.victims.lock_database(counted, is_locked=False)
        if is_theirs:
            theirs = update(tables.leases).values(epoch=2**40, journal_id="another", until=2**62)
            database.write(lambda connection: connection.execute(theirs))
        world.run(QUOTING_S)
        assert (Sent.frames == before) == is_theirs
        assert set(world.ends) == ({"exit 75"} if is_theirs else set())
        assert bool(world.exchange.views.open_orders("main")) != is_theirs


def test_a_database_that_is_away_for_longer_than_the_lease_pulls_every_quote(tmp_path: Path) -> None:
    with quoting_world(tmp_path) as (world, _):
        world.victims.lock_database(counted, is_locked=True)
        world.run(80)
        assert world.exchange.views.open_orders("main")

        before = Sent.frames
        world.run(20)
        assert not world.exchange.views.open_orders("main")
        assert Sent.frames > before
        assert world.life.reasons() == ["the lease of the account has run out: database is locked"]

        world.victims.lock_database(counted, is_locked=False)
        world.run(5)
        assert world.exchange.views.open_orders("main")
