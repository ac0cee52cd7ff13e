"""The short way to the difference: wherever it is taken, it leads where the long one does."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.follow import follow
from replenisher.core.look import Look, QuotingPolicy
from replenisher.core.orders import Order, Pending
from replenisher.core.reconcile import Change, Keep, Show, Wish, reconcile
from replenisher.model.order import Request, Side
from replenisher.model.step import Quote
from tests.core.test_reconcile import NOW, POLICIES, order, quote
from tests.core.world import policy, sell


def followed(
    wanted: Sequence[Quote], orders: Sequence[Order], quoting: QuotingPolicy | None = None, closed: Sequence[Quote] = ()
) -> tuple[Sequence[Wish], bool] | None:
    return follow(wanted, orders, Look(quoting or policy(), True, NOW), lambda quote: quote not in closed)


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[Quote], list[Order]]:
    """Up to three quotes and orders a side, most of them in pairs; some orders have a request under way."""
    quotes, orders = [], []
    for side in Side:
        centre = 100_000 - 20 * side.sign
        for level in range(draw(st.integers(0, 3))):
            is_wanted, is_there = draw(st.sampled_from([(True, True), (True, True), (True, False), (False, True)]))
            if is_wanted:
                price = centre - side.sign * draw(st.integers(0, 6))
                quotes.append(Quote(side, level, price, draw(st.sampled_from([5, 10]))))
            if is_there:
                price, quantity = centre - side.sign * draw(st.integers(0, 6)), draw(st.sampled_from([5, 10]))
                filled = draw(st.sampled_from([0, 0, quantity // 2]))
                is_busy = draw(st.sampled_from([False, False, True]))
                pending = Pending(Request.AMEND, NOW + 1, price, quantity) if is_busy else None
                orders.append(order(level, price, quantity, filled, side, pending=pending))
    return quotes, draw(st.permutations(orders))


@settings(max_examples=500, deadline=None)
@given(two_sides(), POLICIES, st.booleans(), st.sets(st.tuples(st.sampled_from(Side), st.integers(0, 2)), max_size=3))
def test_it_leads_where_to_look_at_everything_leads(
    given_: tuple[list[Quote], list[Order]],
    quoting: QuotingPolicy,
    amends_price: bool,
    closed: set[tuple[Side, int]],
) -> None:
    quotes, orders = given_
    look = Look(quoting, amends_price, NOW)

    found = follow(quotes, orders, look, lambda quote: (quote.side, quote.level) not in closed)

    held = {(order.side, order.level) for order in orders}
    showable = [
        quote for quote in quotes if (quote.side, quote.level) in held or (quote.side, quote.level) not in closed
    ]
    everything = reconcile(showable, orders, look)
    if found is not None:
        wishes = [wish for wish in everything if not isinstance(wish, Keep) or wish.level != wish.order.level]
        assert found == (wishes, len(showable) == len(quotes))


def test_it_is_taken_by_a_ladder_that_moves_and_by_one_that_a_fill_has_opened() -> None:
    resting = [order(0, 100_000), order(1, 99_990), order(0, 100_020, side=Side.SELL)]
    up = [quote(0, 100_001), quote(1, 99_991), sell(0, 100_020), sell(1, 100_030)]

    wishes = [Change(resting[0], up[0], 10), Change(resting[1], up[1], 10), Show(up[3])]
    assert followed(up, resting) == (wishes, True)
    assert followed(up, resting, closed=[up[3]]) == (wishes[:2], False)


def test_it_is_taken_where_an_order_fits_the_quote_of_another_that_would_have_nowhere_to_stay() -> None:
    resting = [order(0, 100_000), order(1, 99_990), order(2, 99_980)]

    wanted = [quote(0, 100_020), quote(1, 99_998), quote(2, 99_988)]

    assert followed(wanted, resting, policy(tolerance_bps=0.9)) is not None


def test_it_is_not_taken_where_an_order_is_left_over_or_fits_another_slot() -> None:
    resting = [order(0, 100_000), order(1, 99_990)]

    assert followed([quote(0, 100_000)], resting) is None
    assert followed([quote(0, 100_010), quote(1, 100_000)], resting) is None
