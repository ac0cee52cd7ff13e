"""A partition in one direction: the exchange still speaks to us, and hears nothing of what we say."""

from msgspec.structs import replace

from replenisher.model.event import BookSnapshot, FeedLost, OrderCanceled, SessionLost
from replenisher.venues.deribit.venue import TRADING
from tests.stories.virtual_wire import ORDER, START, S, Wire


def test_an_order_leaves_the_book_by_another_way_within_seconds() -> None:
    wire = Wire()
    wire.run_to(START + 2 * S)
    wire.venue.send([ORDER], wire.at)
    wire.carry()
    wire.run_to(START + 10 * S)
    assert len(wire.exchange.views.open_orders("main")) == 1

    wire.unheard.add(TRADING)
    cut_at = wire.at
    wire.venue.send([replace(ORDER, order_id="abc000000000002")], wire.at)  # nobody hears this
    wire.carry()
    wire.run_to(cut_at + 5 * S)

    (lost,) = [fact for fact in wire.facts if isinstance(fact, SessionLost)]
    assert lost.at - cut_at <= 5 * S
    assert wire.exchange.views.open_orders("main") == []
    assert [fact.order_id for fact in wire.facts if isinstance(fact, OrderCanceled)] == [ORDER.order_id]
    (order,) = wire.exchange.views.orders_by_label("main", ORDER.order_id)
    assert order.cancel_reason == "user_request", "its own end, and not that of the connection"
    assert sum(isinstance(fact, BookSnapshot) for fact in wire.facts) == 1
    assert not any(isinstance(fact, FeedLost) for fact in wire.facts), "the market is heard all the time"
