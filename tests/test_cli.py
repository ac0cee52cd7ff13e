"""The command line as an operator meets it: exit codes, one line on stderr, and nothing left behind."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from replenisher.cli import app
from replenisher.cli.program import show
from replenisher.config import load
from replenisher.live.control import Answer, Door, Request
from replenisher.live.sole import sole_daemon
from replenisher.live.status_page import status_page
from replenisher.report.resampling import resampled
from tests.waiting import DEADLINE_S, LIFE_S

ROOT = Path(__file__).parent.parent
PAPER = ROOT / "configs" / "paper.yaml"
FULL = Path("/dev/full")

Command = Callable[..., subprocess.CompletedProcess[str]]

ORDER: dict[str, object] = {
    "order_id": "rpl1",
    "instrument": "deribit/BTC-PERPETUAL",
    "strategy": "core",
    "side": "buy",
    "level": 0,
    "price": "59918.5",
    "amount": "1000.0",
    "filled": "0",
    "status": "working",
    "pending": None,
    "intent": "quote",
    "reason": "",
    "age_ns": 508_082_726,
}
COUNTS: dict[str, object] = (
    {"orders": 15, "amended": 137, "canceled": 1, "rejected": 2, "expired": 3, "denied": 4, "unknown": 5}
    | {"fills": 8, "refills": 6, "slots_refilled": 5, "fills_per_minute": 7}
    | {"refill_p50_ms": 9.442, "refill_p95_ms": 12.5, "refill_p99_ms": 16.23, "refill_samples": 6}
    | {"refilled_5s_share": 0.857}
    | {"live_orders": 2, "in_flight": 1, "unanswered": 0, "uncovered": 0}
)
LADDER: list[dict[str, object]] = [
    ORDER,
    ORDER | {"side": "sell", "price": "60087", "amount": "10710", "filled": "290", "pending": "amend"},
]


def sweep(band_bps: float, number: int) -> dict[str, object]:
    """One sweep of several, of which every third is back."""
    is_back = number % 3 == 1
    after = {
        "t50_ns": (400 + 100 * number) * 1_000_000,
        "t90_ns": (900 + 200 * number) * 1_000_000 if is_back else None,
    }
    return {
        "side": "sell",
        "band_bps": band_bps,
        "at": 1 + number,
        "loss": 40.0,
        "watched_ns": 60_000_000_000,
        "back": [0.0, 0.2 + number / 100, 0.5, *[None] * 4],
        "flow_per_s": 0.1 + number / 100,
        "own_share": number / 10 if number < 10 else None,
    } | after


STATUS: dict[str, object] = COUNTS | {
    "at": 1_000_000_000_000,
    "uptime_s": 3_661.2,
    "lease": {"epoch": 60_310_412, "is_held": True, "left_s": 84.2, "why": ""},
    "rows": {"behind_bytes": 4_711, "error": "Connection refused"},
    "statements": [
        {
            "day": "2026-11-24",
            "outcome": "not_explained",
            "told": "not explained: BTC on deribit: -0.5 between",
            "accepted": "",
        },
        {"day": "2026-11-25", "outcome": "explained", "told": "all that moved is explained", "accepted": ""},
    ],
    "lines_lost": 1_200,
    "not_quoting": {"core": "", "edge": "paused: the operator"},
    "withheld": {"core": "max_open_orders", "edge": ""},
    "guards": {"core": ["toxicity, withhold buy 0: mean markout -1.20 bps of 7 fills"]},
    "prices": {"core": {"deribit/BTC-PERPETUAL": "60002.75", "http:desk": "60110, outvoted", "index:x": "not fresh"}},
    "terms": {
        "core": {"fair_value": 60_002.75, "lean": -0.43, "centre": 60_014.5, "half_spread": 48.0, "c1": 1e-7 / 3}
    },
    "resilience": {},
    "sweeps": {
        "deribit/BTC-PERPETUAL": {
            "touch": [sweep(0.0, 0)],
            "5 bps": [sweep(5.0, 0), sweep(5.0, 1)],
            "10 bps": [sweep(10.0, number) for number in range(12)],
        },
    },
    "obligations": {
        "core": {"min_uptime_pct": 95.0, "hour_pct": 97.125, "today_pct": 99.5, "is_met": False, "is_closed": False}
        | {"missing": "no bid rests", "since": 988_000_000_000},
        "edge": {"min_uptime_pct": 90.0, "hour_pct": None, "today_pct": 100.0, "is_met": True, "is_closed": True}
        | {"missing": "", "since": None},
    },
    "instruments": {
        "deribit/BTC-PERPETUAL": {
            "position": "-430.0",
            "inventory": {"core": "-430.0"},
            "realized": "0.00000724",
            "fees": "0.0",
            "fees_elsewhere": {"BNB": "0.002"},
            "unrealized": None,
            "pnl": None,
            "pnl_quote": None,
            "mark": None,
            "mark_source": "",
            "settlement_currency": "BTC",
            "quote_currency": "USD",
        }
    },
    "balances": {"deribit/BTC": "10.00000724"},
    "halts": [{"type": "Halt", "cause": "clock_skew", "reason": "the clock of deribit is +61.0 s from ours"}],
    "pauses": [
        {"type": "Pause", "reason": "the operator", "until": 0, "strategy": "edge", "reduces": False},
        {"type": "Pause", "reason": "a daily loss", "until": 1_600_000_000_000, "strategy": "", "reduces": True},
    ],
    "sync": {"deribit": "synced", "other": "closed"},
    "lost": {"other": "10028 too_many_requests"},
    "dead_man_switch": {"deribit": "armed"},
    "stop": None,
    "ladder": LADDER,
    "empty_slots": [],
    "book": {},
}
STATUS_PAGE = """\
core                   quoting, less than wanted: max_open_orders
edge                   shows nothing: paused: the operator
core guards            toxicity, withhold buy 0: mean markout -1.20 bps of 7 fills
core owes              not met for 12 s: no bid rests, 97.12 % of this hour, 99.50 % of today (UTC), owed are 95 %
edge owes              nothing is owed, the instrument does not trade, 100.00 % of today (UTC), owed are 90 %
deribit                synced
other                  closed, lost last: 10028 too_many_requests
dead man               deribit: armed, the venue cancels when we are gone
lease                  ours, epoch 60310412, for 84 s unless it is renewed
up                     01:01:01
rows                   wait, 4,711 bytes behind the journal: Connection refused
! statement            2026-11-24 is not explained: BTC on deribit: -0.5 between
statement              2026-11-25: all that moved is explained
! log                  1,200 lines could not be written, the disk is full
orders                 2 live, 1 in flight, 0 unanswered
so far                 15 placed, 137 amended, 1 canceled
not as asked           2 rejected, 3 expired, 4 denied, 5 unknown
fills                  8, 7 in the last minute
refills                6 sent, eaten slots full again: 5
                       p50 9.442 ms, p95 12.5 ms, p99 16.23 ms, 86% within 5 s
