"""`replenisher calibrate`: a tape goes through the calibrator."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from replenisher.errors import ConfigurationError
from replenisher.exchange.recorded import recorded_instrument
from replenisher.model.units import SECOND_NS
from replenisher.report.calibrate import Calibration, Calibrator
from replenisher.store import tape as tapes
from replenisher.store.tape import TapeLine
from replenisher.venues.binance import recording

SAYS_EVERY_S = 0.5


def calibrate(tape: Path, symbol: str | None, *, buckets: int, say: Callable[[str], None]) -> tuple[str, Calibration]:
    """What a tape tells of its instrument, and that one's name; `say` is told how far it is."""
    found = recording.survey(_counted(tapes.read(tape), "judged {:,} lines", say))
    if symbol not in (None, found.symbol):
        raise ConfigurationError(f"tape {tape}: it tells of {found.symbol}, not of {symbol}")
    instrument = recorded_instrument("tape", found.tick, found.lot)
    calibrator = Calibrator(instrument, max(1.0, found.duration_ns / SECOND_NS))
    for venue_time, fact in recording.facts(
        _counted(tapes.read(tape), f"played {{:,}} of {found.messages:,} lines", say), instrument
    ):
        calibrator.saw(fact, venue_time)
    say("estimating")
    try:
        return found.symbol, calibrator.found(buckets)
    except ConfigurationError as fault:
        raise ConfigurationError(f"tape {tape}: {fault}") from fault


def _counted(lines: Iterator[TapeLine], how_far: str, say: Callable[[str], None]) -> Iterator[TapeLine]:
    said_at = time.monotonic()
    for line in lines:
        if time.monotonic() - said_at > SAYS_EVERY_S:
            said_at = time.monotonic()
            say(how_far.format(line.number))
        yield line
