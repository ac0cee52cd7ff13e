"""A day of one daemon in the simulation, with faults: nothing that it keeps grows, and memory stays flat.

What goes wrong is all that a process survives, so that one life lasts as long as it can. A line an hour says how far it
is. Some of what a daemon holds grows for longer than a day, on purpose and up to a ceiling: the orders that have ended,
say, for as long as a late fill may name them. So three things are looked at once an hour:

- each structure with a ceiling by name is counted, and must stay under it (S22 asserts it; the counts are printed),
- what the daemon holds besides must be no more at the end of the day than at its middle, but for a small part,
- so must what the process has resident and nobody holds. The daemon, and the books that exchange and checks keep of all
  that has happened, are taken off that; what is left is the program, and would be what leaks where Python cannot see.

All is weighed object by object in a child of the process, so that weighing itself leaves nothing behind.
"""

import argparse
import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sized
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

import msgspec

from replenisher.config import load
from replenisher.simulate.checks import ALL
from replenisher.simulate.checks.bounds import CEILINGS, collections
from replenisher.simulate.faults import NAMES
from replenisher.simulate.run import START, run
from replenisher.simulate.swarm import drawn
from replenisher.simulate.world import World
from replenisher.wiring import simulation

DEADLY: tuple[str, ...] = ("killed", "crashed", "power lost", "exchange restarted", "maintenance")
DEADLY += ("told to stop", "told twice to stop", "second daemon", "replaced", "key refused", "unplugged")
GROWTH_SHARE_MAX = 0.05  # from noon to midnight
GROWTH_MB_MIN = 2.0  # what is less is no growth
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
MB = 1024 * 1024
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # that is glibc's
GRAIN = 16  # bytes: of so many, or a multiple of it, is what Python's allocator gives
OTHERS = ("replenisher.simulate.", "replenisher.exchange.")
KEEPERS = ("checks.", "disk", "evidence", "exchange_end", "new_rows", "order_frames", "rows", "tally")
OF_THE_BOOKS = tuple(f"replenisher.simulate.{name}" for name in KEEPERS)
PROGRAM = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType)


class Look(msgspec.Struct, frozen=True):
    """What was held at an hour."""

    hour: int
    resident_mb: float
    daemon_mb: float
    named_mb: float  # of it, in structures that have a ceiling by name
    books_mb: float  # of the exchange and of the checks
    counts: dict[str, int]  # the elements of these structures, by name

    @property
    def besides_mb(self) -> float:
        """What the daemon holds without a ceiling by name."""
        return self.daemon_mb - self.named_mb

    @property
    def rest_mb(self) -> float:
        """Resident, and held by nobody."""
        return self.resident_mb - self.daemon_mb - self.books_mb


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

    faults = tuple(name for name in NAMES if name not in DEADLY)
    gc.set_threshold(simulation.GARBAGE_MIN)
    outcome = run(
        simulation.scene_of(load(asked.config)),
        seed=asked.seed,
        minutes=asked.hours * 60,
        plan=replace(drawn(asked.seed, faults), segment_bytes=None),  # as long as they are by default
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
    """Weigh everything, in a child."""
    gc.collect()
    if _trim is not None:
        _trim(0)  # what malloc keeps for its next caller is as much as a busy moment left free, and no leak
    resident_mb = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, msgspec.json.encode(_weigh(world, hour, resident_mb)))  # less than a pipe holds
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        look = msgspec.json.decode(told.read(), type=Look)
    os.waitpid(child, 0)
    return look


def _weigh(world: World, hour: int, resident_mb: float) -> Look:
    named: dict[str, list[Sized]] = {}
    for name, collection in collections(world.life.parts()):
        if name in CEILINGS:
            named.setdefault(name, []).append(collection)
    named_bytes = held_bytes(chain.from_iterable(named.values()), _is_no_daemon, set())
    seen: set[int] = set()
    return Look(
        hour=hour,
        resident_mb=resident_mb,
        daemon_mb=held_bytes(world.life.parts(), _is_no_daemon, seen) / MB,
        named_mb=named_bytes / MB,
        books_mb=held_bytes(world.books(), _is_no_book, seen) / MB,
        counts={name: max(map(len, named[name])) for name in CEILINGS if name in named},
    )


def _is_no_daemon(module: str) -> bool:
    return module.startswith(OTHERS)


def _is_no_book(module: str) -> bool:
    return module.startswith(OTHERS[0]) and not module.startswith(OF_THE_BOOKS)


def held_bytes(roots: Iterable[object], is_other: Callable[[str], bool], seen: set[int]) -> int:
    """The size of all that can be reached and was not seen, but for the program and what is of other modules."""
    stack, total = list(roots), 0
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, PROGRAM) or is_other(f"{type(thing).__module__}."):
            continue
        seen.add(id(thing))
        total += -(-sys.getsizeof(thing) // GRAIN) * GRAIN
        stack += gc.get_referents(thing)
        if isinstance(thing, dict):
            stack += thing  # the collector is not told of keys that are text
        if isinstance(thing, msgspec.Struct):  # one that is declared to hold no cycles tells the collector nothing
            stack += [getattr(thing, name) for name in thing.__struct_fields__]
    return total


def growth(looks: list[Look]) -> list[str]:
    """What has grown since noon."""
    if len(looks) < 2:
        return []
    noon, end = looks[len(looks) // 2 - 1], looks[-1]
    pairs = (
        ("what the daemon holds without a ceiling by name", noon.besides_mb, end.besides_mb),
        ("memory that nobody holds", noon.rest_mb, end.rest_mb),
    )
    return [
        f"{what} has grown from {before:.1f} to {after:.1f} MB between hour {noon.hour} and hour {end.hour}"
        for what, before, after in pairs
        if after - before > max(GROWTH_MB_MIN, before * GROWTH_SHARE_MAX)
    ]


def most(looks: list[Look], name: str) -> int:
    """The most elements that a structure has had."""
    return max((look.counts.get(name, 0) for look in looks), default=0)


def sentence(look: Look) -> str:
    """One look."""
    return (
        f"the daemon holds {look.daemon_mb:.1f} MB, {look.besides_mb:.2f} of it without a ceiling by name;"
        f" the books {look.books_mb:.1f}, resident {look.resident_mb:.1f}, of which nobody holds {look.rest_mb:.1f}"
    )


def summary(looks: list[Look], cpu_s: float, messages: int, found: list[str]) -> str:
    """What the day came to."""
    lines = [f"{len(looks)} hours, {messages:,} messages, {len(looks) / (cpu_s / 60):.1f} hours a CPU-minute"]
    lines += [f"hour {look.hour:>2}: {sentence(look)}" for look in looks]
    lines += [f"{name}: {most(looks, name):,} at most, and {CEILINGS[name]:,} may" for name in CEILINGS]
    return "\n".join([*lines, *(found or ["every invariant held, and nothing has grown since noon"])])


if __name__ == "__main__":
    sys.exit(main())
