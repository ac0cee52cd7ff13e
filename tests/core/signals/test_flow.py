"""Order flow: the worked sequence, the price that it moves, and trades by who took."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.own_size import OwnSize
from replenisher.core.signals.flow import LevelFlow, OrderFlowImbalance, TradeImbalance, Vpin, order_flow
from replenisher.core.signals.signal import Signal
from replenisher.core.watch import Watch
from replenisher.model.order import Side
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import PLAIN, book, finer, printed

START = 10**18
SEQUENCE = [
    Touch(1000, 50, 1001, 40),
    Touch(1000, 70, 1001, 40),
    Touch(1000, 70, 1001, 10),
    Touch(1001, 30, 1002, 60),
    Touch(1001, 30, 1002, 90),
    Touch(1000, 80, 1002, 90),
]
FLOWS = [20, 30, 40, -30, -30]


def test_the_worked_sequence_of_the_touch_and_of_the_second_level() -> None:
    touch = OrderFlowImbalance(window_s=60).start(finer("0.1", "0.5"))
    second = LevelFlow(window_s=60, level=2, levels=2).start(finer("0.1", "0.5"))
    told = []
    for number, each in enumerate(SEQUENCE):
        at = START + number * SECOND_NS
        touch.saw_touch(each, at)
        bids = [(1000, 7 + number), (each.bid - 100, each.bid_quantity), (850, 1)]
        asks = [(1003, 7 - number), (each.ask + 100, each.ask_quantity), (1203, 1)]
        second.saw_book(book(bids, asks), at)
        told.append((touch.value(at), second.value(at)))

    assert [order_flow(*pair) for pair in pairwise(SEQUENCE)] == FLOWS
    assert told[0] == (None, None)
    assert told[1:] == [(sum(FLOWS[:n]) / 2, sum(FLOWS[:n]) / 2) for n in range(1, 6)]
    assert told[-1] == (15, 15), "30 lots of half a unit"


def test_all_levels_of_a_vector_are_read_off_one_machine() -> None:
    """Three levels at one price each: what comes and goes at one of them is the flow of that level alone."""
    vector = {f"flow_{level}": LevelFlow(window_s=60, level=level, levels=3) for level in (1, 2, 3)}
    watch, own = Watch({"core": vector}, finer("0.1", "0.5")), OwnSize(0)
    asks = [(12, 4), (13, 4), (14, 4)]

    for number, sizes in enumerate(((10, 20, 30), (16, 20, 30), (16, 12, 30), (16, 12, 32))):
        bids = list(zip((11, 10, 9), sizes, strict=True))
        watch.saw_book(book(bids, asks, START + number), own, START + number)

    assert len(watch.machines) == 1
    assert watch.values("core", START + 4) == {"flow_1": 3, "flow_2": -4, "flow_3": 1}, "lots of half a unit"


def test_a_level_that_is_missing_for_a_while_has_no_flow_across_and_is_not_known_meanwhile() -> None:
    second = LevelFlow(window_s=60, level=2, levels=2)
    machine = second.start(PLAIN)
    first = replace(second, level=1).read(machine)
    deep, thin = book([(9, 1), (8, 5)], [(11, 1), (12, 5)]), book([(9, 4)], [(11, 1)])
    told = []

    for number, each in enumerate((deep, thin, book([(9, 4), (8, 99)], [(11, 1), (12, 5)]))):
        machine.saw_book(each, START + number)
        told.append((first(START + number + 1), machine.value(START + number + 1)))

    assert told == [(0, 0), (3, None), (3, 0)]


def stylised_book(depth: int, events: int, seed: int) -> Iterator[Touch]:
    """A book in which so much stands on every level, and only the touch moves: by orders that come, or leave or trade.

    What is more than a level holds goes on at the next, as another change.
    """
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, 11, events).tolist()
    placed = {1: 100 * depth, -1: 100 * depth}  # what all levels up to the bid, and down to the ask, hold
    for size, side, is_added in zip(
        sizes, chance.choice([1, -1], events).tolist(), (chance.random(events) < 0.5).tolist(), strict=True
    ):
        left = size
        while left:
            room = -placed[side] % depth if is_added else (placed[side] - 1) % depth + 1
            part = min(left, room or depth)
            placed[side] += part if is_added else -part
            left -= part
            (bid, bid_quantity), (ask, ask_quantity) = (
                ((placed[each] - 1) // depth, (placed[each] - 1) % depth + 1) for each in (1, -1)
            )
            yield Touch(bid, bid_quantity, 1_000 - ask, ask_quantity)


def test_the_price_moves_by_half_the_flow_over_the_depth() -> None:
    depth, bars, events = 100, 100, 2_000
    machine: Signal = OrderFlowImbalance(window_s=bars * events).start(PLAIN)
    flows, moves = [], []
    flow_before, mid_before = 0.0, None
    for number, touch in enumerate(stylised_book(depth, bars * events, seed=3)):
        machine.saw_touch(touch, START + number * MS_NS)
        if number % events == 0:
            flow, mid = machine.value(START + number * MS_NS) or 0.0, (touch.bid + touch.ask) / 2
            if mid_before is not None:
                flows.append(flow - flow_before)
                moves.append(mid - mid_before)
            flow_before, mid_before = flow, mid
    x, y = np.array(flows) - np.mean(flows), np.array(moves) - np.mean(moves)

    beta = (x @ y) / (x @ x)

    assert 0.0048 < beta < 0.0052, "1 / (2 depth) is .005"
    assert 1 - ((y - beta * x) ** 2).sum() / (y @ y) > 0.95


TOUCHES = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(-2, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(changes=TOUCHES, later_ms=st.integers(0, 40_000))
def test_order_flow_is_what_the_changes_of_the_window_add_up_to(
    changes: list[tuple[int, int, int, int, int]], later_ms: int
) -> None:
    machine = OrderFlowImbalance(window_s=30).start(PLAIN)
    now, bid = START, 1_000
    seen: list[tuple[int, Touch]] = []
    for after_ms, move, spread, bids, asks in changes:
        now, bid = now + after_ms * MS_NS, bid + move
        seen.append((now, Touch(bid, bids, bid + spread, asks)))
        machine.saw_touch(seen[-1][1], now)
    now += later_ms * MS_NS

    found = machine.value(now)

    start = -(-now // (SECOND_NS // 2)) * (SECOND_NS // 2) - 30 * SECOND_NS
    flows = [order_flow(a, b) for (_, a), (at, b) in pairwise(seen) if at > start]
    assert found == (None if now == seen[0][0] else sum(flows))


TRADES = st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(Side), st.integers(1, 400)), min_size=1, max_size=60)


@settings(deadline=None)
@given(trades=TRADES, later_ms=st.integers(0, 40_000))
def test_the_trade_imbalance_is_that_of_the_takers_of_the_window(
    trades: list[tuple[int, Side, int]], later_ms: int
) -> None:
    machine = TradeImbalance(window_s=30).start(PLAIN)
    now, taken = START, []
    for after_ms, taker, quantity in trades:
        now += after_ms * MS_NS
        taken.append((now, taker.sign * quantity))
        machine.saw_trade(printed(now, 100, quantity, taker))
    now += later_ms * MS_NS

    found = machine.value(now)

    start = -(-now // (SECOND_NS // 2)) * (SECOND_NS // 2) - 30 * SECOND_NS
    inside = [signed for at, signed in taken if at > start]
    assert found == (sum(inside) / sum(map(abs, inside)) if inside else 0.0)


def test_without_trades_there_is_no_imbalance_once_a_whole_window_was_watched() -> None:
    machine = TradeImbalance(window_s=60).start(PLAIN)

    machine.saw_touch(SEQUENCE[0], START)

    assert machine.value(START + 30 * SECOND_NS) is None
    assert machine.value(START + 60 * SECOND_NS) == 0.0


def test_vpin_of_the_worked_buckets() -> None:
    machine = Vpin(bucket=Decimal(50), buckets=5).start(finer("1", "0.5"))

    for bought, sold in ((60, 40), (80, 20), (50, 50), (30, 70), (90, 10)):
        assert machine.value(START) is None
        machine.saw_trade(printed(START, 100, bought, Side.BUY))
        machine.saw_trade(printed(START, 100, sold, Side.SELL))

    assert machine.value(START) == pytest.approx(0.40)


def test_vpin_without_information_is_what_chance_makes_it() -> None:
    lots, chance = 100, np.random.default_rng(5)
    machine = Vpin(bucket=Decimal(lots), buckets=2_000).start(PLAIN)

    for is_buy in (chance.random(2_000 * lots) < 0.5).tolist():
        machine.saw_trade(printed(START, 100, 1, Side.BUY if is_buy else Side.SELL))

    assert machine.value(START) == pytest.approx(0.0798, abs=0.004)  # sqrt(2 / (pi * lots))


def test_vpin_is_the_share_of_takers_who_know_if_there_are_many() -> None:
    """The market of Easley, Kiefer, O'Hara & Paperman, J. Finance 51 (1996): on two days of five there is news, and
    those who know it all trade one way; in volume time that is PIN, their share of all takers."""
    news_share, informed, buyers, sellers = 0.4, 100, 80, 80
    pin = news_share * informed / (news_share * informed + buyers + sellers)
    lots, buckets, chance = 10_000, 26 * 2 * 40 + 16 * 3 * 40, np.random.default_rng(9)
    machine = Vpin(bucket=Decimal(lots), buckets=buckets).start(PLAIN)

    for day in range(200):  # of 16 buckets, or of 26 where there is news, good or bad
        is_news, is_good = day % 5 < 2, bool(chance.random() < 0.5)
        others = informed if is_news else 0
        buying = (buyers + others * is_good) / (buyers + sellers + others)
        for bought in chance.binomial(lots, buying, (buyers + sellers + others) // 10).tolist():
            machine.saw_trade(printed(START, 100, bought, Side.BUY))
            machine.saw_trade(printed(START, 100, lots - bought, Side.SELL))

    assert pin == pytest.approx(0.2)
    assert machine.value(START) == pytest.approx(pin, abs=0.006)


def test_sides_that_are_guessed_from_moves_of_the_price_tell_of_the_price_alone() -> None:
    """Why trades count by the side that the venue tells. Bulk classification takes it that of a bucket's volume the
    share Phi(move / sigma) was bought: whatever takers do, a price that moves by chance makes half of all toxic."""
    lots, buckets, chance = 100, 2_000, np.random.default_rng(5)
    told = Vpin(bucket=Decimal(lots), buckets=buckets).start(PLAIN)
    bulk = Vpin(bucket=Decimal(10_000), buckets=buckets).start(PLAIN)

    for move in chance.normal(0, 1, buckets).tolist():  # in standard deviations
        bought = round(10_000 * NormalDist().cdf(move))
        bulk.saw_trade(printed(START, 100, bought, Side.BUY))
        bulk.saw_trade(printed(START, 100, 10_000 - bought, Side.SELL))
        for is_buy in (chance.random(lots) < 0.5).tolist():
            told.saw_trade(printed(START, 100, 1, Side.BUY if is_buy else Side.SELL))

    assert NormalDist().cdf(0.5) == pytest.approx(0.691462, abs=5e-7)
    assert bulk.value(START) == pytest.approx(0.5, abs=0.02)
    assert told.value(START) == pytest.approx(0.0798, abs=0.004)


@settings(deadline=None)
@given(trades=TRADES, bucket=st.integers(1, 60))
def test_vpin_is_the_mean_lean_of_the_last_full_buckets_however_trades_fill_them(
    trades: list[tuple[int, Side, int]], bucket: int
) -> None:
    machine = Vpin(bucket=Decimal(bucket), buckets=4).start(PLAIN)
    lots: list[int] = []
    for _, taker, quantity in trades:
        machine.saw_trade(printed(START, 100, quantity, taker))
        lots += [taker.sign] * quantity

    leans = deque((abs(sum(lots[at - bucket : at])) for at in range(bucket, len(lots) + 1, bucket)), maxlen=4)

    assert machine.value(START) == (sum(leans) / (4 * bucket) if len(leans) == 4 else None)
