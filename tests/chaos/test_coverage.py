"""The list of faults is whole: each is covered by tests that are there, or says what it waits for."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from replenisher.config.reading import read_yaml  # refuses a key that is given twice

ROOT = Path(__file__).parent.parent.parent
COVERAGE = Path(__file__).with_name("coverage.yaml")
REASONS = frozenset({"behaviour", "scenario", "test", "binance", "hedge", "security"})
EXCUSES = ("skip", "xfail")  # in marks, and in calls of pytest, with which a test proves nothing
RARE = frozenset({"recordings", "browser"})  # what a test asks for that is left out where there are none


@cache
def defined_in(file: Path) -> frozenset[str]:
    """The tests that a file defines and that are always run."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body if file.is_file() else ():
        match node:
            case ast.FunctionDef(name=name, args=asked) | ast.AsyncFunctionDef(name=name, args=asked):
                is_excused = _is_excused(*node.decorator_list, *_calls(node))
                if not is_excused and RARE.isdisjoint(each.arg for each in asked.args):
                    names.add(name)
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=marks) if _is_excused(marks):
                return frozenset()
            case ast.Assign(targets=[ast.Name(id=name)]):  # a machine of hypothesis
                names.add(name)
    return frozenset(name for name in names if name.startswith(("test_", "Test")))


def _calls(test: ast.AST) -> Iterator[ast.expr]:
    """What a test calls of pytest itself."""
    called = (node.func for node in ast.walk(test) if isinstance(node, ast.Call))
    return (function for function in called if ast.unparse(function).startswith("pytest."))


def _is_excused(*words: ast.expr) -> bool:
    """Whether a mark or a call may leave out what it belongs to."""
    return any(excuse in ast.unparse(word) for word in words for excuse in EXCUSES)


def expected(catalogue: dict[str, int]) -> list[str]:
    """Every fault there is, in order."""
    return [f"{kind}{number}" for kind, count in catalogue.items() for number in range(1, count + 1)]


def complaints(coverage: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the list."""
    faults, ids = coverage["faults"], expected(coverage["catalogue"])
    yield from (f"{fault} is missing" for fault in ids if fault not in faults)
    yield from (f"{fault} is unknown" for fault in faults if fault not in ids)
    for fault, entry in faults.items():
        if not entry.get("fault"):
            yield f"{fault} does not say what goes wrong"
        if ("tests" in entry) == ("waits" in entry):
            yield f"{fault} must either have tests or wait"
        elif "waits" in entry:
            yield from _complaints_about_waiting(fault, entry["waits"])
        else:
            yield from _complaints_about_tests(fault, entry["tests"])


def _complaints_about_waiting(fault: str, waits: dict[str, str]) -> Iterator[str]:
    (reason, what), *others = waits.items()
    if others or reason not in REASONS or not what:
        yield f"{fault} must wait for one of: {', '.join(sorted(REASONS))}"


def _complaints_about_tests(fault: str, tests: list[str]) -> Iterator[str]:
    if not tests:
        yield f"{fault} has no test"
    for test in tests:
        file, _, name = test.partition("::")
        if name not in defined_in(ROOT / file):
            yield f"{fault}: there is no {test}"


def test_every_fault_has_tests_that_are_there_or_says_what_it_waits_for() -> None:
    coverage = read_yaml(COVERAGE)

    assert list(complaints(coverage)) == []
    assert list(coverage["faults"]) == expected(coverage["catalogue"])
    assert sum(coverage["catalogue"].values()) == 100


HERE = "tests/chaos/test_coverage.py::test_a_planted_mistake_is_found"


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        ({}, "A1 is missing"),
        ({"A1": {"fault": "f", "tests": [HERE]}, "B1": {"fault": "f", "tests": [HERE]}}, "B1 is unknown"),
        ({"A1": {"tests": [HERE]}}, "A1 does not say what goes wrong"),
        ({"A1": {"fault": "f"}}, "A1 must either have tests or wait"),
        ({"A1": {"fault": "f", "tests": [HERE], "waits": {"hedge": "h"}}}, "A1 must either have tests or wait"),
        ({"A1": {"fault": "f", "tests": []}}, "A1 has no test"),
        ({"A1": {"fault": "f", "tests": [f"{HERE}_not"]}}, f"A1: there is no {HERE}_not"),
        ({"A1": {"fault": "f", "tests": ["tests/none.py::test_it"]}}, "A1: there is no tests/none.py::test_it"),
        (
            {"A1": {"fault": "f", "waits": {"time": "t"}}},
            "A1 must wait for one of: behaviour, binance, hedge, scenario, security, test",
        ),
    ],
)
def test_a_planted_mistake_is_found(faults: dict[str, Any], complaint: str) -> None:
    assert list(complaints({"catalogue": {"A": 1}, "faults": faults})) == [complaint]


def test_a_test_that_is_skipped_is_none(tmp_path: Path) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(
        "@pytest.mark.skip(reason='later')\ndef test_later(): ...\ndef test_now(): ...\nTestLife = Life.TestCase\n"
        "def test_where_there_are_some(recordings, tmp_path): ...\n"
        "def test_on_one_system():\n    if not LINUX:\n        pytest.skip('elsewhere')\n"
    )

    assert defined_in(file) == {"test_now", "TestLife"}


@pytest.mark.parametrize(
    "marks", ["pytest.mark.skip('later')", "[pytest.mark.slow, pytest.mark.skipif(OLD, reason='x')]"]
)
def test_a_file_that_is_skipped_has_no_test(tmp_path: Path, marks: str) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(f"def test_now(): ...\npytestmark = {marks}\n")

    assert defined_in(file) == frozenset()
