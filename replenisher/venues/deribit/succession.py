"""A side of the venue that outlives its connections: the next one stands before the last one is retired.

A connection that grows too old, and would some day be cut, gets an heir in time. The heir connects beside it, logs in,
protects and subscribes to all that its predecessor has, and only then takes over, so that nothing is missed and nothing
has to be taken off the book. If the heir does not come to stand, nobody has noticed, and another one is tried later. A
connection that ends by itself has no use for an heir: it comes back as ever.
"""

from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.venues.deribit.link import Link

PATIENCE_NS = 30 * SECOND_NS  # with an heir that does not come to stand
AGAIN_NS = MINUTE_NS  # until another one is tried


class Side(Protocol):
    """What is done over one connection."""

    link: Link

    def closed(self, reason: str, at: int) -> None:
        """The connection ended, or could not be opened."""

    def wake(self, at: int) -> None:
        """Do what has become due."""

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""

    def suspended(self, at: int) -> None:
        """The process did not run: start over."""

    def stop(self, at: int) -> None:
        """Close for good."""

    def stands_for(self, chief: Self) -> bool:
        """Whether it has all that its predecessor has."""

    def succeed(self, chief: Self, at: int) -> None:
        """Take over from its predecessor, and let that retire."""


AnySide = TypeVar("AnySide", bound=Side)


class Succession(Generic[AnySide]):
    """The connection of one side that counts, the one that will, and those on their way out."""

    def __init__(self, name: str, age_ns_max: int | None, make: Callable[[str, AnySide | None], AnySide]) -> None:
        self.chief = make(name, None)
        self._names = (name, f"{name}.2")
        self._age_ns_max = age_ns_max
        self._make = make
        self._others: dict[str, AnySide] = {}  # by connection
        self._heir: AnySide | None = None
        self._not_before = 0  # session time of the next attempt to find an heir, or of the end of our patience with one

    def of(self, connection: str) -> AnySide | None:
        """Whose connection this is."""
        return self.chief if self.chief.link.connection == connection else self._others.get(connection)

    def each(self) -> list[AnySide]:
        """All that may still be told something."""
        return [self.chief, *self._others.values()]

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection ended, or could not be opened."""
        side = self.of(connection)
        if side is None:
            return
        side.closed(reason, at)
        if side is self.chief:
            self._disown(at)
            return
        del self._others[connection]
        if side is self._heir:
            self._heir, self._not_before = None, at + AGAIN_NS

    def wake(self, at: int) -> None:
        """Do what has become due, and find an heir in time."""
        for side in self.each():
            side.wake(at)
        due = self._due
        if due is not None and at >= due:
            if self._heir is not None:
                self._disown(at)
            else:
                self._heir = heir = self._make(self._names[self.chief.link.connection == self._names[0]], self.chief)
                self._others[heir.link.connection] = heir
                self._not_before = at + PATIENCE_NS
                heir.link.lasts(False)
                heir.link.start(at)
        self.settle(at)

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        soonest, due = self.chief.next_wake, self._due
        if due is not None and (soonest is None or due < soonest):
            soonest = due
        for side in self._others.values():
            wake = side.next_wake
            if wake is not None and (soonest is None or wake < soonest):
                soonest = wake
        return soonest

    def settle(self, at: int) -> None:
        """Let the heir take over if it can."""
        heir, chief = self._heir, self.chief
        if heir is None or not heir.stands_for(chief):
            return
        heir.link.lasts(True)
        chief.link.lasts(False)
        heir.succeed(chief, at)
        self._others[chief.link.connection] = chief
        self.chief, self._heir = self._others.pop(heir.link.connection), None

    def suspended(self, at: int) -> None:
        """The process did not run: all start over."""
        self._disown(at)
        self.chief.suspended(at)

    def stop(self, at: int) -> None:
        """Close for good."""
        for side in self.each():
            side.stop(at)

    @property
    def _due(self) -> int | None:
        """When an heir is to be found, or is no longer waited for."""
        if self._heir is not None:
            return self._not_before
        if self._age_ns_max is None or self._others or not self.chief.link.is_logged_in:
            return None
        due = self.chief.link.logged_in_at + self._age_ns_max
        return due if due > self._not_before else self._not_before

    def _disown(self, at: int) -> None:
        """Give the heir up, if there is one."""
        heir, self._heir = self._heir, None
        if heir is None:
            return
        self._not_before = at + AGAIN_NS
        if not heir.link.is_carried:
            del self._others[heir.link.connection]  # nobody will tell that it is closed
        heir.stop(at)
