"""What the simulator does not reach is listed with its reasons, and each names something that is there."""

import re
from fnmatch import fnmatch

import pytest

from bench.simulate_coverage import ROOMS, ROOT, Executed, listed, names_of_lines, superfluous, tell

LISTED = listed()
FILE = "replenisher/core/book.py"


@pytest.mark.parametrize("file", LISTED)
def test_whatever_has_a_reason_is_there_and_belongs_to_a_room_that_is_measured(file: str) -> None:
    names = {"", *names_of_lines((ROOT / file).read_text()).values()}

    assert any(fnmatch(file, pattern) for patterns in ROOMS.values() for pattern in patterns)
    assert [each for each in LISTED[file] if each != "*" and each not in names] == []
    assert [each for each, why in LISTED[file].items() if len(why.split()) < 3] == []


def test_the_tests_that_a_reason_refers_to_are_there() -> None:
    named = {
        path for reasons in LISTED.values() for why in reasons.values() for path in re.findall(r"tests/[\w/.]+", why)
    }

    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path.rstrip(".")).exists()] == []


def test_a_miss_without_a_reason_counts_where_too_little_was_executed() -> None:
    few, many = Executed(FILE, 20, {"Book.change": [3, 4, 5]}), Executed(FILE, 40, {"Book.change": [3, 4, 5]})
    why = {FILE: {"Book": "nobody changes a book there"}}

    assert tell("core", [few], {}) == [f"{FILE}: Book.change 3-5 is missed, and nothing says why"]
    assert tell("core", [few], why) == []
    assert tell("core", [many], {}) == []


def test_a_reason_for_what_was_executed_is_one_too_many() -> None:
    found = [Executed(FILE, 20, {"Book.change": [3]})]

    assert list(superfluous(found, {FILE: {"Book.change": "never", "Book.best": "never"}})) == [f"{FILE}: Book.best"]


def test_a_line_is_named_by_the_innermost_function_around_it() -> None:
    source = "import os\nclass Desk:\n    size = 1\n    def move(self):\n        def up():\n            pass\n"

    assert names_of_lines(source) == {2: "Desk", 3: "Desk", 4: "Desk.move", 5: "Desk.move.up", 6: "Desk.move.up"}
