"""The recorder of tapes: venues are listened to in public, and what they tell goes to a tape. Nothing is ordered.

It ends when it is told to, and then the tape ends; that a connection was lost meanwhile, or that this process stood
still for long, is on the tape as a book that was lost. Only after that a book begins anew: where a venue tells all of
one that stands, to prove it, the tape has what is different by then.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from replenisher.core.book import Book, difference
from replenisher.errors import ConfigurationError, ReplenisherError, Unreachable
from replenisher.live.clock import SessionClock
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    LinkAlive,
    TickerTold,
    TradePrinted,
)
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.writer import TapeWriter
from replenisher.venues.venue import Carrier, CarrierOf, Venue

LOOK_S = 0.25
GAP_NS_MIN = 5 * SECOND_NS  # after this, connections may be dead or hold what was true long ago
HEARD = BookSnapshot | BookChanged | TradePrinted | TickerTold | LinkAlive  # what a venue says itself
PATIENCE_NS = 20 * SECOND_NS  # with venues of which none has told a book


class Recorder:
    """Carries between venues and a tape."""

    def __init__(self, venues: Mapping[str, Venue], tape: TapeWriter, clock: SessionClock) -> None:
        self.begun_at = clock.now()
        self.told: Counter[str] = Counter()  # facts by kind
        self.last_loss = ""
        self._venues, self._tape, self._clock = venues, tape, clock
        self._carriers: dict[str, Carrier] = {}
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._reasons: dict[str, str] = {}  # why the last connection ended
        self._defined: set[str] = set()
        self._books: dict[str, Book] = {}  # that stand, by instrument key
        self._heard_at: dict[str, int] = {}  # the last word of each venue
        self._newest = self._looked_at = self.begun_at
        self._failure: ReplenisherError | None = None
        self._over = asyncio.Event()

    async def record(
        self, carriers: Mapping[str, CarrierOf], *, duration_s: float | None, refresh: Callable[[], None]
    ) -> None:
        """Record until a signal comes or the time is over; raises what makes it impossible, as `refresh` may."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        if duration_s is not None:
            loop.call_later(duration_s, self.stop)
        async with asyncio.TaskGroup() as tasks:
            for name, venue in self._venues.items():
                self._carriers[name] = carriers[name](tasks, partial(self._hear, name), partial(self._ended, name))
                self._hear(name, partial(venue.start, self._clock.now()))
            while not self._over.is_set():
                self._look()
                try:
                    refresh()
                except ReplenisherError as failure:
                    self._fail(failure)
                await _passed(self._over, LOOK_S)
            self._require_a_book(self._clock.now() - self.begun_at)
            for name in self._venues:
                self._end(name)
            for carrier in self._carriers.values():
                await carrier.finish()
        if self._failure is not None:
            raise self._failure

    @property
    def has_told_a_book(self) -> bool:
        """Whether there is something on the tape that could be played."""
        return self.told[BookSnapshot.__name__] > 0

    def stop(self) -> None:
        """Record no more."""
        self._over.set()

    def _hear(self, name: str, tell: Callable[[], None]) -> None:
        """Let a venue be told something; record what it learned by that, and have done what it asks for."""
        self._look_back()
        if self._over.is_set():
            return
        venue = self._venues[name]
        tell()
        try:
            for fact in venue.facts():
                if isinstance(fact, HEARD):
                    self._heard_at[name] = max(fact.at, self._heard_at.get(name, 0))
                elif isinstance(fact, FeedLost):  # it may have been so for longer than the venue knows
                    fact = replace(fact, heard_at=self._heard_at.get(name, 0))
                self._note(fact)
        except ReplenisherError as failure:
            self._fail(failure)
        self._carriers[name].carry(venue.actions())
        if (alarm := self._alarms.pop(name, None)) is not None:
            alarm.cancel()
        if (wake := venue.next_wake) is not None:
            delay_s = max(0, wake - self._clock.now()) / SECOND_NS
            ring = partial(self._hear, name, lambda: venue.wake(self._clock.now()))
            self._alarms[name] = asyncio.get_running_loop().call_later(delay_s, ring)

    def _note(self, fact: Event) -> None:
        match fact:
            case InstrumentDefined():
                self._defined.add(fact.instrument.key)
            case InstrumentStateChanged() if fact.is_final and fact.instrument not in self._defined:
                raise ConfigurationError(f"instrument {fact.instrument} cannot be recorded: {fact.reason}")
            case BookSnapshot():
                fact = self._shown(fact)
            case BookChanged() if (book := self._books.get(fact.instrument)) is not None:
                book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
            case FeedLost():
                self.last_loss = fact.reason
                self._books.pop(fact.instrument, None)
            case _:
                pass
        if isinstance(fact, TapeFact):
            self.told[type(fact).__name__] += 1
            # A book that was asked for is told as old as the question. The tape says when we learned of it.
            self._newest = max(self._newest, fact.at)
            self._tape.write(fact if fact.at == self._newest else replace(fact, at=self._newest))

    def _shown(self, fact: BookSnapshot) -> BookSnapshot | BookChanged:
        """The whole of a book: the beginning of it, or what is different from what stands."""
        if (book := self._books.get(fact.instrument)) is None:
            book = self._books[fact.instrument] = Book()
            book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
            return fact
        bids = difference(book.bids.quantities, dict(fact.bids))
        asks = difference(book.asks.quantities, dict(fact.asks))
        book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
        return BookChanged(at=fact.at, instrument=fact.instrument, venue_time=fact.venue_time, bids=bids, asks=asks)

    def _look(self) -> None:
        """Do what only the time brings about."""
        self._look_back()
        at = self._looked_at = self._clock.now()
        try:
            self._tape.tick(at)
        except ReplenisherError as failure:
            self._fail(failure)
        if at - self.begun_at >= PATIENCE_NS:
            self._require_a_book(PATIENCE_NS)

    def _require_a_book(self, within_ns: int) -> None:
        """Fail if nothing was heard that could be played."""
        if not self.has_told_a_book:
            names = ", ".join(self._venues)
            reason = next(iter(self._reasons.values()), "nothing came")
            self._fail(Unreachable(f"no book from {names} after {within_ns / SECOND_NS:.3g} s: {reason}"))

    def _look_back(self) -> None:
        """If this process stood still, every book is lost since then; whatever waited to be heard is heard after."""
        at, since = self._clock.now(), self._looked_at
        if at - since >= GAP_NS_MIN:
            self._looked_at = at
            for name, venue in self._venues.items():
                self._hear(name, partial(venue.suspended, at))

    def _end(self, name: str) -> None:
        """Have everything closed. What the venue tells of that is nothing that happened to the market."""
        if (alarm := self._alarms.pop(name, None)) is not None:
            alarm.cancel()
        venue = self._venues[name]
        venue.stop(self._clock.now())
        self._carriers[name].carry(venue.actions())

    def _ended(self, name: str, reason: str) -> None:
        self._reasons[name] = reason

    def _fail(self, failure: ReplenisherError) -> None:
        self._failure = self._failure or failure
        self._over.set()


async def _passed(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for it, but not longer than this."""
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
