"""`replenisher import` as an operator meets it: what it writes can be traded on, and a mistake writes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.live.terminal import Terminal
from tests.waiting import LIFE_S

ROOT = Path(__file__).parent.parent
PURE = """\
template_version: 24
strategy: pure_market_making
exchange: binance
market: BTC-USDT
bid_spread: 0.1
ask_spread: 0.12
order_refresh_time: 30
order_amount: 0.01
order_levels: 3
order_level_spread: 0.05
moving_price_band_enabled: true
"""
AVELLANEDA = """\
strategy: avellaneda_market_making
exchange: binance
market: BTC-USDT
execution_timeframe_mode: {}
order_amount: 0.01
risk_factor: 1.0
order_refresh_time: 30.0
hanging_orders_mode: {hanging_orders_cancel_pct: 3.0}
order_levels_mode: {}
"""
RISK = {"max_order_quote": "2000", "max_position_quote": "10000", "max_daily_loss_quote": "100"}
MONEY = [word for key, value in RISK.items() for word in ("--set", f"risk.{key}={value}")]
PAPER = [*MONEY, "--set", "exchange.balances={BTC: 1, USDT: 50000}"]
MODEL = ["--set", "gamma=0.1", "--set", "sigma={value: 45}", "--set", "k={window_s: 300, min: 0.1, max: 9}"]
MODEL += ["--set", "horizon_s=300", "--set", "target_base=0"]


def environment(**variables: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": "none", **variables}


def replenisher(room: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replenisher", *map(str, arguments)],
        cwd=room,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIFE_S,
        check=False,
    )


@pytest.mark.parametrize(("text", "said"), [(PURE, []), (AVELLANEDA, MODEL)], ids=["pure", "avellaneda"])
def test_what_is_written_can_be_traded_on(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "conf.yml").write_text(text)

    imported = replenisher(tmp_path, "import", "hummingbot", "conf.yml", "--out", "desk.yaml", *PAPER, *said)
    checked = replenisher(tmp_path, "check", "desk.yaml", "--json")

    assert (imported.returncode, imported.stderr) == (0, "")
    assert "without equivalent: order_refresh_time: 30" in imported.stdout
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "BTC_USDT" in checked.stdout
    assert "order_refresh_time: 30" in (tmp_path / "desk.yaml").read_text()


def test_a_real_venue_can_be_traded_on_once_the_keys_are_there(tmp_path: Path) -> None:
    (tmp_path / "conf.yml").write_text(PURE)
    keys = {f"REPLENISHER_VENUES__BINANCE__API_{what}": "mine" for what in ("KEY", "SECRET")}
    live = ["--mode", "live", "--set", "venues.binance.allow_no_dead_man=true"]

    imported = replenisher(tmp_path, "import", "hummingbot", "conf.yml", "--out", "desk.yaml", *MONEY, *live)
    checked = replenisher(tmp_path, "check", "desk.yaml", **keys)

    assert (imported.returncode, imported.stderr) == (0, "")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_at_a_terminal_it_asks_for_what_the_file_does_not_say_and_writes_the_same(tmp_path: Path) -> None:
    (tmp_path / "conf.yml").write_text(PURE)
    said = replenisher(tmp_path, "import", "hummingbot", "conf.yml", *PAPER)
    asked = {
        "exchange.balances (": "{BTC: 1, USDT: 50000}",
        "risk.max_order_quote (the largest order): ": "2000",
        "risk.max_position_quote (the largest position): ": "10000",
        "risk.max_daily_loss_quote (the largest loss of a day): ": "100",
    }

    terminal = Terminal(120, 40)
    with (
        terminal.opened() as their_end,
        subprocess.Popen(
            [sys.executable, "-m", "replenisher", "import", "hummingbot", "conf.yml"],
            cwd=tmp_path,
            env=environment(),
            stdin=their_end,
            stderr=their_end,
            stdout=subprocess.PIPE,
            text=True,
        ) as program,
    ):
        terminal.until_it_shows("exchange.balances (")
        terminal.press(b"oops: [\n")  # no YAML: it is asked again
        terminal.until_it_shows("is not the YAML we read")
        for question, answer in asked.items():
            terminal.until_it_shows(question)
            terminal.press(f"{answer}\n".encode())
        written, _ = program.communicate(timeout=LIFE_S)

    assert program.returncode == said.returncode == 0
    assert yaml.safe_load(written) == yaml.safe_load(said.stdout)


def test_a_script_reads_what_was_brought_over(tmp_path: Path) -> None:
    (tmp_path / "conf.yml").write_text(PURE)

    told = json.loads(replenisher(tmp_path, "import", "hummingbot", "conf.yml", "--json", *PAPER).stdout)

    assert told["written"] is None
    assert told["config"]["strategies"][0]["bid_spread_bps"] == 10
    assert [each["key"] for each in told["without_equivalent"]] == ["order_refresh_time", "moving_price_band_enabled"]
    assert [file.name for file in tmp_path.iterdir()] == ["conf.yml"]


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (PURE, PAPER[2:], "conf.yml: the file does not say risk.max_order_quote (the largest order): say each"),
        (PURE.replace("pure_market_making", "hedge"), PAPER, "conf.yml: strategy: 'hedge' cannot be imported, only"),
        ("{", PAPER, "conf.yml: line 1: this is not the YAML we read"),
        (PURE, [*PAPER, "--out", "taken.yaml"], "taken.yaml is there already: name another one"),
        (PURE, [*PAPER, "--out", "nowhere/desk.yaml"], "nowhere/desk.yaml: cannot be written: No such file"),
        (PURE, [*PAPER, "--mode", "demo"], "the command line: --mode: 'demo' is not allowed, it must be paper,"),
        (PURE, [*PAPER, "--percents", "bps"], "the command line: --percents: 'bps' is not allowed, it must be"),
        (PURE, [*PAPER, "--set", "gamma"], "the command line: --set gamma: it must be like KEY=VALUE"),
        (PURE, [*PAPER, "--set", "gamma=["], "the command line: --set gamma: '[' is not the YAML we read"),
        (PURE, [*PAPER, "--set", "strategy=glft"], "the command line: --set strategy: the file decides it"),
        (PURE, [*PAPER, "--set", "gamma=1"], "conf.yaml is not written: strategies[0].gamma is not a known key"),
        (PURE, [*PAPER, "--set", "risk.max_order_quote=-1"], "conf.yaml is not written: risk.max_order_quote: -1 is"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    tmp_path: Path, text: str, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "conf.yml").write_text(text)
    (tmp_path / "taken.yaml").write_text("mine")

    ended = replenisher(tmp_path, "import", "hummingbot", "conf.yml", *arguments)

    assert ended.returncode == (2 if sentence.startswith("the command line: ") else 78)
    assert ended.stderr.startswith(f"replenisher: {sentence}")
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
    assert {file.name for file in tmp_path.iterdir()} == {"conf.yml", "taken.yaml"}
    assert (tmp_path / "taken.yaml").read_text() == "mine"
