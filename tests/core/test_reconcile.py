"""The difference: as few commands as possible, and never two orders in a slot."""

from collections.abc import Sequence
from itertools import combinations, permutations

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from replenisher.core.look import Amend, Look, QuotingPolicy
from replenisher.core.orders import Order, Pending
from replenisher.core.reconcile import Change, Keep, Show, Wish, Withdraw, reconcile
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.model.command import Intent
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Quote
from tests.core.world import KEY, LINEAR, SECOND, T0, policy

NOW = T0 + 100 * SECOND


def order(level: int, price: int, quantity: int = 10, filled: int = 0, side: Side = Side.BUY, **other: object) -> Order:
    fields: dict[str, object] = {
        "order_id": f"tst0000010000{side.sign + 1}{level}",
        "instrument": KEY,
        "instrument_version": 1,
        "strategy": "core",
        "side": side,
        "level": level,
        "intent": Intent.QUOTE,
        "price": price,
        "quantity": quantity,
        "created_at": T0,
        "updated_at": T0,
        "status": Status.WORKING,
        "filled": LINEAR.amount(filled),
        "filled_lots": filled,
    }
    return Order(**(fields | other))


def wishes(
    wanted: Sequence[Quote], orders: Sequence[Order], quoting: QuotingPolicy | None = None, amends_price: bool = True
) -> list[Wish]:
    return reconcile(wanted, orders, Look(quoting or policy(), amends_price, NOW))


def quote(level: int, price: int, quantity: int = 10) -> Quote:
    return Quote(Side.BUY, level, price, quantity)


# --- Stories -------------------------------------------------------------------------------------------------------


def test_an_order_within_tolerance_keeps_its_place_in_the_queue() -> None:
    near, far = order(0, 100_000), order(1, 99_900)

    found = wishes([quote(0, 100_010), quote(1, 99_905)], [near, far], policy(tolerance_bps=1.0))

    assert found == [Keep(near, 0), Keep(far, 1)]


def test_an_order_further_in_than_any_may_stand_is_not_left_alone_however_close_it_is() -> None:
    bid, ask = order(0, 99_991), order(0, 100_009, side=Side.SELL)
    wanted = [quote(0, 99_990), Quote(Side.SELL, 0, 100_010, 10)]
    tolerant = Look(policy(tolerance_bps=1.0), True, NOW, innermost=(99_990, 100_010))

    assert reconcile(wanted, [bid, ask], tolerant) == [Change(bid, wanted[0], 10), Change(ask, wanted[1], 10)]
    assert reconcile([quote(0, 99_989)], [order(0, 99_990)], tolerant) == [Keep(order(0, 99_990), 0)]


def test_an_order_may_serve_another_level_without_a_command() -> None:
    first, second = order(0, 100_000), order(1, 99_990)

    found = wishes([quote(0, 99_990), quote(1, 99_980)], [first, second])

    assert Keep(second, 0) in found
    assert Change(first, quote(1, 99_980), 10) in found


def test_an_order_takes_over_only_what_its_slot_allows_while_its_request_is_open() -> None:
    waiting = order(0, 100_000, pending=Pending(Request.CANCEL, NOW + SECOND, 100_000, 10))
    unknown = order(1, 99_990, status=Status.UNKNOWN)

    assert wishes([quote(0, 100_000), quote(1, 99_990)], [waiting, unknown]) == []


def test_an_order_in_doubt_is_canceled_where_it_is_not_what_its_slot_should_show() -> None:
    unknown = order(0, 99_990, status=Status.UNKNOWN)
    overdue = order(1, 99_980, pending=Pending(Request.AMEND, NOW, 99_970, 10, is_overdue=True))
    waiting = order(2, 99_960, pending=Pending(Request.AMEND, NOW, 99_950, 10))

    assert wishes([quote(0, 99_990), quote(1, 99_970)], [unknown, overdue, waiting]) == []
    assert wishes([quote(0, 99_980), quote(1, 99_990)], [unknown, overdue, waiting]) == [
        Withdraw(unknown, 0),
        Withdraw(overdue, 1),
    ]
    assert wishes([], [unknown, overdue, waiting]) == [Withdraw(unknown, 0), Withdraw(overdue, 1)]


def test_where_a_price_cannot_be_amended_the_order_is_canceled_and_its_slot_waits() -> None:
    resting = order(0, 100_000)

    found = wishes([quote(0, 100_010)], [resting], amends_price=False)

    assert found == [Withdraw(resting, 0)]


