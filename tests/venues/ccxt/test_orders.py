"""Orders through ccxt: how they are written, what replies and failures prove, and the engine's questions."""

from decimal import Decimal
from typing import Any

import ccxt
import msgspec
import pytest

from replenisher.model.command import AskBalance, AskOpenOrders, AskOrder, AskPosition, AskTrades
from replenisher.model.event import (
    BalanceReported,
    Event,
    NotSent,
    OpenOrdersReported,
    OrderCanceled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderWorking,
    OutcomeUnknown,
    PositionReported,
    QuestionFailed,
    RejectReason,
    RequestRejected,
    SessionLost,
)
from replenisher.model.instrument import Kind
from replenisher.model.order import Request, Status
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS, USUAL, Traits
from replenisher.venues.ccxt.link import Settings
from tests.venues.ccxt.given import KEY, MS, NAME, T0, Desk, S, amend, cancel, exchange, order, place

OTHER = "abc000000000002"


def desk_with(
    *without: str,
    also: dict[str, Any] | None = None,
    traits: Traits | None = None,
    is_exclusive: bool = False,
    **more: Any,
) -> Desk:
    """A desk that has answered its first questions about itself."""
    seen = exchange(*without, also=also, traits=traits or USUAL, **more)
    desk = Desk(seen, Settings(check_ns=10_000 * S, is_exclusive=is_exclusive)).up()
    desk.later(1)
    desk.answer("fetch_my_trades", [])
    desk.answer("fetch_open_orders", [])
    desk.heard()
    return desk


# --- How they are written ----------------------------------------------------------------------------------------


def test_a_place_is_a_post_only_limit_order_with_our_name() -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    call = desk.call("create_order")

    assert call.arguments == ("BTC/USDT", "limit", "buy", 0.01, 60000.0, {"clientOrderId": NAME, "postOnly": True})
    assert call.deadline == T0 + 2 * S


def test_where_a_request_can_carry_a_deadline_it_does() -> None:
    desk = desk_with(traits=DERIBIT)
    desk.venue.send([place()], desk.at)

    params = desk.call("create_order").arguments[-1]
    assert params == {"label": NAME, "postOnly": True, "valid_until": (T0 + 2 * S) // MS}


def test_an_amend_repeats_the_side_and_stays_post_only() -> None:
    desk = desk_with(traits=DERIBIT)
    desk.venue.send([place()], desk.at)
    desk.answer("create_order", order(info={"label": NAME}))
    desk.venue.send([amend()], desk.at)

    *terms, params = desk.call("edit_order").arguments
    assert terms == ["v1", "BTC/USDT", "limit", "buy", 0.012, 60000.1]
    assert params == {"post_only": True, "reject_post_only": True, "valid_until": (T0 + 2 * S) // MS}


@pytest.mark.parametrize(("name", "amends"), [("deribit", True), ("kraken", False), ("binance", False), ("okx", False)])
def test_only_where_an_amend_is_known_to_be_one_step_are_orders_amended(name: str, amends: bool) -> None:
    assert TRAITS[name].capabilities.amends_price is amends


def test_a_cancel_without_an_id_looks_for_the_order_first() -> None:
    desk = desk_with()
    desk.venue.send([cancel(venue_order_id=""), cancel(OTHER, "")], desk.at)
    desk.answer("fetch_open_orders", [order("v7")])
    desk.answer("fetch_open_orders", [order("v7")])

    assert desk.call("cancel_order").arguments == ("v7", "BTC/USDT")
    refused = desk.one(RequestRejected)
    assert (refused.order_id, refused.reason) == (OTHER, RejectReason.NOT_OPEN)


def test_neighbours_of_a_kind_go_in_one_request_where_there_is_one() -> None:
    desk = desk_with(also={"createOrders": True, "cancelOrders": True}, batch_max={Kind.SPOT: 2})
    third = "abc000000000003"
    desk.venue.send([cancel(), cancel(OTHER, "v2"), place(third), place("abc000000000004"), place("abc5")], desk.at)

    assert desk.call("cancel_orders").arguments == (["v1", "v2"], "BTC/USDT")
    orders = desk.call("create_orders").arguments[0]
    assert [each["params"]["clientOrderId"] for each in orders] == [third, "abc000000000004"]
    assert set(orders[0]) == {"symbol", "type", "side", "amount", "price", "params"}
    assert desk.call("create_order").arguments[-1]["clientOrderId"] == "abc5"


def test_they_go_one_by_one_where_only_another_kind_of_market_has_such_requests() -> None:
    desk = desk_with(also={"createOrders": True}, batch_max={Kind.PERPETUAL: 5})  # as Binance has

    desk.venue.send([place(), place(OTHER)], desk.at)

    assert desk.calls() == ["create_order", "create_order"]


# --- What is answered --------------------------------------------------------------------------------------------


def test_a_bare_id_is_enough_and_the_rest_is_as_we_asked() -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    desk.answer("create_order", {"id": "v1", "info": {}, "status": None})

    told = desk.one(OrderWorking)
    assert (told.venue_order_id, told.price, told.quantity, told.answers) == ("v1", 600_000, 10, Request.PLACE)


def test_what_the_reply_says_of_price_and_size_is_what_counts() -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    desk.answer("create_order", order(price=59999.9, amount=0.009))

    told = desk.one(OrderWorking)
    assert (told.price, told.quantity) == (599_999, 9)


@pytest.mark.parametrize("reply", [None, {}, {"id": None}, {"id": ""}, "accepted", []])
def test_a_reply_that_names_no_order_proves_nothing(reply: Any) -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    desk.answer("create_order", reply)

    assert desk.one(OutcomeUnknown).request is Request.PLACE


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("InsufficientFunds", OrderRejected),
        ("OrderImmediatelyFillable", OrderRejected),
        ("RateLimitExceeded", OrderRejected),
        ("RequestTimeout", OutcomeUnknown),
        ("ExchangeNotAvailable", OutcomeUnknown),
        ("ExchangeError", OutcomeUnknown),
        ("BadResponse", OutcomeUnknown),
        ("KeyError", OutcomeUnknown),
    ],
)
def test_a_failed_place_is_what_its_failure_proves(kind: str, fact: type[Event]) -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    desk.fail("create_order", kind)

    assert [type(each) for each in desk.heard()] == [fact]


