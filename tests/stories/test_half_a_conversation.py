"""Half of a conversation: the exchange hears nothing of what we say, or one of its channels says nothing any more."""

from msgspec.structs import replace

from replenisher.model.event import BookSnapshot, FeedLost, OrderCanceled, SessionLost, SessionOpened
from replenisher.venues.deribit.venue import MARKET, TRADING
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


def test_a_session_whose_own_channels_are_dead_is_opened_anew() -> None:
    wire = Wire()
    wire.run_to(START + 2 * S)
    wire.silenced = ("user.changes.",)
    wire.venue.send([ORDER], wire.at)
    wire.carry()

    wire.run_to(START + 10 * S)

    assert wire.closed == [(TRADING, "what was answered is not told on user.changes.BTC-PERPETUAL.raw")]
    sessions = [type(fact) for fact in wire.facts if isinstance(fact, SessionOpened | SessionLost)]
    assert sessions == [SessionOpened, SessionLost, SessionOpened]
    assert wire.exchange.views.open_orders("main") == []


def test_a_book_whose_channel_is_dead_is_not_quoted_on() -> None:
    wire = Wire()
    wire.run_to(START + 2 * S)
    wire.silenced = ("book.",)
    wire.venue.send([ORDER], wire.at)  # which changes the book
    wire.carry()

    wire.run_to(START + 10 * S)

    lost = [fact for fact in wire.facts if isinstance(fact, FeedLost)]
    assert lost[0].reason.startswith("the venue's own book is ahead of change ")
    assert lost[0].at <= START + 10 * S
    assert (MARKET, "does not answer") not in wire.closed
