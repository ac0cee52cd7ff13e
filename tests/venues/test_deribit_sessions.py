"""Deribit's connections: how each comes back, what takes its place meanwhile, and what its end must not cost."""

from typing import TypeVar

import msgspec
import pytest

from replenisher.model.command import AskBalance, AskOpenOrders, AskTrades, PlaceOrder
from replenisher.model.event import (
    CancelsSent,
    CoverLost,
    Event,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    OrderCanceled,
    QuestionFailed,
    SessionLost,
    SessionOpened,
)
from replenisher.venues.deribit.settings import Settings
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import (
    DEFINITION,
    KEY,
    MS,
    OURS,
    T0,
    Far,
    Json,
    S,
    amend,
    kinds,
    make_open,
    order,
    place,
    trade,
)

BY_LABEL = "private/cancel_by_label"
Kind = TypeVar("Kind")


def of_kind(told: list[Event], *kinds: type[Kind]) -> list[Kind]:
    return [fact for fact in told if isinstance(fact, kinds)]


def another(number: int) -> PlaceOrder:
    return msgspec.structs.replace(place(), order_id=f"{OURS[:-1]}{number}")


def printed(at: int) -> Json:
    return {
        "instrument_name": "BTC-PERPETUAL",
        "timestamp": at // MS,
        "trade_id": "9",
        "price": 10000.5,
        "amount": 10.0,
        "direction": "buy",
    }


