"""The only loop: what has arrived goes to the engine at once, its step into the journal, its wishes to the venue.

A turn is: drain the venues' facts, step, write the step, send. Frames that arrive together are one turn. Nothing waits
inside a turn, and nothing is kept from one turn to the next. What nobody's order waits for comes a moment after the
bytes have left: watching, the journal's way from the operating system to the disk, and the next alarm. So the turns of
a burst follow one another, and what comes after them is done once for all.

Whoever stood still, because the process was stopped, the machine slept, a disk was slow or a strategy thought for long,
looks at what rests first: that is canceled before anything is heard that has arrived meanwhile. And however short it
was: no order leaves on a book that has become too old since it was decided.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from replenisher.core.engine import Engine
from replenisher.live.clock import Clock
from replenisher.live.lease import Lease
from replenisher.live.outward import Outward
from replenisher.model.command import (
    ABOUT,
    AmendOrder,
    CancelOrder,
    Command,
    PlaceOrder,
    Question,
)
from replenisher.model.event import (
    Ended,
    Event,
    FeedLost,
    JournalBlocked,
    JournalFreed,
    LoopLagged,
    NotSent,
    SessionLost,
    Suspended,
    Woke,
)
from replenisher.model.instrument import venue_of
from replenisher.model.order import Request
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.store.growing import JournalFull
from replenisher.store.journal import Journal
from replenisher.venues.venue import Carrier, Venue

LOOK_BACK_S = 0.001  # after a turn; what arrives meanwhile goes first
CLOCK_LOOK_S = 0.5  # as much of a standstill may not be seen
GAP_NS_MIN = 5 * SECOND_NS  # after this, connections may be dead or hold what was true long ago
ALARMS = frozenset({FeedLost, SessionLost, Suspended})  # after these, the market's last minute may tell why


class Alarm(Protocol):
    """Something that was put off."""

    def cancel(self) -> None:
        """Let it not happen."""


class Loop(Protocol):
    """What a driver needs of an event loop."""

    def call_soon(self, callback: Callable[..., object], *args: object) -> object:
        """Call back once what is being done is done."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Alarm:
        """Call back in so many seconds."""

    def create_future(self) -> asyncio.Future[None]:
        """Something that is awaited."""


