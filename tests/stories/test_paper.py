"""A desk on paper: one command trades, and whatever ends it, two books kept by two parties agree afterwards."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stories.desk import Desk, Ended, Process, Record, contents, fills, lives, orders_asked_for, resting
from tests.waiting import LIFE_S

FILLS_MIN = 3  # before a story goes on: enough to have something to lose


def trades(desk: Desk, before: int = 0) -> bool:
    """Whether the desk has orders on the book, and had enough of them eaten since there were `before` fills."""
    ledger = desk.ledger()
    return len(fills(ledger)) >= before + FILLS_MIN and bool(resting(ledger))


class Told(NamedTuple):
    """Lives that are over: what they said, and what they left behind."""

    desk: Desk
    lives: tuple[Ended, ...]


# --- Two lives on one desk ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_lives(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The command of the README, and a short life after it on the same data directory."""
    desk = Desk(tmp_path_factory.mktemp("two_lives"))
    first = desk.run("--duration", "30", timeout_s=30 + LIFE_S)
    filled = len(fills(desk.ledger()))
    with desk.running("run", desk.config) as daemon:
        daemon.until("it is filled", lambda: len(fills(desk.ledger())) > filled)
        return Told(desk, (first, daemon.stop()))


def test_half_a_minute_with_the_shipped_seed_has_twenty_fills_and_refills(two_lives: Told) -> None:
    summary = two_lives.lives[0].summary

    assert summary["fills"] >= 20
    assert summary["refills"] >= 20


def test_each_life_ends_verified_flat_with_fills(two_lives: Told) -> None:
    for life, reason in zip(two_lives.lives, ("the duration is over", "SIGTERM"), strict=True):
        assert (life.code, life.stderr) == (0, "")
        assert life.summary["fills"] > 0
        assert life.summary["stop"] == {"reason": reason, "verdict": "flat", "left": []}


def test_every_line_on_stdout_is_one_fact_in_json(two_lives: Told) -> None:
    for life in two_lives.lives:
        events = [fact["event"] for fact in life.told]

        assert events[0] == "started"
        assert events[-1] == "summary"
        assert events.count("filled") == life.summary["fills"]
        assert events.count("refilled") == life.summary["refills"]


def test_a_second_life_continues_the_books_of_the_first(two_lives: Told) -> None:
    ledger = two_lives.desk.ledger()

    first, second = lives(ledger)
    assert (first[0], second[0]) == (1, 2)
    assert first[1] == second[1]
    trade_ids = [fill["trade_id"] for fill in fills(ledger)]
    assert len(set(trade_ids)) == len(trade_ids)
    assert len(trade_ids) == sum(life.summary["fills"] for life in two_lives.lives)
    (*_, last) = (record["balance"] for record in ledger if record["type"] in ("trade", "cash"))
    assert Decimal(two_lives.lives[1].summary["balances"]["deribit/BTC"]) == Decimal(last)


def test_both_books_agree_over_both_lives(two_lives: Told) -> None:
    findings = two_lives.desk.assert_books_agree()

    assert findings["refills"] == sum(life.summary["refills"] for life in two_lives.lives)
    assert findings["orders"] == sum(life.summary["orders"] for life in two_lives.lives)


def test_what_was_held_is_explained_by_what_moved_it(two_lives: Told) -> None:
    desk = two_lives.desk

    stated = desk.command("statement", desk.config, "--day", day_of(two_lives), "--json")

    assert (stated.code, stated.stderr) == (0, "")
    entries = {entry["asset"]: entry for entry in json.loads(stated.stdout)["entries"]}
    assert {asset: Decimal(entry["unexplained"]) for asset, entry in entries.items()} == {"BTC": 0, "BTC-PERPETUAL": 0}
    assert Decimal(entries["BTC-PERPETUAL"]["moved"]["fills"]) == Decimal(entries["BTC-PERPETUAL"]["closing"])


def test_a_fill_that_is_missing_in_the_ledger_is_what_is_not_explained(two_lives: Told, tmp_path: Path) -> None:
    shutil.copy(two_lives.desk.database, ledger := tmp_path / "ledger.db")
    with closing(sqlite3.connect(ledger)) as connection, connection:
        ((first,),) = connection.execute("select rowid from fills order by at, step, `index` limit 1")
        ((side, amount),) = connection.execute("select side, amount from fills where rowid = ?", (first,))
        connection.execute("delete from fills where rowid = ?", (first,))

    stated = two_lives.desk.command("statement", ledger, "--day", day_of(two_lives), "--json")

    assert stated.code == 1
    (position,) = (each for each in json.loads(stated.stdout)["entries"] if each["asset"] == "BTC-PERPETUAL")
    assert Decimal(position["unexplained"]) == Decimal(amount) * (1 if side == "buy" else -1)
    assert len(position["gaps"]) == 1


