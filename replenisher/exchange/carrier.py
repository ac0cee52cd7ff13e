"""Carries what clients send to a dialect and its answers back, each after its delay.

What arrives is only put on its connection's line; each turn delivers what has been under way long enough, runs what is
due, and puts the answers on the lines back. So requests are taken one by one in the order of their arrival. The market
goes on for a few events a turn: while it is behind, turn follows turn, and what has arrived comes first.
"""

from enum import Enum
from typing import Protocol

from replenisher.exchange.dialects.dialect import Action, Dialect, HttpReply, HttpRequest
from replenisher.exchange.latency import DelayLine, LatencyModel


class Hangup(Enum):
    """What a connection's line carries after its last frame."""

    HANGUP = "hangup"


Item = str | bytes | HttpRequest | Hangup


class End(Protocol):
    """The client's end of a connection."""

    def hand_over(self, action: Action) -> None:
        """What the exchange has said reaches the client."""

    def leave(self) -> None:
        """The exchange ends."""


class Link:
    """One client's connection: the way to the exchange and the way back."""

    def __init__(self, name: str, end: End, latency: LatencyModel) -> None:
        self.name = name
        self.end = end
        self.inbound: DelayLine[Item] = DelayLine(latency.request_ns)
        self.outbound: DelayLine[Action] = DelayLine(latency.response_ns)


class Carrier:
    """Carries between the ends of connections and a dialect."""

    def __init__(self, dialect: Dialect, latency: LatencyModel) -> None:
        self._dialect = dialect
        self._latency = latency
        self._links: dict[str, Link] = {}
        self._connections = 0

    @property
    def next_at(self) -> int | None:
        """When the next turn is due; None until something arrives."""
        moments = [self._dialect.next_wake]
        for link in self._links.values():
            moments += [link.inbound.next_at, link.outbound.next_at]
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def is_shut(self) -> bool:
        """Whether nobody is let in."""
        return self._dialect.is_shut

    def opened(self, end: End, at: int) -> Link:
        """A client has connected to exchange frames: the dialect hears of it at once."""
        link = self._link(end)
        self._dialect.opened(link.name, at)
        return link

    def arrived(self, link: Link, item: str | bytes | Hangup, at: int) -> None:
        """A client has sent something."""
        link.inbound.put(item, at)

    def requested(self, end: End, request: HttpRequest, at: int) -> None:
        """A client has come with one request; its connection ends with the reply."""
        self._link(end).inbound.put(request, at)

    def turn(self, at: int) -> None:
        """Deliver what has arrived, do what is due, and hand over what has come back."""
        while due := self._first_due(at):
            arrived_at, link = due
            for item in link.inbound.take(arrived_at):
                self._deliver(link, item, at)
        next_wake = self._dialect.next_wake
        if next_wake is not None and next_wake <= at:
            self._dialect.wake(at)
            self._collect(at)
        for link in list(self._links.values()):
            for action in link.outbound.take(at):
                link.end.hand_over(action)
                if isinstance(action, HttpReply):
                    del self._links[link.name]

    def hang_up(self, at: int) -> None:
        """Every connection ends now: the exchange hears of it before its ledger is closed."""
        links, self._links = self._links, {}
        for name, link in links.items():
            self._dialect.closed(name, at)
            link.end.leave()

    def _link(self, end: End) -> Link:
        self._connections += 1
        link = Link(f"connection-{self._connections}", end, self._latency)
        self._links[link.name] = link
        return link

    def _first_due(self, at: int) -> tuple[int, Link] | None:
        """The connection whose next item arrived first."""
        arrivals = [(due, link) for link in self._links.values() if (due := link.inbound.next_at) is not None]
        first = min(arrivals, key=lambda arrival: arrival[0], default=None)
        return first if first and first[0] <= at else None

    def _deliver(self, link: Link, item: Item, at: int) -> None:
        match item:
            case Hangup():
                del self._links[link.name]
                self._dialect.closed(link.name, at)
            case HttpRequest():
                self._dialect.requested(link.name, item, at)
            case _:
                self._dialect.received(link.name, item, at)
        self._collect(at)

    def _collect(self, at: int) -> None:
        for action in self._dialect.actions():
            link = self._links.get(action.connection)
            if link is not None:
                link.outbound.put(action, at)
