"""A desk: one data directory, and the real program, started on it as an operator starts it and as often as it takes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.report.independent_check import check
from tests.waiting import DEADLINE_S, LIFE_S, until

ROOT = Path(__file__).parent.parent.parent
PAPER = ROOT / "configs" / "paper.yaml"
REPLAY = ROOT / "configs" / "replay.yaml"
GLFT = ROOT / "configs" / "glft.yaml"

DATABASE = "REPLENISHER_DATABASE__URL"  # the variable that says where our own books are
EXCHANGE = "REPLENISHER_VENUES__DERIBIT__URL"  # and the one that says where an exchange runs already

LOOK_S = 0.05  # between looks at a process's files, which are read whole: the desk needs the core

Record = dict[str, Any]


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> list[Record]:
        """The facts on stdout, one JSON document a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def summary(self) -> Record:
        """The last fact of a life."""
        assert self.told[-1]["event"] == "summary", f"the life ended without a summary: {self}"
        return self.told[-1]


class Process:
    """A command that still runs."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: Path, stderr: Path) -> None:
        self.pid = process.pid
        self._process, self._stdout, self._stderr = process, stdout, stderr

    def wait(self, timeout_s: float = LIFE_S) -> Ended:
        """How it ended by itself."""
        code = self._process.wait(timeout_s)
        return Ended(code, self._stdout.read_text(), self._stderr.read_text())

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def until(self, what: str, condition: Callable[[], object], within_s: float = LIFE_S) -> None:
        """Wait for something that must come true while the process runs."""
        until(lambda: self._comes_true(condition, what), what, within_s, LOOK_S)

    def _comes_true(self, condition: Callable[[], object], what: str) -> bool:
        """Asked once a look, for to ask may itself change something; and after a last look at what has ended."""
        is_over = self.is_over
        if condition():
            return True
        assert not is_over, f"ended while waiting until {what}: {self.wait()}"
        return False

    def send(self, number: signal.Signals) -> None:
        """One signal."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = LIFE_S) -> Ended:
        """One signal, and how it ended upon it."""
        self.send(number)
        return self.wait(within_s)

    def exchanges(self) -> list[int]:
        """The simulated exchanges that it has started and that still run."""
        return self._children(b"exchange")

    def recorders(self) -> list[int]:
        """The recorders that it has started and that still run."""
        return self._children(b"replenisher.wiring.recording")

    def _children(self, word: bytes) -> list[int]:
        return [pid for pid in children(self.pid) if word in _told(Path(f"/proc/{pid}/cmdline")).split(b"\0")]

    def told(self, event: str) -> list[Record]:
        """The facts of one kind on stdout so far."""
        return [fact for line in self.lines() if (fact := msgspec.json.decode(line))["event"] == event]

    def lines(self) -> list[str]:
        """The whole lines on stdout so far."""
        return _whole_lines(self._stdout)

    def end(self) -> None:
        """Leave nothing running, whatever the story came to."""
        if not self.is_over:
            self._process.terminate()
            try:
                self._process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Desk:
    """A room of its own for one configuration: what is started here keeps its data in `data`, and nothing elsewhere."""

    def __init__(self, room: Path, config: Path = PAPER, **variables: str) -> None:
        room.mkdir(parents=True, exist_ok=True)
        self.room, self.config, self.data = room, config, room / "data"
        self.variables = variables
        self.held = ExitStack()  # what a test holds while something is started here
        self._started = 0

    @property
    def ledger_file(self) -> Path:
        """The books of the exchange that `run` starts."""
        return self.data / "exchange.ledger"

    @property
    def database(self) -> Path:
        """Our own books, where they are a file."""
        return self.data / "replenisher.db"

    @property
    def database_url(self) -> str:
        """Our own books, wherever they are."""
        return self.variables.get(DATABASE, f"sqlite:///{self.database}")

    @contextmanager
    def running(self, *arguments: str | Path, dies: str = "", fails: str = "", **variables: str) -> Iterator[Process]:
        """A command, for as long as the block takes at most.

        One that dies does so at a place that `mortal` counts, and what fails of one is said in the words of `failing`.
        """
        program = ["tests.stories.mortal", dies, "replenisher"] if dies else ["replenisher"]
        program = ["tests.stories.failing", *fails.split()] if fails else program
        self._started += 1
        stdout, stderr = (self.room / f"{self._started}.{name}" for name in ("stdout", "stderr"))
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", *program, *map(str, arguments)],
                cwd=self.room,
                env=self.environment() | variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        running = Process(process, stdout, stderr)
        try:
            yield running
        finally:
            running.end()

    @contextmanager
    def exchange(self, port: int = 0) -> Iterator[tuple[Process, str]]:
        """An exchange that `run` has not started, with its books in the same place, and its URL."""
        with self.running("exchange", self.config, "--ledger", self.ledger_file, "--port", str(port)) as exchange:
            exchange.until("it listens", exchange.lines)
            try:
                yield exchange, json.loads(exchange.lines()[0])["url"]
            finally:
                if exchange.is_over and (ended := exchange.wait()).code != -signal.SIGKILL:
                    raise AssertionError(f"the exchange ended by itself: {ended.stderr}")

    def connect(self, url: str) -> None:
        """From now on, trade on an exchange that runs already."""
        self.variables[EXCHANGE] = url

    def command(self, *arguments: str | Path, timeout_s: float = LIFE_S, **variables: str) -> Ended:
        """A command to its end."""
        with self.running(*arguments, **variables) as process:
            return process.wait(timeout_s)

    def run(self, *arguments: str | Path, timeout_s: float = LIFE_S, **variables: str) -> Ended:
        """`run` on this desk's configuration, to its end."""
        return self.command("run", self.config, *arguments, timeout_s=timeout_s, **variables)

    def answer(self, verb: str) -> Record:
        """What the daemon on this desk answers, as a machine reads it."""
        ended = self.command(verb, self.config, "--json")
        assert (ended.code, ended.stderr) == (0, ""), f"{verb}: {ended}"
        answer: Record = json.loads(ended.stdout)
        return answer

    def quoting(self, daemon: Process) -> Record:
        """What it answers to `status` while it quotes: it does not for a moment where a busy machine is late."""
        answers: list[Record] = []

        def is_quoting() -> bool:
            answers.append(self.answer("status"))
            return not any(answers[-1]["not_quoting"].values())

        daemon.until("it says that it quotes", is_quoting)
        return answers[-1]

    def ledger(self) -> list[Record]:
        """The exchange's own books, as far as they are written."""
        return [msgspec.json.decode(line) for line in _whole_lines(self.ledger_file)]

    def audit(self) -> Record:
        """What the program itself finds when it compares the two books; they must agree."""
        ended = self.command("audit", self.config, "--json")
        assert (ended.code, ended.stderr) == (0, ""), f"audit: {ended}"
        findings: Record = json.loads(ended.stdout)
        return findings

    def assert_books_agree(self) -> Record:
        """The two books agree in the program's eyes and in those of a check that knows nothing of the program."""
        exchange_id = self.ledger()[0]["exchange_id"]
        account = "main.paper" if EXCHANGE in self.variables else f"main@{exchange_id}"
        complaints = check(self.database_url, self.ledger_file, account)
        assert not complaints, complaints
        findings = self.audit()
        assert (findings["differences"], findings["open_orders"]) == ([], 0), findings
        assert findings["fills"] == len(fills(self.ledger()))
        return findings

    def exchange_is_gone(self) -> bool:
        """Whether no process holds the exchange's books any more."""
        with self.ledger_file.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def wait_until_gone(self) -> None:
        """Wait for the end of an exchange whose daemon is dead already."""
        until(self.exchange_is_gone, "the exchange ends with its daemon")

    def environment(self) -> dict[str, str]:
        """Nothing of the environment in which the tests run, except how to find the program."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.room),
            "PYTHONPATH": str(ROOT),
            "CREDENTIALS_DIRECTORY": "none",
            "REPLENISHER_DATA_DIR": str(self.data),
            **self.variables,
        }


def fills(ledger: list[Record]) -> list[Record]:
    """What an exchange's books say was filled."""
    return [record for record in ledger if record["type"] == "trade"]