def test_the_report_explains_all_that_was_made_and_lost(two_lives: Told) -> None:
    desk = two_lives.desk

    told = json.loads(desk.command("report", desk.config, "--json").stdout)

    (total,) = told["pnl"]["totals"]
    assert total["currency"] == "BTC"
    assert sum(Decimal(part) for part in total["parts"].values()) == Decimal(total["booked"]) != 0
    assert Decimal(total["parts"]["spread"]) > 0
    assert told["fills"] == sum(life.summary["fills"] for life in two_lives.lives)


def day_of(told: Told) -> str:
    """On which day, by UTC, the first life began."""
    return str(told.lives[0].told[0]["ts"])[: len("2026-11-25")]


def test_nothing_rests_and_nothing_runs_afterwards(two_lives: Told) -> None:
    assert resting(two_lives.desk.ledger()) == set()
    assert two_lives.desk.exchange_is_gone()
    assert not (two_lives.desk.data / "control.sock").exists()


def test_nothing_is_written_outside_the_data_directory(two_lives: Told) -> None:
    desk = two_lives.desk

    assert {path.name for path in desk.data.iterdir()} >= {"exchange.ledger", "journal", "replenisher.db"}
    assert {path.name for path in desk.room.iterdir() if path.suffix not in (".stdout", ".stderr")} == {"data"}


# --- Lives that are ended ----------------------------------------------------------------------------------------


def test_a_daemon_and_its_exchange_that_are_killed_together_lose_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))
        (exchange,) = daemon.exchanges()
        os.kill(exchange, signal.SIGKILL)
        daemon.stop(signal.SIGKILL)
    desk.wait_until_gone()
    fills_before = len(fills(desk.ledger()))

    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades again", lambda: trades(desk, fills_before))
        second = daemon.stop()

    assert (second.code, second.stderr) == (0, "")
    assert [number for number, _ in lives(desk.ledger())] == [1, 2]
    desk.assert_books_agree()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_one_signal_stops_verified_flat(tmp_path: Path, number: signal.Signals) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))
        ended = daemon.stop(number)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["stop"] == {"reason": number.name, "verdict": "flat", "left": []}
    assert desk.exchange_is_gone()
    desk.assert_books_agree()


def test_a_second_signal_ends_at_once_and_says_what_may_be_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))
        (exchange,) = daemon.exchanges()
        os.kill(exchange, signal.SIGSTOP)  # an exchange that does not answer, so that the stop cannot be verified
        try:
            left = resting(desk.ledger())
            daemon.send(signal.SIGTERM)
            daemon.until("it stops", lambda: any('"stopping"' in line for line in daemon.lines()))
            daemon.send(signal.SIGINT)
            daemon.until("it says what may be left", lambda: any('"summary"' in line for line in daemon.lines()))
        finally:
            os.kill(exchange, signal.SIGCONT)
        ended = daemon.wait()

    assert ended.code == 130
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("replenisher: ")
    assert left
    assert left <= set(ended.stderr.replace(",", " ").split())
    assert ended.summary["stop"]["verdict"] == ""
    desk.wait_until_gone()
    assert resting(desk.ledger()) == set()


def test_a_daemon_that_nobody_hears_stops_verified_flat(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    command = [sys.executable, "-m", "replenisher", "run", desk.config]
    with subprocess.Popen(
        command, env=desk.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None and daemon.stderr is not None
        try:
            assert any('"filled"' in line for line in daemon.stdout)
            daemon.stdout.close()

            assert (daemon.wait(LIFE_S), daemon.stderr.read()) == (1, "")
        finally:
            daemon.kill()

    assert resting(desk.ledger()) == set()
    assert desk.exchange_is_gone()
    desk.assert_books_agree()


# --- An operator at the door of a running daemon -----------------------------------------------------------------


class Trading(NamedTuple):
    """A daemon at work."""

    desk: Desk
    daemon: Process


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trading]:
    """A daemon that trades whenever a test begins, and whenever it ends."""
    desk = Desk(tmp_path_factory.mktemp("trading"))
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))
        yield Trading(desk, daemon)


def test_status_says_what_the_daemon_shows_and_holds(trading: Trading) -> None:
    desk, daemon = trading
    filled = len(fills(desk.ledger()))
    daemon.until("it has heard of all that was filled", lambda: len(daemon.told("filled")) >= filled)

    status = desk.quoting(daemon)

    assert status["sync"] == {"deribit": "synced"}
    assert status["fills"] >= filled >= FILLS_MIN
    assert {order["order_id"] for order in status["ladder"] if order["status"] == "working"} <= {
        record["label"] for record in desk.ledger() if record["type"] == "order"
    }
    assert "deribit/BTC-PERPETUAL" in status["book"]


def test_a_pause_takes_every_order_off_the_book_until_resume(trading: Trading) -> None:
    desk, daemon = trading

    assert desk.answer("pause") == {"asked": "pause", "left": []}

    assert resting(desk.ledger()) == set(), "the verb waits until nothing rests"
    assert desk.answer("status")["not_quoting"] == {"core": "paused: the operator"}
    requests = len(orders_asked_for(desk))
    assert desk.answer("status")["live_orders"] == 0
    assert len(orders_asked_for(desk)) == requests, "a paused daemon asks for nothing"

    fills_before = len(fills(desk.ledger()))
    desk.answer("resume")

    daemon.until("it trades again", lambda: trades(desk, fills_before))
    assert desk.quoting(daemon)["not_quoting"] == {"core": ""}


