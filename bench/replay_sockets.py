"""A replay against the daemon over sockets, market by market: `python -m bench.replay_sockets [--json]`.

Each run starts `replenisher run configs/paper.yaml` for some seconds of real time: a process for the daemon, one for
the exchange, real WebSockets between them, on a market of its own seed. Then the same seconds of the same market are
replayed, with a session that opens when the daemon had its first order on the book. The position is what the fills
came to. The two are not the same run: the daemon's orders arrive when the machine lets them,
and a takers' order that a late one has missed changes all that follows. So they are compared as two distributions, and
run by run. What differs by more than chance is the replay's or the machine's fault: on one that is busy orders are late
by more than the 2 ms of the configuration. They are alike if neither fills nor position differ, run by run, by more
than three standard errors, as by chance one comparison of twenty runs in seventy would; else the exit code is 1.

What is printed, with `--json` as one document:
    {"runs", "seconds", "is_alike", "fills" | "position": {"daemon" | "replay" | "difference": {"mean", "sd"},
     "standard_error": of the mean difference, "t": how many of these that is; null if all differ by as much,
     "is_alike"},
     "pairs": [{"seed", "daemon_fills", "replay_fills", "daemon_position", "replay_position"}]}
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from replenisher.config import Config, load
from replenisher.core.state import State
from replenisher.exchange import ledger
from replenisher.exchange.ledger import Record, read_ledger
from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS
from replenisher.wiring.listings import listings_of
from replenisher.wiring.replay_parts import replay_of
from replenisher.wiring.replaying import START
from replenisher.wiring.setup import setup_of

CONFIG = Path(__file__).parents[1] / "configs" / "paper.yaml"
STOP_S_MAX = 60
T_MAX = 3.0  # standard errors


class Window(NamedTuple):
    """From the daemon's first order to its stop, in nanoseconds since the market began."""

    begins: int
    ends: int


class Came(NamedTuple):
    """What a life came to."""

    fills: int
    position: Decimal


class Pair(NamedTuple):
    """One market, lived through twice."""

    seed: int
    daemon: Came
    replay: Came


def lived(seed: int, seconds: float, folder: Path) -> tuple[Window, Came]:
    """The daemon over sockets."""
    environment = os.environ | {"REPLENISHER_DATA_DIR": str(folder), "REPLENISHER_EXCHANGE__SEED": str(seed)}
    words = [sys.executable, "-m", "replenisher", "run", str(CONFIG), "--duration", str(seconds)]
    ended = subprocess.run(words, env=environment, capture_output=True, timeout=seconds + STOP_S_MAX, check=False)
    if ended.returncode:
        raise RuntimeError(f"the daemon on seed {seed} ended with {ended.returncode}: {ended.stderr.decode()}")
    records = read_ledger((folder / "exchange.ledger").read_bytes()).records
    began = next(record.at for record in records if isinstance(record, ledger.Opened))
    orders = [record.at - began for record in records if isinstance(record, ledger.Order)]
    stops = [record.at - began for record in records if isinstance(record, ledger.Closed)]
    window = Window(min(orders), max(stops))
    return window, came(records, began, window)


def replayed(config: Config, window: Window) -> Came:
    """The same market, replayed as long."""
    section, written = config.exchange, bytearray()
    assert section is not None, "it trades on paper"
    game = replay_of(
        config,
        listings_of(section, tape=None, seed=section.seed, clock=lambda _: START),
        State.load(setup_of(config), None),
        epoch=1,
        at=START,
        append=written.extend,
        observe=lambda _: None,
        opens_at=START + window.begins,
    )
    game.run(START + window.ends)
    game.stop()
    return came(read_ledger(bytes(written)).records, START, window)


def came(records: Sequence[Record], began: int, window: Window) -> Came:
    """What was filled in a window."""
    fills = [
        record
        for record in records
        if isinstance(record, ledger.Trade) and window.begins <= record.at - began <= window.ends
    ]
    signed = [fill.amount if fill.side is Side.BUY else -fill.amount for fill in fills]
    return Came(len(fills), sum(signed, Decimal(0)))


def compared(daemon: Sequence[float], replay: Sequence[float]) -> dict[str, Any]:
    """Both distributions, and that of their difference run by run."""
    differences = [after - before for before, after in zip(daemon, replay, strict=True)]
    error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    told = {"daemon": daemon, "replay": replay, "difference": differences}
    return {
        **{name: {"mean": round(mean(each), 2), "sd": round(stdev(each), 2)} for name, each in told.items()},
        "standard_error": round(error, 2),
        "t": round(mean(differences) / error, 2) if error else None,
        "is_alike": abs(mean(differences)) <= T_MAX * error,
    }


def document(pairs: Sequence[Pair], seconds: float) -> dict[str, Any]:
    """All that was found."""
    fills = compared([pair.daemon.fills for pair in pairs], [pair.replay.fills for pair in pairs])
    position = compared(
        [float(pair.daemon.position) for pair in pairs], [float(pair.replay.position) for pair in pairs]
    )
    return {
        "runs": len(pairs),
        "seconds": seconds,
        "is_alike": fills["is_alike"] and position["is_alike"],
        "fills": fills,
        "position": position,
        "pairs": [
            {
                "seed": pair.seed,
                "daemon_fills": pair.daemon.fills,
                "replay_fills": pair.replay.fills,
                "daemon_position": str(pair.daemon.position),
                "replay_position": str(pair.replay.position),
            }
            for pair in pairs
        ],
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{found['runs']} markets of {found['seconds']:g} s each, over sockets and replayed"]
    for name in ("fills", "position"):
        told = found[name]
        ways = ", ".join(f"{way} {told[way]['mean']:g} ± {told[way]['sd']:g}" for way in ("daemon", "replay"))
        lines.append(
            f"{name}: {ways}; run by run the replay has {told['difference']['mean']:+g} ± "
            f"{told['difference']['sd']:g}, {_apart(told['t'])}"
        )
    lines.append(f"{'alike' if found['is_alike'] else 'NOT alike'}, which is to be within {T_MAX:g} standard errors")
    return "\n".join(lines)


def _apart(t: float | None) -> str:
    return "the same in every run" if t is None else f"{t:+g} standard errors"


def main(words: Sequence[str] | None = None) -> int:
    """Live, replay, compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.replay_sockets", description="A replay against sockets.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="how many markets (20)")
    parser.add_argument("--seconds", type=float, default=10, metavar="S", help="how long each is traded on (10)")
    chosen = parser.parse_args(words)
    if chosen.runs < 2:
        parser.error("--runs must be 2 or more")
    pairs: list[Pair] = []
    for seed in range(1, chosen.runs + 1):
        with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as folder:
            window, daemon = lived(seed, chosen.seconds, Path(folder))
        replay = replayed(load(CONFIG, {"exchange": {"seed": seed}}), window)
        pairs.append(Pair(seed, daemon, replay))
        seconds = (window.ends - window.begins) / SECOND_NS
        print(
            f"{seed} of {chosen.runs}: {seconds:.1f} s; daemon {daemon.fills} fills, position {daemon.position}; "
            f"replay {replay.fills} fills, position {replay.position}",
            file=sys.stderr,
        )
    found = document(pairs, chosen.seconds)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if found["is_alike"] else 1


if __name__ == "__main__":
    sys.exit(main())
