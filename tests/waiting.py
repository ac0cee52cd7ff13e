"""Waiting: until a condition holds, and not past a deadline. No test lets time pass for its own sake."""

import asyncio
import threading
from collections.abc import Callable
from time import monotonic

DEADLINE_S = 60.0  # of anything that takes a moment; a busy machine takes twenty times as long as an idle one
LIFE_S = 3 * DEADLINE_S  # of a whole life: it starts, trades, stops and brings its rows to the database
POLL_S = 0.01

Condition = Callable[[], object]


def until(
    condition: Condition, what: str = "it comes true", within_s: float = DEADLINE_S, every_s: float = POLL_S
) -> None:
    """Wait for what another thread or process brings about."""
    nobody_rings = threading.Event()
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, f"{what}: not after {within_s:g} s"
        nobody_rings.wait(every_s)


async def eventually(condition: Condition, what: str = "it comes true", within_s: float = DEADLINE_S) -> None:
    """Wait for what the event loop brings about."""
    nobody_calls = asyncio.get_running_loop().create_future()
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, f"{what}: not after {within_s:g} s"
        await asyncio.wait([nobody_calls], timeout=POLL_S)


async def a_turn() -> None:
    """Let whatever else is ready have its turn of the event loop."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    await turn
