"""`replenisher simulate --mutations`: bugs planted one at a time, each of which the checks must find.

A bug is a patch to one file of the package: `old`, which occurs there exactly once, becomes `new`. It is planted in a
copy, and the copy is run as a process of its own; the code that is trusted is never touched.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import replenisher
from replenisher.config.reading import read_yaml
from replenisher.errors import ConfigurationError

PACKAGE = Path(replenisher.__file__).parent
BESIDE = ("configs", "migrations", "strategies")  # what a checkout has beside the package
OUR_FAULT = "ours"  # what an exception counts as: it finds a bug, but says nothing of what it would have cost
CALM_SEEDS, CALM_MINUTES = "1..20", 1.0


class Mutation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One planted bug."""

    name: str
    file: str  # within the package
    old: str
    new: str
    why: str  # what it would cost

    def plant(self, package: Path) -> None:
        """Change a copy of the package."""
        file = package / self.file
        text = file.read_text()
        if (count := text.count(self.old)) != 1:
            raise ConfigurationError(f"{self.name}: what is to be changed occurs {count} times in {self.file}")
        file.write_text(text.replace(self.old, self.new))


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a planted bug. Without faults nothing may be found, with them an invariant must be."""

    mutation: Mutation
    seed: int | None = None  # that found it
    invariant: str = ""
    sentence: str = ""
    without_faults: str = ""  # what was found on a calm day, which shows that the bug is too loud

    @property
    def is_caught(self) -> bool:
        """Whether an invariant has found it, and only when something went wrong."""
        return bool(self.invariant) and self.invariant != OUR_FAULT and not self.without_faults


def mutations_in(file: Path) -> list[Mutation]:
    """The planted bugs that a file lists."""
    try:
        return msgspec.convert(read_yaml(file)["mutations"], list[Mutation])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{file}: not a list of mutations: {error}") from error


def find(mutations: Sequence[Mutation], *, seeds: range, minutes: float, jobs: int) -> Iterator[Found]:
    """Plant each of them, and tell what found it, in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_find_one, seeds=seeds, minutes=minutes), mutations)


def _find_one(mutation: Mutation, *, seeds: range, minutes: float) -> Found:
    with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
        _copy(Path(folder))
        mutation.plant(Path(folder) / PACKAGE.name)
        for outcome in _failures(Path(folder), CALM_SEEDS, CALM_MINUTES, "none"):
            told = f"seed {outcome['seed']}: {outcome['violation']['invariant']}: {outcome['violation']['sentence']}"
            return Found(mutation=mutation, without_faults=told)
        for outcome in _failures(Path(folder), f"{seeds[0]}..{seeds[-1]}", minutes, "all"):
            seed, violation = outcome["seed"], outcome["violation"]
            if not any(_failures(PACKAGE.parent, str(seed), minutes, "all")):  # the seed is fine without the bug
                return Found(
                    mutation=mutation, seed=seed, invariant=violation["invariant"], sentence=violation["sentence"]
                )
    return Found(mutation=mutation)


def _copy(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=ignored)
    for name in BESIDE:
        if (PACKAGE.parent / name).is_dir():
            shutil.copytree(PACKAGE.parent / name, folder / name, ignore=ignored)


def _failures(folder: Path, seeds: str, minutes: float, faults: str) -> Iterator[Mapping[str, Any]]:
    """The outcomes in which a copy breaks an invariant; nothing more is run once nobody asks for the next."""
    command = [sys.executable, "-m", "replenisher", "simulate", "--json", "--jobs", "1"]
    command += ["--seeds", seeds, "--minutes", f"{minutes:g}", "--faults", faults]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=pipe, text=True) as process:  # noqa: S603 - our own code
        assert process.stdout is not None, "its output is a pipe"
        try:
            for line in process.stdout:
                document = json.loads(line)
                if document.get("violation"):
                    yield document
            if process.wait() not in (0, 1):
                raise ConfigurationError(f"`{' '.join(command)}` ended with {process.returncode} in {folder}")
        finally:
            process.kill()
