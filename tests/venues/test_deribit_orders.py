"""Our orders at Deribit: what is sent, what its answers and notifications tell, and what proves nothing."""

from decimal import Decimal
from typing import Any

import pytest

from replenisher.model.command import AskOpenOrders, AskPosition
from replenisher.model.event import (
    CancelsSent,
    NotSent,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    QuestionFailed,
    RejectReason,
    RequestRejected,
    SessionLost,
)
from replenisher.model.order import Request
from replenisher.venues.deribit.venue import TRADING
from tests.venues.far import KEY, MS, OURS, T0, Far, Json, S, amend, cancel, kinds, make_open, order, place, trade


def test_an_order_is_post_only_in_every_word_and_carries_the_venues_deadline() -> None:
    far = make_open(skew_ns=-500 * MS)

    far.venue.send([place()], far.at)
    request = far.take(TRADING, "private/buy")["params"]

    assert request == {
        "instrument_name": "BTC-PERPETUAL",
        "amount": 100,
        "type": "limit",
        "label": OURS,
        "price": 9990.0,
        "post_only": True,
        "reject_post_only": True,
        "valid_until": (T0 + S - 500 * MS) // MS,
    }


def test_the_reply_to_a_place_tells_that_it_rests() -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    told = far.answer(TRADING, "private/buy", {"order": order(), "trades": []})

    assert told == [
        OrderWorking(
            at=T0,
            order_id=OURS,
            venue_order_id="77",
            venue_time=T0,
            price=19_980,
            quantity=10,
            answers=Request.PLACE,
            valid_until=place().valid_until,
        )
    ]


def test_a_fill_is_exact_to_the_last_digit() -> None:
    far = make_open()
    frame = (
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"user.changes.BTC-PERPETUAL.raw","data":'
        '{"instrument_name":"BTC-PERPETUAL","orders":[],"positions":[],"trades":[{"trade_id":"t1","order_id":"77",'
        '"instrument_name":"BTC-PERPETUAL","timestamp":1700000000001,"direction":"sell","price":12345.678901234567,'
        f'"amount":2.2e3,"fee":-0.1,"fee_currency":"BTC","liquidity":"M","label":"{OURS}"}}]}}}}}}'
    )

    far.venue.received(TRADING, frame, far.at)
    (fill,) = far.collect()

    assert isinstance(fill, OrderFilled)
    assert fill.price == Decimal("12345.678901234567")
    assert fill.amount == Decimal("2200")
    assert fill.fee == Decimal("-0.1")
    assert fill.order_id == OURS
    assert fill.venue_time == T0 + MS


def test_one_frame_is_told_as_terms_then_fills_then_ending() -> None:
    far = make_open()

    told = far.changes(
        [order("cancelled", order_id="78", cancel_reason="user_request"), order(filled_amount=40.0)], [trade()]
    )

    assert kinds(told) == ["OrderWorking", "OrderFilled", "OrderCanceled"]


def test_strangers_are_ignored_but_their_fills_are_ours_to_book() -> None:
    far = make_open()

    told = far.changes([order(label="by hand")], [trade(label="by hand"), trade(label="", trade_id="t2")])

    assert kinds(told) == ["OrderFilled", "OrderFilled"]
    assert [fact.order_id for fact in told if isinstance(fact, OrderFilled)] == ["", ""]


def test_a_cancel_by_the_venue_tells_its_reason() -> None:
    far = make_open()

    (told,) = far.changes([order("cancelled", cancel_reason="cancel_on_disconnect")])

    assert told == OrderCanceled(at=T0, order_id=OURS, venue_time=T0, reason="cancel_on_disconnect", filled=Decimal(0))


def test_an_amend_names_price_and_total_and_its_reply_answers_it() -> None:
    far = make_open()
    far.venue.send([amend()], far.at)

    request = far.take(TRADING, "private/edit")
    told = far.reply(TRADING, request, {"order": order(price=9990.5, amount=80.0, replaced=True), "trades": []})

    assert request["params"]["order_id"] == "77"
    assert request["params"]["price"] == 9990.5
    assert request["params"]["amount"] == 80
    assert request["params"]["post_only"] is request["params"]["reject_post_only"] is True
    assert isinstance(told[0], OrderWorking)
    assert told[0].answers is Request.AMEND
    assert told[0].quantity == 8


def test_a_cancel_is_answered_by_the_order_it_ended() -> None:
    far = make_open()
    far.venue.send([cancel()], far.at)

    told = far.answer(TRADING, "private/cancel", order("cancelled", cancel_reason="user_request"))

    assert told == [OrderCanceled(at=T0, order_id=OURS, venue_time=T0, reason="user_request", filled=Decimal(0))]


