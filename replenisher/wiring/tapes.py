"""Recordings that can be played, whatever the form of the file: tapes of ours, and lines of Binance's streams.

Which form a file has is read off its first bytes. A recording is judged from end to end before anything goes by it:
what it tells of, and that its bytes, its numbers and its order are what they should be.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from replenisher.errors import ConfigurationError
from replenisher.exchange.recorded import INSTRUMENT_NAME, recorded_instrument
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS
from replenisher.store.tape import lines
from replenisher.store.tape.blocks import MAGIC, TapeFact
from replenisher.store.tape.lines import TapeLine
from replenisher.store.tape.reader import Tape, is_tape
from replenisher.store.tape.venue_order import SLACK_NS, MarketFact, in_venue_order
from replenisher.venues.binance import recording
from replenisher.venues.binance.terms import instrument_named

SAYS_EVERY_S = 0.5
Say = Callable[[str], None]
T = TypeVar("T")


def silence(_: str) -> None:
    """Nobody wants to know how far it is."""


class Told(msgspec.Struct, kw_only=True):
    """What a recording tells of one instrument."""

    instrument: Instrument
    changes: int = 0  # of a book that can be trusted
    trades: int = 0
    losses: int = 0
    started_at: int = 0  # venue time at which its book is first trusted; 0 if it never is
    ended_at: int = 0  # venue time of the last change or trade

    @property
    def duration_ns(self) -> int:
        """How long it plays at speed 1."""
        return self.ended_at - self.started_at


class Recording(Protocol):
    """A recording that has been judged."""

    path: Path
    told: dict[str, Told]  # by instrument key

    def facts(self, say: Say = silence) -> Iterator[TapeFact]:
        """The facts in the order in which the recorder got them, definitions first."""


def judged(path: Path, say: Say = silence) -> Recording:
    """Read the whole of a recording once; refuses one that is damaged, out of order, or of no form that is known."""
    return _OurTape(path, say) if is_tape(beginning(path)) else _Lines(path, say)


def played(recorded: Recording, key: str, say: Say = silence) -> Iterator[tuple[int, MarketFact]]:
    """What a recording tells of one instrument, each fact with its venue time, in that order."""
    return in_venue_order(fact for fact in recorded.facts(say) if getattr(fact, "instrument", None) == key)


def offered(recorded: Recording, venue: str, name: str) -> tuple[Instrument, str]:
    """An instrument of a recording as the simulated exchange lists it, and its key in the recording.

    One that is asked for by its own name is what it was. One alone may be asked for as the linear perpetual that stands
    for all that the exchange could not list by its name.
    """
    by_name = {told.instrument.name: key for key, told in recorded.told.items()}
    is_alone = name == INSTRUMENT_NAME and len(by_name) == 1
    key = next(iter(by_name.values())) if is_alone else by_name.get(name, "")
    if not key:
        raise ConfigurationError(f"tape {recorded.path}: it tells of {', '.join(by_name)}, not of {name}")
    told = recorded.told[key]
    if not told.started_at:
        raise ConfigurationError(f"tape {recorded.path}: there is no book of {told.instrument.name} on it")
    if name == told.instrument.name:
        return replace(told.instrument, venue=venue, version=1), key
    return recorded_instrument(venue, told.instrument.tick, told.instrument.lot), key


def beginning(path: Path) -> bytes:
    """The first bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError as fault:
        raise ConfigurationError(f"tape {path}: cannot be read ({fault.strerror or fault})") from fault


class _OurTape:
    def __init__(self, path: Path, say: Say) -> None:
        self.path = path
        self.told: dict[str, Told] = {}
        self._tape = Tape(path)
        self._judge(say)

    def facts(self, say: Say = silence) -> Iterator[TapeFact]:
        return self._tape.facts(say=_in_percent(self.path, say))

    def _judge(self, say: Say) -> None:
        newest = 0
        for head, facts in self._tape.blocks(_in_percent(self.path, say)):
            for fact in facts:
                try:
                    if fact.at < newest - SLACK_NS:
                        back_s = (newest - fact.at) / SECOND_NS
                        raise ValueError(f"the tape is out of order, its time goes back by {back_s:.3f} s")
                    newest = max(newest, fact.at)
                    self._note(fact)
                except ValueError as fault:
                    place = f"byte {head.offset:,}, in the block that begins there"
                    raise ConfigurationError(f"tape {self.path}, {place}: {fault}") from fault
        if not self.told:
            raise ConfigurationError(f"tape {self.path}: there is nothing on it")

    def _note(self, fact: TapeFact) -> None:
        match fact:
            case InstrumentDefined(instrument=fresh):
                if (before := self.told.get(fresh.key)) is None:
                    self.told[fresh.key] = Told(instrument=fresh)
                elif (fresh.tick, fresh.lot) != (before.instrument.tick, before.instrument.lot):
                    raise ValueError(f"{fresh.name} is counted in another tick or lot from here on")
            case BookSnapshot():
                told = self._of(fact.instrument)
                told.started_at = told.started_at or fact.venue_time
                told.ended_at = max(told.ended_at, fact.venue_time)
            case BookChanged():
                told = self._of(fact.instrument)
                told.changes += 1
                told.ended_at = max(told.ended_at, fact.venue_time)
            case TradePrinted():
                told = self._of(fact.instrument)
                told.trades += 1
                told.ended_at = max(told.ended_at, fact.venue_time)
            case FeedLost():
                self._of(fact.instrument).losses += 1
            case _:
                pass

    def _of(self, key: str) -> Told:
        if (told := self.told.get(key)) is None:
            raise ValueError(f"something is told of {key} before it is defined")
        return told


class _Lines:
    def __init__(self, path: Path, say: Say) -> None:
        self.path = path
        found = recording.survey(_counted(lines.read(path), path, say))
        try:
            self._instrument = instrument_named(
                "binance", found.symbol, is_contract=found.is_contract, tick=found.tick, lot=found.lot
            )
        except ValueError as fault:
            raise ConfigurationError(f"tape {path}: {fault}") from fault
        self.told = {
            self._instrument.key: Told(
                instrument=self._instrument,
                changes=found.depth_updates,
                trades=found.trades,
                losses=found.gaps,
                started_at=found.started_at,
                ended_at=found.ended_at,
            )
        }

    def facts(self, say: Say = silence) -> Iterator[TapeFact]:
        is_first = True
        for fact in recording.as_received(_counted(lines.read(self.path), self.path, say), self._instrument):
            if is_first:
                is_first = False
                yield InstrumentDefined(at=fact.at, instrument=self._instrument)
            yield fact


def _in_percent(path: Path, say: Say) -> Callable[[float], None]:
    said_at = time.monotonic()

    def tell(share: float) -> None:
        nonlocal said_at
        if time.monotonic() - said_at > SAYS_EVERY_S:
            said_at = time.monotonic()
            say(f"{path.name}: {share:.0%}")

    return tell


def _counted(read: Iterable[TapeLine], path: Path, say: Say) -> Iterator[TapeLine]:
    said_at = time.monotonic()
    for line in read:
        if time.monotonic() - said_at > SAYS_EVERY_S:
            said_at = time.monotonic()
            say(f"{path.name}: {line.number:,} lines")
        yield line
