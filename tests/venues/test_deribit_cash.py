"""What the venue's book of our cash becomes: a fact for every row that is no trade, each once, the oldest first."""

from decimal import Decimal
from typing import Any

import msgspec

from replenisher.model.command import AskCash
from replenisher.model.event import CashKind, CashMoved, CashReported, QuestionFailed
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
