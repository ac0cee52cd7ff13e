"""The README keeps its word: its YAML is a configuration that trades, and its strategy is a strategy that quotes."""

import os
import re
import subprocess
import sys
from pathlib import Path

from replenisher.config import load

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block marked {marker}"
    return found[1]


def trade(config: Path, data_dir: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replenisher", "run", str(config), "--duration", str(seconds)],
        env={**os.environ, "REPLENISHER_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_ten_lines_of_yaml_trade(tmp_path: Path) -> None:
    config = tmp_path / "ten.yaml"
    config.write_text(block("ten lines"))

    assert load(config).strategies[0].id == "core"
    run = trade(config, tmp_path / "data", 3)

    assert run.returncode == 0, run.stderr
    assert '"verdict": "flat"' in run.stdout or "flat" in run.stdout


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

    run = trade(config, tmp_path / "data", 3)

    assert len(body) <= 20
    assert run.returncode == 0, run.stderr
    ledger = (tmp_path / "data" / "exchange.ledger").read_text()
    assert '"type":"order"' in ledger


def test_every_command_of_the_readme_exists() -> None:
    verbs = set(re.findall(r"replenisher ([a-z-]+)", README)) - {"keeps"}

    for verb in verbs:
        found = subprocess.run(
            [sys.executable, "-m", "replenisher", verb, "--help"], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, f"{verb}: {found.stderr}"
