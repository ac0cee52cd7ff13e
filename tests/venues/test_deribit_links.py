"""Deribit's two connections, told frames and time: how they open, log in, prove that they live, and end."""

import itertools
import json

import pytest

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    Event,
    LinkAlive,
    OrderRejected,
    RejectReason,
    SessionLost,
    SessionOpened,
)
from replenisher.venues.deribit.link import LAPSES_MAX
from replenisher.venues.deribit.requests import sign
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import DEFINITION, KEY, MINUTE, MS, STATUS, T0, Far, S, cancel, kinds, make_open, place


def test_a_market_opens_with_clock_login_definition_and_snapshot() -> None:
    far = Far(skew_ns=250 * MS)
    far.venue.start(far.at)

    far.open_market()

    assert far.dialed == [MARKET, TRADING]
    assert kinds(far.facts) == [
        "ClockOffset",
        "InstrumentDefined",
        "InstrumentStateChanged",
        "LinkAlive",
        "BookSnapshot",
    ]
    assert far.facts[0] == ClockOffset(at=T0, venue="deribit", offset_ns=250 * MS)
    snapshot = far.facts[-1]
    assert snapshot == BookSnapshot(at=T0, instrument=KEY, venue_time=T0, bids=((19_999, 10),), asks=((20_001, 20),))


