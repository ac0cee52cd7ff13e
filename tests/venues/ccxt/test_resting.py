"""What rests, asked of all that we trade where an exchange tells that at once, and of one instrument elsewhere."""

from replenisher.core.topic import Topic
from replenisher.model.command import AskOpenOrders
from replenisher.model.event import OpenOrdersReported, QuestionFailed
from replenisher.venues.ccxt.exchanges import USUAL, Traits
from tests.venues.ccxt.given import KEY, MARKET, NAME, Desk, exchange, order

ALL = "x"
OTHER = MARKET | {"id": "ETHUSDC", "symbol": "ETH/USDC", "base": "ETH", "quote": "USDC"}
OF_ALL = Traits(tells_all_open=True)
BY_CURRENCY = Traits(tells_all_open=True, currency_param="currency")


def asked(traits: Traits, scope: str = ALL) -> Desk:
    """A desk on two markets that has just asked what rests."""
    desk = Desk(exchange(traits=traits), others=[OTHER]).up()
    desk.venue.send([AskOpenOrders(scope=scope, deadline=0)], desk.at)
    return desk


def test_an_exchange_that_tells_all_is_asked_once_and_what_is_not_ours_to_trade_is_left_out() -> None:
    desk = asked(OF_ALL)
    call = desk.call("fetch_open_orders")
    resting = [order("v1"), order("v2", "by hand", symbol="ETH/USDC"), order("v3", symbol="SOL/USDT")]
    desk.venue.answered(call.number, resting, desk.at)

    told = desk.one(OpenOrdersReported)
    assert call.arguments == (None, None, None, {})
    assert told.scope == ALL
    assert [(each.instrument, each.order_id) for each in told.orders] == [(KEY, NAME), ("x/ETH/USDC", "by hand")]


def test_where_a_currency_has_to_be_named_the_answer_is_whole_with_the_last_one() -> None:
    desk = asked(BY_CURRENCY)
    first = desk.call("fetch_open_orders")
    desk.venue.answered(first.number, [order("v2", symbol="ETH/USDC")], desk.at)
    before = desk.heard()
    second = desk.call("fetch_open_orders")
    desk.venue.answered(second.number, [order("v1")], desk.at)

    assert [call.arguments[-1] for call in (first, second)] == [{"currency": "USDC"}, {"currency": "USDT"}]
    assert before == []
    assert [each.venue_order_id for each in desk.one(OpenOrdersReported).orders] == ["v2", "v1"]


def test_a_part_that_fails_fails_the_question() -> None:
    desk = asked(BY_CURRENCY)
    desk.answer("fetch_open_orders", [order("v2", symbol="ETH/USDC")])
    desk.fail("fetch_open_orders", "RequestTimeout")

    failed = desk.one(QuestionFailed)
    assert (failed.question, failed.subject) == ("AskOpenOrders", ALL)
    assert desk.calls().count("fetch_open_orders") == 0


def test_elsewhere_each_instrument_is_asked_for() -> None:
    desk = asked(USUAL, scope=KEY)

    assert desk.call("fetch_open_orders").arguments == ("BTC/USDT",)


def test_what_is_asked_from_time_to_time_is_one_question_as_well() -> None:
    counts = {}
    for traits in (OF_ALL, USUAL):
        desk = Desk(exchange(traits=traits), others=[OTHER]).up()
        desk.later(0)
        counts[Topic.OPEN_ORDERS in traits.tells_at_once] = desk.calls().count("fetch_open_orders")

    assert counts == {True: 1, False: 2}