deribit/BTC-PERPETUAL  position -430
P&L                    unknown
of which               realized 0.00000724, unrealized unknown, fees 0.0
! loss limit           while it has no market, what it gains or loses does not count
fees besides           0.002 BNB, which neither P&L nor any limit counts
balance                10.00000724 BTC at deribit
halt                   everything, until `resume --reason`: the clock of deribit is +61.0 s from ours
pause                  edge, until `resume`: the operator
reduce                 all strategies, for 10m more: a daily loss
core sees              deribit/BTC-PERPETUAL 60002.75, http:desk 60110, outvoted, index:x not fresh
core by                fair_value 60002.75, lean -0.43, centre 60014.5, half_spread 48, c1 3.3333333e-08
swept                  deribit/BTC-PERPETUAL, 10 bps 12 times
                       half back in 0.9 s [0.6, 1.2; n 12], rho 0.67 a second [0.66, 0.68; n 12]
                       half-life 1.0 s [1.0, 1.0; n 12], flow 16% a second [14, 18; n 12], never 67% [42, 83; n 12]
                       ours 45% [25, 65; n 10], 0% back after 0.1s [n 12], 26% back after 0.5s [24, 28; n 12]
                       50% back after 1s [n 12], 0% are 90 % back by 1s [n 12], 33% are 90 % back by 5s [17, 58; n 12]
                       33% are 90 % back by 30s [17, 58; n 12]
