"""What takes minutes, so only `make test-long` runs it: a whole recording at the speed that the README names."""

import sys
from pathlib import Path
from time import monotonic

import pytest

from bench.progress import Progress
from tests.stories.desk import REPLAY, Desk
from tests.stories.test_recorded import TAPE, Recordings, assert_played_to_its_end

TAPE_S_MAX = 600.0


def test_a_whole_tape_at_ten_times_life(
    recordings: Recordings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = recordings(TAPE)
    desk = Desk(tmp_path / "desk", REPLAY)
    progress, began = Progress(), monotonic()

    def is_over() -> bool:
        """Whether the last word is said; on the way, how far it is."""
        lines = daemon.lines()
        if progress.is_due():
            filled = sum('"event": "filled"' in line for line in lines)
            with capsys.disabled():
                print(f"{monotonic() - began:.0f} s: {filled} fills", file=sys.stderr, flush=True)
        return bool(lines) and '"event": "summary"' in lines[-1]

    with desk.running("run", REPLAY, "--tape", tape, "--speed", "10") as daemon:
        daemon.until("the tape is over", is_over, within_s=TAPE_S_MAX)
        ended = daemon.wait()

    assert_played_to_its_end(desk, ended, tape)
