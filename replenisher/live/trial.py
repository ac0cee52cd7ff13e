"""A session on trial: a venue is connected as the daemon connects it, and heard for a moment; nothing is ordered."""

import asyncio
from collections.abc import Callable

from replenisher.live.clock import Clock
from replenisher.model.units import SECOND_NS
from replenisher.venues.hearing import Hearing
from replenisher.venues.venue import Carrier, CarrierOf, Venue

PATIENCE_S = 10.0


async def hear(
    venue: Venue,
    carrier_of: CarrierOf,
    hearing: Hearing,
    clock: Clock,
    *,
    is_enough: Callable[[], bool],
    patience_s: float = PATIENCE_S,
) -> None:
    """Let the venue tell `hearing` of itself until that is enough, or patience is at its end."""
    deadline = clock.now() + int(patience_s * SECOND_NS)
    async with asyncio.TaskGroup() as tasks:
        trial = _Trial(venue, hearing, deadline, clock)
        trial.carrier = carrier_of(tasks, trial.hear, trial.ended)
        trial.hear(lambda: venue.start(clock.now()))
        while not is_enough() and not hearing.is_refused and (now := clock.now()) < deadline:
            due = deadline if venue.next_wake is None else min(deadline, venue.next_wake)
            await trial.news((due - now) / SECOND_NS)
            if clock.now() >= due:
                trial.hear(lambda: venue.wake(clock.now()))
        trial.end()
        await trial.carrier.finish()


class _Trial:
    """Carries between the venue and whoever hears it."""

    carrier: Carrier

    def __init__(self, venue: Venue, hearing: Hearing, deadline: int, clock: Clock) -> None:
        self._venue, self._hearing, self._deadline, self._clock = venue, hearing, deadline, clock
        self._heard = asyncio.Event()
        self._has_asked = False

    def hear(self, what: Callable[[], None]) -> None:
        """Let the venue be told something; note what it learned by it, and have done what it asks for."""
        what()
        for fact in self._venue.facts():
            self._hearing.note(fact)
        if self._hearing.is_open and not self._has_asked:
            self._has_asked = True
            self._venue.send(self._hearing.questions(self._deadline), self._clock.now())
        self.carrier.carry(self._venue.actions())
        self._heard.set()

    def end(self) -> None:
        """Have everything ended. What the venue tells of that is no news: it would hide why something failed."""
        self._venue.stop(self._clock.now())
        self._venue.facts()
        self.carrier.carry(self._venue.actions())

    def ended(self, reason: str) -> None:
        """A connection ended."""
        if not self._hearing.is_open and not self._hearing.is_refused:
            self._hearing.reason = reason

    async def news(self, timeout_s: float) -> None:
        """Wait until something was heard, but not longer than this."""
        self._heard.clear()
        try:
            await asyncio.wait_for(self._heard.wait(), max(timeout_s, 0))
        except TimeoutError:
            return
