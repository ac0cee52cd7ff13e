"""What is asked of Deribit, how it is answered, and what no answer is evidence of."""

from decimal import Decimal
from typing import Any

import pytest

from replenisher.model.command import AskBalance, AskOpenOrders, AskOrder, AskPosition, AskTrades
from replenisher.model.event import (
    BalanceReported,
    OpenOrdersReported,
    OrderNotFound,
    OrderReported,
    PositionReported,
    QuestionFailed,
    TradesReported,
)
from replenisher.model.order import Status
from replenisher.venues.deribit.venue import TRADING
from tests.venues.far import HISTORY, KEY, MINUTE, MS, OURS, T0, Far, Json, S, make_open, order, trade


def test_questions_are_answered_with_the_venues_words() -> None:
    far = make_open()
    due = T0 + S
    far.venue.send(
        [
            AskOpenOrders(scope=KEY, deadline=due),
            AskOrder(order_id=OURS, instrument=KEY, placed_at=T0, deadline=due),
            AskTrades(scope=KEY, since=T0 - S, deadline=due),
            AskPosition(scope=KEY, deadline=due),
            AskBalance(venue="deribit", currency="BTC", deadline=due),
        ],
        far.at,
    )

    (orders,) = far.answer(
        TRADING, "private/get_open_orders_by_instrument", [order(label="by hand", price="market_price")]
    )
    (found,) = far.answer(TRADING, "private/get_order_state_by_label", [order("filled", filled_amount=100.0)])
    request = far.take(TRADING, "private/get_user_trades_by_instrument_and_time")
    (trades,) = far.reply(TRADING, request, {"trades": [trade(), trade(trade_id="t2", label="")], "has_more": True})
    (position,) = far.answer(TRADING, "private/get_position", {"size": 185160, "direction": "sell"})
    (balance,) = far.answer(TRADING, "private/get_account_summary", {"currency": "BTC", "balance": 302.60065765})

    assert isinstance(orders, OpenOrdersReported)
    assert orders.orders[0].order_id == "by hand"
    assert orders.orders[0].price == 0
    assert isinstance(found, OrderReported)
    assert found.order.status is Status.FILLED
    assert found.order.filled == Decimal(100)
    assert isinstance(trades, TradesReported)
    assert trades.has_more
    assert [fill.order_id for fill in trades.fills] == [OURS, ""]
    assert request["params"]["sorting"] == "asc"
    assert request["params"]["start_timestamp"] == (T0 - S) // MS
    assert position == PositionReported(at=T0, instrument=KEY, amount=Decimal(-185160))
    told = Decimal("302.60065765")
    assert balance == BalanceReported(at=T0, venue="deribit", currency="BTC", balance=told, venue_time=T0)


def test_trades_of_more_than_a_day_ago_are_asked_of_the_archive_and_told_before_the_recent_ones() -> None:
    far = make_open()
    yesterday = T0 - 25 * 3600 * S

    def ask(since: int, by: str = "_and_time") -> Json:
        far.venue.send([AskTrades(scope=KEY, since=since, deadline=far.at + S)], far.at)
        return far.take(TRADING, f"private/get_user_trades_by_instrument{by}")

    def answer(request: Json, *trades: Json, has_more: bool = False) -> tuple[list[str], bool]:
        (told,) = far.reply(TRADING, request, {"trades": [*trades], "has_more": has_more})
        assert isinstance(told, TradesReported)
        return [fill.trade_id for fill in told.fills], told.has_more

    recent = ask(yesterday)
    told = answer(recent, trade(trade_id="t3", trade_seq=3), has_more=True)
    assert (recent["params"]["historical"], told) == (False, ([], True)), "the older ones are still to come"
    first = ask(yesterday)
    told = answer(first, trade(trade_id="t1", trade_seq=1), has_more=True)
    assert (first["params"]["historical"], told) == (True, (["t1"], True))
    second = ask(yesterday + S, by="")
    told = answer(second, trade(trade_id="t2", trade_seq=2))
    assert (second["params"]["historical"], second["params"]["start_seq"]) == (True, 1)
    assert told == (["t2", "t3"], True)
    third = ask(yesterday + S, by="")
    assert (third["params"]["historical"], third["params"]["start_seq"]) == (False, 3)
    assert answer(third, trade(trade_id="t4", trade_seq=4)) == (["t4"], False)
    assert ask(yesterday + S)["params"]["historical"] is False, "once a session is enough"


def test_more_trades_in_a_millisecond_than_a_page_holds_are_paged_by_their_number() -> None:
    far = make_open()
    happened = [trade(trade_id=f"t{number}", trade_seq=number) for number in range(5, 12)]
    told: list[str] = []
    asked: list[Json] = []
    method = "private/get_user_trades_by_instrument_and_time"

    has_more = True
    while has_more and len(asked) < 10:
        far.venue.send([AskTrades(scope=KEY, since=T0, deadline=far.at + S)], far.at)
        request = far.take(TRADING, method)
        asked.append(request["params"])
        first = asked[-1].get("start_seq", 0)
        rest = [each for each in happened if each["trade_seq"] >= first]
        (page,) = far.reply(TRADING, request, {"trades": rest[:3], "has_more": len(rest) > 3})
        assert isinstance(page, TradesReported)
        told += [fill.trade_id for fill in page.fills]
        has_more, method = page.has_more, "private/get_user_trades_by_instrument"

    assert list(dict.fromkeys(told)) == [each["trade_id"] for each in happened]
    assert [params.get("start_seq") for params in asked] == [None, 7, 9]
    far.venue.send([AskTrades(scope=KEY, since=T0, deadline=far.at + S)], far.at)
    far.take(TRADING, "private/get_user_trades_by_instrument_and_time")  # the next time, from a time again