def test_cancel_all_pauses_first(trading: Trading) -> None:
    desk, daemon = trading

    assert desk.answer("cancel-all") == {"asked": "cancel-all", "left": []}

    status = desk.answer("status")
    assert status["pauses"] != []
    assert status["live_orders"] == 0
    assert resting(desk.ledger()) == set()

    fills_before = len(fills(desk.ledger()))
    desk.answer("resume")

    daemon.until("it trades again", lambda: trades(desk, fills_before))


def test_a_desk_that_trades_is_audited_with_its_orders_resting_and_a_lost_fill_is_found(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before: list[Record] = []
    after: list[Ended] = []

    def has_orders_resting() -> bool:
        """Not for a moment where a busy machine lets its book grow old."""
        before.append(desk.audit())
        return bool(before[-1]["open_orders"])

    def is_found() -> bool:
        """A desk that compares its position meanwhile reads the trades again, and has the fill back."""
        with sqlite3.connect(desk.database) as database:
            database.execute("delete from fills where trade_id = (select min(trade_id) from fills)")
        after.append(desk.command("audit", desk.config))
        return after[-1].code == 1

    with desk.running("run", desk.config) as daemon:
        daemon.until("fills are recorded", lambda: _fills_recorded(desk) >= 2)
        daemon.until("orders rest", has_orders_resting)
        daemon.until("the lost fill is found", is_found)

    assert before[-1]["is_running"]
    assert "the desk runs" in after[-1].stdout
    assert "\nfill_missing: fills: BTC-PERPETUAL trade " in after[-1].stdout


def _fills_recorded(desk: Desk) -> int:
    if not desk.database.exists():
        return 0
    with sqlite3.connect(desk.database) as database:
        if not database.execute("select 1 from sqlite_master where name = 'fills'").fetchone():
            return 0
        count: int = database.execute("select count(*) from fills").fetchone()[0]
    return count


def test_a_second_daemon_on_one_data_directory_is_refused(trading: Trading) -> None:
    desk, daemon = trading
    requests = len(lives(desk.ledger()))

    second = desk.run("--duration", "1")

    assert (second.code, second.stdout) == (75, "")
    assert second.stderr.count("\n") == 1
    assert "another daemon runs on this data directory" in second.stderr
    assert len(lives(desk.ledger())) == requests
    status = desk.quoting(daemon)
    assert (status["file_differs"], status["lost"]) == ("", {})


def test_stop_waits_for_the_end_and_ends_as_the_daemon_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the daemon trades", lambda: trades(desk))

        asked = desk.command("stop", desk.config, "--json")

        assert asked.code == 0
        assert json.loads(asked.stdout) == {"exit_code": 0, "left": [], "is_recorded": True}
        ended = daemon.wait()
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["stop"]["reason"] == "the operator"
    desk.assert_books_agree()


# --- Where things lie --------------------------------------------------------------------------------------------


def test_fresh_sets_the_old_data_directory_aside(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (desk.data / "journal").mkdir(parents=True)
    (desk.data / "journal" / "00000001.journal").write_bytes(b"from another world")
    desk.database.write_bytes(b"not a database at all")
    before = contents(desk.data)

    ended = desk.run("--fresh", "--duration", "1")

    assert (ended.code, ended.stderr) == (0, "")
    assert contents(tmp_path / "data.1") == before
    assert [number for number, _ in lives(desk.ledger())] == [1]


def test_an_exchange_that_has_an_address_is_used_and_none_is_started(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    elsewhere = Desk(tmp_path / "exchange")
    ledger = elsewhere.room / "books.jsonl"
    with elsewhere.running("exchange", "--port", "0", "--seed", "7", "--ledger", ledger) as exchange:
        exchange.until("it listens", exchange.lines)
        (announcement,) = map(json.loads, exchange.lines())
        address = {"REPLENISHER_VENUES__DERIBIT__URL": announcement["url"]}
        with desk.running("run", desk.config, **address) as daemon:
            daemon.until("it is filled", lambda: b'"type":"trade"' in ledger.read_bytes())
            assert daemon.exchanges() == []
            living = desk.command("audit", desk.config, "--json", **address)
            ended = daemon.stop()
        audit = desk.command("audit", desk.config, "--json", **address)
        last_word = exchange.stop()

    assert (ended.code, ended.stderr) == (0, "")
    for each in (living, audit):
        assert (each.code, each.stderr) == (0, "")
        assert json.loads(each.stdout)["differences"] == []
    assert (last_word.code, last_word.stderr) == (0, "")
    assert announcement["ledger"] == str(ledger)
    assert announcement["accounts"] == ["main"]
    assert not desk.ledger_file.exists()
    assert not elsewhere.data.exists()
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(fills(records)) == ended.summary["fills"] > 0
    assert resting(records) == set()
