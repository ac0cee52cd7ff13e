"""`replenisher report` as an operator meets it: on a configuration or a database, and with what cannot be."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from replenisher.store.database import Database
from tests.report.by_hand import LINEAR, Rows
from tests.report.world import World
from tests.waiting import LIFE_S

ROOT = Path(__file__).parent.parent.parent
PAPER = ROOT / "configs" / "paper.yaml"


def replenisher(room: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replenisher", *map(str, arguments)],
        cwd=room,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": "none"}
        | {"REPLENISHER_DATA_DIR": str(room)},
        capture_output=True,
        text=True,
        timeout=LIFE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory, sqlite_ledger: Path) -> Path:
    """A data directory whose ledger has fills in it."""
    room = tmp_path_factory.mktemp("traded")
    url = f"sqlite:///{shutil.copy(sqlite_ledger, room / 'replenisher.db')}"
    with closing(World(room, url, orders=30)):
        return room


def test_all_forms_of_a_report_are_written_at_once(traded: Path, tmp_path: Path) -> None:
    written = ["--html", tmp_path / "report.html", "--csv", tmp_path / "tables"]
    (tmp_path / "tables").mkdir()
    earlier = {"obligations": "venue,account,short\n", "curves_presence": "venue,mine\n", "notes": "venue,account,\n"}
    for name, text in earlier.items():
        (tmp_path / "tables" / f"{name}.csv").write_text(text)
    (tmp_path / "tables" / "opening.csv").write_bytes(b"\xffmine")

    of_config = replenisher(traded, "report", PAPER, "--json", *written)
    of_file = replenisher(traded, "report", "replenisher.db", "--json")
    again = replenisher(traded, "report", "replenisher.db", *written)

    assert (of_config.returncode, of_config.stderr) == (0, "")
    assert [total["unexplained"] for total in json.loads(of_config.stdout)["pnl"]["totals"]] == ["0"]
    assert json.loads(of_config.stdout) == json.loads(of_file.stdout)
    assert (
        f'value="{json.loads(of_file.stdout)["pnl"]["totals"][0]["total"]}"' in (tmp_path / "report.html").read_text()
    )
    there = {each.name for each in (tmp_path / "tables").iterdir()}
    assert {"report.csv", "pnl_lines.csv", "performance.csv"} <= there
    not_ours = {"opening.csv", "curves_presence.csv", "notes.csv"}
    assert there & {"obligations.csv", *not_ours} == not_ours
    assert (again.returncode, again.stderr) == (0, ""), "what was there is written over"
    assert "P&L at the mid" in again.stdout
    assert max(map(len, again.stdout.splitlines())) <= max(80, len(str(tmp_path)) + 30)
    assert {each.name for each in tmp_path.iterdir()} == {"report.html", "tables"}


def test_all_forms_of_a_report_are_of_the_time_that_is_asked_for(traded: Path, tmp_path: Path) -> None:
    written = ["--json", "--html", tmp_path / "page.html", "--csv", tmp_path / "tables"]
    limits = ["--since", "2023-11-14T22:14:20", "--until", "2023-11-14T23:14:50+01:00"]

    ended = replenisher(traded, "report", "replenisher.db", *limits, *written)

    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert (found["since"], found["until"]) == (1_700_000_060_000_000_000, 1_700_000_090_000_000_000)
    position, cash = found["opening"]
    assert (position["asset"], cash["asset"]) == ("BTC-PERPETUAL", "BTC")
    page = (tmp_path / "page.html").read_text()
    assert f'value="{position["held"]}" data-at="opening[0].held"' in page
    assert f'value="{found["pnl"]["totals"][0]["total"]}" data-at="pnl.totals[0].total"' in page
    with (tmp_path / "tables" / "opening.csv").open() as file:
        assert [row["held"] for row in csv.DictReader(file)] == [position["held"], cash["held"]]


def test_a_report_whose_parts_are_not_what_is_booked_is_written_and_ends_with_one(
    tmp_path: Path, sqlite_ledger: Path
) -> None:
    """Money of a settlement that nothing held could have earned: no part of a P&L is made of it."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.fill("sell", "1", "101", "100", "0 USDT")
    rows.cash("settlement", "1", name=LINEAR.name)
    rows.fill("buy", "1", "99", "100", "0 USDT")
    url = f"sqlite:///{shutil.copy(sqlite_ledger, tmp_path / 'ledger.db')}"
    with closing(Database(url)) as database:
        rows.write(database)

    ended = replenisher(tmp_path, "report", "ledger.db", "--json", "--html", "page.html", "--csv", "tables")
    read = replenisher(tmp_path, "report", "ledger.db")

    (total,) = json.loads(ended.stdout)["pnl"]["totals"]
    assert (ended.returncode, ended.stderr) == (1, "")
    assert Decimal(total["unexplained"]) == Decimal(total["booked"]) - Decimal(total["total"]) != 0
    assert "this report is wrong" in (tmp_path / "page.html").read_text()
    assert total["unexplained"] in (tmp_path / "tables" / "pnl_totals.csv").read_text()
    assert (read.returncode, "not explained" in read.stdout) == (1, True)


