"""Recordings, whatever the form of the file: tapes of ours, lines of Binance's streams, CSV files of Tardis's.

Which form a file has is read off its first bytes.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from replenisher.errors import ConfigurationError
from replenisher.model.event import InstrumentDefined
from replenisher.store.tape import lines
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.lines import TapeLine
from replenisher.store.tape.packing import DAMAGED, Unpacked
from replenisher.store.tape.reader import Tape, is_tape
from replenisher.venues.binance import recording as binance
from replenisher.venues.binance.terms import instrument_named
from replenisher.venues.tardis import recording as tardis
from replenisher.venues.tardis.recording import is_csv

SAYS_EVERY_S = 0.5
Say = Callable[[str], None]
Part = tuple[str, Sequence[TapeFact]]  # some facts, and where they stand
BEGINNING_BYTES = 64
LINE = re.compile(rb"\d+ ")


def silence(_: str) -> None:
    """Nobody wants to know how far it is."""


class Recording(Protocol):
    """A recording whose form is known."""

    path: Path
    form: str  # in words
    changes_again: int  # of a book: they were told before, and are no facts

    def parts(self, say: Say = silence) -> Iterator[Part]:
        """Its facts in the order in which the recorder got them, definitions first."""


def opened(path: Path, say: Say = silence, *, in_order: bool = False, until: int | None = None) -> Recording:
    """A recording of any form, as it is; refuses what is none.

    What was recorded at `until` or later is not needed, and where it is damaged that does not matter.
    """
    beginning = _beginning(path)
    if is_tape(beginning):
        return OurTape(path, until)
    if is_csv(beginning):
        return CsvFile(path, say, until)
    if LINE.match(beginning):
        return Lines(path, say, until, in_order=in_order)
    if not beginning:
        raise ConfigurationError(f"tape {path}: there is nothing on it")
    raise ConfigurationError(
        f"tape {path}: it is neither a tape, nor lines of Binance's streams (each a time in nanoseconds and the JSON), "
        "nor a CSV file of Tardis's"
    )


def names_on(path: Path) -> list[str]:
    """What a tape of ours defines where it begins; nothing of other forms, which have no names that could be listed."""
    if not is_tape(_beginning(path)):
        return []
    _, facts = next(Tape(path).blocks(), (None, []))
    return [fact.instrument.name for fact in facts if isinstance(fact, InstrumentDefined)]


def facts_of(recorded: Recording, say: Say = silence) -> Iterator[TapeFact]:
    """The facts alone."""
    for _, facts in recorded.parts(say):
        yield from facts


class OurTape:
    """One of ours."""

    form = "a tape"
    changes_again = 0  # who recorded it has left them out

    def __init__(self, path: Path, until: int | None = None) -> None:
        self.path = path
        self.tape = Tape(path, until)

    def parts(self, say: Say = silence) -> Iterator[Part]:
        """A block at a time."""
        for head, facts in self.tape.blocks(_in_percent(say)):
            yield f"byte {head.offset:,}, in the block that begins there", facts


class Lines:
    """Raw lines; what is on them is surveyed at once, as only all of them tell the grid of their numbers."""

    form = "lines of Binance's streams"

    def __init__(self, path: Path, say: Say, until: int | None, *, in_order: bool) -> None:
        self.path = path
        self._until = until
        self.found = found = binance.survey(self._lines(say, "its grid, "), in_order=in_order)
        self.changes_again = found.updates_again
        try:
            self.instrument = instrument_named(
                "binance", found.symbol, is_contract=found.is_contract, tick=found.tick, lot=found.lot
            )
        except ValueError as fault:
            raise ConfigurationError(f"tape {path}: {fault}") from fault

    def parts(self, say: Say = silence) -> Iterator[Part]:
        """A fact at a time; what is wrong with a line was said when they were surveyed."""
        is_first = True
        for fact in binance.as_received(self._lines(say), self.instrument):
            if is_first:
                is_first = False
                yield "", [InstrumentDefined(at=fact.at, instrument=self.instrument)]
            yield "", [fact]

    def _lines(self, say: Say, doing: str = "") -> Iterator[TapeLine]:
        read, until = lines.read(self.path, _in_percent(say, doing)), self._until
        return read if until is None else takewhile(lambda line: line.received_at < until, read)


class CsvFile:
    """Rows."""

    form = "a CSV file of Tardis's"
    changes_again = 0  # its messages have no numbers by which one could tell

    def __init__(self, path: Path, say: Say, until: int | None) -> None:
        self.path = path
        self._file = tardis.Csv(path, _in_percent(say, "its grid, "), until)

    def parts(self, say: Say = silence) -> Iterator[Part]:
        """A message at a time."""
        for number, facts in self._file.parts(_in_percent(say)):
            yield f"line {number}", facts


def _beginning(path: Path) -> bytes:
    """The first bytes of a file, unpacked if it is gzip."""
    try:
        with Unpacked(path) as file:
            return file.stream.read(BEGINNING_BYTES)
    except DAMAGED as fault:
        raise ConfigurationError(
            f"tape {path}, line 1: the file is cut off or corrupt from here on ({fault})"
        ) from fault
    except OSError as fault:
        raise ConfigurationError(f"tape {path}: cannot be read ({fault.strerror or fault})") from fault


def _in_percent(say: Say, doing: str = "") -> Callable[[float], None]:
    said_at = time.monotonic()

    def tell(share: float) -> None:
        nonlocal said_at
        if time.monotonic() - said_at > SAYS_EVERY_S:
            said_at = time.monotonic()
            say(f"{doing}{share:.0%}")

    return tell