swept                  deribit/BTC-PERPETUAL, touch once, 5 bps 2 times: fewer than 10 tell nothing
                       in brackets 95 % and of how many; the next sweep of a side ends a watch, \
means are of those still watched

strategy  instrument             side  #     price    size  filled   age  is
core      deribit/BTC-PERPETUAL  buy   0  59,918.5   1,000       ·  0.5s  working
core      deribit/BTC-PERPETUAL  sell  0  60,087.0  10,710     290  0.5s  working, amend sent
"""


@pytest.fixture
def replenisher(tmp_path: Path) -> Command:
    """Runs the command in an empty directory, with nothing set in its environment."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "replenisher", *map(str, arguments)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": "none", **variables},
            capture_output=True,
            text=True,
            timeout=LIFE_S,
            check=False,
        )

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the shipped paper configuration."""
    path = tmp_path / "desk.yaml"
    path.write_text(PAPER.read_text())
    return path


class Daemon:
    """A door without a daemon behind it: it notes what it is asked, and ends as it is told to."""

    def __init__(self, data_dir: Path) -> None:
        self.heard: list[str] = []
        self.last_word: Answer = {"exit_code": 0, "left": []}
        self.config_version = ""
        self.resting = [["rpl1", "rpl1"]]  # what may rest, by the looks at it; the last one stays
        self._door = Door(data_dir, self._handle)
        self._closing: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._door.open(), self._loop).result(DEADLINE_S)

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._closed(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    async def _closed(self) -> None:
        await (self._closing or self._door.close())

    def _handle(self, request: Request) -> Answer:
        self.heard.append(request["verb"])
        if request["verb"] == "stop":
            self._closing = self._loop.create_task(self._door.close(self.last_word))
            return {"asked": "stop"}
        if request["verb"] == "status":
            names = self.resting.pop(0) if len(self.resting) > 1 else self.resting[0]
            ladder = [order | {"order_id": name} for name, order in zip(names, LADDER, strict=False)]
            return STATUS | {"ladder": ladder, "config_version": self.config_version}
        return {"asked": request["verb"]}


@pytest.fixture
def daemon(tmp_path: Path, config: Path) -> Iterator[Daemon]:
    """What the verbs find on the data directory of `desk.yaml`, which it runs."""
    data_dir = tmp_path / "data" / "desk"
    data_dir.mkdir(parents=True)
    daemon = Daemon(data_dir)
    daemon.config_version = load(config).fingerprint()
    daemon.start()
    yield daemon
    daemon.end()


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# --- Mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "arguments", "sentence"),
    [
        ("order_amount: 1000", "order_amout: 1000", [], "strategies[0].order_amout is not a known key"),
        ("order_amount: 1000", "order_amount: -5", [], "order_amount: -5 is not allowed, it must be greater than 0"),
        ("bid_spread_bps: 8", "bid_spread_pct: 8", [], "did you mean bid_spread_bps, in basis points?"),
        ("mode: paper", "mode: testnet", [], "venues.deribit.api_key is missing"),
        ("mode: paper", "mode: live", [], "needs --live"),
        (
            "source: synthetic",
            "source: recorded",
            [],
            "exchange.market.tape is missing, name a recording with --tape",
        ),
        ("version: 1", "version: 1", ["--tape", "none.gz"], "none.gz' is not allowed, there is no such file"),
        ("version: 1", "version: 1", ["--speed", "10"], "name a recording with --tape"),
        (
            "source: synthetic",
            "source: recorded, speed: 1.0e-12",
            [],
            "speed: 1.0E-12 is not allowed, it must be greater than or",
        ),
        (
            "source: synthetic",
            "source: synthetic, time_scale: 1.0e+12",
            [],
            "time_scale: 1.0E+12 is not allowed, it must be less than or equal to 10000",
        ),
    ],
)
def test_a_mistake_is_exit_78_and_one_line_and_leaves_nothing_behind(
    replenisher: Command, config: Path, tmp_path: Path, old: str, new: str, arguments: list[str], sentence: str
) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    before = files(tmp_path)

    result = replenisher("run", config, *arguments)

    assert result.returncode == 78
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("replenisher: ")
    assert sentence in result.stderr
    assert files(tmp_path) == before


def test_an_answer_for_people_has_a_word_where_there_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"halted": "", "left": [], "difference": None, "is_flat": True, "fees": {"BTC": Decimal("1E-8")}}

    show(answer, as_json=False)

    told = ["halted: none", "left: none", "difference: none", "is_flat: yes", "fees.BTC: 0.00000001"]
    assert capsys.readouterr().out.splitlines() == told


@pytest.mark.parametrize(
    "arguments", [["list", "strategies"], ["config", "schema"], ["check", str(PAPER)], ["run", "--help"]]
)
def test_an_answer_for_which_there_is_no_room_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "replenisher", *arguments]

    with FULL.open("wb") as full:
        ended = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)

    assert ended.returncode == 1
    assert ended.stderr == "replenisher: stdout cannot be written: No space left on device\n"


def test_a_full_stderr_does_not_change_how_a_command_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replenisher", "config", "show", "none.yaml"]

    with FULL.open("wb") as full:
        assert subprocess.run(command, cwd=tmp_path, stderr=full).returncode == 78


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", PAPER, "--speed", "1e-12"], "--speed: 1e-12 is not from 0.01 to 10,000"),
        (["replay", PAPER, "--speed", "nan"], "--speed: nan is not from 0.01 to 10,000"),
        (["replay", PAPER, "--synthetic", "--price", "dsk"], "--price: 'dsk' is no name and its price, like"),
        (["report", "nowhere.db", "--since", "noon"], "--since: 'noon' is no time like 2026-01-31T13:45:00Z"),
        (["simulate", "--seeds", "x"], "--seeds: 'x' is neither a seed nor a range like 1..200"),
        (["simulate", "--only", "x"], "--only: it says something of planted bugs only"),
        (["simulate", "--results", "x"], "--results: it says something of planted bugs only"),
        (["simulate", "--faults", "nosuch"], "--faults: 'nosuch' is none of change lost, "),
        (["import", "hummingbot", "conf.yml", "--mode", "bogus"], "--mode: 'bogus' is not allowed, it must be paper, "),
    ],
)
def test_a_wrong_option_is_exit_2_and_one_line(
    replenisher: Command, tmp_path: Path, arguments: list[str | Path], sentence: str
) -> None:
    result = replenisher(*arguments)

    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"replenisher: the command line: {sentence}")
    assert files(tmp_path) == {}


def test_a_missing_file_is_a_mistake_too(replenisher: Command) -> None:
    result = replenisher("config", "show", "none.yaml")

    assert result.returncode == 78
    assert result.stderr == "replenisher: none.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("day", ["2025-6-99", "yesterday", "", "0001-01-01"])
def test_a_day_that_is_none_is_one_clear_sentence(replenisher: Command, config: Path, day: str) -> None:
    result = replenisher("statement", config, "--day", day)

    assert result.returncode == 2
    sentence = f"the command line: --day: {day!r} is no day from 1970 on: write one as 2026-11-25"
    assert result.stderr == f"replenisher: {sentence}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["rum"],
        ["run"],
        ["run", "desk.yaml", "--duration", "soon"],
        ["run", "desk.yaml", "--duration", "-1"],
        ["exchange", "--port", "70000", "--ledger", "x"],
        ["exchange"],
        ["exchange", "--ledger", "x", "--speed", "10"],
        *(["exchange", "--ledger", "x", "--tape", __file__, "--speed", each] for each in ("1e-12", "0", "nan", "inf")),
        ["replay", "desk.yaml", "--synthetic", "--minutes", "inf"],
        ["simulate", "--seeds", "1", "--minutes", "inf"],
        ["pause", "desk.yaml", "--timeout", "inf"],
        ["obligations", "desk.yaml", "--hours", "99999999999"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_2(replenisher: Command, tmp_path: Path, arguments: list[str]) -> None:
    result = replenisher(*arguments)

    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert files(tmp_path) == {}


def test_a_verb_without_a_daemon_is_exit_1_and_one_line(replenisher: Command, config: Path, tmp_path: Path) -> None:
    result = replenisher("status", config, "--json")

    assert result.returncode == 1
    assert result.stdout == ""
    left = f"`replenisher doctor {config}` says what keeps one away, as a halt"
    assert result.stderr == f"replenisher: no daemon runs on {tmp_path}/data/desk; {left}\n"
    assert not (tmp_path / "data").exists()


# --- The operator's door -----------------------------------------------------------------------------------------


def test_a_strategy_of_which_nothing_rests_is_not_said_to_quote() -> None:
    nothing_rests = {
        "ladder": [],
        "not_quoting": dict.fromkeys(("a", "b", "c", "d"), ""),
        "withheld": {"a": "min_profit_bps", "d": "max_position_quote"},
    }
    eaten = {"strategy": "b", "instrument": "deribit/BTC-PERPETUAL", "side": "buy", "age_ns": 1}
    slots = {"empty_slots": [eaten | {"level": 0}, eaten | {"level": 1}, eaten | {"strategy": "d", "level": 0}]}

    page = status_page(resampled(STATUS | nothing_rests | slots))

    assert page.splitlines()[:4] == [
        "a                      shows nothing: min_profit_bps",
        "b                      shows nothing: 2 eaten levels wait for their refill",
        "c                      shows nothing: no order rests",
        "d                      shows nothing: max_position_quote, 1 eaten level waits for its refill",
    ]


def test_status_is_a_page_for_people_and_one_document_for_machines(
    replenisher: Command, config: Path, daemon: Daemon
) -> None:
    for_people, for_machines = replenisher("status", config), replenisher("status", config, "--json")

    assert for_people.stdout == STATUS_PAGE
    answer = json.loads(for_machines.stdout)
    (bands,) = answer.pop("resilience").values()
    assert (answer.pop("file_differs"), answer.pop("config_version")) == ("", daemon.config_version)
    assert answer == {name: told for name, told in STATUS.items() if name not in ("resilience", "sweeps")}
    assert [(band["sweeps"], band["t50_s"]) for band in bands.values()] == [(1, None), (2, None), (12, 0.9)]
    low, high = bands["10 bps"]["intervals"]["back 0.5s"]
    assert low < bands["10 bps"]["back"]["0.5s"] < high
    assert for_people.stderr + for_machines.stderr == ""
    assert (for_people.returncode, for_machines.returncode) == (0, 0)


def test_status_says_that_the_file_is_no_longer_what_runs(replenisher: Command, config: Path, daemon: Daemon) -> None:
    runs = daemon.config_version
    config.write_text(config.read_text() + "# a remark\n")
    assert json.loads(replenisher("status", config, "--json").stdout)["file_differs"] == ""

    config.write_text(config.read_text().replace("order_amount: 1000", "order_amount: 2000", 1))
    changed = json.loads(replenisher("status", config, "--json").stdout)["file_differs"]
    page = replenisher("status", config).stdout

    on_disk = load(config).fingerprint()
    assert on_disk != runs
    told = f"{config}, as it is read here, is {on_disk}, and {runs} runs: it was changed, or given other options then"
    assert changed == told
    assert [line.split(maxsplit=2)[2] for line in page.splitlines() if line.startswith("! file")] == [told]

    config.write_text("version: [")
    broken = json.loads(replenisher("status", config, "--json").stdout)["file_differs"]
    assert broken.startswith(f"it cannot be run any more: {config}")


@pytest.mark.parametrize("verb", ["pause", "cancel-all"])
def test_a_verb_that_takes_everything_down_waits_until_nothing_rests(
    replenisher: Command, config: Path, daemon: Daemon, verb: str
) -> None:
    daemon.resting = [["rpl1", "rpl2"], ["rpl2"], []]

    ended = replenisher(verb, config)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "paused until `resume`; no order of ours rests\n"
    assert daemon.heard == [verb, "status", "status", "status"]


@pytest.mark.parametrize("verb", ["status", "pause", "cancel-all", "resume", "stop"])
def test_a_daemon_is_reached_although_its_file_was_broken_meanwhile(
    replenisher: Command, config: Path, daemon: Daemon, verb: str
) -> None:
    config.write_text("version: [")
    daemon.resting = [[]]

    ended = replenisher(verb, config)

    assert daemon.heard[0] == verb
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["status", "pause", "cancel-all", "resume", "stop"])
def test_where_none_runs_the_broken_file_is_what_is_told(replenisher: Command, config: Path, verb: str) -> None:
    config.write_text("version: [")

    ended = replenisher(verb, config)

    assert (ended.returncode, ended.stdout) == (78, "")
    assert str(config) in ended.stderr


def test_what_may_still_rest_is_named_and_the_exit_code_is_1(
    replenisher: Command, config: Path, daemon: Daemon
) -> None:
    daemon.resting = [["rpl2", "rpl1"]]

    for_people = replenisher("cancel-all", config, "--timeout", "1")
    for_machines = replenisher("cancel-all", config, "--timeout", "1", "--json")

    assert for_people.stdout == "paused until `resume`; these may still rest, look at the venue: rpl1, rpl2\n"
    assert json.loads(for_machines.stdout) == {"asked": "cancel-all", "left": ["rpl1", "rpl2"]}
    assert (for_people.returncode, for_machines.returncode) == (1, 1)


def test_resume_says_who_quotes_and_who_does_not_yet(replenisher: Command, config: Path, daemon: Daemon) -> None:
    for_people = replenisher("resume", config)

    assert for_people.stdout == "core: quoting\nedge: shows nothing yet: paused: the operator\n"
    assert daemon.heard == ["resume", "status"]


@pytest.mark.parametrize(("last_word", "exit_code"), [({"exit_code": 0}, 0), ({"exit_code": 1}, 1), ({}, 1)])
def test_stop_ends_as_the_daemon_ended(
    replenisher: Command, config: Path, daemon: Daemon, last_word: Answer, exit_code: int
) -> None:
    daemon.last_word = last_word

    assert replenisher("stop", config).returncode == exit_code


def test_the_data_directory_can_be_somewhere_else(
    replenisher: Command, config: Path, daemon: Daemon, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "data" / "desk")
    config = config.rename(tmp_path / "other.yaml")

    assert replenisher("status", config).returncode == 1
    assert replenisher("status", config, REPLENISHER_DATA_DIR=elsewhere).returncode == 0


# --- The books ---------------------------------------------------------------------------------------------------


def test_db_upgrade_says_what_it_has_done(replenisher: Command, config: Path, tmp_path: Path) -> None:
    first, second = replenisher("db", "upgrade", config), replenisher("db", "upgrade", config)

    database = f"sqlite:///{tmp_path}/data/desk/replenisher.db"
    assert first.stdout == second.stdout == f"{database}: the tables are as this program knows them\n"
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr) == (0, "")
    assert replenisher("db", "check", config).returncode == 0


def test_no_tables_are_taken_from_under_a_daemon(replenisher: Command, config: Path, tmp_path: Path) -> None:
    replenisher("db", "upgrade", config)
    data_dir = tmp_path / "data" / "desk"

    with sole_daemon(data_dir):
        refused = replenisher("db", "downgrade", config, "--drop-rows")
        check = replenisher("db", "check", config)
    taken = replenisher("db", "downgrade", config, "--drop-rows")

    why = "a daemon runs on this data directory and needs its tables, stop it first"
    assert (refused.returncode, refused.stdout, refused.stderr) == (75, "", f"replenisher: {data_dir}: {why}\n")
    assert check.returncode == 0
    assert (taken.returncode, taken.stderr) == (0, "")
    told = "the tables are older now; `run` or `db upgrade` brings them up again"
    assert taken.stdout == f"sqlite:///{data_dir}/replenisher.db: {told}\n"
    assert replenisher("db", "check", config).returncode == 78


# --- What there is -----------------------------------------------------------------------------------------------


def test_config_show_masks_secrets_and_names_what_the_environment_sets(replenisher: Command, config: Path) -> None:
    variables = {"REPLENISHER_VENUES__DERIBIT__API_SECRET": "hunter2", "REPLENISHER_EXCHANGE__SEED": "99"}

    shown = replenisher("config", "show", config, **variables)
    as_json = replenisher("config", "show", config, "--json", **variables)

    assert "hunter2" not in shown.stdout + as_json.stdout
    assert yaml.safe_load(shown.stdout) == json.loads(as_json.stdout)
    assert json.loads(as_json.stdout)["exchange"]["seed"] == 99


def test_one_strategy_is_listed_with_all_its_keys(replenisher: Command) -> None:
    told = json.loads(replenisher("list", "strategies", "glft", "--json").stdout)
    page = replenisher("list", "strategies", "glft").stdout

    assert list(told) == ["glft"]
    assert all(f"  {parameter['key']} " in page for parameter in told["glft"]["parameters"])
    assert "  refill.max_per_minute " in page and "  obligations.min_uptime_pct " in page
    unknown = replenisher("list", "strategies", "glfd")
    assert unknown.returncode == 2
    assert "'glfd' is none of avellaneda_stoikov, glft, " in " ".join(unknown.stderr.split())


def test_config_schema_prints_the_committed_schema(replenisher: Command) -> None:
    committed = (ROOT / "configs" / "replenisher.schema.json").read_text()

    assert replenisher("config", "schema").stdout == committed


def test_lists_say_what_a_configuration_can_name(replenisher: Command) -> None:
    told = json.loads(replenisher("list", "strategies", "--json").stdout)
    assert "gamma" in [parameter["key"] for parameter in told["glft"]["parameters"]]
    overview = replenisher("list", "strategies").stdout
    assert all(f"\n{name} " in f"\n{overview}" for name in told) and "order_amount" not in overview
    assert len(overview.splitlines()) < 30
    venues = replenisher("list", "venues").stdout.splitlines()
    assert venues[:3] == [
        "deribit.standing: proved on the simulated exchange",
        "deribit.testnet: test.deribit.com",
        "deribit.live: www.deribit.com",
    ]
    assert {"ccxt.binance: mapping tested", "ccxt.kraken: untested"} <= set(venues)


def verbs(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Every verb of the program and the words that lead to it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from verbs(command, (*path, name))
        elif isinstance(command, TyperCommand):
            yield (*path, name), command


PROGRAM = get_command(app)
assert isinstance(PROGRAM, TyperGroup)
VERBS = dict(verbs(PROGRAM))


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_an_example_in_its_help_and_the_example_parses(verb: tuple[str, ...]) -> None:
    command = VERBS[verb]

    example = (command.epilog or "").partition("Example: ")[2]
    words = shlex.split(example.partition(" > ")[0])

    assert words[: len(verb) + 1] == ["replenisher", *verb]
    context = command.make_context(" ".join(verb), words[len(verb) + 1 :])
    assert example in " ".join(command.get_help(context).split())
    assert "--child" not in command.get_help(context)


def test_a_look_at_an_exchange_that_nobody_has_tried_needs_no_word(replenisher: Command, tmp_path: Path) -> None:
    """Only `run` puts money there, and it alone takes `--accept-untested`."""
    config = tmp_path / "k.yaml"
    config.write_text(
        "version: 1\nmode: live\nvenues: {k: {adapter: ccxt, exchange: kraken, api_key: me, api_secret: mine}}\n"
        "risk: {max_position_quote: 9, max_order_quote: 9, max_open_orders: 9, max_daily_loss_quote: 9, "
        "price_collar_bps: 9}\n"
        "strategies:\n  - {id: core, strategy: pure_mm, venue: k, instrument: BTC/USD, size_unit: quote,\n"
        "     order_amount: 5, order_levels: 1, bid_spread_bps: 6, ask_spread_bps: 6, fair_value: {source: mid}}\n"
    )

    looked, run = replenisher("check", config), replenisher("run", config, "--live")

    assert (looked.returncode, looked.stderr) == (0, "")
    assert run.returncode == 78
    assert run.stderr.endswith("add --accept-untested\n")


GROUPS = {name: command for name, command in PROGRAM.commands.items() if isinstance(command, TyperGroup)}


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_of_verbs_has_an_example_of_one_of_them_in_its_help(name: str) -> None:
    example = (GROUPS[name].epilog or "").partition("Example: ")[2]
    program, *verb = shlex.split(example)[:3]

    assert (program, tuple(verb) in VERBS, verb[0]) == ("replenisher", True, name)
    context = GROUPS[name].make_context(name, [], resilient_parsing=True)
    assert example in " ".join(GROUPS[name].get_help(context).split())


@pytest.mark.parametrize("group", [PROGRAM, *GROUPS.values()], ids=lambda group: group.name)
def test_what_a_verb_does_is_said_whole_in_the_list_of_all_on_a_terminal_of_80_columns(group: TyperGroup) -> None:
    told = group.get_help(group.make_context("replenisher", [], resilient_parsing=True, terminal_width=78))

    listed = told.partition("Commands:")[2].splitlines()
    assert len(listed) > len(group.commands)
    assert [line for line in listed if line.endswith("...")] == []


def test_the_verbs_are_all_there() -> None:
    assert {" ".join(verb) for verb in VERBS} == {
        *(
            "new-config",
            "run",
            "exchange",
            "check",
            "doctor",
            "status",
            "metrics",
            "pause",
            "resume",
            "cancel-all",
            "stop",
            "audit",
            "obligations",
            "report",
            "statement",
            "why",
            "simulate",
            "calibrate",
            "record",
            "replay",
        ),
        *("db upgrade", "db downgrade", "db check", "config show", "config schema", "list strategies", "list venues"),
        "experiment avellaneda-stoikov",
        "import hummingbot",
        *("tape info", "tape convert"),
    }


def test_help_does_not_wait_for_heavy_imports() -> None:
    program = "import sys; from replenisher import cli; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    heavy = {"pydantic", "sqlalchemy", "websockets", "rich", "yaml", "msgspec", "asyncio"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_no_look_for_garbage_goes_through_what_a_verb_imports(config: Path) -> None:
    program = """if True:
        import atexit, gc
        from replenisher.cli import main

        looks = lambda: [each["collections"] for each in gc.get_stats()]
        before = looks()
        atexit.register(lambda: print(looks() == before, gc.get_freeze_count() > 50_000))
        main()
    """

    checked = subprocess.run(
        [sys.executable, "-c", program, "check", config], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert checked.stdout.splitlines()[-1] == "True True"
