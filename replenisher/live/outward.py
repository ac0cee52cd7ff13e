"""The way out: whatever leaves for a venue passes here, and here alone the lease is asked whether it may.

If it has ended while we did not run, we fall silent. Every connection is given up, and what venues want said from then
on waits until the lease is ours again; only connections may begin and end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from replenisher.live.clock import Clock
from replenisher.live.lease import Lease
from replenisher.model.event import LeaseHeld, LeaseLost
from replenisher.venues.venue import Carrier, Close, Connect, Venue


class Outward:
    """Brings to the carriers what venues want done. `heard` is called when venues have something to tell of it."""

    def __init__(self, venues: Mapping[str, Venue], clock: Clock, lease: Lease, heard: Callable[[], None]) -> None:
        self.carriers: dict[str, Carrier] = {}
        self._venues = venues
        self._clock = clock
        self._lease = lease
        self._heard = heard
        self._waiting: dict[str, list[object]] | None = None  # what venues want while we are silent

    @property
    def is_silent(self) -> bool:
        """Whether nothing leaves, so that nothing is due either."""
        return self._waiting is not None

    def carry(self, name: str, actions: Sequence[object]) -> None:
        """Do what a venue wants, or let it wait."""
        if self._clock.now() < self._lease.silent_from:
            self.carriers[name].carry(actions)
        elif self._waiting is None:
            self.carriers[name].carry(_of_connections(actions))
            self._fall_silent()  # and what was to be said is void
        else:
            self.carriers[name].carry(_of_connections(actions))
            self._waiting[name] += [action for action in actions if not isinstance(action, Connect | Close)]

    def look(self, at: int) -> list[LeaseHeld | LeaseLost]:
        """Look at the lease, which has it renewed; what has become of it."""
        facts = list(self._lease.look(at))
        is_silent = at >= self._lease.silent_from
        if is_silent and self._waiting is None:
            self._fall_silent()
        elif not is_silent and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            for name, actions in waiting.items():
                self.carriers[name].carry(actions)
            self._heard()
        return facts

    def _fall_silent(self) -> None:
        self._waiting = {name: [] for name in self._venues}
        at = self._clock.now()
        for name, venue in self._venues.items():
            self.carriers[name].carry(_of_connections(venue.actions()))
            venue.suspended(at)
        self._heard()


def _of_connections(actions: Iterable[object]) -> list[object]:
    return [action for action in actions if isinstance(action, Connect | Close)]
