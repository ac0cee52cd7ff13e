"""What a model costs between tick and order: `python -m bench.models [--json]`.

Two daemons, each a process of its own on a venue of its own (`tick_to_order.py` says how): one quotes with the shipped
`pure_mm`, the other with `glft`, which measures all three of its coefficients while it quotes. Bounds hold these where
its ten quotes stand as those of `pure_mm`, so both send the same orders for the same changes of the book: one order
(`one`) or ten (`all`) after other sizes at the touch, or ten after the touch itself has gone a tick (`moved`). Blocks
of rounds take turns, so that whatever else the machine does hits both alike. A round is from just before the frame is
written to the read that brought the first order. Before each, somebody takes from either side, so there is always
something new to be made of the flow of takers.

The volatility wants to see twenty seconds of a market, and the arrival intensity fifty trades, before anything is
quoted: that is what the bench waits for first.

What is printed, with `--json` as one document:
    {"rounds", "cpu", "ratio_max": what was asked for, "is_reached": in every case, which is also the exit code,
     "cases": {"one" | "all" | "moved": {"pure_mm_p50_us", "glft_p50_us", "ratio"}}}
"""

import argparse
import gc
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.daemon import CONFIG, Child, environment, pinned, start
from bench.market import Place
from bench.progress import Progress
from bench.tick_to_order import (
    ALL_MOVE,
    BLOCK,
    LADDER,
    ONE_MOVES,
    STILL,
    STOP_S_MAX,
    TOUCH,
    Rounds,
    levels,
    percentile_us,
)
from bench.venue import BenchFailed, BenchVenue
from replenisher.exchange.dialects.deribit import Deribit
from replenisher.model.order import Side

RATIO_MAX = 1.3
TRADES = [(side, TOUCH[side.opposite] + side.sign * beyond) for beyond in (0, 40) for side in Side]
PRICE = (TOUCH[Side.BUY] + TOUCH[Side.SELL]) / 4  # in USD: a tick is half of one
PURE_MM: dict[str, Any] = yaml.safe_load(CONFIG.read_text())["strategies"][0]
BID, ASK = (PURE_MM[f"{side}_spread_bps"] * PRICE / 10_000 for side in ("bid", "ask"))  # distances in USD
GAMMA, SIGMA, RATE, DECAY = 1e-9, 1.0, 5.0, 2 / (BID + ASK)
SKEW = SIGMA * (GAMMA * 2.718281828 / (2 * RATE * (PURE_MM["order_amount"] / PRICE) * DECAY)) ** 0.5
OF_PURE_MM_ALONE = {"bid_spread_bps", "ask_spread_bps", "inventory"}
GLFT: dict[str, Any] = {name: said for name, said in PURE_MM.items() if name not in OF_PURE_MM_ALONE} | {
    "strategy": "glft",
    "gamma": GAMMA,
    "target_base": (ASK - BID) / 2 / SKEW,  # what is missing of it moves the centre as the two spreads do
    **{
        name: {"window_s": 3_600, "min": number, "max": number}
        for name, number in (("sigma", SIGMA), ("a", RATE), ("k", DECAY))
    },
}


def moved(ticks: int) -> dict[Place, int]:
    """The others' levels when all of them have gone so far up or down; nothing is left where they were."""
    before = levels(STILL)
    gone = dict.fromkeys([(side, price + step) for side, price in before for step in (0, MOVE)], 0)
    return gone | {(side, price + ticks): lots for (side, price), lots in before.items()}


MOVE = 1  # tick
CASES: Mapping[str, tuple[Mapping[Place, int], Mapping[Place, int], int]] = {  # there, back, and how many orders
    "one": (levels(ONE_MOVES), levels(STILL), 1),
    "all": (levels(ALL_MOVE), levels(STILL), LADDER),
    "moved": (moved(MOVE), moved(0), LADDER),
}


