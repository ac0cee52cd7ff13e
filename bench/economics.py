"""What quoting earns where some of the takers know better: `python -m bench.economics [--json]`.

With `--guards` it says what each guard of refill brings instead (`guards.py`).

The world. The synthetic market that paper trading shows: takers of whom a share pi is informed, and an efficient price
that jumps by J = 6 bps. The real engine, session, codecs, dialect and exchange meet on virtual time
(`replenisher/simulate`), with the delays of paper trading and no rate limit. A seed is one order flow; both quoters
meet the same fifty.

The quoters. *Blind*: `blind.yaml`, one level 0.58 bps from mid, which is below pi x J, what an informed taker
costs on average. *Paper*: the strategy of the shipped `paper.yaml`, as it is.

The figures, each the mean over the seeds with its 95 % interval (Student's t, a seed is one observation):
- P&L in the quote currency, from the exchange's own accounts: cash plus position, marked to the others' mid after all
  orders are gone, less what was paid in.
- Markout of a fill in bps: what the maker had gained against the others' mid 10 s after the fill.
With pi = 0 nobody knows anything, so on average the mid is after a fill where it was before, and the markout of the
blind quoter is its half spread; `standard_errors` says how far from it.

What is printed, with `--json` as one document:
    {"seeds", "seconds", "half_spread_bps", "pi_j_bps",
     "runs": {"blind" | "paper" | "blind, nobody informed": {
         "pnl_quote": {"mean", "low", "high"}, "markout_bps": {"mean", "low", "high"},
         "fills", "refills", "orders", "hash": of all of its fills}},
     "paper_less_blind_quote": {"mean", "low", "high"}: P&L seed by seed, the one less the other,
     "blind_loses", "paper_earns", "standard_errors"}
"""

import argparse
import json
import os
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from decimal import Decimal
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.fingerprint import fingerprint
from bench.progress import Progress
from bench.venue import BenchFailed
from replenisher.config import load
from replenisher.exchange.dialects.deribit import Deribit, DeribitSettings
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.flow import SyntheticSettings
from replenisher.model.command import Intent, PlaceOrder
from replenisher.model.event import OrderFilled
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.court import Check, Daemon, Oracle
from replenisher.simulate.exchange_end import Opened
from replenisher.simulate.life import Life
from replenisher.simulate.world import World
from replenisher.wiring.listings import listings_of
from replenisher.wiring.market import PAPER_KEY
from replenisher.wiring.simulation import CANARY, scene_of

ROOT = Path(__file__).parent.parent
BLIND, PAPER = ROOT / "bench" / "blind.yaml", ROOT / "configs" / "paper.yaml"
START = 1_700_000_000 * SECOND_NS
MARKOUT_NS = 10 * SECOND_NS
DELAY_NS = 2 * MS_NS
CREDITS = 1_000_000  # a second: the rate limit is not what is measured
T_95 = 2.01  # Student's t for the usual fifty seeds
BPS = 10_000
ACCOUNT = "main"
ZERO = Decimal(0)
ROUNDING = Decimal("1e-8")  # of the settlement currency, at each fill


class Case(NamedTuple):
    """Who quotes, and whether anybody is informed."""

    name: str
    file: Path
    informed_share: float


INFORMED = SyntheticSettings().informed_share
CASES = (
    Case("blind", BLIND, INFORMED),
    Case("paper", PAPER, INFORMED),
    Case("blind, nobody informed", BLIND, 0.0),
)


class Run(NamedTuple):
    """What one seed brought."""

    pnl_quote: float
    markout_bps: float
    fills: int
    refills: int
    orders: int
    hash: str
    markout_1s_bps: float


