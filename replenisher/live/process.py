"""The process around a life: its signals, the operator's door, the tasks that carry for the venues, housekeeping.

Nothing is decided here: what happens is told to the supervisor, and when that says that it is over, everything is
ended in order. The door closes last: whoever asked to stop hears how it ended once that is known.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from replenisher.live.control import Answer, Door, Request
from replenisher.live.http_price import HttpPrice
from replenisher.live.jobs import housekeeping
from replenisher.live.supervisor import FAILURE, INTERRUPTED, Ending, Parts, Supervisor
from replenisher.live.watched import WatchedTasks
from replenisher.venues.venue import CarrierOf

REFRESH_S = 0.25


async def no_statement() -> None:
    """A process without a configuration has no ledger to state."""


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a process has, and a life does not need."""

    carriers: Mapping[str, CarrierOf]
    door: Callable[[Callable[[Request], Answer]], Door]
    prices: Sequence[HttpPrice] = ()  # that fair values go by
    duration_s: float | None = None
    retention: Callable[[], None] = lambda: None  # called once an hour: drop what is older than it must be kept
    statement: Callable[[], Coroutine[Any, Any, None]] = no_statement  # soon, and once an hour: state what is due
    refresh: Callable[[], None] = lambda: None  # called every REFRESH_S, for a screen
    record: Callable[[], bool] = lambda: True  # in a thread, at the end: write the last rows; whether all are written
    give_up: Callable[[], None] = lambda: None  # have `record` end at once


async def live(parts: Parts, around: Surroundings) -> Ending:
    """Run until it is over, and say how it ended. Raises the sentence for the operator, if there is one."""
    loop = asyncio.get_running_loop()
    supervisor = Supervisor(parts, loop)
    tasks = WatchedTasks(supervisor.driver.fail)
    loop.set_exception_handler(partial(_on_unhandled, supervisor))
    with housekeeping(hourly=around.retention, statement=around.statement):
        carriers = {
            name: carrier_of(tasks, supervisor.driver.hear, partial(parts.reasons.__setitem__, name))
            for name, carrier_of in around.carriers.items()
        }
        door = around.door(supervisor.answer)
        await door.open()
        _catch_signals(loop, supervisor)
        tasks.create_task(_refresh(around.refresh))
        tell, now = supervisor.driver.tell, parts.clock.now
        watching = [tasks.create_task(price.watch(tell, now)) for price in around.prices]
        if around.duration_s is not None:
            loop.call_later(around.duration_s, supervisor.stop, "the duration is over")
        try:
            supervisor.start(carriers)
            await supervisor.over
        finally:
            for task in watching:
                task.cancel()
            ending = supervisor.close()
            for carrier in carriers.values():
                await carrier.finish()
            ending = await _recorded(ending, around, supervisor.is_hurried)
            last_word = {"exit_code": ending.exit_code, "left": ending.left, "is_recorded": ending.is_recorded}
            await door.close(last_word)
            await tasks.finish()
    if ending.error is not None:
        raise ending.error
    return ending


async def _recorded(ending: Ending, around: Surroundings, is_hurried: asyncio.Future[None]) -> Ending:
    """How it ended, once the last rows are written or nobody waits for that any more."""
    recording = asyncio.get_running_loop().run_in_executor(None, around.record)
    awaited: list[asyncio.Future[Any]] = [recording, is_hurried]
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    if not recording.done():
        around.give_up()
    if await recording:
        return ending
    why = INTERRUPTED if is_hurried.done() else FAILURE
    return ending._replace(exit_code=ending.exit_code or why, is_recorded=False)


def _on_unhandled(supervisor: Supervisor, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Something that the loop called back has raised, and nobody else will hear of it."""
    if "handle" in context and (error := context.get("exception")) is not None:
        supervisor.driver.fail(error)
    else:
        loop.default_exception_handler(context)


def _catch_signals(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.interrupt, number.name)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # The terminal is gone. It may be told more than once, so it never counts as the second signal.
        loop.add_signal_handler(signal.SIGHUP, supervisor.stop, "SIGHUP")


async def _refresh(refresh: Callable[[], None]) -> None:
    while True:
        refresh()
        await asyncio.sleep(REFRESH_S)
