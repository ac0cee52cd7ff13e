"""Ctrl-C at a terminal: the daemon stops verified flat, the terminal is as it was, and the books are in order."""

import json
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.live.terminal import Terminal, eventually
from tests.stories.desk import Desk, fills

CTRL_C = b"\x03"
OTHER_PAGE, FIRST_PAGE = b"\x1b[?1049h", b"\x1b[?1049l"
NO_CURSOR, CURSOR = b"\x1b[?25l", b"\x1b[?25h"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_ctrl_c_leaves_the_terminal_as_it_was_and_no_order_behind(tmp_path: Path, width: int, height: int) -> None:
    desk = Desk(tmp_path)
    terminal = Terminal(width, height)

    with terminal.opened() as theirs:
        before = termios.tcgetattr(theirs)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "replenisher", "run", desk.config],
            cwd=desk.room,
            env=desk.environment() | {"TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # whoever types on this terminal means the daemon
        )
        try:
            assert terminal.shows("● quoting", within_s=30), "\n".join(terminal.lines())
            assert eventually(lambda: len(fills(desk.ledger())) > 0, within_s=30)
            terminal.press(CTRL_C)
            assert daemon.wait(30) == 0
            after = termios.tcgetattr(theirs)
        finally:
            daemon.kill()
            daemon.wait()

    assert after == before
    assert terminal.raw.count(OTHER_PAGE) == terminal.raw.count(FIRST_PAGE) == 1
    assert terminal.raw.rindex(CURSOR) > terminal.raw.rindex(NO_CURSOR)
    assert terminal.shows("stopped, verified flat: SIGINT", within_s=1)
    assert not any("Traceback" in line for line in terminal.lines())
    told = [json.loads(line) for line in (desk.data / "logs" / "replenisher.jsonl").read_text().splitlines()]
    assert told[-1]["event"] == "summary"
    assert told[-1]["stop"] == {"reason": "SIGINT", "verdict": "flat", "left": []}
    assert desk.exchange_is_gone()
    desk.assert_books_agree()
