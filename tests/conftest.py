"""What every test shares: where recordings of real markets lie, and how many tests ran on them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

RECORDINGS = "REPLENISHER_TEST_DATA"
used_recordings: set[str] = set()
left_out: set[str] = set()


@pytest.fixture
def recordings(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The path of a recording; the test is left out where there are none, and fails where one is missing."""

    def find(name: str) -> Path:
        root = os.environ.get(RECORDINGS)
        if not root:
            left_out.add(request.node.nodeid)
            pytest.skip(f"{RECORDINGS} is not set")
        path = Path(root) / name
        assert path.exists(), f"{RECORDINGS} is set, but there is no {name} in it"
        used_recordings.add(request.node.nodeid)
        return path

    return find


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on recordings, so that nobody mistakes a short run for a full one."""
    terminalreporter.write_line(
        f"recordings: {len(used_recordings)} tests ran on recordings, {len(left_out)} were left out"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With recordings at hand nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get(RECORDINGS) and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
