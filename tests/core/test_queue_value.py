"""Queue value: where an order stands in its queue, and when that place is worth keeping."""

import pytest

from replenisher.core.queue_value import Place


@pytest.mark.parametrize(
    ("power", "ahead"), [(None, 60.0), (1, 48.0), (2, 46.153846), (3, 44.571429)]
)  # worked by hand from the definition of each model
def test_a_decrease_without_a_trade_brings_forward_as_the_model_says(power: float | None, ahead: float) -> None:
    place = Place(price=1, level=100, ahead=60)

    place.change(80, power)

    assert place.ahead == pytest.approx(ahead, abs=1e-6)
    assert place.level == 80


@pytest.mark.parametrize(("power", "ahead"), [(None, 45.0), (1, 40.5), (2, 40.990099), (3, 41.461165)])
def test_what_traded_is_taken_out_of_a_decrease_first(power: float | None, ahead: float) -> None:
    place = Place(price=1, level=100, ahead=60)

    place.trade(15)
    place.change(75, power)

    assert place.ahead == pytest.approx(ahead, abs=1e-6)
