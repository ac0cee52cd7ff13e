"""A daemon and an exchange in one process on virtual time: the real engine, codecs, sessions, dialect and matching.

What is missing is what only carries: sockets, timers, journal and database. Frames of text cross between the two with
a constant delay each way, on a heap of moments. Nothing else is simulated, so a seed has one outcome, and a minute
takes as long as the thinking in it.
"""

import heapq
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random

from replenisher.config import Config
from replenisher.core.engine import Engine
from replenisher.core.state import State
from replenisher.core.stopping import Verdict
from replenisher.exchange.dialects import dialect as wire
from replenisher.exchange.dialects.deribit import Deribit
from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import Event, Started, StopAsked, Woke
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.deribit.link import Credentials
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.venue import Close, Connect, Send
from replenisher.wiring.setup import setup_of

STOP_S_MAX = 60


class World:
    """One daemon under one configuration at one exchange that speaks Deribit."""

    def __init__(
        self, config: Config, dialect: Deribit, credentials: Credentials, *, seed: int, delay_ms: int, at: int
    ) -> None:
        (name,) = config.venues
        self.at = at
        self.engine = Engine(State(setup_of(config)))
        self._observe: Callable[[Step], None] = lambda _: None
        self._dialect = dialect
        self._venue = DeribitVenue(
            name=name,
            url="virtual",
            credentials=credentials,
            instruments=list(dict.fromkeys(section.instrument for section in config.strategies)),
            namespace=config.namespace,
            random=Random(seed).random,
        )
        self._delay_ns = delay_ms * MS_NS
        self._under_way: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()
        self._inbox: list[Event] = [
            Started(
                at=at,
                epoch=1,
                namespace=config.namespace,
                config_version=config.fingerprint(),
                accounts={name: config.venues[name].account},
            )
        ]
        self._venue.start(at)

    def run(self, until: int, observe: Callable[[Step], None]) -> None:
        """Let time pass; `observe` is told every step."""
        self._observe = observe
        while (moment := self._next_moment()) <= until:
            self.at = max(self.at, moment)
            self._turn()
        self.at = until

    def stop(self) -> bool:
        """Cancel everything, as an operator does; whether the venue has shown that nothing rests."""
        self._inbox.append(StopAsked(at=self.at, reason="the end"))
        self.run(self.at + STOP_S_MAX * SECOND_NS, self._observe)
        stopping = self.engine.state.stopping
        return stopping is not None and stopping.verdict is Verdict.FLAT

    def _next_moment(self) -> int:
        if self._inbox:
            return self.at
        moments = [self._dialect.next_wake, self._venue.next_wake, self.engine.next_deadline]
        if self._under_way:
            moments.append(self._under_way[0][0])
        return min(moment for moment in moments if moment is not None)

    def _turn(self) -> None:
        """Everything that is due now: the exchange first, then what the daemon hears of it, then what it does."""
        at = self.at
        if (wake := self._dialect.next_wake) is not None and wake <= at:
            self._dialect.wake(at)
        while self._under_way and self._under_way[0][0] <= at:
            heapq.heappop(self._under_way)[2](at)
        self._exchange_answers()
        if (wake := self._venue.next_wake) is not None and wake <= at:
            self._venue.wake(at)
        if (deadline := self.engine.next_deadline) is not None and deadline <= at:
            self._inbox.append(Woke(at=at))
        self._inbox += self._venue.facts()
        if self._inbox:
            events, self._inbox = self._inbox, []
            step = self.engine.step(events)
            self._venue.send([wish for wish in step.commands if isinstance(wish, OrderCommand | Question)], at)
            self._observe(step)
        self._venue_acts()

    def _venue_acts(self) -> None:
        for action in self._venue.actions():
            name = action.connection
            match action:
                case Connect():
                    self._later(partial(self._dialect.opened, name))
                    self._later(partial(self._venue.opened, name), times=2)
                case Send():
                    self._later(partial(self._dialect.received, name, action.frame))
                case Close():
                    self._later(partial(self._dialect.closed, name))
                    self._later(partial(self._venue.closed, name, action.reason), times=2)

    def _exchange_answers(self) -> None:
        for action in self._dialect.actions():
            match action:
                case wire.Send():
                    self._later(partial(self._venue.received, action.connection, action.frame))
                case wire.Close():
                    self._later(partial(self._venue.closed, action.connection, action.reason))

    def _later(self, happens: Callable[[int], None], times: int = 1) -> None:
        heapq.heappush(self._under_way, (self.at + times * self._delay_ns, next(self._numbers), happens))
