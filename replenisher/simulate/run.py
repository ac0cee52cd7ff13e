"""From a seed to a verdict: faults for so many minutes, none for a while, and then a stop that must leave nothing.

The second phase is what makes the first one worth something: whatever has happened, a daemon that is left in peace must
find back, quote, stop verified-flat, and have both books agree.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from traceback import format_exception
from typing import NamedTuple, Self

import msgspec

from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.simulate.court import OURS, Check, Violation
from replenisher.simulate.exchange_end import ExchangeEnd
from replenisher.simulate.rows import database_in
from replenisher.simulate.swarm import Plan
from replenisher.simulate.timeline import Timeline
from replenisher.simulate.world import Meet, Scene, World

START = 1_750_000_000 * SECOND_NS
CALM_S = 35
ROOM_NAME = 60  # a seed's files are called by equally long names on every machine: what goes wrong is told with them
HOUR_S = 3600


def peace(world: World) -> None:
    """The second phase."""
    world.run(CALM_S)


class Means(NamedTuple):
    """How time passes, what stands between the network and the exchange, and how long the second phase is."""

    timeline: Timeline | None = None  # virtual, unless it is another
    meet: Meet = ExchangeEnd
    find_back: Callable[[World], None] = peace
    live_on: Callable[[World], None] = lambda _: None  # what lives on once the last daemon has stopped


VIRTUAL = Means()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one seed."""

    seed: int
    seconds: float  # of simulated time
    messages: int
    befell: Mapping[str, int]  # how often each fault happened at all
    tally: Mapping[str, int]  # how often it hit while an order of ours was at stake, and what came of it
    times: Mapping[str, Sequence[float]] = {}  # in seconds, what a time is promised for (`times.py`)
    hash: str  # over every byte on the wire and every row
    violation: Violation | None = None  # the first one
    traceback: str = ""  # of an exception that ended it
    cpu_s: float = 0.0  # what it took; the one thing that differs from run to run

    @property
    def is_fine(self) -> bool:
        """Whether nothing was found that must not be."""
        return self.violation is None


def run(
    scene: Scene,
    *,
    seed: int,
    minutes: float,
    plan: Plan,
    checks: Sequence[type[Check]],
    at: int = START,
    each_hour: Callable[[World], None] | None = None,
    means: Means = VIRTUAL,
) -> Outcome:
    """One seed from its start to its verdict; who wants to may look at it after each hour with faults."""
    began = process_time()
    prefix = "replenisher-".ljust(ROOM_NAME - len(tempfile.gettempdir()), "-")
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        directory = Path(folder)
        with database_in(directory) as database:
            world = World(
                scene,
                seed=seed,
                at=at,
                directory=directory / "journal",
                database=database,
                plan=plan,
                checks=checks,
                timeline=means.timeline,
                meet=means.meet,
            )
            with Mishap() as mishap:
                live(world, minutes * MINUTE_NS / SECOND_NS, each_hour, means)
            if mishap.sentence:
                world.court.object(OURS, mishap.sentence)
            return Outcome(
                seed=seed,
                seconds=(world.at - at) / SECOND_NS,
                messages=world.tap.frames,
                befell=dict(sorted(world.befell.items())),
                tally=dict(sorted(world.tally.items())),
                times=world.times,
                hash=world.tap.digest(),
                violation=world.court.violations[0] if world.court.violations else None,
                traceback=mishap.traceback,
                cpu_s=process_time() - began,
            )


class Mishap:
    """An exception, in the exchange or in the simulation: its seed fails, and the others go on."""

    sentence = traceback = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.sentence = f"{type(error).__name__}: {error}"
        self.traceback = "".join(format_exception(error))
        return True


def live(
    world: World,
    seconds: float,
    each_hour: Callable[[World], None] | None = None,
    means: Means = VIRTUAL,
) -> None:
    """Both phases and the end."""
    while each_hour is not None and seconds >= HOUR_S and not world.court.violations:
        world.run(HOUR_S)
        seconds -= HOUR_S
        each_hour(world)
    world.run(seconds)
    world.calm()
    world.resume()
    means.find_back(world)
    if not world.court.violations and (how := world.stop()) != "exit 0":
        world.court.object("L6", f"the stop was not verified flat: {how}")
    if not world.court.violations:
        world.settle()
    if not world.court.violations:
        means.live_on(world)
    if not world.court.violations:
        world.close()
