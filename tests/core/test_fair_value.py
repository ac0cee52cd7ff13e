"""Fair value, and the arithmetic of ladders."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.fair_value import FairValue, Source, microprice, mid, weighted_mid
from replenisher.core.inventory import lean
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.strategy import View
from tests.core.world import LINEAR, T0

TOUCHES = st.builds(
    lambda bid, width, bids, asks: Touch(bid, bids, bid + width, asks),
    st.integers(1, 10**7),
    st.integers(1, 10**4),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
)


def test_a_heavy_bid_pushes_the_weighted_mid_up() -> None:
    assert weighted_mid(Touch(99, 30, 101, 10)) == 100.5
    assert weighted_mid(Touch(99, 10, 101, 30)) == 99.5


def test_the_microprice_of_equal_queues_is_the_mid() -> None:
    assert microprice(Touch(99, 7, 101, 7)) == mid(Touch(99, 7, 101, 7)) == 100


@given(TOUCHES, st.sampled_from([Source.MID, Source.WEIGHTED, Source.MICRO]))
def test_a_fair_value_stands_inside_the_spread(touch: Touch, source: Source) -> None:
    view = View(at=T0, instrument=LINEAR, touch=touch, last_trade=None, inventory=Decimal(0))
    fair = FairValue(source=source).of(view)

    assert fair is not None
    assert touch.bid * 0.1 <= fair <= touch.ask * 0.1 or fair == pytest.approx(touch.bid * 0.1)


@given(TOUCHES, st.sampled_from([weighted_mid, microprice]))
def test_the_mirrored_book_has_the_mirrored_price(touch: Touch, price: object) -> None:
    mirrored = Touch(touch.bid, touch.ask_quantity, touch.ask, touch.bid_quantity)

    assert price(touch) - touch.bid == pytest.approx(touch.ask - price(mirrored), abs=1e-6 * (touch.ask - touch.bid))


@given(st.sampled_from([weighted_mid, microprice]), st.integers(1, 1_000))
def test_more_on_the_bid_never_lowers_the_price(price: object, asks: int) -> None:
    values = [price(Touch(99, bids, 101, asks)) for bids in (1, 2, 5, 10, 100, 1_000, 10_000)]

    assert all(after > before for before, after in pairwise(values))


def test_the_microprice_is_flatter_at_the_extremes_than_the_weighted_mid() -> None:
    lopsided = Touch(99, 1_000, 101, 1)

    assert microprice(lopsided) < weighted_mid(lopsided) + 1e-3
    assert microprice(Touch(99, 3, 101, 1)) == pytest.approx(100.5903, abs=1e-4)  # 1/2 + 2/pi * atan(1/2)


def test_a_table_takes_the_place_of_the_closed_form() -> None:
    table = StoikovTable(edges=(0.5,), adjustments=((-0.2, 0.2), (-0.6, 0.6)))
    view = View(at=T0, instrument=LINEAR, touch=Touch(99, 30, 101, 10), last_trade=None, inventory=Decimal(0))

    assert FairValue(source=Source.MICRO, table=table).of(view) == pytest.approx(100.6 * LINEAR.tick_float)
    assert FairValue(source=Source.MICRO).of(view) == pytest.approx(100.5903 * LINEAR.tick_float, abs=1e-5)


def test_a_lean_is_counted_in_whole_ladders_and_never_more_than_one() -> None:
    assert lean(500, 0, 1_000) == 0.5
    assert lean(-500, 500, 1_000) == -1
    assert lean(9_999, 0, 1_000) == 1
    assert lean(5, 0, 0) == 0
