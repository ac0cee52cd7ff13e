"""Where in the queue an order stands, and what a trade gives to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.exchange.queue import (
    Fill,
    QueueModel,
    QueuePosition,
    RestingOrders,
    RiskAverse,
    log,
    log2,
    power,
    power2,
    power3,
)
from replenisher.model.order import Side

PRECISION = 1e-6


@pytest.mark.parametrize(
    ("model", "ahead"),
    [
        (RiskAverse(), 60.0),
        (power(1), 48.0),
        (power(2), 46.153846),
        (power(3), 44.571429),
        (power2(2), 43.2),
        (power3(2), 52.8),
        (power3(3), 55.68),
        (log(), 49.492230),
        (log2(), 56.093066),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_cancel_of_20_at_a_level_with_60_ahead_and_40_behind(model: QueueModel, ahead: float) -> None:
    position = model.after_change(QueuePosition(60.0), before=100, after=80)

    assert position.ahead == pytest.approx(ahead, abs=PRECISION)


@pytest.mark.parametrize(
    ("model", "ahead"),
    [
        (RiskAverse(), 45.0),
        (power(1), 40.5),
        (power(2), 40.990099),
        (power(3), 41.461165),
        (power2(2), 38.025),
        (power3(2), 42.975),
        (power3(3), 44.08875),
        (log(), 40.125229),
        (log2(), 43.722094),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_trade_of_15_is_taken_out_of_the_decrease_that_reports_it(model: QueueModel, ahead: float) -> None:
    traded = QueuePosition(60.0).after_trade(15, reported=15)

    position = model.after_change(traded, before=100, after=75)

    assert traded == QueuePosition(45.0, traded=15.0)
    assert position.ahead == pytest.approx(ahead, abs=PRECISION)
    assert position.traded == 0.0


@pytest.mark.parametrize(
    ("name", "model", "share_behind"),
    [
        ("power 1", power(1), 0.4),
        ("power 2", power(2), 0.307692),
        ("power 3", power(3), 0.228571),
        ("power2 2", power2(2), 0.16),
        ("power3 2", power3(2), 0.64),
        ("power3 3", power3(3), 0.784),
        ("log", log(), 0.474612),
        ("log2", log2(), 0.804653),
    ],
)
def test_the_share_of_a_cancel_that_was_behind_us(name: str, model, share_behind: float) -> None:
    assert model.name == name
    assert model.behind(60, 40) == pytest.approx(share_behind, abs=PRECISION)


MODELS = st.sampled_from([RiskAverse(), power(1), power(3), power2(2), power3(3), log(), log2()])


@given(MODELS, st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_a_book_change_never_sends_us_back_and_never_fills_us(
    model: QueueModel, before: int, ahead: int, traded: int, after: int
) -> None:
    ahead = min(ahead, before)
    position = QueuePosition(float(ahead)).after_trade(traded, reported=traded)

    changed = model.after_change(position, before, after)

    assert 0 <= changed.ahead <= position.ahead
    assert changed.ahead <= after
    assert changed.ahead <= RiskAverse().after_change(position, before, after).ahead


def resting(model: QueueModel | None = None) -> RestingOrders:
    return RestingOrders(model or RiskAverse())


def test_a_trade_eats_the_others_ahead_first_then_us_then_those_between_us_and_our_next_order() -> None:
    orders = resting()
    orders.join("first", Side.BUY, 100, quantity=3, ahead=5)
    orders.join("second", Side.BUY, 100, quantity=3, ahead=9)

    assert orders.hit(Side.BUY, 100, 4) == []  # others: 1 is left before "first"
    assert orders.hit(Side.BUY, 100, 2) == [Fill("first", 100, 1)]
    # 2 of "first", then the 4 of others between the two, then 1 of "second"
    assert orders.hit(Side.BUY, 100, 7) == [Fill("first", 100, 2), Fill("second", 100, 1)]
    assert orders.find("first") is None
    assert orders.quantity(Side.BUY, 100) == 2


def test_a_trade_through_our_price_fills_us_first_and_best_price_first() -> None:
    orders = resting()
    orders.join("low", Side.SELL, 101, quantity=2, ahead=50)
    orders.join("touch", Side.SELL, 100, quantity=2, ahead=50)

    assert orders.hit(Side.SELL, 102, 3) == [Fill("touch", 100, 2), Fill("low", 101, 1)]


def test_whoever_stood_before_a_price_that_was_traded_through_is_gone() -> None:
    orders = resting()
    orders.join("better", Side.SELL, 100, quantity=5, ahead=50)

    assert orders.hit(Side.SELL, 102, 2) == [Fill("better", 100, 2)]
    assert orders.hit(Side.SELL, 100, 2) == [Fill("better", 100, 2)]


def test_a_trade_at_a_price_worse_for_the_taker_does_not_reach_us() -> None:
    orders = resting()
    orders.join("bid", Side.BUY, 100, quantity=5, ahead=0)

    assert orders.hit(Side.BUY, 101, 9) == []


@pytest.mark.parametrize(
    ("canceled", "traded", "filled"),
    [(1, 60, 1), (4, 58, 0)],  # 59.4 ahead leave 0.6 of a lot to us, 57.6 ahead leave 0.4
)
def test_a_fraction_ahead_is_rounded_to_the_nearest_lot(canceled: int, traded: int, filled: int) -> None:
    orders = resting(power(1))
    orders.join("bid", Side.BUY, 100, quantity=9, ahead=60)
    orders.level_changed(Side.BUY, 100, 100, 100 - canceled)

    assert sum(fill.quantity for fill in orders.hit(Side.BUY, 100, traded)) == filled


def test_the_trades_at_our_price_are_not_mistaken_for_cancels_when_the_book_reports_them() -> None:
    orders = resting(power(1))
    orders.join("bid", Side.BUY, 100, quantity=9, ahead=60)

    orders.hit(Side.BUY, 100, 15)
    orders.level_changed(Side.BUY, 100, 100, 75)

    assert orders.find("bid").position.ahead == pytest.approx(40.5, abs=PRECISION)


def test_an_order_that_shrinks_keeps_its_place() -> None:
    orders = resting()
    orders.join("first", Side.BUY, 100, quantity=9, ahead=0)
    orders.join("second", Side.BUY, 100, quantity=9, ahead=0)

    orders.shrink("first", 2)

    assert orders.hit(Side.BUY, 100, 3) == [Fill("first", 100, 2), Fill("second", 100, 1)]


@given(
    MODELS,
    st.lists(st.tuples(st.integers(95, 100), st.integers(1, 9), st.integers(0, 20)), max_size=8),
    st.lists(st.tuples(st.integers(93, 101), st.integers(1, 30), st.integers(0, 60)), max_size=8),
)
def test_one_trade_never_gives_more_than_it_has(
    model: QueueModel, placed: list[tuple[int, int, int]], trades: list[tuple[int, int, int]]
) -> None:
    orders = resting(model)
    for number, (price, quantity, ahead) in enumerate(placed):
        orders.join(f"order {number}", Side.BUY, price, quantity, ahead)
    open_before = {f"order {number}": quantity for number, (_, quantity, _) in enumerate(placed)}

    for price, quantity, after in trades:
        fills = orders.hit(Side.BUY, price, quantity)
        orders.level_changed(Side.BUY, price, after + quantity, after)

        assert sum(fill.quantity for fill in fills) <= quantity
        assert all(fill.quantity > 0 and fill.price >= price for fill in fills)
        assert [fill.price for fill in fills] == sorted((fill.price for fill in fills), reverse=True)
        for fill in fills:
            open_before[fill.order_id] -= fill.quantity
            assert open_before[fill.order_id] >= 0
