"""Everything that may go wrong, one entry a kind: what it is called, which faults it stands for, and what it does.

A frame fault befalls frames that fit it: a share of them. A timed fault befalls the world now and then: so often an
hour. `ids` are those of the catalogue in `docs/guarantees.md`: N network, X exchange, K local.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import msgspec

from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.network import Link

SIZE = re.compile(r'"size":[-+.0-9e]+')
ORDERS = tuple(f'"method":"private/{verb}"' for verb in ("buy", "sell", "edit", "cancel"))


class World(Protocol):
    """What timed faults are done to."""

    chance: Random

    def link(self, connection: str) -> Link | None:
        """A connection of the daemon's that is open: that of this name, or whichever; None if there is none."""

    def cut(self, link: Link, reason: str) -> None:
        """Break it: both ends hear of it."""

    def for_a_while(self, for_ns: int, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Let something be so until then, or until there are no faults any more."""

    def kill(self, *, power_lost: bool = False) -> None:
        """End the daemon; it is started again a while later."""

    def crash(self, moment: str) -> None:
        """Let it die at the next such moment: before or after a write to the journal, or a frame's leaving."""

    def suspend(self, for_ns: int) -> None:
        """Its machine sleeps."""

    def trade_by_hand(self, for_ns: int) -> None:
        """Somebody else lets an order rest on our account."""

    def restart_exchange(self) -> None:
        """The exchange goes away, and comes back a while later."""

    def fill_disk(self, *, is_full: bool) -> None:
        """The journal's disk takes nothing, or takes something again."""

    def lock_database(self, *, is_locked: bool) -> None:
        """Somebody holds the database."""

    def lose_database(self, when: str) -> None:
        """The connection to it ends at the next COMMIT: before or after it."""


@dataclass(slots=True)
class Passage:
    """A frame on its way, and what becomes of it."""

    frame: str
    link: Link
    chance: Random
    comes: list[tuple[int, str]] = field(default_factory=list)  # what arrives, and how much later than it should
    ending: str = ""  # the connection breaks, and why

    def lose(self) -> None:
        """It never arrives."""
        self.comes = []

    def repeat(self, later_ns: int) -> None:
        """It arrives once more."""
        self.comes.append((later_ns, self.frame))

    def hold(self, later_ns: int) -> None:
        """It arrives later, and so does what follows it in its stream."""
        self.comes = [(later_ns, self.frame)]

    def become(self, frame: str) -> None:
        """Something else arrives."""
        self.comes = [(0, frame)]

    def cut(self, reason: str) -> None:
        """The connection breaks with it on its way."""
        self.comes, self.ending = [], reason


@dataclass(frozen=True, kw_only=True)
class FrameFault:
    """Befalls a share of the frames that fit."""

    name: str
    ids: tuple[str, ...]
    share_max: float
    is_up: bool  # on the way from the daemon to the exchange
    fits: Callable[[str], bool]
    befalls: Callable[[Passage], None]


@dataclass(frozen=True, kw_only=True)
class TimedFault:
    """Befalls the world so often an hour, or one connection, which may be named."""

    name: str
    ids: tuple[str, ...]
    per_hour_max: float
    befalls: Callable[[World, str], None]


# --- What a frame is -----------------------------------------------------------------------------------------------


def anything(_: str) -> bool:
    """Whatever it is."""
    return True


def is_order(frame: str) -> bool:
    """A place, an amend or a cancel."""
    return frame.startswith(ORDERS, frame.find('"method"'))


def is_answer(frame: str) -> bool:
    """The reply to a request."""
    return '"usIn":' in frame


def is_order_answer(frame: str) -> bool:
    """The reply to a place, an amend or a cancel."""
    return '"usIn":' in frame and ('"order":' in frame or '"order_state":' in frame or '"error":' in frame)


def is_book(frame: str) -> bool:
    """A change of a book."""
    return '"channel":"book.' in frame and '"type":"change"' in frame


def is_snapshot(frame: str) -> bool:
    """The first frame of a book."""
    return '"channel":"book.' in frame and '"type":"snapshot"' in frame


def is_told(frame: str) -> bool:
    """A notification on a channel."""
    return '"method":"subscription"' in frame


def is_private(frame: str) -> bool:
    """What the exchange tells of our own orders and fills without being asked."""
    return '"channel":"user.' in frame


def is_position(frame: str) -> bool:
    """The answer to a question for a position."""
    return '"usIn":' in frame and '"total_profit_loss":' in frame


def is_subscribing(frame: str) -> bool:
    """A request for channels."""
    return '/subscribe"' in frame


def is_seeking(frame: str) -> bool:
    """A question for one order, by our own id."""
    return '/get_order_state_by_label"' in frame


# --- What is done to it --------------------------------------------------------------------------------------------


def _garble(passage: Passage) -> None:
    frame, chance = passage.frame, passage.chance
    place = chance.randrange(len(frame))
    passage.become(chance.choice((frame[:place], frame[:place] + "\u2603" + frame[place + 1 :], "{}", "[1, 2", "null")))


def _leave_out_channel(passage: Passage) -> None:
    request = msgspec.json.decode(passage.frame)
    channels = request["params"]["channels"]
    del channels[passage.chance.randrange(len(channels))]
    passage.become(msgspec.json.encode(request).decode())


def _tell_nothing_held(passage: Passage) -> None:
    passage.become(SIZE.sub('"size":0.0', passage.frame))


def _seek_another(passage: Passage) -> None:
    before, after = passage.frame.split('"label":"')
    passage.become(before + '"label":"nobody' + after[after.index('"') :])


def _hold(passage: Passage) -> None:
    passage.hold(round(passage.chance.expovariate(1 / (200 * MS_NS))))


def _repeat(passage: Passage) -> None:
    passage.repeat(passage.chance.choice((0, 5 * MS_NS, SECOND_NS)))


FRAME_FAULTS = (
    FrameFault(name="change lost", ids=("N6",), share_max=0.01, is_up=False, fits=is_book, befalls=Passage.lose),
    FrameFault(
        name="snapshot lost", ids=("N6", "N15"), share_max=0.3, is_up=False, fits=is_snapshot, befalls=Passage.lose
    ),
    FrameFault(name="snapshot late", ids=("N15",), share_max=0.3, is_up=False, fits=is_snapshot, befalls=_hold),
    FrameFault(name="repeated", ids=("N7", "X9"), share_max=0.02, is_up=False, fits=is_told, befalls=_repeat),
    FrameFault(name="held back", ids=("N8", "X3"), share_max=0.02, is_up=False, fits=anything, befalls=_hold),
    FrameFault(name="request lost", ids=("N2", "X1"), share_max=0.02, is_up=True, fits=is_order, befalls=Passage.lose),
    FrameFault(
        name="answer lost",
        ids=("N2", "X1", "X2", "X5"),
        share_max=0.05,
        is_up=False,
        fits=is_order_answer,
        befalls=Passage.lose,
    ),
    FrameFault(
        name="cut before the request",
        ids=("N2",),
        share_max=0.01,
        is_up=True,
        fits=is_order,
        befalls=lambda passage: passage.cut("reset"),
    ),
    FrameFault(
        name="cut before the answer",
        ids=("N2", "X2", "X5"),
        share_max=0.01,
        is_up=False,
        fits=is_order_answer,
        befalls=lambda passage: passage.cut("reset"),
    ),
    FrameFault(name="garbled", ids=("N17",), share_max=0.002, is_up=False, fits=anything, befalls=_garble),
    FrameFault(
        name="channel left out", ids=("N9",), share_max=0.3, is_up=True, fits=is_subscribing, befalls=_leave_out_channel
    ),
    FrameFault(
        name="position empty", ids=("X30",), share_max=0.1, is_up=False, fits=is_position, befalls=_tell_nothing_held
    ),
    FrameFault(name="word lost", ids=("N10", "X1"), share_max=0.02, is_up=False, fits=is_private, befalls=Passage.lose),
    # A venue that forgets an order for longer than we believe it might cannot be survived, so this happens seldom.
    FrameFault(name="forgotten", ids=("X27",), share_max=0.02, is_up=True, fits=is_seeking, befalls=_seek_another),
)


# --- What is done to the world -------------------------------------------------------------------------------------


def _cut(world: World, connection: str) -> None:
    if link := world.link(connection):
        world.cut(link, world.chance.choice(("1006", "1012 service restart", "4000 heartbeat close")))


def _half_open(world: World, connection: str) -> None:
    if link := world.link(connection):
        link.up.is_dead = link.down.is_dead = True


def _deaf(world: World, connection: str) -> None:
    if link := world.link(connection):
        link.down.is_dead = True


def _mute(world: World, connection: str) -> None:
    if link := world.link(connection):
        link.up.is_dead = True


def _slow(world: World, connection: str) -> None:
    if link := world.link(connection):
        way, delay_ns = link.down, link.down.delay_ns

        def begin() -> None:
            way.delay_ns = delay_ns + round(world.chance.uniform(0.1, 5) * SECOND_NS)

        def end() -> None:
            way.delay_ns = delay_ns

        world.for_a_while(round(world.chance.uniform(1, 30) * SECOND_NS), begin, end)


def _disk_full(world: World, _: str) -> None:
    for_ns = round(world.chance.uniform(0.1, 20) * SECOND_NS)
    world.for_a_while(for_ns, lambda: world.fill_disk(is_full=True), lambda: world.fill_disk(is_full=False))


def _database_locked(world: World, _: str) -> None:
    for_ns = round(world.chance.uniform(1, 60) * SECOND_NS)
    world.for_a_while(for_ns, lambda: world.lock_database(is_locked=True), lambda: world.lock_database(is_locked=False))


def _by_hand(world: World, _: str) -> None:
    world.trade_by_hand(round(world.chance.uniform(1, 120) * SECOND_NS))


def _crash(world: World, _: str) -> None:
    world.crash(world.chance.choice(("before_write", "after_write", "before_send", "after_send")))


def _suspend(world: World, _: str) -> None:
    world.suspend(round(world.chance.uniform(0.2, 120) * SECOND_NS))


TIMED_FAULTS = (
    TimedFault(name="cut", ids=("N2", "N12", "X24"), per_hour_max=60, befalls=_cut),
    TimedFault(name="half open", ids=("N3", "X24"), per_hour_max=20, befalls=_half_open),
    TimedFault(name="deaf", ids=("N3", "X1"), per_hour_max=20, befalls=_deaf),
    TimedFault(name="mute", ids=("N19",), per_hour_max=20, befalls=_mute),
    TimedFault(name="slow", ids=("N14",), per_hour_max=20, befalls=_slow),
    TimedFault(name="killed", ids=("K7",), per_hour_max=20, befalls=lambda world, _: world.kill()),
    TimedFault(name="crashed", ids=("K1", "K2", "K3", "K4", "K5"), per_hour_max=20, befalls=_crash),
    TimedFault(name="power lost", ids=("K11",), per_hour_max=10, befalls=lambda world, _: world.kill(power_lost=True)),
    TimedFault(name="suspended", ids=("K12", "K13"), per_hour_max=10, befalls=_suspend),
    TimedFault(
        name="exchange restarted", ids=("X12",), per_hour_max=10, befalls=lambda world, _: world.restart_exchange()
    ),
    TimedFault(name="disk full", ids=("K8",), per_hour_max=10, befalls=_disk_full),
    TimedFault(name="database locked", ids=("K9",), per_hour_max=20, befalls=_database_locked),
    TimedFault(
        name="database gone",
        ids=("K10",),
        per_hour_max=40,
        befalls=lambda world, _: world.lose_database(world.chance.choice(("before", "after"))),
    ),
    TimedFault(name="by hand", ids=("X26",), per_hour_max=20, befalls=_by_hand),
)
FAULTS: tuple[FrameFault | TimedFault, ...] = (*FRAME_FAULTS, *TIMED_FAULTS)
NAMES = tuple(fault.name for fault in FAULTS)
