"""What stands at a place of a tape: definitions, states, books that can be trusted, and gaps that others are in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from msgspec.structs import replace

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    Level,
    TickerTold,
    TradePrinted,
)
from replenisher.store.tape.blocks import TapeFact

Stable = InstrumentDefined | InstrumentStateChanged | TickerTold | ClockOffset  # true until the next of its kind


class Standing:
    """Is told facts, and can tell in few facts what they come to."""

    def __init__(self) -> None:
        self._stable: dict[tuple[str, type[TapeFact]], Stable] = {}
        self._books: dict[str, _Book] = {}
        self._lost: dict[str, FeedLost] = {}

    @property
    def books(self) -> list[str]:
        """The instruments with a book that can be trusted, by key."""
        return list(self._books)

    def apply(self, fact: TapeFact) -> None:
        """One more fact."""
        match fact:
            case BookChanged():
                if (book := self._books.get(fact.instrument)) is not None:
                    book.change(fact)
            case BookSnapshot():
                self._books[fact.instrument] = _Book(fact)
                self._lost.pop(fact.instrument, None)
            case FeedLost():
                self._books.pop(fact.instrument, None)
                self._lost[fact.instrument] = fact
            case TradePrinted():
                pass
            case InstrumentDefined():
                self._stable[fact.instrument.key, InstrumentDefined] = fact
            case InstrumentStateChanged() | TickerTold():
                self._stable[fact.instrument, type(fact)] = fact
            case ClockOffset():
                self._stable[fact.venue, ClockOffset] = fact
            case _ as never:
                assert_never(never)

    def facts(self, at: int) -> list[TapeFact]:
        """All that stands, told at a time."""
        lost = [replace(fact, heard_at=0) for fact in self._lost.values()]
        standing = (*self._stable.values(), *lost)
        return [*(replace(fact, at=at) for fact in standing), *(book.snapshot(at) for book in self._books.values())]


def since_time(facts: Iterable[TapeFact], at: int) -> Iterator[TapeFact]:
    """Those of a time on, with what stood then told first."""
    standing, has_begun = Standing(), False
    for fact in facts:
        if not has_begun and fact.at < at:
            standing.apply(fact)
            continue
        if not has_begun:
            has_begun = True
            yield from standing.facts(at)
        yield fact
    if not has_begun:
        yield from standing.facts(at)


class _Book:
    """One book, as a snapshot and changes make it."""

    def __init__(self, snapshot: BookSnapshot) -> None:
        self._instrument = snapshot.instrument
        self._bids, self._asks = _kept(snapshot.bids), _kept(snapshot.asks)
        self._venue_time = snapshot.venue_time

    def change(self, fact: BookChanged) -> None:
        for levels, changes in ((self._bids, fact.bids), (self._asks, fact.asks)):
            for price, quantity in changes:
                if quantity:
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        self._venue_time = fact.venue_time

    def snapshot(self, at: int) -> BookSnapshot:
        return BookSnapshot(
            at=at,
            instrument=self._instrument,
            venue_time=self._venue_time,
            bids=tuple(sorted(self._bids.items(), reverse=True)),
            asks=tuple(sorted(self._asks.items())),
        )


def _kept(levels: Sequence[Level]) -> dict[int, int]:
    return {price: quantity for price, quantity in levels if quantity}
