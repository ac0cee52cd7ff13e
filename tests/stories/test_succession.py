"""Connections that grow old: the venue and the exchange on virtual time, over many changes of guard."""

from msgspec.structs import replace

from replenisher.model.event import CoverLost, FeedLost, OrderCanceled, SessionLost, SessionOpened
from tests.stories.virtual_wire import ORDER, START, S, Wire


def test_an_order_outlives_the_connection_that_it_was_placed_on() -> None:
    wire = Wire(age_ns_max=60 * S)
    wire.run_to(START + 2 * S)
    wire.venue.send([ORDER], wire.at)
    wire.carry()

    wire.run_to(START + 600 * S)

    assert [order.label for order in wire.exchange.views.open_orders("main")] == [ORDER.order_id]
    assert sum(isinstance(fact, CoverLost) for fact in wire.facts) >= 9
    assert sum(isinstance(fact, SessionOpened) for fact in wire.facts) == 1
    assert not any(isinstance(fact, SessionLost | FeedLost | OrderCanceled) for fact in wire.facts)


def test_only_what_is_placed_on_the_new_connection_is_covered_by_the_dead_man_switch() -> None:
    wire = Wire(dead_man_switch_s=23, age_ns_max=60 * S)
    wire.run_to(START + 2 * S)
    wire.venue.send([ORDER], wire.at)
    wire.carry()
    wire.run_to(START + 70 * S)
    assert any(isinstance(fact, CoverLost) for fact in wire.facts)
    wire.venue.send([replace(ORDER, order_id="abc000000000002", valid_until=wire.at + S)], wire.at)
    wire.carry()
    assert len(wire.exchange.views.open_orders("main")) == 2

    wire.is_cut = True
    wire.run_to(wire.at + 23 * S)

    assert [order.label for order in wire.exchange.views.open_orders("main")] == [ORDER.order_id]