class Witness(Check):
    """Sees every step: when the others' mid was where, and what was filled."""

    name = "economics"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._times: list[int] = []
        self._mids: list[float] = []
        self.fills: list[OrderFilled] = []
        self.orders = self.refills = 0

    def stepped(self, daemon: Daemon, step: Step) -> None:
        """One step of the engine."""
        assert isinstance(daemon, Life), "there is no other daemon here"
        (instrument,) = self.oracle.instruments
        if (touch := daemon.engine.state.touch_of(instrument, step.at)) is not None:
            self._times.append(step.at)
            self._mids.append((touch.bid + touch.ask) / 2 * daemon.engine.state.instruments[instrument].tick_float)
        self.fills += [event for event in step.events if isinstance(event, OrderFilled)]
        placed = [command for command in step.commands if isinstance(command, PlaceOrder)]
        self.orders += len(placed)
        self.refills += sum(command.intent is Intent.REFILL for command in placed)

    def pnl_quote(self, mid: Decimal) -> Decimal:
        """What the fills alone add up to at this mid; the instrument is inverse."""
        paid = sum((fill.side.sign * fill.amount * (1 / fill.price - 1 / mid) - fill.fee for fill in self.fills), ZERO)
        return paid * mid

    def markout_bps(self, until: int, after_ns: int = MARKOUT_NS) -> float:
        """The mean over the fills whose horizon ended before `until`; nan without any."""
        gains = []
        for fill in self.fills:
            horizon = fill.venue_time + after_ns
            if horizon <= until:
                later = self._mids[bisect_right(self._times, horizon) - 1]
                gains.append((later / float(fill.price) - 1) * fill.side.sign * BPS)
        return fmean(gains) if gains else float("nan")


def run(case: Case, seed: int, seconds: int) -> Run:
    """One quoter in one order flow."""
    config = load(case.file)
    section = config.exchange
    assert section is not None, "both configurations have an exchange"
    informed = section.market.model_copy(update={"informed_share": case.informed_share})
    section = section.model_copy(update={"market": informed})
    listings = listings_of(section, tape=None, seed=seed, clock=lambda _: START)
    market = listings[0].market
    instrument = market.instrument
    exchange = Exchange(
        exchange_id="ec" * 8,
        seed=seed,
        listings=listings,
        balances={ACCOUNT: dict(section.balances)},
        append=lambda _: None,
        at=START,
    )
    keys = (ApiKey(PAPER_KEY, CANARY, ACCOUNT),)
    dialect = Deribit(exchange, DeribitSettings(keys=keys, credits_per_s=CREDITS, credits_burst=CREDITS))
    scene = replace(
        scene_of(config),
        open_exchange=lambda _seed: lambda _at, _past, _append: Opened(exchange, dialect),
        delays_ns=(DELAY_NS, DELAY_NS),
    )
    with TemporaryDirectory(prefix="economics-") as folder:
        world = World(scene, seed=seed, at=START, directory=Path(folder), checks=[Witness])
        (witness,) = (check for check in world.checks if isinstance(check, Witness))
        world.run(seconds)
        until = world.at
        if world.stop() != "exit 0":
            raise BenchFailed(f"{case.name}, seed {seed}: not verified flat")
    bid, ask = market.best(Side.BUY), market.best(Side.SELL)
    assert bid is not None and ask is not None, "the synthetic market always has two sides"
    mid = (bid + ask) * instrument.tick / 2
    pnl_quote = _pnl_quote(exchange, instrument, section.balances[instrument.settlement_currency], mid)
    if abs(pnl_quote - witness.pnl_quote(mid)) > len(witness.fills) * ROUNDING * mid:
        raise BenchFailed(f"{case.name}, seed {seed}: the exchange's accounts and the fills we were told disagree")
    return Run(
        pnl_quote=float(pnl_quote),
        markout_bps=witness.markout_bps(until),
        fills=len(witness.fills),
        refills=witness.refills,
        orders=witness.orders,
        markout_1s_bps=witness.markout_bps(until, SECOND_NS),
        hash=fingerprint(repr([(fill.trade_id, fill.price, fill.amount) for fill in witness.fills]).encode()),
    )


def _pnl_quote(exchange: Exchange, instrument: Instrument, paid_in: Decimal, mid: Decimal) -> Decimal:
    """What the accounts of the exchange say: cash, less what was paid in, what waits, and the position at the mid."""
    position = exchange.views.position(ACCOUNT, instrument.name)
    account = exchange.views.account(ACCOUNT, instrument.settlement_currency)
    gained = position.entry_value - abs(position.size) / mid
    return (account.balance - paid_in + account.realized + (gained if position.size > 0 else -gained)) * mid


