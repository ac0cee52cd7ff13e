"""The exchange behind its real server: each connection of the simulated network is a real one, over loopback.

Faults happen where they do on virtual time, between a daemon's session and its sockets. What is beyond is what trades:
the carrier that puts a venue's frames on WebSockets, the kernel, and the exchange's server. A connection that ends here
ends there.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial

from replenisher.exchange.carrier import Carrier
from replenisher.exchange.dialects.deribit import DeribitSettings
from replenisher.exchange.dialects.dialect import DROPPED, Action
from replenisher.exchange.dialects.dialect import Close as HungUp
from replenisher.exchange.dialects.dialect import Send as Said
from replenisher.exchange.latency import Latency
from replenisher.exchange.server import HOST, Server, ServerSettings
from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.simulate.checks import SAFETY
from replenisher.simulate.exchange_end import ExchangeEnd, Open
from replenisher.simulate.process import Process
from replenisher.simulate.real_time import RealTimeline
from replenisher.simulate.run import START, Means, Outcome, run
from replenisher.simulate.swarm import Plan
from replenisher.simulate.timed_faults import TIMED_FAULTS
from replenisher.simulate.world import Scene, World
from replenisher.venues.socket import Sockets
from replenisher.venues.venue import Close, Connect, Send

SETTINGS = ServerSettings(deribit=DeribitSettings(keys=()))  # of the server alone: the dialect comes with its own


class Clients:
    """The far ends of the simulated network: real clients of a real server. `told` hears what that says to them."""

    def __init__(self, time: RealTimeline, told: Callable[[Action], None]) -> None:
        self._sockets = Sockets(time, self, time.now)
        self._told = told
        self._unsaid: dict[str, list[str]] = {}  # frames for connections that are still being made

    def dial(self, link: str, url: str) -> None:
        """Connect."""
        self._unsaid[link] = []
        self._sockets.carry([Connect(link, url)])

    def say(self, link: str, frame: str) -> None:
        """Send a frame, as soon as it can be."""
        if link in self._unsaid:
            self._unsaid[link].append(frame)
        else:
            self._sockets.carry([Send(link, (frame,))])

    def leave(self, link: str) -> None:
        """Say goodbye."""
        self._unsaid.pop(link, None)
        self._sockets.carry([Close(link, "ended")])

    def opened(self, connection: str, at: int) -> None:
        """A connection stands."""
        self._sockets.carry([Send(connection, tuple(self._unsaid.pop(connection, ())))])

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """The server says something."""
        self._told(Said(connection, frame if isinstance(frame, str) else frame.decode()))

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection has ended, or could not be made."""
        self._unsaid.pop(connection, None)
        self._told(HungUp(connection, DROPPED, reason))


class SocketEnd(ExchangeEnd):
    """One exchange over all of its lives, at one port."""

    def __init__(self, timeline: RealTimeline, open_: Open, recorded: Callable[[bytes], None]) -> None:
        self._time = timeline
        self._clients = Clients(timeline, lambda action: self.answer([action]))
        self._port = 0
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()
        super().__init__(timeline, open_, recorded)
        timeline.loop.run_until_complete(self._listens.wait())

    @property
    def address(self) -> str:
        """Its port on this machine, which it keeps."""
        return f"ws://{HOST}:{self._port}{self._dialect.path}"

    # --- Its lives ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A life begins, once the last one has let go of its port."""
        self._time.now()
        super().start()
        self._carrier = Carrier(self._dialect, Latency())
        self._serving = self._time.create_task(self._serve(self._carrier, self._serving), name="exchange")

    def stop(self) -> None:
        """The process ends; what it had to say to its books it has said."""
        super().stop()
        self._carrier.hang_up(self._time.now())
        if self._serving is not None:
            self._serving.cancel()

    async def _serve(self, carrier: Carrier, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        server = self._server = Server(carrier, self._dialect.path, SETTINGS, self._time.now)
        listener = await asyncio.get_running_loop().create_server(server.protocol, HOST, self._port)
        self._port = listener.sockets[0].getsockname()[1]
        self._listens.set()
        try:
            await server.run()
        finally:
            listener.close()
            await server.close()

    def _answer(self) -> None:
        """The server does, at its next turn."""
        if self._server is not None:
            self._server.stir()

    def _set_alarm(self) -> None:
        """The server has its own."""

    # --- What the network does ------------------------------------------------------------------------------------

    def opened(self, link: str) -> None:
        """A client connects."""
        self._clients.dial(link, self.address)

    def heard(self, link: str, frame: str) -> None:
        """A client says something."""
        self._clients.say(link, frame)

    def closed(self, link: str) -> None:
        """A client's connection has ended."""
        self._clients.leave(link)


# --- Seeds ---------------------------------------------------------------------------------------------------------

HURRY = 100  # times as often as on virtual time, because it is real time that passes
NOT_HERE = ("suspended", "stalled", "disk slow", "second daemon", "replaced", "guest")
QUOTES_WITHIN_S = 30
SETTLE_S = 1.0
PROCESS_S_MAX = 120
# What is said of ledger, frames and rows; how long things take is not this machine's to promise.
HELD = ("S1", "S2", "S3", "S4", "S5", "S6", "S9", "S10", "S13", "S14", "S15", "S16", "S17", "S18")


def run_on_sockets(scene: Scene, *, seed: int, seconds: float, plan: Plan) -> Outcome:
    """One seed, with faults for so many real seconds."""
    with closing(RealTimeline(START)) as timeline:
        return run(
            scene,
            seed=seed,
            minutes=seconds * SECOND_NS / MINUTE_NS,
            plan=hurried(plan),
            checks=[check for check in SAFETY if check.name in HELD],
            means=Means(timeline, SocketEnd, _find_back, partial(_live_on, timeline)),
        )


def hurried(plan: Plan) -> Plan:
    """As much of it in seconds as would happen in minutes."""
    timed = {fault.name for fault in TIMED_FAULTS}
    rates = {name: rate * HURRY if name in timed else rate for name, rate in plan.rates.items() if name not in NOT_HERE}
    return replace(plan, rates=rates)


def _find_back(world: World) -> None:
    """No longer than it takes."""
    if not world.run_until(lambda: any(world.evidence.ours()), QUOTES_WITHIN_S):
        world.court.object("L1", f"it does not quote after {QUOTES_WITHIN_S} s without faults: {world.life.reasons()}")
    world.run(SETTLE_S)


def _live_on(timeline: RealTimeline, world: World) -> None:
    """A whole process goes on where the last life has ended, until its operator stops it."""
    process = Process(world.making, timeline, world.place, world.address, world.next_number())
    running = timeline.create_task(process.run(lambda: any(world.evidence.ours())), name="process")
    if not world.run_until(running.done, PROCESS_S_MAX):
        world.court.object("L6", f"a whole process did not end within {PROCESS_S_MAX} s")
    for objection in process.objections:
        world.court.object("L6", f"a whole process: {objection}")