def test_who_has_no_key_hears_the_market_in_public_and_nothing_else() -> None:
    far = Far(tickers=["BTC-PERPETUAL"], key=None)
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(MARKET, far.at)
    far.answer(MARKET, "public/get_time", far.at // MS)
    far.answer(MARKET, "public/set_heartbeat", "ok")
    far.answer(MARKET, "public/status", STATUS)
    far.define()
    channels = ["book.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.100ms", "ticker.BTC-PERPETUAL.100ms"]
    subscription = far.take(MARKET, "public/subscribe")
    far.reply(MARKET, subscription, subscription["params"]["channels"])

    told = far.book(1, bids=[["new", 9999.5, 100.0]], asks=[["new", 10000.5, 200.0]])
    far.live(20 * MINUTE, MARKET)

    assert set(channels) < set(subscription["params"]["channels"])
    assert kinds(told)[-1] == "BookSnapshot"
    assert far.dialed == [MARKET]
    asked = {request["method"] for requests in far.requests.values() for request in requests}
    assert not [method for method in asked if not method.startswith("public/") or method == "public/auth"]
    far.venue.suspended(far.at)
    assert kinds(far.collect()) == ["FeedLost"]
    far.venue.stop(far.at)
    assert far.venue.next_wake is None


def test_a_key_that_only_reads_asks_for_no_right_to_order_and_hears_each_change() -> None:
    far = Far(key=Credentials("me", "secret", only_reads=True))
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(MARKET, far.at)
    far.answer(MARKET, "public/get_time", far.at // MS)
    login = far.take(MARKET, "public/auth")
    token = {"refresh_token": "r", "access_token": "a", "expires_in": 900, "scope": "connection trade:read"}
    told = far.reply(MARKET, login, token)
    far.answer(MARKET, "public/status", STATUS)
    far.define()
    channels = far.take(MARKET, "public/subscribe")["params"]["channels"]

    assert login["params"]["scope"] == "connection trade:read"
    assert "SessionLost" not in kinds(told)
    assert {"book.BTC-PERPETUAL.raw", "trades.BTC-PERPETUAL.raw"} < set(channels)
    assert far.dialed == [MARKET]


def test_who_follows_another_life_waits_until_two_logins_can_be_paid() -> None:
    far = Far()
    far.venue.start(far.at, follows=True)
    far.collect()
    assert far.dialed == []

    waits_ns = (far.venue.next_wake or 0) - far.at
    far.wait(waits_ns - MS)
    assert far.dialed == []
    far.wait(MS)

    assert far.dialed == [MARKET, TRADING]
    assert waits_ns == 2 * 3 * 500 * S // 8_000  # the time, the login and the heartbeat of each connection


def test_the_login_is_signed_with_a_time_the_venue_will_accept() -> None:
    far = Far(skew_ns=60 * S)
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(MARKET, far.at)
    far.answer(MARKET, "public/get_time", (far.at + 60 * S) // MS)

    login = far.take(MARKET, "public/auth")["params"]

    assert login["grant_type"] == "client_signature"
    assert login["timestamp"] == (T0 + 60 * S) // MS
    assert login["signature"] == sign("secret", login["timestamp"], login["nonce"])
    assert "secret" not in json.dumps(login)


def test_a_quiet_book_stays_trusted_because_the_venue_answers_probes() -> None:
    far = make_open()
    alive = []

    for _ in range(50):
        far.wait(100 * MS)
        alive += [fact.at for fact in far.answer_probes() if isinstance(fact, LinkAlive)]

    assert 4 <= len(alive) <= 10
    assert max(later - earlier for earlier, later in itertools.pairwise(alive)) < 2 * S


def test_a_busy_venue_is_not_called_alive_with_every_frame() -> None:
    far = make_open()
    told: list[Event] = []

    for number in range(1, 101):
        far.at += 10 * MS
        told += far.book(number + 1, number)

    assert len([fact for fact in told if isinstance(fact, BookChanged)]) == 100
    assert len([fact for fact in told if isinstance(fact, LinkAlive)]) == 2


def test_a_dead_connection_is_closed_told_and_dialed_again() -> None:
    far = make_open()

    told = far.wait(20 * S)

    assert {(close.connection, close.reason) for close in far.closes} == {
        (MARKET, "does not answer"),
        (TRADING, "does not answer"),
    }
    assert kinds(told) == ["FeedLost", "SessionLost"]
    assert far.book(2, 1) == []  # nobody listens to a connection that was given up
    far.venue.closed(MARKET, "closed", far.at)
    far.wait(S)
    assert far.dialed == [MARKET, TRADING, MARKET]


def test_a_trading_connection_that_speaks_and_does_not_hear_us_is_lost_within_seconds() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    told: list[Event] = []

    for _ in range(40):
        told += far.wait(100 * MS)
        far.frame(TRADING, {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "heartbeat"}})
        far.answer_probes(MARKET)

    (lost,) = [fact for fact in told if isinstance(fact, SessionLost)]
    assert lost.at - T0 == 4 * S  # doubted after one second, given up three seconds later
    assert [close.connection for close in far.closes] == [TRADING]


def test_orders_that_the_venue_takes_its_time_to_answer_cost_no_session() -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    told = far.live(10 * S)

    assert not any(isinstance(fact, SessionLost) for fact in told)


def test_a_session_that_was_ended_for_its_requests_is_not_opened_again_at_once() -> None:
    far = make_open()
    far.at += 20 * S
    far.venue.send([place(far.at)], far.at)

    refused = far.answer(TRADING, "private/buy", error={"code": 10028, "message": "too_many_requests"})
    far.venue.closed(TRADING, "1008 too_many_requests", far.at)
    lost = far.collect()
    far.wait(5 * S)
    dialed_within_5s = far.dialed.count(TRADING)
    far.wait(S)

    assert [fact.reason for fact in refused if isinstance(fact, OrderRejected)] == [RejectReason.RATE]
    assert kinds(lost) == ["SessionLost"]
    assert dialed_within_5s == 1
    assert far.dialed.count(TRADING) == 2


def test_a_test_request_is_answered() -> None:
    far = make_open()
    far.requests[TRADING].clear()

    far.frame(TRADING, {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}})

    assert far.take(TRADING, "public/test")


def test_garbage_ends_the_connection_rather_than_be_guessed_at() -> None:
    far = make_open()

    far.venue.received(TRADING, b'{"jsonrpc": "2.0", "met', far.at)

    assert kinds(far.collect()) == ["SessionLost"]
    assert far.closes[-1].connection == TRADING


def test_a_session_is_open_only_when_the_switch_is_verified_and_the_channels_are_acknowledged() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.connect(TRADING)

    armed = far.answer(TRADING, "private/enable_cancel_on_disconnect", "ok")
    verified = far.answer(TRADING, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": True})
    opened = far.answer(TRADING, "private/subscribe", ["user.changes.BTC-PERPETUAL.raw"])

    assert armed == verified == []
    assert opened == [SessionOpened(at=T0, venue="deribit")]


@pytest.mark.parametrize("first", [MARKET, TRADING])
def test_either_connection_may_come_up_first(first: str) -> None:
    far = Far()
    far.venue.start(far.at)
    if first == MARKET:
        far.open_market()
        far.open_trading()
    else:
        far.connect(TRADING)
        far.answer(TRADING, "private/enable_cancel_on_disconnect", "ok")
        far.answer(TRADING, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": True})
        far.open_market()
        far.answer(TRADING, "private/subscribe", ["user.changes.BTC-PERPETUAL.raw"])

    assert SessionOpened(at=T0, venue="deribit") in far.facts


def test_a_switch_that_stays_off_opens_no_session() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.connect(TRADING)
    far.answer(TRADING, "private/enable_cancel_on_disconnect", "ok")

    told = far.answer(TRADING, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": False})

    assert kinds(told) == ["SessionLost"]
    assert far.closes[-1].connection == TRADING


def test_a_private_channel_left_out_of_the_answer_opens_no_session() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.connect(TRADING)
    far.answer(TRADING, "private/enable_cancel_on_disconnect", "ok")
    far.answer(TRADING, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": True})

    told = far.answer(TRADING, "private/subscribe", [])

    assert told == [SessionLost(at=T0, venue="deribit", reason="not subscribed to user.changes.BTC-PERPETUAL.raw")]


def logging_in() -> Far:
    """A venue that has told its clock and is asked to let us in."""
    far = Far()
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(TRADING, far.at)
    far.answer(TRADING, "public/get_time", far.at // MS)
    return far


def test_a_refused_login_is_told_and_tried_again_later() -> None:
    far = logging_in()

    told = far.answer(TRADING, "public/auth", error={"code": 13004, "message": "invalid_credentials"})

    reason = "refused the login: 13004 invalid_credentials"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=True)]
    far.dialed.clear()
    far.venue.closed(TRADING, "", far.at)
    far.wait(S)
    assert TRADING in far.dialed


def test_a_login_that_the_venue_cannot_judge_now_is_no_refusal_of_the_key() -> None:
    far = logging_in()

    told = far.answer(TRADING, "public/auth", error={"code": 13028, "message": "temporarily_unavailable"})

    reason = "refused the login: 13028 temporarily_unavailable"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=False)]


def test_a_login_that_may_not_trade_is_a_refusal_of_the_key_before_anything_is_asked() -> None:
    far = logging_in()
    token = {"refresh_token": "r", "access_token": "a", "expires_in": 900, "scope": "account:read_write trade:read"}

    told = far.answer(TRADING, "public/auth", token)

    reason = "refused the key the right to trade: account:read_write trade:read"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=True)]
    assert not far.requests[TRADING]


