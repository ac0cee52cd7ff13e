"""A new user's first file: made by flags or by questions, accepted by `check`, and traded on."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.terminal import Terminal
from tests.stories.desk import ROOT, Desk, resting
from tests.waiting import LIFE_S

MONEY = [
    "--size",
    "1000",
    "--max-order-quote",
    "5000",
    "--max-position-quote",
    "100000",
    "--max-daily-loss-quote",
    "500",
]
PERPETUAL = ["--instrument", "BTC-PERPETUAL", "--size-unit", "quote", "--balances", "BTC=10", *MONEY]
THROUGH_CCXT = ["--adapter", "ccxt", *PERPETUAL]
SPOT = ["--instrument", "BTC_USDC", "--size-unit", "quote", "--balances", "BTC=2,USDC=100000", *MONEY]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "room")
    desk.config = desk.room / "desk.yaml"
    return desk


@pytest.mark.parametrize("flags", [PERPETUAL, SPOT, THROUGH_CCXT], ids=["perpetual", "spot", "through ccxt"])
def test_what_flags_have_made_passes_the_check_and_trades(desk: Desk, flags: list[str]) -> None:
    made = desk.command("new-config", desk.config, *flags)
    assert (made.code, made.stderr) == (0, "")
    assert f"{desk.config} is written." in made.stdout
    assert ("deribit through ccxt: proved on the simulated exchange." in made.stdout) is (flags is THROUGH_CCXT)

    assert desk.command("check", desk.config).code == 0
    with desk.running("run", desk.config) as daemon:
        daemon.until("it has placed every level", lambda: len(resting(desk.ledger())) == 10)
        ended = daemon.stop()

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["orders"] >= 10
    assert (ended.summary["stop"]["verdict"], ended.summary["denied"]) == ("flat", 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (PERPETUAL[2:], "--instrument"),
        (PERPETUAL[:-2], "--max-daily-loss-quote"),
        ([*PERPETUAL, "--levels", "many"], "--levels"),
        ([*PERPETUAL, "--mode", "testnet"], "--balances"),
        (["--venue", "okx"], "--venue: 'okx' is not allowed, mode paper speaks as deribit does: another venue needs"),
        (["--instrument", "BTC-PERPETUAL", "--size-unit", "base", "--size", "much"], "--size: 'much' is not allowed"),
    ],
    ids=["nothing to trade", "no limit", "a wrong number", "another mode's", "another mode's venue", "a wrong size"],
)
def test_without_a_terminal_the_flag_at_fault_is_named_and_nothing_is_written(
    desk: Desk, arguments: list[str], told: str
) -> None:
    ended = desk.command("new-config", desk.config, *arguments)

    assert (ended.code, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not desk.config.exists()


def test_what_could_not_be_traded_on_is_not_written(desk: Desk) -> None:
    ended = desk.command("new-config", desk.config, *PERPETUAL, "--size", "5")

    assert ended.code == 78
    assert ended.stderr.startswith(f"replenisher: {desk.config} is not written: strategies[0]: the sizes of bids 0")
    assert not desk.config.exists()


LIVE = ["--mode", "live", "--instrument", "BTC/USDT:USDT", "--size-unit", "quote", *MONEY]


def test_a_configuration_for_an_untested_exchange_says_so_and_asks_for_no_balance(desk: Desk) -> None:
    made = desk.command("new-config", desk.config, "--venue", "okx", *LIVE)

    assert (made.code, made.stderr) == (0, "")
    assert made.stdout.startswith("okx through ccxt: untested; `run --live` wants --accept-untested.\n")
    assert made.stdout.endswith(f"  replenisher run {desk.config} --live\n")
    secrets = ("API_KEY", "API_SECRET", "API_PASSWORD")
    desk.variables |= {f"REPLENISHER_VENUES__OKX__{secret}": "secret" for secret in secrets}
    assert desk.command("check", desk.config).code == 0


def test_a_testnet_that_ccxt_does_not_know_is_refused_before_anything_is_written(desk: Desk) -> None:
    ended = desk.command("new-config", desk.config, "--venue", "kraken", *LIVE, "--mode", "testnet")

    assert (ended.code, desk.config.exists()) == (78, False)
    assert ended.stderr.endswith("'kraken' is not allowed, ccxt knows no testnet of it\n")


def test_a_file_that_is_there_is_left_alone_unless_forced(desk: Desk) -> None:
    desk.config.write_text("mine")

    refused = desk.command("new-config", desk.config, *PERPETUAL)

    assert (refused.code, desk.config.read_text()) == (2, "mine")
    assert "say --force" in refused.stderr
    assert desk.command("new-config", desk.config, *PERPETUAL, "--force").code == 0
    assert "BTC-PERPETUAL" in desk.config.read_text()


def test_a_folder_is_no_file_to_write_even_if_forced(desk: Desk) -> None:
    refused = desk.command("new-config", ".", *PERPETUAL, "--force")

    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr == "replenisher: the command line: FILE: . is a folder: name a file\n"


def test_at_a_terminal_it_asks_offers_what_is_usual_and_asks_again_after_a_mistake(desk: Desk) -> None:
    terminal = Terminal(80, 24)
    talk = [
        ("Mode", ""),
        ("Venue", ""),
        ("Adapter", ""),
        ("Instrument [BTC-PERPETUAL]", ""),
        ("Unit of sizes", ""),
        ("Size of a level", "much"),
        ("it must be a number", "1000"),
        ("Levels a side [5]", "2"),
        ("first level", ""),
        ("next", ""),
        ("Largest order", "5000"),
        ("Largest position", "100000"),
        ("Largest loss", "500"),
        ("as BTC=AMOUNT", "BTC=10"),
    ]
    with terminal.opened() as theirs:
        command = [sys.executable, "-m", "replenisher", "new-config", str(desk.config)]
        wizard = subprocess.Popen(command, cwd=ROOT, env=desk.environment(), stdin=theirs, stdout=theirs, stderr=theirs)
        try:
            for question, answer in talk:
                terminal.until_it_shows(question)
                terminal.press(f"{answer}\r".encode())
            assert wizard.wait(LIFE_S) == 0
        finally:
            wizard.kill()
            wizard.wait()

    assert "order_levels: 2" in desk.config.read_text()
    assert desk.command("check", desk.config).code == 0
