"""What a daemon costs while nothing special happens: `python -m bench.long_run [--minutes 10] [--json]`.

`replenisher exchange` and `replenisher run` are started as an operator starts them, on `configs/paper.yaml`, the market
slowed down until it tells about fifty messages a second. The bench is a third party on the same exchange: a client that
listens to the same public channels and counts what they tell. The daemon's process is watched through /proc: the time
of the processor that it has used, and its memory. Its recorder is a process of its own, and told apart.

What is printed, with `--json` as one document:
    {"minutes", "messages_per_second": public ones, "cpu_percent": of one core, from the first message on,
     "rss_mb": the most at any look, "rss_first_mb", "rss_last_mb", "recorder_cpu_percent", "recorder_rss_mb",
     "orders", "fills", "audit": what `replenisher audit --json` found after the stop, and "hash": of its ledger}
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.daemon import CONFIG, Child, environment, findings, start
from bench.fingerprint import fingerprint
from bench.progress import Progress
from bench.venue import BenchFailed
from replenisher.config.sections import PAPER_KEY

PAPER = CONFIG.parent.parent / "configs" / "paper.yaml"
TIME_SCALE = 50  # minutes of the market's own time in a minute, chosen for about fifty messages a second
CHANNELS = ("book.BTC-PERPETUAL.raw", "trades.BTC-PERPETUAL.raw")
LOOK_S = 1.0
PROGRESS_EVERY_S = 10.0
START_S_MAX = 60.0
STOP_S_MAX = 60.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
UTIME, STIME, RSS = 11, 12, 21  # of /proc/PID/stat, counted from the field after the name


@dataclass(slots=True)
class Watched:
    """A process, and what it has used between the first look and the last."""

    pid: int
    cpu_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Once more."""
        found = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_s.append((int(found[UTIME]) + int(found[STIME])) / TICKS_PER_S)
        self.rss_mb.append(round(int(found[RSS]) * PAGE_MB, 1))

    def cpu_percent(self, seconds: float) -> float:
        """Of one core."""
        return round(100 * (self.cpu_s[-1] - self.cpu_s[0]) / seconds, 2)


async def listen(url: str) -> ClientConnection:
    """A client of its own that hears what the daemon hears of the market."""
    client = await connect(url, proxy=None, compression=None, max_queue=None, max_size=None)
    login = {"grant_type": "client_credentials", "client_id": PAPER_KEY, "client_secret": PAPER_KEY}
    for number, (method, params) in enumerate((("public/auth", login), ("public/subscribe", {"channels": CHANNELS}))):
        await client.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        reply = json.loads(await client.recv())
        if "result" not in reply:
            raise BenchFailed(f"the exchange refused {method}: {reply}")
    return client


async def count(client: ClientConnection, seen: list[int]) -> None:
    """Count what is told; `seen` has the number."""
    try:
        while True:
            await client.recv(decode=False)
            seen[0] += 1
    except ConnectionClosed:
        pass


async def until(child: Child, word: str, seconds: float) -> str:
    """Wait for a line with a word in it, and return that line."""
    deadline = time.monotonic() + seconds
    while True:
        for line in child.output.splitlines():
            if word in line:
                return line
        if child.exit_code is not None or time.monotonic() > deadline:
            raise BenchFailed(f"no {word} came:\n{child.last_words()}")
        await asyncio.sleep(0.05)


def recorder_of(daemon: Child) -> int:
    """The process in which the daemon's rows are made."""
    for pid in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
        if b"recording" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    raise BenchFailed("the daemon has no recorder")


async def measure(seconds: float, data: Path) -> dict[str, Any]:
    """One run, from start to audit."""
    ledger = data / "exchange.ledger"
    env = environment(data, "", "interval") | {"REPLENISHER_EXCHANGE__MARKET__TIME_SCALE": str(TIME_SCALE)}
    del env["REPLENISHER_VENUES__DERIBIT__URL"]
    children: list[Child] = []
    try:
        words = ("replenisher", "exchange", str(PAPER), "--port", "0", "--ledger", str(ledger))
        exchange = start(data / "exchange.out", *words, env=env)
        children.append(exchange)
        url = json.loads(await until(exchange, '"url"', START_S_MAX))["url"]
        env["REPLENISHER_VENUES__DERIBIT__URL"] = url
        daemon = start(data / "daemon.out", "replenisher", "run", str(PAPER), env=env)
        children.append(daemon)
        await until(daemon, '"filled"', START_S_MAX)
        client = await listen(url)
        seen = [0]
        counting = asyncio.create_task(count(client, seen))
        watched, recorder = Watched(daemon.pid), Watched(recorder_of(daemon))
        progress, begun = Progress(PROGRESS_EVERY_S), time.monotonic()
        while (elapsed := time.monotonic() - begun) < seconds:
            watched.look()
            recorder.look()
            if daemon.exit_code is not None:
                raise BenchFailed(f"the daemon ended:\n{daemon.last_words()}")
            if progress.is_due():
                rate = f"{seen[0] / elapsed:.0f} messages a second"
                used = f"{watched.cpu_percent(elapsed)} % of a core, {watched.rss_mb[-1]} MB"
                print(f"{elapsed:.0f} of {seconds:.0f} s: {rate}, {used}", file=sys.stderr)
            await asyncio.sleep(LOOK_S)
        watched.look()
        recorder.look()
        lasted = time.monotonic() - begun
        messages = seen[0]
        await client.close()
        await counting
        daemon.ask_to_stop()
        await until(daemon, '"summary"', STOP_S_MAX)
        if code := await asyncio.to_thread(daemon.wait, STOP_S_MAX):
            raise BenchFailed(f"the daemon ended with exit code {code}:\n{daemon.last_words()}")
        audit = start(data / "audit.out", "replenisher", "audit", str(PAPER), "--json", env=env)
        children.append(audit)
        await asyncio.to_thread(audit.wait, STOP_S_MAX)
        said = findings(audit)
        return {
            "minutes": round(lasted / 60, 2),
            "messages_per_second": round(messages / lasted, 1),
            "cpu_percent": watched.cpu_percent(lasted),
            "rss_mb": max(watched.rss_mb),
            "rss_first_mb": watched.rss_mb[0],
            "rss_last_mb": watched.rss_mb[-1],
            "recorder_cpu_percent": recorder.cpu_percent(lasted),
            "recorder_rss_mb": max(recorder.rss_mb),
            "orders": said["orders"],
            "fills": said["fills"],
            "audit": said,
            "hash": fingerprint(ledger.read_bytes()),
        }
    finally:
        for child in children:
            child.kill()


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    return "\n".join(
        [
            f"{found['minutes']} minutes, {found['messages_per_second']} public messages a second",
            f"daemon    {found['cpu_percent']:6.2f} % of a core, {found['rss_mb']} MB at most "
            f"({found['rss_first_mb']} at first, {found['rss_last_mb']} at last)",
            f"recorder  {found['recorder_cpu_percent']:6.2f} % of a core, {found['recorder_rss_mb']} MB at most",
            f"audit: {found['orders']} orders, {found['fills']} fills, "
            f"{len(found['audit']['differences'])} differences, ledger {found['hash']}",
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run, watch, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.long_run", description="What a daemon costs in a long run.")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N", help="how long it is watched (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(words)
    try:
        with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as data:
            found = asyncio.run(measure(chosen.minutes * 60, Path(data)))
    except BenchFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
