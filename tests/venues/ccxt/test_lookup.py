"""An order that rests no more: "the venue never had it" is told only after a look at all that are over."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from replenisher.model.command import AskOrder
from replenisher.model.event import Event, OrderNotFound, OrderReported, QuestionFailed
from replenisher.model.instrument import Kind
from replenisher.model.order import Status
from replenisher.model.units import MINUTE_NS
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS, USUAL
from tests.venues.ccxt.given import KEY, MS, NAME, T0, Desk, S, order, place
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


def sought(desk: Desk, page: Pages, *, within_s: int = 60) -> Event:
    """What is told in the end, after so long of asking at most."""
    for _ in range(within_s):
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


def test_what_cannot_be_looked_behind_proves_nothing_and_it_is_told_until_when_the_order_counts() -> None:
    newest = OVER[-20:]

    told = sought(desk_with(), lambda _: newest)

    assert isinstance(told, QuestionFailed)
    assert told.message.startswith(
        "it does not rest, and more orders are over than can be asked for: it counts for 541 s"
    )
    assert told.message.endswith("what became of it can be seen at the exchange itself")


def test_one_that_does_not_rest_for_long_is_over_though_nobody_tells_how_it_ended() -> None:
    newest = OVER[-20:]

    told = sought(desk_with(), lambda _: newest, within_s=700)

    assert isinstance(told, OrderNotFound) and (told.at - T0) // S == 600
    assert told.reason == "it does not rest, and more orders are over than can be asked for"


def test_it_is_not_over_while_more_may_rest_than_one_answer_tells() -> None:
    desk = desk_with(traits=msgspec.structs.replace(USUAL, open_limit=2))
    newest = OVER[-20:]
    for _ in range(700):
        desk.venue.send([AskOrder(order_id=NAME, instrument=KEY, placed_at=T0, deadline=0)], desk.at)
        desk.answer("fetch_open_orders", [order("s1", "strangers"), order("s2", "strangers")])
        desk.answer("fetch_closed_orders", newest)
        desk.answer("fetch_closed_orders", newest)
        desk.at += S

    assert not [fact for fact in desk.heard() if isinstance(fact, OrderNotFound)]


# Deribit's: what ended over half an hour ago is told to who asks for what is historical, and only that is.
LATE = T0 + 40 * MINUTE_NS


def archived(orders: list[Any], limit: int) -> Pages:
    def page(params: dict[str, Any]) -> list[Any]:
        assert not (params.get("historical") and params.get("include_old")), "they exclude each other"
        is_archived = [LATE // MS - each["timestamp"] > 30 * 60_000 for each in orders]
        wanted = params.get("historical", False)
        return by_number([each for each, is_old in zip(orders, is_archived, strict=True) if is_old is wanted], limit)(
            params
        )

    return page


@pytest.mark.parametrize("ours", [[OURS], []])
def test_an_order_that_ended_long_ago_is_sought_in_the_archive_too(ours: list[Any]) -> None:
    recent = [order(f"r{n}", f"abc2{n:011}", "canceled", timestamp=(LATE - n * S) // MS) for n in range(120, 0, -1)]
    named = [each | {"info": {"label": each["clientOrderId"]}} for each in [*ours, *OVER, *recent]]
    desk = desk_with(traits=msgspec.structs.replace(DERIBIT, history_limit=50))
    desk.at = LATE

    told = sought(desk, archived(named, 50))

    assert isinstance(told, OrderReported if ours else OrderNotFound)


def test_where_orders_are_counted_one_that_was_placed_earlier_and_ended_later_does_not_end_the_search() -> None:
    """ccxt leaves out what was placed before a time that it is told, so that a full answer looks like the last one."""
    older = order("older", "abc199999999999", "canceled", timestamp=(T0 - 600 * S) // MS)
    older |= {"lastUpdateTimestamp": (T0 + 190 * S) // MS}
    orders = [each | {"info": {"label": each["clientOrderId"]}} for each in [OURS, *OVER[:180], older, *OVER[180:]]]
    desk = desk_with(traits=msgspec.structs.replace(DERIBIT, history_limit=50))
    desk.venue.send([AskOrder(order_id=NAME, instrument=KEY, placed_at=T0, deadline=0)], desk.at)
    desk.answer("fetch_open_orders", [])
    while "fetch_closed_orders" in desk.calls():
        call = desk.call("fetch_closed_orders")
        since_ms, told = call.arguments[1], by_number(orders, 50)(call.arguments[3])
        desk.venue.answered(
            call.number, [each for each in told if since_ms is None or each["timestamp"] >= since_ms], desk.at
        )

    assert desk.one(OrderReported).order.status is Status.FILLED


def test_what_was_over_before_it_was_placed_is_not_read() -> None:
    long_ago = [
        order(f"l{n}", f"abc3{n:011}", "canceled", timestamp=(T0 - n * 1000 * S) // MS) for n in range(900, 0, -1)
    ]
    orders = [each | {"info": {"label": each["clientOrderId"]}} for each in long_ago]
    desk = desk_with(traits=msgspec.structs.replace(DERIBIT, history_limit=50))
    asked = list[dict[str, Any]]()

    def page(params: dict[str, Any]) -> list[Any]:
        asked.append(params)
        return by_number(orders, 50)(params)

    assert isinstance(sought(desk, page), OrderNotFound)
    assert len(asked) == 1


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

    def page(params: dict[str, Any]) -> list[Any]:
        return by_time([OURS, *OVER], 200)({"until": params.get("before", 1 << 60)})

    assert isinstance(sought(desk, page), OrderReported)


def test_who_asks_again_while_it_is_sought_has_the_same_answer() -> None:
    desk = desk_with()
    ask = AskOrder(order_id=NAME, instrument=KEY, deadline=0)
    desk.venue.send([ask, ask], desk.at)

    assert desk.calls() == ["fetch_open_orders"]


def test_an_order_that_ended_in_a_word_that_nobody_reads_is_over_once_it_has_long_not_rested() -> None:
    # Of one that the exchange took off lest we trade with ourselves ccxt hands on Gate's own word.
    desk = desk_with()
    ended = order("v1", NAME, "stp", filled=0.004)
    desk.venue.send([place()], desk.at)
    desk.answer("create_order", order("v1", NAME))
    desk.heard()
    desk.watch("orders", [ended])
    assert desk.heard() == [], "it says neither that it rests nor that it is over"

    told: list[Event] = []
    while not any(isinstance(fact, OrderReported) for fact in told):
        desk.venue.send([AskOrder(order_id=NAME, instrument=KEY, placed_at=T0, deadline=0)], desk.at)
        desk.answer("fetch_open_orders", [])
        desk.answer("fetch_order", ended)
        told += desk.heard()
        desk.at += 10 * S

    *before, last = told
    assert isinstance(last, OrderReported)
    assert (last.order.status, str(last.order.filled)) == (Status.CANCELED, "0.004")
    assert [type(fact) for fact in before] == [QuestionFailed] * 3