class Figure(NamedTuple):
    """A mean over the seeds, and its standard error."""

    mean: float
    error: float
    t: float = T_95

    @classmethod
    def of(cls, values: Sequence[float], t: float = T_95) -> "Figure":
        """From one value a seed."""
        return cls(fmean(values), stdev(values) / sqrt(len(values)), t)

    @property
    def low(self) -> float:
        """Where its 95 % interval begins."""
        return self.mean - self.t * self.error

    @property
    def high(self) -> float:
        """Where it ends."""
        return self.mean + self.t * self.error

    def interval(self) -> dict[str, float]:
        """As it is printed."""
        return {"mean": round(self.mean, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def measure(seeds: int, seconds: int) -> dict[str, Any]:
    """Every case on every seed, on as many processes as there are CPUs."""
    progress = Progress()
    jobs = [(case, seed, seconds) for case in CASES for seed in range(1, seeds + 1)]
    runs: dict[str, list[Run]] = {case.name: [] for case in CASES}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, (job, found) in enumerate(zip(jobs, pool.map(run, *zip(*jobs, strict=True)), strict=True), start=1):
            runs[job[0].name].append(found)
            progress.say(f"{done} of {len(jobs)} runs")
    return document(runs, seeds, seconds)


def document(runs: Mapping[str, Sequence[Run]], seeds: int, seconds: int) -> dict[str, Any]:
    """What is printed."""
    pnl = {name: Figure.of([each.pnl_quote for each in found]) for name, found in runs.items()}
    markout = {name: Figure.of([each.markout_bps for each in found]) for name, found in runs.items()}
    half_spread_bps = load(BLIND).effective()["strategies"][0]["bid_spread_bps"]
    uninformed = markout["blind, nobody informed"]
    return {
        "seeds": seeds,
        "seconds": seconds,
        "half_spread_bps": half_spread_bps,
        "pi_j_bps": INFORMED * SyntheticSettings().jump_bps,
        "runs": {
            name: {
                "pnl_quote": pnl[name].interval(),
                "markout_bps": markout[name].interval(),
                "fills": sum(each.fills for each in found),
                "refills": sum(each.refills for each in found),
                "orders": sum(each.orders for each in found),
                "hash": fingerprint("".join(each.hash for each in found).encode()),
            }
            for name, found in runs.items()
        },
        "paper_less_blind_quote": Figure.of(
            [paper.pnl_quote - blind.pnl_quote for paper, blind in zip(runs["paper"], runs["blind"], strict=True)]
        ).interval(),
        "blind_loses": pnl["blind"].high < 0,
        "paper_earns": pnl["paper"].low > 0,
        "standard_errors": round((uninformed.mean - half_spread_bps) / uninformed.error, 2),
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        f"{found['seeds']} order flows of {found['seconds']} s; pi x J = {found['pi_j_bps']:g} bps",
        f"{'mean a seed, 95 % interval':26} {'P&L, USD':>28} {'markout at 10 s, bps':>26} {'fills':>8} {'orders':>8}",
    ]
    for name, case in found["runs"].items():
        pnl, markout = case["pnl_quote"], case["markout_bps"]
        lines.append(
            f"{name:26} {pnl['mean']:10.2f} [{pnl['low']:7.2f}, {pnl['high']:7.2f}]"
            f" {markout['mean']:8.3f} [{markout['low']:6.3f}, {markout['high']:6.3f}]"
            f" {case['fills']:8,} {case['orders']:8,}  {case['hash']}"
        )
    lines += [
        f"the blind quoter loses: {'yes' if found['blind_loses'] else 'not shown'}",
        f"paper.yaml earns: {'yes' if found['paper_earns'] else 'not shown'}",
        f"nobody informed: markout - half spread of {found['half_spread_bps']:g} bps ="
        f" {found['standard_errors']:+.2f} standard errors",
    ]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code says whether all three statements hold."""
    words = sys.argv[1:] if words is None else words
    if "--guards" in words:
        from bench import guards

        return guards.main([word for word in words if word != "--guards"])
    parser = argparse.ArgumentParser(prog="python -m bench.economics", description="What quoting earns.")
    parser.add_argument(
        "--guards", action="store_true", help="what each guard of refill brings, which has its own --help"
    )
    parser.add_argument("--seeds", type=int, default=50, help="order flows, at least 2")
    parser.add_argument("--seconds", type=int, default=60, help="of trading in each, more than the markout's 10")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(words)
    if chosen.seeds < 2 or chosen.seconds * SECOND_NS <= MARKOUT_NS:
        parser.error("it takes at least 2 seeds, and more than 10 seconds")
    try:
        found = measure(chosen.seeds, chosen.seconds)
    except BenchFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if found["blind_loses"] and found["paper_earns"] and abs(found["standard_errors"]) <= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
