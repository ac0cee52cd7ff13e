"""One daemon a data directory, and none that is dead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from replenisher.errors import Taken
from replenisher.live.sole import sole_daemon


def test_a_second_daemon_on_one_data_directory_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with sole_daemon(tmp_path):
        with (
            pytest.raises(Taken, match="another daemon runs on this data directory"),
            sole_daemon(tmp_path),
        ):
            pass

        assert list(tmp_path.iterdir()) == []

    with sole_daemon(tmp_path):
        pass


def test_a_killed_daemon_holds_the_directory_no_longer(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from replenisher.live.sole import sole_daemon\n"
        "with sole_daemon(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"held\n"
        with pytest.raises(Taken), sole_daemon(tmp_path):
            pass

        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait()

        with sole_daemon(tmp_path):
            pass
