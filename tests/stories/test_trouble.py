"""A disk that is full while a desk trades; and a database, a disk or an exchange that is away when it is killed."""

import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from replenisher.live.control import ask
from replenisher.store.segments import segments
from tests.stories.desk import DATABASE, Desk, Process, Record, fills, lives, resting
from tests.stories.wire import Wire


def is_filled(desk: Desk, before: int = 0) -> bool:
    """Whether orders rest, and one was filled since there were so many fills."""
    ledger = desk.ledger()
    return len(fills(ledger)) > before and bool(resting(ledger))


@contextmanager
def full_disk(pid: int, size: int) -> Iterator[None]:
    """No file that a process writes may grow beyond a size, which is as good as a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        if Path(f"/proc/{pid}").exists():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def kill(daemon: Process, desk: Desk) -> None:
    """The daemon dies, and with it the exchange that it has started, which cancels first what is left there."""
    daemon.stop(signal.SIGKILL)
    desk.wait_until_gone()
    assert resting(desk.ledger()) == set()


def what_may_rest(desk: Desk, daemon: Process) -> set[str]:
    """The orders that a daemon without a session shows as its own."""
    statuses: list[Record] = []

    def has_none() -> bool:
        """It may have lost one before that came back."""
        statuses.append(ask(desk.data, "status"))
        return statuses[-1]["not_quoting"] == {"core": "not in sync with deribit: closed"}

    daemon.until("it says so", lambda: daemon.told("session_lost"))
    daemon.until("it has no session", has_none)
    assert statuses[-1]["lost"]["deribit"]
    return {order["order_id"] for order in statuses[-1]["ladder"]}


def trade_and_stop(desk: Desk) -> None:
    """A life in which all is well; then both books agree."""
    before = len(fills(desk.ledger()))
    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades", lambda: is_filled(desk, before))
        ended = daemon.stop()
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["stop"]["verdict"] == "flat"
    desk.assert_books_agree()


def test_a_kill_while_the_database_is_away_costs_no_row(tmp_path: Path, postgres_url: str) -> None:
    way = ExitStack()
    desk = Desk(tmp_path, **{DATABASE: way.enter_context(Wire(postgres_url).laid()).url})
    with way, desk.running("run", desk.config) as daemon:
        daemon.until("it trades", lambda: is_filled(desk))
        way.close()  # nobody listens there any more
        daemon.until("it says that rows wait", lambda: daemon.told("rows_wait"))
        before = len(fills(desk.ledger()))
        daemon.until("it trades on", lambda: is_filled(desk, before))
        kill(daemon, desk)

    refused = desk.run()

    assert (refused.code, refused.stdout) == (75, "")
    assert refused.stderr.startswith("replenisher: the database postgresql://test:***@127.0.0.1:")
    assert refused.stderr.endswith(" cannot be reached: Connection refused\n")
    assert len(lives(desk.ledger())) == 1, "no exchange is started for a daemon that cannot live"

    desk.variables[DATABASE] = postgres_url
    trade_and_stop(desk)


@pytest.mark.parametrize("is_killed", [False, True], ids=["until there is room", "and is killed"])
def test_a_disk_that_is_full_for_the_journal_takes_everything_off_the_book(tmp_path: Path, is_killed: bool) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades", lambda: is_filled(desk))
        with full_disk(daemon.pid, segments(desk.data / "journal")[-1].size):
            daemon.until("nothing rests", lambda: not resting(desk.ledger()))
            reason = f"the journal in {desk.data / 'journal'} cannot be written: File too large"
            daemon.until("it says why", lambda: daemon.told("journal_blocked"))
            assert daemon.told("journal_blocked")[-1]["reason"] == reason
            assert desk.answer("status")["not_quoting"] == {"core": reason}
            if is_killed:
                kill(daemon, desk)
        if not is_killed:
            before = len(fills(desk.ledger()))
            daemon.until("it trades again by itself", lambda: is_filled(desk, before))
            ended = daemon.stop()
            assert (ended.code, ended.stderr) == (0, "")

    if is_killed:
        trade_and_stop(desk)
    else:
        desk.assert_books_agree()


def test_a_disk_that_is_full_for_the_log_costs_lines_and_no_trade(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    log = desk.room / "1.stdout"
    log.symlink_to("/dev/full")
    with desk.running("run", desk.config) as daemon:
        log.unlink()  # nobody can read what is there to its end
        log.touch()
        daemon.until("it trades", lambda: is_filled(desk))
        lost = desk.answer("status")["lines_lost"]
        page = desk.command("status", desk.config).stdout
        before = len(fills(desk.ledger()))
        daemon.until("it trades on", lambda: is_filled(desk, before))
        ended = daemon.stop()

    assert lost > 0
    assert " lines could not be written, the disk is full\n" in page
    assert (ended.code, ended.stderr) == (0, "")
    desk.assert_books_agree()


def test_a_disk_that_is_full_for_the_rows_delays_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades", lambda: is_filled(desk))
        (recorder,) = daemon.recorders()
        with full_disk(recorder, 4096):
            daemon.until("it says that rows wait", lambda: daemon.told("rows_wait"))
            before = len(fills(desk.ledger()))
            daemon.until("it trades on", lambda: is_filled(desk, before))
            assert desk.answer("status")["rows"]["behind_bytes"] > 0
        daemon.until("rows go on", lambda: daemon.told("rows_go_on"))
        ended = daemon.stop()

    assert (ended.code, ended.stderr) == (0, "")
    desk.assert_books_agree()


def test_a_kill_while_the_exchange_is_away_forgets_no_order_that_may_rest(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.exchange() as (exchange, url):
        desk.connect(url)
        with desk.running("run", desk.config) as daemon:
            daemon.until("it trades", lambda: is_filled(desk))
            exchange.stop(signal.SIGKILL)
            before = what_may_rest(desk, daemon)
            daemon.stop(signal.SIGKILL)
    with desk.running("run", desk.config) as daemon:
        assert what_may_rest(desk, daemon) == before != set()
        daemon.stop(signal.SIGKILL)

    with desk.exchange(urlsplit(url).port):
        trade_and_stop(desk)
