"""What the engine makes of a recorded market, step by step: `python -m bench.engine_steps [--json]`.

A recording of Binance's BTCUSDT perpetual is decoded once. Then its facts go through `Engine.step` one by one, as if
each had arrived alone, with the shipped `pure_mm` quoting ten orders (`engine_steps.yaml`). There is no socket, no
journal and no wire; the venue is `answers.py`, which answers at once: its answers arrive with the next fact. Everything
is timed, that venue included; only decoding is not.

An event is one change of the book or one trade. What the strategy and the timers cause besides (answers, fills, the
engine's own deadlines) is work, and not counted. The tape is played many times in a row, each pass behind the one
before, by one engine. Seconds are those of the processor, so that what else runs on the machine does not count.

What the engine holds of memory grows until two stores are full: ended orders, which a late fill may name, and fills,
which a venue may tell again. Both are bounded by a number. From the pass on that fills them, the blocks that Python
has allocated must not grow. What the system has given may, once or twice, by a megabyte: a dictionary in which entries
come and go is rebuilt now and then beside the old one.

What is printed, with `--json` as one document:
    {"events_per_second": over all passes, "levels_per_second", "events", "changes", "trades", "levels": of one pass,
     "passes", "pass_events_per_second": of each,
     "bare_book": {"events_per_second", "ns_per_level"} of one in turn with them (`bare_book.py`),
     "ratio_to_bare_book": how many times as long it took, "orders", "fills": of all passes, "steps",
     "hash": of what outlives the process, after the last pass; one tape has one outcome,
     "pass_hashes", "rss_mb", "blocks": after each pass, as Python counts what it has allocated,
     "ended_orders", "known_fills": what the stores hold after each pass,
     "full_after": the first pass after which both are full; null if they never are}
"""

import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.answers import Answers
from bench.bare_book import BareBook
from bench.fingerprint import fingerprint
from bench.tape import VENUE, MarketFact, Tape, arguments, chosen_tape
from replenisher.config import load
from replenisher.core.account import FILLS_REMEMBERED_MAX, FORGOTTEN_AT_ONCE
from replenisher.core.engine import Engine
from replenisher.core.orders import ENDED_REMEMBERED_MAX
from replenisher.core.state import State
from replenisher.model.event import (
    Event,
    InstrumentDefined,
    InstrumentStateChanged,
    SessionOpened,
    Started,
    TradePrinted,
    Woke,
)
from replenisher.model.units import SECOND_NS
from replenisher.wiring.setup import setup_of

CONFIG = Path(__file__).with_name("engine_steps.yaml")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


@dataclass(slots=True)
class Lap:
    """One pass over the tape."""

    seconds: float
    rss_mb: float
    blocks: int  # of memory that Python has allocated
    ended_orders: int
    known_fills: int
    hash: str

    @property
    def is_full(self) -> bool:
        """Whether the stores drop what is oldest."""
        fills_min = FILLS_REMEMBERED_MAX - FORGOTTEN_AT_ONCE
        return self.ended_orders == ENDED_REMEMBERED_MAX and self.known_fills >= fills_min


@dataclass(slots=True)
class Run:
    """One engine, and what it has been through."""

    engine: Engine
    answers: Answers
    laps: list[Lap] = field(default_factory=list)
    steps: int = 0


def begin(tape: Tape) -> Run:
    """An engine that is in sync with its venue and waits for a book."""
    config = load(CONFIG)
    run = Run(Engine(State.load(setup_of(config), None)), Answers(tape.instrument))
    at = tape.facts[0].at - SECOND_NS
    key = tape.instrument.key
    waiting: list[Event] = [
        Started(at=at, epoch=1, namespace=config.namespace, config_version="", accounts={VENUE: "main"}),
        InstrumentDefined(at=at, instrument=tape.instrument),
        InstrumentStateChanged(at=at, instrument=key, is_open=True, reason="open"),
        SessionOpened(at=at, venue=VENUE),
    ]
    while waiting:
        step = run.engine.step(waiting)
        waiting = list(run.answers.to(step.commands, None, at))
    return run


