"""The book trades by price, then by time, and loses nothing."""

import sys
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.exchange.matching import Book, Match
from replenisher.model.order import Side

BUY, SELL = Side.BUY, Side.SELL


def book_of(*orders: tuple[str, Side, int, int]) -> Book:
    book = Book()
    for order_id, side, price, quantity in orders:
        assert book.place(order_id, side, price, quantity, rests=True) == []
    book.changes()
    return book


def levels(book: Book, side: Side) -> dict[int, int]:
    return {level.price: level.quantity for level in book.depth() if level.side is side}


def test_the_best_price_trades_first_and_at_one_price_the_oldest() -> None:
    book = book_of(("old", SELL, 101, 5), ("young", SELL, 101, 5), ("better", SELL, 100, 2))

    matches = book.place("taker", BUY, 101, 8, rests=True)

    assert matches == [
        Match("better", "taker", BUY, 100, 2),
        Match("old", "taker", BUY, 101, 5),
        Match("young", "taker", BUY, 101, 1),
    ]
    assert levels(book, SELL) == {101: 4}
    assert levels(book, BUY) == {}


def test_a_limit_order_takes_up_to_its_price_and_the_rest_of_it_waits_there() -> None:
    book = book_of(("ask", SELL, 100, 3), ("far", SELL, 102, 3))

    matches = book.place("taker", BUY, 101, 10, rests=True)

    assert [(match.maker, match.price, match.quantity) for match in matches] == [("ask", 100, 3)]
    assert levels(book, BUY) == {101: 7}
    assert levels(book, SELL) == {102: 3}


def test_an_immediate_order_leaves_nothing_behind() -> None:
    book = book_of(("ask", SELL, 100, 3))

    matches = book.place("taker", BUY, 100, 10, rests=False)

    assert sum(match.quantity for match in matches) == 3
    assert len(book) == 0


def test_a_market_order_eats_through_every_price_and_stops_when_there_is_nothing_left() -> None:
    book = book_of(("near", BUY, 99, 2), ("far", BUY, 50, 2))

    matches = book.place("taker", SELL, None, 10, rests=False)

    assert [match.price for match in matches] == [99, 50]
    assert book.best(BUY) is None


def test_a_smaller_order_keeps_its_place_in_the_queue() -> None:
    book = book_of(("first", BUY, 99, 5), ("second", BUY, 99, 5))

    book.amend("first", 99, 3)

    assert book.place("taker", SELL, 99, 4, rests=False) == [
        Match("first", "taker", SELL, 99, 3),
        Match("second", "taker", SELL, 99, 1),
    ]


def test_a_larger_order_goes_to_the_back_of_the_queue() -> None:
    book = book_of(("first", BUY, 99, 5), ("second", BUY, 99, 5))

    book.amend("first", 99, 6)

    assert [match.maker for match in book.place("taker", SELL, 99, 6, rests=False)] == ["second", "first"]


def test_an_order_that_leaves_its_price_and_comes_back_has_lost_its_place() -> None:
    book = book_of(("first", BUY, 99, 5), ("second", BUY, 99, 5))

    book.amend("first", 98, 5)
    book.amend("first", 99, 5)

    assert [match.maker for match in book.place("taker", SELL, 99, 6, rests=False)] == ["second", "first"]


def test_an_amend_across_the_spread_takes() -> None:
    book = book_of(("bid", BUY, 99, 5), ("ask", SELL, 101, 2))

    matches = book.amend("bid", 101, 5)

    assert matches == [Match("ask", "bid", BUY, 101, 2)]
    assert levels(book, BUY) == {101: 3}


def test_a_change_names_each_touched_level_once_with_what_it_has_now() -> None:
    book = book_of(("one", SELL, 100, 3), ("two", SELL, 100, 3), ("three", SELL, 101, 3))

    book.place("taker", BUY, 101, 7, rests=True)

    bids, asks = book.changes()
    assert (bids, dict(asks)) == ((), {100: 0, 101: 2})
    assert book.changes() == ((), ())


