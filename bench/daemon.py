"""The daemon under the bench: `replenisher run` as an operator starts it, watched through /proc."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.venue import ACCOUNT, BenchFailed
from replenisher.report.audit import audit as compare
from replenisher.report.ledger import read_ledger
from replenisher.store.database import Database
from replenisher.store.queries import AccountKey

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

    def ask_to_stop(self) -> None:
        """As an operator does."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The end of what it printed."""
        return "\n".join(self._output.read_text().splitlines()[-5:])


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


def audit(data: Path) -> dict[str, Any]:
    """Our book against the exchange's, as `replenisher audit` compares them; anything but agreement is a failure.

    Not by the command itself: that one looks for the account on an exchange which `run` has started.
    """
    theirs = read_ledger(data / "exchange.ledger", ACCOUNT)
    with closing(Database(f"sqlite:///{data / 'replenisher.db'}")) as database:
        findings = database.read(lambda connection: compare(connection, AccountKey("deribit", ACCOUNT), theirs))
    if findings.exit_code():
        raise BenchFailed(f"the audit is not clean: {findings}")
    found: dict[str, Any] = msgspec.to_builtins(findings)
    return found


@contextmanager
def pinned(cpu: int | None, *pids: int) -> Iterator[None]:
    """Keep our own thread and the main threads of these processes on one CPU.

    Between two CPUs waking the other one up costs more than all the rest. Only main threads: the recorder stays free
    to run elsewhere, as it does in trading.
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
