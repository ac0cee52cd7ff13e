"""Somebody runs the daemon on a terminal and watches: everything that can move is seen to move."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.terminal import Terminal
from tests.waiting import LIFE_S, until

ROOT = Path(__file__).parents[2]
MONEY = {
    "inventory": re.compile(r"position +(-?[\d,.]+ USD)"),
    "P&L": re.compile(r"P&L +([+-]?[\d,.]+ BTC)"),
    "fills": re.compile(r"fills +(\d+),"),
    "refill latency": re.compile(r"p50 ([\d,.]+) p99"),
}


def numbers(lines: list[str]) -> dict[str, str]:
    """What the page says about everything that moves."""
    seen: dict[str, str] = {}
    for index, line in enumerate(lines):
        for name, pattern in MONEY.items():
            if (match := pattern.search(line)) is not None:
                seen[name] = match[1]
        if " spread " in line:
            seen["book"] = lines[index - 1][:44] + lines[index + 1][:44]
        elif "─ bids ─" in line:
            seen["own ladder"] = lines[index + 1][-80:]
        elif "fills ───" in line and ":" in lines[index + 1]:
            seen["last fill"] = lines[index + 1][-130:]
    return seen


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_a_person_at_a_terminal_sees_it_trade(width: int, height: int, tmp_path: Path) -> None:
    terminal = Terminal(width, height)
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = kept | {"REPLENISHER_DATA_DIR": str(tmp_path / "data"), "TERM": "xterm-256color"}
    told: dict[str, set[str]] = {}

    def everything_moved() -> bool:
        for name, number in numbers(terminal.lines()).items():
            told.setdefault(name, set()).add(number)
        return len(told) == 7 and all(len(values) > 1 for values in told.values())

    with terminal.opened() as theirs:
        command = [sys.executable, "-m", "replenisher", "run", "configs/paper.yaml"]
        daemon = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        try:
            until(lambda: everything_moved() or daemon.poll() is not None, "everything moves", within_s=LIFE_S)
            assert daemon.poll() is None, "\n".join(terminal.lines())
            terminal.until_it_shows("● quoting")
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(LIFE_S) == 0
        finally:
            daemon.kill()
            daemon.wait()

    assert b"\x1b[?1049h" in terminal.raw
    assert b"\x1b[?1049l" in terminal.raw