def test_what_ccxt_never_sent_is_told_as_not_sent() -> None:
    desk = desk_with()
    desk.venue.send([place()], desk.at)
    desk.fail("create_order", "NotSentInTime", was_sent=False)

    assert desk.one(NotSent).order_id == NAME


@pytest.mark.parametrize(
    ("reply", "facts"),
    [
        (order(status="canceled"), [OrderCanceled]),
        (order(status="closed"), [RequestRejected]),
        (order(status=None), []),  # taken, but is it done?
        (order(status="open"), []),
        ("success", []),
    ],
)
def test_only_a_reply_that_shows_an_order_canceled_ends_it(reply: Any, facts: list[type[Event]]) -> None:
    listening, deaf, half_deaf = desk_with(), desk_with("watchOrders"), desk_with(traits=TRAITS["kraken"])
    for desk in (listening, deaf, half_deaf):
        desk.venue.send([cancel()], desk.at)
        desk.answer("cancel_order", reply)

    assert [type(each) for each in listening.heard()] == facts  # the stream tells the rest
    assert [type(each) for each in deaf.heard()] == (facts or [OutcomeUnknown])  # or the engine asks
    assert [type(each) for each in half_deaf.heard()] == (facts or [OutcomeUnknown])


def test_a_cancel_that_was_only_asked_for_ends_no_order() -> None:
    # As Poloniex answers, and as ccxt reads it: as canceled, and without a word on what has traded.
    reply = ccxt.poloniex().parse_order({"orderId": "v1", "clientOrderId": NAME, "state": "PENDING_CANCEL"})
    desk = desk_with(traits=TRAITS["poloniex"])
    desk.venue.send([cancel()], desk.at)

    desk.answer("cancel_order", reply)
    assert desk.heard() == []

    desk.watch("orders", [order(status="canceled", filled=0.004)])
    assert desk.one(OrderCanceled).filled == Decimal("0.004")


ALSO = {"cancelAllOrders": True}


