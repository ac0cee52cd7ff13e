"""Slots: never two orders that may be live in one, whatever the budget leaves unsent."""

from replenisher.core.budget import RateLimit
from replenisher.core.slots import Slot
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


def test_a_slot_remembers_the_refills_of_one_minute_and_no_more() -> None:
    slot = Slot()

    for second in range(300):
        slot.fill_with_order(second * SECOND, is_refill=True)

    assert slot.refills == [second * SECOND for second in range(240, 300)]