def test_where_nothing_may_be_amended_a_smaller_size_is_a_cancel_too() -> None:
    resting = order(0, 100_000)

    assert wishes([quote(0, 100_000, 5)], [resting], policy(amend=Amend.NEVER)) == [Withdraw(resting, 0)]
    assert wishes([quote(0, 100_000, 5)], [resting], policy(amend=Amend.SIZE_DOWN_ONLY)) == [
        Change(resting, quote(0, 100_000, 5), 5)
    ]
    assert wishes([quote(0, 100_000, 20)], [resting], policy(amend=Amend.SIZE_DOWN_ONLY)) == [Withdraw(resting, 0)]


def test_an_amend_names_the_total_with_what_is_filled() -> None:
    eaten = order(0, 100_000, 10, filled=4)

    assert wishes([quote(0, 100_020)], [eaten]) == [Change(eaten, quote(0, 100_020), 14)]


def test_a_partly_filled_order_waits_or_is_topped_up() -> None:
    a_bit, most = order(0, 100_000, 10, filled=4), order(0, 100_000, 10, filled=6)
    top_up = policy(RefillPolicy(partial_fill=PartialFill.TOP_UP, min_fraction=0.5))

    assert wishes([quote(0, 100_000)], [most]) == [Keep(most, 0)]
    assert wishes([quote(0, 100_000)], [a_bit], top_up) == [Keep(a_bit, 0)]
    assert wishes([quote(0, 100_000)], [most], top_up) == [Change(most, quote(0, 100_000), 16)]


def test_an_order_that_is_too_old_is_replaced_not_amended() -> None:
    old = order(0, 100_000)

    assert wishes([quote(0, 100_000)], [old], policy(max_order_age_ns=100 * SECOND)) == [Withdraw(old, 0)]
    assert wishes([quote(0, 100_000)], [old], policy(max_order_age_ns=100 * SECOND + 1)) == [Keep(old, 0)]


def test_an_order_that_the_dead_man_switch_no_longer_covers_is_replaced_when_it_must_move_and_not_before() -> None:
    uncovered = order(0, 100_000, is_covered=False)

    assert wishes([quote(0, 100_000)], [uncovered]) == [Keep(uncovered, 0)]
    assert wishes([quote(0, 100_500)], [uncovered]) == [Withdraw(uncovered, 0)]
    assert wishes([quote(0, 100_000, 5)], [uncovered]) == [Withdraw(uncovered, 0)]


def test_an_order_whose_amend_was_just_refused_is_not_amended_again_at_once() -> None:
    refused = order(0, 100_000, amend_after=NOW + 1)

    assert wishes([quote(0, 100_010)], [refused]) == [Withdraw(refused, 0)]


def test_what_is_wanted_no_more_is_canceled_and_what_is_missing_is_placed() -> None:
    bid, offer = order(0, 100_000), order(0, 100_100, side=Side.SELL)

    assert wishes([], [bid, offer]) == [Withdraw(bid, 0), Withdraw(offer, 0)]
    assert wishes([quote(1, 99_000), quote(0, 100_000)], []) == [Show(quote(0, 100_000)), Show(quote(1, 99_000))]


def test_a_canceled_order_whose_level_is_taken_waits_in_one_that_was_given_up() -> None:
    first, second = order(0, 100_000), order(1, 99_990)

    found = wishes([quote(0, 99_990)], [first, second])

    assert found == [Withdraw(first, 1), Keep(second, 0)]


def test_among_equals_orders_stay_in_their_own_slots() -> None:
    unwanted, staying = order(0, 100_000), order(1, 99_990)

    found = wishes([quote(1, 99_000), quote(2, 98_000)], [unwanted, staying])

    assert found == [Change(staying, quote(1, 99_000), 10), Change(unwanted, quote(2, 98_000), 10)]


# --- Properties ----------------------------------------------------------------------------------------------------