def test_a_cancel_from_the_middle_of_a_long_queue_runs_no_more_lines_than_from_a_short_one() -> None:
    def lines_run(resting: int) -> int:
        book = book_of(*((str(number), BUY, 1_000 + number % 10, 1) for number in range(resting)))
        counted = 0

        def count(frame: FrameType, event: str, _: object) -> Any:
            nonlocal counted
            counted += event == "line"
            return count

        sys.settrace(count)
        try:
            for number in range(100):
                book.place(f"new-{number}", BUY, 1_009, 1, rests=True)
                book.place(f"taker-{number}", SELL, None, 1, rests=False)
                book.cancel(str(10 * number))
        finally:
            sys.settrace(None)
        return counted

    assert lines_run(20_000) == pytest.approx(lines_run(2_000), rel=0.1)


@dataclass
class Slow:
    """The same rules, written so that they can be seen to be right: one list, searched and sorted every time."""

    resting: list[list] = field(default_factory=list)  # [order id, side, price, quantity], oldest first

    def place(self, order_id: str, side: Side, price: int | None, quantity: int, rests: bool) -> list[Match]:
        matches = []
        others = sorted(
            (order for order in self.resting if order[1] is not side), key=lambda order: side.sign * order[2]
        )
        for order in others:
            if quantity and (price is None or side.sign * (price - order[2]) >= 0):
                traded = min(quantity, order[3])
                matches.append(Match(order[0], order_id, side, order[2], traded))
                quantity -= traded
                order[3] -= traded
        self.resting = [order for order in self.resting if order[3]]
        if rests and quantity:
            self.resting.append([order_id, side, price, quantity])
        return matches

    def amend(self, order_id: str, price: int, quantity: int) -> list[Match]:
        order = next(order for order in self.resting if order[0] == order_id)
        if price == order[2] and quantity <= order[3]:
            order[3] = quantity
            return []
        self.resting.remove(order)
        return self.place(order_id, order[1], price, quantity, rests=True)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "limit", "limit", "immediate", "market", "cancel", "amend"]),
        st.sampled_from([BUY, SELL]),
        st.integers(95, 105),
        st.integers(1, 9),
        st.integers(0, 30),
    ),
    max_size=60,
)


@given(ACTS)
@settings(max_examples=200, deadline=None)
def test_whatever_is_done_to_it_the_book_trades_as_the_slow_one_does(acts: list[tuple]) -> None:
    book, slow = Book(), Slow()
    placed = traded = canceled = 0

    for number, (act, side, price, quantity, which) in enumerate(acts):
        name = f"o{number}"
        if act in ("cancel", "amend"):
            if not slow.resting:
                continue
            target = slow.resting[which % len(slow.resting)]
            if act == "cancel":
                slow.resting.remove(target)
                canceled += book.cancel(target[0])
                continue
            placed += quantity - target[3]
            matches = book.amend(target[0], price, quantity)
            assert matches == slow.amend(target[0], price, quantity)
        else:
            placed += quantity
            limit, rests = (None if act == "market" else price), act == "limit"
            matches = book.place(name, side, limit, quantity, rests=rests)
            assert matches == slow.place(name, side, limit, quantity, rests)
            if not rests:
                canceled += quantity - sum(match.quantity for match in matches)
        traded += sum(match.quantity for match in matches)
        bid, ask = book.best(BUY), book.best(SELL)

        assert bid is None or ask is None or bid < ask
        assert bid == max((order[2] for order in slow.resting if order[1] is BUY), default=None)
        assert ask == min((order[2] for order in slow.resting if order[1] is SELL), default=None)

    resting = sum(level.quantity for level in book.depth())
    assert resting == sum(order[3] for order in slow.resting)
    assert placed == resting + canceled + 2 * traded
