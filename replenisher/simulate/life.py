"""One life of a daemon in the simulation: what `wiring` puts together for a process, on virtual time.

Engine, journal, venue, driver, supervisor and recorder are the real ones. They are handed a loop, a clock, a disk and a
network that are not.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from replenisher.core.absence import why_absent
from replenisher.core.book import Book
from replenisher.core.slots import SlotKey, slot_of
from replenisher.errors import ReplenisherError
from replenisher.live.relay import Relay
from replenisher.live.supervisor import FAILURE, FINE, Supervisor
from replenisher.model.event import ClockStepped
from replenisher.model.step import Step
from replenisher.simulate.body import Making, body_of
from replenisher.simulate.court import OURS, Court
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.moments import Moments
from replenisher.simulate.network import Network
from replenisher.simulate.onlooker import Standpoint
from replenisher.simulate.rows import Follower, SimulatedDatabase
from replenisher.simulate.timeline import Timeline, VirtualLoop
from replenisher.store.growing import JournalFull
from replenisher.store.journal import Journal
from replenisher.store.recorder import Recorder
from replenisher.venues.venue import Action


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it lives: the files stay when it dies."""

    timeline: Timeline
    network: Network
    disk: SimulatedDisk
    moments: Moments
    database: SimulatedDatabase | None  # None where nobody wants rows
    directory: Path  # of the journal
    court: Court
    record_every_ns: int