def test_a_key_that_may_only_read_is_a_refusal() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.connect(TRADING)

    scope = {"code": 13403, "message": "scope_exceeded"}
    told = far.answer(TRADING, "private/enable_cancel_on_disconnect", error=scope)

    reason = "refused to arm cancel-on-disconnect: 13403 scope_exceeded"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=True)]


def test_a_login_that_has_lapsed_before_all_is_subscribed_is_no_refusal_of_the_key() -> None:
    far = Far()
    far.venue.start(far.at)
    far.open_market()
    far.connect(TRADING)

    lapsed = {"code": 13009, "message": "unauthorized"}
    told = far.answer(TRADING, "private/enable_cancel_on_disconnect", error=lapsed)

    reason = "refused to arm cancel-on-disconnect: 13009 unauthorized"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=False)]


def test_a_login_is_renewed_before_it_expires() -> None:
    far = make_open()
    renewed = 0

    for _ in range(72 * 11):
        far.wait(S)
        far.answer_chores()
        for connection in (MARKET, TRADING):
            for request in list(far.requests[connection]):
                if request["method"] == "public/get_instrument":
                    far.requests[connection].remove(request)
                    far.reply(connection, request, DEFINITION)
                elif request["method"] == "public/auth":
                    assert request["params"] == {"grant_type": "refresh_token", "refresh_token": "r"}
                    far.requests[connection].remove(request)
                    far.reply(connection, request, {"refresh_token": "r2", "expires_in": 900})
                    renewed += 1

    assert renewed == 2
    assert far.closes == []


