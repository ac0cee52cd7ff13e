"""Slots: never two orders that may be live in one, whatever the budget leaves unsent."""

from replenisher.core.budget import RateLimit
from replenisher.core.slots import RefillPolicy, Slot
from replenisher.model.order import Side
from tests.core.world import SECOND, buy, quoting, sell, want


def test_an_amend_that_cannot_be_paid_for_leaves_its_slot_to_the_order_that_moves_in() -> None:
    # Credits for two places and then for cancels only: no amend can be paid for.
    world = quoting([buy(0, 99_980), buy(1, 99_970)], rate_limit=RateLimit(per_s=0.001, burst=4.0))

    # The order of level 1 serves level 0 as it is; the one of level 0 is to be amended into level 1.
    want(world, [buy(0, 99_970), buy(1, 99_960)])

    assert sorted(order.level for order in world.live()) == [0, 1]
    assert world.order(Side.BUY, 0).price == 99_970
    assert world.order(Side.BUY, 1).price == 99_980


def test_the_slot_of_an_order_that_leaves_is_not_filled_before_the_venue_confirms() -> None:
    world = quoting([buy(0, 99_980), sell(0, 100_020)], amends_price=False)

    want(world, [buy(0, 99_960), sell(0, 100_020)])
    canceled, *_ = world.outgoing
    want(world, [buy(0, 99_950), sell(0, 100_020)])

    assert world.outgoing == [canceled]
    world.settle()
    assert world.order(Side.BUY).price == 99_950


def test_a_slot_remembers_as_many_refills_as_may_be_in_a_minute_and_none_where_any_number_may() -> None:
    limited, free = Slot(), Slot()

    for second in range(300):
        limited.refill(RefillPolicy(max_per_minute=2), second * SECOND)
        free.refill(RefillPolicy(), second * SECOND)

    assert limited.refills == [298 * SECOND, 299 * SECOND]
    assert free.refills == []


def test_one_refill_more_than_may_be_in_a_minute_waits_until_the_first_of_them_is_a_minute_old() -> None:
    policy = RefillPolicy(max_per_minute=2)
    slot = Slot()
    for second in (0, 10):
        slot.refill(policy, second * SECOND)

    slot.eat(policy, 20 * SECOND)
    assert slot.opens_at == 60 * SECOND

    slot.eat(policy, 65 * SECOND)
    assert slot.opens_at == 65 * SECOND
