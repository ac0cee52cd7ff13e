"""One life of the daemon, from the first connection to a stop that is verified flat, or the sentence why it is not.

The supervisor starts what a life needs, watches that nothing of it dies silently, turns signals into facts, and ends
everything in order. What we did wrong ourselves ends here: what may rest is canceled without the engine
(`emergency.py`), and the sockets are closed, whereupon the venue's own dead-man switch cancels once more.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from replenisher.core.engine import Engine
from replenisher.core.halts import why_halted
from replenisher.core.stopping import Verdict
from replenisher.errors import ConfigurationError, OrdersLeft, ReplenisherError, Taken, Unreachable
from replenisher.live.clock import Clock
from replenisher.live.control import Answer, Door, Request
from replenisher.live.driver import Driver
from replenisher.live.emergency import Emergency
from replenisher.live.jobs import hourly
from replenisher.live.lease import Lease
from replenisher.live.watched import WatchedTasks
from replenisher.logs import logger
from replenisher.model.event import (
    CancelAllAsked,
    InstrumentStateChanged,
    PauseAsked,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    Started,
    StopAsked,
)
from replenisher.model.step import Step
from replenisher.store.journal import Journal
from replenisher.venues.venue import Carrier, Tasks, Venue

START_S_MAX = 20.0
START_S_PER_INSTRUMENT = 0.5  # more: each is asked about six times, and venues count what they are asked
EMERGENCY_LOOK_S = 0.02  # how often it looks what the venues have answered
FINE, FAILURE, RISK_HALT, INTERRUPTED = 0, 1, 3, 130


# Whoever carries for a venue lives in these tasks, and says what it has to tell, and why a connection ended.
CarrierOf = Callable[[Tasks, Callable[[Callable[[], None]], None], Callable[[str], None]], Carrier]


@dataclass(slots=True, kw_only=True)
class Life:
    """What one life is made of."""

    engine: Engine
    journal: Journal
    venues: Mapping[str, Venue]
    carriers: Mapping[str, CarrierOf]
    clock: Clock
    lease: Lease
    started: Started
    observers: Sequence[Callable[[Step], None]]
    status: Callable[[], Answer]
    door: Callable[[Callable[[Request], Answer]], Door]
    duration_s: float | None = None
    retention: Callable[[], None] = lambda: None  # called once an hour: drop what is older than it must be kept
    objection: Callable[[], str] = lambda: ""  # what of the configuration no venue would take; empty if nothing
    look: Callable[[], str] = lambda: (
        ""
    )  # asked every LOOK_S: why the life should end by itself; empty if it should not
    refresh: Callable[[], None] = lambda: None  # called a few times a second, for a screen
    refresh_s: float = 0.25
    reasons: dict[str, str] = field(default_factory=dict)  # venue -> why its last connection ended


class Supervisor:
    """Lives one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._exit_code = FINE
        self._signals = 0
        self._emergency: Emergency | None = None
        self._let_in: set[str] = set()  # the venues that have taken our key in this life

    async def live(self) -> int:
        """Run until it is over; the exit code. Raises `Unreachable` if no session comes up at start."""
        life = self._life
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        self._driver = Driver(life.engine, life.journal, life.venues, life.clock, life.lease, self._observe, loop)
        tasks = WatchedTasks(self._driver.fail)
        loop.set_exception_handler(self._on_unhandled)
        with hourly(retention=life.retention):
            carriers = {
                name: carrier_of(tasks, self._driver.hear, partial(life.reasons.__setitem__, name))
                for name, carrier_of in life.carriers.items()
            }
            door = life.door(self._answer)
            await door.open()
            self._catch_signals()
            companions = [tasks.create_task(self._watch()), tasks.create_task(self._refresh())]
            if life.duration_s is not None:
                companions.append(tasks.create_task(self._stop_after(life.duration_s)))
            try:
                self._driver.start(carriers, life.started)
                await asyncio.wait([self._over, self._driver.failed], return_when=asyncio.FIRST_COMPLETED)
                if self._driver.failed.done():
                    await self._cancel_without_engine(self._driver.failed.exception())
            finally:
                for companion in companions:
                    companion.cancel()
                # An objection leaves everything as it is, so that no timer of ours may end it later.
                self._driver.stop(is_flat=self.is_verified or bool(life.engine.state.objection))
                await door.close({"exit_code": self._exit_code, "left": self.left()})
                for carrier in carriers.values():
                    await carrier.finish()
                await tasks.finish()
        if self._over.done() and (error := self._over.exception()) is not None:
            raise error
        return self._exit_code

    @property
    def is_unverified(self) -> bool:
        """Whether the life ended without the venue's word that nothing of ours rests."""
        if self._emergency is not None:
            return not self._emergency.is_flat
        stopping = self._life.engine.state.stopping
        return self._signals > 1 or (stopping is not None and stopping.verdict is not Verdict.FLAT)

    @property
    def is_verified(self) -> bool:
        """Whether the life ended with the venue's word that nothing of ours rests."""
        if self._emergency is not None:
            return self._emergency.is_flat
        stopping = self._life.engine.state.stopping
        return self._signals <= 1 and stopping is not None and stopping.verdict is Verdict.FLAT

    def left(self) -> list[str]:
        """The orders that may still rest."""
        if self._emergency is not None:
            return self._emergency.left
        state = self._life.engine.state
        if state.stopping is not None and state.stopping.verdict is Verdict.FLAT:
            return []
        return sorted(order.order_id for order in state.orders.all_live())

    def _on_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something that the loop called back has raised, and nobody else will hear of it."""
        if "handle" in context and (error := context.get("exception")) is not None:
            self._driver.fail(error)
        else:
            loop.default_exception_handler(context)

    # --- What the life is watched for ----------------------------------------------------------------------------

    def _observe(self, step: Step) -> None:
        for observe in self._life.observers:
            observe(step)
        state = self._life.engine.state
        if state.objection:
            self._end(OrdersLeft(state.objection))
        for event in step.events:
            if isinstance(event, InstrumentStateChanged) and event.is_final:
                self._on_closed_for_good(event)
            elif isinstance(event, SessionOpened):
                self._let_in.add(event.venue)
            elif isinstance(event, SessionLost) and event.is_refusal and event.venue not in self._let_in:
                keys = f"venues.{event.venue}.api_key and api_secret"
                self._end(ConfigurationError(f"venue {event.venue} {event.reason}; check {keys}"))
        if state.stopping is not None and state.stopping.verdict is not Verdict.OPEN and not self._over.done():
            if state.halts:
                self._exit_code = self._exit_code or RISK_HALT
            elif state.stopping.verdict is Verdict.LEFT:
                self._exit_code = self._exit_code or FAILURE
            self._over.set_result(None)

    def _on_closed_for_good(self, event: InstrumentStateChanged) -> None:
        state = self._life.engine.state
        if event.instrument not in state.instruments:
            self._end(ConfigurationError(f"instrument {event.instrument} cannot be traded: {event.reason}"))
        elif all(setup.instrument in state.closed for setup in state.setup.strategies):
            self._ask_to_stop("the market has closed")

    async def _watch(self) -> None:
        """Every session must come up at start; and whatever the life depends on must go on."""
        life = self._life
        loop = asyncio.get_running_loop()
        begun = loop.time()
        waiting = set(life.venues)
        setup = life.engine.state.setup
        most = max((len(setup.instruments(name)) for name in waiting), default=0)
        allowed_s = START_S_MAX + START_S_PER_INSTRUMENT * (most - 1)
        while True:
            await asyncio.sleep(0.1)
            waiting -= {name for name, sync in life.engine.state.syncs.items() if sync.is_synced}
            if waiting and loop.time() - begun > allowed_s:
                name = sorted(waiting)[0]
                reason = life.reasons.get(name, "no answer")
                self._end(Unreachable(f"venue {name} has no session after {allowed_s:.0f} s: {reason}"))
                return
            if not waiting:
                begun = float("inf")
                if halted := why_halted(life.engine.state):  # in this life, or in an earlier one
                    self._ask_to_stop(halted)
            if holder := life.lease.holder:
                # No halt: nothing is wrong with the other one, and where it ends we may go on. And no flat stop, as
                # nothing may leave any more; whoever trades now has canceled what was ours when it began.
                self._end(Taken(holder))
                return
            if objection := life.objection():
                self._end(ConfigurationError(objection))
                return
            if (reason := life.look()) and life.engine.state.stopping is None:
                self._exit_code = FAILURE
                self._ask_to_stop(reason)

    async def _refresh(self) -> None:
        while True:
            self._life.refresh()
            await asyncio.sleep(self._life.refresh_s)

    async def _stop_after(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)
        self._ask_to_stop("the duration is over")

    async def _cancel_without_engine(self, error: BaseException | None) -> None:
        """Something of ours failed: no decision can be trusted any more, so everything that may rest is canceled."""
        self._exit_code = FAILURE
        logger().error("failed", error=repr(error), exc_info=error)
        clock = self._life.clock
        emergency = self._emergency = Emergency(self._life.engine.state, clock.now())
        while not emergency.is_over(at := clock.now()):
            emergency.hear(self._driver.bypass(emergency.due(at)), at)
            await asyncio.sleep(EMERGENCY_LOOK_S)
        logger().error("failed_flat" if emergency.is_flat else "failed_and_left", left=emergency.left)

    # --- The operator --------------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number.name)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # The terminal is gone. It may be told more than once, so it never counts as the second signal.
            loop.add_signal_handler(signal.SIGHUP, self._ask_to_stop, "SIGHUP")

    def _on_signal(self, name: str) -> None:
        self._signals += 1
        if self._signals == 1:
            self._ask_to_stop(name)
        else:
            self._exit_code = INTERRUPTED
            self._end(None)

    def _answer(self, request: Request) -> Answer:
        at = self._life.clock.now()
        match request["verb"]:
            case "pause":
                self._driver.tell(PauseAsked(at=at, reason="the operator"))
            case "resume":
                self._resume(str(request.get("reason", "")), at)
            case "cancel-all":
                self._driver.tell(CancelAllAsked(at=at))
            case "stop":
                self._ask_to_stop("the operator")
            case _:
                return self._life.status()
        return {"asked": request["verb"]}

    def _resume(self, reason: str, at: int) -> None:
        if not reason and (halted := why_halted(self._life.engine.state)):
            raise ReplenisherError(f"{halted}; only `resume --reason` lifts that")
        self._driver.tell(ResumeAsked(at=at, reason=reason))

    def _ask_to_stop(self, reason: str) -> None:
        if self._life.engine.state.stopping is None:
            self._driver.tell(StopAsked(at=self._life.clock.now(), reason=reason))

    def _end(self, error: ReplenisherError | None) -> None:
        if not self._over.done():
            if error is None:
                self._over.set_result(None)
            else:
                self._exit_code = error.exit_code
                self._over.set_exception(error)
