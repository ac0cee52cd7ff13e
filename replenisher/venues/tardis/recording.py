"""Recordings of many venues as Tardis sells them: CSV files of book changes, book snapshots, trades or quotes.

A file has one header and one kind of row (https://docs.tardis.dev/downloadable-csv-files): `timestamp` is the venue's
clock and `local_timestamp` the recorder's, both in microseconds. Rows of one message have both in common.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from replenisher.errors import ConfigurationError
from replenisher.model.event import InstrumentDefined
from replenisher.model.instrument import Instrument
from replenisher.model.units import US_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.lines import SAYS_EVERY, line_error
from replenisher.store.tape.packing import DAMAGED, Say, Unpacked, silence
from replenisher.venues.steps import CommonStep
from replenisher.venues.tardis.forms import Feed, Form, Row, form_of
from replenisher.venues.tardis.terms import instrument_named

HEADER = b"exchange,symbol,timestamp,local_timestamp,"


def is_csv(first_line: bytes) -> bool:
    """Whether a file whose first line this is may be one of these."""
    return first_line.startswith(HEADER)


class Csv:
    """One file, of which the grid of every instrument has been found."""

    def __init__(self, path: Path, say: Say = silence, until: int | None = None) -> None:
        self.path = path
        self._until = until  # what was recorded from then on is not looked at
        self._form = _form(path)
        steps: dict[tuple[str, str], tuple[CommonStep, CommonStep]] = {}
        for row in self._rows(say):
            ticks, lots = steps.setdefault((row.exchange, row.symbol), (CommonStep(), CommonStep()))
            with _line(path, row.number):
                prices, amounts = self._form.numbers(row.rest)
                for price in prices:
                    ticks.see(price)
                for amount in amounts:
                    lots.see(amount)
        if not steps:
            raise ConfigurationError(f"{path}: there is no row below the header")
        self._instruments: dict[tuple[str, str], Instrument] = {}
        for key, (tick, lot) in steps.items():
            try:
                self._instruments[key] = instrument_named(*key, tick.step, lot.step)
            except ValueError as fault:
                raise ConfigurationError(f"{path}: {fault}") from fault

    def parts(self, say: Say = silence) -> Iterator[tuple[int, list[TapeFact]]]:
        """What every message tells, in the order of the file, with the line at which it begins."""
        feeds: dict[tuple[str, str], Feed] = {}
        for _, group in groupby(self._rows(say), self._form.message):
            rows = list(group)
            first = rows[0]
            facts: list[TapeFact] = []
            key = (first.exchange, first.symbol)
            if (feed := feeds.get(key)) is None:
                feed = feeds[key] = Feed(self._instruments[key])
                facts.append(InstrumentDefined(at=first.at, instrument=feed.instrument))
            with _line(self.path, first.number):
                facts += self._form.read(feed, rows)
            yield first.number, facts

    def _rows(self, say: Say) -> Iterator[Row]:
        number = 1
        try:
            with Unpacked(self.path) as file:
                width = len(_fields(file.stream.readline()))
                for line in file.stream:
                    number += 1
                    if number % SAYS_EVERY == 0:
                        say(file.share)
                    with _line(self.path, number):
                        row = _row(number, line, width)
                    if self._until is not None and row.at >= self._until:
                        return
                    yield row
        except DAMAGED as fault:
            raise line_error(self.path, number + 1, f"the file is cut off or corrupt from here on ({fault})") from fault
        except OSError as fault:
            raise ConfigurationError(f"tape {self.path}: cannot be read ({fault.strerror or fault})") from fault


@contextmanager
def _line(path: Path, number: int) -> Iterator[None]:
    """What is wrong with one line is said with its place."""
    try:
        yield
    except ValueError as fault:
        raise line_error(path, number, str(fault)) from fault


def _form(path: Path) -> Form:
    with Unpacked(path) as file:
        columns = file.stream.readline().strip().removeprefix(HEADER).decode(errors="replace")
    if (form := form_of(columns)) is None:
        raise line_error(path, 1, f"these columns are of no kind of file that is known: {columns[:80]}")
    return form


def _row(number: int, line: bytes, width: int) -> Row:
    if not line.endswith(b"\n"):
        raise ValueError("it is cut off (no end of line)")
    fields = _fields(line)
    if len(fields) != width:
        raise ValueError(f"it has {len(fields)} fields, and the header {width}")
    exchange, symbol, venue_us, local_us, *rest = fields
    if not (venue_us.isdecimal() and local_us.isdecimal()):
        raise ValueError("its times are not whole numbers of microseconds")
    return Row(number, exchange, symbol, int(venue_us) * US_NS, int(local_us) * US_NS, rest)


def _fields(line: bytes) -> list[str]:
    return next(csv.reader([line.decode()]), [])
