from decimal import Decimal

import pytest

from replenisher.exchange.funding import HOUR_NS, Funding

D = Decimal


def test_an_hour_is_worth_the_mean_of_its_rate() -> None:
    funding = Funding(0.0, D(100), 5 * HOUR_NS)

    funding.observe(0.008, D(100), 5 * HOUR_NS)
    funding.observe(0.0, D(110), 5 * HOUR_NS + HOUR_NS // 4)
    funding.observe(0.004, D(120), 5 * HOUR_NS + HOUR_NS // 2)
    assert list(funding.hours) == [], "only whole hours are told"
    funding.observe(0.0, D(130), 7 * HOUR_NS + 1)

    first, second = funding.hours
    assert (first.at, first.previous_index, first.index) == (6 * HOUR_NS, 100, 120)
    assert first.interest_1h == pytest.approx((0.008 / 4 + 0.004 / 2) / 8)
    assert (second.at, second.previous_index, second.index) == (7 * HOUR_NS, 120, 120)
    assert second.interest_1h == pytest.approx(0.004 / 8)
    assert second.interest_8h == pytest.approx(first.interest_1h + second.interest_1h)
    assert funding.interest(6 * HOUR_NS, 7 * HOUR_NS) == second.interest_1h


def test_eight_hours_are_the_last_eight() -> None:
    funding = Funding(0.0, D(100), 0)
    for hour in range(12):
        funding.observe(0.08 * hour, D(100), hour * HOUR_NS)
    funding.observe(0, D(100), 12 * HOUR_NS)

    assert funding.hours[-1].interest_8h == pytest.approx(0.01 * sum(range(4, 12)))
