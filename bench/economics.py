"""What quoting earns where some of the takers know better: `python -m bench.economics [--json]`.

With `--guards` it says what each guard of refill brings instead (`guards.py`).

The world. The synthetic market that paper trading shows: takers of whom a share pi is informed, and an efficient price
that jumps by J = 6 bps. The real engine and exchange meet on virtual time (`replenisher/backtest`), with the delays of
paper trading and no rate limit. A seed is one order flow; both quoters meet the same fifty.

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
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from bench.fingerprint import fingerprint
from bench.progress import Progress
from bench.venue import BenchFailed
from replenisher.backtest.replay import Replay
from replenisher.config import Config, load
from replenisher.core.state import State
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.market import Listing
from replenisher.model.command import Intent, PlaceOrder
from replenisher.model.event import OrderFilled
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.wiring.listings import listings_of
from replenisher.wiring.replay_parts import replay_of
from replenisher.wiring.setup import setup_of

ROOT = Path(__file__).parent.parent
BLIND, PAPER = ROOT / "bench" / "blind.yaml", ROOT / "configs" / "paper.yaml"
START = 1_700_000_000 * SECOND_NS
MARKOUT_NS = 10 * SECOND_NS
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


class Witness:
    """Sees every step: when the others' mid was where, and what was filled."""

    def __init__(self, state: State, instrument: Instrument) -> None:
        self._state, self._instrument = state, instrument
        self._times: list[int] = []
        self._mids: list[float] = []
        self.fills: list[OrderFilled] = []
        self.orders = self.refills = 0

    def observe(self, step: Step) -> None:
        """One step of the engine."""
        if (touch := self._state.touch_of(self._instrument.key, step.at)) is not None:
            self._times.append(step.at)
            self._mids.append((touch.bid + touch.ask) / 2 * self._instrument.tick_float)
        self.fills += [event for event in step.events if isinstance(event, OrderFilled)]
        placed = [command for command in step.commands if isinstance(command, PlaceOrder)]
        self.orders += len(placed)
        self.refills += sum(command.intent is Intent.REFILL for command in placed)

    def mid_at(self, at: int) -> float:
        """Where the others' mid was; before it was seen, where it was first."""
        return self._mids[max(0, bisect_right(self._times, at) - 1)]

    def pnl_quote(self, mid: Decimal, until: int) -> Decimal:
        """What the fills until then alone add up to at this mid."""
        fills = [fill for fill in self.fills if fill.at <= until]
        if self._instrument.inverse:
            gains = (fill.side.sign * fill.amount * (1 / fill.price - 1 / mid) - fill.fee for fill in fills)
            return sum(gains, ZERO) * mid
        return sum((fill.side.sign * fill.amount * (mid - fill.price) - fill.fee for fill in fills), ZERO)

    def markout_bps(self, fills: Iterable[OrderFilled], until: int, after_ns: int = MARKOUT_NS) -> float:
        """The mean over the fills whose horizon ended before `until`; nan without any."""
        gains = []
        for fill in fills:
            horizon = fill.venue_time + after_ns
            if horizon <= until:
                gains.append((self.mid_at(horizon) / float(fill.price) - 1) * fill.side.sign * BPS)
        return fmean(gains) if gains else float("nan")


def run(case: Case, seed: int, seconds: int) -> Run:
    """One quoter in one order flow."""
    config = load(case.file)
    section = config.exchange
    assert section is not None, "both configurations have an exchange"
    informed = section.market.model_copy(update={"informed_share": case.informed_share})
    section = section.model_copy(update={"market": informed})
    (listing,) = listings_of(section, tape=None, seed=seed, clock=lambda _: START)
    market = listing.market
    instrument = market.instrument
    game, witness = _traded(config, listing, START)
    game.run(START + seconds * SECOND_NS)
    until = game.at
    game.stop()
    if not game.is_flat:
        raise BenchFailed(f"{case.name}, seed {seed}: not verified flat")
    bid, ask = market.best(Side.BUY), market.best(Side.SELL)
    assert bid is not None and ask is not None, "the synthetic market always has two sides"
    mid = (bid + ask) * instrument.tick / 2
    pnl_quote = _pnl_quote(game.exchange, instrument, section.balances[instrument.settlement_currency], mid)
    if abs(pnl_quote - witness.pnl_quote(mid, game.at)) > len(witness.fills) * ROUNDING * mid:
        raise BenchFailed(f"{case.name}, seed {seed}: the exchange's accounts and the fills we were told disagree")
    return Run(
        pnl_quote=float(pnl_quote),
        markout_bps=witness.markout_bps(witness.fills, until),
        fills=len(witness.fills),
        refills=witness.refills,
        orders=witness.orders,
        markout_1s_bps=witness.markout_bps(witness.fills, until, SECOND_NS),
        hash=fingerprint(repr([(fill.trade_id, fill.price, fill.amount) for fill in witness.fills]).encode()),
    )


def run_on_tape(config: Config, seconds: int) -> list[Run]:
    """One quoter on a whole recording, in parts of so many seconds; P&L is what equity has grown by in each.

    What is left at the end, shorter than a part, does not count.
    """
    section = config.exchange
    assert section is not None, "it has an exchange"
    began_at = START

    def clock(tape_begins: int) -> int:
        nonlocal began_at
        began_at = tape_begins
        return began_at

    (listing,) = listings_of(section, tape=config.tape, seed=section.seed, clock=clock)
    game, witness = _traded(config, listing, began_at)
    while not game.is_closed:
        game.run(game.at + SECOND_NS)
    ended_at = game.at
    game.stop()
    parts: list[Run] = []
    before = ZERO
    for end in range(began_at + seconds * SECOND_NS, ended_at + 1, seconds * SECOND_NS):
        fills = [fill for fill in witness.fills if end - seconds * SECOND_NS < fill.at <= end]
        equity = witness.pnl_quote(Decimal(repr(witness.mid_at(end))), end)
        parts.append(
            Run(
                pnl_quote=float(equity - before),
                markout_bps=witness.markout_bps(fills, ended_at),
                fills=len(fills),
                refills=witness.refills,
                orders=witness.orders,
                markout_1s_bps=witness.markout_bps(fills, ended_at, SECOND_NS),
                hash="",
            )
        )
        before = equity
    return parts


def _traded(config: Config, listing: Listing, at: int) -> tuple[Replay, Witness]:
    """A life of this configuration on this market, that has begun."""
    state = State.load(setup_of(config), None)
    witness = Witness(state, listing.market.instrument)
    game = replay_of(config, [listing], state, epoch=1, at=at, append=lambda _: None, observe=witness.observe)
    return game, witness


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
