"""The network between daemons and the exchange: text frames, connection by connection, each way with its own delay.

A connection never reorders what one side sent, and no two connections are in step with each other. What else may
happen to a frame or to a connection is told to it by `faults`; nothing here is drawn.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, assert_never

from replenisher.exchange.dialects import dialect as wire
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.court import Court, Daemon
from replenisher.simulate.timeline import Timeline
from replenisher.simulate.wiretap import Wiretap
from replenisher.venues.venue import Action, Close, Connect, Send

CLOSE_NS = SECOND_NS  # how long a socket waits for the other end's goodbye
DIAL_NS = 10 * SECOND_NS  # and for the other end to answer at all
DELAYS_NS = (MS_NS // 2, 20 * MS_NS)  # the shortest and the longest, drawn for each way of each connection


Hit = Callable[[], None]  # a fault makes something go otherwise


class End(Daemon, Protocol):
    """A daemon's end of its connections."""

    court: Court  # that is told what crosses them

    def opened(self, connection: str) -> None:
        """It is open."""

    def received(self, connection: str, frame: str) -> None:
        """A frame is there."""

    def closed(self, connection: str, reason: str) -> None:
        """It ended, or could not be opened."""

    def reach(self, moment: str) -> None:
        """A frame is about to leave, or has left."""


class Counter(Protocol):
    """The exchange's end of all connections."""

    @property
    def lets_in(self) -> bool:
        """Whether a client that comes is connected."""

    def opened(self, link: str) -> None:
        """A client has connected."""

    def heard(self, link: str, frame: str) -> None:
        """A client's frame is there."""

    def closed(self, link: str) -> None:
        """A client's connection has ended."""


class Tampering(Protocol):
    """What may befall a frame: the frames that come of it, each with how much later it arrives than it should."""

    def up(self, link: "Link", frame: str) -> Sequence[tuple[int, str]] | None:
        """One from a daemon; None if nothing befalls it."""

    def down(self, link: "Link", frame: str) -> Sequence[tuple[int, str]] | None:
        """One to a daemon."""


class Way:
    """One direction of a connection."""

    __slots__ = ("delay_ns", "held", "hit", "is_dead", "last_at", "silent", "streams")

    def __init__(self, delay_ns: int) -> None:
        self.delay_ns = delay_ns
        self.last_at = 0  # when the last frame arrives; none overtakes it
        self.is_dead = False  # whatever goes here arrives nowhere
        self.held: dict[str, int] = {}  # stream -> until when its frames are held back, while others pass
        self.hit: Hit | None = None  # called by frames that come here while something is wrong with all of them
        self.silent: dict[str, Hit] = {}  # streams of which nothing comes any more
        self.streams: dict[str, None] = {}  # the channels that were told of so far


class Link:
    """One connection, from its dialing to its end."""

    __slots__ = ("connection", "down", "end", "is_open_here", "is_open_there", "name", "stood", "up")

    def __init__(self, name: str, connection: str, end: End, up: Way, down: Way) -> None:
        self.name = name  # as the exchange calls it
        self.connection = connection  # as the daemon does
        self.end = end
        self.up, self.down = up, down
        self.is_open_here = True  # as the daemon sees it, from dialing on
        self.is_open_there = False  # as the exchange does
        self.stood = False  # whether the daemon was told that it is open


