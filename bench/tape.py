"""The recording on which benches of market data run, and how they are told to.

Binance's BTCUSDT perpetual on a busy day, offered as the instrument that is quoted. It is decoded once, and its facts
are in the order of the venue's time.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from replenisher.exchange.recorded import recorded_instrument
from replenisher.model.event import BookChanged, BookSnapshot, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.store.tape import lines as tapes
from replenisher.venues.binance import recording

RECORDING = Path("binance_l2/usdm_btcusdt_20240808.jsonl.gz")
VENUE = "deribit"

MarketFact = BookSnapshot | BookChanged | TradePrinted


@dataclass(slots=True)
class Tape:
    """A recording, decoded: the facts of its market in the order of the venue's time."""

    instrument: Instrument
    facts: list[MarketFact]
    changes: int = 0
    trades: int = 0
    levels: int = 0

    def __post_init__(self) -> None:
        for fact in self.facts:
            if isinstance(fact, TradePrinted):
                self.trades += 1
            else:
                self.changes += 1
                self.levels += len(fact.bids) + len(fact.asks)

    @property
    def length_ns(self) -> int:
        """From its first fact to its last."""
        return self.facts[-1].at - self.facts[0].at


def read(path: Path) -> Tape:
    """Decode a recording; session time is the venue's."""
    found = recording.survey(tapes.read(path))
    instrument = recorded_instrument(VENUE, found.tick, found.lot)
    facts = [
        msgspec.structs.replace(fact, at=venue_time)
        for venue_time, fact in recording.facts(tapes.read(path), instrument)
        if isinstance(fact, MarketFact)
    ]
    return Tape(instrument, facts)


def parser(prog: str, description: str, otherwise: str = "") -> argparse.ArgumentParser:
    """What each bench that plays the tape understands; `otherwise` says what it plays if none is there."""
    folder = os.environ.get("REPLENISHER_TEST_DATA")
    words = argparse.ArgumentParser(prog=f"python -m bench.{prog}", description=description)
    words.add_argument("--json", action="store_true", help="print one JSON document")
    words.add_argument("--events", type=int, metavar="N", help="play only so many events of it")
    words.add_argument(
        "--tape",
        type=Path,
        default=None if folder is None else Path(folder) / RECORDING,
        metavar="FILE",
        help=f"a recording of Binance's streams ({RECORDING} below REPLENISHER_TEST_DATA{otherwise})",
    )
    return words


def arguments(words: Sequence[str] | None, prog: str, description: str, passes: int) -> argparse.Namespace:
    """The command line of a bench that plays the tape so often."""
    understood = parser(prog, description)
    understood.add_argument(
        "--passes", type=int, default=passes, metavar="N", help=f"how often the tape is played ({passes})"
    )
    chosen = understood.parse_args(words)
    if chosen.tape is None:
        understood.error("no tape: name one with --tape, or set REPLENISHER_TEST_DATA")
    if chosen.passes < 1:
        understood.error("--passes must be 1 or more")
    return chosen


def chosen_tape(chosen: argparse.Namespace) -> Tape:
    """The tape, or as much of it as is wanted."""
    print(f"reading {chosen.tape.name}", file=sys.stderr)
    tape = read(chosen.tape)
    return tape if chosen.events is None else Tape(tape.instrument, tape.facts[: chosen.events])