def book_frame(at: int, change_id: int, previous: int | None = None) -> Json:
    data: Json = {"type": "snapshot" if previous is None else "change", "timestamp": at // MS}
    data |= {"instrument_name": "BTC-PERPETUAL", "change_id": change_id, "bids": [], "asks": []}
    if previous is not None:
        data["prev_change_id"] = previous
    params = {"channel": "book.BTC-PERPETUAL.raw", "data": data}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def labels(far: Far, connection: str) -> list[str]:
    """The orders whose cancel by label was asked for on a connection."""
    far.collect()
    return [request["params"]["label"] for request in far.requests[connection] if request["method"] == BY_LABEL]


# --- Orders whose session is lost ----------------------------------------------------------------------------------


def test_what_may_rest_is_canceled_over_the_market_connection_when_the_venue_no_longer_hears_the_other() -> None:
    far = make_open()
    far.venue.send([place(), another(2), another(3)], far.at)
    far.answer(TRADING, "private/buy", {"order": order(), "trades": []})
    far.changes(orders=[order("cancelled", label=another(2).order_id)])

    told = far.live(5 * S, MARKET)  # the third one is never answered, and nothing else on that connection

    (lost,), sent = of_kind(told, SessionLost), of_kind(told, CancelsSent)
    assert lost.at == T0 + 4 * S
    assert sent[0] == CancelsSent(at=lost.at, venue="deribit", order_ids=(OURS, another(3).order_id))
    assert set(labels(far, MARKET)) == {OURS, another(3).order_id}
    assert not labels(far, TRADING)
    canceled = far.answer(MARKET, BY_LABEL, 1)
    assert canceled == [OrderCanceled(at=far.at, order_id=OURS, venue_time=far.at, reason="session lost")]


def test_that_there_was_nothing_to_cancel_is_believed_when_no_place_can_arrive_any_more() -> None:
    far = make_open()
    far.venue.send([place()], far.at)  # valid for a second
    far.venue.closed(TRADING, "reset", far.at)
    asked_at = []

    for _ in range(50):
        if labels(far, MARKET):
            asked_at.append(far.at - T0)
            assert OrderCanceled not in map(type, far.answer(MARKET, BY_LABEL, 0))
        far.live(100 * MS)

    assert asked_at == [0, S, 2 * S, 3 * S]


def test_cancels_of_orphans_are_no_more_than_the_venue_allows_and_each_has_its_turn() -> None:
    far = make_open(settings=Settings(orders_per_s=2, orders_burst=5))
    far.venue.send([place(), *map(another, range(2, 5))], far.at)  # one credit is left
    far.venue.closed(TRADING, "reset", far.at)
    sent = [[fact.order_ids for fact in of_kind(far.collect(), CancelsSent)]]

    for _ in range(8):
        sent.append([fact.order_ids for fact in of_kind(far.live(500 * MS, MARKET), CancelsSent)])

    first, second, third, fourth = (order.order_id for order in (place(), *map(another, range(2, 5))))
    assert sent[:6] == [[(each,)] for each in (first, second, third, fourth, first, second)]
    assert len(labels(far, MARKET)) == 1 + 8


def test_cancels_of_orphans_are_no_more_than_the_venue_has_granted_whatever_is_configured() -> None:
    far = make_open(settings=Settings(orders_per_s=30, orders_burst=100))
    far.venue.send([AskBalance(venue="deribit", currency="BTC", deadline=far.at + 5 * S)], far.at)
    granted = {"matching_engine": {"trading": {"total": {"rate": 2, "burst": 5}}}}
    far.answer(TRADING, "private/get_account_summary", {"currency": "BTC", "balance": 1.0, "limits": granted})

    far.venue.send([place(), *map(another, range(2, 5))], far.at)  # one credit is left
    far.venue.closed(TRADING, "reset", far.at)

    assert len(labels(far, MARKET)) == 1
    far.live(4 * S, MARKET)
    assert len(labels(far, MARKET)) == 1 + 8


def test_what_is_over_is_not_canceled_again() -> None:
    far = make_open()
    far.venue.send([place(), another(2)], far.at)
    far.changes(orders=[order("filled")])
    far.answer(TRADING, "private/buy", {"order": order("filled"), "trades": []})
    far.answer(TRADING, "private/buy", error={"code": 11054, "message": "post_only_reject"})

    far.venue.closed(TRADING, "reset", far.at)

    assert kinds(far.collect()) == ["SessionLost"]
    assert labels(far, MARKET) == []


def test_orphans_are_canceled_as_soon_as_the_market_connection_is_there() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.venue.closed(MARKET, "reset", far.at)
    far.venue.closed(TRADING, "reset", far.at)
    far.collect()
    far.wait(500 * MS)
    assert labels(far, MARKET) == []

    far.requests[MARKET].clear()
    far.connect(MARKET)
    far.live(S, MARKET)

    assert labels(far, MARKET) == [OURS]


def test_a_market_connection_whose_login_has_lapsed_is_dialed_again_and_the_orphans_are_canceled_over_it() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.venue.closed(TRADING, "reset", far.at)

    told = far.answer(MARKET, BY_LABEL, error={"code": 13009, "message": "unauthorized"})
    assert [fact.reason for fact in of_kind(told, FeedLost)] == ["the login has lapsed: 13009 unauthorized"]
    far.venue.closed(MARKET, "closed", far.at)
    far.wait(500 * MS)
    far.requests[MARKET].clear()
    far.connect(MARKET)
    far.live(S, MARKET)

    assert labels(far, MARKET) == [OURS]


def test_a_book_that_is_refused_to_who_is_not_logged_in_is_asked_for_after_a_login() -> None:
    far = make_open()
    far.book(5, 3)  # a gap
    unsubscription = far.take(MARKET, "public/unsubscribe")
    far.reply(MARKET, unsubscription, unsubscription["params"]["channels"])

    refusal = {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"}
    far.answer(MARKET, "public/subscribe", error=refusal)

    assert [close.connection for close in far.closes] == [MARKET]


def test_a_session_that_stands_again_looks_after_its_orders_itself() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.venue.closed(TRADING, "reset", far.at)
    far.wait(200 * MS)
    far.requests[TRADING].clear()
    far.open_trading()
    far.requests[MARKET].clear()

    far.live(3 * S)

    assert labels(far, MARKET) == []


def test_a_session_that_was_ended_for_its_requests_asks_for_no_cancels() -> None:
    far = make_open()
    far.venue.send([place(), another(2)], far.at)
    far.answer(TRADING, "private/buy", error={"code": 10028, "message": "too_many_requests"})

    far.venue.closed(TRADING, "1008 too_many_requests", far.at)
    far.live(3 * S, MARKET)

    assert labels(far, MARKET) == []


def test_after_a_suspension_nothing_is_canceled_before_a_sync() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.at += 120 * S

    far.venue.suspended(far.at)
    far.venue.closed(MARKET, "suspended", far.at)
    far.venue.closed(TRADING, "suspended", far.at)
    far.collect()
    far.wait(500 * MS)
    far.requests[MARKET].clear()
    far.connect(MARKET)
    far.live(3 * S, MARKET)

    assert labels(far, MARKET) == []


# --- Streams that are dead on a connection that lives --------------------------------------------------------------


def test_a_session_whose_own_channel_does_not_tell_what_was_answered_is_opened_anew() -> None:
    far = make_open()
    far.at += S
    changed = {"last_update_timestamp": far.at // MS}
    far.venue.send([place(far.at)], far.at)
    far.answer(TRADING, "private/buy", {"order": order(**changed), "trades": []})

    told = far.live(3 * S)

    assert [fact.reason for fact in of_kind(told, SessionLost)] == [
        "what was answered is not told on user.changes.BTC-PERPETUAL.raw"
    ]
    far.venue.closed(TRADING, "closed", far.at)
    far.live(S, MARKET)
    assert far.dialed == [MARKET, TRADING, TRADING]


def test_a_fill_that_only_a_question_tells_of_is_the_end_of_a_deaf_session() -> None:
    far = make_open()
    far.venue.send([AskTrades(scope=KEY, since=T0, deadline=T0 + 60 * S)], far.at)
    traded = trade(timestamp=(T0 + 4 * S) // MS)
    far.live(5 * S)

    far.answer(TRADING, "private/get_user_trades_by_instrument_and_time", {"trades": [traded], "has_more": False})

    assert of_kind(far.live(3 * S), SessionLost)


def test_what_happened_before_the_session_need_not_be_told_on_its_channels() -> None:
    far = make_open()
    far.venue.send([AskTrades(scope=KEY, since=T0, deadline=T0 + 60 * S)], far.at)

    told = far.answer(
        TRADING, "private/get_user_trades_by_instrument_and_time", {"trades": [trade()], "has_more": False}
    )

    assert kinds(told) == ["TradesReported"]
    assert not of_kind(far.live(3 * S), SessionLost)


@pytest.mark.parametrize("is_told_first", [True, False])
def test_a_channel_that_tells_what_was_answered_is_believed(is_told_first: bool) -> None:
    far = make_open()
    far.at += S
    changed = order(last_update_timestamp=far.at // MS)
    far.venue.send([place(far.at)], far.at)
    if is_told_first:
        far.changes(orders=[changed])
    far.answer(TRADING, "private/buy", {"order": changed, "trades": []})
    told = far.live(S)
    if not is_told_first:
        far.changes(orders=[changed])

    assert not of_kind(told + far.live(5 * S), SessionLost)


def test_a_book_whose_changes_have_ended_is_lost_when_the_venue_answers_with_a_later_one() -> None:
    far = make_open()
    far.live(5 * S)
    far.change_id = 7  # the venue's own book moves on, and nothing is told of it

    told = far.live(8 * S)

    (lost,) = of_kind(told, FeedLost)
    assert lost.reason == "the venue's own book is ahead of change 1, and none followed"
    assert lost.at - T0 <= 13 * S
    assert far.take(MARKET, "public/unsubscribe")


def test_a_book_that_is_only_quiet_is_asked_for_and_stays() -> None:
    far = make_open()

    asked = 0
    for _ in range(200):
        far.wait(100 * MS)
        asked += sum(request["method"] == "public/get_order_book" for request in far.requests[MARKET])
        assert not of_kind(far.answer_chores(), FeedLost)

    assert asked == 4  # in twenty seconds


def test_a_book_that_moves_is_not_asked_for() -> None:
    far = make_open()

    for number in range(1, 100):
        far.wait(200 * MS)
        far.book(number + 1, number)
        assert not any(request["method"] == "public/get_order_book" for request in far.requests[MARKET])
        far.answer_chores()


def test_changes_that_come_a_moment_after_the_answer_are_no_loss() -> None:
    far = make_open()
    far.live(4900 * MS)
    far.wait(200 * MS)
    far.answer(MARKET, "public/get_order_book", {"change_id": 3})

    far.book(2, 1)
    far.book(3, 2)

    assert not of_kind(far.live(5 * S), FeedLost)


@pytest.mark.parametrize("moves", [True, False])
def test_a_print_that_does_not_move_the_book_is_a_reason_to_ask_for_it(moves: bool) -> None:
    far = make_open()
    far.at += 100 * MS
    far.wait(1900 * MS)
    far.answer_chores()
    if moves:
        far.book(2, 1)
    far.notify(MARKET, "trades.BTC-PERPETUAL.raw", [printed(far.at)])

    asked = []
    for _ in range(20):
        far.wait(100 * MS)
        asked += [request for request in far.requests[MARKET] if request["method"] == "public/get_order_book"]
        far.answer_chores()

    assert len(asked) == (0 if moves else 1)


# --- Instruments that come later -----------------------------------------------------------------------------------


def not_offering(name: str, settings: Settings | None = None) -> Far:
    """A venue that tells the book of one instrument, and does not know the other one that is wanted."""
    far = Far("BTC-PERPETUAL", name, settings=settings)
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/get_instrument", DEFINITION)
    far.answer(MARKET, "public/get_instrument", error={"code": 13020, "message": "not_found"})
    far.subscribe()
    far.book(1)
    return far


def lacking_one() -> Far:
    """A session that trades one of its two instruments; the venue is about to be asked for the other one again."""
    far = not_offering("LATER")
    far.open_trading()
    far.live(61 * S)
    far.answer(MARKET, "public/get_instrument", DEFINITION)  # they take turns
    far.live(30 * S)
    return far


def test_an_instrument_that_comes_to_be_offered_costs_no_session() -> None:
    far = lacking_one()

    told = far.answer(MARKET, "public/get_instrument", DEFINITION | {"instrument_name": "LATER"})
    request = far.take(TRADING, "private/subscribe")
    told += far.reply(TRADING, request, request["params"]["channels"])
    told += far.live(5 * S)

    assert request["params"]["channels"] == ["user.changes.LATER.raw"]
    assert not of_kind(told, SessionLost, SessionOpened)


def test_a_channel_that_is_refused_later_ends_the_session_as_it_would_have_at_first() -> None:
    far = lacking_one()
    far.answer(MARKET, "public/get_instrument", DEFINITION | {"instrument_name": "LATER"})

    (lost,) = far.answer(TRADING, "private/subscribe", [])

    assert lost == SessionLost(at=far.at, venue="deribit", reason="not subscribed to user.changes.LATER.raw")


def test_what_is_asked_of_an_instrument_without_terms_fails() -> None:
    far = make_open()

    far.venue.send([AskOpenOrders(scope="deribit/LATER", deadline=T0 + S)], far.at)

    (failed,) = far.collect()
    assert failed == QuestionFailed(
        at=T0,
        venue="deribit",
        question="AskOpenOrders",
        subject="deribit/LATER",
        message="the venue has not told its terms",
    )


# --- The next connection stands before the last one is retired -----------------------------------------------------

TRADING_2, MARKET_2 = f"{TRADING}.2", f"{MARKET}.2"
AGED = Settings(age_ns_max=50 * S)


def make_aged() -> Far:
    """Connections that have just come to the age at which each gets an heir."""
    far = make_open(settings=AGED)
    far.venue.send([place()], far.at)
    far.answer(TRADING, "private/buy", {"order": order(), "trades": []})
    far.live(50 * S - 100 * MS)
    far.wait(100 * MS)
    far.answer_chores()
    far.facts.clear()
    return far


def test_an_heir_takes_over_without_anybody_losing_a_session() -> None:
    far = make_aged()
    assert far.dialed[2:] == [MARKET_2, TRADING_2]

    far.open_trading(TRADING_2)
    far.venue.send([amend(far.at), another(2)], far.at)
    far.collect()

    assert kinds(far.facts) == ["ClockOffset", "CoverLost"]
    assert [request["method"] for request in far.requests[TRADING_2]] == ["private/edit", "private/buy"]
    assert far.take(TRADING, "private/logout")
    far.venue.closed(TRADING, "logged out", far.at)
    assert set(kinds(far.live(5 * S))) == {"LinkAlive"}
    assert TRADING not in far.dialed[2:]


def test_the_retired_connection_is_heard_until_everything_that_was_asked_on_it_is_answered() -> None:
    far = make_aged()
    far.venue.send([another(3)], far.at)

    far.open_trading(TRADING_2)
    far.collect()
    before = [request["method"] for request in far.requests[TRADING]]
    told = far.answer(TRADING, "private/buy", {"order": order(label=another(3).order_id), "trades": []})

    assert "private/logout" not in before
    assert kinds(told) == ["OrderWorking"]
    assert far.take(TRADING, "private/logout")


def test_a_retired_connection_does_not_wait_for_ever() -> None:
    far = make_aged()
    far.venue.send([another(3)], far.at)
    far.open_trading(TRADING_2)

    far.live(6 * S, TRADING, TRADING_2, MARKET)

    assert far.take(TRADING, "private/logout")


def test_whoever_is_lost_after_the_takeover_is_the_new_one() -> None:
    far = make_aged()
    far.open_trading(TRADING_2)
    far.venue.closed(TRADING, "logged out", far.at)
    far.collect()

    far.venue.closed(TRADING_2, "reset", far.at)

    told = far.collect()
    assert kinds(told)[0] == "SessionLost"
    assert of_kind(told, CancelsSent)[0].order_ids == (OURS,), "what came from the first one is an orphan, too"


def test_an_heir_that_does_not_come_to_stand_is_noticed_by_nobody_and_tried_again_later() -> None:
    far = make_aged()
    far.connect(TRADING_2)

    far.venue.closed(TRADING_2, "reset", far.at)
    told = far.live(9 * S, MARKET, TRADING)
    far.venue.send([amend(far.at)], far.at)
    far.answer(TRADING, "private/edit", {"order": order(), "trades": []})
    told += far.live(S, MARKET, TRADING)
    far.define()
    told += far.live(40 * S, MARKET, TRADING)
    dialed_within_50s = far.dialed.count(TRADING_2)
    far.live(15 * S, MARKET, TRADING)

    assert not of_kind(told, SessionLost, CoverLost)
    assert dialed_within_50s == 1
    assert far.dialed.count(TRADING_2) == 2


def test_a_session_that_is_lost_while_its_heir_connects_comes_back_by_itself() -> None:
    far = make_aged()
    far.connect(TRADING_2)

    far.venue.closed(TRADING, "reset", far.at)
    told = far.collect()
    far.venue.closed(TRADING_2, "stop", far.at)
    far.requests[TRADING].clear()
    far.wait(S)
    far.open_trading()
    told += far.facts

    assert [close.connection for close in far.closes] == [TRADING_2]
    assert SessionLost in map(type, told)
    assert isinstance(far.facts[-1], SessionOpened)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_an_heir_has_found_out_of_an_instrument_before_it_takes_over_is_told(is_open: bool) -> None:
    far = make_aged()
    definition = DEFINITION if is_open else DEFINITION | {"is_active": False, "state": "halted"}
    if is_open:  # what closed it was heard by the old one alone
        state = {"timestamp": far.at // MS, "instrument_name": "BTC-PERPETUAL", "state": "halted"}
        far.notify(MARKET, "instrument.state.any.any", state)
    far.connect(MARKET_2)
    far.answer(MARKET_2, "public/get_instrument", definition)
    far.subscribe(MARKET_2)
    far.frame(MARKET_2, book_frame(far.at, 3))
    far.venue.closed(MARKET, "stop", far.at)

    told = far.answer(MARKET_2, "public/get_instrument", definition)

    reason = "open" if is_open else "halted"
    assert told == [InstrumentStateChanged(at=far.at, instrument=KEY, is_open=is_open, reason=reason)]


def test_an_instrument_that_is_offered_since_its_heir_came_is_told_when_that_takes_over() -> None:
    far = not_offering("ETH-PERPETUAL", AGED)
    far.live(50 * S, MARKET)
    far.connect(MARKET_2)
    far.answer(MARKET_2, "public/get_instrument", DEFINITION)
    far.answer(MARKET_2, "public/get_instrument", DEFINITION | {"instrument_name": "ETH-PERPETUAL"})
    far.facts.clear()

    far.subscribe(MARKET_2)
    far.frame(MARKET_2, book_frame(far.at, 3))
    far.answer(MARKET_2, "public/get_instrument", DEFINITION | {"instrument_name": "ETH-PERPETUAL"})

    assert [fact.instrument.name for fact in of_kind(far.facts, InstrumentDefined)] == ["ETH-PERPETUAL"]
    assert [fact.is_open for fact in of_kind(far.facts, InstrumentStateChanged)] == [True]


def test_a_book_is_handed_over_without_being_lost() -> None:
    far = make_aged()
    far.connect(MARKET_2)
    far.answer(MARKET_2, "public/get_instrument", DEFINITION)
    far.subscribe(MARKET_2)
    far.book(2, 1, bids=[["new", 9998.0, 10.0]])

    untold = far.frame(MARKET_2, book_frame(far.at, 3))
    told = far.collect()
    far.venue.closed(MARKET, "stop", far.at)

    assert kinds(untold + told) == ["BookSnapshot"]
    assert [close.connection for close in far.closes] == [MARKET]
    assert far.book(4, 3) == [], "nobody listens to the old one any more"
    assert kinds(far.frame(MARKET_2, book_frame(far.at, 4, 3))) == ["BookChanged"]
    assert not of_kind(far.facts, FeedLost)


def test_orphans_are_canceled_over_the_market_connection_of_the_day() -> None:
    far = make_aged()
    far.connect(MARKET_2)
    far.answer(MARKET_2, "public/get_instrument", DEFINITION)
    far.subscribe(MARKET_2)
    far.frame(MARKET_2, book_frame(far.at, 3))

    far.venue.closed(TRADING, "reset", far.at)

    assert labels(far, MARKET_2) == [OURS]
