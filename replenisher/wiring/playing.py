"""A recording is to be played: it is judged from end to end before, and offered as an instrument of the exchange.

Judged is what it tells of, and that its bytes, its numbers and its order are what they should be.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from replenisher.errors import ConfigurationError
from replenisher.exchange.recorded import INSTRUMENT_NAME, recorded_instrument
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.venue_order import SLACK_NS, MarketFact, in_venue_order
from replenisher.wiring.tapes import Lines, OurTape, Recording, Say, facts_of, opened, silence

See = Callable[[TapeFact], object]


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


class Judged(msgspec.Struct, frozen=True):
    """A recording that can be played: what it tells of, by instrument key."""

    recording: Recording
    told: dict[str, Told]

    @property
    def path(self) -> Path:
        """Its file."""
        return self.recording.path

    def facts(self, say: Say = silence) -> Iterator[TapeFact]:
        """All that it tells."""
        return facts_of(self.recording, say)


def judged(path: Path, say: Say = silence) -> Judged:
    """Read the whole of a recording once; refuses one that is damaged, torn, or not in order."""
    recording = opened(path, say, in_order=True)
    if isinstance(recording, OurTape):
        recording.tape.require_whole()
    if isinstance(recording, Lines):  # to find their grid all of them were read and judged already
        found = recording.found
        told = Told(
            instrument=recording.instrument,
            changes=found.depth_updates,
            trades=found.trades,
            losses=found.gaps,
            started_at=found.started_at,
            ended_at=found.ended_at,
        )
        return Judged(recording, {recording.instrument.key: told})
    return Judged(recording, _told_by(recording, say))


def played(recorded: Judged, key: str, say: Say = silence, see: See | None = None) -> Iterator[tuple[int, MarketFact]]:
    """What a recording tells of one instrument, each fact with its venue time, in that order.

    All that is read for it, of the others too, is shown to `see` as it stands there.
    """
    facts = recorded.facts(say) if see is None else _shown(recorded.facts(say), see)
    return in_venue_order(fact for fact in facts if getattr(fact, "instrument", None) == key)


def _shown(facts: Iterator[TapeFact], see: See) -> Iterator[TapeFact]:
    for fact in facts:
        see(fact)
        yield fact


def offered(recorded: Judged, venue: str, name: str) -> tuple[Instrument, str]:
    """An instrument of a recording as the simulated exchange lists it, and its key in the recording.

    One that is asked for by its own name is what it was. One alone may be asked for as the linear perpetual that stands
    for all that the exchange could not list by its name, if it is not inverse.
    """
    by_name = {told.instrument.name: key for key, told in recorded.told.items()}
    is_alone = name == INSTRUMENT_NAME and len(by_name) == 1
    key = next(iter(by_name.values())) if is_alone else by_name.get(name, "")
    if not key:
        is_linear = len(by_name) == 1 and not any(told.instrument.inverse for told in recorded.told.values())
        alone = f"; traded as {INSTRUMENT_NAME} it can be played" if is_linear else ""
        raise ConfigurationError(f"tape {recorded.path}: it tells of {', '.join(by_name)}, not of {name}{alone}")
    told = recorded.told[key]
    if not told.started_at:
        raise ConfigurationError(f"tape {recorded.path}: there is no book of {told.instrument.name} on it")
    if name == told.instrument.name:
        return replace(told.instrument, venue=venue, version=1), key
    if told.instrument.inverse:  # its quantities are counted in another currency
        raise ConfigurationError(
            f"tape {recorded.path}: it tells of {told.instrument.name}, which is inverse, and the exchange is to list "
            f"{name}, which is linear"
        )
    return recorded_instrument(venue, told.instrument.tick, told.instrument.lot), key


def _told_by(recorded: Recording, say: Say) -> dict[str, Told]:
    judge = _Judge()
    for place, facts in recorded.parts(say):
        try:
            for fact in facts:
                judge.note(fact)
        except ValueError as fault:
            raise ConfigurationError(f"tape {recorded.path}, {place}: {fault}") from fault
    if not judge.told:
        raise ConfigurationError(f"tape {recorded.path}: there is nothing on it")
    return judge.told


class _Judge:
    """Notes what is told, and whether it may be."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self._newest = 0

    def note(self, fact: TapeFact) -> None:
        """One more fact; ValueError if it should not be there."""
        if fact.at < self._newest - SLACK_NS:
            back_s = (self._newest - fact.at) / SECOND_NS
            raise ValueError(f"the tape is out of order, its time goes back by {back_s:.3f} s here")
        self._newest = max(self._newest, fact.at)
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
