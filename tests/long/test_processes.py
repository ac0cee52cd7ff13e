"""Processes that are away for minutes, and fifty deaths on PostgreSQL: `make test-processes`, with progress."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic

import pytest

from bench.progress import Progress
from tests.postgres import database_on, server
from tests.stories.desk import DATABASE, Desk
from tests.stories.harm import Scene, without_database
from tests.stories.test_kills import LIVELY_AND_FAR_AWAY, die_often
from tests.waiting import until

AWAY_S = 120.0
SLACK_S = 60.0  # of a busy machine

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Say at once what has happened."""

    def aloud(sentence: str) -> None:
        with capsys.disabled():
            print(sentence, file=sys.stderr, flush=True)

    return aloud


def endure(scene: Scene, harm: AbstractContextManager[None], what: str, say: Say, finding: Say) -> None:
    """Two minutes of it, and how soon it quotes again."""
    progress, began = Progress(), monotonic()

    def is_over() -> bool:
        passed_s = monotonic() - began
        if progress.is_due():
            say(f"{what}: {passed_s:.0f} of {AWAY_S:.0f} s")
        return passed_s >= AWAY_S

    with harm:
        until(is_over, "it is over", AWAY_S + SLACK_S)
    back_s = scene.back_after_s()
    scene.end_well()
    finding(f"{what} for {AWAY_S:.0f} s: quotes again after {back_s:.1f} s, stopped flat, the books agree")


@pytest.mark.parametrize("what", ["stopped", "half open", "without exchange"])
def test_two_minutes(what: str, tmp_path: Path, say: Say, finding: Say) -> None:
    with Scene(tmp_path) as scene:
        harms = {"stopped": scene.stopped, "half open": scene.half_open, "without exchange": scene.without_exchange}
        endure(scene, harms[what](), what, say, finding)


def test_two_minutes_without_a_database(tmp_path: Path, say: Say, finding: Say) -> None:
    with server() as own, database_on(own.url) as url, Scene(tmp_path, url) as scene:
        endure(scene, without_database(own), "without database", say, finding)


def test_fifty_deaths_on_postgresql(
    tmp_path: Path, request: pytest.FixtureRequest, postgres_url: str, finding: Say
) -> None:
    desk = Desk(tmp_path, **LIVELY_AND_FAR_AWAY, **{DATABASE: postgres_url})

    finding(die_often(desk, "postgresql", 50, request.node.nodeid))
