"""The moments at which a daemon can die, counted: around each write and sync of its journal, each frame, each COMMIT.

Between two of them nothing happens that outlives a process. So whoever has died at each of them has died everywhere.
"""

from collections.abc import Callable

from replenisher.simulate.timeline import Died

WHATS = ("write", "sync", "send", "receive", "commit")
KINDS = tuple(f"{side} {what}" for what in WHATS for side in ("before", "after"))
KILLED, POWER_LOST = "killed", "power lost"


class Moments:
    """All moments of one run, over all of its lives, and the one at which somebody dies."""

    def __init__(self, *, last: int = 0, how: str = KILLED, notes: list[str] | None = None) -> None:
        self.passed = 0
        self.died_at = ""  # the kind of the last one
        self._notes = notes  # where the kind of each is written down
        self._last = last  # the number of the one to die at, counted from 1; 0 is none
        self._how = how
        self._next: tuple[str, Callable[[], None]] | None = None  # the kind to die at when one comes, and what to call

    def die_at_next(self, kind: str, hit: Callable[[], None]) -> None:
        """Whoever comes to such a moment dies there."""
        self._next = kind, hit

    def live_on(self) -> None:
        """Nobody dies any more."""
        self._last, self._next = 0, None

    def reach(self, kind: str) -> None:
        """A daemon is at such a moment."""
        self.passed += 1
        if self._notes is not None:
            self._notes.append(kind)
        if self.passed == self._last:
            self.died_at = kind
            raise Died(self._how)
        if self._next is not None and self._next[0] == kind:
            hit, self._next = self._next[1], None
            hit()
            raise Died(KILLED)