def orders_asked_for(desk: Desk) -> list[str]:
    """The requests for orders that reached the exchange."""
    return [
        record["method"]
        for record in desk.ledger()
        if record["type"] == "request" and record["method"] in ("private/buy", "private/sell", "private/edit")
    ]


def resting(ledger: list[Record]) -> set[str]:
    """Our names for the orders that rest by an exchange's books."""
    closed = {record["order_id"] for record in ledger if record["type"] == "closed"}
    return {record["label"] for record in ledger if record["type"] == "order" and record["order_id"] not in closed}


def lives(ledger: list[Record]) -> list[tuple[int, str]]:
    """Every life of an exchange, and the id under which it lived it."""
    return [(record["life"], record["exchange_id"]) for record in ledger if record["type"] == "opened"]


def children(of: int | str = "self") -> list[int]:
    """What a process has started and what still runs, whichever of its threads it was."""
    return [int(pid) for task in Path(f"/proc/{of}/task").iterdir() for pid in _told(task / "children").split()]


def contents(directory: Path) -> dict[str, bytes] | None:
    """Every file below a directory, byte for byte, empty folders too; None if it is not there."""
    if not directory.exists():
        return None
    paths = sorted(directory.rglob("*"))
    return {str(path.relative_to(directory)): path.read_bytes() if path.is_file() else b"" for path in paths}


def _whole_lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return file.read_bytes().rpartition(b"\n")[0].decode().splitlines()


def _told(file: Path) -> bytes:
    """What the kernel tells of a thread or a process; nothing of one that has ended meanwhile."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
