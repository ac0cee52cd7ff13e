"""From a change of the book to the orders that answer it: `python -m bench.tick_to_order [--json]`.

What is started. `replenisher run` as a process of its own, with recorder and journal on, on `tick_to_order.yaml`; its
venue is this bench (`venue.py`): a real exchange behind the real dialect, on a market that moves when it is told to.
Beside it `echo.py`, which answers every frame with one fixed frame: what a program on `websockets` and uvloop costs at
least. Once for `fsync: interval`, once for `fsync: always`. Journal, database and ledger lie below TMPDIR: `always`
costs what that disk costs, and on a tmpfs nothing.

What is measured. Blocks of rounds take turns, so that whatever else the machine does hits all alike, and each has as
many rounds as any other: who runs for a moment only, after somebody else, is slower for that alone.
- echo: the same 504-byte book change in, the same order frame out, one after the other and nothing between: the floor;
- echo in turn: the same, but each round in the place of one of the daemon's (see below);
- one: a book change after which exactly one of the ten quotes stands elsewhere;
- all: one after which all ten do, five a side;
- refill: the best quote of one side is taken; from the private message about it to the order in its place;
- peer: ccxt's client (`ccxt_peer.py`), the same book changes in, one fixed order out, and no decision between; as the
  echo, without a pause and in turn;
- crowd: as `one`, on a second daemon that quotes a hundred instruments, which take turns to change.
A latency is from just before the frame is written to the read that brought the order, in the bench's process and on its
clock. A round begins when the one before is answered and digested, and a round with another number of orders than it
should have ends the bench. Loops share one CPU (`--cpu`), the recorder's process does not.

The first round of a block comes after a pause, in which somebody else was measured or this bench cleaned up: whoever
answers it has been out of the CPU's caches for long. One round in fifty, it alone would be the p99. It is told apart
(`after a pause`), for everybody alike.

Why there are two echoes. Before each of the daemon's rounds this venue works: it answers the orders, books them, and
makes the next book change, all in Python and on the same CPU. So the daemon begins with cold caches, as it does in
trading, where milliseconds pass between two changes. An echo without a pause runs in warm ones and shows the least that
is possible; an echo in turn, which waits for the same work to be done, shows what the same wait costs a program that
does nothing. Ratios to both are printed; the one to the floor stands in front, as it flatters nobody.

So what ran alike is compared alike: the daemon, ccxt's client in turn and the echo in turn had the same pause and the
same cold caches; the echo and ccxt's client without a pause are loops that stay warm, and stand for each other. A p99
is the machine's as much as the daemon's, all the more where others work on it: the echo in turn, which looks for no
garbage and writes no file, says in the same run how much of it is.

Why there are several launches. The same program answers up to a tenth faster or slower by launch, as long as it lives,
daemon and peers alike: where its memory came to lie seems to decide. So everything is started anew `--launches` times,
and each number is the median over them; what `one` took in each is printed, too.

How exactly one slot moves. The strategy is the shipped `pure_mm` around the size-weighted mid, without tolerance. Each
of the ten prices is rounded to the tick, away from the market, and goes to the next tick at a fair value of its own:
the spreads in the YAML are odd so that these lie apart. A change of the sizes at the touch moves fair value
continuously: a little, across one of those ten points, and one quote moves by a tick; by more than a tick, and all ten
do. Both are the same kind of message, ten levels with new sizes, and both are answered by amends, which is what the
echo sends, too.

What is printed, with `--json` as one document:
    {"p50_us", "p99_us", "ratio_to_echo", "ratio_to_echo_in_turn", "refill_p50_us": of `fsync: interval` and `one`,
     "rounds": of each launch, "launches", "cpu", "tick_bytes", "order_bytes",
     "modes": {"interval" | "always": {
         "echo": {"p50_us", "p99_us", "after_a_pause_p50_us", "page_faults_per_message",
                  "in_turn_p50_us", "in_turn_p99_us"},
         "cases": {"one" | "all": {"orders", "p50_us", "p99_us", "after_a_pause_p50_us",
                                   "ratio_to_echo": to the first order,
                                   "ratio_to_echo_in_turn": of the same,
                                   "last_p50_us", "last_p99_us", "last_ratio_to_echo": to the last,
                                   "page_faults_per_message"}},
         "launches_p50_us": of `one`, in each launch,
         "further_us": what each order of `all` beyond the first costs, against `one`,
         "refill_p50_us", "refill_p99_us",
         "peer": {"p50_us", "p99_us", "ratio_to_echo", "in_turn_p50_us", "in_turn_p99_us"},
         "crowd": {"instruments", "p50_us", "p99_us", "ratio_to_one", "audit"},
         "audit": what `replenisher audit --json` found after the stop, asking this bench over the wire,
         "hash": of the exchange's ledgers, which have the moment of everything: no two runs have the same}}}
Page faults are the minor ones of the whole process, for each message it was sent.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from bench.daemon import CONFIG, Child, environment, findings, pinned, start
from bench.fingerprint import fingerprint
from bench.launches import over_launches
from bench.market import Place
from bench.progress import Progress
from bench.venue import ECHO_PATH, INSTRUMENTS, PEER_PATH, BenchFailed, BenchVenue, Burst
from replenisher.exchange.dialects.deribit import Deribit
from replenisher.model.order import Side

MODES = ("interval", "always")
TICK_BYTES = 504
ORDER_BYTES = 180  # of the peer's answer, about as many as an amend has
CROWD = 100  # instruments
LAUNCHES = 3
BLOCK = 50  # rounds of one kind in a row, an even number
STOP_S_MAX = 60.0

# Prices and sizes are chosen so that each has as many digits as the next one, and none is written with an exponent.
TOUCH = {Side.BUY: 100_021, Side.SELL: 100_025}  # ticks of 0.5
LOTS = 100_002  # at the touch, both sides together
BEHIND = {Side.BUY: (10, 20, 30, 40), Side.SELL: (10, 20, 30, 140)}  # lots, and a few more with every change
STILL, ONE_MOVES, ALL_MOVE = 48_001, 51_501, 73_001  # of them on the bid; the rest is on the ask
CASES = {"one": (ONE_MOVES, 1), "all": (ALL_MOVE, 10)}
OTHERS = ECHO_IN_TURN, PEER_IN_TURN = "echo in turn", "peer in turn"
LADDER = 10


def levels(bid_lots: int) -> dict[Place, int]:
    """Ten levels of the others, five a side; how much stands on the bid says where fair value is."""
    book: dict[Place, int] = {}
    for side, lots in ((Side.BUY, bid_lots), (Side.SELL, LOTS - bid_lots)):
        book[side, TOUCH[side]] = lots
        for depth, behind in enumerate(BEHIND[side], start=1):
            book[side, TOUCH[side] - side.sign * depth] = behind + bid_lots // 10_000
    return book


@dataclass(slots=True)
class Rounds:
    """What the rounds of one kind took, and what they cost the process that answered."""

    first_ns: list[int] = field(default_factory=list)
    last_ns: list[int] = field(default_factory=list)
    after_a_pause_ns: list[int] = field(default_factory=list)  # to the first order
    has_paused: bool = True
    page_faults: int = 0
    messages: int = 0

    def add(self, burst: Burst) -> None:
        """One round more; the first one after a pause is told apart."""
        if self.has_paused:
            self.after_a_pause_ns.append(burst.first_ns)
            self.has_paused = False
            return
        self.first_ns.append(burst.first_ns)
        self.last_ns.append(burst.last_ns)

    @property
    def page_faults_per_message(self) -> float:
        """Minor page faults for each message that was sent."""
        return round(self.page_faults / self.messages, 4)


class Bench:
    """One run: a venue, a daemon in one fsync mode, and an echo."""

    def __init__(self, venue: BenchVenue, daemon: Child, echo: Child, crowd: "Crowd") -> None:
        self._venue, self._daemon, self._echo, self._crowd = venue, daemon, echo, crowd
        self._tick = b""  # the last one that was sent
        self.order_bytes = 0
        self.rounds = {name: Rounds() for name in ("echo", "one", "all", "refill", "crowd", "peer", *OTHERS)}

    def block(self, size: int) -> None:
        """So many rounds of every kind, the first of each after a pause."""
        gc.collect()
        for rounds in self.rounds.values():
            rounds.has_paused = True
        for name in CASES:
            self._measured(name, self._daemon, partial(self._ticks, name, size))
        self._measured("refill", self._daemon, partial(self._refills, size))
        self._crowd.venue.settle()  # it has waited for its turn, and may have wondered at the silence
        for _ in range(size):
            self.rounds["crowd"].add(self._crowd.tick())
        self._venue.settle()
        self._measured("echo", self._echo, partial(self._echoes, size))
        self._peers(size)
        self._in_turn(size)

    def warm_up(self) -> None:
        """A few rounds that do not count; the last order is what the echo learns to send."""
        for name in CASES:
            self._ticks(name, 4)
        self._venue.teach_echo(self._venue.order_frame)
        self.order_bytes = len(self._venue.order_frame)
        self._echoes(4)
        self._venue.peer_is_there(_for_peer(self._tick).replace(b'"type":"change"', b'"type":"snapshot"'))
        self._peers(4)
        self._refills(2)
        self._in_turn(2)
        for _ in range(len(self._crowd.names)):
            self._crowd.tick()
        self.rounds = {name: Rounds() for name in self.rounds}

    def _measured(self, name: str, child: Child, work: Callable[[], None]) -> None:
        is_echo = child is self._echo
        sent = self._venue.echo_messages if is_echo else self._venue.messages
        faults = child.page_faults
        work()
        rounds = self.rounds[name]
        rounds.page_faults += child.page_faults - faults
        rounds.messages += (self._venue.echo_messages if is_echo else self._venue.messages) - sent

    def _ticks(self, name: str, size: int) -> None:
        """There and back, so that a block ends where it began."""
        moved, orders = CASES[name]
        for number in range(size):
            change = self._venue.book_change(levels(STILL if number % 2 else moved))
            self._tick = change.frame.encode()
            if len(self._tick) != TICK_BYTES:
                raise BenchFailed(f"a book change has {len(self._tick)} bytes, not {TICK_BYTES}: {change.frame}")
            self.rounds[name].add(self._venue.tick(change, orders))

    def _refills(self, size: int) -> None:
        """Buys and sells take turns, so that the position stays small."""
        for number in range(size):
            self.rounds["refill"].add(self._venue.refill(Side.SELL if number % 2 else Side.BUY))

    def _peers(self, size: int) -> None:
        for _ in range(size):
            self.rounds["peer"].add(self._venue.peer(_for_peer(self._tick)))

    def _echoes(self, size: int) -> None:
        for _ in range(size):
            self.rounds["echo"].add(self._venue.echo(self._tick))

    def _in_turn(self, size: int) -> None:
        """The echo and the peer, each after the same work of the venue as before a round of the daemon's."""
        for number in range(2 * size):
            name = OTHERS[number // 2 % 2]
            is_echo = name == ECHO_IN_TURN
            (self._venue.settle_echo if is_echo else self._venue.settle_peer)()
            change = self._venue.book_change(levels(STILL if number % 2 else ONE_MOVES))
            burst = self._venue.echo(self._tick) if is_echo else self._venue.peer(_for_peer(self._tick))
            self.rounds[name].add(burst)
            self._venue.tick(change, 1)


def _for_peer(tick: bytes) -> bytes:
    """The same change on the channel that ccxt listens to without a login: two bytes more."""
    return tick.replace(b'.raw"', b'.100ms"', 1)


class Crowd:
    """A daemon that quotes many instruments, and its venue: one of them changes at a time, each in its turn."""

    def __init__(self, data: Path, size: int) -> None:
        self.names = [*INSTRUMENTS, *(f"{_three_letters(number)}-PERPETUAL" for number in range(1, size))]
        self.config = data / "crowd.yaml"
        self.config.write_text(json.dumps(self._configuration()))
        self.venue = BenchVenue(data / "crowd.ledger", levels(STILL), self.names)
        self._turns = 0

    def tick(self) -> Burst:
        """The next instrument changes, so that one of its quotes moves: there in one turn, back in the next."""
        turn, place = divmod(self._turns, len(self.names))
        self._turns += 1
        lots = STILL if turn % 2 else ONE_MOVES
        return self.venue.tick(self.venue.book_change(levels(lots), self.names[place]), 1)

    def _configuration(self) -> dict[str, Any]:
        """The bench's own configuration, with as many strategies of its kind as there are instruments."""
        found: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
        (strategy,) = found["strategies"]
        found["strategies"] = [
            strategy | {"id": f"s{number:03d}", "instrument": name} for number, name in enumerate(self.names)
        ]
        found["risk"]["max_open_orders"] *= len(self.names)
        return found


def _three_letters(number: int) -> str:
    """A name as long as the first one's, so that all book changes have as many bytes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[number // 26 // 26] + letters[number // 26 % 26] + letters[number % 26]


def measure(fsync: str, rounds: int, cpu: int | None, data: Path, size: int = CROWD) -> tuple[dict[str, Any], int]:
    """One mode from start to audit: its results, and the bytes of an order."""
    venue = BenchVenue(data / "exchange.ledger", levels(STILL))
    crowd = Crowd(data, size)
    venue.beside, crowd.venue.beside = crowd.venue, venue
    children: list[Child] = []
    try:
        env = environment(data, venue.address + Deribit.path, fsync)
        daemon = start(data / "daemon.out", "replenisher", "run", str(CONFIG), env=env)
        children.append(daemon)
        echo_env = env | {"MALLOC_TOP_PAD_": "1048576"}  # a floor is clean: no page faults by the allocator's mood
        echo = start(data / "echo.out", "bench.echo", venue.address + ECHO_PATH, env=echo_env)
        children.append(echo)
        peer_url = venue.address + PEER_PATH
        children.append(start(data / "peer.out", "bench.ccxt_peer", peer_url, "x" * ORDER_BYTES, env=echo_env))
        crowd_env = environment(data / "crowd", crowd.venue.address + Deribit.path, fsync)
        many = start(data / "crowd.out", "replenisher", "run", str(crowd.config), env=crowd_env)
        children.append(many)
        venue.ladders_rest(LADDER)
        venue.echo_is_there()
        if size > LADDER:
            print(f"waiting until {size} ladders rest: the daemon asks as fast as the venue allows", file=sys.stderr)
        crowd.venue.ladders_rest(LADDER * size)
        venue.settle()
        bench = Bench(venue, daemon, echo, crowd)
        with pinned(cpu, daemon.pid, echo.pid, many.pid, children[2].pid):
            bench.warm_up()
            run_blocks(bench, fsync, rounds)
        found = results(bench.rounds, size)
        found["audit"] = audited(venue, daemon, CONFIG, env, children, data / "audit.out")
        found["hash"] = fingerprint((data / "exchange.ledger").read_bytes())
        found["crowd"]["audit"] = audited(crowd.venue, many, crowd.config, crowd_env, children, data / "audits.out")
        return found, bench.order_bytes
    except BenchFailed as failed:
        raise BenchFailed(f"{failed}\n{daemon.last_words()}") from failed
    finally:
        for child in children:
            child.kill()
        venue.close()
        crowd.venue.close()


def audited(
    venue: BenchVenue, daemon: Child, config: Path, env: dict[str, str], children: list[Child], output: Path
) -> dict[str, Any]:
    """Stop a daemon as an operator does, and compare its book with the venue's."""
    daemon.ask_to_stop()
    venue.serve_until(lambda: daemon.exit_code is not None, "the daemon's end", STOP_S_MAX)
    if daemon.exit_code:
        raise BenchFailed(f"the daemon ended with exit code {daemon.exit_code}:\n{daemon.last_words()}")
    audit = start(output, "replenisher", "audit", str(config), "--json", env=env)
    children.append(audit)
    venue.serve_until(lambda: audit.exit_code is not None, "the audit's end", STOP_S_MAX)
    return findings(audit)


def run_blocks(bench: Bench, fsync: str, rounds: int) -> None:
    """All rounds of one mode, with a word on stderr now and then."""
    progress, done = Progress(), 0
    while done < rounds:
        size = min(BLOCK, rounds - done)
        bench.block(size)
        done += size
        progress.say(f"fsync {fsync}: {done} of {rounds} rounds")


def results(rounds: dict[str, Rounds], crowd: int) -> dict[str, Any]:
    """The numbers of one mode."""
    echo, refill = rounds["echo"], rounds["refill"]
    floor_us = percentile_us(echo.first_ns, 0.5)
    in_turn_us = percentile_us(rounds[ECHO_IN_TURN].first_ns, 0.5)
    cases = {}
    for name, (_, orders) in CASES.items():
        found = rounds[name]
        first_us, last_us = percentile_us(found.first_ns, 0.5), percentile_us(found.last_ns, 0.5)
        cases[name] = {
            "orders": orders,
            "p50_us": first_us,
            "p99_us": percentile_us(found.first_ns, 0.99),
            "after_a_pause_p50_us": percentile_us(found.after_a_pause_ns, 0.5),
            "ratio_to_echo": round(first_us / floor_us, 2),
            "ratio_to_echo_in_turn": round(first_us / in_turn_us, 2),
            "last_p50_us": last_us,
            "last_p99_us": percentile_us(found.last_ns, 0.99),
            "last_ratio_to_echo": round(last_us / floor_us, 2),
            "page_faults_per_message": found.page_faults_per_message,
        }
    one, every = cases["one"], cases["all"]
    return {
        "launches_p50_us": [one["p50_us"]],
        "further_us": round((every["last_p50_us"] - one["p50_us"]) / (every["orders"] - 1), 1),
        "echo": {
            "p50_us": floor_us,
            "p99_us": percentile_us(echo.first_ns, 0.99),
            "after_a_pause_p50_us": percentile_us(echo.after_a_pause_ns, 0.5),
            "page_faults_per_message": echo.page_faults_per_message,
            "in_turn_p50_us": in_turn_us,
            "in_turn_p99_us": percentile_us(rounds[ECHO_IN_TURN].first_ns, 0.99),
        },
        "cases": cases,
        "refill_p50_us": percentile_us(refill.first_ns, 0.5),
        "refill_p99_us": percentile_us(refill.first_ns, 0.99),
        "peer": {
            "p50_us": (peer_us := percentile_us(rounds["peer"].first_ns, 0.5)),
            "p99_us": percentile_us(rounds["peer"].first_ns, 0.99),
            "ratio_to_echo": round(peer_us / floor_us, 2),
            "in_turn_p50_us": percentile_us(rounds[PEER_IN_TURN].first_ns, 0.5),
            "in_turn_p99_us": percentile_us(rounds[PEER_IN_TURN].first_ns, 0.99),
        },
        "crowd": {
            "instruments": crowd,
            "p50_us": (many_us := percentile_us(rounds["crowd"].first_ns, 0.5)),
            "p99_us": percentile_us(rounds["crowd"].first_ns, 0.99),
            "ratio_to_one": round(many_us / one["p50_us"], 3),
        },
    }


def percentile_us(values_ns: Sequence[int], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    return round(sorted(values_ns)[ceil(share * len(values_ns)) - 1] / 1000, 1)


def document(
    modes: dict[str, dict[str, Any]], rounds: int, launches: int, cpu: int | None, order_bytes: int
) -> dict[str, Any]:
    """All that was found."""
    first = next(iter(modes.values()))
    one = first["cases"]["one"]
    return {
        "p50_us": one["p50_us"],
        "p99_us": one["p99_us"],
        "ratio_to_echo": one["ratio_to_echo"],
        "ratio_to_echo_in_turn": one["ratio_to_echo_in_turn"],
        "refill_p50_us": first["refill_p50_us"],
        "rounds": rounds,
        "launches": launches,
        "cpu": cpu,
        "tick_bytes": TICK_BYTES,
        "order_bytes": order_bytes,
        "modes": modes,
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        f"{found['launches']} launches of {found['rounds']} rounds, "
        f"{found['tick_bytes']} bytes in, {found['order_bytes']} out, CPU {found['cpu']}"
    ]
    for fsync, mode in found["modes"].items():
        lines += ["", f"fsync {fsync:<15} p50 µs    p99 µs    x echo  x in turn   page faults a message"]
        echo, peer, many = mode["echo"], mode["peer"], mode["crowd"]
        rows = [
            ("echo", echo["p50_us"], echo["p99_us"], echo["page_faults_per_message"]),
            ("echo in turn", echo["in_turn_p50_us"], echo["in_turn_p99_us"], None),
        ]
        for name, case in mode["cases"].items():
            faults = case["page_faults_per_message"]
            rows.append((f"{name}, first order", case["p50_us"], case["p99_us"], faults))
            if case["orders"] > 1:
                rows.append((f"{name}, last order", case["last_p50_us"], case["last_p99_us"], faults))
        rows += [
            ("ccxt's client alone", peer["p50_us"], peer["p99_us"], None),
            ("ccxt's in turn", peer["in_turn_p50_us"], peer["in_turn_p99_us"], None),
            (f"one of {many['instruments']}", many["p50_us"], many["p99_us"], None),
            ("refill", mode["refill_p50_us"], mode["refill_p99_us"], None),
        ]
        for name, p50_us, p99_us, faults in rows:
            ratios = f"{p50_us / echo['p50_us']:9.2f} {p50_us / echo['in_turn_p50_us']:10.2f}"
            cost = "" if faults is None else f"{faults:10.3f}"
            lines.append(f"{name:<20} {p50_us:9.1f} {p99_us:9.1f} {ratios} {cost}".rstrip())
        in_each = ", ".join(f"{p50_us:.1f}" for p50_us in mode["launches_p50_us"])
        lines.append(f"one, in each launch: {in_each} µs")
        lines.append(f"each further order of all: {mode['further_us']:.1f} µs")
        rested_us = mode["cases"]["one"]["after_a_pause_p50_us"]
        lines.append(f"after a pause: the echo {echo['after_a_pause_p50_us']:.1f} µs, one {rested_us:.1f} µs")
        said = mode["audit"]
        counted = f"{said['orders']} orders, {said['fills']} fills, {len(said['differences'])} differences"
        lines.append(f"audit: {counted}, ledger {mode['hash']}")
    return "\n".join(lines)


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.tick_to_order", description="Tick to order, measured.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=600, metavar="N", help="of each kind, an even number; a launch")
    parser.add_argument("--launches", type=int, default=LAUNCHES, metavar="N", help=f"of everything ({LAUNCHES})")
    parser.add_argument("--fsync", choices=[*MODES, "both"], default="both", help="of the journal")
    parser.add_argument("--crowd", type=int, default=CROWD, metavar="N", help=f"instruments of the crowd ({CROWD})")
    parser.add_argument("--cpu", type=int, metavar="N", help="where all loops run; -1: wherever (the last one)")
    chosen = parser.parse_args(words)
    if chosen.crowd < 1 or chosen.launches < 1:
        parser.error("--crowd and --launches must be 1 or more")
    if chosen.rounds < 2 or chosen.rounds % 2:
        parser.error("--rounds must be an even number, 2 or more")
    return chosen


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether there was something to measure."""
    chosen = arguments(words)
    cpus = os.sched_getaffinity(0)
    cpu = max(cpus) if chosen.cpu is None else None if chosen.cpu < 0 else chosen.cpu
    modes, order_bytes = {}, 0
    gc.disable()  # ours would fall into somebody's round
    try:
        for fsync in MODES if chosen.fsync == "both" else (chosen.fsync,):
            launches = []
            for number in range(1, chosen.launches + 1):
                print(f"fsync {fsync}: launch {number} of {chosen.launches}", file=sys.stderr)
                with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as data:
                    launch, order_bytes = measure(fsync, chosen.rounds, cpu, Path(data), chosen.crowd)
                launches.append(launch)
            modes[fsync] = over_launches(launches)
    except BenchFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    found = document(modes, chosen.rounds, chosen.launches, cpu, order_bytes)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