class Network:
    """Everything that is under way."""

    def __init__(
        self,
        timeline: Timeline,
        counter: Counter,
        tampering: Tampering,
        tap: Wiretap,
        chance: Random,
        delays_ns: tuple[int, int],
    ) -> None:
        self._timeline = timeline
        self._counter = counter
        self._tampering = tampering
        self._tap = tap
        self._chance = chance
        self._delays_ns = delays_ns
        self._dialed = 0
        self._unplugged: Hit | None = None  # called by whoever dials while nothing gets out
        self.links: dict[str, Link] = {}  # by name; those that somebody still holds for open

    def of(self, end: End, connection: str) -> Link | None:
        """A daemon's connection of that name, if it has one."""
        return next(
            (
                link
                for link in self.links.values()
                if link.end is end and link.connection == connection and link.is_open_here
            ),
            None,
        )

    # --- What a daemon asks for -----------------------------------------------------------------------------------

    def carry(self, end: End, actions: Sequence[Action]) -> None:
        """Do what a daemon's venue asks for, in order."""
        for action in actions:
            match action:
                case Send(connection, frames):
                    for frame in frames:
                        end.reach("before send")
                        if link := self.of(end, connection):
                            self._send_up(link, frame)
                        end.reach("after send")
                case Connect(connection, _):
                    self._dial(end, connection)
                case Close(connection, reason):
                    if link := self.of(end, connection):
                        self._leave(link, reason)
                case _:
                    assert_never(action)

    def _dial(self, end: End, connection: str) -> None:
        self._dialed += 1
        end.court.dialed(end, connection)
        link = Link(f"{connection}-{self._dialed}", connection, end, self._way(), self._way())
        self.links[link.name] = link
        if self._unplugged is not None:
            self._unplugged()
            link.up.is_dead = link.down.is_dead = True
            self._timeline.put(self._timeline.at + DIAL_NS, self._end_here, link, "timed out during opening handshake")
        else:
            self._timeline.put(self._timeline.at + link.up.delay_ns, self._reach, link)

    def _way(self) -> Way:
        shortest, longest = self._delays_ns
        drawn = self._chance.random()
        return Way(int(shortest * (longest / shortest) ** drawn) if shortest else 0)

    def _reach(self, link: Link) -> None:
        if not self._counter.lets_in:
            self._timeline.put(self._arrival(link.down), self._end_here, link, "connection refused")
        elif link.is_open_here:
            link.is_open_there = True
            self._counter.opened(link.name)
            self._timeline.put(self._arrival(link.down), self._opened, link)

    def _opened(self, link: Link) -> None:
        if link.is_open_here and not link.down.is_dead:
            link.stood = True
            link.end.opened(link.connection)

    def _send_up(self, link: Link, frame: str) -> None:
        self._tap.up(self._timeline.at, link.name, frame)
        link.end.court.sent(link.end, link.connection, frame)
        if link.up.hit is not None:
            link.up.hit()
        tampered = self._tampering.up(link, frame)
        for later_ns, text in ((0, frame),) if tampered is None else tampered:
            self._timeline.put(self._arrival(link.up, later_ns), self._heard, link, text)

    def _heard(self, link: Link, frame: str) -> None:
        if link.is_open_there and not link.up.is_dead:
            link.end.court.heard(link.name, frame)
            self._counter.heard(link.name, frame)

    def _leave(self, link: Link, reason: str) -> None:
        """The daemon says goodbye, and waits for the other end's for a moment only."""
        if link.up.is_dead or link.down.is_dead:
            self._tell_broken(link)
        self._let_go(link)
        waits_ns = CLOSE_NS if link.up.is_dead or link.down.is_dead else link.up.delay_ns + link.down.delay_ns
        self._timeline.put(self._timeline.at + waits_ns, link.end.closed, link.connection, reason)

    # --- What the exchange asks for -------------------------------------------------------------------------------

    def answer(self, actions: Sequence[wire.Action]) -> None:
        """Do what the exchange's dialect asks for, in order."""
        for action in actions:
            link = self.links.get(action.connection)
            if link is None:
                continue
            match action:
                case wire.Send():
                    self._send_down(link, action.frame)
                case wire.Close():
                    link.end.court.turned_out(link.name, action.code)
                    self._refuse(link, f"{action.code} {action.reason}")
                case wire.HttpReply():
                    raise AssertionError("nobody here asks over HTTP")
                case _:
                    assert_never(action)

    def _send_down(self, link: Link, frame: str) -> None:
        self._tap.down(self._timeline.at, link.name, frame)
        link.end.court.told(link.name, frame)
        way, stream = link.down, stream_of(frame)
        if way.hit is not None:
            way.hit()
        if stream:
            way.streams[stream] = None
            if stream in way.silent:
                way.silent[stream]()
                return
        tampered = self._tampering.down(link, frame)
        if tampered is None and not way.held:
            way.last_at = at = max(way.last_at, self._timeline.at + way.delay_ns)
            self._timeline.put(at, self._received, link, frame)
            return
        for later_ns, text in ((0, frame),) if tampered is None else tampered:
            self._timeline.put(self._arrival_in_stream(way, stream, later_ns), self._received, link, text)

    def _received(self, link: Link, frame: str) -> None:
        if link.is_open_here and not link.down.is_dead:
            link.end.court.received(link.end, link.connection, frame)
            link.end.received(link.connection, frame)

    # --- How connections end --------------------------------------------------------------------------------------

    def cut(self, link: Link, reason: str) -> None:
        """The connection breaks: both ends hear of it, and nothing that is under way arrives."""
        link.up.is_dead = link.down.is_dead = True
        self._timeline.put(self._timeline.at + link.up.delay_ns, self._end_there, link)
        self._timeline.put(self._timeline.at + link.down.delay_ns, self._end_here, link, reason)

    def unplug(self, hit: Hit) -> None:
        """The daemon's machine has no network any more: nobody hears of an end, and nobody is reached."""
        self._unplugged = hit
        for link in self.links.values():
            for way in (link.up, link.down):
                way.is_dead, way.hit = True, hit

    def plug_in(self) -> None:
        """It has one again; what was open before stays as dead as it was."""
        self._unplugged = None

    def fall_silent(self, end: End) -> None:
        """A daemon's machine is gone: the exchange hears nothing, not even an end."""
        for link in self._of(end):
            link.up.is_dead = True
            self._let_go(link)

    def abandon(self, end: End) -> None:
        """A daemon's process is gone: its machine says goodbye for it, after what was sent."""
        for link in self._of(end):
            self._let_go(link)

    def refuse_all(self) -> None:
        """The exchange's process is gone."""
        for link in list(self.links.values()):
            self._refuse(link, "the exchange went away")

    def _let_go(self, link: Link) -> None:
        """The daemon's end is no more, and the exchange hears of it if anything gets there."""
        link.is_open_here = False
        if not link.up.is_dead:
            self._timeline.put(self._arrival(link.up), self._end_there, link)
        elif not link.is_open_there:
            self.links.pop(link.name, None)

    def _refuse(self, link: Link, reason: str) -> None:
        """The exchange's end is no more, and the daemon hears of it if anything gets there."""
        link.is_open_there = False
        if not link.down.is_dead:
            self._timeline.put(self._arrival(link.down), self._end_here, link, reason)
        elif not link.is_open_here:
            self.links.pop(link.name, None)

    def _of(self, end: End) -> list[Link]:
        return [link for link in self.links.values() if link.end is end and link.is_open_here]

    def _end_there(self, link: Link) -> None:
        if not link.is_open_here:  # else what is still written to it has left, too
            self.links.pop(link.name, None)
        if link.is_open_there:
            link.is_open_there = False
            self._counter.closed(link.name)

    def _end_here(self, link: Link, reason: str) -> None:
        if not link.is_open_there:
            self.links.pop(link.name, None)
        if link.is_open_here:
            link.is_open_here = False
            self._tell_broken(link)
            link.end.closed(link.connection, reason)

    def _tell_broken(self, link: Link) -> None:
        if link.stood:
            link.end.court.disconnected(link.end, link.connection)

    def reaches(self, end: End, connection: str) -> bool:
        """Whether what the exchange tells on a connection of this name, or on its heir, gets to a daemon."""
        return any(
            link.end is end and link.is_open_there and link.is_open_here and not link.down.is_dead
            for link in self.links.values()
            if link.connection.startswith(connection)
        )

    # --- When things arrive ---------------------------------------------------------------------------------------

    def _arrival(self, way: Way, later_ns: int = 0) -> int:
        """When something sent now arrives; it overtakes nothing that was sent before."""
        way.last_at = max(way.last_at, self._timeline.at + way.delay_ns + later_ns)
        return way.last_at

    def _arrival_in_stream(self, way: Way, stream: str, later_ns: int) -> int:
        """The same where the exchange promises an order within a stream only: others pass what is held back."""
        at = self._timeline.at
        if later_ns:
            way.held[stream] = max(way.held.get(stream, 0), at + way.delay_ns + later_ns)
            return way.held[stream]
        way.last_at = max(way.last_at, at + way.delay_ns)
        for other, until in list(way.held.items()):
            if until <= at:
                del way.held[other]
        return max(way.last_at, way.held.get(stream, 0))


CHANNEL = '"channel":"'


def stream_of(frame: str) -> str:
    """What a frame belongs to: a channel, or the answers."""
    start = frame.find(CHANNEL, 0, 120)
    if start < 0:
        return ""
    start += len(CHANNEL)
    return frame[start : frame.index('"', start)]
