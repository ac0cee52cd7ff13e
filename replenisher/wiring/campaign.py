"""`replenisher simulate --mutations`: each planted bug is silent on calm days, and is then found by a check.

A trial is one seed of one planted bug, or of the code as it is. Each runs in a process of its own. Trials are written
down as they come, and one that stands there is not run again: a campaign goes on where it was stopped.

Only a named invariant finds a bug, and it must be one that the list says. An exception, time that stands still or a
process that does not answer is noted as raised, and the next seed is tried. A seed on which the code as it is fails as
well finds nothing.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import msgspec

from replenisher.errors import ReplenisherError
from replenisher.simulate.checks import ALL
from replenisher.wiring.mutations import PACKAGE, Copy, Mutation
from replenisher.wiring.seeds_apart import run_apart

INVARIANTS = frozenset(check.name for check in ALL)
WANTED = (  # each of these must be the first to find at least one planted bug
    *("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S12", "S13", "S14", "S15", "S16"),
    *("L1", "L2", "L3", "L4"),
)
CALM, CALM_SEEDS, CALM_MINUTES = "none", range(1, 21), 1.0  # many days without faults are much the same


@dataclass(frozen=True, kw_only=True)
class Days:
    """What every bug is tried on: days on which nothing goes wrong, and then days of faults."""

    seeds: range
    minutes: float
    faults: str = "all"
    config: Path | None = None
    calm_seeds: range = CALM_SEEDS

    def under(self, config: str | None) -> "Days":
        """The same under a shipped configuration."""
        return self if config is None else replace(self, config=PACKAGE.parent / "configs" / config)

    def minutes_with(self, faults: str) -> float:
        """How long a seed is."""
        return min(self.minutes, CALM_MINUTES) if faults == CALM else self.minutes

    def beginning_with(self, seed: int | None) -> list[range]:
        """All seeds with faults, this one first if it is one of them."""
        if seed is None or seed not in self.seeds:
            return [self.seeds]
        place = self.seeds.index(seed)
        return [self.seeds[place : place + 1], self.seeds[:place], self.seeds[place + 1 :]]

    def arguments(self, faults: str) -> list[str]:
        """What a process is told of them."""
        return ["--faults", faults, *([] if self.config is None else ["--config", str(self.config.absolute())])]


class Trial(msgspec.Struct, frozen=True):
    """What became of one seed."""

    key: str  # what was tried: the code, the bug, and the kind of day
    mutation: str  # its name; empty is the code as it is
    faults: str
    seed: int
    invariant: str = ""  # that did not hold, or what the exception counts as; empty if nothing was found
    sentence: str = ""

    @property
    def finds(self) -> bool:
        """Whether a named invariant did not hold."""
        return self.invariant in INVARIANTS

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.invariant}: {self.sentence}"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a planted bug."""

    mutation: str
    file: str
    caught_by: tuple[str, ...]  # what was to be the first to find it
    seed: int | None = None  # that found it
    invariant: str = ""
    sentence: str = ""
    raised: Sequence[int] = ()  # seeds that ended in an exception before
    too_loud: str = ""  # what was found where nothing went wrong

    @property
    def is_caught(self) -> bool:
        """Whether the right invariant has found it, and only when something went wrong."""
        return self.invariant in self.caught_by and not self.too_loud