def test_a_page_of_trades_that_was_not_answered_is_asked_for_again() -> None:
    far = make_open()
    question = AskTrades(scope=KEY, since=T0, deadline=far.at + S)
    by_time, by_number = (f"private/get_user_trades_by_instrument{each}" for each in ("_and_time", ""))
    far.venue.send([question], far.at)
    far.answer(TRADING, by_time, {"trades": [trade()], "has_more": True})

    for _ in range(2):
        far.venue.send([question], far.at)
        (failed,) = far.reply(
            TRADING, far.take(TRADING, by_number), None, error={"code": 10041, "message": "settlement_in_progress"}
        )
        assert isinstance(failed, QuestionFailed)


def test_not_found_is_told_as_of_the_venues_own_clock() -> None:
    far = make_open(skew_ns=7 * MS)
    far.venue.send([AskOrder(order_id=OURS, instrument=KEY, placed_at=T0 - 28 * MINUTE, deadline=T0 + S)], far.at)

    told = far.answer(TRADING, "private/get_order_state_by_label", [])

    assert told == [OrderNotFound(at=T0, order_id=OURS, venue_time=T0 + 7 * MS)]


def ask_about_an_order_of_half_an_hour_ago(far: Far, **error: Any) -> Json:
    """What is asked when it is not among the recent ones."""
    far.venue.send([AskOrder(order_id=OURS, instrument=KEY, placed_at=T0 - 31 * MINUTE, deadline=T0 + S)], far.at)
    assert far.answer(TRADING, "private/get_order_state_by_label", [], **error) == []
    return far.take(TRADING, HISTORY)


@pytest.mark.parametrize("error", [{}, {"error": {"code": 10004, "message": "order_not_found"}}])
def test_an_order_of_half_an_hour_ago_is_sought_in_the_archive_before_it_counts_as_never_there(error: Json) -> None:
    far = make_open()
    request = ask_about_an_order_of_half_an_hour_ago(far, **error)
    strangers = order("cancelled", label="by hand"), order("cancelled", instrument_name="BTC-25DEC26")

    page = {"orders": [*strangers, order("filled", filled_amount=100.0)], "continuation": None}
    (found,) = far.reply(TRADING, request, page)

    assert request["params"]["historical"] and request["params"]["include_unfilled"]
    assert isinstance(found, OrderReported)
    assert (found.order.status, found.order.filled) == (Status.FILLED, 100)


def test_the_archive_is_read_back_to_when_the_order_was_placed_and_no_further() -> None:
    far = make_open()

    def page(age_minutes: int, continuation: str | None) -> Json:
        ended_ms = (T0 - age_minutes * MINUTE) // MS
        return {"orders": [order("cancelled", label="x", last_update_timestamp=ended_ms)], "continuation": continuation}

    first = ask_about_an_order_of_half_an_hour_ago(far)
    assert far.reply(TRADING, first, page(30, "where it goes on")) == []
    second = far.take(TRADING, HISTORY)
    told = far.reply(TRADING, second, page(33, "and on"))

    assert ("continuation" in first["params"], second["params"]["continuation"]) == (False, "where it goes on")
    assert told == [OrderNotFound(at=T0, order_id=OURS, venue_time=T0)]


def test_an_archive_without_an_answer_is_no_evidence() -> None:
    far = make_open()
    ask_about_an_order_of_half_an_hour_ago(far)

    told = far.wait(S)

    assert [fact for fact in told if isinstance(fact, QuestionFailed)] == [
        QuestionFailed(at=T0 + S, venue="deribit", question="AskOrder", subject=OURS, message="no answer in time")
    ]


def test_a_question_without_an_answer_fails_at_its_deadline() -> None:
    far = make_open()
    far.venue.send([AskPosition(scope=KEY, deadline=T0 + S)], far.at)
    request = far.take(TRADING, "private/get_position")

    told = far.wait(S)
    late = far.reply(TRADING, request, {"size": 10.0})

    assert [fact for fact in told if isinstance(fact, QuestionFailed)] == [
        QuestionFailed(at=T0 + S, venue="deribit", question="AskPosition", subject=KEY, message="no answer in time")
    ]
    assert late == []


def test_many_questions_are_asked_no_faster_than_the_venue_allows() -> None:
    far = make_open()
    asked = [AskPosition(scope=KEY, deadline=T0 + 60 * S)] * 200

    far.venue.send(asked, far.at)
    far.collect()
    at_once = len(far.requests[TRADING])
    for _ in range(10):
        far.wait(500 * MS)
        far.answer_probes()

    assert at_once <= 80
    assert at_once + 16 * 4 <= len(far.requests[TRADING]) <= at_once + 16 * 6
