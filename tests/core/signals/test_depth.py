"""Signals of the book below the touch: the worked example, in tenths, and what a thin book cannot tell."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.signals.depth import DepthImbalance, Vamp, VampOfSize, WeightedDepth
from replenisher.core.signals.signal import SignalSpec
from tests.core.signals.given import book, finer

BOOK = book([(1000, 5), (999, 10), (998, 20)], [(1001, 2), (1002, 8), (1003, 30)])
TENTHS = finer("0.1", "0.5")


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (Vamp(levels=1), 100.0714286),
        (Vamp(levels=2), 100.068),
        (WeightedDepth(levels=2), 100.032),
        (DepthImbalance(levels=2), 0.2),
        (VampOfSize(amount=Decimal("2.5")), 100.08),
        (VampOfSize(amount=Decimal("5")), 100.065),
        (VampOfSize(amount=Decimal("10.2")), 100.07),  # 20 whole lots of half a unit
    ],
)
def test_the_worked_example(spec: SignalSpec, value: float) -> None:
    machine = spec.start(TENTHS)

    assert spec.needs_depth
    assert machine.value(1) is None
    machine.saw_book(BOOK, 1)

    assert machine.value(1) == pytest.approx(value, abs=1e-7)
    machine.lost()
    assert machine.value(1) is None


@pytest.mark.parametrize("spec", [Vamp(levels=3), WeightedDepth(levels=3), DepthImbalance(levels=3)])
def test_of_an_empty_side_nothing_is_known(spec: SignalSpec) -> None:
    machine = spec.start(TENTHS)

    for bids, asks in (([], [(1001, 2)]), ([(1000, 5)], [])):
        machine.saw_book(BOOK, 1)
        machine.saw_book(book(bids, asks), 2)

        assert machine.value(2) is None


def test_an_amount_that_the_book_does_not_hold_has_no_price() -> None:
    machine = VampOfSize(amount=Decimal(20)).start(TENTHS)

    machine.saw_book(BOOK, 1)

    assert machine.value(1) is None


LEVELS = st.lists(st.integers(1, 1_000), min_size=1, max_size=8)


@settings(deadline=None)
@given(bids=LEVELS, asks=LEVELS, levels=st.integers(1, 5))
def test_prices_stand_within_the_levels_they_are_made_of_and_the_mirrored_book_leans_the_other_way(
    bids: list[int], asks: list[int], levels: int
) -> None:
    here = book([(100 - n, lots) for n, lots in enumerate(bids)], [(101 + n, lots) for n, lots in enumerate(asks)])
    mirror = book([(100 - n, lots) for n, lots in enumerate(asks)], [(101 + n, lots) for n, lots in enumerate(bids)])

    for spec, leans in (
        (Vamp(levels=levels), True),
        (WeightedDepth(levels=levels), True),
        (DepthImbalance(levels=levels), False),
    ):
        values = []
        for each in (here, mirror):
            machine = spec.start(finer("1"))
            machine.saw_book(each, 1)
            values.append(machine.value(1))
        first, second = values
        assert first is not None and second is not None
        assert first + second == pytest.approx(201 if leans else 0)
        assert (100 - levels < first < 101 + levels) if leans else -1 <= first <= 1
