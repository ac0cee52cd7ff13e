"""`replenisher calibrate`: a recording goes through the calibrator."""

from collections.abc import Callable
from pathlib import Path

from replenisher.errors import ConfigurationError
from replenisher.model.units import SECOND_NS
from replenisher.report.calibrate import Calibration, Calibrator
from replenisher.wiring.playing import judged, played


def calibrate(tape: Path, name: str | None, *, buckets: int, say: Callable[[str], None]) -> tuple[str, Calibration]:
    """What a recording tells of an instrument, and that one's name; `say` is told how far it is."""
    recorded = judged(tape, lambda how_far: say(f"judged {how_far}"))
    by_name = {told.instrument.name: key for key, told in recorded.told.items()}
    if name is None and len(by_name) > 1:
        raise ConfigurationError(f"tape {tape}: it tells of {', '.join(by_name)}: say which with --instrument")
    key = by_name.get(name or next(iter(by_name)))
    if key is None:
        raise ConfigurationError(f"tape {tape}: it tells of {', '.join(by_name)}, not of {name}")
    told = recorded.told[key]
    calibrator = Calibrator(told.instrument, max(1.0, told.duration_ns / SECOND_NS))
    for venue_time, fact in played(recorded, key, lambda how_far: say(f"played {how_far}")):
        calibrator.saw(fact, venue_time)
    say("estimating")
    try:
        return told.instrument.name, calibrator.found(buckets)
    except ConfigurationError as fault:
        raise ConfigurationError(f"tape {tape}: {fault}") from fault