def test_a_table_of_somebody_else_stays_though_it_has_a_name_of_ours_and_begins_with_a_column_of_ours(
    traded: Path, tmp_path: Path
) -> None:
    (tmp_path / "pnl_totals.csv").write_text("venue,mine\n")

    ended = replenisher(traded, "report", PAPER, "--csv", tmp_path)

    assert ended.returncode == 78
    assert "pnl_totals.csv: cannot be written: what is there is no report of ours" in ended.stderr
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"pnl_totals.csv": "venue,mine\n"}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nowhere.yaml"], 78, "nowhere.yaml: cannot be read: No such file or directory"),
        (["replenisher.db", "--html", "nowhere/page.html"], 78, "nowhere/page.html: cannot be written: No such file"),
        (["replenisher.db", "--html", "."], 78, ".: cannot be written: it is a folder"),
        (
            ["replenisher.db", "--csv", "a_file", "--html", "page.html"],
            78,
            "a_file: cannot be written: it is no folder",
        ),
        (["empty.db"], 1, "there is nothing to report: the database holds no fill of any account"),
        (
            ["replenisher.db", "--since", "noon", "--html", "page.html"],
            2,
            "the command line: --since: 'noon' is no time like 2026-01-31T13:45:00Z",
        ),
        (
            ["replenisher.db", "--since", "2023-11-15", "--until", "2023-11-15T00:00Z", "--csv", "tables"],
            2,
            "the command line: --since: 2023-11-15 is not before --until 2023-11-15T00:00Z",
        ),
        (
            ["replenisher.db", "--since", "2024-01-01", "--html", "page.html", "--csv", "tables"],
            1,
            "there is nothing to report of that time: the database tells of main@",
        ),
        (
            ["replenisher.db", "--until", "2023-11-14", "--html", "page.html"],
            1,
            "there is nothing to report: the database holds no fill of main@",
        ),
        (["foreign.db"], 78, "the database sqlite:////"),
        (["mysql://host/desk"], 78, "database.url: mysql is not supported, only sqlite and postgresql are"),
        (["replenisher.db", "--html", "replenisher.db"], 78, "replenisher.db: cannot be written: what is there is no"),
        (["replenisher.db", "--html", "a_file"], 78, "a_file: cannot be written: what is there is no report of ours"),
        (["replenisher.db", "--html", "/dev/null"], 78, "/dev/null: cannot be written: what is there is no report"),
        (["slip.yaml", "--html", "slip.yaml"], 78, "slip.yaml: cannot be written: what is there is no report of ours"),
        (
            ["slip.yaml", "--html", "replenisher.db"],
            78,
            "replenisher.db: cannot be written: what is there is no report",
        ),
        (["replenisher.db", "--csv", "."], 78, "pnl_lines.csv: cannot be written: what is there is no report of ours"),
        ([PAPER, "--csv", "nowhere/tables"], 78, "nowhere/tables: cannot be written: No such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    traded: Path, tmp_path: Path, sqlite_ledger: Path, arguments: list[str | Path], code: int, sentence: str
) -> None:
    shutil.copy(traded / "replenisher.db", tmp_path)
    shutil.copy(sqlite_ledger, tmp_path / "empty.db")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("create table somebody (name text)")
    (tmp_path / "a_file").write_text("mine")
    (tmp_path / "pnl_lines.csv").write_text("day,mine\n")
    shutil.copy(PAPER, tmp_path / "slip.yaml")
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    ended = replenisher(tmp_path, "report", *arguments)

    assert ended.stderr.startswith(f"replenisher: {sentence}"), ended.stderr
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (code, "", 1)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
