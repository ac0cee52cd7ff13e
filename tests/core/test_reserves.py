"""What of our money stands behind each instrument."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.load import Load
from replenisher.core.reserves import NOTHING, Needs, Reserves, needs
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Side
from tests.core import world
from tests.core.world import LINEAR

D = Decimal
INVERSE = msgspec.structs.replace(world.INVERSE, name="BTC-USD")
SPOT = msgspec.structs.replace(LINEAR, name="BTC_USDT", kind=Kind.SPOT)
ELSEWHERE = msgspec.structs.replace(LINEAR, name="ETH-PERPETUAL", venue="other")
ALL = [
    LINEAR,
    INVERSE,
    SPOT,
    ELSEWHERE,
    msgspec.structs.replace(SPOT, name="ETH_BTC", base_currency="ETH", settlement_currency="BTC"),
]


def load(bought: int, sold: int, price: int = 100_000) -> Load:
    """So many lots on each side, at one price in ticks."""
    there = Load()
    there.change(Side.BUY, None, (bought, price))
    there.change(Side.SELL, None, (sold, price))
    return there


@pytest.mark.parametrize(
    ("instrument", "position", "orders", "mark", "leverage", "needed"),
    [
        (LINEAR, "0", load(300, 200), "10000", 1, ("3000", "0")),  # 0.3 coins at 10,000
        (LINEAR, "0", load(300, 200), "10000", 10, ("300", "0")),
        (LINEAR, "0.5", load(300, 200), "10000", 1, ("8000", "0")),
        (LINEAR, "-0.5", load(300, 200), "10000", 1, ("7000", "0")),
        (LINEAR, "-0.5", load(300, 0), "10000", 1, ("5000", "0")),  # all that would be bought only makes it smaller
        (INVERSE, "1000", load(100, 0), "50000", 2, ("0.02", "0")),  # 2,000 dollars are 0.04 coins
        (SPOT, "7", load(300, 200), "1", 3, ("3000", "0.2")),  # each order pays by itself, in what it gives away
    ],
)
def test_the_worst_that_orders_can_do_is_what_is_needed(
    instrument: Instrument, position: str, orders: Load, mark: str, leverage: int, needed: tuple[str, str]
) -> None:
    assert needs(instrument, D(position), orders, D(mark), D(leverage)) == (D(needed[0]), D(needed[1]))


@given(st.lists(st.tuples(st.sampled_from(ALL), st.tuples(*[st.decimals(0, 1_000, places=4)] * 2)), max_size=30))
def test_what_is_kept_for_others_is_the_sum_of_what_they_last_needed_from_the_same_purses(
    told: list[tuple[Instrument, Needs]],
) -> None:
    reserves, last = Reserves(), dict[str, Needs]()
    for instrument, amounts in told:
        needed = (amounts[0], amounts[1] if instrument.kind is Kind.SPOT else D(0))  # a contract gives no coins away
        reserves.keep(instrument, needed)
        last[instrument.key] = needed

    for instrument in ALL:
        expected = [Decimal(0), Decimal(0)]
        for other in ALL:
            if other is instrument or other.venue != instrument.venue:
                continue
            settled, base = last.get(other.key, NOTHING)
            purses = [
                instrument.settlement_currency,
                *([instrument.base_currency] if instrument.kind is Kind.SPOT else []),
            ]
            for place, purse in enumerate(purses):
                expected[place] += settled if other.settlement_currency == purse else 0
                expected[place] += base if other.base_currency == purse else 0
        assert reserves.elsewhere(instrument) == tuple(expected)
