"""What twenty seeds execute of the code that keeps orders and books right: `make simulate-coverage`, with progress.

They are run on virtual time, once as shipped and once with a wider desk, and then through real WebSockets and the
exchange's server.

Each room's share of lines is printed, and each function of it that was not executed to its end, with the reason why the
simulator does not get there: `tests/chaos/uncovered.yaml` lists them. It fails if less than 90 % of all is executed, if
a room is executed to less than that and a miss in it has no reason there, or if a reason is given for a function that
was executed after all.
"""

import argparse
import ast
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import coverage
import yaml

import replenisher
from replenisher.wiring import simulation

ROOT = Path(replenisher.__file__).parent.parent
REASONS = ROOT / "tests" / "chaos" / "uncovered.yaml"
WIDE = ROOT / "configs" / "simulate-wide.yaml"
ENOUGH = 0.9
ROOMS = {
    "core": ("replenisher/core/*.py",),
    "live": ("replenisher/live/*.py",),
    "journal": tuple(f"replenisher/store/{name}.py" for name in ("journal", "growing", "safe_end", "segments", "boot")),
    "recorder": ("replenisher/store/recorder.py", "replenisher/store/rows.py"),
    "venues": ("replenisher/venues/socket.py", "replenisher/venues/limiter.py"),
    "venues/deribit": ("replenisher/venues/deribit/*.py",),
    "the Deribit dialect": ("replenisher/exchange/dialects/deribit/*.py",),
}
Reasons = Mapping[str, Mapping[str, str]]  # by file, and there by function or class; "*" is all of a file


class Executed(NamedTuple):
    """One file: how many lines it has, and those that were not executed, by function."""

    file: str
    lines: int
    missed: Mapping[str, Sequence[int]]

    @property
    def misses(self) -> int:
        """How many that are."""
        return sum(map(len, self.missed.values()))


def main() -> int:
    """Run the seeds and judge; 1 if what was missed has no reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=simulation.cpus())
    parser.add_argument(
        "--data", type=Path, help="a directory to keep what is measured; what is there is not run again"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
        directory = asked.data or Path(folder)
        is_measured = any(directory.glob("seeds.*"))
        if not is_measured and not measure(directory, asked.seeds, asked.minutes, asked.jobs):
            return 1
        files = list(executed(directory))
    reasons = listed()
    unfounded = [f"{name} has a reason, and was executed" for name in superfluous(files, reasons)]
    for room, patterns in ROOMS.items():
        inside = [each for each in files if any(fnmatch(each.file, pattern) for pattern in patterns)]
        unfounded += tell(room, inside, reasons)
    print(f"\nall of it: {share(files):.1%}")
    if share(files) < ENOUGH:
        unfounded.append(f"of all of it less than {ENOUGH:.0%} is executed")
    print("".join(f"  {sentence}\n" for sentence in unfounded), end="")
    return 1 if unfounded else 0


def listed() -> Reasons:
    """What the list says."""
    reasons: dict[str, dict[str, str]] = defaultdict(dict)
    for why, files in yaml.safe_load(REASONS.read_text()).items():
        for file, names in files.items():
            reasons[file].update(dict.fromkeys(names, why))
    return reasons


def measure(directory: Path, seeds: int, minutes: float, jobs: int) -> bool:
    """Run the seeds under coverage, in so many processes; whether all invariants held."""
    virtual = ["--minutes", str(minutes)]
    kinds = {
        "shipped": virtual,
        "wide": [*virtual, "--config", str(WIDE)],
        "sockets": ["--sockets"],
    }
    return all(watched(directory, kind, seeds, jobs, arguments) for kind, arguments in kinds.items())


def watched(directory: Path, kind: str, seeds: int, jobs: int, arguments: Sequence[str]) -> bool:
    """The same of one kind of run."""
    running = []
    for job in range(jobs):
        chosen = range(1, seeds + 1)[job * seeds // jobs : (job + 1) * seeds // jobs]
        if chosen:
            run = ["--seeds", f"{chosen[0]}..{chosen[-1]}", "--jobs", "1", *arguments]
            data = f"--data-file={directory}/seeds.{kind}.{job}"
            watch = ["coverage", "run", "--rcfile=", data, "--source=replenisher"]
            running.append(subprocess.Popen([sys.executable, "-m", *watch, "-m", "replenisher", "simulate", *run]))
    return not sum([process.wait() for process in running])


def executed(directory: Path) -> Iterator[Executed]:
    """What the files say, by which the runs have told what they executed."""
    measured = coverage.Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
    measured.set_option("run:branch", False)
    for file in sorted(directory.glob("seeds.*")):
        told = coverage.CoverageData(str(file))
        told.read()
        measured.get_data().update(told)
    for patterns in ROOMS.values():
        for path in sorted(each for pattern in patterns for each in ROOT.glob(pattern)):
            _, lines, _, missing, _ = measured.analysis2(str(path))
            missed: dict[str, list[int]] = defaultdict(list)
            inside = names_of_lines(path.read_text())
            for line in missing:
                missed[inside.get(line, "")].append(line)
            yield Executed(str(path.relative_to(ROOT)), len(lines), missed)


def names_of_lines(source: str) -> dict[int, str]:
    """In which function each line stands, by its qualified name."""
    names: dict[int, str] = {}

    def walk(node: ast.AST, outer: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = outer
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{outer}.{child.name}".lstrip(".")
                names.update(dict.fromkeys(range(child.lineno, (child.end_lineno or child.lineno) + 1), name))
            walk(child, name)

    walk(ast.parse(source), "")
    return names


def share(files: Sequence[Executed]) -> float:
    """How much of these was executed."""
    lines = sum(each.lines for each in files)
    return 1 - sum(each.misses for each in files) / lines if lines else 1.0


def tell(room: str, files: Sequence[Executed], reasons: Reasons) -> list[str]:
    """Print what was executed of a room; what is wrong with that."""
    lines = sum(each.lines for each in files)
    print(f"\n{room}: {share(files):.1%} of {lines:,} lines")
    without = []
    for each in files:
        if not each.misses:
            continue
        print(f"  {each.file}: {share([each]):.1%}")
        for name, missed in each.missed.items():
            reason = reason_for(each.file, name, reasons)
            print(f"    {name or 'module'} {_ranges(missed)}: {reason or 'no reason is given'}")
            if not reason:
                without.append(f"{each.file}: {name or 'module'} {_ranges(missed)} is missed, and nothing says why")
    return without if share(files) < ENOUGH else []


def reason_for(file: str, name: str, reasons: Reasons) -> str:
    """Why the simulator does not get there; empty if nothing says so."""
    return next((why for pattern, why in reasons.get(file, {}).items() if _fits(name, pattern)), "")


def superfluous(files: Sequence[Executed], reasons: Reasons) -> Iterator[str]:
    """What has a reason and needs none."""
    missed = {each.file: each.missed for each in files}
    for file, patterns in reasons.items():
        for pattern in patterns:
            if not any(_fits(name, pattern) for name in missed.get(file, ())):
                yield f"{file}: {pattern}"


def _fits(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or name.startswith(f"{pattern}.")


def _ranges(lines: Sequence[int]) -> str:
    """Line numbers, those that follow each other as one."""
    told: list[list[int]] = []
    for line in lines:
        if told and line - told[-1][-1] <= 1:
            told[-1][1:] = [line]
        else:
            told.append([line])
    return ", ".join("-".join(map(str, each)) for each in told)


if __name__ == "__main__":
    sys.exit(main())
