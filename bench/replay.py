"""How fast the past goes by in a replay: `python -m bench.replay [--json]`.

A recording of Binance's BTCUSDT perpetual is decoded once. Then it is replayed: engine, exchange core and what is under
way between them, as `replenisher replay` puts them together, with 2 ms each way. First the shipped `pure_mm` quotes ten
orders (`engine_steps.yaml`), then `glft` does (`replay_glft.yaml`). Everything is timed but decoding: matching, money,
the exchange's ledger, its bytes included, and the counting of what happens. Nothing is written to a disk, so nobody
looks for sweeps.

40,000 events a second are asked of `pure_mm` on one core, and 30,000 of `glft`; with fewer the exit code is 1.

An event is one change of the book or one trade of the tape. A pass is a whole replay, with a new engine and a new
exchange, so every pass has the same hash, or the bench fails. Seconds are those of the processor, so that what else
runs on the machine does not count, as far as that is possible.

What is printed, with `--json` as one document:
    {"events_per_second": with pure_mm, over all passes,
     "bare_book": {"events_per_second", "ns_per_level"} of one in turn with them (`bare_book.py`),
     "glft_events_per_second", "events", "changes", "trades", "levels": of one pass, "passes", "is_reached",
     "strategies": {name: {"events_per_second", "events_per_second_min": what was asked for, "is_reached",
                           "ratio_to_bare_book": how many times as long as its a pass took,
                           "level_changes_per_second", "pass_events_per_second": of each,
                           "orders": placed, "amends", "cancels", "fills": of a pass, "steps",
                           "hash": of the exchange's ledger, and of all that the engine would remember}}}
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bench.bare_book import BareBook
from bench.engine_steps import CONFIG as PURE_MM
from bench.tape import Tape, arguments, chosen_tape
from replenisher.backtest.tally import Tally
from replenisher.cli import YOUNG_MAX
from replenisher.config import Config, load
from replenisher.core.state import State
from replenisher.exchange.market import Listing
from replenisher.exchange.queue import RiskAverse
from replenisher.exchange.recorded import RecordedMarket
from replenisher.wiring.listings import BPS
from replenisher.wiring.replay_parts import replay_of
from replenisher.wiring.replaying import FOREVER
from replenisher.wiring.setup import setup_of

EVENTS_PER_SECOND_MIN = {"pure_mm": 40_000, "glft": 30_000}
CONFIGS = {"pure_mm": PURE_MM, "glft": Path(__file__).with_name("replay_glft.yaml")}


class ReplayDiffers(Exception):
    """Two replays of one past had two outcomes."""


@dataclass(slots=True)
class Pass:
    """One whole replay."""

    seconds: float
    tally: Tally
    fills: int
    hash: str


def play(config: Config, tape: Tape) -> Pass:
    """Replay the tape once."""
    section = config.exchange
    assert section is not None, "the bench names an exchange"
    facts = [(fact.venue_time, fact) for fact in tape.facts]
    at = tape.facts[0].venue_time
    market = RecordedMarket(tape.instrument, facts, model=RiskAverse(), start=at)
    listing = Listing(market=market, maker_rate=section.fees.maker_bps / BPS, taker_rate=section.fees.taker_bps / BPS)
    tally, digest, state = Tally(), blake2b(digest_size=8), State.load(setup_of(config), None)
    gc.set_threshold(YOUNG_MAX)  # as for every verb
    gc.collect()
    gc.freeze()  # as the daemon does: what is there for good is not looked at again and again
    begun = time.process_time()
    game = replay_of(config, [listing], state, epoch=1, at=at, append=digest.update, observe=tally.observe)
    game.run(FOREVER)
    game.stop()
    seconds = time.process_time() - begun
    gc.unfreeze()
    digest.update(state.dump())
    (venue,) = config.venues
    fills = sum(1 for _ in game.exchange.views.trades(config.venues[venue].account))
    return Pass(seconds, tally, fills, digest.hexdigest())


def found_of(name: str, tape: Tape, passes: Sequence[Pass], bare_book: BareBook) -> dict[str, Any]:
    """What came of all replays with one strategy."""
    if len({each.hash for each in passes}) > 1:
        raise ReplayDiffers(f"passes of one tape have the hashes {', '.join(each.hash for each in passes)}")
    seconds, events, last = sum(each.seconds for each in passes), tape.changes + tape.trades, passes[-1]
    events_per_second = round(events * len(passes) / seconds)
    return {
        "events_per_second": events_per_second,
        "events_per_second_min": EVENTS_PER_SECOND_MIN[name],
        "is_reached": events_per_second >= EVENTS_PER_SECOND_MIN[name],
        "ratio_to_bare_book": bare_book.ratio([each.seconds for each in passes]),
        "level_changes_per_second": round(tape.levels * len(passes) / seconds),
        "pass_events_per_second": [round(events / each.seconds) for each in passes],
        "orders": last.tally.orders,
        "amends": last.tally.amends,
        "cancels": last.tally.cancels,
        "fills": last.fills,
        "steps": last.tally.steps,
        "hash": last.hash,
    }


def document(tape: Tape, passes: dict[str, list[Pass]], bare_book: BareBook) -> dict[str, Any]:
    """All that was found."""
    strategies = {name: found_of(name, tape, each, bare_book) for name, each in passes.items()}
    return {
        "events_per_second": strategies["pure_mm"]["events_per_second"],
        "glft_events_per_second": strategies["glft"]["events_per_second"],
        "events": tape.changes + tape.trades,
        "changes": tape.changes,
        "trades": tape.trades,
        "levels": tape.levels,
        "passes": len(passes["pure_mm"]),
        "bare_book": bare_book.document,
        "is_reached": all(each["is_reached"] for each in strategies.values()),
        "strategies": strategies,
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        f"{found['events']:,} events a pass: {found['changes']:,} changes of the book with "
        f"{found['levels'] / found['changes']:.0f} levels each, {found['trades']:,} trades; {found['passes']} passes",
        f"a bare book beside it: {found['bare_book']['events_per_second']:,} events a second, "
        f"{found['bare_book']['ns_per_level']} ns a level",
    ]
    for name, each in found["strategies"].items():
        lines += [
            f"{name}: {each['events_per_second']:,} events and {each['level_changes_per_second']:,} level changes a "
            f"second, the slowest pass at {min(each['pass_events_per_second']):,}; as long as "
            f"{each['ratio_to_bare_book']} bare books",
            f"  {each['orders']:,} orders, {each['amends']:,} amends, {each['cancels']:,} cancels, "
            f"{each['fills']:,} fills in {each['steps']:,} steps, hash {each['hash']}",
            f"  {each['events_per_second_min']:,} events a second: {'yes' if each['is_reached'] else 'no'}",
        ]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Read, replay, print."""
    chosen = arguments(words, "replay", "Events of a tape, replayed.", passes=5)
    tape = chosen_tape(chosen)
    configs = {name: load(path) for name, path in CONFIGS.items()}
    passes: dict[str, list[Pass]] = {name: [] for name in configs}
    bare_book = BareBook(tape)
    for number in range(chosen.passes):
        bare_book.play()
        for name, config in configs.items():
            passes[name].append(play(config, tape))
            print(f"{name}, pass {number + 1} of {chosen.passes}: {passes[name][-1].seconds:.2f} s", file=sys.stderr)
    found = document(tape, passes, bare_book)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if found["is_reached"] else 1


if __name__ == "__main__":
    sys.exit(main())
