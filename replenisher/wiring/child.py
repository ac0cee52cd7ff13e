"""The simulated exchange as a child of the daemon: its own process, told over a pipe when to end."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from replenisher.config import Config
from replenisher.errors import ConfigurationError, ReplenisherError, Unreachable
from replenisher.exchange.ledger import Opened

END_S_MAX = 5.0
PREFIX = "replenisher: "


class Announcement(msgspec.Struct, frozen=True):
    """What the exchange says about itself once it listens."""

    url: str
    exchange_id: str
    ledger: str


class Child:
    """A running exchange."""

    def __init__(self, process: subprocess.Popen[bytes], announcement: Announcement) -> None:
        self.announcement = announcement
        self._process = process

    def complaint(self) -> str:
        """Why the exchange is gone; empty while it runs."""
        code = self._process.poll()
        return "" if code is None else f"the simulated exchange has ended with exit code {code}"


@contextmanager
def exchange_of(config: Config, ledger: Path | None = None) -> Iterator[Child]:
    """Start the exchange of a paper configuration, on its own ledger or on another; it ends when the block does."""
    command = [sys.executable, "-m", "replenisher", "exchange", str(config.path), "--port", "0", "--child"]
    command += ["--ledger", str(ledger or ledger_of(config))]
    market = config.exchange.market if config.exchange is not None else None
    if config.tape is not None:
        command += ["--tape", str(config.tape.absolute()), "--speed", str(getattr(market, "speed", 1.0))]
    # Its own session, so that Ctrl-C at the terminal reaches the daemon alone.
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own program, with arguments of our own making
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None, "both are pipes"
        try:
            line = process.stdout.readline()
            if not line:
                code = process.wait()
                stderr.seek(0)
                raise _failure(code, stderr.read().decode(errors="replace"))
            yield Child(process, msgspec.json.decode(line, type=Announcement))
        finally:
            process.stdin.close()
            try:
                process.wait(END_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def ledger_of(config: Config) -> str:
    """Where the exchange that `run` starts keeps its ledger."""
    return str(config.data_dir / "exchange.ledger")


def exchange_id_of(config: Config) -> str:
    """The id of the exchange that kept that ledger so far; empty if there is none, or none that can be read."""
    try:
        with Path(ledger_of(config)).open("rb") as ledger:
            return msgspec.json.decode(ledger.readline(), type=Opened).exchange_id
    except (OSError, msgspec.DecodeError):
        return ""  # what is wrong with a ledger is for the exchange to say


def _failure(code: int, stderr: str) -> ReplenisherError:
    lines = stderr.strip().splitlines()
    sentence = lines[-1].removeprefix(PREFIX) if lines else f"the simulated exchange ended with exit code {code}"
    for kind in (ConfigurationError, Unreachable):
        if code == kind.exit_code:
            return kind(sentence)
    return ReplenisherError(sentence)
