"""What the venue's book of our cash becomes: a fact for every row that is no trade, each once, the oldest first."""

from decimal import Decimal
from typing import Any

import msgspec

from replenisher.model.command import AskBalance, AskCash
from replenisher.model.event import (
    BalanceReported,
    CashKind,
    CashMoved,
    CashReported,
    Event,
    QuestionFailed,
    RateGranted,
)
from replenisher.venues.deribit import private
from tests.venues.far import KEY, MS, T0, TRADING, Far, Recordings, S, make_open

METHOD = "private/get_transaction_log"


def row(number: int, kind: str = "settlement", change: float = 0.001, **more: Any) -> dict[str, Any]:
    told = {"id": number, "type": kind, "timestamp": T0 // MS + number, "currency": "BTC", "change": change}
    return told | {"interest_pl": None, "instrument_name": "BTC-PERPETUAL", "balance": 1.0} | more


def asked(far: Far) -> dict[str, Any]:
    far.venue.send([AskCash(venue="deribit", currency="BTC", since=T0 - S, deadline=far.at + S)], far.at)
    request: dict[str, Any] = far.take(TRADING, METHOD)
    return request


def test_pages_are_read_to_the_end_and_told_oldest_first() -> None:
    far = make_open()
    request = asked(far)

    first = far.reply(TRADING, request, {"logs": [row(9), row(8, "trade")], "continuation": 7})
    second = far.take(TRADING, METHOD)
    *moves, answer = far.reply(TRADING, second, {"logs": [row(7, "delivery"), row(5, "deposit")], "continuation": None})

    assert (first, second["params"]["continuation"]) == ([], 7)
    assert request["params"]["start_timestamp"] == (T0 - S) // MS
    assert [(move.kind, move.venue_id) for move in moves if isinstance(move, CashMoved)] == [
        (CashKind.TRANSFER, "5"),
        (CashKind.DELIVERY, "7"),
        (CashKind.SETTLEMENT, "9"),
    ]
    assert answer == CashReported(at=T0, venue="deribit", currency="BTC", venue_time=T0)


def test_what_a_fill_has_told_of_is_not_told_again_whatever_its_row_is_called() -> None:
    far = make_open()
    rows = [row(9, "usage_fee"), row(8, "liquidation", trade_id="BTC-8"), row(7, "block_trade", trade_id="BTC-7")]

    *moves, _ = far.reply(TRADING, asked(far), {"logs": rows, "continuation": None})

    assert [(move.kind, move.venue_id) for move in moves if isinstance(move, CashMoved)] == [(CashKind.FEE, "9")]


def test_a_log_of_many_pages_comes_to_its_end_as_fast_as_the_venue_grants_it() -> None:
    far = make_open()
    rows_left, credits, counted_at = 6_000, 8.0, far.at  # eight at once and one a second, as the venue counts
    begun_at, ask_at = far.at, far.at
    told: list[Event] = []

    while not any(isinstance(fact, CashReported) for fact in told):
        if far.at >= ask_at:
            question = AskCash(venue="deribit", currency="BTC", since=T0 - S, deadline=far.at + 2 * S)
            far.venue.send([question], far.at)
            ask_at = question.deadline + S  # as the engine asks that has no answer
        told += far.live(100 * MS)
        for request in [each for each in far.requests[TRADING] if each["method"] == METHOD]:
            far.requests[TRADING].remove(request)
            credits, counted_at = min(8.0, credits + (far.at - counted_at) / S) - 1, far.at
            assert credits >= 0, "the venue would end the session"
            assert request["params"].get("continuation", 6_000) == rows_left, "none is asked for twice"
            page = [row(number) for number in range(rows_left, rows_left - 250, -1)]
            rows_left -= 250
            told += far.reply(TRADING, request, {"logs": page, "continuation": rows_left or None})

    *moves, answer = (fact for fact in told if isinstance(fact, CashMoved | CashReported))
    assert [int(move.venue_id) for move in moves if isinstance(move, CashMoved)] == list(range(1, 6_001))
    assert isinstance(answer, CashReported)
    assert answer.venue_time <= begun_at + 200 * MS, "what was written since its first page is on no other"
    assert not any(isinstance(fact, QuestionFailed) for fact in told)
    assert far.at - begun_at < 30 * S


def test_what_the_log_of_a_currency_has_to_wait_for_holds_up_no_other_question() -> None:
    far = make_open()
    currencies = [f"C{number}" for number in range(10)]

    far.venue.send(
        [AskCash(venue="deribit", currency=each, since=T0, deadline=far.at + 2 * S) for each in currencies], far.at
    )
    far.venue.send([AskBalance(venue="deribit", currency="BTC", deadline=far.at + 2 * S)], far.at)

    far.take(TRADING, "private/get_account_summary")
    asked_at_once = [each for each in far.requests[TRADING] if each["method"] == METHOD]
    for request in asked_at_once:
        far.requests[TRADING].remove(request)
        far.reply(TRADING, request, {"logs": [], "continuation": None})
    far.live(5 * S)
    later = [each for each in far.requests[TRADING] if each["method"] == METHOD]
    assert [each["params"]["currency"] for each in asked_at_once + later] == currencies
    assert 1 < len(asked_at_once) < 8, "and others who use the account may ask, too"


def test_a_page_without_an_answer_is_asked_for_again_and_no_page_before_it() -> None:
    far = make_open()
    far.reply(TRADING, asked(far), {"logs": [row(9)], "continuation": 7})
    far.take(TRADING, METHOD)
    assert any(isinstance(fact, QuestionFailed) for fact in far.live(6 * S))

    again = asked(far)
    *moves, _ = far.reply(TRADING, again, {"logs": [row(7)], "continuation": None})

    assert again["params"]["continuation"] == 7
    assert [move.venue_id for move in moves if isinstance(move, CashMoved)] == ["7", "9"]


def test_a_page_that_is_refused_is_followed_by_the_first_one() -> None:
    far = make_open()
    far.reply(TRADING, asked(far), {"logs": [row(9)], "continuation": 7})
    (refused,) = far.answer(TRADING, METHOD, error={"code": 10001, "message": "error"})

    assert isinstance(refused, QuestionFailed)
    assert "continuation" not in asked(far)["params"]


def test_a_life_that_follows_another_asks_once_the_credits_are_back_that_it_may_have_spent() -> None:
    far = Far()
    far.venue.start(far.at, follows=True)
    far.wait(2 * S)
    far.open_market()
    far.open_trading()

    questions = [AskCash(venue="deribit", currency=each, since=T0, deadline=far.at + S) for each in ("BTC", "ETH")]
    far.venue.send(questions, far.at)

    far.take(TRADING, METHOD)
    assert METHOD not in [each["method"] for each in far.requests[TRADING]]
    far.live(S)
    far.take(TRADING, METHOD)


def test_what_was_told_is_not_told_again() -> None:
    far = make_open()
    far.reply(TRADING, asked(far), {"logs": [row(5)], "continuation": None})

    again = far.reply(TRADING, asked(far), {"logs": [row(6), row(5)], "continuation": None})

    assert [fact.venue_id for fact in again if isinstance(fact, CashMoved)] == ["6"]


def test_a_book_that_cannot_be_read_is_asked_for_again() -> None:
    far = make_open()

    (refused,) = far.reply(TRADING, asked(far), error={"code": 10001, "message": "error"})
    (unreadable,) = far.reply(TRADING, asked(far), {"logs": [{"id": "x"}]})

    assert isinstance(refused, QuestionFailed) and isinstance(unreadable, QuestionFailed)
    assert (refused.question, refused.subject) == ("AskCash", "BTC")


def test_funding_is_parted_from_the_settlement_that_it_came_with(recordings: Recordings) -> None:
    lines = [
        msgspec.json.decode(line)
        for line in recordings("private/deribit_docs_examples.jsonl").read_bytes().splitlines()
    ]
    documented = next(line for line in lines if line.get("section") == "/private/get_transaction_log")
    page = private.decode_cash_page(msgspec.json.encode(documented["msg"]["result"]))

    moves = [move for entry in page.logs for move in private.cash_moves_of(entry, "deribit", T0)]

    settled = [(move.kind, move.amount, move.realized, move.instrument) for move in moves if move.venue_id == "61311"]
    funding, realized = Decimal("0.00001243"), Decimal("-0.00004467")
    assert settled == [
        (CashKind.FUNDING, funding, Decimal(0), KEY),
        (CashKind.SETTLEMENT, Decimal("0.00215706") - funding, realized - funding, KEY),
    ]
    paid = next(move for move in moves if move.kind is CashKind.SETTLEMENT)
    assert abs(paid.amount - paid.realized - Decimal("0.00220172")) <= Decimal("1e-8"), "the rest is session_upl"
    assert {move.kind for move in moves} == {CashKind.FUNDING, CashKind.SETTLEMENT, CashKind.TRANSFER}


def test_what_the_session_has_realized_is_told_beside_the_balance(recordings: Recordings) -> None:
    lines = [
        msgspec.json.decode(line) for line in recordings("private/roq_deribit_recorded.jsonl").read_bytes().splitlines()
    ]
    portfolio = next(line for line in lines if "user_portfolio" in line["src"])["msg"]["params"]["data"]

    summary = private.decode_summary(msgspec.json.encode(portfolio))

    assert (summary.balance, summary.session_rpl) == (Decimal("10.00295099"), Decimal("-4e-7"))
    assert summary.balance + summary.session_rpl == Decimal(str(portfolio["equity"])), "it is in no balance yet"


def granting(rate: float, burst: float) -> dict[str, Any]:
    return {"matching_engine": {"trading": {"total": {"rate": rate, "burst": burst}}, "spot": {"rate": 1, "burst": 1}}}


def test_how_often_we_may_ask_is_told_with_our_cash_where_it_is_news() -> None:
    far = make_open()

    def told(**more: Any) -> list[Event]:
        far.venue.send([AskBalance(venue="deribit", currency="BTC", deadline=far.at + S)], far.at)
        request = far.take(TRADING, "private/get_account_summary")
        return [
            fact
            for fact in far.reply(TRADING, request, {"currency": "BTC", "balance": 1} | more)
            if not isinstance(fact, BalanceReported)
        ]

    assert told() == []
    assert told(limits=granting(30, 100)) == [RateGranted(at=T0, venue="deribit", per_s=30, burst=100)]
    assert told(limits=granting(30, 100)) == []
    assert told(limits=granting(5, 20)) == [RateGranted(at=T0, venue="deribit", per_s=5, burst=20)]
    assert told(limits={"matching_engine": {"perpetuals": {"trading": 1}}}) == [], "it may be told in other words"
    assert told(limits=granting(0, 0)) == [], "who may not trade at all is told so when it does"
