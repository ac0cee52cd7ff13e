"""A day of one daemon in the simulation, with faults: nothing that it keeps grows, and memory stays flat.

What goes wrong is all that a process survives, so that one life lasts as long as it can; S22 counts what it holds once
an hour, against a ceiling by name. A line an hour says how far it is. What the daemon holds, object by object, must be
no more at the end of the day than at its middle, but for a small part. The process is resident with more than that: its
exchange and its checks keep books of all that has happened, which grow on purpose. What those hold is taken off.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

import msgspec

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.run import START, run
from replenisher.simulate.swarm import drawn
from replenisher.simulate.world import World
from replenisher.wiring import simulation

DEADLY = ("killed", "crashed", "power lost", "exchange restarted", "maintenance")
DEADLY += ("told to stop", "told twice to stop", "second daemon", "replaced", "key refused", "unplugged")
GROWTH_SHARE_MAX = 0.05  # from noon to midnight
GROWTH_MB_MIN = 2.0  # what is less is no growth
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
MB = 1024 * 1024
OTHERS = ("replenisher.simulate.", "replenisher.exchange.")
OURS = ("replenisher.core.", "replenisher.live.", "replenisher.venues.", "replenisher.store.")
KEEPERS = ("checks.", "evidence", "exchange_end", "new_rows", "order_frames", "tally")
OF_THE_BOOKS = tuple(f"replenisher.simulate.{name}" for name in KEEPERS)
PROGRAM = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType)


class Look(msgspec.Struct, frozen=True):
    """What was held at an hour."""

    hour: int
    daemon_mb: float
    books_mb: float  # of the exchange and of the checks
    resident_mb: float

    @property
    def rest_mb(self) -> float:
        """Resident, without the books."""
        return self.resident_mb - self.books_mb


def main() -> int:
    """Run the day; 1 if an invariant did not hold or something has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--config", type=Path, default=simulation.SHIPPED)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    looks: list[Look] = []
    began = time.monotonic()

    def look(world: World) -> None:
        looks.append(look_at(world, len(looks) + 1))
        left_s = (time.monotonic() - began) / len(looks) * (asked.hours - len(looks))
        told = f"hour {len(looks)} of {asked.hours}, {left_s / 60:.0f} min left: {world.tap.frames:,} messages"
        print(f"{told}, {len(world.ends) + 1} lives; {sentence(looks[-1])}", file=sys.stderr, flush=True)

    faults = tuple(name for name in simulation.NAMES if name not in DEADLY)
    gc.set_threshold(simulation.GARBAGE_MIN)
    outcome = run(
        simulation.scene_of(load(asked.config)),
        seed=asked.seed,
        minutes=asked.hours * 60,
        plan=replace(drawn(asked.seed, faults), short_segments=False),  # as long as they are by default
        checks=ALL,
        at=START,
        each_hour=look,
    )
    found = [f"{outcome.violation.invariant}: {outcome.violation.sentence}"] if outcome.violation else []
    found += growth(looks)
    if asked.json:
        print(json.dumps(msgspec.to_builtins({"outcome": outcome, "looks": looks, "found": found})))
    else:
        print(summary(looks, outcome.cpu_s, outcome.messages, found))
    return 1 if found else 0


def look_at(world: World, hour: int) -> Look:
    """Weigh everything."""
    gc.collect()
    return Look(
        hour,
        held_bytes(world.life.parts(), lambda module: module.startswith(OTHERS)) / MB,
        held_bytes(world.books(), _is_no_book) / MB,
        int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB,
    )


def _is_no_book(module: str) -> bool:
    return module.startswith(OURS) or (module.startswith(OTHERS[0]) and not module.startswith(OF_THE_BOOKS))


def held_bytes(roots: Iterable[object], is_other: Callable[[str], bool]) -> int:
    """The size of all that can be reached, but for the program itself and for what is an instance of other modules."""
    stack, seen, total = list(roots), set[int](), 0
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, PROGRAM) or is_other(f"{type(thing).__module__}."):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        stack += gc.get_referents(thing)
        if isinstance(thing, msgspec.Struct):  # one that is declared to hold no cycles tells the collector nothing
            stack += [getattr(thing, name) for name in thing.__struct_fields__]
    return total


def growth(looks: list[Look]) -> list[str]:
    """What has grown since noon."""
    if len(looks) < 2:
        return []
    noon, end = looks[len(looks) // 2 - 1], looks[-1]
    pairs = (("what the daemon holds", noon.daemon_mb, end.daemon_mb), ("memory", noon.rest_mb, end.rest_mb))
    return [
        f"{what} has grown from {before:.1f} to {after:.1f} MB between hour {noon.hour} and hour {end.hour}"
        for what, before, after in pairs
        if after - before > max(GROWTH_MB_MIN, before * GROWTH_SHARE_MAX)
    ]


def sentence(look: Look) -> str:
    """One look."""
    return f"the daemon holds {look.daemon_mb:.1f} MB, the books {look.books_mb:.1f}, resident {look.resident_mb:.1f}"


def summary(looks: list[Look], cpu_s: float, messages: int, found: list[str]) -> str:
    """What the day came to."""
    lines = [f"{len(looks)} hours, {messages:,} messages, {len(looks) / (cpu_s / 60):.1f} hours a CPU-minute"]
    lines += [f"hour {look.hour:>2}: {sentence(look)}" for look in looks]
    return "\n".join([*lines, *(found or ["every invariant held, and nothing has grown since noon"])])


if __name__ == "__main__":
    sys.exit(main())
