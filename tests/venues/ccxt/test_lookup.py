"""An order that rests no more: "the venue never had it" is told only after a look at all that are over."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from replenisher.model.command import AskOrder
from replenisher.model.event import Event, OrderNotFound, OrderReported, QuestionFailed
from replenisher.model.instrument import Kind
from replenisher.model.order import Status
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS
from tests.venues.ccxt.given import KEY, MS, NAME, T0, Desk, S, order
from tests.venues.ccxt.test_orders import desk_with

Pages = Callable[[dict[str, Any]], list[Any]]
OVER = [  # a market maker's: one every second, the newest last
    order(f"v{second}", f"abc1{second:011}", "canceled", timestamp=(T0 + second * S) // MS) for second in range(200)
]
OURS = order("ours", NAME, "closed", filled=0.01, timestamp=T0 // MS)


def by_time(orders: list[Any], limit: int) -> Pages:
    """The newest until a time, as most exchanges tell them."""

    def page(params: dict[str, Any]) -> list[Any]:
        return [each for each in orders if each["timestamp"] <= params.get("until", 1 << 60)][-limit:]

    return page


def by_number(orders: list[Any], limit: int) -> Pages:
    """The newest but so many, as Deribit tells them."""

    def page(params: dict[str, Any]) -> list[Any]:
        end = len(orders) - params.get("offset", 0)
        return orders[max(0, end - limit) : end]

    return page


def sought(desk: Desk, page: Pages) -> Event:
    """What is told in the end, after a minute of asking at most."""
    for _ in range(60):
        desk.venue.send([AskOrder(order_id=NAME, instrument=KEY, placed_at=T0, deadline=0)], desk.at)
        desk.answer("fetch_open_orders", [])
        while "fetch_closed_orders" in desk.calls():
            call = desk.call("fetch_closed_orders")
            desk.venue.answered(call.number, page(call.arguments[3]), desk.at)
        told = [fact for fact in desk.heard() if isinstance(fact, OrderReported | OrderNotFound | QuestionFailed)]
        assert len(told) == 1
        if not isinstance(told[0], QuestionFailed):
            break
        desk.at += S
    return told[0]


@pytest.mark.parametrize("limit", [20, 50, 200])
def test_an_order_that_was_filled_is_found_however_many_are_over_since(limit: int) -> None:
    told = sought(desk_with(over_max={Kind.SPOT: limit}), by_time([OURS, *OVER], limit))

    assert isinstance(told, OrderReported) and told.order.status is Status.FILLED


@pytest.mark.parametrize("limit", [20, 50, 200, 201])
def test_one_that_is_in_none_of_the_pages_was_never_there(limit: int) -> None:
    assert isinstance(sought(desk_with(over_max={Kind.SPOT: limit}), by_time(OVER, limit)), OrderNotFound)


@pytest.mark.parametrize("orders", [[OURS, *OVER], OVER])
def test_where_they_are_counted_the_next_page_begins_behind_the_last(orders: list[Any]) -> None:
    named = [each | {"info": {"label": each["clientOrderId"]}} for each in orders]
    traits = msgspec.structs.replace(DERIBIT, history_limit=50)

    told = sought(desk_with(traits=traits), by_number(named, 50))

    assert isinstance(told, OrderReported if orders[0] is OURS else OrderNotFound)


def test_what_cannot_be_looked_behind_proves_nothing() -> None:
    newest = OVER[-20:]

    told = sought(desk_with(), lambda _: newest)

    assert isinstance(told, QuestionFailed)
    assert told.message == "not there, but more orders are over than can be asked for"


def test_where_one_order_cannot_be_asked_for_by_its_id_the_list_is() -> None:
    desk = desk_with(traits=TRAITS["poloniex"])
    desk.watch("orders", [order()])
    desk.heard()
    desk.venue.send([AskOrder(order_id=NAME, instrument=KEY, deadline=0)], desk.at)
    desk.answer("fetch_open_orders", [])
    desk.fail("fetch_order", "NotSupported")
    desk.answer("fetch_closed_orders", [order(status="closed")])

    assert desk.one(OrderReported).order.status is Status.FILLED


def test_the_list_is_one_of_orders_that_are_over_and_not_of_the_last_seconds() -> None:
    desk = desk_with(also={"fetchOrders": True}, traits=TRAITS["krakenfutures"])

    assert isinstance(sought(desk, by_time([OURS, *OVER], 200)), OrderReported)


def test_who_asks_again_while_it_is_sought_has_the_same_answer() -> None:
    desk = desk_with()
    ask = AskOrder(order_id=NAME, instrument=KEY, deadline=0)
    desk.venue.send([ask, ask], desk.at)

    assert desk.calls() == ["fetch_open_orders"]
