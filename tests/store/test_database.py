"""A database that cannot be used says why in one sentence, and one that can keeps its promises, whichever it is."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from itertools import count as numbers
from itertools import takewhile
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.store import postgresql, schema, tables
from replenisher.store.database import Database, said
from replenisher.store.insert import insert_new
from tests.store.given import balance, balances
from tests.stories.wire import Wire
from tests.waiting import DEADLINE_S


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


# --- A database that cannot be used ------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_not_made_by_looking(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the first `run` makes it"):
        schema.check(sqlite_url)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("bad", "error", "sentence"),
    [
        ("sqlite:////nowhere/at/all/ledger.db", ConfigurationError, "unable to open database file"),
        ("sqlite+aiosqlite:///ledger.db", ConfigurationError, "write sqlite:///FILE"),
        ("nonsense", ConfigurationError, "is not the URL of a database"),
        ("postgresql://me:hunter2@host:port/books", ConfigurationError, "is not the URL of a database"),
        ("oracle+nothing://x/y", ConfigurationError, "only sqlite and postgresql are"),
        ("postgresql://me:hunter2@127.0.0.1:1/books", Unreachable, "Connection refused"),
        ("postgresql+asyncpg://me:hunter2@127.0.0.1:1/books", ConfigurationError, "its driver must be pg8000"),
        ("postgresql://127.0.0.1:1/books", ConfigurationError, "names no user"),
        ("postgresql://me:hunter2@127.0.0.1:1", ConfigurationError, "names no database"),
        ("postgresql://me@127.0.0.1:1/books?pool=9", ConfigurationError, "'pool' is not known"),
        ("postgresql://me@127.0.0.1:1/books?sslmode=maybe", ConfigurationError, "sslmode=maybe is not known"),
        ("postgresql://me@/books?host=/nowhere/at/all", Unreachable, "No such file"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(bad: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence) as refused:
        schema.upgrade(bad)

    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "error", "sentence"),
    [
        (":[^:@]*@", ":wrong@", ConfigurationError, "password authentication failed"),
        (":[^:@]*@", "@", ConfigurationError, "password authentication failed"),
        ("/[^/]*$", "/nowhere", ConfigurationError, 'database "nowhere" does not exist'),
        ("$", "?sslmode=require", Unreachable, "refuses SSL"),
    ],
)
def test_a_server_that_does_not_let_us_in_says_why(
    postgres_url: str, old: str, new: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as refused:
        schema.upgrade(re.sub(old, new, postgres_url, count=1))

    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused_and_not_touched(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text(
        "my shopping list, which is rather longer than a header of SQLite would be" * 20
    )
    before = (tmp_path / "ledger.db").read_bytes()

    with pytest.raises(ConfigurationError, match="not a database"):
        schema.upgrade(sqlite_url)

    assert (tmp_path / "ledger.db").read_bytes() == before


# --- A server that does not answer -------------------------------------------------------------------------------


@pytest.fixture
def wire(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The way to a database, which can be cut; whoever waits for an answer is less patient than usual."""
    monkeypatch.setattr(postgresql, "ANSWER_S_MAX", 0.3)
    schema.upgrade(postgres_url)
    # A driver that has asked whether the server encrypts, and waits in vain, leaves its socket to the collector.
    with Wire(f"{postgres_url}?sslmode=disable").laid() as wire:
        yield wire


def test_a_server_that_does_not_answer_at_the_start_is_unreachable(wire: Wire) -> None:
    wire.cut()

    with pytest.raises(Unreachable, match="cannot be reached: timed out") as refused:
        schema.upgrade(wire.url)

    assert refused.value.exit_code == 75


@pytest.mark.parametrize("is_mended_first", [True, False])
def test_a_transaction_that_is_cut_off_ends_and_the_next_one_works(wire: Wire, is_mended_first: bool) -> None:
    def write(connection: Connection) -> None:
        insert_new(connection, tables.balances, [balance(1)])
        wire.cut()
        insert_new(connection, tables.balances, [balance(2)])

    with closing(Database(wire.url)) as database:
        with pytest.raises((DBAPIError, OSError)) as cut:
            database.write(write)
        if not is_mended_first:
            with pytest.raises((DBAPIError, OSError)):
                balances(database)
        wire.mend()

        assert said(cut.value) == "timed out"
        database.write(lambda connection: insert_new(connection, tables.balances, [balance(3, "3")]))
        assert balances(database) == [Decimal(3)]


# --- Transactions ------------------------------------------------------------------------------------------------


def test_readers_and_the_writer_do_not_wait_for_each_other(ledger: Database) -> None:
    with closing(Database(ledger.url, busy_timeout_ms=1)) as other:

        def look_while_writing(connection: Connection) -> list[Decimal]:
            insert_new(connection, tables.balances, [balance(1)])
            return balances(other)

        assert ledger.write(look_while_writing) == []
        assert balances(other) == [Decimal(1)]


def test_a_reader_sees_one_moment(ledger: Database) -> None:
    with closing(Database(ledger.url)) as other:

        def look_twice(connection: Connection) -> tuple[int, int]:
            query = select(func.count()).select_from(tables.balances)
            before = connection.execute(query).scalar_one()
            other.write(lambda writer: insert_new(writer, tables.balances, [balance(1)]))
            return before, connection.execute(query).scalar_one()

        assert ledger.read(look_twice) == (0, 0)


def test_two_readers_see_one_moment_however_busily_somebody_writes(ledger: Database) -> None:
    ledger.prepare()
    count, is_enough, written = select(func.count()).select_from(tables.balances), Event(), Event()

    def write() -> None:
        with closing(Database(ledger.url)) as other:
            for number in takewhile(lambda _: not is_enough.is_set(), numbers(1)):
                row = balance(number)
                other.write(lambda writer, row=row: insert_new(writer, tables.balances, [row]))
                written.set()

    def look(one: Connection, beside: Connection) -> tuple[int, int]:
        found = one.execute(count).scalar_one()
        written.clear()
        assert written.wait(DEADLINE_S)  # the second looks when there is more
        return found, beside.execute(count).scalar_one()

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        try:
            seen = [ledger.read_beside(look) for _ in range(100)]
        finally:
            is_enough.set()
        writing.result()

    assert [one for one, _ in seen] == [beside for _, beside in seen]
    assert seen[-1] > seen[0]


def test_a_second_writer_waits_for_the_first_and_gives_up(ledger: Database) -> None:
    with closing(Database(ledger.url, busy_timeout_ms=10)) as other:

        def write_while_writing(connection: Connection) -> None:
            insert_new(connection, tables.balances, [balance(1)])
            with pytest.raises(DBAPIError, match="lock"):
                other.write(lambda writer: insert_new(writer, tables.balances, [balance(2)]))

        ledger.write(write_while_writing)

    assert balances(ledger) == [Decimal(1)]


def test_who_only_reads_cannot_write_on_a_server(postgres_url: str) -> None:
    with closing(Database(postgres_url)) as database, pytest.raises(DBAPIError, match="read-only transaction"):
        database.read(lambda connection: connection.execute(text("create table notes (note text)")))


def test_what_was_committed_can_be_brought_to_the_disk_itself(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would do so once its log had grown long; the log lies beside the file while anybody has that open."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    schema.upgrade(sqlite_url)
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink()))
    with closing(Database(sqlite_url)) as database:
        database.settle()
        assert synced == []
        database.write(lambda connection: insert_new(connection, tables.balances, [balance(1)]))
        database.settle()
        assert synced == [file.with_name(f"{file.name}-wal"), file.parent]
