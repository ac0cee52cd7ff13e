"""What may befall connections, the daemon, its machine, its disk, its database, and the exchange.

A timed fault befalls the world so often an hour, or one connection, which may be named. Many of them only prepare
something: a disk that is full harms nobody who does not write. So a fault is handed a `hit`, and whatever it makes go
otherwise calls that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from replenisher.exchange.words import InstrumentState
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.moments import KINDS
from replenisher.simulate.network import Hit, Link, Way

DISCONNECTS = ("1006", "1012 service restart", "4000 heartbeat close")
COMMITS = ("before", "after")
WRITE_NS = (10 * MS_NS, 3 * SECOND_NS)  # how long a slow disk takes for each: mostly a moment, and now and then seconds


class World(Protocol):
    """What timed faults are done to."""

    chance: Random
    disk: SimulatedDisk  # of the journal

    def link(self, connection: str) -> Link | None:
        """A connection of the daemon's that is open: that of this name, or whichever; None if there is none."""

    def cut(self, link: Link, reason: str) -> None:
        """Break it: both ends hear of it."""

    def unplug(self, hit: Hit, for_ns: int) -> None:
        """The daemon's machine has no network, and neither end hears that a connection has ended."""

    def end_session(self, link: Link, frame: str) -> None:
        """The exchange says that this request was one too many, and ends the session."""

    def for_a_while(self, for_ns: int, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Let something be so until then, or until there are no faults any more."""

    def kill(self, hit: Hit, *, power_lost: bool = False) -> None:
        """End the daemon; it is started again a while later."""

    def crash(self, hit: Hit, moment: str) -> None:
        """Let it die at the next such moment: around a write, a sync, a frame or a COMMIT."""

    def terminate(self, hit: Hit, *, times: int) -> None:
        """Send it the signal that means a stop."""

    def start_second(self, hit: Hit, for_ns: int) -> None:
        """Somebody starts another one with the same configuration, on a data directory of its own."""

    def take_down(self, hit: Hit, verb: str, for_ns: int) -> None:
        """The operator has all quotes taken off for a while."""

    def suspend(self, hit: Hit, for_ns: int) -> None:
        """Its process does not run."""

    def step_clock(self, hit: Hit, step_ns: int) -> None:
        """Somebody sets its machine's clock."""

    def restart_exchange(self, hit: Hit) -> None:
        """The exchange goes away, and comes back a while later."""

    def trade_by_hand(self, hit: Hit, for_ns: int) -> None:
        """Somebody else lets an order rest on our account."""

    def receive_guest(self, hit: Hit) -> None:
        """Another client of the exchange comes, with an account of its own."""

    def interrupt(self, hit: Hit, state: InstrumentState, for_ns: int) -> None:
        """An instrument does not trade for a while."""

    def maintain(self, hit: Hit, stages: Sequence[tuple[InstrumentState, int]]) -> None:
        """The whole platform goes through these states, each for so long, and is open again."""

    def lock_database(self, hit: Hit, *, is_locked: bool) -> None:
        """Somebody holds the database."""

    def lose_database(self, hit: Hit, when: str, *, recorder_dies: bool) -> None:
        """The connection to it ends at the next COMMIT, before or after it, or the recorder's process does."""


@dataclass(frozen=True, kw_only=True)
class TimedFault:
    """Befalls the world so often an hour, or one connection, which may be named."""

    name: str
    ids: tuple[str, ...]
    per_hour_max: float
    befalls: Callable[[World, str, Hit], None]


# --- Connections ---------------------------------------------------------------------------------------------------


def _cut(world: World, connection: str, hit: Hit) -> None:
    if link := world.link(connection):
        hit()
        world.cut(link, world.chance.choice(DISCONNECTS))


def _half_open(world: World, connection: str, hit: Hit) -> None:
    if link := world.link(connection):
        _kill(link.up, hit)
        _kill(link.down, hit)


def _unplug(world: World, _: str, hit: Hit) -> None:
    world.unplug(hit, _seconds(world, 1, 60))


def _deaf(world: World, connection: str, hit: Hit) -> None:
    if link := world.link(connection):
        _kill(link.down, hit)


def _mute(world: World, connection: str, hit: Hit) -> None:
    if link := world.link(connection):
        _kill(link.up, hit)


def _kill(way: Way, hit: Hit) -> None:
    way.is_dead, way.hit = True, hit


def _slow(world: World, connection: str, hit: Hit) -> None:
    if link := world.link(connection):
        for_ns, more_ns = _seconds(world, 1, 30), round(world.chance.uniform(0.1, 5) * SECOND_NS)
        way = link.down

        def begin() -> None:
            way.delay_ns, way.hit = way.delay_ns + more_ns, hit

        def end() -> None:
            way.delay_ns -= more_ns  # it may have become slow twice
            if way.hit is hit:
                way.hit = None

        world.for_a_while(for_ns, begin, end)


def _silence_channel(world: World, connection: str, hit: Hit) -> None:
    link = world.link(connection)
    if link is None or not link.down.streams:
        return
    way, stream = link.down, world.chance.choice(list(link.down.streams))

    def begin() -> None:
        way.silent[stream] = hit

    def end() -> None:
        way.silent.pop(stream, None)

    world.for_a_while(_seconds(world, 1, 60), begin, end)


# --- The daemon and its machine ------------------------------------------------------------------------------------


def _kill_daemon(world: World, _: str, hit: Hit) -> None:
    world.kill(hit)


def _lose_power(world: World, _: str, hit: Hit) -> None:
    world.kill(hit, power_lost=True)


def _crash(world: World, _: str, hit: Hit) -> None:
    world.crash(hit, world.chance.choice(KINDS))


def _terminate(world: World, _: str, hit: Hit) -> None:
    world.terminate(hit, times=1)


def _terminate_twice(world: World, _: str, hit: Hit) -> None:
    world.terminate(hit, times=2)


def _take_down(world: World, _: str, hit: Hit) -> None:
    world.take_down(hit, world.chance.choice(("pause", "cancel-all")), _seconds(world, 1, 60))


def _start_second(world: World, _: str, hit: Hit) -> None:
    world.start_second(hit, _seconds(world, 1, 60))


def _replace(world: World, _: str, hit: Hit) -> None:
    """Ours stands still for longer than its lease, and another one is started in its place."""
    away_ns = _seconds(world, 121, 180)
    world.suspend(hit, away_ns)
    world.start_second(hit, away_ns + _seconds(world, 1, 60))


def _suspend(world: World, _: str, hit: Hit) -> None:
    world.suspend(hit, _seconds(world, 5, 120))


def _stall(world: World, _: str, hit: Hit) -> None:
    world.suspend(hit, _seconds(world, 0.05, 5))


def _step_clock(world: World, _: str, hit: Hit) -> None:
    world.step_clock(hit, _seconds(world, -3600, 3600))


def _fill_disk(world: World, _: str, hit: Hit) -> None:
    _spoil_disk(world, hit, _seconds(world, 0.1, 20), "is_full", True)


def _fail_syncs(world: World, _: str, hit: Hit) -> None:
    _spoil_disk(world, hit, _seconds(world, 0.1, 5), "syncs_fail", True)


def _fail_names(world: World, _: str, hit: Hit) -> None:
    """For longer than a sync: files are made seldom."""
    _spoil_disk(world, hit, _seconds(world, 1, 60), "names_fail", True)


def _slow_disk(world: World, _: str, hit: Hit) -> None:
    for_ns, (shortest, longest) = _seconds(world, 0.1, 20), WRITE_NS
    _spoil_disk(world, hit, for_ns, "write_ns", round(shortest * (longest / shortest) ** world.chance.random()))


def _spoil_disk(world: World, hit: Hit, for_ns: int, what: str, how: int) -> None:
    """Let something of the disk be so for a while."""
    disk = world.disk

    def become(how: int, hit: Hit | None) -> None:
        setattr(disk, what, how)
        disk.hit = hit

    world.for_a_while(for_ns, partial(become, how, hit), partial(become, type(how)(), None))


# --- The recorder and its database ---------------------------------------------------------------------------------


def _lock_database(world: World, _: str, hit: Hit) -> None:
    world.for_a_while(
        _seconds(world, 1, 60),
        lambda: world.lock_database(hit, is_locked=True),
        lambda: world.lock_database(hit, is_locked=False),
    )


def _lose_database(world: World, _: str, hit: Hit) -> None:
    world.lose_database(hit, world.chance.choice(COMMITS), recorder_dies=False)


def _kill_recorder(world: World, _: str, hit: Hit) -> None:
    world.lose_database(hit, world.chance.choice(COMMITS), recorder_dies=True)


# --- The exchange --------------------------------------------------------------------------------------------------


def _restart_exchange(world: World, _: str, hit: Hit) -> None:
    world.restart_exchange(hit)


def _interrupt(world: World, _: str, hit: Hit) -> None:
    state = world.chance.choice((InstrumentState.LOCKED, InstrumentState.HALTED))
    world.interrupt(hit, state, _seconds(world, 0.1, 30))


def _maintain(world: World, _: str, hit: Hit) -> None:
    longest_s = {
        InstrumentState.LOCKED: 5,  # it is announced: orders can be canceled
        InstrumentState.MAINTENANCE: 10,
        InstrumentState.SHUT: 30,
    }
    stages = (*longest_s, InstrumentState.MAINTENANCE)
    world.maintain(hit, [(stage, _seconds(world, 0, longest_s[stage])) for stage in stages])


def _receive_guest(world: World, _: str, hit: Hit) -> None:
    world.receive_guest(hit)


def _trade_by_hand(world: World, _: str, hit: Hit) -> None:
    world.trade_by_hand(hit, _seconds(world, 1, 120))


def _seconds(world: World, shortest: float, longest: float) -> int:
    return round(world.chance.uniform(shortest, longest) * SECOND_NS)


TIMED_FAULTS = (
    TimedFault(name="cut", ids=("N2", "N12", "X24"), per_hour_max=60, befalls=_cut),
    TimedFault(name="half open", ids=("N3", "X24"), per_hour_max=20, befalls=_half_open),
    TimedFault(name="unplugged", ids=("N3", "X24"), per_hour_max=60, befalls=_unplug),
    TimedFault(name="deaf", ids=("N3", "X1"), per_hour_max=20, befalls=_deaf),
    TimedFault(name="mute", ids=("N19",), per_hour_max=20, befalls=_mute),
    TimedFault(name="slow", ids=("N14",), per_hour_max=20, befalls=_slow),
    TimedFault(name="channel silent", ids=("N10", "T3"), per_hour_max=20, befalls=_silence_channel),
    TimedFault(name="killed", ids=("K7",), per_hour_max=20, befalls=_kill_daemon),
    TimedFault(name="crashed", ids=("K1", "K2", "K3", "K4", "K5"), per_hour_max=20, befalls=_crash),
    TimedFault(name="power lost", ids=("K11",), per_hour_max=20, befalls=_lose_power),
    TimedFault(name="suspended", ids=("K12",), per_hour_max=10, befalls=_suspend),
    TimedFault(name="stalled", ids=("K13",), per_hour_max=20, befalls=_stall),
    TimedFault(name="clock set", ids=("K12", "X16"), per_hour_max=10, befalls=_step_clock),
    TimedFault(name="exchange restarted", ids=("X12",), per_hour_max=10, befalls=_restart_exchange),
    TimedFault(name="interrupted", ids=("X12", "X17", "X25"), per_hour_max=10, befalls=_interrupt),
    TimedFault(name="disk full", ids=("K8",), per_hour_max=10, befalls=_fill_disk),
    TimedFault(name="sync fails", ids=("K8",), per_hour_max=10, befalls=_fail_syncs),
    TimedFault(name="name not synced", ids=("K8",), per_hour_max=20, befalls=_fail_names),
    TimedFault(name="disk slow", ids=("K9",), per_hour_max=20, befalls=_slow_disk),
    TimedFault(name="database locked", ids=("K9",), per_hour_max=20, befalls=_lock_database),
    TimedFault(name="database gone", ids=("K10",), per_hour_max=40, befalls=_lose_database),
    TimedFault(name="recorder died", ids=("K4", "K10"), per_hour_max=20, befalls=_kill_recorder),
    TimedFault(name="told to stop", ids=("K6",), per_hour_max=10, befalls=_terminate),
    TimedFault(name="told twice to stop", ids=("K6",), per_hour_max=4, befalls=_terminate_twice),
    TimedFault(name="taken down", ids=(), per_hour_max=10, befalls=_take_down),
    TimedFault(name="second daemon", ids=("K15",), per_hour_max=10, befalls=_start_second),
    TimedFault(name="replaced", ids=("K12", "K15"), per_hour_max=4, befalls=_replace),
    TimedFault(name="by hand", ids=("X26",), per_hour_max=20, befalls=_trade_by_hand),
    TimedFault(name="guest", ids=(), per_hour_max=40, befalls=_receive_guest),
    TimedFault(name="maintenance", ids=("X12",), per_hour_max=10, befalls=_maintain),
)
