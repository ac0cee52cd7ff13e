"""What is on a tape: how much of what, and all that is wrong with it as a picture of a market; nothing is smoothed.

It is told the facts in the order of the tape. A gap is a book that was lost. Disorder is a clock that goes back, a
trade that came when it could not be put in its place any more or a second time, a book that is crossed, or changes of
one nobody has. A silence is neither (`silences.py`). Where a venue numbers the trades of an instrument one by one, as
Binance does, it is seen how many of them are missing; those that it numbers and that never met a book (of its insurance
fund, say) are on no tape.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

import msgspec

from replenisher.core.book import Book
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import Instrument, venue_of
from replenisher.model.units import SECOND_NS
from replenisher.report.silences import Pauses, Silence
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.repeats import Repeats
from replenisher.store.tape.venue_order import SLACK_NS

OfMarket = InstrumentStateChanged | BookSnapshot | BookChanged | FeedLost | TradePrinted | TickerTold
NUMBERED = ("binance", "binance-futures")  # venues that number the trades of each instrument one by one


class Gap(msgspec.Struct, frozen=True):
    """A book was lost, and came back, or not."""

    instrument: str
    at: int  # the recorder's clock; the last word before it
    reason: str
    seconds: float | None  # until the next snapshot; None if there was none


class Disorder(msgspec.Struct):
    """What came in the wrong order, or makes no sense; seconds are the worst of its kind."""

    clock_back: int = 0  # the recorder's clock went back, from one fact to the next
    clock_back_s_max: float = 0
    book_time_back: int = 0  # the venue's time of a book went back
    book_time_back_s_max: float = 0
    trades_late: int = 0  # by more than a second behind what was told before
    trades_late_s_max: float = 0
    trades_again: int = 0  # told a second time
    trades_missing: int = 0  # by the numbers that they have
    crossed: int = 0  # changes after which a book was crossed
    restarted: int = 0  # a snapshot came although the book stood
    without_book: int = 0  # changes of a book that was lost, or never there
    undefined: int = 0  # facts of an instrument that was not defined

    @property
    def is_any(self) -> bool:
        """Whether there is some."""
        return any(msgspec.structs.astuple(self))

    @property
    def counts(self) -> dict[str, int]:
        """How often, by kind, what there is of it."""
        return {kind: count for kind, count in msgspec.structs.asdict(self).items() if count and isinstance(count, int)}


class OfInstrument(msgspec.Struct, frozen=True):
    """What is told of one instrument."""

    instrument: str
    kind: str
    tick: Decimal
    lot: Decimal
    facts: dict[str, int]  # by kind
    trusted_s: float  # for how long there was a book, by the recorder's clock
    pause_s_mean: float  # between two words on it; 0 where there are not two
    pause_s_max: float


class TapeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    begins_at: int | None  # the recorder's clock; None if there is nothing on it
    ends_at: int | None
    facts: dict[str, int]  # by kind
    instruments: list[OfInstrument]
    gaps: list[Gap]
    silences: list[Silence]  # which are no gaps
    disorder: Disorder

    @property
    def blind_s(self) -> float:
        """For how long a book was lost, over all instruments."""
        ends_at = self.ends_at or 0
        lasted_s = [(ends_at - gap.at) / SECOND_NS if gap.seconds is None else gap.seconds for gap in self.gaps]
        return sum(lasted_s, 0.0)


class Inspection:
    """Is told facts, and says what they come to. In a replay it is told each while time runs: the usual comes first."""

    def __init__(self) -> None:
        self._disorder = Disorder()
        self._facts: Counter[type[TapeFact]] = Counter()
        self._seen: dict[str, _Seen] = {}
        self._begins_at: int | None = None
        self._ends_at = 0
        self._at = 0  # of the last fact
        self._repeats = Repeats()

    def see(self, fact: TapeFact) -> None:
        """One more fact."""
        self._facts[type(fact)] += 1
        self._note_clock(fact.at)
        match fact:
            case TradePrinted():
                self._note_trade(self._word(fact), fact)
            case BookChanged():
                self._note_change(self._word(fact), fact)
            case BookSnapshot():
                self._note_book(self._word(fact), fact)
            case TickerTold():
                self._word(fact)
            case FeedLost():
                self._of(fact).lost(fact)
            case InstrumentStateChanged():
                self._of(fact)
            case InstrumentDefined(instrument=instrument):
                self._known(instrument.key, fact).instrument = instrument
            case ClockOffset():
                pass
            case _ as never:
                assert_never(never)

    def info(self) -> TapeInfo:
        """What it came to."""
        return TapeInfo(
            begins_at=self._begins_at,
            ends_at=None if self._begins_at is None else self._ends_at,
            facts=_by_name(self._facts),
            instruments=[seen.told(key, self._ends_at) for key, seen in self._seen.items()],
            gaps=sorted((gap for seen in self._seen.values() for gap in seen.all_gaps()), key=lambda gap: gap.at),
            silences=sorted(
                (silence for key, seen in self._seen.items() for silence in seen.pauses.silences(key)),
                key=lambda silence: silence.at,
            ),
            disorder=msgspec.structs.replace(
                self._disorder, trades_missing=sum(seen.numbers.missing for seen in self._seen.values())
            ),
        )

    def _note_clock(self, at: int) -> None:
        if self._begins_at is None:
            self._begins_at = at
        if at < self._ends_at:
            self._disorder.clock_back += at < self._at
            self._disorder.clock_back_s_max = max(self._disorder.clock_back_s_max, (self._ends_at - at) / SECOND_NS)
        else:
            self._ends_at = at
        self._at = at

    def _note_book(self, seen: "_Seen", fact: BookSnapshot) -> None:
        self._note_book_time(seen, fact.venue_time)
        self._disorder.restarted += not seen.book.distrust
        seen.book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
        seen.has_book_at(fact.at)
        self._disorder.crossed += seen.book.is_crossed

    def _note_change(self, seen: "_Seen", fact: BookChanged) -> None:
        self._note_book_time(seen, fact.venue_time)
        if seen.book.distrust:
            self._disorder.without_book += 1
            return
        seen.book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
        self._disorder.crossed += seen.book.is_crossed

    def _note_book_time(self, seen: "_Seen", venue_time: int) -> None:
        if (back_ns := seen.book.venue_time - venue_time) > 0:
            self._disorder.book_time_back += 1
            self._disorder.book_time_back_s_max = max(self._disorder.book_time_back_s_max, back_ns / SECOND_NS)
        seen.venue_time = max(seen.venue_time, venue_time)

    def _note_trade(self, seen: "_Seen", fact: TradePrinted) -> None:
        if self._repeats.has(fact):
            self._disorder.trades_again += 1
            return
        seen.numbers.note(fact.trade_id)
        late_ns = seen.venue_time - fact.venue_time
        if late_ns > SLACK_NS:
            self._disorder.trades_late += 1
            self._disorder.trades_late_s_max = max(self._disorder.trades_late_s_max, late_ns / SECOND_NS)
        elif late_ns < 0:
            seen.venue_time = fact.venue_time

    def _word(self, fact: BookSnapshot | BookChanged | TradePrinted | TickerTold) -> "_Seen":
        """That something was told of an instrument is no pause."""
        seen = self._of(fact)
        seen.pauses.word(fact.at)
        return seen

    def _of(self, fact: OfMarket) -> "_Seen":
        seen = self._known(fact.instrument, fact)
        if seen.instrument is None:
            self._disorder.undefined += 1
        return seen

    def _known(self, key: str, fact: TapeFact) -> "_Seen":
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(key)
        seen.facts[type(fact)] += 1
        return seen


class _Numbers:
    """The numbers of the trades of one instrument, if its venue gives each the next one."""

    def __init__(self, key: str) -> None:
        self._are_told = venue_of(key) in NUMBERED
        self._told = 0
        self._first = self._last = 0

    def note(self, trade_id: str) -> None:
        if not self._are_told or not trade_id.isdecimal():
            return
        number = int(trade_id)
        self._first = min(number, self._first) if self._told else number
        self._last = max(number, self._last)
        self._told += 1

    @property
    def missing(self) -> int:
        return self._last - self._first + 1 - self._told if self._told else 0


class _Seen:
    """One instrument so far."""

    def __init__(self, key: str) -> None:
        self.instrument: Instrument | None = None
        self.facts: Counter[type[TapeFact]] = Counter()
        self.book = Book()
        self.venue_time = 0  # the newest
        self.numbers = _Numbers(key)
        self.pauses = Pauses()
        self._gaps: list[Gap] = []
        self._open: FeedLost | None = None
        self._since: int | None = None
        self._trusted_ns = 0

    def has_book_at(self, at: int) -> None:
        if self._since is None:
            self._since = at
        if self._open is not None:
            self._gaps.append(_gap(self._open, (at - self._open.since) / SECOND_NS))
            self._open = None

    def lost(self, fact: FeedLost) -> None:
        self.book.lose(fact.reason or "lost")
        self.pauses.broken()
        if self._since is not None:
            self._trusted_ns += max(0, fact.since - self._since)
            self._since = None
        self._open = self._open or fact

    def all_gaps(self) -> list[Gap]:
        return self._gaps if self._open is None else [*self._gaps, _gap(self._open, None)]

    def told(self, key: str, ends_at: int) -> OfInstrument:
        trusted_ns = self._trusted_ns + (0 if self._since is None else ends_at - self._since)
        instrument = self.instrument
        return OfInstrument(
            instrument=key,
            kind="" if instrument is None else instrument.kind,
            tick=Decimal(0) if instrument is None else instrument.tick,
            lot=Decimal(0) if instrument is None else instrument.lot,
            facts=_by_name(self.facts),
            trusted_s=trusted_ns / SECOND_NS,
            pause_s_mean=self.pauses.mean_s,
            pause_s_max=self.pauses.longest_s,
        )


def _by_name(facts: Mapping[type[TapeFact], int]) -> dict[str, int]:
    return {kind.__name__: count for kind, count in facts.items()}


def _gap(fact: FeedLost, seconds: float | None) -> Gap:
    return Gap(fact.instrument, fact.since, fact.reason, seconds)
