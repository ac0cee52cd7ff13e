"""A ladder as wide as the market moves. The linear contract has a tick of 0.1; fair value is 10,000."""

from math import sqrt

import msgspec
import pytest
from pydantic import ValidationError

from replenisher.core.signals.volatility import BipowerVolatility
from replenisher.core.strategy import View
from replenisher.model.order import Side
from strategies.volatility_mm import VolatilityMarketMaking
from tests.strategies.test_pure_mm import seen

MEASURED = {"window_s": 60, "min": 0.5, "max": 5}


def volatility_mm(**other: object) -> VolatilityMarketMaking:
    """Two standard deviations over 25 s, unless told otherwise: with sigma 1 that is 10."""
    plain: dict[str, object] = {
        "size_unit": "quote",
        "order_amount": "1000",
        "sigma": {"value": 1},
        "spread_factor": 2,
        "holding_s": 25,
        "max_spread_bps": 100,
    }
    return VolatilityMarketMaking(**(plain | other))


def at_sigma(sigma: float, **other: object) -> View:
    return msgspec.structs.replace(seen(**other), signals={"sigma": sigma})


def test_the_half_spread_is_so_many_standard_deviations_over_the_holding_time() -> None:
    answer = volatility_mm().quote(seen())

    assert answer.terms["half_spread"] == 2 * sqrt(25)
    assert [(quote.side, quote.price) for quote in answer.quotes] == [(Side.BUY, 99_900), (Side.SELL, 100_100)]


@pytest.mark.parametrize(("sigma", "half_spread"), [(0.1, 5), (1, 10), (4, 40), (9, 50)])
def test_what_is_measured_counts_within_its_bounds_and_those_of_the_spread(sigma: float, half_spread: float) -> None:
    strategy = volatility_mm(sigma=MEASURED | {"estimator": "bipower"}, max_spread_bps=100)

    assert strategy.signals == {"sigma": BipowerVolatility(window_s=60)}
    terms = strategy.quote(at_sigma(sigma)).terms
    assert terms["half_spread"] == pytest.approx(half_spread)
    assert terms["sigma_measured"] == sigma


def test_however_much_the_market_moves_the_spread_is_no_wider_than_the_maximum() -> None:
    strategy = volatility_mm(sigma=MEASURED | {"estimator": "bipower"}, max_spread_bps=60)

    assert strategy.quote(at_sigma(4)).terms["half_spread"] == 30  # where two sigma over the time are 40


def test_a_calm_market_is_quoted_no_tighter_than_the_minimum() -> None:
    assert volatility_mm(min_spread_bps=40).quote(seen()).terms["half_spread"] == 20


def test_the_centre_leans_against_the_inventory_by_half_spreads() -> None:
    strategy = volatility_mm(inventory={"skew": "price", "skew_factor": 0.5})
    answer = strategy.quote(seen(inventory="0.1"))  # 1,000 USDT, a whole side

    assert answer.terms["centre"] == 10_000 - 0.5 * 10
    assert [quote.price for quote in answer.quotes] == [99_850, 100_050]


def test_a_maximum_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not be less than min_spread_bps"):
        volatility_mm(min_spread_bps=120)
