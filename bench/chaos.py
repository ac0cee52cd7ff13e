"""Seed after seed, as many as wanted: `make chaos`. It goes on where it was stopped, tells what fails, and sums up.

A line a seed is appended to `chaos-<code>.jsonl`, and what stands there is not run again; a change of a module that a
seed loads, of the configuration, of a library or of the minutes is other code, of which nothing is known. The summary
is printed and written to `chaos-<code>.txt`: seeds, simulated hours, what befell the daemon in each of them, how long
it took to find back, and what failed.
"""

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from msgspec import to_builtins

import replenisher
from replenisher.simulate.faults import NAMES
from replenisher.simulate.tally import WANTED_PER_HOUR
from replenisher.simulate.times import broken
from replenisher.simulate.times import lines as of_times
from replenisher.wiring import simulation

CHUNK = 200  # seeds, after which processes begin anew: little is waited for at the end of so many, and nothing grows
TELL_EVERY_S = 10
ROOT = Path(replenisher.__file__).parent.parent
OURS = ("configs", "replenisher", "strategies")
BRIEF_MINUTES = 0.01  # in which a seed has loaded whatever one of any length does


def main() -> int:
    """Run what is missing, and sum up; 1 if an invariant did not hold or too little went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=10_000, help="the last one")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=simulation.cpus())
    parser.add_argument("--directory", type=Path, default=Path("chaos"))
    asked = parser.parse_args()
    if asked.seeds < asked.first:
        parser.error(f"--seeds: {asked.seeds:,} is the last one, and comes before --first, {asked.first:,}")
    asked.directory.mkdir(exist_ok=True)
    file = asked.directory / f"chaos-{code(asked.minutes)}.jsonl"
    done = read(file)
    missing = [seed for seed in range(asked.first, asked.seeds + 1) if seed not in done]
    task = simulation.Task(simulation.SHIPPED, asked.minutes, NAMES)
    began = told = time.monotonic()
    with file.open("a") as lines:
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            for count, outcome in enumerate(simulation.simulate(task, chunk, min(asked.jobs, len(chunk))), start + 1):
                done[outcome.seed] = document = to_builtins(outcome)
                lines.write(json.dumps(document) + "\n")
                lines.flush()
                if outcome.violation is not None:
                    print(failure(document), file=sys.stderr)
                if time.monotonic() - told > TELL_EVERY_S:
                    told = time.monotonic()
                    left_s = (told - began) / count * (len(missing) - count)
                    print(f"{count:,} of {len(missing):,} seeds, {left_s / 60:.0f} min left", file=sys.stderr)
    text, is_fine = summary([done[seed] for seed in sorted(done) if asked.first <= seed <= asked.seeds])
    file.with_suffix(".txt").write_text(text)
    print(text, end="")
    return 0 if is_fine else 1


def code(minutes: float) -> str:
    """Of what runs here: the same seed gives the same as long as nothing of it changes."""
    digest = blake2b(f"{minutes:g}".encode(), digest_size=6)
    for name in parts():
        digest.update(f"{name}\0".encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()


def parts() -> list[str]:
    """The files that a seed depends on: of ours what it loads, so that a report may be written anew meanwhile."""
    list(simulation.simulate(simulation.Task(simulation.SHIPPED, BRIEF_MINUTES, NAMES), [1], 1))  # loads all of it
    loaded = [Path(file) for module in sys.modules.values() if (file := getattr(module, "__file__", None))]
    names = [file.relative_to(ROOT) for file in [*loaded, simulation.SHIPPED] if file.is_relative_to(ROOT)]
    return sorted(["requirements.lock", *(str(name) for name in names if name.parts[0] in OURS)])


def read(file: Path) -> dict[int, dict[str, Any]]:
    """What has been run already, by seed; a line that was torn off is run again."""
    done: dict[int, dict[str, Any]] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        done[document["seed"]] = document
    return done


def summary(outcomes: list[dict[str, Any]]) -> tuple[str, bool]:
    """What was found, as text, and whether it is what is wanted."""
    hours = sum(outcome["seconds"] for outcome in outcomes) / 3600
    tally: Counter[str] = Counter()
    for outcome in outcomes:
        tally.update(outcome["tally"])
    failed = [outcome for outcome in outcomes if outcome["violation"]]
    lines = [
        f"{len(outcomes):,} seeds, {hours:,.1f} simulated hours at commit {simulation.commit()}: {len(failed)} failed"
    ]
    lines += [failure(outcome) for outcome in failed]
    lines.append("an hour, while an order of ours was at stake:")
    lines += [f"  {count / hours:8.1f}  {name}" for name, count in tally.most_common()]
    times: defaultdict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for name, seen in outcome.get("times", {}).items():
            times[name] += seen
    lines += of_times(times)
    rare = [name for name, wanted in WANTED_PER_HOUR.items() if tally[name] < wanted * hours]
    lines += [f"too rare: {name}, {WANTED_PER_HOUR[name]} an hour are wanted" for name in rare]
    slow = broken(times)
    lines += [f"longer than is promised: {name}" for name in slow]
    return "\n".join(lines) + "\n", not failed and not rare and not slow


def failure(outcome: dict[str, Any]) -> str:
    """What did not hold in one seed."""
    violation = outcome["violation"]
    return f"  seed {outcome['seed']}: {violation['invariant']}: {violation['sentence']}"


if __name__ == "__main__":
    sys.exit(main())
