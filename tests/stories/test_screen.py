"""The end at a terminal, by Ctrl-C or with it: verified flat, the terminal as it was, and the books in order."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.live.terminal import Terminal
from tests.stories.desk import Desk, Record, fills
from tests.waiting import LIFE_S, until

CTRL_C = b"\x03"
OTHER_PAGE, FIRST_PAGE = b"\x1b[?1049h", b"\x1b[?1049l"
NO_CURSOR, CURSOR = b"\x1b[?25l", b"\x1b[?25h"


def started_on(theirs: int, desk: Desk) -> subprocess.Popen[bytes]:
    """The daemon, on a terminal of its own: whoever types there, or hangs up, means it.

    Also where these tests run under `nohup`: a daemon that was started so outlives its terminal, as it should.
    """

    def take_the_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        ioctl(0, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        [sys.executable, "-m", "replenisher", "run", desk.config],
        cwd=desk.room,
        env=desk.environment() | {"TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_the_terminal,
    )


def last_word(desk: Desk) -> Record:
    """The last fact in the log, which lies in the data directory while the screen has the terminal."""
    told = (desk.data / "logs" / "replenisher.jsonl").read_text().splitlines()
    fact: Record = json.loads(told[-1])
    assert fact["event"] == "summary"
    return fact


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_ctrl_c_leaves_the_terminal_as_it_was_and_no_order_behind(tmp_path: Path, width: int, height: int) -> None:
    desk = Desk(tmp_path)
    terminal = Terminal(width, height)

    with terminal.opened() as theirs:
        before = termios.tcgetattr(theirs)
        daemon = started_on(theirs, desk)
        try:
            terminal.until_it_shows("● quoting", LIFE_S)
            until(lambda: fills(desk.ledger()), "it is filled", LIFE_S)
            terminal.press(CTRL_C)
            assert daemon.wait(LIFE_S) == 0
            after = termios.tcgetattr(theirs)
        finally:
            daemon.kill()
            daemon.wait()

    assert after == before
    assert terminal.raw.count(OTHER_PAGE) == terminal.raw.count(FIRST_PAGE) == 1
    assert terminal.raw.rindex(CURSOR) > terminal.raw.rindex(NO_CURSOR)
    terminal.until_it_shows("stopped, verified flat: SIGINT")
    assert not any("Traceback" in line for line in terminal.lines())
    assert last_word(desk)["stop"] == {"reason": "SIGINT", "verdict": "flat", "left": []}
    assert desk.exchange_is_gone()
    desk.assert_books_agree()


def test_a_terminal_that_goes_away_takes_no_order_with_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ours, theirs = pty.openpty()  # nobody reads it, so that it is full before long
    daemon = started_on(theirs, desk)
    os.close(theirs)
    try:
        try:
            until(lambda: fills(desk.ledger()), "it is filled", LIFE_S)
        finally:
            os.close(ours)
        assert daemon.wait(LIFE_S) == 0
    finally:
        daemon.kill()
        daemon.wait()

    assert last_word(desk)["stop"] == {"reason": "SIGHUP", "verdict": "flat", "left": []}
    assert desk.exchange_is_gone()
    desk.assert_books_agree()
