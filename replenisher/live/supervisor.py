"""The supervisor of one life: what lets it go on, what ends it, and the exit code it ends with.

It lives on the loop that it is handed and reads no other clock than the life's, so what it decides can be lived through
wherever there is a loop. A stop is over when the venue has said that nothing of ours rests. What we did wrong ourselves
ends here, too: what may rest is canceled without the engine (`emergency.py`), and the connections are closed, whereupon
the venue's own dead-man switch cancels once more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from traceback import format_exception
from typing import NamedTuple

from replenisher.core.elsewhere import fresh_prices
from replenisher.core.engine import Engine
from replenisher.core.halts import why_halted
from replenisher.core.prices import Of
from replenisher.core.stopping import Verdict
from replenisher.errors import ConfigurationError, OrdersLeft, ReplenisherError, Taken, Unreachable
from replenisher.live.chronicle import Tell
from replenisher.live.clock import Clock
from replenisher.live.control import Answer, Request
from replenisher.live.driver import Driver, Loop
from replenisher.live.emergency import LENGTH_NS, Emergency
from replenisher.live.lease import Lease
from replenisher.model.event import (
    BookSnapshot,
    CancelAllAsked,
    Ended,
    Event,
    HaltInherited,
    HaltsLifted,
    InstrumentStateChanged,
    PauseAsked,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    SignalsRemembered,
    Started,
    StopAsked,
    TickerTold,
)
from replenisher.model.instrument import venue_of
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.store.journal import Journal
from replenisher.venues.venue import Carrier, Venue

PRICED = BookSnapshot | TickerTold
Inherited = HaltInherited | HaltsLifted | SignalsRemembered

START_S_MAX = 20.0
START_S_PER_INSTRUMENT = 0.5  # more: each is asked about eight times, and venues count what they are asked
LOOK_S = 0.25  # how often it looks at what no step tells
EMERGENCY_LOOK_S = 0.02  # how often it looks what the venues have answered
EMERGENCY_S_MAX = LENGTH_NS / SECOND_NS + 1  # even if that fails as well
FINE, FAILURE, RISK_HALT, INTERRUPTED = 0, 1, 3, 130


@dataclass(slots=True, kw_only=True)
class Parts:
    """What one life is made of."""

    engine: Engine
    journal: Journal
    venues: Mapping[str, Venue]
    clock: Clock
    lease: Lease
    started: Started
    inherited: Sequence[Inherited] = ()  # what the database remembers of our accounts
    observers: Sequence[Callable[[Step], None]]
    learned: Callable[[], Sequence[Event]] = tuple  # what they have found out that is for the record
    tell: Tell  # a line for the operator
    status: Callable[[], Answer]
    objection: Callable[[], str] = lambda: ""  # what of the configuration no venue would take; empty if nothing
    complaint: Callable[[], str] = lambda: ""  # why the life should end by itself; empty if it should not
    reasons: dict[str, str] = field(default_factory=dict)  # venue -> why its last connection ended


class Ending(NamedTuple):
    """How a life ended."""

    exit_code: int
    left: list[str]  # the orders that may still rest
    is_verified: bool  # whether the venue has said that nothing of ours rests
    error: ReplenisherError | None  # the sentence for the operator, if there is one
    is_recorded: bool = True  # whether the database has all rows


class Supervisor:
    """Watches one life. `over` is set when it should end; then `close` it. It answers until the process has ended."""

    def __init__(self, parts: Parts, loop: Loop) -> None:
        self.over = loop.create_future()
        self.is_hurried = loop.create_future()  # set once it is over, and whoever asked does not want to wait for rows
        self.driver = Driver(parts.engine, parts.journal, parts.venues, parts.clock, parts.lease, self._observe, loop)
        self.driver.failed.add_done_callback(lambda failure: self._on_failure(failure.exception()))
        self._parts = parts
        self._state = parts.engine.state
        self._loop = loop
        self._exit_code = FINE
        self._error: ReplenisherError | None = None
        self._signals = 0
        self._failure = ""  # what of ours has failed
        self._emergency: Emergency | None = None
        quoted = {name for name in parts.venues if self._state.setup.is_quoted_on(name)}
        self._waiting = quoted  # that have not been in sync yet
        self._unheard = set(parts.venues) - quoted  # that are listened to, and have told no price yet
        # Those that saw none of their prices yet. Where that is the last trade nothing is wrong: a market may be quiet.
        self._unpriced = [
            each
            for each in self._state.setup.strategies
            if any(spec.of is not Of.LAST for spec in each.prices.values())
        ]
        self._let_in: set[str] = set()  # the venues that have taken our key in this life

    def start(self, carriers: Mapping[str, Carrier]) -> None:
        """Let the life begin. Every session must come up within a while, and somebody have a price to quote on."""
        setup = self._state.setup
        most = max((len(setup.instruments(name)) for name in self._waiting), default=0)
        allowed_s = START_S_MAX + START_S_PER_INSTRUMENT * (most - 1)
        self._loop.call_later(allowed_s, self._require_beginning, allowed_s)
        self.driver.start(carriers, self._parts.started, *self._parts.inherited)
        self._look()  # not sooner: until then a state knows what an earlier life was in sync with

    def close(self) -> Ending:
        """Give up every connection, and write down how it ended."""
        ending = Ending(self._exit_code, self._left, self._is_verified, self._error)
        # An objection leaves everything as it is, so that no timer of ours may end it later.
        self.driver.stop(is_flat=ending.is_verified or bool(self._state.objection))
        self.driver.write_down(
            Ended(
                at=self._parts.clock.now(),
                exit_code=ending.exit_code,
                reason=self._reason,
                is_verified=ending.is_verified,
                may_rest=tuple(ending.left),
            )
        )
        return ending

    @property
    def _reason(self) -> str:
        """Why it ended."""
        if self._failure or self._error is not None:
            return self._failure or str(self._error)
        return "" if self._state.stopping is None else self._state.stopping.reason

    @property
    def _is_verified(self) -> bool:
        if self._emergency is not None:
            return self._emergency.is_flat
        return self._signals <= 1 and self._state.is_flat

    @property
    def _left(self) -> list[str]:
        return self._state.may_rest if self._emergency is None else self._emergency.left

    # --- What the life is watched for ----------------------------------------------------------------------------

    def _observe(self, step: Step) -> None:
        for observe in self._parts.observers:
            observe(step)
        if learned := self._parts.learned():
            self.driver.tell(*learned)
        state = self._state
        if self._waiting:
            self._waiting -= {name for name, sync in state.syncs.items() if sync.is_synced}
        if self._unheard:
            self._unheard -= {venue_of(event.instrument) for event in step.events if isinstance(event, PRICED)}
        if self._unpriced:
            self._unpriced = [each for each in self._unpriced if not fresh_prices(state, each, step.at)]
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
        if state.stopping is not None and state.stopping.is_over:
            if state.halts:  # whatever it stopped for, it must not be started again
                self._exit_code, self._error = RISK_HALT, None
            elif state.stopping.verdict is Verdict.LEFT:
                # Whatever it stopped for, what may rest is what the operator must hear.
                self._exit_code, self._error = FAILURE, None
            self._end()

    def _on_closed_for_good(self, event: InstrumentStateChanged) -> None:
        state = self._state
        if event.instrument not in state.instruments:
            verb = "traded" if state.setup.watching(event.instrument) else "followed"
            self._end(ConfigurationError(f"instrument {event.instrument} cannot be {verb}: {event.reason}"))
        elif all(setup.instrument in state.closed for setup in state.setup.strategies):
            self.stop("the market has closed")

    def _require_beginning(self, allowed_s: float) -> None:
        """Nobody need wait any longer for what was never there. Later on a price that is missing ends no life."""
        if missing := sorted(self._waiting) or sorted(self._needed()):
            name = missing[0]
            lacking = "has no session" if self._waiting else "tells no price"
            reason = self._parts.reasons.get(name, "no answer")
            self._end(Unreachable(f"venue {name} {lacking} after {allowed_s:.0f} s: {reason}"))
        elif self._is_blind:
            self._stop_for(Unreachable(f"nothing to quote on after {allowed_s:.0f} s: {self._what_prices_say()}"))

    @property
    def _is_blind(self) -> bool:
        """Whether no strategy ever saw a price that it goes by, though there could be one."""
        strategies, closed = self._state.setup.strategies, self._state.closed
        return len(self._unpriced) == len(strategies) and not any(each.instrument in closed for each in strategies)

    def _what_prices_say(self) -> str:
        """What became of every price that somebody goes by."""
        prices = self._parts.status()["prices"]
        told = {f"{name} is {standing}" for strategy in prices.values() for name, standing in strategy.items()}
        return "; ".join(sorted(told))

    def _needed(self) -> set[str]:
        """Of the venues that were never heard those without which somebody cannot quote."""
        at, setups = self._parts.clock.now(), self._state.setup.strategies
        stuck = [
            each for each in setups if each.priced_by and each.priced_by.why_none(fresh_prices(self._state, each, at))
        ]
        names = {venue_of(spec.name) for each in stuck for spec in each.prices.values() if spec.of is not Of.HTTP}
        return names & self._unheard

    def _look(self) -> None:
        """Whatever the life depends on must go on."""
        if self.over.done():
            return
        self._loop.call_later(LOOK_S, self._look)
        if not self._waiting and (halted := why_halted(self._state)):  # in this life, or in an earlier one
            self.stop(halted)
        if holder := self._parts.lease.holder:
            # No halt: nothing is wrong with the other one, and where it ends we may go on. And no flat stop, as nothing
            # may leave any more; whoever trades now has canceled what was ours when it began.
            self._end(Taken(holder))
        elif objection := self._parts.objection():
            self._end(ConfigurationError(objection))
        elif self._state.stopping is None and (complaint := self._parts.complaint()):
            self._exit_code = FAILURE
            self.stop(complaint)

    # --- The operator --------------------------------------------------------------------------------------------

    def stop(self, reason: str) -> None:
        """End the life verified flat."""
        if self._state.stopping is None and not self.over.done():
            self.driver.tell(StopAsked(at=self._parts.clock.now(), reason=reason))

    def _stop_for(self, error: ReplenisherError) -> None:
        """End the life verified flat, with this for the operator."""
        if self._state.stopping is None:
            self._error, self._exit_code = error, error.exit_code
            self.stop(str(error))

    def interrupt(self, name: str) -> None:
        """A signal that means a stop; whoever sends a second one does not want to wait for it."""
        self._signals += 1
        if self._signals == 1:
            self.stop(name)
        elif self.over.done():
            if not self.is_hurried.done():
                self.is_hurried.set_result(None)
        else:
            self._exit_code = INTERRUPTED
            self._end()

    def answer(self, request: Request) -> Answer:
        """Do what the operator asks for."""
        at, verb = self._parts.clock.now(), request["verb"]
        if self.over.done() and verb not in ("status", "stop"):
            raise ReplenisherError(f"the daemon is ending, and answers no {verb} any more")
        match verb:
            case "pause":
                self.driver.tell(PauseAsked(at=at, reason="the operator"))
            case "resume":
                self._resume(str(request.get("reason", "")), at)
            case "cancel-all":
                self.driver.tell(CancelAllAsked(at=at))
            case "stop":
                self.stop("the operator")
            case _:
                return self._parts.status()
        return {"asked": verb}

    def _resume(self, reason: str, at: int) -> None:
        if not reason and (halted := why_halted(self._state)):
            raise ReplenisherError(f"{halted}; only `resume --reason` lifts that")
        self.driver.tell(ResumeAsked(at=at, reason=reason))

    # --- Its end -------------------------------------------------------------------------------------------------

    def _on_failure(self, error: BaseException | None) -> None:
        """No decision can be trusted any more, so everything that may rest is canceled."""
        if self.over.done():
            return
        assert error is not None, "a driver fails with what was raised"
        self._exit_code, self._failure = FAILURE, f"failed: {error!r}"
        self._loop.call_later(EMERGENCY_S_MAX, self._end)
        self._parts.tell("failed", {"error": repr(error), "traceback": "".join(format_exception(error))})
        self._emergency = Emergency(self._state, self._parts.clock.now())
        self._cancel_without_engine(self._emergency)

    def _cancel_without_engine(self, emergency: Emergency) -> None:
        at = self._parts.clock.now()
        if emergency.is_over(at):
            self._parts.tell("failed_flat" if emergency.is_flat else "failed_and_left", {"left": emergency.left})
            self._end()
        elif not self.over.done():
            emergency.hear(self.driver.bypass(emergency.due(at)), at)
            self._loop.call_later(EMERGENCY_LOOK_S, self._cancel_without_engine, emergency)

    def _end(self, error: ReplenisherError | None = None) -> None:
        """It is over, unless it was already."""
        if self.over.done():
            return
        if error is not None:
            self._error, self._exit_code = error, error.exit_code
        self.over.set_result(None)
