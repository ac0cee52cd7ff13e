"""The daemon under the bench: `replenisher run` as an operator starts it, watched through /proc."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.venue import BenchFailed

CONFIG = Path(__file__).with_name("tick_to_order.yaml")
MINFLT = 7  # of /proc/PID/stat, counted from the field after the name


class Child:
    """A program that the bench has started. It ends with the bench."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.pid = process.pid
        self._process, self._output = process, output

    @property
    def page_faults(self) -> int:
        """The minor page faults of the whole process so far, all of its threads."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[MINFLT])

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"it did not end within {seconds:.0f} s:\n{self.last_words()}") from None

    def ask_to_stop(self) -> None:
        """As an operator does."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def last_words(self) -> str:
        """The end of what it printed."""
        return "\n".join(self.output.splitlines()[-5:])


def environment(data: Path, url: str, fsync: str) -> dict[str, str]:
    """What the bench decides in the place of the configuration file."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("REPLENISHER_")},
        "REPLENISHER_DATA_DIR": str(data),
        "REPLENISHER_VENUES__DERIBIT__URL": url,
        "REPLENISHER_JOURNAL__FSYNC": fsync,
    }


def start(output: Path, *arguments: str, env: dict[str, str]) -> Child:
    """Start a Python program of this project; what it prints goes to a file."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=env, cwd=CONFIG.parent.parent, stdout=file, stderr=file
        )
    return Child(process, output)


def findings(audit: Child) -> dict[str, Any]:
    """What `replenisher audit --json` has printed; anything but agreement is a failure."""
    if audit.exit_code:
        raise BenchFailed(f"the audit is not clean:\n{audit.output}")
    found: dict[str, Any] = json.loads(audit.output)
    return found


@contextmanager
def pinned(cpu: int | None, *pids: int) -> Iterator[None]:
    """Keep our own thread and the main threads of these processes on one CPU.

    Between two CPUs waking the other one up costs more than all the rest. Only these: the recorder stays free to
    run elsewhere, as it does in trading.
    """
    if cpu is None:
        yield
        return
    before = os.sched_getaffinity(0)
    for pid in (0, *pids):
        os.sched_setaffinity(pid, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