def test_a_login_that_did_not_last_is_renewed_once() -> None:
    far = make_open()
    far.venue.send([place(), cancel()], far.at)

    far.answer(TRADING, "private/buy", error={"code": 13009, "message": "unauthorized"})
    far.answer(TRADING, "private/cancel", error={"code": 13009, "message": "unauthorized"})

    assert [request["method"] for request in far.requests[TRADING]].count("public/auth") == 1
    told = far.answer(TRADING, "public/auth", error={"code": 13004, "message": "invalid_credentials"})
    assert kinds(told) == ["SessionLost"]


def test_a_key_whose_logins_are_granted_and_never_last_is_refused() -> None:
    far = make_open()
    lapsed = {"code": 13009, "message": "unauthorized"}
    for _ in range(LAPSES_MAX - 1):
        far.venue.send([place(far.at)], far.at)
        assert "SessionLost" not in kinds(far.answer(TRADING, "private/buy", error=lapsed))
        far.answer(TRADING, "public/auth", {"refresh_token": "r", "expires_in": 900})

    far.venue.send([place(far.at)], far.at)
    told = far.answer(TRADING, "private/buy", error=lapsed)

    assert kinds(told) == ["OrderRejected", "SessionLost"], "and what became of the order is known"
    assert told[-1].is_refusal and "granted the login 5 times in a minute" in told[-1].reason


def test_after_a_suspension_both_connections_start_over() -> None:
    far = make_open()
    far.at += 3600 * S

    far.venue.suspended(far.at)
    told = far.collect()
    far.venue.closed(MARKET, "suspended", far.at)
    far.venue.closed(TRADING, "suspended", far.at)
    far.wait(S)

    assert kinds(told) == ["FeedLost", "SessionLost"]
    assert far.dialed == [MARKET, TRADING, MARKET, TRADING]


def test_the_clock_is_measured_again_and_a_slow_answer_does_not_move_it() -> None:
    far = make_open()
    far.live(60 * S - 100 * MS)
    far.wait(100 * MS)
    quick, slow = far.take(MARKET, "public/get_time"), far.take(TRADING, "public/get_time")

    far.at += MS
    told = far.reply(MARKET, quick, far.at // MS)
    far.at += 2 * S
    untold = far.reply(TRADING, slow, far.at // MS)

    assert kinds(told).count("ClockOffset") == 1
    assert kinds(untold).count("ClockOffset") == 0


def test_a_stopped_venue_closes_both_connections_and_dials_none() -> None:
    far = make_open()

    far.venue.stop(far.at)
    far.collect()
    far.venue.closed(MARKET, "stop", far.at)
    far.venue.closed(TRADING, "stop", far.at)
    told = far.wait(60 * S)

    assert {close.connection for close in far.closes} == {MARKET, TRADING}
    assert told == []
    assert far.venue.next_wake is None
    assert far.dialed == [MARKET, TRADING]


def test_a_secret_does_not_appear_in_what_is_printed() -> None:
    assert "secret" not in repr(Credentials("me", "secret"))
