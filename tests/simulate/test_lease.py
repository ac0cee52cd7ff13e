"""The lease on virtual time: one daemon trades, and whoever slept past its lease says nothing before it was read."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import update

from replenisher.config import load
from replenisher.model.units import SECOND_NS
from replenisher.simulate.checks.epochs import OneWriter
from replenisher.simulate.court import Check, Daemon, Oracle
from replenisher.simulate.rows import SimulatedDatabase, database_in
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue
from replenisher.simulate.world import World
from replenisher.store import leases, tables
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import outcome_of, script

QUOTING_S = 20
PAST_THE_LEASE_S = 100
PAST_ITS_ROW_S = 130  # a third longer, and a while in which the second one takes over


class Sent(Check):
    """Counts what each daemon says, from when a world is made."""

    name: ClassVar[str] = "sent"
    frames: ClassVar[Counter[int]] = Counter()

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        Sent.frames.clear()

    def sent(self, daemon: Daemon, connection: str, frame: str) -> None:
        Sent.frames[daemon.number] += 1


def counted() -> None:
    """Nobody here counts what a fault hits."""


@contextmanager
def quoting_world(directory: Path) -> Iterator[tuple[World, SimulatedDatabase]]:
    """A desk that quotes, on a database of its own."""
    with database_in(directory) as database:
        scene, checks = scene_of(load(SHIPPED)), [Sent, OneWriter]
        world = World(scene, seed=1, at=START, directory=directory / "journal", database=database, checks=checks)
        world.run(QUOTING_S)
        assert world.exchange.views.open_orders("main")
        yield world, database


@pytest.mark.parametrize("is_theirs", [False, True], ids=["still ours", "somebody else's"])
def test_a_daemon_that_slept_past_its_lease_is_silent_until_it_was_read(tmp_path: Path, is_theirs: bool) -> None:
    with quoting_world(tmp_path) as (world, database):
        world.victims.lock_database(counted, is_locked=True)
        world.victims.suspend(counted, PAST_THE_LEASE_S * SECOND_NS)
        before = Sent.frames.total()

        world.run(PAST_THE_LEASE_S + 30)
        assert Sent.frames.total() == before

        world.victims.lock_database(counted, is_locked=False)
        if is_theirs:
            theirs = update(tables.leases).values(epoch=2**40, journal_id="another", until=2**62)
            database.write(lambda connection: connection.execute(theirs))
        world.run(QUOTING_S)
        assert (Sent.frames.total() == before) == is_theirs
        assert set(world.ends) == ({"exit 75"} if is_theirs else set())
        assert bool(world.exchange.views.open_orders("main")) != is_theirs


def test_a_database_that_is_away_for_longer_than_the_lease_pulls_every_quote(tmp_path: Path) -> None:
    with quoting_world(tmp_path) as (world, _):
        world.victims.lock_database(counted, is_locked=True)
        world.run(80)
        assert world.exchange.views.open_orders("main")

        before = Sent.frames.total()
        world.run(20)
        assert not world.exchange.views.open_orders("main")
        assert Sent.frames.total() > before
        assert world.life.reasons() == ["the lease of the account has run out: database is locked"]

        world.victims.lock_database(counted, is_locked=False)
        world.run(5)
        assert world.exchange.views.open_orders("main")


def test_a_second_daemon_is_refused_for_as_long_as_the_first_one_trades_and_says_who_that_is(tmp_path: Path) -> None:
    with quoting_world(tmp_path) as (world, _):
        world.second.come(counted)
        world.run(60)

        assert set(world.second.ends) == {"exit 75"}
        assert set(Sent.frames) == {world.life.number}
        assert world.second.life is not None
        account = f"main@{world.exchange.exchange_id}"
        assert world.second.life.last_word.startswith(
            f"another daemon trades on account {account} at deribit: process 1 on simulated, with the data directory "
            "journal, since 2025-06-15 15:06:40 UTC; stop it, or wait: its lease ends 2025-06-15 15:0"
        )


def test_one_that_is_stopped_past_its_lease_says_nothing_when_it_wakes_and_the_second_one_trades(
    tmp_path: Path,
) -> None:
    with quoting_world(tmp_path) as (world, _):
        first = world.life
        world.victims.suspend(counted, PAST_ITS_ROW_S * SECOND_NS)
        world.second.come(counted)
        before = Sent.frames[first.number]

        world.run(PAST_ITS_ROW_S + 5)
        second = world.second.life
        assert second is not None
        assert set(world.second.ends) == {"exit 75"}
        assert not second.is_over
        assert second.epoch > first.epoch
        assert {order.label[3:9] for order in world.exchange.views.open_orders("main")} == {digits(second.epoch)}
        assert Sent.frames[first.number] == before
        assert set(world.ends) == {"exit 75"}
        assert first.last_word.startswith("another daemon trades on account ")
        assert f"process {second.number} on simulated, with the data directory journal-second" in first.last_word

        world.second.leave()
        world.calm()
        world.run(QUOTING_S)
        assert world.second.ends[-1] == "exit 0"
        assert {order.label[3:9] for order in world.exchange.views.open_orders("main")} == {digits(world.life.epoch)}
        assert world.court.violations == []


def digits(epoch: int) -> str:
    """An epoch as our order ids have it."""
    text = ""
    while epoch:
        epoch, digit = divmod(epoch, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text.rjust(6, "0")


def test_one_that_renews_without_a_look_at_whose_lease_it_is_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = script(Cue(fault="replaced", after_s=QUOTING_S))
    assert outcome_of(5, minutes=4, plan=plan).violation is None
    monkeypatch.setattr(leases, "renew", lambda *_: "")

    found = outcome_of(5, minutes=4, plan=plan, checks=[OneWriter])

    assert found.violation is not None
    assert found.violation.invariant == "S16"
