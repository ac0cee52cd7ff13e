"""An instrument's grid and worth: rounding away from the market, bands of ticks, inverse and linear values."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Side


def make(**changes: Any) -> Instrument:
    fields: dict[str, Any] = {
        "venue": "deribit",
        "name": "BTC-PERPETUAL",
        "kind": Kind.PERPETUAL,
        "tick_steps": (TickStep(Decimal(0), Decimal("0.5")),),
        "lot": Decimal(10),
        "amount_unit": AmountUnit.QUOTE,
        "inverse": True,
        "base_currency": "BTC",
        "quote_currency": "USD",
        "settlement_currency": "BTC",
        "min_amount": Decimal(10),
    }
    return Instrument(**{**fields, **changes})


OPTION = make(
    name="BTC-27SEP26-60000-C",
    kind=Kind.OPTION,
    tick_steps=(TickStep(Decimal(0), Decimal("0.0001")), TickStep(Decimal("0.005"), Decimal("0.0005"))),
    lot=Decimal("0.1"),
    inverse=False,
    amount_unit=AmountUnit.BASE,
)


@pytest.mark.parametrize(
    ("side", "price", "ticks"),
    [(Side.BUY, 100.74, 201), (Side.SELL, 100.74, 202), (Side.BUY, 100.5, 201), (Side.SELL, 100.5, 201)],
)
def test_a_price_is_rounded_away_from_the_market(side: Side, price: float, ticks: int) -> None:
    assert make().round_price(side, price) == ticks


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        (Side.BUY, "0.00494", "0.0049"),
        (Side.SELL, "0.00494", "0.0050"),
        (Side.BUY, "0.00512", "0.0050"),
        (Side.SELL, "0.00512", "0.0055"),
        (Side.SELL, "0.00501", "0.0055"),
    ],
)
def test_a_band_of_coarser_ticks_decides_where_the_result_lies(side: Side, price: str, expected: str) -> None:
    assert OPTION.price(OPTION.round_price(side, Decimal(price))) == Decimal(expected)


@given(st.decimals("0.0001", "1", places=7), st.sampled_from(list(Side)))
def test_a_rounded_price_is_on_the_grid_and_never_nearer_to_the_market(price: Decimal, side: Side) -> None:
    rounded = OPTION.price(OPTION.round_price(side, price))

    assert rounded % OPTION.tick_at(rounded) == 0
    assert (rounded - price) * side.sign <= 0


TICKS = st.integers(1, 2_000_000_000)
NEAR = st.sampled_from([0.0, 1e-12, -1e-12, 1e-7, -1e-7, 0.5, 0.999_999_9, 1e-6, -1e-6])


@given(st.sampled_from(["0.5", "0.1", "0.01", "0.00000001", "25", "0.3"]), TICKS, NEAR, st.sampled_from(list(Side)))
def test_many_prices_are_rounded_as_each_alone(tick: str, ticks: int, off: float, side: Side) -> None:
    instrument = make(tick_steps=(TickStep(Decimal(0), Decimal(tick)),))
    prices = [(ticks + off) * float(tick), ticks * float(tick) + off, math.nextafter(ticks * float(tick), math.inf)]

    assert instrument.round_prices(side, prices) == [instrument.round_price(side, price) for price in prices]


@given(st.floats(-10, 1e12, allow_nan=False), st.sampled_from([make(), OPTION]), st.sampled_from(list(Side)))
def test_any_price_is_rounded_by_its_decimal_digits(price: float, instrument: Instrument, side: Side) -> None:
    assert instrument.round_prices(side, [price]) == [instrument.round_price(side, price)]


@pytest.mark.parametrize("inverse", [True, False])
def test_what_an_order_is_worth_is_a_whole_number_of_units(inverse: bool) -> None:
    instrument = make(inverse=inverse, contract_value=Decimal("0.01"))

    worth = instrument.notional_quote(instrument.amount(7), instrument.price(101))

    assert instrument.notional_units(7, 101) * instrument.notional_unit == worth


def test_an_inverse_amount_is_worth_itself_in_quote_and_a_quotient_in_coin() -> None:
    inverse = make()

    assert inverse.notional_quote(Decimal(1000), Decimal(50_000)) == 1000
    assert inverse.value(Decimal(1000), Decimal(50_000)) == Decimal("0.02")
    assert inverse.amount_of_base(Decimal("0.02"), Decimal(50_000)) == 1000


def test_a_linear_amount_is_worth_a_product() -> None:
    linear = make(inverse=False, amount_unit=AmountUnit.BASE, lot=Decimal("0.001"))

    assert linear.notional_quote(Decimal("0.02"), Decimal(50_000)) == 1000
    assert linear.value(Decimal("0.02"), Decimal(50_000)) == 1000
    assert linear.amount_of_quote(Decimal(1000), Decimal(50_000)) == Decimal("0.02")
    assert linear.lots(Decimal("0.0209")) == 20
