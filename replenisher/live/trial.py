"""A session on trial: a venue is connected as the daemon would connect it, until it is open, and nothing is ordered."""

import asyncio
from collections.abc import Callable

from replenisher.live.clock import SessionClock
from replenisher.live.supervisor import CarrierOf
from replenisher.model.event import Event, InstrumentStateChanged, SessionLost, SessionOpened
from replenisher.model.units import SECOND_NS
from replenisher.venues.doctor import Unanswered
from replenisher.venues.venue import Carrier, Venue

PATIENCE_S = 10.0


async def try_session(
    venue: Venue, carrier_of: CarrierOf, clock: SessionClock, *, patience_s: float = PATIENCE_S
) -> int | Unanswered:
    """How many nanoseconds it took until the session stood, with everything that protects us; or why it does not."""
    begun = clock.now()
    async with asyncio.TaskGroup() as tasks:
        trial = _Trial(venue)
        trial.carrier = carrier_of(tasks, trial.hear, trial.ended)
        trial.hear(lambda: venue.start(begun))
        deadline = begun + int(patience_s * SECOND_NS)
        while not trial.is_over and (now := clock.now()) < deadline:
            due = deadline if venue.next_wake is None else min(deadline, venue.next_wake)
            await trial.news((due - now) / SECOND_NS)
            if clock.now() >= due:
                trial.hear(lambda: venue.wake(clock.now()))
        trial.hear(lambda: venue.stop(clock.now()))
        await trial.carrier.finish()
    if trial.opened_at is not None:
        return trial.opened_at - begun
    return Unanswered(trial.reason or f"not open after {patience_s:g} s")


class _Trial:
    """Hears what comes of it, and notes what it learns of the session."""

    carrier: Carrier

    def __init__(self, venue: Venue) -> None:
        self.opened_at: int | None = None
        self.reason = ""  # why the last connection ended
        self.is_over = False
        self._venue = venue
        self._heard = asyncio.Event()

    def hear(self, what: Callable[[], None]) -> None:
        """Let the venue be told something; take what it learned by it, and have done what it asks for."""
        what()
        for fact in self._venue.facts():
            self._note(fact)
        self.carrier.carry(self._venue.actions())
        self._heard.set()

    def ended(self, reason: str) -> None:
        """A connection ended."""
        if not self.is_over:
            self.reason = reason

    async def news(self, timeout_s: float) -> None:
        """Wait until something was heard, but not longer than this."""
        self._heard.clear()
        try:
            await asyncio.wait_for(self._heard.wait(), max(timeout_s, 0))
        except TimeoutError:
            return

    def _note(self, fact: Event) -> None:
        if self.is_over:
            return
        match fact:
            case SessionOpened():
                self.opened_at, self.is_over = fact.at, True
            case SessionLost():
                self.reason, self.is_over = fact.reason, fact.is_refusal
            case InstrumentStateChanged() if fact.is_final:
                self.reason, self.is_over = f"{fact.instrument}: {fact.reason}", True
            case _:
                pass
