"""A world whose every step is observed as the driver does it: after the engine's step, before the next one."""

from collections.abc import Callable
from typing import Any

from replenisher.core.slots import RefillPolicy
from replenisher.live.monitor import Monitor
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import Quote, Step
from tests.core.world import INVERSE, Wishes, World, ladder, one_strategy, policy

BESIDES: dict[str, Any] = {  # what a daemon adds to what its monitor says
    "config_version": "a348",
    "lease": {"epoch": 1, "is_held": True, "left_s": 82.5, "why": ""},
    "rows": {"behind_bytes": 0, "error": ""},
    "statements": [],
    "lines_lost": 0,
}


class Steps(list[Step]):
    """The steps of a world, told to an observer as they are taken."""

    def __init__(self, observe: Callable[[Step], None]) -> None:
        super().__init__()
        self._observe = observe

    def append(self, step: Step) -> None:
        super().append(step)
        self._observe(step)


def world_with(
    quotes: tuple[Quote, ...] = ladder(3),
    instrument: Instrument = INVERSE,
    refill: RefillPolicy | None = None,
    **venue: object,
) -> World:
    """A world that is not open yet."""
    world = World(one_strategy(Wishes(quotes), policy=policy(refill), **venue), instrument)
    world.venue.others = {
        Side.BUY: {99_990 - 2 * i: 100 + i for i in range(40)},
        Side.SELL: {100_010 + 2 * i: 100 + i for i in range(40)},
    }
    return world


def eat(world: World, side: Side, level: int = 0, lots: int = 10_000) -> None:
    """Somebody trades with the order in this slot, and we hear of it."""
    resting = world.at_venue(world.order(side, level))
    world.venue.fill(resting, min(lots, resting.remaining), world.at)
    world.hear()


def opened(**other: object) -> tuple[World, Monitor]:
    """A world that trades, and the monitor that has seen all of it."""
    world = world_with(**other)
    monitor = Monitor(world.state)
    world.steps = Steps(monitor.observe)
    world.open()
    return world, monitor


def answer_of(world: World, monitor: Monitor) -> dict[str, Any]:
    """What a daemon answers to `status`."""
    return monitor.status(world.state, world.at) | BESIDES
