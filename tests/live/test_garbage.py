"""Garbage is looked for between turns: none of Python's own looks falls into one."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from replenisher.live import garbage
from replenisher.model.step import Step

STEP = Step(number=1, at=0, events=(), commands=())


class Ring:
    """Something that only a search for cycles frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """The generations that were looked through since the daemon has taken this over."""
    found: list[int] = []
    threshold = gc.get_threshold()

    def note(phase: str, about: dict[str, Any]) -> None:
        if phase == "stop":
            found.append(about["generation"])

    garbage.look_for_it_ourselves()
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*threshold)
    gc.unfreeze()


def a_turn_makes(objects: int) -> weakref.ref[Ring]:
    """So many that nobody has any more; the last of them."""
    last = weakref.ref(Ring())
    for _ in range(objects):
        last = weakref.ref(Ring())
    return last


def test_what_a_turn_leaves_is_found_after_it_and_not_in_it(looks: list[int]) -> None:
    last = a_turn_makes(5 * garbage.YOUNG_MAX)
    assert (looks, last() is None) == ([], False)

    garbage.look(STEP)

    assert (looks, last() is None) == ([0], True)


def test_most_turns_leave_too_little_to_look_for(looks: list[int]) -> None:
    garbage.look(STEP)

    assert looks == []


def test_what_survives_is_looked_at_less_often_and_at_last_as_well(looks: list[int]) -> None:
    for _ in range(2 * (garbage.LOOKS_AT_YOUNG + 1)):
        a_turn_makes(2 * garbage.YOUNG_MAX)
        garbage.look(STEP)
    garbage.look_everywhere()

    assert looks == 2 * [*garbage.LOOKS_AT_YOUNG * [0], 1] + [2]