def test_an_order_whose_id_we_never_heard_is_canceled_by_its_label() -> None:
    far = make_open()
    far.venue.send([cancel(venue_order_id="")], far.at)
    request = far.take(TRADING, "private/cancel_by_label")

    assert request["params"] == {"label": OURS}
    assert far.reply(TRADING, request, 1) == [OrderCanceled(at=T0, order_id=OURS, venue_time=T0, reason="user_request")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (11054, RejectReason.POST_ONLY),
        (10009, RejectReason.FUNDS),
        (10002, RejectReason.SIZE),
        (10043, RejectReason.PRICE),
        (13021, RejectReason.PERMISSION),
        (13009, RejectReason.LOGIN),
        (10028, RejectReason.RATE),
        (10041, RejectReason.HALTED),
        (13888, RejectReason.TOO_LATE),
        (-32602, RejectReason.OTHER),
    ],
)
def test_a_refused_place_says_why(code: int, reason: RejectReason) -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    told = far.answer(TRADING, "private/buy", error={"code": code, "message": "no"})

    assert told[-1] == OrderRejected(at=T0, order_id=OURS, reason=reason, message=f"{code} no")


@pytest.mark.parametrize("code", [13028, 11094, 10001, 99999])
def test_a_refusal_that_proves_nothing_leaves_the_outcome_unknown(code: int) -> None:
    far = make_open()
    far.venue.send([place(), amend(), cancel()], far.at)

    told = []
    for method in ("private/buy", "private/edit", "private/cancel"):
        told += far.answer(TRADING, method, error={"code": code, "message": "hm"})

    assert [fact.request for fact in told if isinstance(fact, OutcomeUnknown)] == [
        Request.PLACE,
        Request.AMEND,
        Request.CANCEL,
    ]


@pytest.mark.parametrize("code", [10004, 10010, 11008, 11044])
def test_what_is_not_open_can_be_neither_amended_nor_canceled(code: int) -> None:
    far = make_open()
    far.venue.send([amend(), cancel()], far.at)

    told = far.answer(TRADING, "private/edit", error={"code": code, "message": "no"})
    told += far.answer(TRADING, "private/cancel", error={"code": code, "message": "no"})

    assert [fact.reason for fact in told if isinstance(fact, RequestRejected)] == [RejectReason.NOT_OPEN] * 2


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown() -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    (told,) = far.answer(TRADING, "private/buy", {"order": {"order_id": 5}})

    assert isinstance(told, OutcomeUnknown)
    assert far.closes == []


@pytest.mark.parametrize(
    "changes", [([order(instrument_name="BTC-P?RPETUAL")], []), ([], [trade(instrument_name="BTC-P?RPETUAL")])]
)
def test_changes_of_what_is_not_traded_end_the_session_too(changes: tuple[Any, Any]) -> None:
    far = make_open()

    told = far.changes(*changes)

    assert kinds(told) == ["SessionLost"]


@pytest.mark.parametrize(
    "fill",
    [{"trade_id": "t1"}, trade(trade_id="t\N{SNOWMAN}1"), trade(fee_currency="B\N{SNOWMAN}C"), trade(liquidity="")],
    ids=["nothing but an id", "no such id", "no such currency", "neither maker nor taker"],
)
def test_changes_that_cannot_be_read_end_the_session_because_they_may_have_been_a_fill(fill: Json) -> None:
    far = make_open()

    told = far.changes([], [fill])

    assert kinds(told) == ["SessionLost"]


def test_without_a_session_nothing_is_sent_and_that_is_told() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.facts.clear()

    far.venue.send([place(), cancel(), AskPosition(scope=KEY, deadline=T0 + S)], far.at)

    assert far.collect() == [
        NotSent(at=T0, order_id=OURS, request=Request.PLACE),
        NotSent(at=T0, order_id=OURS, request=Request.CANCEL),
        QuestionFailed(at=T0, venue="deribit", question="AskPosition", subject=KEY, message="no session"),
    ]


def test_a_lost_session_leaves_orders_open_and_questions_failed() -> None:
    far = make_open()
    far.venue.send([place(), AskOpenOrders(scope=KEY, deadline=T0 + S)], far.at)
    far.collect()

    far.venue.closed(TRADING, "reset", far.at)

    assert far.collect() == [
        SessionLost(at=T0, venue="deribit", reason="reset"),
        QuestionFailed(at=T0, venue="deribit", question="AskOpenOrders", subject=KEY, message="reset"),
        CancelsSent(at=T0, venue="deribit", order_ids=(OURS,)),
    ]
