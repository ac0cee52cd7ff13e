"""What every test shares: databases of both kinds, recordings of real markets, and a count of the tests on these."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from replenisher.store import schema
from tests.postgres import database_on, server

SERVER = "REPLENISHER_TEST_POSTGRES_URL"  # of a server on which we may make databases; without it one is started
RECORDINGS = "REPLENISHER_TEST_DATA"
BROWSER = "REPLENISHER_TEST_BROWSER"  # a Chromium; without it one is looked for in PATH
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NO_BROWSER = f"{BROWSER} is not set, and no Chromium is in PATH"
USED = "recording"  # the property by which a test says that it ran on one
FINDING = "finding"  # and the one by which it says what it found
LONGEST = ("test_seeds.py", "test_kills.py", "test_database_away.py", "test_two_daemons.py", "test_paper.py")
YOUNG_MAX = 200_000  # objects made and not freed again, after which Python looks for garbage; it would at 700

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("untimed")


@pytest.fixture
def recordings(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The path of a recording; the test is left out where there are none, and fails where one is missing."""

    def find(name: str) -> Path:
        root = os.environ.get(RECORDINGS)
        if not root:
            pytest.skip(f"{RECORDINGS} is not set")
        path = Path(root) / name
        assert path.exists(), f"{RECORDINGS} is set, but there is no {name} in it"
        request.node.user_properties.append((USED, name))
        return path

    return find


@pytest.fixture
def browser() -> str:
    """A Chromium; the test is left out where there is none, and fails where the named one is missing."""
    if named := os.environ.get(BROWSER):
        assert shutil.which(named), f"{BROWSER} is set, but {named} cannot be started"
        return named
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(NO_BROWSER)
    return found


@pytest.fixture
def finding(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a sentence said at the end of the run, whether the test passes or not."""

    def say(sentence: str) -> None:
        print(sentence)
        request.node.user_properties.append((FINDING, sentence))

    return say


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server on which databases may be made: one of our own, unless one is named."""
    if named := os.environ.get(SERVER):
        yield named
    else:
        with server() as own:
            yield own.url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database on PostgreSQL."""
    with database_on(postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with our tables in it and no rows, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_ledger(postgres: str) -> Iterator[str]:
    """A database with our tables in it and no rows, to be a template; its name."""
    with database_on(postgres) as url:
        schema.upgrade(url)
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with our tables in it and no rows, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_ledger'), tmp_path / 'ledger.db')}"
    else:
        template = request.getfixturevalue("postgres_ledger")
        with database_on(request.getfixturevalue("postgres"), template) as url:
            yield url


class Tally:
    """Counts the tests on recordings and in a browser; kept by the process that reports, whoever ran them."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.skipped: set[str] = set()
        self.left_out: set[str] = set()
        self.without_browser: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of one phase of one test."""
        if report.skipped and NO_BROWSER in str(report.longrepr):
            self.without_browser.add(report.nodeid)
        elif report.skipped:
            self.skipped.add(report.nodeid)
            if RECORDINGS in str(report.longrepr):
                self.left_out.add(report.nodeid)
        elif any(name == USED for name, _ in report.user_properties):
            self.used.add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many there were, so that nobody mistakes a short run for a full one."""
        terminalreporter.write_line(
            f"recordings: {len(self.used)} tests ran on recordings, {len(self.left_out)} were left out"
        )
        if self.without_browser:
            terminalreporter.write_line(f"browser: {len(self.without_browser)} tests were left out, {NO_BROWSER}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """With recordings at hand nothing may be skipped."""
        if os.environ.get(RECORDINGS) and self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Findings:
    """Says at the end what tests have found, in the order in which they ended."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of what one test found."""
        if report.when == "call":
            self.sentences += [str(value) for name, value in report.user_properties if name == FINDING]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a sentence."""
        for sentence in self.sentences:
            terminalreporter.write_line(sentence)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is long comes first, so that no process is left alone with it; what is quick fills the gaps at the end."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path.name in LONGEST:
        return LONGEST.index(item.path.name)
    return len(LONGEST) + ("stories" not in item.path.parts)  # these hold real time


def pytest_collection_finish() -> None:
    """All tests are loaded, and stay: no look for garbage goes through them again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """What is told at the end is told by the process that reports, not by those that only run tests for it."""
    gc.set_threshold(YOUNG_MAX)  # a quarter of the time to load all tests went into garbage of which there is none
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(), "tally of recordings")
        config.pluginmanager.register(Findings(), "findings")
