"""The README keeps its word: its YAML is a configuration that trades, and its strategy is a strategy that quotes."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from replenisher.config import load
from replenisher.config.opinions import installed
from replenisher.venues.ccxt.exchanges import TRAITS
from replenisher.venues.standing import STANDINGS
from tests.stories.desk import Desk, Record

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block marked {marker}"
    return found[1]


def traded(config: Path, room: Path, orders: int) -> Record:
    """The last fact of a life that placed so many orders, and ended as it should."""
    desk = Desk(room, config)
    with desk.running("run", config) as daemon:
        daemon.until("it quotes", lambda: sum(record["type"] == "order" for record in desk.ledger()) >= orders)
        ended = daemon.stop()
    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.summary["stop"]["verdict"], ended.summary["stop"]["left"]) == ("flat", [])
    return ended.summary


def orders_by_strategy(data_dir: Path) -> dict[str, int]:
    """How many orders of which strategy the SQL database holds."""
    with closing(sqlite3.connect(data_dir / "replenisher.db")) as database:
        return dict(database.execute("select strategy, count(*) from orders group by strategy"))


def test_the_ten_lines_of_yaml_trade(tmp_path: Path) -> None:
    config = tmp_path / "ten.yaml"
    config.write_text(block("ten lines"))

    assert load(config).strategies[0].id == "core"
    summary = traded(config, tmp_path, orders=6)  # three levels a side
    assert orders_by_strategy(tmp_path / "data") == {"core": summary["orders"]}


def test_the_strategy_in_twenty_lines_trades(tmp_path: Path) -> None:
    code = block("strategy")
    (tmp_path / "skewed_spread.py").write_text(code)
    body = code.split("@dataclass")[1].strip().splitlines()
    config = tmp_path / "own.yaml"
    text = block("ten lines")
    config.write_text(
        text[: text.index("strategies:")]
        + "strategies:\n"
        + "  - {id: own, strategy: skewed_spread.py:SkewedSpread, venue: deribit, instrument: BTC-PERPETUAL,\n"
        + "     half_spread_bps: 4, order_lots: 50, inventory_limit_lots: 500}\n"
    )

    summary = traded(config, tmp_path, orders=2)  # a quote a side

    assert len(body) <= 20
    assert orders_by_strategy(tmp_path / "data") == {"own": summary["orders"]}


def test_the_error_that_is_shown_is_the_one_that_comes(tmp_path: Path) -> None:
    shown = re.search(r"\$ replenisher check my\.yaml\n    (replenisher: .*\n)", README)
    (tmp_path / "my.yaml").write_text(block("ten lines").replace("bid_spread_bps", "bid_spread_pct"))

    found = subprocess.run(
        [sys.executable, "-m", "replenisher", "check", "my.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown is not None
    assert (found.returncode, found.stderr) == (78, shown[1])


def test_the_table_of_venues_is_the_one_that_the_program_goes_by() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| `adapter: (\w+)` \| ([a-z ]+) \|$", README, re.MULTILINE)
    native = {venue: standing for venue, adapter, standing in rows if adapter != "ccxt"}
    through_ccxt = {
        venue: standing for venues, adapter, standing in rows if adapter == "ccxt" for venue in venues.split(", ")
    }

    assert {**native, "ccxt": through_ccxt} == STANDINGS


def test_where_contracts_are_not_traded_is_told() -> None:
    told = re.search(r"Contracts are not\s+traded at ([a-z, ]+), where", README)

    assert told is not None
    assert re.split(r", | and ", told[1]) == sorted(name for name, traits in TRAITS.items() if traits.no_contracts)


def test_the_table_of_strategies_has_all_that_are_installed() -> None:
    table = README.partition("\n## Strategies\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(installed())
    for example in re.findall(r"\((configs/.*?)\)", table):
        assert load(ROOT / example).strategies


def test_every_command_of_the_readme_exists() -> None:
    verbs = set(re.findall(r"replenisher ([a-z-]+)", README)) - {"keeps"}

    for verb in verbs:
        found = subprocess.run(
            [sys.executable, "-m", "replenisher", verb, "--help"], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, f"{verb}: {found.stderr}"
