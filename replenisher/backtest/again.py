"""A journal, lived again: the facts of every recorded step go to a new engine, which must wish for the same.

A decision follows from its facts alone, so a journal that kept all of them (`journal.market_data`) gives its commands
again, byte for byte; where it does not, code or configuration is another than it was. The first difference is told,
because all later ones follow from it. Each life begins with the state that its first segment has, and goes on without
looking at the snapshots in between: these are what it would have come to by itself.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from replenisher.core.engine import Engine
from replenisher.core.setup import Setup
from replenisher.core.state import State
from replenisher.errors import ConfigurationError
from replenisher.model.event import Ended, Started
from replenisher.model.step import Step
from replenisher.store.segments import Header, Segment, decode_header, decode_step, segments, whole_records

Tell = Callable[[str], None]
TELL_EVERY = 2_000  # steps


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first step that asked for something else."""

    step: int
    at: int
    epoch: int  # of its life
    command: int  # which of its commands, counted from 1
    recorded: Any  # as it stands in the journal; None if it has one less
    now: Any


class Part(NamedTuple):
    """One segment of a journal."""

    header: Header
    steps: list[Step]
    begins: int  # the bytes of the journal before it
    bytes: int  # of it
    whole: int  # of the journal


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    journal: str
    lives: int
    steps: int
    commands: int
    left_out: int  # steps at the beginning, of a life whose first segment is gone
    torn_bytes: int  # at the end, which are no whole step: left out, too
    versions: tuple[str, ...]  # of the configurations under which it was written
    difference: Difference | None


def again(directory: Path, setup: Setup, tell: Tell) -> Again:
    """Live all whole lives of a journal again, up to the first difference."""
    known = segments(directory)
    if not known:
        raise ConfigurationError(f"{directory}: there is no journal")
    lives = steps = commands = left_out = 0
    versions: dict[str, None] = {}
    difference: Difference | None = None
    for parts in _lives(known):
        beginning = next(parts)
        first, life = beginning.header, _handed_on(chain([beginning], parts), tell)
        started = beginning.steps[0].events[0] if beginning.steps else None
        if not isinstance(started, Started):  # an operator's word between two lives, or the rest of one
            left_out += 0 if lives else sum(1 for _ in life)
            continue
        _require_ours(directory, started, setup)
        lives += 1
        versions[started.config_version] = None
        engine = Engine(State.load(setup, first.snapshot), number=first.step)
        for step in _in_order(directory, first.step, life):
            if isinstance(step.events[0], Ended):
                break  # no engine was asked any more
            now = engine.step(step.events).commands
            steps, commands = steps + 1, commands + len(step.commands)
            if msgspec.msgpack.encode(now) != msgspec.msgpack.encode(step.commands):
                difference = _difference(step, now, first.epoch)
                break
        if difference is not None:
            break
    if not lives:
        raise ConfigurationError(f"{directory}: no life in this journal has its beginning any more")
    return Again(
        journal=str(directory),
        lives=lives,
        steps=steps,
        commands=commands,
        left_out=left_out,
        torn_bytes=_torn_bytes(known[-1]),
        versions=tuple(versions),
        difference=difference,
    )


def _lives(known: list[Segment]) -> Iterator[Iterator[Part]]:
    """The segments of each life, one after the other."""
    for _, parts in groupby(_read(known), key=lambda part: part.header.epoch):
        yield parts


def _read(known: list[Segment]) -> Iterator[Part]:
    """Segment by segment, without what is torn."""
    begins, whole = 0, sum(segment.size for segment in known)
    for segment in known:
        found = whole_records(segment)
        if not found:
            continue
        starts = [end for _, end in found]
        steps = [decode_step(found[i][0], segment, starts[i - 1]) for i in range(1, len(found))]
        yield Part(decode_header(found[0][0], segment), steps, begins, starts[-1], whole)
        begins += starts[-1]


def _torn_bytes(last: Segment) -> int:
    """What a life that died, or one that writes it now, has behind its last whole record."""
    size, found = last.size, whole_records(last)
    return max(0, size - (found[-1][1] if found else 0))


def _handed_on(parts: Iterable[Part], tell: Tell) -> Iterator[Step]:
    """The steps of some segments; how much of the journal they are is told meanwhile."""
    for part in parts:
        for count, step in enumerate(part.steps):
            if count % TELL_EVERY == 0:
                tell(f"{(part.begins + part.bytes * count / len(part.steps)) / part.whole:.0%} of the journal")
            yield step


def _in_order(directory: Path, before: int, steps: Iterator[Step]) -> Iterator[Step]:
    """By their numbers, without a hole: what waited for the disk may stand behind later ones."""
    waiting: dict[int, Step] = {}
    following = before + 1
    for step in steps:
        waiting[step.number] = step
        while (due := waiting.pop(following, None)) is not None:
            yield due
            following += 1
    if waiting:
        raise ConfigurationError(
            f"{directory}: step {following} is not there, only with journal.market_data: true is every step kept"
        )


def _require_ours(directory: Path, started: Started, setup: Setup) -> None:
    """Refuse a journal that another desk wrote."""
    venues = {venue.name for venue in setup.quoted_venues}
    if started.namespace != setup.namespace or set(started.accounts) != venues:
        theirs = f"namespace {started.namespace} on {', '.join(sorted(started.accounts))}"
        ours = f"namespace {setup.namespace} on {', '.join(sorted(venues))}"
        raise ConfigurationError(f"{directory}: the journal is of {theirs}, and the configuration of {ours}")


def _difference(step: Step, now: tuple[Any, ...], epoch: int) -> Difference:
    recorded = step.commands
    places = range(max(len(now), len(recorded)))
    place = next(place for place in places if now[place : place + 1] != recorded[place : place + 1])
    return Difference(
        step=step.number,
        at=step.at,
        epoch=epoch,
        command=place + 1,
        recorded=_told(recorded, place),
        now=_told(now, place),
    )


def _told(commands: tuple[Any, ...], place: int) -> Any:
    return msgspec.to_builtins(commands[place]) if place < len(commands) else None
