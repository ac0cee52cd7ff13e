"""What each guard of refill brings, on against off: `python -m bench.economics --guards [--tune] [--json]`.

The world is that of `bench.economics`, for a share pi of informed takers of 0, 0.1 and 0.2. Who quotes is a *ladder*
(`ladder.yaml`): four levels a side that lean against what is held, and a maker's fee of 1 bps. Every guard meets the
same order flows as the ladder without any, so what it changes is a difference seed by seed. What is reported comes from
seeds 1001 and on, of which nothing was tuned; `--tune` tries a few values of each guard on seeds 1 and on. `--seeds`
says how many; `--results FILE` keeps every run, one a line, and goes on where it ends.

With `--tape FILE` a recording is the market instead. It is played once for each guard, and cut into parts of a minute:
each is one observation. They follow one another, so what one part left is held in the next one.

The figures, each a mean over the seeds with its 95 % interval (Student's t, a seed is one observation):
- P&L of a fill in the quote currency: the seed's P&L by the exchange's own accounts, over its fills.
- Markout of a fill in bps, against the others' mid 1 s and 10 s after it. The mid jumps only when informed takers have
  eaten their way to the efficient price, so it takes seconds until a markout tells what they knew.
- Each of them, and the P&L of a whole seed, with the guard less that without it, seed by seed.

The verdicts are two, for a guard that trades less may lose less and yet have worse fills: one on the P&L of a fill, one
on that of a whole seed. A guard *helps* if the whole interval of the difference is above zero, *harms* if it is below,
and else its effect is not shown by so many seeds. For a verdict the interval is as wide as it must be for all guards
compared to hold together: of five 95 % intervals that mean nothing some leave out zero in more than a fifth of all
tables.

What was found, and what may be said of it, is in `docs/guards.md`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite, nan
from operator import attrgetter
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from bench.economics import ROOT, Case, Figure, Run, run, run_on_tape
from bench.progress import Progress
from replenisher.config import load, market_overrides
from replenisher.exchange.recorded import INSTRUMENT_NAME

LADDER = ROOT / "bench" / "ladder.yaml"
SHARES = (0.0, 0.1, 0.2)
REPORTED_FROM, TUNED_FROM = 1001, 1
OFF = "off"

Changes = Mapping[str, Any]  # to the strategy of a quoter


# What is reported of a run.
FIGURES: Mapping[str, Callable[[Run], float]] = {
    "pnl_a_fill_quote": lambda run: run.pnl_quote / run.fills if run.fills else nan,
    "markout_1s_bps": attrgetter("markout_1s_bps"),
    "markout_10s_bps": attrgetter("markout_bps"),
    "pnl_quote": attrgetter("pnl_quote"),
}
JUDGED = ("pnl_a_fill_quote", "pnl_quote")
MEASURED = ("P&L a fill", "markout 1 s", "markout 10 s", "P&L of a flow")  # the figures, in words
TITLES = ("guard", *MEASURED, *(f"{name}, less off" for name in MEASURED), "fills", "a fill", "a flow")

TOXICITY = {"horizon_s": 5, "window_s": 30, "fills_min": 5}  # whatever follows from it

# What is reported: of each guard, what did best while it was tuned.
CHOSEN = (
    OFF,
    "toxicity, widen 1",
    "toxicity, withhold",
    "clusters of 3",
    "min profit 5",
    "hanging 0.2",
    "keep place 1",
    "5 a minute",
    "30,000 a day",
)


def guards() -> dict[str, Changes]:
    """All that `--tune` tries."""
    return {
        OFF: {},
        "toxicity, widen 1": toxic("widen", widen_bps=1.0),
        "toxicity, widen 2": toxic("widen", widen_bps=2.0),
        "toxicity, withhold": toxic("withhold"),
        "toxicity, delay 2 s": toxic("delay", delay_s=2),
        "clusters of 2": clustered(2),
        "clusters of 3": clustered(3),
        **{f"min profit {bps}": {"min_profit_bps": bps} for bps in (3, 4, 5)},
        **{f"hanging {pct:g}": {"refill": {"hanging_pct": pct}} for pct in (0.05, 0.2)},
        **{f"keep place {bps:g}": {"keep_place": {"within_bps": bps}} for bps in (0.5, 1)},
        **{f"{most} a minute": {"refill": {"max_per_minute": most}} for most in (5, 10)},
        **{f"{most:,} a day": capped(most) for most in (30_000, 60_000)},
    }


def toxic(response: str, **more: object) -> Changes:
    """Levels are judged by their own fills."""
    return {"refill": {"toxicity": {**TOXICITY, "response": response, **more}}}


def clustered(fills: int) -> Changes:
    """Levels are judged by how close together fills of their side came, and by nothing else."""
    markout_never = {"markout_bps_min": -1000}
    return toxic("delay", delay_s=2, cluster_fills=fills, cluster_s=1, **markout_never)


def capped(most_quote: int) -> Changes:
    """So much is bought and sold in a day, which is the whole run."""
    return {"refill": {"max_daily_buy_quote": most_quote, "max_daily_sell_quote": most_quote}}


class Job(NamedTuple):
    """One run: with which guard, how many know, and which order flow."""

    guard: str
    share: float
    seed: int
    seconds: int

    @property
    def market(self) -> str:
        """Where it was."""
        return f"pi = {self.share:g}"


class Part(NamedTuple):
    """One part of a recording, and with which guard."""

    guard: str
    market: str
    seed: int  # its number, from 1
    seconds: int


def written(folder: Path, guard: str, *, is_recorded: bool = False) -> Path:
    """The configuration of the ladder with a guard; on a recorded market, the instrument as which that is listed."""
    content = yaml.safe_load(LADDER.read_text())
    (strategy,) = content["strategies"]
    if is_recorded:
        content["exchange"] |= {"balances": {"USDT": "100000000"}}
        strategy["instrument"] = INSTRUMENT_NAME
    changes = guards()[guard]
    strategy |= {key: strategy[key] | value if key == "refill" else value for key, value in changes.items()}
    path = folder / f"{guard}.yaml".replace(" ", "-")
    path.write_text(yaml.safe_dump(content))
    return path


def student(freedom: int, among: int = 1) -> float:
    """How many standard errors the 95 % interval reaches, so that all of so many intervals hold together (Bonferroni).

    Student's t by the expansion of Abramowitz & Stegun 26.7.5; within 1 % from 4 degrees of freedom on.
    """
    z, n = NormalDist().inv_cdf(1 - 0.025 / among), freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def figure(values: Sequence[float], among: int = 1) -> dict[str, float] | None:
    """Mean and interval of one value a seed; None where too few seeds have one."""
    known = [value for value in values if isfinite(value)]
    return Figure.of(known, student(len(known) - 1, among)).interval() if len(known) > 1 else None


def measure(jobs: Sequence[Job], results: Path | None) -> dict[Job, Run]:
    """Every run that has no result yet, one after the other."""
    found = dict(_kept(results)) if results is not None and results.exists() else {}
    found = {job: found[job] for job in jobs if job in found}
    progress = Progress()
    with TemporaryDirectory(prefix="guards-") as name:
        for job in jobs:
            if job in found:
                continue
            file = written(Path(name), job.guard)
            found[job] = run(Case(job.guard, file, job.share), job.seed, job.seconds)
            if results is not None:
                with results.open("a") as lines:
                    lines.write(json.dumps([*job, *found[job]]) + "\n")
            progress.say(f"{len(found)} of {len(jobs)} runs")
    return found


def measure_tape(guards: Sequence[str], tape: Path, seconds: int) -> dict[Part, Run]:
    """The parts of a recording, guard by guard."""
    progress = Progress()
    found: dict[Part, Run] = {}
    with TemporaryDirectory(prefix="guards-") as name:
        for done, guard in enumerate(guards, start=1):
            file = written(Path(name), guard, is_recorded=True)
            parts = run_on_tape(load(file, market_overrides(tape, None)), seconds)
            found |= {Part(guard, tape.name, number, seconds): part for number, part in enumerate(parts, 1)}
            progress.say(f"{done} of {len(guards)} guards on {tape.name}")
    return found


def _kept(results: Path) -> Iterator[tuple[Job, Run]]:
    for line in results.read_text().splitlines():
        values = json.loads(line)
        yield Job(*values[: len(Job._fields)]), Run(*values[len(Job._fields) :])


def document(found: Mapping[Job, Run] | Mapping[Part, Run]) -> dict[str, Any]:
    """What is printed: by market, and by guard."""
    markets: dict[str, dict[str, dict[int, Run]]] = {}
    for job, brought in found.items():
        markets.setdefault(job.market, {}).setdefault(job.guard, {})[job.seed] = brought
    jobs: list[Job | Part] = [*found]
    seeds = sorted({job.seed for job in jobs})
    return {
        "seeds": [seeds[0], seeds[-1]],
        "seconds": jobs[0].seconds,
        "markets": {
            market: {guard: _row(by_seed, runs[OFF], among=max(1, len(runs) - 1)) for guard, by_seed in runs.items()}
            for market, runs in markets.items()
        },
    }


def _row(on: Mapping[int, Run], off: Mapping[int, Run], among: int) -> dict[str, Any]:
    paired = [seed for seed in on if seed in off]
    less_off = {name: [of(on[seed]) - of(off[seed]) for seed in paired] for name, of in FIGURES.items()}
    return {
        **{name: figure([of(each) for each in on.values()]) for name, of in FIGURES.items()},
        "less_off": {name: figure(values) for name, values in less_off.items()},
        "flows": len(paired),
        "fills": sum(each.fills for each in on.values()),
        "orders": sum(each.orders for each in on.values()),
        "verdicts": {} if on is off else {name: verdict(less_off[name], among) for name in JUDGED},
    }


def verdict(gains: Sequence[float], among: int) -> str:
    """What may be said of a guard by what it brought seed by seed, where it is one of so many."""
    gain = figure(gains, among)
    return "not shown" if gain is None or gain["low"] <= 0 <= gain["high"] else "helps" if gain["low"] > 0 else "harms"


def table(found: dict[str, Any]) -> str:
    """The same for people, as `docs/guards.md` has it."""
    first, last = found["seeds"]
    lines = [f"Seeds or parts {first} to {last}, {found['seconds']} s each; USD and bps, mean and 95 % interval."]
    for market, rows in found["markets"].items():
        lines += ["", f"### {market}", "", _line(TITLES), _line(["---"] * len(TITLES))]
        for guard, row in rows.items():
            less = [told(row["less_off"][name]) if row["verdicts"] else "" for name in FIGURES]
            verdicts = [row["verdicts"].get(name, "") for name in JUDGED]
            lines.append(_line([guard, *(told(row[name]) for name in FIGURES), *less, f"{row['fills']:,}", *verdicts]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def told(interval: Mapping[str, float] | None) -> str:
    """A mean and its interval."""
    if interval is None:
        return "-"
    digits = 0 if abs(interval["mean"]) >= 10 else 2
    mean, low, high = (f"{interval[name]:,.{digits}f}" for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.economics --guards", description="What each guard brings.")
    parser.add_argument("--tune", action="store_true", help="try several values on seeds 1 and on, instead of 1001 on")
    parser.add_argument("--share", type=float, action="append", metavar="PI", help="of informed takers (0, 0.1, 0.2)")
    parser.add_argument("--seeds", type=int, help="order flows, at least 2 (200; 100 with --tune)")
    parser.add_argument("--seconds", type=int, default=30, help="of trading in each, more than the markout's 10")
    parser.add_argument("--tape", type=Path, metavar="FILE", help="a recording, instead of order flows")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep each run here, and go on where it ends")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(words)
    compared = list(guards()) if chosen.tune else CHOSEN
    first, seeds = (TUNED_FROM, chosen.seeds or 100) if chosen.tune else (REPORTED_FROM, chosen.seeds or 200)
    if seeds < 2 or chosen.seconds <= 10:
        parser.error("it takes at least 2 seeds, and more than 10 seconds")
    jobs = [
        Job(guard, share, seed, chosen.seconds)
        for seed in range(first, first + seeds)
        for share in chosen.share or SHARES
        for guard in compared
    ]
    if chosen.tape is not None:
        found = document(measure_tape(compared, chosen.tape, chosen.seconds))
    else:
        found = document(measure(jobs, chosen.results))
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
