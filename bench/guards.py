"""What each guard of refill brings, on against off: `python -m bench.economics --guards [--tune] [--json]`.

The world and the quoter are those of `bench.economics`: the blind one, for a share pi of informed takers of 0, 0.1 and
0.2. Every guard meets the same order flows as the quoter without any, so what it changes is a difference seed by seed.
What is reported comes from seeds 1001 and on, of which nothing was tuned; `--tune` tries a few values of each guard on
seeds 1 and on. `--seeds` says how many; `--results FILE` keeps every run, one a line, and goes on where it ends.

The figures, each a mean over the seeds with its 95 % interval (Student's t, a seed is one observation):
- P&L of a fill in the quote currency: the seed's P&L by the exchange's own accounts, over its fills.
- Markout of a fill in bps, against the others' mid 1 s and 10 s after it. The mid jumps only when informed takers have
  eaten their way to the efficient price, so it takes seconds until a markout tells what they knew.
- P&L of a seed with the guard less that without it. A guard helps if the whole interval is above zero, harms if it is
  below, and else its effect is not shown by so many seeds.

What was found, and what may be said of it, is in `docs/guards.md`: so far no guard was shown to help where anybody is
informed, and what toxicity seems to earn where nobody is comes of a mid that the quoter moves itself.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from bench.economics import BLIND, Case, Figure, Run, run
from bench.progress import Progress

SHARES = (0.0, 0.1, 0.2)
REPORTED_FROM, TUNED_FROM = 1001, 1
OFF = "off"
Z_95 = 1.959964

Changes = Mapping[str, Any]  # to the strategy of the blind quoter

TOXICITY = {"horizon_s": 5, "window_s": 30, "fills_min": 10}


def toxicity(**other: object) -> Changes:
    """The guard that judges a level by its own fills."""
    return {"refill": {"toxicity": TOXICITY | other}}


def min_profit(min_profit_bps: float) -> Changes:
    """The guard that keeps away from fair value; nothing is charged here."""
    return {"min_profit_bps": min_profit_bps, "maker_fee_bps": 0}


GUARDS: dict[str, Changes] = {
    OFF: {},
    "toxicity, widen": toxicity(response="widen", widen_bps=1.0),
    "toxicity, withhold": toxicity(response="withhold"),
    "toxicity, clusters": toxicity(response="delay", delay_s=2, markout_bps_min=-1000, cluster_fills=3, cluster_s=1),
    "min profit": min_profit(1.2),
    "hanging": {"refill": {"hanging_pct": 0.2}},
    "keep place": {"keep_place": {"within_bps": 0.3}},
}
TUNED: dict[str, Changes] = {
    OFF: {},
    "toxicity, widen 1": toxicity(response="widen", widen_bps=1.0),
    "toxicity, widen 2": toxicity(response="widen", widen_bps=2.0),
    "toxicity, withhold": toxicity(response="withhold"),
    "toxicity, delay 2 s": toxicity(response="delay", delay_s=2),
    "toxicity, clusters of 2": toxicity(
        response="delay", delay_s=2, markout_bps_min=-1000, cluster_fills=2, cluster_s=1
    ),
    "toxicity, clusters of 3": toxicity(
        response="delay", delay_s=2, markout_bps_min=-1000, cluster_fills=3, cluster_s=1
    ),
    "min profit 0.9": min_profit(0.9),
    "min profit 1.2": min_profit(1.2),
    "min profit 2": min_profit(2.0),
    "hanging 0.05": {"refill": {"hanging_pct": 0.05}},
    "hanging 0.2": {"refill": {"hanging_pct": 0.2}},
    "keep place 0.3": {"keep_place": {"within_bps": 0.3}},
    "keep place 1": {"keep_place": {"within_bps": 1.0}},
}


class Job(NamedTuple):
    """One run: which guard, how many know, and which order flow."""

    guard: str
    share: float
    seed: int
    seconds: int


def written(folder: Path, guard: str, changes: Changes) -> Path:
    """The configuration of the blind quoter with a guard."""
    content = yaml.safe_load(BLIND.read_text())
    (strategy,) = content["strategies"]
    strategy |= {key: strategy[key] | value if key == "refill" else value for key, value in changes.items()}
    path = folder / f"{guard.replace(' ', '-')}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def t_95(freedom: int) -> float:
    """The 97.5 % point of Student's t, by the expansion of Abramowitz & Stegun 26.7.5; within 1 % from 4 on."""
    z, n = Z_95, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def figure(values: Sequence[float]) -> dict[str, float] | None:
    """Mean and interval of one value a seed; None where too few seeds have one."""
    known = [value for value in values if isfinite(value)]
    return Figure.of(known, t_95(len(known) - 1)).interval() if len(known) > 1 else None


