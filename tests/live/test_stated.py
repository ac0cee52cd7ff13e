"""What the last days have come to: which of them are due, and that it outlives the process."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from replenisher.live.stated import DAYS, FILE, Outcome, Stated, due, keep, kept, not_explained, with_news

TODAY = date(2026, 11, 26)


def ago(days: int, outcome: Outcome = Outcome.EXPLAINED) -> Stated:
    return Stated(TODAY - timedelta(days=days), outcome, f"{outcome}: what is told of it")


@pytest.mark.parametrize(
    ("stated", "days_ago"),
    [
        ([], [1]),  # nobody knows of any day before
        ([ago(1)], []),
        ([ago(1, Outcome.NOT_EXPLAINED)], [1]),
        ([ago(4)], [3, 2, 1]),  # no daemon lived then
        ([ago(5, Outcome.NOT_EXPLAINED), ago(4), ago(2)], [5, 3, 1]),
        ([ago(30, Outcome.NOT_EXPLAINED)], [7, 6, 5, 4, 3, 2, 1]),
        ([ago(-1), ago(0)], []),  # the clock was set back
    ],
)
def test_a_day_is_due_until_it_is_settled(stated: list[Stated], days_ago: list[int]) -> None:
    assert due(stated, TODAY) == [TODAY - timedelta(days=days) for days in days_ago]


def test_a_day_that_is_explained_later_takes_the_place_of_what_was_said_before() -> None:
    before = (ago(3), ago(2, Outcome.NOT_EXPLAINED), ago(1))

    after = with_news(before, ago(2))

    assert after == (ago(3), ago(2), ago(1))
    assert not_explained(before) == [f"2026-11-24 is {before[1].told}"]
    assert not_explained(after) == []


def test_what_is_a_week_old_is_forgotten() -> None:
    stated: tuple[Stated, ...] = ()
    for days in range(20, 0, -1):
        stated = with_news(stated, ago(days))

    assert stated == tuple(ago(days) for days in range(DAYS, 0, -1))
    assert with_news(stated, ago(-30)) == (ago(-30),)


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    stated = (ago(2, Outcome.NOT_EXPLAINED), ago(1))

    keep(tmp_path, stated)

    assert kept(tmp_path) == stated
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", [None, b"", b"[", b'[{"day": "yesterday"}]'])
def test_what_cannot_be_read_was_never_stated(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)

    assert kept(tmp_path) == ()