class Record:
    """All trials, in a file of lines if there is one."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._trials: dict[tuple[str, int], Trial] = {}
        text = file.read_bytes() if file is not None and file.is_file() else b""
        for line in text.splitlines(keepends=True):
            try:
                self._note(msgspec.json.decode(line, type=Trial))
            except msgspec.DecodeError:  # it was torn off
                continue
        self._gap = b"\n" if text and not text.endswith(b"\n") else b""  # so that the next one has a line of its own

    def of(self, key: str, seed: int) -> Trial | None:
        """The trial, if it was made."""
        return self._trials.get((key, seed))

    def add(self, trial: Trial) -> None:
        """One more."""
        self._note(trial)
        if self._file is not None:
            with self._file.open("ab") as lines:
                lines.write(self._gap + msgspec.json.encode(trial) + b"\n")
            self._gap = b""

    def _note(self, trial: Trial) -> None:
        self._trials[trial.key, trial.seed] = trial


def missing(found: Iterable[Found]) -> list[str]:
    """The invariants that were the first to find no bug at all."""
    fired = {each.invariant for each in found if each.is_caught}
    return [name for name in WANTED if name not in fired]


@dataclass
class Campaign:
    """Tries every bug, `jobs` at a time."""

    mutations: Sequence[Mutation]
    days: Days
    jobs: int
    record: Record
    tell: Callable[[Found], None]  # as soon as one is settled
    say: Callable[[str], None]  # how far it is
    found: list[Found] = field(default_factory=list)
    unsound: list[Trial] = field(default_factory=list)  # in which the code as it is fails

    def run(self) -> None:
        """Try all of them."""
        with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
            self._sound = Copy(Path(folder))
            self._code = self._sound.digest()
            asyncio.run(self._run())

    async def _run(self) -> None:
        waiting = iter(self.mutations)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(self.jobs, len(self.mutations))):
                    tasks.create_task(self._work(waiting))
        except* ReplenisherError as errors:
            raise errors.exceptions[0] from None

    async def _work(self, waiting: Iterator[Mutation]) -> None:
        for mutation in waiting:
            found = await self._try(mutation)
            self.found.append(found)
            self.tell(found)

    async def _try(self, mutation: Mutation) -> Found:
        unsettled = Found(mutation=mutation.name, file=mutation.file, caught_by=mutation.caught_by)
        days = self.days.under(mutation.config)
        async with aclosing(self._trials(mutation, days, days.calm_seeds, CALM)) as trials:
            async for trial in trials:
                if trial.invariant and await self._is_sound(trial, days):
                    return msgspec.structs.replace(unsettled, too_loud=str(trial))
        raised: list[int] = []
        async with aclosing(self._trials_with_faults(mutation, days)) as trials:
            async for trial in trials:
                if trial.finds and await self._is_sound(trial, days):
                    return msgspec.structs.replace(
                        unsettled, seed=trial.seed, invariant=trial.invariant, sentence=trial.sentence, raised=raised
                    )
                raised += [trial.seed] if trial.invariant and not trial.finds else []
        return msgspec.structs.replace(unsettled, raised=raised)

    async def _is_sound(self, trial: Trial, days: Days) -> bool:
        """Whether nothing is found on this seed without the bug."""
        seeds = range(trial.seed, trial.seed + 1)
        unsound = [same async for same in self._trials(None, days, seeds, trial.faults) if same.invariant]
        self.unsound += unsound
        return not unsound

    async def _trials_with_faults(self, mutation: Mutation, days: Days) -> AsyncGenerator[Trial, None]:
        for seeds in days.beginning_with(mutation.seed):
            async with aclosing(self._trials(mutation, days, seeds, days.faults)) as trials:
                async for trial in trials:
                    yield trial

    async def _trials(
        self, mutation: Mutation | None, days: Days, seeds: range, faults: str
    ) -> AsyncGenerator[Trial, None]:
        """One after the other: those that were made before, and then the others."""
        key, name = self._key(mutation, days, faults), "" if mutation is None else mutation.name
        while seeds and (known := self.record.of(key, seeds[0])):
            seeds = seeds[1:]
            yield known
        if not seeds:
            return
        with self._copy(mutation) as folder:
            minutes, arguments = days.minutes_with(faults), days.arguments(faults)
            async with aclosing(run_apart(folder, seeds, minutes, arguments)) as verdicts:
                async for each in verdicts:
                    trial = Trial(key, name, faults, each.seed, each.invariant, each.sentence)
                    self.record.add(trial)
                    settled = f"{len(self.found)} of {len(self.mutations)} settled"
                    self.say(f"{settled}; {name or 'no bug'}: seed {each.seed} of {seeds[-1]}, faults {faults}")
                    yield trial

    def _key(self, mutation: Mutation | None, days: Days, faults: str) -> str:
        patch = None if mutation is None else (mutation.file, mutation.old, mutation.new)
        config = None if days.config is None else days.config.read_text()
        tried = json.dumps([self._code, patch, faults, days.minutes_with(faults), config])
        return blake2b(tried.encode(), digest_size=8).hexdigest()

    @contextmanager
    def _copy(self, mutation: Mutation | None) -> Iterator[Path]:
        if mutation is None:
            yield self._sound.folder
            return
        with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
            Copy(Path(folder), of=self._sound.folder).plant(mutation)
            yield Path(folder)
