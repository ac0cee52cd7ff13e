"""The facts of a recording in the order of the venue's clock, which is the order in which they happened.

Theory. A tape has its facts as a recorder got them. Its own clock would do for distances, but it stamps what arrived,
and a trade often arrives after the book change that already contains it. So what is played is told in the order of the
venue's time, trades before the book change of the same time: then a trade is always told before the change that reports
it. One that is told again is left out. Two changes of one book are never exchanged. That a book was lost, or that
trading ended or began, has no time of the venue's: it is told as long after the last word on that book as the recorder
took to learn of it. A book is lost from the last word on that was heard at all: what stood then until the loss was
noticed is nothing that anybody saw.
"""

import heapq
from collections.abc import Iterable, Iterator

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    FeedLost,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.repeats import Repeats

MarketFact = BookSnapshot | BookChanged | FeedLost | TradePrinted | TickerTold | InstrumentStateChanged
SLACK_NS = SECOND_NS  # how much later than a newer fact an older one may arrive and still be put in its place


def in_venue_order(facts: Iterable[TapeFact]) -> Iterator[tuple[int, MarketFact]]:
    """What is played of these facts, each with its venue time; a trade that came too late is told at once."""
    pending: list[tuple[int, int, int, MarketFact]] = []
    newest = 0
    for number, (venue_time, fact) in enumerate(_timed(facts)):
        rank = 0 if isinstance(fact, TradePrinted) else 1
        heapq.heappush(pending, (venue_time, rank, number, fact))
        newest = max(newest, venue_time)
        while pending[0][0] < newest - SLACK_NS:
            yield _without_rank(heapq.heappop(pending))
    while pending:
        yield _without_rank(heapq.heappop(pending))


def _without_rank(entry: tuple[int, int, int, MarketFact]) -> tuple[int, MarketFact]:
    return entry[0], entry[3]


def _timed(facts: Iterable[TapeFact]) -> Iterator[tuple[int, MarketFact]]:
    heard: dict[str, tuple[int, int]] = {}  # of each book: the venue's time, and ours, of the last word on it
    repeats = Repeats()
    for fact in facts:
        match fact:
            case TradePrinted():
                if not repeats.has(fact):
                    yield fact.venue_time, fact
            case TickerTold():
                yield fact.venue_time, fact
            case BookChanged() | BookSnapshot():
                before = heard.get(fact.instrument)
                venue_time = fact.venue_time if before is None else max(before[0], fact.venue_time)
                heard[fact.instrument] = (venue_time, fact.at)
                yield venue_time, fact
            case FeedLost() | InstrumentStateChanged():
                before = heard.get(fact.instrument)
                if before is None:  # there was no book yet
                    yield 0, fact
                    continue
                at = max(before[1], fact.since if isinstance(fact, FeedLost) else fact.at)
                venue_time = before[0] + at - before[1]
                heard[fact.instrument] = (venue_time, at)
                yield venue_time, fact
            case _:
                pass