PRICES = st.integers(100_000, 100_006)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[list[Quote], list[Order]]:
    """Up to four quotes and orders on one side; the orders may be partly filled, old or lately refused."""
    levels = st.lists(st.integers(0, 3), unique=True, max_size=4)
    quotes = [quote(level, draw(PRICES), draw(st.sampled_from([5, 10]))) for level in sorted(draw(levels))]
    orders = []
    for level in draw(levels):
        quantity = draw(st.sampled_from([5, 10, 20]))
        orders.append(
            order(
                level,
                draw(PRICES),
                quantity,
                filled=draw(st.sampled_from([0, 0, quantity // 2])),
                created_at=draw(st.sampled_from([T0, NOW])),
                amend_after=draw(st.sampled_from([0, NOW + 1])),
            )
        )
    return quotes, orders


POLICIES = st.builds(
    policy,
    st.builds(RefillPolicy, partial_fill=st.sampled_from(PartialFill)),
    tolerance_bps=st.sampled_from([0.0, 0.15, 0.25]),
    max_order_age_ns=st.sampled_from([None, 100 * SECOND]),
    amend=st.sampled_from(Amend),
)


def fewest_commands(
    quotes: Sequence[Quote], orders: Sequence[Order], quoting: QuotingPolicy, amends_price: bool
) -> int:
    """The cheapest of all matchings: a kept pair is free, an amend, a cancel and a place cost one each."""

    def cost(resting: Order, wanted: Quote) -> int | None:
        if Look(quoting, amends_price, NOW).serves(resting, wanted):
            return 0
        is_too_old = quoting.max_order_age_ns is not None and NOW - resting.created_at >= quoting.max_order_age_ns
        if quoting.amend is Amend.NEVER or is_too_old or resting.amend_after > NOW:
            return None
        if quoting.amend is Amend.AUTO and amends_price:
            return 1
        return 1 if resting.price == wanted.price and wanted.quantity <= resting.remaining else None

    best = len(quotes) + len(orders)
    for size in range(1, min(len(quotes), len(orders)) + 1):
        for chosen in combinations(orders, size):
            for served in permutations(quotes, size):
                costs = [cost(resting, wanted) for resting, wanted in zip(chosen, served, strict=True)]
                if None not in costs:
                    total = sum(filter(None, costs)) + len(quotes) + len(orders) - 2 * size
                    best = min(best, total)
    return best


def commands_of(found: Sequence[Wish], quotes: Sequence[Quote]) -> int:
    """What the wishes cost by the time everything wanted is shown: a slot that waits for a cancel is placed later."""
    served = sum(1 for wish in found if isinstance(wish, Keep | Change))
    return sum(1 for wish in found if isinstance(wish, Change | Withdraw)) + len(quotes) - served


@settings(max_examples=600, deadline=None)
@given(ladders(), POLICIES, st.booleans())
def test_no_matching_needs_fewer_commands(
    given_: tuple[list[Quote], list[Order]], quoting: QuotingPolicy, amends_price: bool
) -> None:
    quotes, orders = given_

    found = reconcile(quotes, orders, Look(quoting, amends_price, NOW))

    assert commands_of(found, quotes) == fewest_commands(quotes, orders, quoting, amends_price)


@settings(max_examples=300, deadline=None)
@given(ladders(), POLICIES, st.booleans(), st.data())
def test_every_order_has_one_wish_and_every_slot_one_order(
    given_: tuple[list[Quote], list[Order]], quoting: QuotingPolicy, amends_price: bool, data: st.DataObject
) -> None:
    quotes, orders = given_
    for resting in orders:
        if data.draw(st.booleans()):
            resting.pending = Pending(Request.CANCEL, NOW + 1, resting.price, resting.quantity)

    found = reconcile(quotes, orders, Look(quoting, amends_price, NOW))

    handled = [wish.order.order_id for wish in found if not isinstance(wish, Show)]
    free = [resting.order_id for resting in orders if resting.pending is None]
    assert sorted(handled) == sorted(free)
    slots = [wish.quote.level if isinstance(wish, Show) else wish.level for wish in found]
    slots += [resting.level for resting in orders if resting.pending is not None]
    assert len(slots) == len(set(slots))


@settings(max_examples=200, deadline=None)
@given(ladders(), POLICIES)
def test_once_everything_is_confirmed_nothing_is_left_to_do(
    given_: tuple[list[Quote], list[Order]], quoting: QuotingPolicy
) -> None:
    quotes, orders = given_
    assume(quoting.max_order_age_ns is None)

    for _ in range(3):
        found = reconcile(quotes, orders, Look(quoting, True, NOW + 2))
        orders = _confirmed(found)

    assert all(isinstance(wish, Keep) for wish in found)
    assert len(found) == len(quotes)


@example(99_990, 3)
@given(st.integers(99_000, 101_000), st.integers(1, 4))
def test_a_ladder_that_is_shown_as_wanted_needs_nothing(centre: int, levels: int) -> None:
    quotes = [quote(level, centre - level) for level in range(levels)]

    found = wishes(quotes, [order(level, centre - level) for level in range(levels)])

    assert [wish.level for wish in found if isinstance(wish, Keep)] == list(range(levels))
    assert len(found) == levels


def _confirmed(found: Sequence[Wish]) -> list[Order]:
    orders = []
    for wish in found:
        match wish:
            case Keep(order=resting, level=level):
                resting.level = level
                orders.append(resting)
            case Change(order=resting, quote=wanted, quantity=quantity):
                resting.level, resting.price, resting.quantity = wanted.level, wanted.price, quantity
                orders.append(resting)
            case Show(quote=wanted):
                orders.append(order(wanted.level, wanted.price, wanted.quantity, created_at=NOW))
            case Withdraw():
                pass
    return orders
