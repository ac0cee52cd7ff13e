"""A replay leaves the files that the daemon and its exchange leave, so that the other verbs look at it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stories.desk import PAPER, Desk

LOOKS = {"audit": "orders", "report": "pnl"}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk of which everything is a replay."""
    desk = Desk(tmp_path_factory.mktemp("past"))
    ended = replay(desk, "--data-directory", desk.data)
    assert ended["data_directory"] == str(desk.data)
    return desk


def replay(desk: Desk, *more: str | Path) -> dict[str, Any]:
    ended = desk.command("replay", PAPER, "--synthetic", "--seed", "5", "--minutes", "1", "--json", *more)
    assert (ended.code, ended.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_the_same_past_has_the_same_hash_with_files_and_without(past: Desk, tmp_path: Path) -> None:
    again, other = replay(past), replay(past, "--data-directory", tmp_path / "other")

    assert again["fills"] > 20
    assert again["hash"] == other["hash"]
    journals = [sorted((directory / "journal").iterdir()) for directory in (past.data, tmp_path / "other")]
    assert [file.read_bytes() for file in journals[0]] == [file.read_bytes() for file in journals[1]]


def test_both_books_of_a_replay_agree(past: Desk) -> None:
    found = past.audit()

    assert found["differences"] == []
    assert found["fills"] == replay(past)["fills"]


def test_a_report_and_the_story_of_an_order_are_made_of_a_replay(past: Desk) -> None:
    order_id = next(record["label"] for record in past.ledger() if record["type"] == "trade")

    report, story = past.command("report", PAPER, "--json"), past.command("why", PAPER, order_id)

    assert (report.code, story.code) == (0, 0)
    assert json.loads(report.stdout)
    assert order_id in story.stdout