def play(run: Run, facts: Sequence[MarketFact]) -> None:
    """One pass: each fact is a step, with what the venue has answered since."""
    engine, answers, state = run.engine, run.answers, run.engine.state
    waiting: list[Event] = []
    steps = 0
    begun = time.process_time()
    for fact in facts:
        while (deadline := engine.next_deadline) is not None and deadline <= fact.at:
            waiting.append(Woke(at=deadline))
            step = engine.step(waiting)
            waiting = []
            steps += 1
            if step.commands:
                waiting = list(answers.to(step.commands, state.books[fact.instrument].shown_touch, deadline))
        waiting.append(fact)
        if type(fact) is TradePrinted:
            waiting.extend(answers.after(fact))
        step = engine.step(waiting)
        waiting = []
        steps += 1
        if step.commands:
            waiting = list(answers.to(step.commands, state.books[fact.instrument].shown_touch, fact.at))
    seconds = time.process_time() - begun
    if waiting:
        engine.step(waiting)
    gc.collect()
    lap = Lap(
        seconds=seconds,
        rss_mb=rss_mb(),
        blocks=sys.getallocatedblocks(),
        ended_orders=len(state.orders.ended),
        known_fills=len(state.account.remembered),
        hash=fingerprint(state.dump()),
    )
    run.steps += steps
    run.laps.append(lap)


def later(facts: Sequence[MarketFact], by_ns: int) -> list[MarketFact]:
    """The same facts at another time."""
    return [msgspec.structs.replace(fact, at=fact.at + by_ns, venue_time=fact.venue_time + by_ns) for fact in facts]


def rss_mb() -> float:
    """The memory of this process, as it is now."""
    return round(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB, 1)


def document(tape: Tape, run: Run, bare_book: BareBook) -> dict[str, Any]:
    """All that was found."""
    events = tape.changes + tape.trades
    seconds = sum(lap.seconds for lap in run.laps)
    return {
        "events_per_second": round(events * len(run.laps) / seconds),
        "levels_per_second": round(tape.levels * len(run.laps) / seconds),
        "events": events,
        "changes": tape.changes,
        "trades": tape.trades,
        "levels": tape.levels,
        "passes": len(run.laps),
        "pass_events_per_second": [round(events / lap.seconds) for lap in run.laps],
        "bare_book": bare_book.document,
        "ratio_to_bare_book": bare_book.ratio([lap.seconds for lap in run.laps]),
        "orders": run.answers.orders,
        "fills": run.answers.fills,
        "steps": run.steps,
        "hash": run.laps[-1].hash,
        "pass_hashes": [lap.hash for lap in run.laps],
        "rss_mb": [lap.rss_mb for lap in run.laps],
        "blocks": [lap.blocks for lap in run.laps],
        "ended_orders": [lap.ended_orders for lap in run.laps],
        "known_fills": [lap.known_fills for lap in run.laps],
        "full_after": next((number for number, lap in enumerate(run.laps, start=1) if lap.is_full), None),
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    columns = ("pass_events_per_second", "rss_mb", "blocks", "ended_orders", "known_fills", "pass_hashes")
    heads = ("events/s", "MB", "blocks", "ended orders", "known fills", "hash")
    passes = zip(*(found[column] for column in columns), strict=True)
    rows = [("pass", *heads), *((number, *row) for number, row in enumerate(passes, start=1))]
    full_after = found["full_after"]
    growth = "the stores are not full yet: more passes show whether memory grows behind that"
    if full_after is not None:
        full, last = (
            f"{found['rss_mb'][number - 1]} MB in {found['blocks'][number - 1]:,} blocks"
            for number in (full_after, found["passes"])
        )
        growth = f"memory: {full} after pass {full_after}, which has filled the stores, {last} after the last"
    return "\n".join(
        [
            *("{:>4} {:>9} {:>7} {:>9} {:>13} {:>12}  {}".format(*row) for row in rows),
            f"{found['events']:,} events a pass: {found['changes']:,} changes of the book with "
            f"{found['levels'] / found['changes']:.0f} levels each, {found['trades']:,} trades",
            f"{found['events_per_second']:,} events and {found['levels_per_second']:,} levels a second "
            f"over {found['passes']} passes, the slowest at {min(found['pass_events_per_second']):,}",
            f"as long as {found['ratio_to_bare_book']} bare books at {found['bare_book']['ns_per_level']} ns a level",
            f"{found['orders']:,} orders, {found['fills']:,} fills, {found['steps']:,} steps, hash {found['hash']}",
            growth,
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Read, play, print."""
    chosen = arguments(words, "engine_steps", "Steps of the engine, counted.", passes=20)
    tape = chosen_tape(chosen)
    run, bare_book = begin(tape), BareBook(tape)
    for number in range(chosen.passes):
        facts = later(tape.facts, number * (tape.length_ns + SECOND_NS))
        gc.collect()
        gc.freeze()  # as the daemon does: what is there for good is not looked at again and again
        play(run, facts)
        gc.unfreeze()
        bare_book.play()
        print(f"pass {number + 1} of {chosen.passes}: {run.laps[-1].seconds:.2f} s", file=sys.stderr)
    found = document(tape, run, bare_book)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
