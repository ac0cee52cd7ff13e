"""One life of a daemon in the simulation: what `wiring` puts together for a process, on virtual time.

Engine, journal, venue, driver and recorder are the real ones. They are handed a loop, a clock, a disk and a network
that are not.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from replenisher.core.absence import why_absent
from replenisher.core.book import Book
from replenisher.core.engine import Engine
from replenisher.core.setup import Setup
from replenisher.core.stopping import Verdict
from replenisher.errors import ReplenisherError
from replenisher.live.birth import begin
from replenisher.live.driver import Driver
from replenisher.live.lease import Lease
from replenisher.live.relay import Relay
from replenisher.model.event import ClockStepped, PauseAsked, ResumeAsked, Started, StopAsked
from replenisher.model.step import Step
from replenisher.simulate.court import Court
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.network import Hit, Network
from replenisher.simulate.rows import Follower, SimulatedDatabase
from replenisher.simulate.tenancy import SimulatedKeeper, claim_of, epoch_before
from replenisher.simulate.timeline import Died, Timeline, VirtualLoop
from replenisher.store.journal import Journal, Policy
from replenisher.store.recorder import Recorder
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.venue import Action


@dataclass(frozen=True, kw_only=True)
class Making:
    """What every life of a daemon is made of."""

    setup: Setup
    config_version: str
    accounts: dict[str, str]
    policy: Policy
    venue: Callable[[Callable[[], float]], DeribitVenue]  # a new machine, with its source of chance


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it lives: the files stay when it dies."""

    timeline: Timeline
    network: Network
    disk: SimulatedDisk
    database: SimulatedDatabase | None  # None where nobody wants rows
    directory: Path  # of the journal
    court: Court
    record_every_ns: int


