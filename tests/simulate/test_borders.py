"""What is simulated does not know it: no other room speaks of the simulation, but for those that start it."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import replenisher

PACKAGE = Path(replenisher.__file__).parent
ROOMS = ("model", "core", "store", "exchange", "venues", "live", "report")
ASKS = re.compile(r"simulate|simulation|simulated_|virtual|pretend|is_test|is_real", re.IGNORECASE)


def asking(file: Path) -> Iterator[str]:
    """The names in a file that ask whether it is real what happens."""
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.NAME and ASKS.search(token.string):
                yield f"{file.name}:{token.start[0]} {token.string}"


def test_no_production_module_asks_whether_it_is_simulated() -> None:
    files = [file for room in ROOMS for file in (PACKAGE / room).rglob("*.py")]
    files += (PACKAGE.parent / "strategies").rglob("*.py")

    assert len(files) > 120
    assert [found for file in files for found in asking(file)] == []


@pytest.mark.parametrize(
    "planted", ["from replenisher import simulate", "if self.is_simulated:\n    pass", "clock = VirtualClock()"]
)
def test_a_planted_question_is_found(planted: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(planted + "\n")

    assert len(list(asking(tmp_path / "planted.py"))) == 1
