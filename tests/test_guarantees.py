"""Every promise on the page of promises has a test that is there and is always run."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.test_coverage import defined_in

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "guarantees.md"
ROW = re.compile(r"^\| (?!promise)(?P<promise>\S.*?) \| ?(?P<assumption>.*?) ?\| (?P<test>.*?) \|$", re.MULTILINE)
TEST = re.compile(r"`(?P<file>tests/\S+\.py)::(?P<name>\w+)`")
ROWS_MAX = 3  # for which one test may stand


def complaints(page: str) -> Iterator[str]:
    """What is wrong with the page."""
    stands_for: Counter[str] = Counter()
    for row in ROW.finditer(page):
        found = TEST.fullmatch(row["test"])
        if found is None:
            yield f"{row['promise']} names no test"
        elif found["name"] not in defined_in(ROOT / found["file"]):
            yield f"{row['promise']} there is no {row['test']}"
        else:
            stands_for[row["test"]] += 1
    yield from (f"{test} stands for {rows} rows" for test, rows in stands_for.items() if rows > ROWS_MAX)


def test_every_promise_is_kept_by_a_test_that_is_there() -> None:
    page = PAGE.read_text()

    assert list(complaints(page)) == []
    lines = [line for line in page.splitlines() if line.startswith("|") and not line.startswith(("| promise", "|---"))]
    assert len(ROW.findall(page)) == len(lines) > 20, "a row that is not read promises nothing"


HERE = "`tests/test_guarantees.py::test_a_planted_mistake_is_found`"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("| A. | | by hand |", "A. names no test"),
        (f"| A. | b | {HERE[:-1]}_not` |", f"A. there is no {HERE[:-1]}_not`"),
        ("\n".join([f"| A. | | {HERE} |"] * 4), f"{HERE} stands for 4 rows"),
        ("\n".join([f"| A. | | {HERE} |"] * 3), None),
    ],
)
def test_a_planted_mistake_is_found(rows: str, complaint: str | None) -> None:
    assert list(complaints(rows)) == ([complaint] if complaint else [])
