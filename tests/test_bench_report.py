"""The bench of the report makes a ledger that the report understands, and measures it."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_ledger_is_made_and_its_report_is_measured() -> None:
    command = [sys.executable, "-m", "bench.report", "--json", "--fills", "300"]

    ended = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["fills"] == 300
    assert found["sweeps"] == {"stored": 540, "read": 540}
    assert {currency: float(left) for currency, left in found["unexplained"].items()} == {"BTC": 0, "USDT": 0}
    assert found["seconds"] > 0 < found["cpu_seconds"]
    assert found["floor"]["cpu_seconds"] < found["cpu_seconds"] and found["is_reached"]
    assert found["peak_bytes"] > 10_000_000 and found["ledger_bytes"] > 100_000
