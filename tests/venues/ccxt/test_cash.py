"""What moved our cash without a fill, as ccxt tells it: Deribit's own log, and elsewhere a history of funding."""

from decimal import Decimal
from functools import partial
from typing import Any

import ccxt.pro
import msgspec
import pytest

from replenisher.model.command import AskBalance, AskCash
from replenisher.model.event import BalanceReported, CashKind, CashMoved, CashReported, QuestionFailed
from replenisher.model.units import DAY_NS, HOUR_NS
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS, Traits
from tests.venues.ccxt.given import MARKET, MS, T0, Desk, S, exchange
from tests.venues.far import Recordings

SWAP = MARKET | {"id": "BTCUSDT-SWAP", "symbol": "BTC/USDT:USDT", "type": "swap", "settle": "USDT", "linear": True}
PERPETUAL = SWAP | {"id": "BTC-PERPETUAL", "symbol": "BTC/USD:BTC", "settle": "BTC", "linear": False, "inverse": True}
FUNDED = Traits(tells_funding=True)
LOGGED = msgspec.structs.replace(DERIBIT, needs_until=False)


def desk_with(traits: Traits, market: dict[str, Any]) -> Desk:
    desk = Desk(exchange(traits=traits), market=market | {"contractSize": 1.0}).up()
    desk.heard()
    return desk


def ask(desk: Desk, currency: str) -> None:
    desk.venue.send([AskCash(venue="x", currency=currency, since=T0 - S, deadline=0)], desk.at)


def by_time(row: dict[str, Any]) -> int:
    told: int = row["timestamp"]
    return told


