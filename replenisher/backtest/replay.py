"""The replay: one engine, one exchange, and what is under way between them, on one virtual timeline.

Time goes from one moment at which something is due to the next. Everything that is due at a moment, and all that
follows from it at that moment, happens before time goes on, and the facts that arrive together are one step: so it is
in the daemon, where whatever has been heard when the loop comes round is one turn.

    the market moves · a request reaches the exchange · a fact reaches us · the engine wanted to be woken

That is also the order of what falls together: the exchange takes no request before its market has moved, and tells of
that first. What we ask for because of such a move is asked once we have heard of it, and not in its middle.

What the daemon's driver and the venue's session add of themselves is kept, as a decision may depend on it: an alarm is
set a moment after a turn and not in it, and a book that stands still is known to be today's as long as the connection
answers. Who watches the market for the record looks at that moment, too, and what it found is told with the next facts.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from replenisher.backtest.connection import Connection
from replenisher.backtest.counter import Counter
from replenisher.backtest.hearing import Hearing
from replenisher.core.engine import Engine
from replenisher.exchange.exchange import Exchange
from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import Ended, Event, LinkAlive, Started, StopAsked, Woke
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, NEVER_NS, SECOND_NS

LOOK_BACK_NS = MS_NS  # after a turn, as in the driver
ALIVE_EVERY_NS = SECOND_NS // 2  # a connection that is heard is said to live, as in the venue's session
SILENCE_NS = 3 * SECOND_NS // 4  # and is asked for an answer when nothing was heard for so long
STOP_NS_MAX = 30 * SECOND_NS
LEAVES = OrderCommand | Question
CLOSED, OVER = "the market has closed", "the replay is over"

Observe = Callable[[Step], None]


class Watch(Protocol):
    """Watches the steps of a life for the record."""

    def observe(self, step: Step) -> None:
        """Take one step into account, with the state as it is by now."""

    def learned(self) -> Sequence[Event]:
        """What it has found out since it was last asked."""


class Replay:
    """Lets the past happen. A watch costs time, and what it finds changes no decision."""

    def __init__(
        self,
        engine: Engine,
        exchange: Exchange,
        hearing: Hearing,
        counter: Counter,
        connection: Connection,
        observe: Observe,
        watch: Watch | None,
    ) -> None:
        self.engine = engine
        self.exchange = exchange
        self.at = 0
        self._hearing = hearing
        self._counter = counter
        self._connection = connection
        self._observe = observe
        self._watch = watch
        self._unwatched: list[Step] = []
        self._found: list[Event] = []  # by the watch, and not told yet
        self._alarm_at = NEVER_NS
        self._look_back_at = NEVER_NS
        self._heard_at = 0
        self._alive_at = 0
        self._venue = engine.state.setup.venues[0].name
        self._traded = [strategy.instrument for strategy in engine.state.setup.strategies]

    @property
    def is_closed(self) -> bool:
        """Whether nothing that we trade will trade again."""
        if self.exchange.next_at is not None:
            return False
        closed = self.engine.state.closed
        return all(instrument in closed for instrument in self._traded)

    @property
    def is_over(self) -> bool:
        """Whether the life has ended, one way or the other."""
        stopping = self.engine.state.stopping
        return stopping is not None and stopping.is_over

    @property
    def is_flat(self) -> bool:
        """Whether it ended with nothing of ours resting."""
        return self.engine.state.is_flat

    def begin(self, started: Started) -> None:
        """The first fact of a life."""
        self.at = self._heard_at = started.at
        self._step([started])

    def run(self, until: int) -> None:
        """Let time pass up to and including `until`, or until the market has closed."""
        due, exchange = self._next_at(), self.exchange
        while due <= until and (exchange.next_at is not None or not self.is_closed):
            due = self._happen(due)
        if not self.is_closed:
            self.at = max(self.at, until)

    def stop(self) -> None:
        """The operator stops the life: it ends verified flat, unless that takes too long."""
        reason = CLOSED if self.is_closed else OVER
        self._step([StopAsked(at=self.at, reason=reason)])
        until = self.at + STOP_NS_MAX
        due = self._happen(self.at)
        while not self.is_over and due <= until:
            due = self._happen(due)

    def ended(self, exit_code: int) -> Ended:
        """The last fact of the life, as the supervisor writes it down."""
        state = self.engine.state
        assert state.stopping is not None, "a replay is stopped before it ends"
        return Ended(
            at=self.at,
            exit_code=exit_code,
            reason=state.stopping.reason,
            is_verified=state.is_flat,
            may_rest=tuple(state.may_rest),
        )

    # --- Time -----------------------------------------------------------------------------------------------------

    def _next_at(self) -> int:
        """When something is due next."""
        due = self._heard_at + SILENCE_NS
        if (at := self._hearing.next_at) < due:
            due = at
        if (at := self._connection.next_at) < due:
            due = at
        if (at := self._counter.next_at) < due:
            due = at
        if (market := self.exchange.next_at) is not None and market < due:
            due = market
        if self._look_back_at <= due and self._look_back_at <= self._alarm_at:
            self._look_back(self._look_back_at)
        return self._alarm_at if self._alarm_at < due else due

    def _happen(self, at: int) -> int:
        """All that is due at this moment, and what follows from it at once; when something is due next."""
        if at > self.at:
            self.at = at
        exchange, connection, counter, due = self.exchange, self._connection, self._counter, at
        while due <= at:
            is_asked = connection.next_at <= at or counter.next_at <= at
            if (market := exchange.next_at) is not None and market <= at:
                exchange.advance(at)
            if is_asked:
                counter.turn(at)
            facts = self._heard(at)
            if self._alarm_at <= at:
                self._ring(facts, at)
            if facts:
                self._step(facts)
            due = self._next_at()
        return due

    def _heard(self, at: int) -> list[Event]:
        """What has arrived; and that the connection lives, if there is nothing else that says so."""
        facts = self._hearing.take(at)
        if facts:
            self._heard_at = at
        elif at < self._heard_at + SILENCE_NS:
            return facts
        else:
            self._heard_at = at
        if at - self._alive_at >= ALIVE_EVERY_NS:
            self._alive_at = at
            facts.append(LinkAlive(at=at, venue=self._venue))
        return facts

    def _ring(self, facts: list[Event], at: int) -> None:
        """An alarm rings. The engine is told so if it wanted that: what it waited for may have come before."""
        self._alarm_at = NEVER_NS
        deadline = self.engine.next_deadline
        if deadline is not None and deadline <= at:
            facts.insert(0, Woke(at=at))
        elif not facts:
            self._set_alarm(at)

    def _look_back(self, at: int) -> None:
        """What the driver does once bytes have left."""
        self._look_back_at = NEVER_NS
        if self._watch is not None:
            for step in self._unwatched:
                self._watch.observe(step)
            self._unwatched.clear()
            self._found += self._watch.learned()
        self._set_alarm(at)

    def _set_alarm(self, at: int) -> None:
        deadline = self.engine.next_deadline
        if deadline is not None and deadline < self._alarm_at:
            self._alarm_at = max(deadline, at)

    def _step(self, facts: list[Event]) -> None:
        if self._found:
            facts, self._found = [*self._found, *facts], []
        step = self.engine.step(facts)
        self._observe(step)
        if self._watch is not None:
            self._unwatched.append(step)
        for command in step.commands:
            if isinstance(command, LEAVES):
                self._connection.send(command, self.at)
        if self._look_back_at == NEVER_NS:
            self._look_back_at = self.at + LOOK_BACK_NS