def measure(jobs: Sequence[Job], guards: Mapping[str, Changes], results: Path | None) -> dict[Job, Run]:
    """Every run that has no result yet, one after the other."""
    found = dict(_kept(results)) if results is not None and results.exists() else {}
    found = {job: found[job] for job in jobs if job in found}
    progress = Progress()
    with TemporaryDirectory(prefix="guards-") as name:
        paths = {guard: written(Path(name), guard, changes) for guard, changes in guards.items()}
        for job in jobs:
            if job in found:
                continue
            found[job] = run(Case(job.guard, paths[job.guard], job.share), job.seed, job.seconds)
            if results is not None:
                with results.open("a") as lines:
                    lines.write(json.dumps([*job, *found[job]]) + "\n")
            progress.say(f"{len(found)} of {len(jobs)} runs")
    return found


def _kept(results: Path) -> Iterator[tuple[Job, Run]]:
    for line in results.read_text().splitlines():
        values = json.loads(line)
        yield Job(*values[: len(Job._fields)]), Run(*values[len(Job._fields) :])


def document(found: Mapping[Job, Run]) -> dict[str, Any]:
    """What is printed: by share, and by guard."""
    shares: dict[str, dict[str, Any]] = {}
    for share in dict.fromkeys(job.share for job in found):
        runs: dict[str, dict[int, Run]] = {}
        for job, brought in found.items():
            if job.share == share:
                runs.setdefault(job.guard, {})[job.seed] = brought
        shares[f"{share:g}"] = {guard: _row(by_seed, runs[OFF]) for guard, by_seed in runs.items()}
    seeds = sorted({job.seed for job in found})
    return {"seeds": [seeds[0], seeds[-1]], "seconds": next(iter(found)).seconds, "shares": shares}


def _row(on: Mapping[int, Run], off: Mapping[int, Run]) -> dict[str, Any]:
    gain = figure([on[seed].pnl_quote - off[seed].pnl_quote for seed in on if seed in off])
    verdict = "is the measure" if on is off else "not shown"
    if on is not off and gain is not None:
        verdict = "helps" if gain["low"] > 0 else "harms" if gain["high"] < 0 else verdict
    return {
        "pnl_a_fill_quote": figure([each.pnl_quote / each.fills for each in on.values() if each.fills]),
        "markout_1s_bps": figure([each.markout_1s_bps for each in on.values()]),
        "markout_10s_bps": figure([each.markout_bps for each in on.values()]),
        "pnl_quote": figure([each.pnl_quote for each in on.values()]),
        "pnl_less_off_quote": gain,
        "fills": sum(each.fills for each in on.values()),
        "orders": sum(each.orders for each in on.values()),
        "verdict": verdict,
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    first, last = found["seeds"]
    columns = {
        "pnl_a_fill_quote": "P&L a fill",
        "markout_1s_bps": "markout 1 s",
        "markout_10s_bps": "markout 10 s",
        "pnl_less_off_quote": "P&L less off",
    }
    lines = [f"seeds {first} to {last}, {found['seconds']} s each; USD and bps, mean and 95 % interval"]
    for share, rows in found["shares"].items():
        lines.append(f"pi = {share}".ljust(24) + "".join(f"{title:>26}" for title in columns.values()) + "   fills")
        for guard, row in rows.items():
            cells = "".join(f"{_told(row[column]):>26}" for column in columns)
            lines.append(f"{guard:24}{cells}{row['fills']:8,}  {row['verdict']}")
    return "\n".join(lines)


def _told(interval: dict[str, float] | None) -> str:
    if interval is None:
        return "-"
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.economics --guards", description="What each guard brings.")
    parser.add_argument("--tune", action="store_true", help="try several values on seeds 1 and on, instead of 1001 on")
    parser.add_argument("--seeds", type=int, help="order flows, at least 2 (200; 100 with --tune)")
    parser.add_argument("--seconds", type=int, default=60, help="of trading in each, more than the markout's 10")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep each run here, and go on where it ends")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(words)
    guards, first, seeds = (TUNED, TUNED_FROM, 100) if chosen.tune else (GUARDS, REPORTED_FROM, 200)
    seeds = chosen.seeds or seeds
    if seeds < 2 or chosen.seconds <= 10:
        parser.error("it takes at least 2 seeds, and more than 10 seconds")
    jobs = [
        Job(guard, share, seed, chosen.seconds)
        for seed in range(first, first + seeds)
        for share in SHARES
        for guard in guards
    ]
    found = document(measure(jobs, guards, chosen.results))
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
