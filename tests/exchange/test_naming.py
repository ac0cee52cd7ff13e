"""A name says what an instrument is, or it is no name."""

from decimal import Decimal

import pytest

from replenisher.exchange.dialects.deribit.naming import instrument_of, read_name, usual_grid
from replenisher.model.instrument import AmountUnit, Kind


@pytest.mark.parametrize(
    ("text", "kind", "settlement", "inverse"),
    [
        ("BTC-PERPETUAL", Kind.PERPETUAL, "BTC", True),
        ("ETH_USDC-PERPETUAL", Kind.PERPETUAL, "USDC", False),
        ("BTC-25DEC26", Kind.FUTURE, "BTC", True),
        ("BTC_USDC-1JAN27", Kind.FUTURE, "USDC", False),
        ("BTC_USDC", Kind.SPOT, "USDC", False),
    ],
)
def test_a_name_says_what_is_traded(text: str, kind: Kind, settlement: str, inverse: bool) -> None:
    name = read_name(text)

    assert name is not None
    assert (name.kind, name.settlement, name.is_inverse) == (kind, settlement, inverse)
    grid = usual_grid(name)
    assert grid is not None
    instrument = instrument_of("deribit", name, grid)
    assert instrument.amount_unit is (AmountUnit.QUOTE if inverse else AmountUnit.BASE)
    assert instrument.min_amount % instrument.lot == 0


@pytest.mark.parametrize(
    ("text", "expires_at_s"),
    [("BTC-25DEC26", 1_798_185_600), ("BTC-29FEB28", 1_835_424_000), ("ETH-1JAN27", 1_798_790_400)],
)
def test_a_dated_future_ends_at_eight_in_the_morning(text: str, expires_at_s: int) -> None:
    name = read_name(text)

    assert name is not None
    assert name.expires_at == expires_at_s * 10**9


@pytest.mark.parametrize(
    "text", ["", "BTC", "btc-perpetual", "BTC-31FEB26", "BTC-29FEB27", "BTC-0DEC26", "BTC-25DEZ26", "BTC-PERPETUAL-1"]
)
def test_what_is_no_name_is_not_read(text: str) -> None:
    assert read_name(text) is None


def test_a_currency_that_is_not_well_known_has_no_usual_grid() -> None:
    known, unknown = read_name("BTC-PERPETUAL"), read_name("XYZ_USDC-PERPETUAL")

    assert known is not None and unknown is not None
    grid = usual_grid(known)
    assert grid is not None and grid.tick_steps[0].tick == Decimal("0.5")
    assert usual_grid(unknown) is None
