"""The recorder beside the daemon: it catches up when told to, ends with the daemon, and is started again if it dies."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from replenisher.model.units import SECOND_NS
from replenisher.store import schema, tables
from replenisher.store.database import Database
from replenisher.store.journal import Fsync, Journal, Policy
from replenisher.store.leases import Claim
from replenisher.wiring.recording import SILENT_NS_MAX, Recording, Task, Tenancy
from tests.store.given import JOURNAL_ID, T0, a_day, an_order_that_fills, write_journal
from tests.stories.desk import children
from tests.waiting import DEADLINE_S, until

LEASE_NS = 10 * SECOND_NS


@pytest.fixture
def task(tmp_path: Path) -> Task:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    schema.upgrade(url)
    claim = Claim(accounts={"deribit": "main"}, journal_id=JOURNAL_ID, life_ns=LEASE_NS, data_directory=str(tmp_path))
    return Task(str(tmp_path / "journal"), url, 10.0, Tenancy(claim, 1, T0))


def fills(task: Task) -> int:
    with closing(Database(task.database_url)) as database:
        return database.read(lambda c: c.execute(select(func.count()).select_from(tables.fills)).scalar_one())


def test_it_catches_up_when_told_to_drain(task: Task) -> None:
    write_journal(Path(task.journal), a_day())
    recording = Recording(task)

    assert recording.drain()

    assert fills(task) == 5
    assert recording.status.behind_bytes == 0
    assert recording.status.error == ""


def test_one_that_is_killed_is_started_again_and_goes_on(task: Task) -> None:
    before = set(children())
    writer = Journal.open(Path(task.journal), new_id=JOURNAL_ID, policy=Policy(fsync=Fsync.ALWAYS))
    writer.begin(1, b"", T0)
    for each in a_day():
        writer.append(each)
        writer.tick(each.at)
    recording = Recording(task)
    until(lambda: recording.status.step == a_day()[-1].number, "all is recorded")

    (child,) = set(children()) - before
    os.kill(child, signal.SIGKILL)
    until(lambda: "exit code -9" in recording.status.error, "its death is told")
    for each in an_order_that_fills(a_day()[-1].number + 1, "tst000001999999", "late"):
        writer.append(each)
        writer.tick(each.at)
    until(lambda: not recording.status.error and recording.status.behind_bytes == 0, "another one has caught up")

    assert recording.drain()
    assert fills(task) == 6


def test_one_that_does_not_answer_for_a_minute_is_replaced(task: Task) -> None:
    write_journal(Path(task.journal), a_day())
    before = set(children())
    recording = Recording(task)
    recording.renew(T0)
    until(lambda: recording.status.step == a_day()[-1].number, "all is recorded")

    (child,) = set(children()) - before
    recording.renew(T0 + SILENT_NS_MAX + 1)
    until(lambda: recording._unanswered_since is None, "it answers, so it stays")
    os.kill(child, signal.SIGSTOP)
    recording.renew(T0 + 2 * SILENT_NS_MAX)
    recording.renew(T0 + 3 * SILENT_NS_MAX)
    assert not recording.status.error, "it is given a minute"
    recording.renew(T0 + 3 * SILENT_NS_MAX + 1)

    until(lambda: "exit code -9" in recording.status.error, "it is ended")
    until(lambda: not recording.status.error, "another one has caught up")
    assert recording.drain()
    assert fills(task) == 5


def test_one_that_cannot_be_started_again_is_tried_until_it_can(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    write_journal(Path(task.journal), a_day())
    before = set(children())
    recording = Recording(task)
    until(lambda: recording.status.step == a_day()[-1].number, "all is recorded")
    start, refused = subprocess.Popen.__init__, list[object]()

    def has_no_descriptors(*arguments: object, **options: object) -> None:
        refused.append(arguments)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(subprocess.Popen, "__init__", has_no_descriptors)
    (child,) = set(children()) - before
    os.kill(child, signal.SIGKILL)
    until(lambda: "Too many open files" in recording.status.error, "it is told")
    until(lambda: len(refused) > 1, "it is tried again")
    monkeypatch.setattr(subprocess.Popen, "__init__", start)

    until(lambda: not recording.status.error, "another one has caught up")
    assert recording.drain()


def test_a_database_that_is_away_is_told_and_nothing_is_claimed(task: Task, tmp_path: Path) -> None:
    write_journal(Path(task.journal), a_day())
    recording = Recording(msgspec.structs.replace(task, database_url=f"sqlite:///{tmp_path / 'none.db'}"))

    until(lambda: "there is no database" in recording.status.error, "the fault is told")

    assert not recording.drain()


def test_rows_that_wait_for_as_long_as_a_lease_lives_are_an_error_once_each_time(task: Task, tmp_path: Path) -> None:
    bare, ready = tmp_path / "bare.db", tmp_path / "ready.db"
    bare.touch()  # no row has a table there yet
    schema.upgrade(f"sqlite:///{ready}")
    task = msgspec.structs.replace(task, database_url=f"sqlite:///{bare}")
    write_journal(Path(task.journal), a_day())
    with capture_logs() as logs:
        recording = Recording(task)
        until(lambda: bool(recording.status.error), "rows wait")
        for at in (0, LEASE_NS - 1):
            recording.renew(T0 + at)
        waited = told(logs)
        for at in (LEASE_NS, 2 * LEASE_NS, 3 * LEASE_NS):
            recording.renew(T0 + at)
        overdue = told(logs)

        with closing(sqlite3.connect(ready)) as source, closing(sqlite3.connect(bare)) as target:
            source.backup(target)  # it waits for its turn: the recorder tries again and again
        until(lambda: not recording.status.error, "rows go on")
        recording.renew(T0 + 4 * LEASE_NS)
        assert recording.drain()

    assert waited == [("rows_wait", "warning")]
    assert overdue == [*waited, ("rows_wait", "error")]
    assert told(logs) == [*overdue, ("rows_go_on", "info")]


def test_one_that_is_started_again_says_nothing_of_rows_before_it_has_looked(task: Task, tmp_path: Path) -> None:
    bare = tmp_path / "bare.db"
    bare.touch()  # no row has a table there
    write_journal(Path(task.journal), a_day())
    before = set(children())
    with capture_logs() as logs:
        recording = Recording(msgspec.structs.replace(task, database_url=f"sqlite:///{bare}"))
        until(lambda: bool(recording.status.error), "rows wait")
        recording.renew(T0)

        (child,) = set(children()) - before
        os.kill(child, signal.SIGKILL)
        until(lambda: "exit code -9" in recording.status.error, "its death is told")
        until(lambda: "exit code -9" not in recording.status.error, "another one speaks")
        assert recording.status.error, "which has not brought a row there either"
        recording.renew(T0 + LEASE_NS)
        assert not recording.drain()

    # Nobody was told that rows go on, and a human is called as soon as if the first one had lived.
    assert told(logs) == [("rows_wait", "warning"), ("recorder_ended", "error"), ("rows_wait", "error")]


def told(logs: Sequence[MutableMapping[str, Any]]) -> list[tuple[str, str]]:
    return [(line["event"], line["log_level"]) for line in logs]


def test_it_ends_when_the_daemon_is_dead(task: Task) -> None:
    write_journal(Path(task.journal), a_day())
    child = subprocess.Popen(
        [sys.executable, "-m", "replenisher.wiring.recording"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(msgspec.json.encode(task) + b"\n")
    child.stdin.flush()
    assert child.stdout.readline()

    child.stdin.close()  # as the kernel does when the daemon is killed

    assert child.wait(DEADLINE_S) == 1
    child.stdout.close()