class Quoter:
    """One daemon, and its venue."""

    def __init__(self, strategy: dict[str, Any], data: Path) -> None:
        self.name = str(strategy["strategy"])
        self.venue = BenchVenue(data / f"{self.name}.ledger", levels(STILL))
        self.rounds = {case: Rounds() for case in CASES}
        configuration = yaml.safe_load(CONFIG.read_text()) | {"strategies": [strategy]}
        config = data / f"{self.name}.yaml"
        config.write_text(json.dumps(configuration))
        env = environment(data / self.name, self.venue.address + Deribit.path, "interval")
        self.daemon: Child = start(data / f"{self.name}.out", "replenisher", "run", str(config), env=env)

    def block(self, case: str, size: int) -> None:
        """So many rounds, there and back."""
        there, back, orders = CASES[case]
        self.venue.settle()  # it has waited for its turn, and may have wondered at the silence
        for number in range(size):
            self.venue.others_trade(TRADES)
            change = self.venue.book_change(back if number % 2 else there)
            self.rounds[case].add(self.venue.tick(change, orders))

    def stop(self) -> None:
        """As an operator does."""
        self.daemon.ask_to_stop()
        self.venue.serve_until(lambda: self.daemon.exit_code is not None, f"the end of {self.name}", STOP_S_MAX)
        if self.daemon.exit_code:
            raise BenchFailed(f"{self.name} ended with exit code {self.daemon.exit_code}:\n{self.daemon.last_words()}")


def measure(rounds: int, cpu: int | None, data: Path) -> dict[str, Any]:
    """Both daemons from start to stop."""
    quoters: list[Quoter] = []
    progress = Progress()
    try:
        quoters += (Quoter(strategy, data) for strategy in (PURE_MM, GLFT))
        pure_mm, glft = quoters
        pure_mm.venue.beside, glft.venue.beside = glft.venue, pure_mm.venue
        print("waiting until the model has seen enough of its market: half a minute", file=sys.stderr)
        glft.venue.ladder_rests_after_trades(LADDER, TRADES, (levels(ONE_MOVES), levels(STILL)))
        pure_mm.venue.ladders_rest(LADDER)
        with pinned(cpu, *(quoter.daemon.pid for quoter in quoters)):
            for case in CASES:
                for quoter in quoters:
                    quoter.block(case, 10)  # warm
                    quoter.rounds[case] = Rounds()
            done = 0
            while done < rounds:
                size = min(BLOCK, rounds - done)
                gc.collect()
                for case in CASES:
                    for quoter in quoters:
                        quoter.block(case, size)
                done += size
                progress.say(f"{done} of {rounds} rounds")
        for quoter in quoters:
            quoter.stop()
        return {case: _result(pure_mm.rounds[case], glft.rounds[case]) for case in CASES}
    except BenchFailed as failed:
        last = "\n".join(f"{quoter.name}: {quoter.daemon.last_words()}" for quoter in quoters)
        raise BenchFailed(f"{failed}\n{last}") from failed
    finally:
        for quoter in quoters:
            quoter.daemon.kill()
            quoter.venue.close()


def _result(pure_mm: Rounds, glft: Rounds) -> dict[str, float]:
    pure_mm_us, glft_us = percentile_us(pure_mm.first_ns, 0.5), percentile_us(glft.first_ns, 0.5)
    return {"pure_mm_p50_us": pure_mm_us, "glft_p50_us": glft_us, "ratio": round(glft_us / pure_mm_us, 3)}


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{found['rounds']} rounds, CPU {found['cpu']}    pure_mm p50 µs    glft p50 µs    ratio"]
    for case, each in found["cases"].items():
        lines.append(f"{case:<24} {each['pure_mm_p50_us']:13.1f} {each['glft_p50_us']:14.1f} {each['ratio']:8.3f}")
    return "\n".join([*lines, f"at most {found['ratio_max']:g}: {'yes' if found['is_reached'] else 'no'}"])


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether there was something to measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description="A model between tick and order.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=600, metavar="N", help="of each kind, an even number (600)")
    chosen = parser.parse_args(words)
    if chosen.rounds < 2 or chosen.rounds % 2:
        parser.error("--rounds must be an even number, 2 or more")
    cpu = max(os.sched_getaffinity(0))
    gc.disable()  # ours would fall into somebody's round
    try:
        with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as data:
            cases = measure(chosen.rounds, cpu, Path(data))
    except BenchFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    is_reached = all(each["ratio"] <= RATIO_MAX for each in cases.values())
    found = {"rounds": chosen.rounds, "cpu": cpu, "ratio_max": RATIO_MAX, "is_reached": is_reached, "cases": cases}
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
