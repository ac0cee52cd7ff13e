"""The planted bugs are whole: every patch still fits the code, exactly once, and what it makes is Python."""

import ast
from pathlib import Path

import pytest

import replenisher
from replenisher.wiring.mutations import Mutation, mutations_in

PACKAGE = Path(replenisher.__file__).parent
PLANTED = mutations_in(Path(__file__).with_name("mutations.yaml"))


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    assert len({mutation.name for mutation in PLANTED}) == len(PLANTED) >= 25


def test_neither_the_checks_nor_the_exchange_are_changed() -> None:
    assert [each.file for each in PLANTED if each.file.startswith(("simulate/", "exchange/"))] == []


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.name)
def test_a_patch_fits_once_and_makes_other_python(mutation: Mutation, tmp_path: Path) -> None:
    text = (PACKAGE / mutation.file).read_text()
    (tmp_path / mutation.file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mutation.file).write_text(text)

    mutation.plant(tmp_path)

    planted = (tmp_path / mutation.file).read_text()
    assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(text))
