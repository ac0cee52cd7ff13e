"""One more life on a seed's files, as a whole process: its door, its tasks, its journal on the machine's own disk.

Nothing of it is a double but the time, which is the exchange's. Its operator comes through the door and asks for all
there is to ask for, and meanwhile a doctor looks at the account that it trades on.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any

import msgspec
from rich.console import Console

from replenisher.live import control, garbage
from replenisher.live.control import Door
from replenisher.live.doctor_page import doctor_page
from replenisher.live.process import Surroundings, live
from replenisher.live.relay import Relay
from replenisher.live.screen import Backstage, Screen, Title
from replenisher.live.sole import sole_daemon
from replenisher.live.trial import hear
from replenisher.model.instrument import name_of
from replenisher.simulate.body import Body, Making, body_of
from replenisher.simulate.life import Place
from replenisher.simulate.real_time import RealTimeline
from replenisher.simulate.timeline import VirtualLoop
from replenisher.store.database import Database
from replenisher.store.journal import Journal
from replenisher.store.recorder import Recorder
from replenisher.venues.deribit.examination import examine, http_address
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.doctor import Finding, Light, about_venue
from replenisher.venues.hearing import Hearing
from replenisher.venues.levels import about_strategies
from replenisher.venues.rest import Rest
from replenisher.venues.socket import Sockets
from replenisher.venues.venue import Carrier, Tasks

DRAIN_S = 10.0
LOOK_S = 0.02
PATIENCE_S = 30.0
LOOKED = "the operator has looked"
WIDTH, HEIGHT = 120, 40  # of a terminal


class RealClock:
    """Session time is the exchange's, and nobody sets a clock."""

    def __init__(self, timeline: RealTimeline) -> None:
        self.now = timeline.now

    def look(self) -> tuple[()]:
        """Nothing else happens to time."""
        return ()


class Process:
    """A process on these files, at an exchange with this address. `objections` is what was wrong with its life."""

    def __init__(self, making: Making, timeline: RealTimeline, place: Place, url: str, number: int) -> None:
        assert place.database is not None, "a process has rows"
        self.objections: list[str] = []
        self._making, self._timeline, self._database = making, timeline, place.database
        self._directory, self._url, self._number = place.directory, url, number
        self._clock = RealClock(timeline)

    async def run(self, is_quoting: Callable[[], bool]) -> None:
        """From its start to its end, which its operator asks for."""
        with sole_daemon(self._directory.parent), closing(Database(self._database.url)) as rows:
            recorder = Recorder(self._directory, rows)
            recorder.start()
            with closing(self._journal()) as journal:
                body = self._body(journal, recorder)
                around = Surroundings(
                    carriers={body.venue.name: partial(_over_sockets, body.venue, self._clock)},
                    door=partial(Door, self._directory.parent),
                )
                async with _screen(body, around, self._clock), asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._operate(is_quoting))
                    ending = await live(body.parts, around)
            body.keeper.give_back()
            if not await asyncio.to_thread(recorder.drain, DRAIN_S):
                self.objections.append(f"rows are left: {recorder.status.error}")
        if ending.exit_code or not ending.is_verified:
            self.objections.append(f"the stop was not verified flat: exit {ending.exit_code}, {ending.left} may rest")

    def _journal(self) -> Journal:
        return Journal.open(self._directory, new_id="0" * 16, policy=self._making.policy)

    def _body(self, journal: Journal, recorder: Recorder) -> Body:
        return body_of(
            self._making,
            self._making.venue(lambda: 0.5, self._url),
            journal,
            timeline=self._timeline,
            loop=VirtualLoop(self._timeline, lambda _: None),
            clock=self._clock,
            database=self._database,
            directory=self._directory.name,
            number=self._number,
            observe=[garbage.look],
            tell=lambda _, __: None,
            rows=lambda: {"behind_bytes": recorder.status.behind_bytes, "error": recorder.status.error},
        )

    # --- Its operator -------------------------------------------------------------------------------------------------

    async def _operate(self, is_quoting: Callable[[], bool]) -> None:
        """All verbs, each with what must come of it."""
        await self._until(is_quoting, "it does not quote")
        for verb in ("pause", "cancel-all"):
            if left := (await self._ask(control.take_down, verb))["left"]:
                self.objections.append(f"after {verb} may rest: {left}")
            await self._ask(control.ask, "resume", reason=LOOKED)
            await self._until(is_quoting, f"it does not quote again after {verb}")
        status = await self._ask(control.ask, "status")
        if not status["ladder"] or not status["lease"]["is_held"]:
            self.objections.append(f"its status knows of no quote, or of no lease: {status}")
        await self._consult()
        last_word = await self._ask(control.ask, "stop")
        if last_word != {"exit_code": 0, "left": [], "is_recorded": True}:
            self.objections.append(f"its last word is {last_word}")

    async def _ask(self, ask: Callable[..., control.Answer], verb: str, **more: str) -> control.Answer:
        """As another process does, which waits for the answer."""
        return await asyncio.to_thread(partial(ask, self._directory.parent, verb, **more))

    async def _until(self, is_so: Callable[[], bool], sentence: str) -> None:
        deadline = self._timeline.now() + PATIENCE_S * 1e9
        while not is_so():
            if self._timeline.now() > deadline:
                self.objections.append(f"{sentence} within {PATIENCE_S:g} s")
                return
            await asyncio.sleep(LOOK_S)

    # --- The doctor ---------------------------------------------------------------------------------------------------

    async def _consult(self) -> None:
        """The doctor asks the exchange what he can, while it is traded there, and finds nothing bad."""
        findings = await self._findings()
        Console(file=io.StringIO(), width=WIDTH).print(doctor_page(findings))
        bad = [f"{each.check}: {each.found}" for each in findings if each.light is Light.RED]
        if bad or not findings:
            self.objections.append(f"the doctor finds: {bad}")

    async def _findings(self) -> list[Finding]:
        making, clock = self._making, self._clock
        venue = making.venue(lambda: 0.5, self._url)
        names = [name_of(setup.instrument) for setup in making.setup.strategies]
        with Rest(http_address(self._url), clock.now) as rest:
            answers = await asyncio.to_thread(examine, rest, making.credentials, venue.name, names, "0" * 16)
        hearing = Hearing(venue.name, names, clock.now())
        await hear(venue, partial(_over_sockets, venue, clock), hearing, clock, is_enough=lambda: hearing.is_open)
        answers = msgspec.structs.replace(answers, session_ns=hearing.session())
        rate = making.setup.venue(venue.name).rate_limit
        return [
            *about_venue(venue.name, self._url, rate, answers),
            *about_strategies(making.setup, venue.name, answers, clock.now()),
        ]


def _over_sockets(
    venue: DeribitVenue,
    clock: RealClock,
    tasks: Tasks,
    hear: Callable[[Callable[[], None]], None],
    ended: Callable[[str], None],
) -> Carrier:
    return Sockets(tasks, Relay(venue, hear, ended), clock.now)


@asynccontextmanager
async def _screen(body: Body, around: Surroundings, clock: RealClock) -> AsyncIterator[None]:
    """A page on a terminal that nobody sees."""
    state: Any = body.parts.engine.state
    title = Title(mode="simulated", instrument=state.setup.strategies[0].instrument)
    console = Console(file=io.StringIO(), force_terminal=True, width=WIDTH, height=HEIGHT)
    with Screen(console, title) as page:
        around.refresh = lambda: page.show(body.monitor.look(state, clock.now()), Backstage())
        yield
