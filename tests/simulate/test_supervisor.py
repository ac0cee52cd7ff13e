"""The real supervisor on virtual time: how a life ends, with which exit code, and what the operator is told of it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from replenisher.config import load
from replenisher.live.emergency import Emergency
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Oracle
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.world import Scene, World
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.wiring.simulation import SHIPPED, scene_of

QUOTING_S = 20


class Told(Check):
    """Keeps what the daemons of the last world have told their operator."""

    name: ClassVar[str] = "told"
    lines: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        Told.lines.clear()

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> None:
        Told.lines.append((verb, about))


def told(verb: str) -> list[dict[str, Any]]:
    return [about for said, about in Told.lines if said == verb]


def until_ended(world: World) -> None:
    """To the end of the life that lives now, and no further; a failure, which no run goes on after, is looked past."""
    life = world.life
    for _ in range(100):
        if life.is_over:
            return
        world.run(0.1)
        world.court.violations.clear()
    raise AssertionError("it lives on")


def ends(world: World) -> list[tuple[Any, ...]]:
    """What the rows say of how each life ended: exit code, reason, whether it is verified flat, and what may rest."""
    assert world.place.database is not None, "this world has rows"
    query = "SELECT exit_code, reason, is_verified, may_rest FROM endings ORDER BY epoch"
    return [(*told, json.loads(left)) for *told, left in world.place.database.beside.execute(query)]


@contextmanager
def world_of(scene: Scene, directory: Path) -> Iterator[World]:
    with database_in(directory) as database:
        yield World(scene, seed=1, at=START, directory=directory / "journal", database=database, checks=[Told])


@pytest.fixture
def quoting(tmp_path: Path) -> Iterator[World]:
    """A desk that quotes."""
    with world_of(scene_of(load(SHIPPED)), tmp_path) as world:
        world.run(QUOTING_S)
        assert world.exchange.views.open_orders("main")
        yield world


def test_a_signal_stops_verified_flat(quoting: World) -> None:
    quoting.life.interrupt()
    until_ended(quoting)

    assert list(quoting.ends) == ["exit 0"]
    assert told("stopping") == [{"reason": "SIGTERM"}]
    assert ends(quoting) == [(0, "SIGTERM", True, [])]
    assert not quoting.exchange.views.open_orders("main")


def test_a_second_signal_does_not_wait_for_the_venue(quoting: World) -> None:
    resting = sorted(order.label for order in quoting.exchange.views.open_orders("main"))
    quoting.life.interrupt()
    quoting.life.interrupt()
    until_ended(quoting)

    assert list(quoting.ends) == ["exit 130"]
    assert ends(quoting) == [(130, "SIGTERM", False, resting)]


def test_a_life_that_was_killed_has_no_row_of_its_end(quoting: World) -> None:
    quoting.life.kill("killed")
    quoting.run(QUOTING_S)
    quoting.life.interrupt()
    until_ended(quoting)

    assert list(quoting.ends) == ["killed", "exit 0"]
    assert ends(quoting) == [(0, "SIGTERM", True, [])]


def test_an_operator_whose_request_an_ending_daemon_refuses_has_his_answer(quoting: World) -> None:
    quoting.victims.suspend(lambda: None, SECOND_NS)
    for _ in range(2):
        quoting.life.interrupt()
    quoting.life.ask("pause")  # all of it is heard at once, when it runs again

    until_ended(quoting)

    assert quoting.ends == ["exit 130"]
    assert not quoting.court.violations


def test_a_venue_without_a_session_is_given_up_after_a_while(tmp_path: Path) -> None:
    scene = replace(scene_of(load(SHIPPED)), delays_ns=(30 * SECOND_NS, 30 * SECOND_NS))

    with world_of(scene, tmp_path) as world:
        first = world.life
        world.run(25)

    assert world.ends[0] == "exit 75"
    assert first.last_word == "venue deribit has no session after 20 s: no answer"


LEGS = "[{http: desk}, {venue: deribit, instrument: BTC-PERPETUAL, of: index, max_age_ms: 1}]"


def going_by_dead_legs(directory: Path, *others: str, interrupted: str = "") -> Scene:
    """The shipped desk on two prices of which neither is ever fresh, and others with it that go by the book."""
    begun, strategy = SHIPPED.read_text().split("strategies:\n")
    source = "price_sources: {desk: {url: 'http://127.0.0.1:1/', field: price, poll_ms: 200}}\n"
    blind = f"    fair_value: {{source: composite, outlier_bps: 20, min_legs: 1, legs: {LEGS}}}\n"
    strategies = [strategy + blind, *(strategy.replace("id: core", f"id: {name}") for name in others)]
    listed = f"exchange:\n  instruments: {{BTC-PERPETUAL: {{interruptions: [{interrupted}]}}}}\n"
    begun = begun.replace("exchange:\n", listed)
    (directory / "desk.yaml").write_text(f"{source}{begun}strategies:\n{''.join(strategies)}")
    return scene_of(load(directory / "desk.yaml"))


def test_a_desk_none_of_whose_legs_was_ever_fresh_ends_and_names_them(tmp_path: Path) -> None:
    with world_of(going_by_dead_legs(tmp_path), tmp_path) as world:
        first = world.life
        world.run(19)
        assert not first.is_over
        until_ended(world)

    assert world.ends[0] == "exit 75"
    assert first.last_word == (
        "nothing to quote on after 20 s: http:desk is not fresh; index:deribit/BTC-PERPETUAL is not fresh"
    )
    assert told("stopping") == [{"reason": first.last_word}]


def test_a_desk_without_prices_that_cannot_stop_verified_flat_says_that_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_of(going_by_dead_legs(tmp_path), tmp_path) as world:
        first = world.life
        world.run(19)
        monkeypatch.setattr(DeribitVenue, "received", lambda *_: None)  # from now on it hears nothing
        world.run(20)

    assert told("stopping")
    assert world.ends[0] == "exit 1"
    assert first.last_word == ""


def test_a_desk_waits_for_its_prices_while_its_instrument_does_not_trade(tmp_path: Path) -> None:
    halted = "{state: halted, after_s: 5, for_s: 60}"

    with world_of(going_by_dead_legs(tmp_path, interrupted=halted), tmp_path) as world:
        first = world.life
        world.run(40)

        assert not first.is_over


def test_a_desk_that_goes_by_the_last_trade_waits_for_one_however_long_nobody_trades(tmp_path: Path) -> None:
    too_short = "    fair_value: {source: last, max_trade_age_s: 0.000001}\n"  # a trade is older when it is heard
    (tmp_path / "desk.yaml").write_text(SHIPPED.read_text() + too_short)

    with world_of(scene_of(load(tmp_path / "desk.yaml")), tmp_path) as world:
        first = world.life
        world.run(40)

        assert not first.is_over
    assert told("shows_nothing")[0]["reason"] == "fair value: no trade of the last 1e-06 s is known"


def test_a_desk_on_which_another_strategy_can_quote_goes_on(tmp_path: Path) -> None:
    with world_of(going_by_dead_legs(tmp_path, "seeing"), tmp_path) as world:
        first = world.life
        world.run(40)

        assert not first.is_over
        assert world.exchange.views.open_orders("main")


def test_a_halt_ends_this_life_and_the_next_ones_until_an_operator_says_why_it_may_go_on(tmp_path: Path) -> None:
    config = SHIPPED.read_text().replace("on_breach: pause", "on_breach: halt")
    (tmp_path / "strict.yaml").write_text(re.sub("max_daily_loss_quote: .*", "max_daily_loss_quote: 0.01", config))

    with world_of(scene_of(load(tmp_path / "strict.yaml")), tmp_path) as world:
        world.run(60)

    (first, *_), lifted = told("halted"), told("resumed")
    assert first["cause"] == "loss"
    assert world.ends.count("exit 3") == len(world.ends) >= 2
    assert told("stopping")[0] == {"reason": f"halted: {first['reason']}"}
    assert lifted == []  # a daemon says so only of one that it was told itself


@pytest.fixture
def failing(quoting: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The next frame that this desk hears is too much for it."""
    genuine, failures = DeribitVenue.received, iter([ValueError("planted")])

    def received(self: DeribitVenue, *args: Any) -> None:
        for failure in failures:
            raise failure
        genuine(self, *args)

    monkeypatch.setattr(DeribitVenue, "received", received)
    return quoting


def test_what_fails_in_a_venue_ends_the_life_after_everything_was_canceled_without_the_engine(failing: World) -> None:
    until_ended(failing)

    assert list(failing.ends) == ["exit 1"]
    (failed,), (flat,) = told("failed"), told("failed_flat")
    assert failed["error"] == "ValueError('planted')"
    assert "raise failure\nValueError: planted" in failed["traceback"]
    assert flat == {"left": []}
    assert ends(failing) == [(1, "failed: ValueError('planted')", True, [])]
    assert not failing.exchange.views.open_orders("main")


def test_an_emergency_that_fails_as_well_still_ends(failing: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emergency, "is_over", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        until_ended(failing)

    until_ended(failing)

    assert list(failing.ends) == ["exit 1"]