class VirtualClock:
    """Session time is the loop's; that somebody sets the wall clock is put in from outside."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.now = loop.now
        self._step_ns = 0

    def step(self, step_ns: int) -> None:
        """Somebody sets it."""
        self._step_ns += step_ns

    def look(self) -> Iterator[ClockStepped]:
        """What happened to the wall clock."""
        step_ns, self._step_ns = self._step_ns, 0
        if step_ns:
            yield ClockStepped(at=self.now(), step_ns=step_ns)


class Life:
    """One daemon from its start to its end, however it ends; `over` is called then.

    Nothing of its course is decided here: the supervisor is the real one, and this is the system that it runs on.
    """

    def __init__(
        self, number: int, making: Making, place: Place, chance: Random, over: Callable[["Life", str], None]
    ) -> None:
        self.number = number
        self.epoch = 0
        self.last_word = ""  # the sentence that it ended with, if it did
        self.is_over = False
        self.is_settled = False  # whether it ended, the venue has said that nothing of its rests, and all of it is rows
        self.court = place.court
        self.reach = place.moments.reach  # die there, if that is where to die
        self._place = place
        self._over = over
        self._setup = making.setup
        self.loop = VirtualLoop(place.timeline, self._end)
        self.clock = VirtualClock(self.loop)
        place.disk.now = self.loop.now
        place.disk.stall = lambda for_ns: self.loop.stand_still(self.loop.now() + for_ns)
        wrote = self.court.wrote
        place.disk.wrote = (lambda data: wrote(self, data)) if wrote else None
        self._parts: list[object] = []
        self._making = making
        self._chance = chance
        self._follower: Follower | None = None

    def begin(self) -> None:
        """Boot from the files that are there, and connect."""
        try:
            self.loop.take(self._begin)
        except ReplenisherError as error:
            self.last_word = str(error)
            self._exit(error.exit_code)

    def _begin(self) -> None:
        making, place = self._making, self._place
        self._journal = journal = Journal.open(
            place.directory, new_id=f"{self._chance.getrandbits(64):016x}", policy=making.policy, disk=place.disk
        )
        body = body_of(
            making,
            making.venue(self._chance.random, "virtual"),
            journal,
            timeline=place.timeline,
            loop=self.loop,
            clock=self.clock,
            database=place.database,
            directory=place.directory.name,
            number=self.number,
            observe=[self._observe],
            tell=self._tell,
            rows=lambda: {"behind_bytes": 0, "error": self._follower.error if self._follower is not None else ""},
        )
        parts, self.venue, self._monitor, self._keeper, self.epoch = body
        self.engine = parts.engine
        self._supervisor = Supervisor(parts, self.loop)
        driver = self._supervisor.driver
        self._parts = [self.engine, driver, self.venue, journal, self._monitor, self._supervisor]
        driver.failed.add_done_callback(self._failed)
        self._supervisor.over.add_done_callback(self._ended)
        self._relay = Relay(self.venue, driver.hear, partial(parts.reasons.__setitem__, self.venue.name))
        if place.database is not None:
            make = partial(Recorder, place.directory, place.database)
            self._follower = Follower(place.timeline, self.loop, make, place.disk.changes, place.record_every_ns)
        self.court.began(self)
        self._supervisor.start({self.venue.name: self})

    # --- Its end of the network -----------------------------------------------------------------------------------

    def carry(self, actions: Iterable[Action]) -> None:
        """The driver's carrier is the network."""
        self.loop.give(self._place.network.carry, self, list(actions))

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
        self.reach("before receive")
        self._relay.received(connection, frame, self.clock.now())
        self.reach("after receive")

    def _closed(self, connection: str, reason: str) -> None:
        self._relay.closed(connection, reason, self.clock.now())

    # --- What the operator and the world do to it -----------------------------------------------------------------

    def ask(self, verb: str, **more: str) -> None:
        """The operator asks it for something; it answers once it runs, or refuses while it ends."""
        if not self.is_over:
            self.loop.take(self._ask, {"verb": verb, **more})

    def _ask(self, request: dict[str, str]) -> None:
        with suppress(ReplenisherError):
            self._supervisor.answer(request)

    def show(self, look: Callable[[Standpoint], None]) -> None:
        """The operator looks at it; one that stands still is seen once it runs, and one that is not there never."""
        if self._parts and not self.is_over:
            self.loop.take(self._show, look)

    def _show(self, look: Callable[[Standpoint], None]) -> None:
        picture = self._monitor.look(self.engine.state, self.clock.now())
        look(Standpoint(picture, self._supervisor.answer({"verb": "status"})))

    def interrupt(self) -> None:
        """Whoever started it wants it to end."""
        if not self.is_over:
            self.loop.take(self._supervisor.interrupt, "SIGTERM")

    def kill(self, how: str) -> None:
        """The process ends between two of its callbacks."""
        self.loop.end()
        self._end(how)

    def restart_recorder(self) -> None:
        """The recorder's process died."""
        if self._follower is not None:
            self._follower.restart()

    def _observe(self, step: Step) -> None:
        self.court.stepped(self, step)

    def _tell(self, verb: str, about: dict[str, Any]) -> None:
        """It says something to the operator."""
        self.court.reported(self, verb, about)

    def _failed(self, failure: "asyncio.Future[None]") -> None:
        """Something of ours has failed, which is never allowed, whatever the world does."""
        self.court.object(OURS, f"life {self.number} failed: {failure.exception()!r}")

    def _ended(self, _: "asyncio.Future[None]") -> None:
        """Its supervisor has come to an end: what a process does then."""
        ending = self._supervisor.close()
        with suppress(JournalFull):
            self._journal.close()
        self.last_word = str(ending.error or "")
        is_recorded = not self.drain()
        self.is_settled = ending.is_verified and is_recorded
        self._keeper.give_back()
        self._exit(ending.exit_code or (FINE if is_recorded else FAILURE))

    def _exit(self, code: int) -> None:
        self.loop.end()
        self._end(f"exit {code}")

    def _end(self, how: str) -> None:
        self.is_over = True
        self._place.disk.abandon()
        self._over(self, how)

    def drain(self) -> str:
        """Let the recorder catch up; why it could not, or nothing."""
        return "" if self._follower is None else self._follower.drain()

    # --- What a check may look at ---------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """What time it is for it: a process that waits for its disk goes on later."""
        return self.loop.now()

    def change_id(self, instrument: str) -> int | None:
        """The change of the exchange's book up to which its own is told; None while that is not to be said.

        What the venue has heard is in the book only once a turn is taken for it.
        """
        return None if self._supervisor.driver.is_turn_due else self.venue.change_id(instrument)

    def book(self, instrument: str) -> Book:
        """Its book of an instrument."""
        return self.engine.state.books[instrument]

    def slot(self, label: str) -> SlotKey | None:
        """Where an order of ours stands that it believes to be live."""
        order = self.engine.state.orders.get(label)
        return None if order is None or order.status.is_terminal else slot_of(order)

    def memory(self) -> tuple[int, bytes]:
        """The number of its last step, and all that must outlive the process as of then."""
        if not self._parts:
            return -1, b""  # it has not begun to remember
        return self.engine.number, self.engine.state.dump()

    def parts(self) -> list[object]:
        """All that it holds."""
        return self._parts

    @property
    def is_tenant(self) -> bool:
        """Whether it lives, and the lease is its own as far as anybody knows."""
        return not self.is_over and not self._keeper.word.holder and not self._keeper.word.error

    def reasons(self) -> list[str]:
        """Why it shows nothing, one for each strategy that does so."""
        if not self._parts:
            return ["it could not begin"]
        at, state = self.clock.now(), self.engine.state
        return [reason for setup in self._setup.strategies if (reason := why_absent(state, setup, at))]
