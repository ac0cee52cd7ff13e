"""The rate budget: what it pays for, what waits, and that cancels always can be paid."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.budget import UNPAID, Budget, RateLimit
from replenisher.core.guards import Guards
from replenisher.model.command import PlaceOrder
from replenisher.model.event import CancelsSent, RateGranted
from replenisher.model.order import Side
from tests.core.world import ASK, BID, SECOND, VENUE, Wishes, World, buy, cancels, ladder, quoting, setup, want


def test_cancels_are_always_affordable() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=0.001, burst=8.0))
    shown = len(world.live())

    wishes = want(world, ())

    assert shown == 4, "of eight credits four are kept for cancels"
    assert cancels(wishes) == shown


def test_cancels_that_were_sent_without_a_session_are_paid_for_like_our_own() -> None:
    world = quoting((), rate_limit=RateLimit(per_s=1.0, burst=8.0))
    world.state.budgets[VENUE] = Budget(8.0, world.at)

    world.tell(CancelsSent(at=0, venue=VENUE, order_ids=tuple("abcdef")), at=world.at)
    wishes = want(world, ladder(2))

    placed = [wish for wish in wishes if isinstance(wish, PlaceOrder)]
    assert len(placed) == 1, "two credits are left, and one of them is kept for a cancel"


def test_a_life_after_another_spends_nothing_that_has_not_come_back_since() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=2.0, burst=15.0))
    after = world.reborn()

    at_once = after.open(epoch=2)
    later = [wish for _ in range(10) for wish in after.wait(SECOND) + after.settle()]

    assert not [wish for wish in at_once if isinstance(wish, PlaceOrder)]
    assert len([wish for wish in later if isinstance(wish, PlaceOrder)]) == 6


@pytest.mark.parametrize("has_canceled", [False, True])
def test_what_the_life_before_kept_for_cancels_is_only_left_if_it_has_not_canceled(has_canceled: bool) -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=0.001, burst=15.0))
    if has_canceled:
        assert cancels(want(world, ())) == 6
    after = world.reborn()

    sent = after.open(epoch=2)

    left = cancels(sent) + after.state.budgets[VENUE].credits
    assert left == pytest.approx(0 if has_canceled else 6, abs=0.01)


def test_what_the_budget_cannot_pay_is_sent_when_it_can() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=2.0, burst=15.0))
    want(world, ladder(3, centre=100_003))
    world.settle()
    moved = {quote for quote in world.shown() if quote in ladder(3, centre=100_003)}

    assert 0 < len(moved) < 6
    assert {quote.level for quote in moved} <= {0, 1}, "from the touch outwards"
    for _ in range(5):
        world.wait(SECOND)
        world.settle()
    assert world.shown() == set(ladder(3, centre=100_003))


def test_the_record_says_which_quotes_the_budget_could_not_pay_for() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=2.0, burst=15.0))
    moved = ladder(3, centre=100_003)

    sent = want(world, moved)

    decisions = [decision for step in world.steps for decision in step.decisions if decision.wanted == moved]
    unpaid = {(cut.side, cut.level, cut.price) for cut in decisions[0].cuts if cut.reason == UNPAID}
    asked = {(quote.side, quote.level, quote.price) for quote in moved if quote.price in {wish.price for wish in sent}}
    assert 0 < len(unpaid) < 6
    assert unpaid == {(quote.side, quote.level, quote.price) for quote in moved} - asked
    assert decisions[0].permitted == moved, "it is late, and no less is allowed"


@pytest.mark.parametrize(("closest_bps", "follows"), [(1.0, 1), (-5.0, 0)])
def test_an_order_that_may_not_stand_there_is_canceled_where_its_amend_cannot_be_paid(
    closest_bps: float, follows: int
) -> None:
    world = quoting(
        (buy(0, 99_980),), rate_limit=RateLimit(per_s=0.001, burst=8.0), guards=Guards(closest_bps=closest_bps)
    )
    world.state.budgets[VENUE] = Budget(1.0, world.at)  # for the cancel that is kept

    for price, quantity in ((BID, 0), (99_950, 50)):
        world.venue.set_others(Side.BUY, price, quantity, world.at)
    for price, quantity in ((ASK, 0), (99_990, 50)):
        world.venue.set_others(Side.SELL, price, quantity, world.at)
    told = want(world, (buy(0, 99_940),))

    assert (len(told), cancels(told)) == (follows, follows)
    assert world.state.withheld["core"] == UNPAID


def test_a_cancel_that_cannot_be_paid_follows_as_soon_as_it_can() -> None:
    world = quoting(ladder(2), rate_limit=RateLimit(per_s=1.0, burst=8.0))
    world.state.budgets[VENUE] = Budget(1.0, world.at)

    at_once = want(world, ())
    later = 0
    for _ in range(4):
        world.settle()
        later += cancels(world.wait(SECOND))

    assert cancels(at_once) == 1
    assert later == 3


def test_what_was_held_up_may_leave_with_what_follows_and_leaves_a_cancel_for_each_order() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=10.0, burst=24.0))
    world.wait(10 * SECOND)

    held = want(world, ladder(3, centre=100_003))
    world.at += SECOND  # a disk takes so long
    following = want(world, ladder(9, centre=100_003))

    assert (len(held), len(following)) == (6, 6)
    assert 24 - len(held) - len(following) >= len(world.live()), "the venue, which was full, hears of all at once"


def test_what_has_left_by_the_next_step_comes_back_from_there_on() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=10.0, burst=24.0))
    world.wait(10 * SECOND)
    want(world, ladder(3, centre=100_003))
    world.settle()

    world.wake(at=world.at + SECOND)

    assert world.state.budget(VENUE, world.at).credits == 24.0


def test_a_step_at_the_same_moment_does_not_say_that_anything_has_left() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=10.0, burst=24.0))
    world.wait(10 * SECOND)

    want(world, ladder(3, centre=100_003))
    world.wake(at=world.at)
    world.wake(at=world.at + 2 * SECOND)

    assert world.state.budget(VENUE, world.at).credits == 18.0


def test_cancels_that_were_sent_without_a_session_are_held_up_as_our_own_may_be() -> None:
    world = quoting((), rate_limit=RateLimit(per_s=10.0, burst=24.0))
    world.wait(10 * SECOND)

    world.tell(CancelsSent(at=0, venue=VENUE, order_ids=tuple("abcdef")))
    world.wake(at=world.at + 2 * SECOND)

    assert world.state.budget(VENUE, world.at).credits == 18.0


@given(st.lists(st.tuples(*[st.integers(0, 3 * SECOND)] * 2, *[st.integers(0, 5)] * 2), max_size=20))
def test_a_venue_never_has_less_for_us_than_we_believe(steps: list[tuple[int, int, int, int]]) -> None:
    limit = RateLimit(per_s=2.0, burst=5.0)
    ours, venues, at = Budget(limit.burst, 0), Budget(limit.burst, 0), 0

    for held_ns, pause_ns, asked, reserve in steps:
        paid = sum(ours.spend(reserve) for _ in range(asked))
        at += held_ns
        venues.refill(limit, at)
        venues.credits -= paid  # it hears of them now
        assert venues.credits > -1e-6
        at += pause_ns
        venues.refill(limit, at)
        ours.all_has_left(limit, at)
        assert venues.credits > ours.credits - 1e-6


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 5)), max_size=20))
def test_a_budget_pays_no_more_than_its_rate(asks: list[tuple[int, int]]) -> None:
    limit = RateLimit(per_s=2.0, burst=5.0)
    budget, at, spent = Budget(limit.burst, 0), 0, 0

    for pause_ns, reserve in asks:
        at += pause_ns
        budget.all_has_left(limit, at)
        if budget.spend(reserve):
            spent += 1
        else:
            at = budget.affords_at(limit, reserve)
            budget.all_has_left(limit, at)
            if reserve + 1 <= limit.burst:
                assert budget.spend(reserve)
                spent += 1

    assert spent <= limit.burst + at * limit.per_s / SECOND + 1e-6


def test_a_venue_that_grants_less_is_asked_less_and_never_more_than_is_configured() -> None:
    world = quoting((), rate_limit=RateLimit(per_s=0.5, burst=16.0))

    world.tell(RateGranted(at=0, venue=VENUE, per_s=0.25, burst=8.0))
    placed = [wish for wish in want(world, ladder(4)) if isinstance(wish, PlaceOrder)]
    world.settle()
    assert len(placed) == 4, "of eight credits four are kept for cancels"
    assert len([wish for wish in world.wait(9 * SECOND) if isinstance(wish, PlaceOrder)]) == 1, "a quarter a second"

    world.tell(RateGranted(at=0, venue=VENUE, per_s=100.0, burst=100.0))
    world.wait(100 * SECOND)
    assert world.state.rate_limit(VENUE) == RateLimit(per_s=0.5, burst=16.0)


def test_what_was_spent_before_is_missing_of_a_smaller_grant() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=0.001, burst=16.0))

    world.tell(RateGranted(at=0, venue=VENUE, per_s=0.001, burst=8.0))

    assert world.state.budgets[VENUE].credits == pytest.approx(2, abs=0.01), "six of the sixteen were spent"


def test_a_life_that_was_left_little_does_not_begin_in_debt_where_less_is_granted() -> None:
    world = quoting(ladder(3), rate_limit=RateLimit(per_s=2.0, burst=100.0))
    after = world.reborn()
    after.open(epoch=2)
    assert after.state.budgets[VENUE].credits < 10

    after.tell(RateGranted(at=0, venue=VENUE, per_s=2.0, burst=20.0))

    assert after.state.budgets[VENUE].credits == 0


def test_what_was_eaten_comes_back_before_anything_moves_though_it_takes_a_credit_more() -> None:
    world = quoting(ladder(2), rate_limit=RateLimit(per_s=2.0, burst=9.0))
    world.state.budgets[VENUE] = Budget(4.0, world.at)  # a cancel for each of three, and one more
    (eaten,) = [order for order in world.venue.resting() if order.price == 99_970]
    world.venue.fill(eaten, 10, world.at)

    for turn in range(8):  # the market never stands still, and each move asks for more than there is
        want(world, ladder(2, centre=100_003 + turn % 2))
        world.settle()
        world.wait(SECOND // 2)
        world.settle()

    assert len(world.shown()) == 4


def test_who_only_moves_orders_leaves_credits_to_who_shows_nothing_yet() -> None:
    restless, other = Wishes(ladder(4)), Wishes()
    world = World(
        replace(
            setup([("restless", restless), ("other", other)]),
            venues=(replace(setup([]).venues[0], rate_limit=RateLimit(per_s=2.0, burst=18.0)),),
        )
    )
    world.open()
    world.settle()
    other.quotes = ladder(2, centre=100_001)

    for turn in range(20):
        restless.quotes = ladder(4, centre=100_003 + turn % 2)
        world.wait(SECOND // 2)
        world.tell(world.venue.snapshot(world.at))
        world.settle()

    assert {order.strategy for order in world.live()} == {"restless", "other"}
    assert len(world.live()) == 12
    assert world.shown() >= set(ladder(2, centre=100_001))


def test_what_could_never_be_paid_holds_up_nobody() -> None:
    world = quoting(ladder(2), rate_limit=RateLimit(per_s=2.0, burst=5.0))
    for _ in range(4):
        world.wait(SECOND)
        world.settle()
    assert world.shown() == set(ladder(2))

    want(world, ladder(4, centre=100_003))  # five credits keep a cancel for four orders, and never for a fifth
    for _ in range(4):
        world.wait(SECOND)
        world.settle()

    assert {quote for quote in ladder(4, centre=100_003) if quote.level < 2} == world.shown()
