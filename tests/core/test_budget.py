"""The rate budget: what it pays for, what waits, and that cancels always can be paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.budget import UNPAID, Budget, RateLimit
from replenisher.model.command import PlaceOrder
from replenisher.model.event import CancelsSent
from tests.core.world import SECOND, VENUE, cancels, ladder, quoting, want


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


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 5)), max_size=20))
def test_a_budget_pays_no_more_than_its_rate(asks: list[tuple[int, int]]) -> None:
    limit = RateLimit(per_s=2.0, burst=5.0)
    budget, at, spent = Budget(limit.burst, 0), 0, 0

    for pause_ns, reserve in asks:
        at += pause_ns
        budget.refill(limit, at)
        if budget.spend(reserve):
            spent += 1
        else:
            at = budget.affords_at(limit, reserve)
            budget.refill(limit, at)
            if reserve + 1 <= limit.burst:
                assert budget.spend(reserve)
                spent += 1

    assert spent <= limit.burst + at * limit.per_s / SECOND + 1e-6
