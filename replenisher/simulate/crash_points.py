"""Crash points: a short scenario, and a death at each of its moments; the next life goes on on the same files.

Nothing is sampled: a scenario is lived once to count its moments, and then once more for each of them and for each way
of dying there. It is over once the next life quotes by itself, stops verified flat, and both books agree.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from replenisher.simulate.checks import ALL
from replenisher.simulate.checks.quoting import QuotesAgain
from replenisher.simulate.court import Check
from replenisher.simulate.moments import KILLED, POWER_LOST, Moments
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue, Plan
from replenisher.simulate.world import Scene, World

CHECKS = tuple(check for check in ALL if check is not QuotesAgain)  # it waits for half a minute; here a look is enough
QUOTES_AGAIN_S_MAX = 30
SETTLES_S = 1.0  # so long it must go on quoting
CUT = Cue(fault="cut", after_s=4.5, connection="trading")
KILL = Cue(fault="killed", after_s=3.0)
LOSE_POWER = Cue(fault="power lost", after_s=3.0)
FAIL_NAMES = Cue(fault="name not synced", after_s=2.0)
FAIL_SYNCS = Cue(fault="sync fails", after_s=3.0)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A few seconds of life. `seed` is one whose market does what the name says at this time."""

    name: str
    seed: int
    begins_s: float = 0.0  # whoever dies, dies between these two
    ends_s: float
    away_s: float  # how long he is dead
    script: Sequence[Cue] = ()
    cancels_s: float | None = None  # when the operator wants nothing shown any more
    stops_s: float | None = None  # and when he stops the daemon, which is started again
    segment_bytes: int | None = None  # after which a segment of the journal ends
    adopts: bool = False  # whether a life goes on with what the one before has left


SCENARIOS = (
    Scenario(name="start and first quotes", seed=4, ends_s=2, away_s=0.1),
    Scenario(name="fill and refill", seed=10, begins_s=1.3, ends_s=2.8, away_s=3),
    Scenario(name="burst of amends", seed=6, begins_s=5.8, ends_s=7.3, away_s=0.001),
    Scenario(name="cancel all and stop", seed=12, begins_s=3.3, ends_s=6, away_s=0.5, cancels_s=3.5, stops_s=4.5),
    Scenario(name="reconnect with sync", seed=5, begins_s=4.3, ends_s=6.8, away_s=1, script=(CUT,)),
    Scenario(name="start after a death", seed=10, begins_s=3, ends_s=5.8, away_s=0.3, script=(KILL,)),
    Scenario(name="adoption", seed=3, begins_s=8, ends_s=10.5, away_s=0.3, script=(LOSE_POWER,), adopts=True),
    Scenario(name="sync that fails", seed=1, begins_s=3, ends_s=4.5, away_s=0.3, script=(FAIL_SYNCS,)),
    Scenario(
        name="segment without a name",
        seed=26,
        begins_s=2,
        ends_s=5,
        away_s=0.3,
        script=(FAIL_NAMES,),
        segment_bytes=16 * 1024,
    ),
)


class Death(NamedTuple):
    """How somebody dies, and whether a record was on the disk itself before its orders left."""

    how: str
    syncs_always: bool

    def __str__(self) -> str:
        return f"{self.how}, fsync {'always' if self.syncs_always else 'interval'}"


DEATHS = (
    Death(KILLED, syncs_always=False),
    Death(POWER_LOST, syncs_always=False),
    Death(POWER_LOST, syncs_always=True),
)


def moments_of(
    scene: Scene, scenario: Scenario, death: Death, checks: Sequence[type[Check]] = CHECKS
) -> dict[int, str]:
    """The moments of a scenario, as it is lived when nobody dies: the kind of each, by its number."""
    kinds: list[str] = []
    with _world(scene, scenario, death, Moments(notes=kinds), checks) as world:
        before = 0
        if scenario.begins_s:
            _live(world, scenario, 0, scenario.begins_s)
            before = len(kinds)
        _live(world, scenario, scenario.begins_s, scenario.ends_s)
        assert not world.court.violations, world.court.violations
    return dict(enumerate(kinds[before:], start=before + 1))


def die(scene: Scene, scenario: Scenario, death: Death, number: int) -> str:
    """Die at one of them; what is wrong with what follows, or nothing."""
    moments = Moments(last=number, how=death.how)
    with _world(scene, scenario, death, moments, CHECKS) as world:
        _live(world, scenario, 0, scenario.ends_s)
        assert moments.died_at, "every moment of the scenario comes to pass again"
        wrong = _what_follows(world, scenario.away_s)
    return f"{scenario.name}, {death}, moment {number} ({moments.died_at}): {wrong}" if wrong else ""


def _what_follows(world: World, away_s: float) -> str:
    """Nothing goes wrong any more."""
    world.run(away_s)
    world.calm()
    world.resume()
    violations = world.court.violations
    if not violations and not world.run_until(lambda: _is_quoting(world), QUOTES_AGAIN_S_MAX):
        return f"it does not quote again: {world.life.reasons()}"
    world.run(SETTLES_S)
    if not violations and (how := world.stop()) != "exit 0":
        return f"the stop was not verified flat: {how}"
    if not violations:
        world.close()
    return "; ".join(f"{each.invariant}: {each.sentence}" for each in violations)


def _is_quoting(world: World) -> bool:
    return not world.life.is_over and not world.life.reasons() and any(world.evidence.ours())


def _live(world: World, scenario: Scenario, from_s: float, to_s: float) -> None:
    """Let it be lived from one moment to another; whatever life it is then, the operator asks that one."""
    now_s = from_s
    for at_s, verb in ((scenario.cancels_s, "cancel-all"), (scenario.stops_s, "stop")):
        if at_s is not None and from_s <= at_s < to_s:
            world.run(at_s - now_s)
            world.life.ask(verb)
            now_s = at_s
    world.run(to_s - now_s)


@contextmanager
def _world(
    scene: Scene, scenario: Scenario, death: Death, moments: Moments, checks: Sequence[type[Check]]
) -> Iterator[World]:
    plan = Plan(
        script=scenario.script,
        syncs_always=death.syncs_always,
        adopts=scenario.adopts,
        segment_bytes=scenario.segment_bytes,
    )
    with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
        directory = Path(folder)
        with database_in(directory) as database:
            world = World(
                scene,
                seed=scenario.seed,
                at=START,
                directory=directory / "journal",
                database=database,
                plan=plan,
                moments=moments,
                checks=checks,
            )
            world.victims.away_s = (scenario.away_s, scenario.away_s)
            yield world
