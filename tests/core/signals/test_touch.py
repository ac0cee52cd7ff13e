"""Prices of the touch: what the worked examples say, and never outside the spread."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.signals.touch import Microprice, Mid, WeightedMid
from tests.core.signals.given import finer

TABLE = StoikovTable(
    edges=(0.25, 0.5, 0.75), adjustments=((-0.32, -0.11, 0.11, 0.32), (-0.9, -0.4, 0.4, 0.9))
)  # for spreads of one and two ticks


@pytest.mark.parametrize(
    ("spec", "price"),
    [
        (Mid(), 100),
        (WeightedMid(), 100.5),
        (Microprice(), 100.5903),
        (Microprice(TABLE), 100.65),
    ],  # on an edge, between .4 and .9
)
def test_a_bid_of_thirty_against_an_ask_of_ten(spec: SignalSpec, price: float) -> None:
    machine = spec.start(finer("0.5"))

    assert machine.value(1) is None
    machine.saw_touch(Touch(99, 30, 101, 10), 1)

    assert machine.value(1) == pytest.approx(price * 0.5, abs=1e-4)
    machine.lost()
    assert machine.value(1) is None


@pytest.mark.parametrize(
    ("bids", "asks", "spread", "added"),
    [(1, 9, 1, -0.32), (3, 7, 1, -0.11), (7, 3, 1, 0.11), (9, 1, 1, 0.32), (9, 1, 2, 0.9), (9, 1, 7, 0.9)],
)
def test_the_table_has_a_row_for_each_spread_and_a_column_for_each_imbalance(
    bids: int, asks: int, spread: int, added: float
) -> None:
    touch = Touch(100, bids, 100 + spread, asks)

    assert TABLE.price(touch) == pytest.approx(100 + spread / 2 + added)


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_the_micro_price_of_a_table_stands_inside_the_spread(spread: int, bids: int, asks: int) -> None:
    touch = Touch(100, bids, 100 + spread, asks)

    assert touch.bid <= TABLE.price(touch) <= touch.ask


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 100), st.integers(1, 100))
def test_the_mirrored_touch_has_the_mirrored_price_and_a_balanced_one_the_mid(
    spread: int, bids: int, asks: int
) -> None:
    here, mirror = Touch(100, bids, 100 + spread, asks), Touch(100, asks, 100 + spread, bids)

    assert TABLE.price(here) - 100 == pytest.approx(100 + spread - TABLE.price(mirror))
    assert TABLE.price(Touch(100, bids, 100 + spread, bids)) == 100 + spread / 2


@pytest.mark.parametrize(
    ("edges", "rows", "fault"),
    [
        ((0.5, 0.25), ((0, 0, 0),), "the edges of the imbalance ascend, between 0 and 1"),
        ((0.0,), ((0, 0),), "the edges of the imbalance ascend, between 0 and 1"),
        ((0.5,), (), "there is a row for a spread of one tick at least"),
        ((0.5,), ((-0.1, 0.1), (0.1,)), "the row of spread 2 has 1 numbers, the edges make 2 buckets"),
        ((0.5,), ((-0.6, 0.6),), "the row of spread 1 leaves the spread: half of it is 0.5 ticks"),
        ((0.5,), ((float("nan"), 0.1),), "the row of spread 1 leaves the spread: half of it is 0.5 ticks"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_in_one_sentence(
    edges: tuple[float, ...], rows: tuple[tuple[float, ...], ...], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        StoikovTable(edges, rows)