def test_one_request_clears_an_instrument_only_if_nothing_there_is_to_stay() -> None:
    both = [cancel(), cancel(OTHER, "v2")]

    def asked(desk: Desk, *placed: str) -> list[str]:
        for name in placed:
            desk.venue.send([place(name)], desk.at)
            desk.answer("create_order", order(f"v{name[-1]}", name))
        desk.venue.send(both, desk.at)
        return desk.calls()

    one_by_one = ["cancel_order", "cancel_order"]
    third = "abc000000000003"

    assert asked(desk_with(also=ALSO, is_exclusive=True), NAME, OTHER) == ["cancel_all_orders"]
    assert asked(desk_with(also=ALSO, is_exclusive=True)) == ["cancel_all_orders"]  # of an earlier life
    assert asked(desk_with(also=ALSO, is_exclusive=True), NAME, OTHER, third) == one_by_one  # one is to stay
    assert asked(desk_with(also=ALSO), NAME, OTHER) == one_by_one  # others may trade there
    assert asked(desk_with(is_exclusive=True), NAME, OTHER) == one_by_one  # there is no such request


def test_what_has_ended_is_not_in_the_way_of_a_request_for_all() -> None:
    desk = desk_with(also=ALSO, is_exclusive=True)
    desk.venue.send([place("abc000000000003")], desk.at)
    desk.answer("create_order", order("v3", "abc000000000003"))
    desk.at += 5 * S
    desk.watch("orders", [order("v3", "abc000000000003", "canceled")])
    desk.venue.send([cancel(), cancel(OTHER, "v2")], desk.at)
    desk.answer("cancel_all_orders", [order("v1", NAME, "canceled"), {"info": {}}])

    assert [fact.order_id for fact in desk.heard() if isinstance(fact, OrderCanceled)] == ["abc000000000003", NAME]


def test_of_a_batch_each_order_has_its_own_answer() -> None:
    desk = desk_with(also={"createOrders": True}, batch_max={Kind.SPOT: 5})
    names = [f"abc00000000000{number}" for number in range(1, 5)]
    desk.venue.send([place(name) for name in names], desk.at)
    answered = [
        order("v2", names[1]),  # another order than asked: each is known by its name
        order("v1", names[0]),
        {"id": None, "status": "rejected", "clientOrderId": names[2], "info": {}},
        order("v9", "somebody"),
    ]
    desk.answer("create_orders", answered)

    told = {fact.order_id: fact for fact in desk.heard() if isinstance(fact, OrderWorking | OutcomeUnknown)}
    assert {name: type(fact) for name, fact in told.items()} == {
        names[0]: OrderWorking,
        names[1]: OrderWorking,
        names[2]: OutcomeUnknown,
        names[3]: OutcomeUnknown,
    }
    first = told[names[0]]
    assert isinstance(first, OrderWorking) and first.venue_order_id == "v1"


@pytest.mark.parametrize(("kind", "fact"), [("InvalidOrder", OutcomeUnknown), ("RateLimitExceeded", OrderRejected)])
def test_a_failed_batch_is_refused_only_by_what_concerns_all_of_it(kind: str, fact: type[Event]) -> None:
    desk = desk_with(also={"createOrders": True}, batch_max={Kind.SPOT: 5})
    desk.venue.send([place(), place(OTHER)], desk.at)
    desk.fail("create_orders", kind)

    assert [type(each) for each in desk.heard()] == [fact, fact]


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_an_order_that_is_taken_off_right_after_its_place_would_have_taken(status: str) -> None:
    by_reply, by_stream = desk_with(), desk_with()
    by_reply.venue.send([place()], by_reply.at)
    by_reply.answer("create_order", order(status=status))
    by_stream.venue.send([place()], by_stream.at)
    by_stream.answer("create_order", order())
    by_stream.heard()
    by_stream.watch("orders", [order(status=status)])

    for desk in (by_reply, by_stream):
        assert desk.one(OrderRejected).reason is RejectReason.POST_ONLY