class Driver:
    """Carries facts in and wishes out. It decides nothing."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        venues: Mapping[str, Venue],
        clock: Clock,
        lease: Lease,
        observe: Callable[[Step], None],
        loop: Loop,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.failed = loop.create_future()
        self._journal = journal
        self._venues = venues
        self._outward = Outward(venues, clock, lease, self.venue_heard)
        self._observe = observe
        self._loop = loop
        self._inbox: list[Event] = []
        self._turn_due = False
        self._unwatched: list[Step] = []
        self._look_back_due = False
        self._is_over = False
        self._wake: Alarm | None = None
        self._wake_at = 0  # session time of that
        self._clock_look: Alarm | None = None
        self._look_due = 0  # session time of that
        self._turn_at = 0  # session time at which this turn began
        self._lag_ns = 0  # how much too late we are, until the engine has been told
        self._lag_ns_max = min(engine.state.setup.limits.max_loop_lag_ns or GAP_NS_MIN, GAP_NS_MIN)

    def start(self, carriers: Mapping[str, Carrier], *first: Event) -> None:
        """Begin to live: tell the engine the first facts and let the venues connect."""
        self._outward.carriers.update(carriers)
        self.tell(*first)
        self._look_due = self.clock.now()
        follows = self._journal.boot.epoch > 0  # a wall clock that may be set cannot tell how long ago
        for venue in self._venues.values():
            venue.start(self.clock.now(), follows=follows)
        self._look_at_clocks()
        self._turn()

    def stop(self, *, is_flat: bool = False) -> None:
        """Close every connection; no turn is taken any more."""
        self._is_over = True
        self._watch()
        for handle in (self._wake, self._clock_look):
            if handle is not None:
                handle.cancel()
        at = self.clock.now()
        for name, venue in self._venues.items():
            venue.stop(at, is_flat=is_flat)
            self._outward.carry(name, venue.actions())

    def write_down(self, ended: Ended) -> None:
        """The last step of a life is none of the engine's, which may have failed. A full disk has nobody wait."""
        with suppress(JournalFull):
            self._journal.append_fact(ended)

    def tell(self, *facts: Event) -> None:
        """Facts that come from elsewhere than a venue: the operator, the clock."""
        self._inbox.extend(facts)
        self.venue_heard()

    def venue_heard(self) -> None:
        """Take a turn once everything that has arrived is in."""
        if not self._turn_due and not self._is_over:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def hear(self, tell_venue: Callable[[], None]) -> None:
        """Let a venue hear of its connections, and take a turn for what it learns from that."""
        self._caught(tell_venue)
        self.venue_heard()

    def bypass(self, commands: Iterable[Command]) -> list[Event]:
        """Once something has failed: send this without any decision, and hand out what the venues have heard."""
        self._caught(self._wake_venues)
        self._caught(lambda: self._send(commands, self.clock.now()))
        self._caught(self._carry)
        heard, self._inbox = self._inbox, []
        return heard

    def fail(self, error: BaseException) -> None:
        """Something of ours has failed: the engine decides nothing any more."""
        if isinstance(error, StopIteration):  # a future takes none
            error = RuntimeError(f"nothing was left where something had to be: {error!r}")
        if not self.failed.done():
            self.failed.set_exception(error)

    @property
    def is_turn_due(self) -> bool:
        """Whether something has been heard that the engine has not been told."""
        return self._turn_due

    def _turn(self) -> None:
        self._turn_due = False
        if not self._is_over:
            self._guarded(self._take_turn)

    def _guarded(self, work: Callable[[], None]) -> None:
        if not self.failed.done():
            self._caught(work)

    def _caught(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever fails here is our own fault: the supervisor cancels everything
            self.fail(error)

    def _take_turn(self) -> None:
        self._turn_at = self.clock.now()
        self._note_lag(self._turn_at - self._look_due)
        self._carry()
        if self._lag_ns:
            self._catch_up()
        while self._inbox and not self._lag_ns:
            events, self._inbox = self._inbox, []
            self._step(events)
        if self._lag_ns:  # too late again: whoever else lives on this loop must have a turn, too
            self.venue_heard()
        if not self._look_back_due:
            self._look_back_due = True
            self._loop.call_later(LOOK_BACK_S, self._guarded, self._look_back)

    def _step(self, events: Sequence[Event]) -> None:
        step = self.engine.step(events)
        commands = self._written(step)
        if commands:
            at = self.clock.now()
            # Writing it may have taken long. What was decided then may be wrong by now.
            if self._note_lag(at - self._turn_at) or at >= self.engine.fresh_until:
                commands = self._hold_back(commands, at)
            self._send(commands, at)
        self._carry()
        self._unwatched.append(step)

    def _note_lag(self, lag_ns: int) -> bool:
        """Whether we are too late, which is the next thing that the engine is told."""
        is_late = lag_ns > self._lag_ns_max
        if is_late:
            self._lag_ns = max(self._lag_ns, lag_ns)
        return is_late

    def _catch_up(self) -> None:
        """Cancel first; what has arrived meanwhile is heard after that, unless so much that we begin anew."""
        lag_ns, self._lag_ns = self._lag_ns, 0
        at = self._turn_at = self.clock.now()
        self._look_due = at + round(CLOCK_LOOK_S * SECOND_NS)
        never_sent = [fact for fact in self._inbox if isinstance(fact, NotSent)]  # else these time out in that step
        self._inbox = [fact for fact in self._inbox if not isinstance(fact, NotSent)]
        self._step([*never_sent, LoopLagged(at=at, lag_ns=lag_ns)])
        if lag_ns >= GAP_NS_MIN:
            self._inbox.append(Suspended(at=at, gap_ns=lag_ns))
            for venue in self._venues.values():
                venue.suspended(at)
            self._carry()

    def _look_back(self) -> None:
        """What can wait until the bytes have left."""
        self._look_back_due = False
        self._watch()
        if self._is_over:
            return
        self._sync_journal()
        if self._journal.is_full:
            with suppress(JournalFull):  # then the next step cannot be written either, and that is told
                self._journal.rotate(self.engine.state.snapshot(), self.clock.now())
        if not self._outward.is_silent:
            self._set_alarm()

    def _watch(self) -> None:
        steps, self._unwatched = self._unwatched, []
        for step in steps:
            self._observe(step)

    def _sync_journal(self) -> None:
        """Bring to the disk what is due there."""
        at = self.clock.now()
        try:
            self._journal.tick(at)
        except JournalFull as full:
            if self._block_for(full, at):
                self.venue_heard()

    def _block_for(self, full: JournalFull, at: int) -> bool:
        """Show nothing while the journal takes nothing; whether that is news."""
        is_news = not self.engine.state.journal_blocked
        if is_news:
            self._inbox.append(JournalBlocked(at=at, reason=str(full)))
        return is_news

    def _written(self, step: Step) -> tuple[Command, ...]:
        """The commands that may leave, once the step is in the journal."""
        try:
            self._journal.append(step)
            if not ALARMS.isdisjoint(map(type, step.events)):
                self._journal.keep_ring(step.at)
        except JournalFull as full:
            self._block_for(full, step.at)
            return self._hold_back(step.commands, step.at)  # no record, no order
        return step.commands

    def _hold_back(self, commands: Iterable[Command], at: int) -> tuple[Command, ...]:
        """Those that may leave whatever has happened: cancels only take risk away, and questions add none."""
        for command in commands:
            if isinstance(command, PlaceOrder | AmendOrder):
                request = Request.PLACE if isinstance(command, PlaceOrder) else Request.AMEND
                self._inbox.append(NotSent(at=at, order_id=command.order_id, request=request))
        return tuple(command for command in commands if isinstance(command, CancelOrder | Question))

    def _try_journal(self) -> None:
        """See whether there is room again for what waits to be written."""
        at = self.clock.now()
        with suppress(JournalFull):
            self._journal.recover(at)
            self.tell(JournalFreed(at=at))

    def _send(self, commands: Iterable[Command], at: int) -> None:
        wanted: dict[str, list[Any]] = {}  # by venue, what it is sent
        wishes: list[Any] = []
        subject = ""
        for command in commands:
            if (about := ABOUT.get(type(command))) is not None:
                if about(command) != subject:  # for most it is that of the one before
                    subject = about(command)
                    wishes = wanted.setdefault(venue_of(subject), [])
                wishes.append(command)
        for name, wishes in wanted.items():
            self._venues[name].send(wishes, at)

    def _carry(self) -> None:
        """Move what the venues have to say into the inbox, and what they want done to their carriers."""
        for name, venue in self._venues.items():
            self._inbox += venue.facts()
            actions = venue.actions()
            if actions:
                self._outward.carry(name, actions)

    def _set_alarm(self) -> None:
        """Be woken when the engine or a venue wants to be."""
        soonest = self.engine.next_deadline
        for venue in self._venues.values():
            wake = venue.next_wake
            if wake is not None and (soonest is None or wake < soonest):
                soonest = wake
        # An alarm that is set for an earlier time is left: deadlines mostly move on, and to set it anew costs more than
        # to be woken for nothing now and then.
        if soonest is None or (self._wake is not None and self._wake_at <= soonest):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = soonest
        self._wake = self._loop.call_later(max(0.0, (soonest - self.clock.now()) / 1e9), self._guarded, self._ring)

    def _wake_venues(self) -> None:
        at = self.clock.now()
        for venue in self._venues.values():
            wake = venue.next_wake
            if wake is not None and at >= wake:
                venue.wake(at)

    def _ring(self) -> None:
        """Something is due. That a turn follows only if there is something to tell the engine saves most turns."""
        self._wake = None
        if self._outward.is_silent:
            return
        self._wake_venues()
        self._carry()
        at = self.clock.now()
        if (deadline := self.engine.next_deadline) is not None and at >= deadline:
            self._inbox.append(Woke(at=at))
        if self._inbox or self._note_lag(at - self._look_due):
            self.venue_heard()
        else:
            self._set_alarm()

    def _look_at_lease(self) -> None:
        if facts := self._outward.look(self.clock.now()):
            self.tell(*facts)

    def _look_at_clocks(self) -> None:
        self._clock_look = self._loop.call_later(CLOCK_LOOK_S, self._guarded, self._look_at_clocks)
        at = self.clock.now()
        if self._note_lag(at - self._look_due):
            self.venue_heard()
        self._look_due = at + round(CLOCK_LOOK_S * SECOND_NS)
        self._look_at_lease()
        self._sync_journal()
        if self.engine.state.journal_blocked:
            self._try_journal()
        for fact in self.clock.look():
            self.tell(fact)
