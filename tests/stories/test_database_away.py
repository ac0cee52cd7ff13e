"""A database that is away while a desk trades: no row is lost, no cancel waits, and no stop hangs."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import func, select

from replenisher.live.control import ask
from replenisher.model.event import Event, OrderFilled, TradesReported
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.segments import read_header, read_steps, segments
from tests.postgres import Server, database_on, server
from tests.stories.desk import DATABASE, Desk, Record, fills, resting
from tests.stories.wire import Wire
from tests.waiting import until

AWAY_S = 30.0
DRAIN_S = 30.0  # how long a stop waits for rows
SLACK_S = 60.0  # of a busy machine


def rows_held(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with closing(Database(url)) as database:
        counted = {table: select(func.count()).select_from(table) for table in tables.metadata.sorted_tables}
        return database.read(lambda c: {table.name: c.execute(query).scalar_one() for table, query in counted.items()})


def rows_in(journal: Path) -> dict[str, int]:
    """How many rows of some tables a journal amounts to, counted without the recorder."""
    known = segments(journal)
    steps = []
    for segment in known:
        found = read_header(segment)
        assert found is not None
        steps += [step for step, _ in read_steps(segment, found[1], is_last=segment is known[-1], bytes_max=2**31)]
    return {
        "requests": sum(len(step.commands) for step in steps),
        "decisions": sum(len(step.decisions) for step in steps),
        "orders": len({order.order_id for step in steps for order in step.orders}),
        "fills": len({fill.trade_id for step in steps for fact in step.events for fill in _fills_of(fact)}),
    }


def _fills_of(fact: Event) -> tuple[OrderFilled, ...]:
    match fact:
        case OrderFilled():
            return (fact,)
        case TradesReported():
            return fact.fills
        case _:
            return ()


def ends(ledger: list[Record], labels: set[str]) -> set[str]:
    """How these orders have ended, by the exchange's own books."""
    ids = {record["order_id"] for record in ledger if record["type"] == "order" and record["label"] in labels}
    return {record["state"] for record in ledger if record["type"] == "closed" and record["order_id"] in ids}


def trades(desk: Desk, before: int = 0) -> bool:
    """Whether orders rest, and some were eaten since there were `before` fills."""
    return len(fills(desk.ledger())) > before and bool(resting(desk.ledger()))


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a story may stop."""
    with server() as own:
        yield own


def test_half_a_minute_without_a_database_costs_no_row_and_stops_no_cancel(tmp_path: Path, own_server: Server) -> None:
    with database_on(own_server.url) as url:
        desk = Desk(tmp_path, **{DATABASE: url})
        with desk.running("run", desk.config) as daemon:
            daemon.until("the daemon trades", lambda: trades(desk))
            own_server.stop()
            away_since = monotonic()
            daemon.until("it tells that rows wait", lambda: daemon.told("rows_wait"))
            ledger = desk.ledger()
            fills_before, live = len(fills(ledger)), resting(ledger)

            desk.answer("pause")
            daemon.until("all is canceled", lambda: not resting(desk.ledger()))
            ends_away = ends(desk.ledger(), live)
            desk.answer("resume")
            daemon.until("it trades without a database", lambda: trades(desk, fills_before))
            status = desk.answer("status")
            until(lambda: monotonic() - away_since >= AWAY_S, "half a minute is over", AWAY_S + SLACK_S)
            own_server.start()

            daemon.until("rows go on", lambda: daemon.told("rows_go_on"))
            daemon.until("rows are up to date", lambda: not ask(desk.data, "status")["rows"]["error"])
            ended = daemon.stop()

        assert (ended.code, ended.stderr) == (0, "")
        assert "cancelled" in ends_away and ends_away <= {"cancelled", "filled"}
        assert status["rows"]["error"] and status["rows"]["behind_bytes"] > 0
        findings = desk.assert_books_agree()
        assert findings["fills"] > fills_before
        held, journal = rows_held(url), rows_in(desk.data / "journal")
        assert {name: held[name] for name in journal} == journal
        assert min(journal.values()) > 0


def test_a_database_that_hangs_does_not_hang_the_stop_and_the_next_life_writes_what_is_missing(
    tmp_path: Path, postgres_url: str
) -> None:
    with Wire(postgres_url).laid() as wire:
        desk = Desk(tmp_path, **{DATABASE: wire.url})
        with desk.running("run", desk.config) as daemon:
            daemon.until("the daemon trades", lambda: trades(desk))
            wire.cut()
            fills_before = len(fills(desk.ledger()))
            daemon.until("it trades on", lambda: trades(desk, fills_before))
            stopped_at = monotonic()

            asked = desk.command("stop", desk.config)
            ended = daemon.wait()

        assert (asked.code, ended.code) == (1, 1)
        assert "no order of ours rests; the next `run` writes the rows that the database lacks" in asked.stdout
        (not_recorded,) = (fact for fact in ended.told if fact["event"] == "not_recorded")
        assert not_recorded["behind_bytes"] > 0
        assert "timed out" in not_recorded["error"]
        assert "are not in the database, the next run brings them there: timed out" in ended.stderr
        assert ended.summary["stop"]["verdict"] == "flat"
        assert resting(desk.ledger()) == set()
        assert monotonic() - stopped_at < DRAIN_S + SLACK_S

        wire.mend()
        again = desk.run("--duration", "1")
        assert (again.code, again.stderr) == (0, "")
        desk.assert_books_agree()
        held, journal = rows_held(postgres_url), rows_in(desk.data / "journal")
        assert {name: held[name] for name in journal} == journal


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Somebody else writes to the file, and takes long."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 60000")
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def awaits_rows(desk: Desk) -> bool:
    """Whether it is flat, and only its last rows are not written."""
    stop = ask(desk.data, "status")["stop"]
    return stop is not None and stop["verdict"] == "flat"


def test_a_stop_is_over_only_when_the_rows_are_written_and_until_then_everybody_is_told_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon, ThreadPoolExecutor() as operators:
        daemon.until("the daemon trades", lambda: trades(desk))
        with locked(desk.database):
            first = operators.submit(desk.command, "stop", desk.config, "--json")
            daemon.until("only rows are missing", lambda: awaits_rows(desk))
            second = operators.submit(ask, desk.data, "stop", timeout_s=DRAIN_S + SLACK_S)

            page = desk.command("status", desk.config)
            paused = desk.command("pause", desk.config)
            another = desk.run("--duration", "1")

            assert not first.done()
            assert "flat, the last rows are awaited: the operator" in page.stdout
            assert (paused.code, paused.stderr) == (
                1,
                "replenisher: the daemon is ending, and answers no pause any more\n",
            )
            assert another.code == 75
            assert "another daemon runs on this data directory" in another.stderr
        ended = daemon.wait()

    told = {"exit_code": 0, "left": [], "is_recorded": True}
    assert (first.result().code, json.loads(first.result().stdout)) == (0, told)
    assert second.result() == told
    assert ended.code == 0
    desk.assert_books_agree()


def test_a_second_signal_ends_the_wait_for_rows_and_the_next_life_writes_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))
        with locked(desk.database):
            daemon.send(signal.SIGTERM)
            daemon.until("only rows are missing", lambda: awaits_rows(desk))
            ended = daemon.stop(signal.SIGINT)

    assert ended.code == 130
    assert [fact["event"] for fact in ended.told if fact["event"] == "not_recorded"] == ["not_recorded"]
    assert ended.summary["stop"]["verdict"] == "flat"
    again = desk.run("--duration", "1")
    assert (again.code, again.stderr) == (0, "")
    desk.assert_books_agree()
