"""Seeds that a copy of the code runs in a process of its own, whatever that process does."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from replenisher.errors import ReplenisherError
from replenisher.simulate.court import OURS

# How long one seed may take where nobody else wants a CPU: so much, and more for each minute of it.
PATIENCE_S, PATIENCE_S_PER_MINUTE = 60.0, 30.0
LINE_MAX = 1 << 24
INTERRUPTED = 130


class Verdict(msgspec.Struct, frozen=True):
    """What one seed has found: nothing, or an invariant; or else what an exception counts as."""

    seed: int
    invariant: str = ""
    sentence: str = ""


async def run_apart(
    folder: Path, seeds: range, minutes: float, arguments: Sequence[str]
) -> AsyncGenerator[Verdict, None]:
    """The verdict on each seed. Where a process ends too soon, another one goes on after the seed that ended it."""
    while seeds:
        async with aclosing(_process(folder, seeds, minutes, arguments)) as verdicts:
            async for verdict in verdicts:
                seeds = seeds[1:]
                yield verdict


async def _process(
    folder: Path, seeds: range, minutes: float, arguments: Sequence[str]
) -> AsyncGenerator[Verdict, None]:
    command = [sys.executable, "-m", "replenisher", "simulate", "--json", "--jobs", "1", *arguments]
    command += ["--seeds", f"{seeds[0]}..{seeds[-1]}", "--minutes", f"{minutes:g}"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    patience_s = (PATIENCE_S + PATIENCE_S_PER_MINUTE * minutes) * _rivals()
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=LINE_MAX
        )
        assert process.stdout is not None, "its output is a pipe"
        try:
            for seed in seeds:
                verdict = await asyncio.wait_for(_next_verdict(process.stdout), patience_s)
                if verdict is None:
                    code = await process.wait()
                    errors.seek(0)
                    yield Verdict(seed, OURS, _last_words(code, errors.read().decode(errors="replace")))
                    return
                yield verdict
        except TimeoutError:
            yield Verdict(seed, OURS, f"no answer for {patience_s:.0f} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _rivals() -> float:
    """How many want each CPU: where others work as well, everything takes so many times as long."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class _Line(msgspec.Struct):
    """What a seed comes to; other lines say how to see a failure again."""

    seed: int
    violation: "_Violation | None"


class _Violation(msgspec.Struct):
    invariant: str
    sentence: str


async def _next_verdict(lines: asyncio.StreamReader) -> Verdict | None:
    """None at the end."""
    while line := await lines.readline():
        try:
            outcome = msgspec.json.decode(line, type=_Line)
        except msgspec.ValidationError:
            continue
        found = outcome.violation or _Violation("", "")
        return Verdict(outcome.seed, found.invariant, found.sentence)
    return None


def _last_words(code: int, errors: str) -> str:
    if code < 0 or code == INTERRUPTED:
        raise ReplenisherError("a seed was interrupted from outside; what is written down already is kept")
    return f"ended with {code}: {(errors.strip().splitlines() or ['it said nothing'])[-1]}"
