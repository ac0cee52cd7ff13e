"""What a model is told of its market: given, or measured, within bounds and in steps."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.coefficient import Coefficient, in_steps


@given(st.floats(0, 1e300, allow_subnormal=False))
def test_a_step_is_small_and_the_same_for_all_that_is_near(number: float) -> None:
    step = in_steps({"sigma": number})["sigma"]

    assert abs(step - number) <= number / 128
    assert in_steps({"sigma": step}) == {"sigma": step}


def test_steps_are_few() -> None:
    numbers = [1 + each / 10_000 for each in range(10_000)]

    assert len({in_steps({"k": number})["k"] for number in numbers}) == 65


@given(st.floats(0, allow_nan=False))
def test_what_is_measured_never_leaves_its_bounds(number: float) -> None:
    coefficient = Coefficient(window_s=60, min=0.5, max=2)

    assert coefficient.of(number) == min(2, max(0.5, number))
    assert coefficient.of(None) == 1
    assert coefficient.of(inf) == 2


def test_what_is_given_is_not_measured() -> None:
    coefficient = Coefficient(value=3)

    assert (coefficient.of(None), coefficient.of(7)) == (3, 3)