def test_what_we_cancel_or_what_ends_later_or_in_part_filled_was_not_refused() -> None:
    asked_for, later, in_part = desk_with(), desk_with(), desk_with()
    for desk in (asked_for, later, in_part):
        desk.venue.send([place()], desk.at)
        desk.answer("create_order", order())
        desk.heard()
    asked_for.venue.send([cancel()], asked_for.at)
    later.at += 3 * S
    asked_for.watch("orders", [order(status="canceled")])
    later.watch("orders", [order(status="canceled")])
    in_part.watch("orders", [order(status="canceled", filled=0.004)])

    for desk in (asked_for, later, in_part):
        assert desk.one(OrderCanceled).order_id == NAME


def test_a_name_survives_what_a_later_report_calls_the_order() -> None:
    desk = desk_with(traits=TRAITS["binance"])
    desk.watch("orders", [order()])
    desk.heard()
    desk.watch("orders", [order(name="the name of the cancel", status="canceled")])

    assert desk.one(OrderCanceled).order_id == NAME


def test_orders_of_others_are_nobodys_business() -> None:
    desk = desk_with()
    desk.watch("orders", [order("v8", "somebody"), order("v9", "")])

    assert desk.heard() == []


# --- The engine's questions --------------------------------------------------------------------------------------


def ask_order(order_id: str = NAME) -> AskOrder:
    return AskOrder(order_id=order_id, instrument=KEY, placed_at=T0, deadline=0)


def test_an_order_is_sought_among_those_that_rest_and_then_among_those_that_are_over() -> None:
    desk = desk_with()
    desk.venue.send([ask_order()], desk.at)
    desk.answer("fetch_open_orders", [order("v7", OTHER), order("v1", filled=0.004)])
    report = desk.one(OrderReported).order
    assert (report.status, str(report.filled), report.venue_order_id) == (Status.WORKING, "0.004", "v1")

    desk.venue.send([ask_order()], desk.at)
    desk.answer("fetch_open_orders", [])
    assert desk.call("fetch_order").arguments == ("v1", "BTC/USDT")  # its id is known by now

    desk.venue.send([ask_order(OTHER)], desk.at)
    desk.answer("fetch_open_orders", [])
    assert desk.call("fetch_order").arguments[0] == "v7"

    placed_at = desk.at - 3600 * S
    desk.venue.send([msgspec.structs.replace(ask_order("abc000000000009"), placed_at=placed_at)], desk.at)
    desk.answer("fetch_open_orders", [])
    call = desk.call("fetch_closed_orders")
    assert call.arguments[1] == (placed_at - 60 * S) * 1000 // S, "not the page of those that ended last"
    desk.venue.answered(call.number, [order("v9", "abc000000000009", "closed")], desk.at)
    assert desk.one(OrderReported).order.status is Status.FILLED


def test_not_found_counts_only_when_the_order_was_absent_for_long_enough() -> None:
    desk = desk_with()
    facts: list[Event] = []
    for _ in range(40):
        desk.venue.send([ask_order()], desk.at)
        desk.answer("fetch_open_orders", [])
        desk.answer("fetch_closed_orders", [])
        facts += desk.heard()
        desk.at += 1 * S
        if isinstance(facts[-1], OrderNotFound):
            break

    assert {type(fact) for fact in facts[:-1]} == {QuestionFailed}
    assert isinstance(facts[-1], OrderNotFound)
    assert facts[-1].venue_time - T0 >= 30 * S


def test_a_full_page_of_orders_that_rest_does_not_prove_that_another_one_does_not() -> None:
    desk = desk_with(traits=Traits(open_limit=2))
    for rest, told in ((2, QuestionFailed), (1, OrderNotFound)):
        for _ in range(2):
            desk.venue.send([ask_order()], desk.at)
            question = desk.call("fetch_open_orders")
            assert question.arguments == ("BTC/USDT", None, 2)
            desk.venue.answered(question.number, [order(f"v{i}", "") for i in range(rest)], desk.at)
            desk.answer("fetch_closed_orders", [])
            desk.at += 60 * S
        assert isinstance(desk.heard()[-1], told)


