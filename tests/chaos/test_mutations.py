"""The planted bugs are whole: every patch fits the code exactly once, and makes Python. Two of them are found here.

`make mutations` plants all of them, on many more days.
"""

import ast
from pathlib import Path

import pytest

import replenisher
from replenisher.wiring.campaign import INVARIANTS, WANTED, Campaign, Days, Record
from replenisher.wiring.mutations import Mutation, mutations_in, named

PACKAGE = Path(replenisher.__file__).parent
PLANTED = mutations_in(Path(__file__).with_name("mutations.yaml"))

FOUND_SOON = [  # with the faults and the seed of a day on which it shows within half a minute
    ("a lost feed is not told", "change lost, snapshot lost", 13),
    ("a page of trades is counted in contracts", "word lost, killed", 11),
]


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    assert len({mutation.name for mutation in PLANTED}) == len(PLANTED) >= 25


def test_neither_the_checks_nor_the_exchange_are_changed() -> None:
    assert [each.file for each in PLANTED if each.file.startswith(("simulate/", "exchange/"))] == []


def test_each_invariant_that_must_be_the_first_to_find_a_bug_has_one() -> None:
    caught_by = {name for mutation in PLANTED for name in mutation.caught_by}

    assert set(WANTED) <= caught_by <= INVARIANTS
    assert all(mutation.caught_by for mutation in PLANTED)


@pytest.mark.parametrize(("name", "faults", "seed"), FOUND_SOON, ids=[name for name, _, _ in FOUND_SOON])
def test_a_planted_bug_is_found_by_its_invariant(name: str, faults: str, seed: int) -> None:
    days = Days(seeds=range(seed, seed + 1), minutes=0.5, faults=faults, calm_seeds=range(1, 2))
    campaign = Campaign(
        [named(PLANTED, name)], days, jobs=1, record=Record(None), tell=lambda _: None, say=lambda _: None
    )

    campaign.run()

    assert [found for found in campaign.found if not found.is_caught] == []
    assert campaign.unsound == []


@pytest.mark.parametrize("mutation", PLANTED, ids=lambda mutation: mutation.name)
def test_a_patch_fits_once_and_makes_other_python(mutation: Mutation, tmp_path: Path) -> None:
    text = (PACKAGE / mutation.file).read_text()
    (tmp_path / mutation.file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mutation.file).write_text(text)

    mutation.plant(tmp_path)

    planted = (tmp_path / mutation.file).read_text()
    assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(text))