def paid(at: int, amount: float, **more: Any) -> dict[str, Any]:
    return {"timestamp": at // MS, "amount": amount, "code": "USDT", "id": None} | more


def test_funding_is_told_oldest_first_and_then_how_far_it_was_read() -> None:
    desk = desk_with(FUNDED, SWAP)
    ask(desk, "USDT")

    call = desk.call("fetch_funding_history")
    rows = [paid(T0 + 8 * S, 0.25, id="f2"), paid(T0, -0.5), paid(T0 - 9 * S, 1.0)]
    desk.venue.answered(call.number, rows, desk.at)

    assert call.arguments == ("BTC/USDT:USDT", (T0 - S) // MS)
    again = desk.call("fetch_funding_history")
    assert again.arguments == ("BTC/USDT:USDT", (T0 - S) // MS, None, {"until": T0 // MS})
    desk.venue.answered(again.number, rows[1:2], desk.at)
    first, second, read = desk.heard()
    assert isinstance(first, CashMoved) and isinstance(second, CashMoved)
    assert [(move.kind, move.amount, move.venue_id) for move in (first, second)] == [
        (CashKind.FUNDING, Decimal("-0.5"), f"BTC/USDT:USDT {T0 // MS}"),
        (CashKind.FUNDING, Decimal("0.25"), "f2"),
    ]
    assert first.instrument == "x/BTC/USDT:USDT"
    assert read == CashReported(at=desk.at, venue="x", currency="USDT", venue_time=T0)


def test_what_was_told_is_not_told_again() -> None:
    desk = desk_with(FUNDED, SWAP)
    for amounts in ([0.1], [0.1, 0.2]):
        ask(desk, "USDT")
        for _ in range(2):
            desk.answer("fetch_funding_history", [paid(T0 + int(10 * each) * S, each) for each in amounts])

    assert [fact.amount for fact in desk.heard() if isinstance(fact, CashMoved)] == [Decimal("0.1"), Decimal("0.2")]


def newest(rows: list[Any], limit: int, since: int, params: dict[str, int]) -> list[Any]:
    """Asked for a time it tells the last of it, and of no more than a week after its beginning."""
    until = params.get("until", since + 7 * DAY_NS // MS)
    return [row for row in rows if since <= row["timestamp"] <= until][-limit:]


def oldest(rows: list[Any], limit: int, since: int, params: dict[str, int]) -> list[Any]:
    """The first of it, and as much of that as anybody is paid in a day."""
    return [row for row in rows if since <= row["timestamp"] <= params.get("until", 1 << 60)][: max(limit, 100)]


def numbered(rows: list[Any], limit: int, since: int, params: dict[str, int]) -> list[Any]:
    """It knows no times, only how many were told before; ccxt leaves out what is older than was asked for."""
    end = len(rows) - params.get("offset", 0)
    return [row for row in rows[max(0, end - limit) : end] if row["timestamp"] >= since]


def read(desk: Desk, page: Any, since: int) -> list[int]:
    """What is told from a time on, to who asks again while it is read."""
    question = AskCash(venue="x", currency="USDT", since=since, deadline=0)
    desk.venue.send([question], desk.at)
    while "fetch_funding_history" in desk.calls():
        call = desk.call("fetch_funding_history")
        desk.venue.send([question], desk.at)
        assert "fetch_funding_history" not in desk.calls(), "it is read once"
        _, since_ms, _, params = (*call.arguments, None, {})[:4]
        desk.venue.answered(call.number, page(since_ms, params), desk.at)
    *moves, told = desk.heard()
    assert told == CashReported(at=desk.at, venue="x", currency="USDT", venue_time=T0)
    return [move.venue_time // MS for move in moves if isinstance(move, CashMoved)]


@pytest.mark.parametrize(
    ("tells", "traits"),
    [(newest, FUNDED), (oldest, FUNDED), (numbered, msgspec.structs.replace(FUNDED, funding_offset="offset"))],
)
@pytest.mark.parametrize("limit", [20, 100])
@pytest.mark.parametrize("every_h", [1, 8])
@pytest.mark.parametrize("days", [0, 1, 45])
def test_after_a_long_absence_every_funding_is_told(
    days: int, every_h: int, limit: int, tells: Any, traits: Traits
) -> None:
    rows = [paid(at, 0.01) for at in range(T0 - days * DAY_NS, T0 + 1, every_h * HOUR_NS)]

    told = read(desk_with(traits, SWAP), partial(tells, rows, limit), T0 - days * DAY_NS)

    assert told == [row["timestamp"] for row in rows]


def test_an_answer_full_of_what_was_paid_on_other_markets_is_not_taken_for_the_end() -> None:
    since = T0 - 10 * DAY_NS
    ours = [paid(at, 0.01) for at in range(since, T0 + 1, HOUR_NS)]
    rows = sorted([*ours, *(row | {"id": f"strangers {row['timestamp']}"} for row in ours * 6)], key=by_time)

    def page(since_ms: int, params: dict[str, int]) -> list[Any]:
        told = newest(rows, 100, since_ms, params)
        return [row for row in told if row["id"] is None]  # as ccxt hands it on

    assert read(desk_with(FUNDED, SWAP), page, since) == [row["timestamp"] for row in ours]


def test_where_nothing_was_paid_lately_one_question_is_enough() -> None:
    desk = desk_with(FUNDED, SWAP)
    ask(desk, "USDT")
    desk.answer("fetch_funding_history", [])

    assert desk.one(CashReported).venue_time == T0
    assert desk.calls() == []


def test_a_currency_in_which_nothing_is_funded_is_read_without_a_question() -> None:
    desk = desk_with(FUNDED, SWAP)
    ask(desk, "BTC")

    assert desk.one(CashReported).currency == "BTC"
    assert desk.calls() == []


@pytest.mark.parametrize("answer", [[{"timestamp": None, "amount": 1.0}], {"rows": []}, None])
def test_a_history_that_cannot_be_read_is_asked_for_again(answer: Any) -> None:
    desk = desk_with(FUNDED, SWAP)
    ask(desk, "USDT")

    desk.answer("fetch_funding_history", answer)

    assert desk.one(QuestionFailed).subject == "USDT"


def test_deribits_log_is_read_to_its_end_and_told_as_the_direct_venue_tells_it(recordings: Recordings) -> None:
    lines = recordings("private/deribit_docs_examples.jsonl").read_bytes().splitlines()
    told = [msgspec.json.decode(line) for line in lines]
    page = next(each for each in told if each.get("section") == "/private/get_transaction_log")["msg"]
    desk = desk_with(LOGGED, PERPETUAL)
    ask(desk, "BTC")

    first = desk.call("private_get_get_transaction_log")
    desk.venue.answered(first.number, as_text(page), desk.at)
    second = desk.call("private_get_get_transaction_log")
    desk.venue.answered(second.number, {"result": {"logs": [], "continuation": None}}, desk.at)

    assert first.arguments[0]["start_timestamp"] == (T0 - S) // MS
    assert second.arguments[0]["continuation"] == page["result"]["continuation"]
    *moves, read = desk.heard()
    assert isinstance(read, CashReported)
    kinds = [(move.kind, move.amount, move.realized) for move in moves if isinstance(move, CashMoved)]
    assert kinds == [
        (CashKind.TRANSFER, Decimal("0.65"), 0),
        (CashKind.FUNDING, Decimal("0.00001243"), 0),
        (CashKind.SETTLEMENT, Decimal("0.00214463"), Decimal("-0.0000571")),
        (CashKind.TRANSFER, Decimal("-2.5"), 0),
    ]
    assert {move.instrument for move in moves if move.kind is CashKind.SETTLEMENT} == {"x/BTC/USD:BTC"}


def test_a_long_log_of_deribits_is_read_once_as_fast_as_it_grants_it_and_known_as_of_its_first_page() -> None:
    desk = desk_with(LOGGED, PERPETUAL)
    method, pages, asked_at = "private_get_get_transaction_log", 12, list[int]()
    ask(desk, "BTC")

    while len(asked_at) < pages:
        while method in desk.calls():
            asked_at.append(desk.at)
            left = pages - len(asked_at)
            desk.answer(method, {"result": {"logs": [], "continuation": left or None}})
        if len(asked_at) < pages:
            ask(desk, "BTC")  # as the engine does that has no answer yet
            desk.later(S)

    assert len(asked_at) == pages, "and by nobody twice"
    assert all(later - earlier >= 1 * S for earlier, later in zip(asked_at, asked_at[8:], strict=False))
    assert desk.one(CashReported).venue_time == T0


def test_a_life_that_follows_another_waits_for_what_deribit_grants_of_its_log() -> None:
    desk = Desk(exchange(traits=LOGGED), market=PERPETUAL | {"contractSize": 1.0})
    desk.up(follows=True)
    for currency in ("BTC", "ETH", "USDC"):
        ask(desk, currency)

    asked_at_once = desk.calls().count("private_get_get_transaction_log")
    desk.later(2 * S)

    assert (asked_at_once, desk.calls().count("private_get_get_transaction_log")) == (0, 2)


def as_text(value: Any) -> Any:
    """As ccxt hands on what Deribit says: every number is text."""
    if isinstance(value, dict):
        return {key: as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def test_a_balance_is_as_of_when_it_was_asked_for() -> None:
    desk = desk_with(FUNDED, SWAP)
    desk.venue.send([AskBalance(venue="x", currency="USDT", deadline=0)], desk.at)
    desk.at += S

    desk.answer("fetch_balance", {"USDT": {"total": 5.0}})

    assert desk.one(BalanceReported).venue_time == T0, "what moves meanwhile may not be in it"


@pytest.mark.parametrize("name", sorted(TRAITS))
def test_funding_is_told_wherever_ccxt_has_a_history_of_it(name: str) -> None:
    client = getattr(ccxt.pro, name)()

    assert TRAITS[name].tells_funding is (client.has.get("fetchFundingHistory") is True)
    assert not TRAITS[name].cash_log or hasattr(client, TRAITS[name].cash_log)