def test_an_order_that_appears_after_all_was_never_absent() -> None:
    desk = desk_with()
    for _ in range(20):
        desk.venue.send([ask_order()], desk.at)
        desk.answer("fetch_open_orders", [])
        desk.answer("fetch_closed_orders", [])
        desk.at += 1 * S
    desk.venue.send([ask_order()], desk.at)
    desk.answer("fetch_open_orders", [order()])
    desk.heard()
    desk.at += 20 * S
    desk.venue.send([ask_order()], desk.at)
    desk.answer("fetch_open_orders", [])
    desk.fail("fetch_order", "OrderNotFound")

    assert isinstance(desk.heard()[-1], QuestionFailed)


def test_where_a_place_carries_a_deadline_the_engines_fence_decides_and_nothing_is_said_while_it_is_under_way() -> None:
    desk = desk_with(traits=DERIBIT)
    desk.venue.send([place()], desk.at)
    desk.venue.send([ask_order()], desk.at)
    desk.answer("fetch_open_orders", [])
    desk.answer("fetch_closed_orders", [])
    assert desk.one(QuestionFailed).message == "not there, but its place is still under way"

    desk.fail("create_order", "RequestTimeout")
    desk.heard()
    desk.venue.send([ask_order()], desk.at)
    asked_at = desk.at
    desk.at += 1 * S
    desk.answer("fetch_open_orders", [])
    asked_again_at = desk.at
    desk.answer("fetch_closed_orders", [])

    told = desk.one(OrderNotFound)
    assert told.venue_time in (asked_at, asked_again_at)


def test_open_orders_are_told_with_the_names_of_ours_and_of_strangers() -> None:
    desk = desk_with()
    desk.venue.send([AskOpenOrders(scope=KEY, deadline=0)], desk.at)
    desk.answer("fetch_open_orders", [order("v1"), order("v2", "")])

    reports = desk.one(OpenOrdersReported).orders
    assert [(report.order_id, report.venue_order_id) for report in reports] == [(NAME, "v1"), ("", "v2")]


def test_position_and_cash_are_told_as_the_exchange_sees_them() -> None:
    desk = desk_with()
    desk.venue.send([AskPosition(scope=KEY, deadline=0), AskBalance(venue="x", currency="USDT", deadline=0)], desk.at)
    desk.answer("fetch_position", {"symbol": "BTC/USDT", "contracts": 2.0, "side": "short", "entryPrice": 60000.0})
    desk.answer("fetch_balance", {"USDT": {"total": 12.5}})
    position, balance = desk.heard()

    assert isinstance(position, PositionReported) and isinstance(balance, BalanceReported)
    assert (position.amount, position.average_price) == (-2, 60_000)
    assert str(balance.balance) == "12.5"

    without = desk_with("fetchPosition")
    without.venue.send([AskPosition(scope=KEY, deadline=0)], without.at)
    without.answer("fetch_positions", [{"symbol": "ETH/USDT", "contracts": 9.0}])
    assert without.one(PositionReported).amount == 0


def test_a_question_without_an_answer_or_without_a_session_is_told_as_failed() -> None:
    desk = desk_with()
    desk.venue.send([AskBalance(venue="x", currency="USDT", deadline=0)], desk.at)
    desk.fail("fetch_balance", "RequestTimeout")
    assert desk.one(QuestionFailed).subject == "USDT"
    desk.venue.send([AskPosition(scope=KEY, deadline=0)], desk.at)
    desk.answer("fetch_position", {"contracts": "much"})
    assert desk.one(QuestionFailed).message.startswith("Unreadable")

    desk.venue.suspended(desk.at)
    desk.heard()
    desk.venue.send([AskTrades(scope=KEY, since=0, deadline=0)], desk.at)
    assert desk.one(QuestionFailed).message == "no session"


def test_what_ccxt_cannot_ask_at_all_ends_the_session_in_one_sentence_and_is_not_asked_again() -> None:
    desk = desk_with()
    desk.venue.send([AskPosition(scope=KEY, deadline=0)], desk.at)
    desk.fail("fetch_position", "NotSupported", "x fetchPosition() supports option markets only", was_sent=False)

    lost = desk.one(SessionLost)
    assert lost.is_refusal
    assert lost.reason == (
        "through ccxt it cannot tell what we must know: NotSupported: x fetchPosition() supports option markets only"
    )
