"""What a model is told of its market: given, or measured, within bounds and in steps."""

from dataclasses import dataclass
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.coefficient import Coefficient, in_steps, nearest_step
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.model.instrument import Instrument
from tests.core.world import LINEAR


@dataclass(frozen=True)
class Same(Signal):
    told: float | None

    def value(self, venue_time: int) -> float | None:
        return self.told


@dataclass(frozen=True)
class Always(SignalSpec):
    """Tells the same at any time."""

    told: float | None

    def start(self, instrument: Instrument) -> Signal:
        return Same(self.told)


@given(st.floats(0, 1e300, allow_subnormal=False))
def test_a_step_is_small_and_the_same_for_all_that_is_near(number: float) -> None:
    step = nearest_step(number)

    assert abs(step - number) <= number / 128
    assert nearest_step(step) == step


def test_steps_are_few() -> None:
    numbers = [1 + each / 10_000 for each in range(10_000)]

    assert len({nearest_step(number) for number in numbers}) == 65


@pytest.mark.parametrize("told", [None, nan, inf])
def test_what_tells_nothing_tells_nothing_in_steps(told: float | None) -> None:
    spec = in_steps({"sigma": Always(told)})["sigma"]

    assert spec.read(spec.start(LINEAR))(0) is told


@given(st.floats(0, allow_nan=False))
def test_what_is_measured_never_leaves_its_bounds(number: float) -> None:
    coefficient = Coefficient(window_s=60, min=0.5, max=2)

    assert coefficient.of(number) == min(2, max(0.5, number))
    assert coefficient.of(None) == 1
    assert coefficient.of(inf) == 2


def test_what_is_given_is_not_measured() -> None:
    coefficient = Coefficient(value=3)

    assert (coefficient.of(None), coefficient.of(7)) == (3, 3)
