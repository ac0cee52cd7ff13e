"""The dead-man switch: the venue and the exchange on virtual time, until nothing gets through any more."""

import pytest

from tests.stories.virtual_wire import ORDER, START, S, Wire


@pytest.mark.parametrize("dead_man_switch_s", [23, 30, 60, 600])
def test_the_venue_cancels_the_orders_of_whoever_is_silent_for_that_long(dead_man_switch_s: int) -> None:
    wire = Wire(dead_man_switch_s)
    wire.run_to(START + 2 * S)
    wire.venue.send([ORDER], wire.at)
    wire.carry()
    wire.run_to(START + 300 * S)
    assert len(wire.exchange.views.open_orders("main")) == 1
    assert wire.closed == []

    wire.is_cut = True
    wire.run_to(wire.last_sign_of_life + (dead_man_switch_s // 2 - 3) * S)  # a shorter trouble costs no order
    assert len(wire.exchange.views.open_orders("main")) == 1
    wire.run_to(wire.last_sign_of_life + dead_man_switch_s * S)

    assert wire.exchange.views.open_orders("main") == []
    (order,) = wire.exchange.views.orders_by_label("main", ORDER.order_id)
    assert order.cancel_reason == "cancel_on_disconnect"