class VirtualClock:
    """Session time is the loop's; that somebody sets the wall clock is put in from outside."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._step_ns = 0

    def step(self, step_ns: int) -> None:
        """Somebody sets it."""
        self._step_ns += step_ns

    def now(self) -> int:
        """Session time."""
        return self._loop.at

    def look(self) -> Iterator[ClockStepped]:
        """What happened to the wall clock."""
        step_ns, self._step_ns = self._step_ns, 0
        if step_ns:
            yield ClockStepped(at=self.now(), step_ns=step_ns)


class Life:
    """One daemon from its start to its end, however it ends; `over` is called then."""

    def __init__(
        self, number: int, making: Making, place: Place, chance: Random, over: Callable[["Life", str], None]
    ) -> None:
        self.number = number
        self.epoch = 0
        self.is_over = False
        self._crash: tuple[str, int, Hit] | None = None  # at which kind of moment to die, and how many to let pass
        self._place = place
        self._over = over
        self._setup = making.setup
        self.loop = VirtualLoop(place.timeline, self._died)
        self.clock = VirtualClock(self.loop)
        place.disk.stall = lambda for_ns: self.loop.stand_still(self.loop.at + for_ns)
        place.disk.before = lambda: self._pass("before_write")
        place.disk.after = lambda: self._pass("after_write")
        wrote = place.court.wrote
        place.disk.wrote = (lambda data: wrote(self, data)) if wrote else None
        self._parts: list[object] = []
        self._making = making
        self._chance = chance
        self._follower: Follower | None = None

    def begin(self) -> None:
        """Boot from the files that are there, and connect."""
        try:
            self.loop.take(self._begin)
        except ReplenisherError:
            self.loop.end()
            self._end("exit 1")

    def _begin(self) -> None:
        making, place = self._making, self._place
        journal = Journal.open(
            place.directory, new_id=f"{self._chance.getrandbits(64):016x}", policy=making.policy, disk=place.disk
        )
        claim = claim_of(making.accounts, journal.boot.journal_id, self.number)
        before = epoch_before(place.database, claim, place.timeline.at) if place.database is not None else 0
        state, self.epoch = begin(journal, making.setup, place.timeline.at, epoch_before=before)
        lease = Lease(SimulatedKeeper(place.timeline, place.database, claim, self.epoch), claim.life_ns)
        self.engine = Engine(state, number=journal.boot.step)
        started = Started(
            at=place.timeline.at,
            epoch=self.epoch,
            namespace=making.setup.namespace,
            config_version=making.config_version,
            accounts=making.accounts,
        )
        self.venue = making.venue(self._chance.random)
        venues = {self.venue.name: self.venue}
        self.driver = Driver(self.engine, journal, venues, self.clock, lease, self._observe, self.loop)
        self._parts = [self.engine, self.driver, self.venue, journal]
        self.driver.failed.add_done_callback(self._failed)
        self._relay = Relay(self.venue, self.driver.hear, lambda _: None)
        if place.database is not None:
            make = partial(Recorder, place.directory, place.database)
            self._follower = Follower(place.timeline, make, lambda: place.disk.writes, place.record_every_ns)
        self.driver.start({self.venue.name: self}, started)
        if place.court.began:
            place.court.began(self)

    # --- Its end of the network -----------------------------------------------------------------------------------

    def carry(self, actions: Iterable[Action]) -> None:
        """The driver's carrier is the network."""
        if self.loop.at > self._place.timeline.at:  # the journal's disk has held it up
            self.loop.take(self._place.network.carry, self, list(actions))
        else:
            self._place.network.carry(self, list(actions))

    async def finish(self) -> None:
        """Nothing is left open by a process that is gone."""

    def opened(self, connection: str) -> None:
        """It is open."""
        self.loop.take(self._opened, connection)

    def received(self, connection: str, frame: str) -> None:
        """A frame is there."""
        self.loop.take(self._received, connection, frame)

    def closed(self, connection: str, reason: str) -> None:
        """It ended, or could not be opened."""
        self.loop.take(self._closed, connection, reason)

    def _opened(self, connection: str) -> None:
        self._relay.opened(connection, self.clock.now())

    def _received(self, connection: str, frame: str) -> None:
        self._relay.received(connection, frame, self.clock.now())

    def _closed(self, connection: str, reason: str) -> None:
        self._relay.closed(connection, reason, self.clock.now())

    # --- What the operator and the world do to it -----------------------------------------------------------------

    def stop(self) -> None:
        """The operator asks it to stop."""
        if self.is_over:
            return
        self.driver.tell(StopAsked(at=self.clock.now(), reason="the operator"))

    def resume(self) -> None:
        """The operator lets it quote again, if something has paused or halted it."""
        if self.is_over:
            return
        if self.engine.state.pauses or self.engine.state.halts:
            self.driver.tell(ResumeAsked(at=self.clock.now(), reason="what went wrong is over"))

    def pause(self) -> None:
        """The operator wants nothing shown."""
        self.driver.tell(PauseAsked(at=self.clock.now(), reason="the operator"))

    def kill(self, how: str) -> None:
        """The process ends between two of its callbacks."""
        self.loop.end()
        self._end(how)

    def crash_at(self, moment: str, after: int, hit: Hit) -> None:
        """Die at a moment of this kind, after so many of them."""
        self._crash = (moment, after, hit)

    def live_on(self) -> None:
        """Nothing kills it any more."""
        self._crash = None

    def restart_recorder(self) -> None:
        """The recorder's process died."""
        if self._follower is not None:
            self._follower.restart()

    def before_bytes(self) -> None:
        """A frame is about to leave."""
        self._pass("before_send")

    def after_bytes(self) -> None:
        """A frame has left."""
        self._pass("after_send")

    def _pass(self, moment: str) -> None:
        """Die here, if this is where to die."""
        if self._crash is None or self._crash[0] != moment:
            return
        _, still, hit = self._crash
        self._crash = (moment, still - 1, hit)
        if still == 0:
            hit()
            raise Died

    def _died(self) -> None:
        self._end("killed")

    def _observe(self, step: Step) -> None:
        if self._place.court.stepped:
            self._place.court.stepped(self, step)
        stopping = self.engine.state.stopping
        if stopping is not None and stopping.verdict is not Verdict.OPEN and not self.is_over:
            self.driver.stop()
            self.loop.end()
            self._end(f"exit {0 if stopping.verdict is Verdict.FLAT else 1}")

    def _failed(self, failure: "asyncio.Future[None]") -> None:
        """Something of ours has failed, which is never allowed, whatever the world does."""
        self._place.court.object("ours", f"life {self.number} failed: {failure.exception()!r}")
        self.loop.end()
        self._end("exit 1")

    def _end(self, how: str) -> None:
        self.is_over = True
        if self._follower is not None:
            self._follower.end()
        self._place.disk.abandon()
        self._over(self, how)

    def drain(self) -> str:
        """Let the recorder catch up; why it could not, or nothing."""
        return "" if self._follower is None else self._follower.drain()

    # --- What a check may look at ---------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """What time it is for it: a process that waits for its disk goes on later."""
        return self.loop.at

    def change_id(self, instrument: str) -> int | None:
        """The change of the exchange's book up to which its own claims to be told; None while it trusts none."""
        return self.venue.change_id(instrument)

    def book(self, instrument: str) -> Book:
        """Its book of an instrument."""
        return self.engine.state.book(instrument)

    def parts(self) -> list[object]:
        """All that it holds."""
        return self._parts

    def reasons(self) -> list[str]:
        """Why it shows nothing, one for each strategy that does so."""
        if not self._parts:
            return ["it could not begin"]
        at, state = self.clock.now(), self.engine.state
        return [reason for setup in self._setup.strategies if (reason := why_absent(state, setup, at))]
