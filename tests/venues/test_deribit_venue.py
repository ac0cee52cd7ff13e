"""The Deribit machine, told frames and time; the far side is played by hand."""

import gzip
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.command import (
    AskBalance,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
)
from replenisher.model.event import (
    BalanceReported,
    BookChanged,
    BookSnapshot,
    CancelsSent,
    ClockOffset,
    Event,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    LinkAlive,
    NotSent,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
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
    SessionOpened,
    TickerTold,
    TradePrinted,
    TradesReported,
)
from replenisher.model.order import Request, Side, Status
from replenisher.venues.deribit.requests import sign
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import (
    DEFINITION,
    HISTORY,
    KEY,
    MINUTE,
    MS,
    OURS,
    STATUS,
    T0,
    Far,
    Json,
    Recordings,
    S,
    amend,
    cancel,
    kinds,
    make_open,
    order,
    place,
    trade,
)

# --- The public side ---------------------------------------------------------------------------------------------


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


def test_changes_that_name_their_predecessor_are_told() -> None:
    far = make_open()

    told = far.book(5, 1, bids=[["delete", 9999.5, 0.0]], asks=[["change", 10000.5, 2.2e3]])

    assert told == [BookChanged(at=T0, instrument=KEY, venue_time=T0, bids=((19_999, 0),), asks=((20_001, 220),))]


def test_a_change_that_is_told_again_changes_nothing() -> None:
    far = make_open()
    far.book(5, 1, bids=[["new", 9999.0, 10.0]])
    far.book(6, 5, bids=[["delete", 9999.0, 0.0]])

    again = far.book(5, 1, bids=[["new", 9999.0, 10.0]]) + far.book(6, 5, bids=[["delete", 9999.0, 0.0]])

    assert again == []
    assert kinds(far.book(7, 6)) == ["BookChanged"]


def test_a_gap_is_feed_lost_at_once_and_no_book_is_told_until_a_new_snapshot() -> None:
    far = make_open()

    lost = far.book(9, 8, bids=[["new", 9999.0, 10.0]])
    silent = far.book(10, 9) + far.book(11, 10)

    assert kinds(lost) == ["FeedLost"]
    assert silent == []
    # A plain subscribe would give no snapshot, so the venue is asked to forget us first.
    unsubscribe = far.take(MARKET, "public/unsubscribe")
    assert unsubscribe["params"]["channels"] == ["book.BTC-PERPETUAL.raw", "trades.BTC-PERPETUAL.raw"]
    assert not any(request["method"] == "public/subscribe" for request in far.requests[MARKET])
    far.reply(MARKET, unsubscribe, unsubscribe["params"]["channels"])
    far.subscribe()
    assert kinds(far.book(20, bids=[["new", 9998.0, 10.0]])) == ["BookSnapshot"]
    assert kinds(far.book(21, 20)) == ["BookChanged"]


def test_the_last_change_once_more_is_no_gap() -> None:
    far = make_open()
    change = {"bids": [["new", 9999.0, 10.0]]}

    first, again, next_one = far.book(2, 1, **change), far.book(2, 1, **change), far.book(3, 2, **change)

    assert kinds(first + again + next_one) == ["BookChanged", "BookChanged"]


def test_books_that_keep_breaking_are_asked_for_less_and_less_often() -> None:
    far = make_open()
    asked_at = []

    for number in range(6):
        assert kinds(far.book(1000 + number, 999)) == ["FeedLost"]
        begin = far.at
        while not any(request["method"] == "public/unsubscribe" for request in far.requests[MARKET]):
            far.wait(100 * MS)
            far.answer_probes()
        asked_at.append(round((far.at - begin) / S))
        request = far.take(MARKET, "public/unsubscribe")
        far.reply(MARKET, request, request["params"]["channels"])
        far.subscribe()
        far.book(number)

    assert asked_at == [0, 1, 2, 4, 8, 15]


def test_a_snapshot_always_replaces() -> None:
    far = make_open()

    told = far.book(50, bids=[["new", 9000.0, 10.0]])

    assert told == [BookSnapshot(at=T0, instrument=KEY, venue_time=T0, bids=((18_000, 1),), asks=())]


def test_a_price_off_the_grid_drops_the_book_and_asks_for_the_tick_again() -> None:
    far = make_open()

    lost = far.book(2, 1, bids=[["new", 9999.3, 10.0]])
    far.answer(MARKET, "public/get_instrument", DEFINITION | {"tick_size": 0.1})

    assert kinds(lost) == ["FeedLost"]
    redefined = far.facts[-1]
    assert isinstance(redefined, InstrumentDefined)
    assert redefined.instrument.version == 2
    assert redefined.instrument.tick == Decimal("0.1")
    request = far.take(MARKET, "public/unsubscribe")
    far.reply(MARKET, request, request["params"]["channels"])
    far.subscribe()
    (snapshot,) = far.book(9, bids=[["new", 9999.3, 10.0]])
    assert isinstance(snapshot, BookSnapshot)
    assert snapshot.bids == ((99_993, 1),)


def test_a_channel_left_out_of_the_answer_loses_the_feed_and_is_asked_for_again() -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)
    far.define()

    told = far.answer(MARKET, "public/subscribe", ["book.BTC-PERPETUAL.raw"])

    assert [fact for fact in told if isinstance(fact, FeedLost)] == [
        FeedLost(
            at=T0,
            instrument=KEY,
            reason="not subscribed to trades.BTC-PERPETUAL.raw: left out of the answer",
        )
    ]
    assert far.book(1) == []  # half a subscription is not trusted
    assert far.take(MARKET, "public/unsubscribe")


def test_a_subscription_without_a_snapshot_is_asked_for_again() -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)
    far.define()
    far.subscribe()

    told = far.live(6 * S)

    assert [fact.reason for fact in told if isinstance(fact, FeedLost)] == ["subscribed, but no snapshot came"]
    assert far.take(MARKET, "public/unsubscribe")


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


def test_prints_are_told_and_blocks_are_not() -> None:
    far = make_open()
    public = {"instrument_name": "BTC-PERPETUAL", "timestamp": T0 // MS, "price": 10000.5, "amount": 30.0}

    told = far.notify(
        MARKET,
        "trades.BTC-PERPETUAL.raw",
        [
            public | {"trade_id": "1", "direction": "sell"},
            public | {"trade_id": "2", "direction": "buy", "price": 10000.33, "block_trade_id": "b"},
        ],
    )

    assert told == [
        TradePrinted(at=T0, instrument=KEY, venue_time=T0, trade_id="1", price=20_001, quantity=3, taker=Side.SELL)
    ]


def test_an_instrument_closes_and_opens() -> None:
    far = make_open()
    state = {"timestamp": T0 // MS, "instrument_name": "BTC-PERPETUAL"}

    closed = far.notify(MARKET, "instrument.state.any.any", state | {"state": "settled"})
    still = far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "settlement"})
    far.notify(MARKET, "instrument.state.any.any", state | {"state": "started"})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert closed == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="settled")]
    assert still == []
    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_that_is_delivered_is_closed_for_good() -> None:
    far = make_open()

    state = {"timestamp": T0 // MS, "instrument_name": "BTC-PERPETUAL", "state": "closed"}
    closed = far.notify(MARKET, "instrument.state.any.any", state)

    assert closed == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="closed", is_final=True)]


def test_a_locked_index_closes_its_instruments_until_it_is_unlocked() -> None:
    far = make_open()

    elsewhere = far.notify(MARKET, "platform_state", {"price_index": "eth_usd", "locked": True})
    locked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": True})
    far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    unlocked = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert elsewhere == []
    assert locked == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="locked")]
    assert unlocked == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_a_maintenance_closes_everything_until_its_end_is_told() -> None:
    far = make_open()

    begun = far.notify(MARKET, "platform_state", {"maintenance": True})
    unlocked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    far.notify(MARKET, "platform_state", {"maintenance": False})
    over = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert begun == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="maintenance")]
    assert unlocked == []
    assert over == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


@pytest.mark.parametrize("began", [{"maintenance": True}, {"price_index": "btc_usd", "locked": True}])
def test_an_end_that_was_told_while_we_were_away_is_found_out_about(began: dict[str, object]) -> None:
    far = make_open()
    far.notify(MARKET, "platform_state", began)
    far.venue.closed(MARKET, "1012 service restart", far.at)
    far.wait(2 * S)

    far.connect(MARKET)
    far.answer(MARKET, "public/status", STATUS)
    back = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert InstrumentStateChanged(at=far.at, instrument=KEY, is_open=True, reason="open") in back


def test_an_instrument_that_opens_before_its_states_are_told_is_asked_about_again() -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/status", STATUS)
    far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "halted"})

    far.subscribe()
    far.answer(MARKET, "public/status", STATUS)
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


@pytest.mark.parametrize(
    "standing", [{"locked": "true"}, {"locked": True}, {"locked": "partial", "locked_indices": ["btc_usd"]}]
)
def test_a_platform_that_is_locked_when_we_come_is_not_traded_on(standing: dict[str, object]) -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)

    far.answer(MARKET, "public/status", standing)
    told = far.answer(MARKET, "public/get_instrument", DEFINITION)
    unlocked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="locked") in told
    assert unlocked == []
    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_on_which_orders_are_refused_is_closed_until_its_definition_says_otherwise() -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    refused = far.answer(TRADING, "private/buy", error={"code": 11051, "message": "system_maintenance"})
    far.live(6 * S)
    still = far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "halted"})
    far.notify(MARKET, "instrument.state.any.any", {"instrument_name": "BTC-PERPETUAL", "state": "started"})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert refused == [
        InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="11051 system_maintenance"),
        OrderRejected(at=T0, order_id=OURS, reason=RejectReason.HALTED, message="11051 system_maintenance"),
    ]
    assert still == []
    assert opened == [InstrumentStateChanged(at=far.at, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_the_venue_does_not_know_is_told_closed_and_the_others_trade() -> None:
    far = Far("BTC-PERPETUAL", "NO-SUCH")
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/get_instrument", DEFINITION)

    told = far.answer(MARKET, "public/get_instrument", error={"code": 13020, "message": "not_found"})
    far.subscribe()
    far.open_trading()

    assert told[0] == InstrumentStateChanged(
        at=T0, instrument="deribit/NO-SUCH", is_open=False, reason="not offered: 13020 not_found", is_final=True
    )
    assert kinds(far.book(1)) == ["BookSnapshot"]
    assert isinstance(far.facts[-2], SessionOpened)


@pytest.mark.parametrize(("code", "is_open"), [(10028, True), (13028, True), (10041, False), (11051, False)])
def test_an_instrument_that_the_venue_will_not_define_now_is_not_gone_for_good(code: int, is_open: bool) -> None:
    far = make_open()
    far.live(61 * S)

    told = far.answer(MARKET, "public/get_instrument", error={"code": code, "message": "not now"})

    states = [(fact.is_open, fact.is_final) for fact in told if isinstance(fact, InstrumentStateChanged)]
    assert states == ([] if is_open else [(False, False)])
    far.live(6 * S)
    assert far.take(MARKET, "public/get_instrument"), "it is asked again soon"


def test_garbage_ends_the_connection_rather_than_be_guessed_at() -> None:
    far = make_open()

    far.venue.received(TRADING, b'{"jsonrpc": "2.0", "met', far.at)

    assert kinds(far.collect()) == ["SessionLost"]
    assert far.closes[-1].connection == TRADING


def test_a_book_that_cannot_be_read_is_a_lost_book() -> None:
    far = make_open()

    told = far.notify(MARKET, "book.BTC-PERPETUAL.raw", {"type": "change", "bids": "none"})

    assert kinds(told) == ["FeedLost"]
    assert far.closes == []


# --- Recorded books ------------------------------------------------------------------------------------------------


def test_the_recorded_gap_loses_the_feed_and_the_resync_restores_it(recordings: Recordings) -> None:
    lines = recordings("deribit_ws/btc_perpetual_book_raw_5msgs_with_gap.jsonl").read_text().splitlines()
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)
    far.define(tick_size=0.25)  # two orders deep in this book are older than the tick of 0.5
    far.subscribe()

    told: list[Event] = []
    for line in lines[1:]:  # the first one is the answer to the recorder's own subscribe
        far.venue.received(MARKET, line, far.at)
        told += [fact for fact in far.collect() if not isinstance(fact, LinkAlive)]

    assert kinds(told) == ["BookSnapshot", "BookChanged", "BookChanged", "BookChanged", "FeedLost"]
    assert isinstance(told[0], BookSnapshot)
    assert told[0].bids[0] == (4 * 9415 + 2, 7230)
    unsubscribe = far.take(MARKET, "public/unsubscribe")
    far.reply(MARKET, unsubscribe, unsubscribe["params"]["channels"])
    far.subscribe()
    far.venue.received(MARKET, lines[1], far.at)
    assert kinds(far.collect()) == ["BookSnapshot"]


def recorded_books(path: Path) -> Iterator[tuple[str, str]]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            frame = line[line.index(": ") + 2 :] if ": " in line else ""
            if '"channel":"book.' in frame:
                yield json.loads(frame)["params"]["data"]["instrument_name"], frame


def recorded_definitions(path: Path) -> dict[str, Json]:
    definitions = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if "get_instruments" in line and "configuration" not in line:
                for definition in json.loads(line[line.index("{") :])["result"]:
                    definitions[definition["instrument_name"]] = definition
    return definitions


def test_forty_six_recorded_option_books_chain_without_a_gap(recordings: Recordings) -> None:
    frames = list(recorded_books(recordings("cryptofeed_raw/DERIBIT.ws.1.0.txt.gz")))
    definitions = recorded_definitions(recordings("cryptofeed_raw/DERIBIT.0.txt.gz"))
    far = Far(*sorted({name for name, _ in frames}))
    far.venue.start(far.at)
    far.connect(MARKET)
    for name in far.names:
        far.answer(MARKET, "public/get_instrument", definitions[name])
    far.subscribe()

    told: list[Event] = []
    for _, frame in frames:
        far.venue.received(MARKET, frame.encode(), far.at)
        told += [fact for fact in far.collect() if not isinstance(fact, LinkAlive)]

    assert len(frames) == 46
    assert kinds(told).count("BookSnapshot") == len(far.names) == 10
    assert kinds(told).count("BookChanged") == 36
    books: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
    for fact in told:
        assert isinstance(fact, BookSnapshot | BookChanged)
        bids, asks = ({}, {}) if isinstance(fact, BookSnapshot) else books[fact.instrument]
        bids |= dict(fact.bids)
        asks |= dict(fact.asks)
        books[fact.instrument] = (bids, asks)
        best_bid = max((price for price, quantity in bids.items() if quantity), default=0)
        best_ask = min((price for price, quantity in asks.items() if quantity), default=10**9)
        assert best_bid < best_ask


# --- The private side ------------------------------------------------------------------------------------------------


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


def test_a_refused_login_is_told_and_tried_again_later() -> None:
    far = Far()
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(TRADING, far.at)
    far.answer(TRADING, "public/get_time", far.at // MS)

    told = far.answer(TRADING, "public/auth", error={"code": 13004, "message": "invalid_credentials"})

    reason = "refused the login: 13004 invalid_credentials"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=True)]
    far.dialed.clear()
    far.venue.closed(TRADING, "", far.at)
    far.wait(S)
    assert TRADING in far.dialed


def test_a_login_that_the_venue_cannot_judge_now_is_no_refusal_of_the_key() -> None:
    far = Far()
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(TRADING, far.at)
    far.answer(TRADING, "public/get_time", far.at // MS)

    told = far.answer(TRADING, "public/auth", error={"code": 13028, "message": "temporarily_unavailable"})

    reason = "refused the login: 13028 temporarily_unavailable"
    assert told == [SessionLost(at=T0, venue="deribit", reason=reason, is_refusal=False)]


def test_a_login_that_may_not_trade_is_a_refusal_of_the_key_before_anything_is_asked() -> None:
    far = Far()
    far.venue.start(far.at)
    far.collect()
    far.venue.opened(TRADING, far.at)
    far.answer(TRADING, "public/get_time", far.at // MS)
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


def test_changes_that_cannot_be_read_end_the_session_because_they_may_have_been_a_fill() -> None:
    far = make_open()

    told = far.changes([], [{"trade_id": "t1"}])

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


def test_trades_of_more_than_a_day_ago_are_asked_of_the_archive_and_then_the_recent_ones() -> None:
    far = make_open()
    yesterday = T0 - 25 * 3600 * S

    def ask(since: int, by: str = "_and_time") -> Json:
        far.venue.send([AskTrades(scope=KEY, since=since, deadline=far.at + S)], far.at)
        return far.take(TRADING, f"private/get_user_trades_by_instrument{by}")

    def answer(request: Json, *trades: Json, has_more: bool = False) -> bool:
        (told,) = far.reply(TRADING, request, {"trades": [*trades], "has_more": has_more})
        assert isinstance(told, TradesReported)
        return told.has_more

    first = ask(yesterday)
    assert (first["params"]["historical"], answer(first, trade(), has_more=True)) == (True, True)
    second = ask(yesterday + S, by="")
    assert (second["params"]["historical"], answer(second)) == (True, True), "the recent ones are still to come"
    third = ask(yesterday + S)
    assert (third["params"]["historical"], answer(third, trade(trade_id="t2"))) == (False, False)
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


def test_a_login_that_did_not_last_is_renewed_once() -> None:
    far = make_open()
    far.venue.send([place(), cancel()], far.at)

    far.answer(TRADING, "private/buy", error={"code": 13009, "message": "unauthorized"})
    far.answer(TRADING, "private/cancel", error={"code": 13009, "message": "unauthorized"})

    assert [request["method"] for request in far.requests[TRADING]].count("public/auth") == 1
    told = far.answer(TRADING, "public/auth", error={"code": 13004, "message": "invalid_credentials"})
    assert kinds(told) == ["SessionLost"]


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


# --- Whatever the far side does ------------------------------------------------------------------------------------

GOOD: dict[str, object] = {
    "public/get_time": T0 // MS,
    "public/auth": {"refresh_token": "r", "expires_in": 900},
    "public/set_heartbeat": "ok",
    "public/get_instrument": DEFINITION,
    "public/test": {},
    "private/enable_cancel_on_disconnect": "ok",
    "private/get_cancel_on_disconnect": {"scope": "connection", "enabled": True},
    "private/buy": {"order": order(), "trades": [trade()]},
    "private/edit": {"order": order(), "trades": []},
    "private/cancel": order("cancelled"),
    "private/get_position": {"size": 10},
}
ERRORS = st.sampled_from([10004, 10028, 11054, 13004, 13009, 13028, 99999])
GOOD_ANSWER = st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), st.just("good")))
MOVES = st.one_of(
    *[GOOD_ANSWER] * 6,
    st.tuples(st.just("wait"), st.integers(1, 3_000)),
    st.tuples(st.just("carrier"), st.sampled_from(["open", "open", "open", "refuse"])),
    st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), st.sampled_from(["good"] * 8 + ["odd", "none"]))),
    st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), ERRORS)),
    st.tuples(st.just("book"), st.tuples(st.integers(1, 4), st.sampled_from([None, 1, 2, 3]), st.booleans())),
    st.tuples(st.just("frame"), st.sampled_from([b'{"id":1}', b'{"id":1,"result":7}', b'{"method":"x"}', b"[]"])),
    st.tuples(st.just("drop"), st.sampled_from([MARKET, TRADING])),
    st.tuples(st.just("suspend"), st.none()),
    st.tuples(st.just("send"), st.sampled_from([place(), amend(), cancel(), AskPosition(scope=KEY, deadline=T0)])),
)


class Chaos:
    """A far side that does as it likes, and what must hold whatever it does."""

    def __init__(self, begins_open: bool) -> None:
        self.far = make_open() if begins_open else Far()
        self.dialing: list[str] = []
        self.up: set[str] = {MARKET, TRADING} if begins_open else set()
        self.dialed = len(self.far.dialed)
        self.has_book = self.has_session = begins_open
        self.asked = self.told_of_questions = 0
        if not begins_open:
            self.far.venue.start(self.far.at)
            self.look(self.far.collect())

    def look(self, told: list[Event]) -> None:
        for fact in told:
            match fact:
                case BookSnapshot():
                    self.has_book = True
                case FeedLost():
                    self.has_book = False
                case BookChanged():
                    assert self.has_book, "a change was told of a book that nobody has"
                case SessionOpened():
                    self.has_session = True
                case SessionLost():
                    self.has_session = False
                case PositionReported() | QuestionFailed():
                    self.told_of_questions += 1
        self.dialing += self.far.dialed[self.dialed :]
        self.dialed = len(self.far.dialed)
        for close in self.far.closes:
            self.hang_up(close.connection)
        self.far.closes.clear()

    def hang_up(self, connection: str) -> None:
        if connection in self.up or connection in self.dialing:
            self.up.discard(connection)
            self.dialing = [other for other in self.dialing if other != connection]
            self.far.requests[connection].clear()
            self.far.venue.closed(connection, "gone", self.far.at)
            self.look(self.far.collect())

    def move(self, kind: str, what: Any) -> None:
        far = self.far
        match kind:
            case "wait":
                self.look(far.wait(what * MS))
            case "carrier" if self.dialing:
                connection = self.dialing[0]
                if what == "open":
                    self.dialing.pop(0)
                    self.up.add(connection)
                    far.venue.opened(connection, far.at)
                    self.look(far.collect())
                else:
                    self.hang_up(connection)
            case "answer":
                self.answer(*what)
            case "book" if MARKET in self.up:
                change_id, previous, on_grid = what
                self.look(far.book(change_id, previous, bids=[["new", 9999.5 if on_grid else 9999.7, 10.0]]))
            case "frame":
                for connection in sorted(self.up):
                    if connection in self.up:
                        far.venue.received(connection, what, far.at)
                        self.look(far.collect())
            case "drop":
                self.hang_up(what)
            case "suspend":
                far.venue.suspended(far.at)
                self.look(far.collect())
            case "send":
                self.send(what)

    def answer(self, number: int, how: str | int) -> None:
        waiting = [(connection, request) for connection in sorted(self.up) for request in self.far.requests[connection]]
        if not waiting:
            return
        connection, request = waiting[number % len(waiting)]
        self.far.requests[connection].remove(request)
        if isinstance(how, int):
            self.look(self.far.reply(connection, request, error={"code": how, "message": "no"}))
        else:
            good = request["params"].get("channels", GOOD.get(request["method"]))
            result = {"good": good, "odd": {"odd": 1}, "none": None}[how]
            self.look(self.far.reply(connection, request, result))

    def send(self, command: Any) -> None:
        before = len(self.far.requests[TRADING])
        had_session = self.has_session
        self.far.venue.send([command], self.far.at)
        told = self.far.collect()
        if isinstance(command, AskPosition):
            self.asked += 1
        elif had_session:
            assert told == []
            assert len(self.far.requests[TRADING]) == before + 1
        else:
            assert kinds(told) == ["NotSent"], "an order must not leave without a session"
            assert len(self.far.requests[TRADING]) == before
        self.look(told)


@given(st.booleans(), st.lists(MOVES, max_size=120))
def test_whatever_the_far_side_does_the_machine_keeps_its_promises(
    begins_open: bool, moves: list[tuple[str, Any]]
) -> None:
    chaos = Chaos(begins_open)

    for kind, what in moves:
        chaos.move(kind, what)
    chaos.far.venue.stop(chaos.far.at)
    chaos.look(chaos.far.collect())

    assert chaos.told_of_questions == chaos.asked, "every question has exactly one end"
    assert chaos.far.venue.next_wake is None
    assert not chaos.has_session


# --- What is only watched ----------------------------------------------------------------------------------------


def test_what_is_only_watched_has_a_book_and_perhaps_a_ticker_and_no_channel_of_our_own_orders() -> None:
    far = Far("BTC-PERPETUAL", followed=["BTC-25JUN27"], tickers=["BTC-PERPETUAL"])
    far.venue.start(far.at)
    far.connect(MARKET)
    far.define()
    public = far.take(MARKET, "public/subscribe")["params"]["channels"]
    far.connect(TRADING)
    far.answer(TRADING, "private/enable_cancel_on_disconnect", "ok")
    far.answer(TRADING, "private/get_cancel_on_disconnect", {"scope": "connection", "enabled": True})
    private = far.take(TRADING, "private/subscribe")["params"]["channels"]

    assert {"book.BTC-25JUN27.raw", "book.BTC-PERPETUAL.raw", "ticker.BTC-PERPETUAL.100ms"} <= set(public)
    assert "ticker.BTC-25JUN27.100ms" not in public
    assert private == ["user.changes.BTC-PERPETUAL.raw"]


def test_a_ticker_tells_index_mark_and_funding() -> None:
    far = make_open()
    data = {
        "timestamp": T0 // MS,
        "instrument_name": "BTC-PERPETUAL",
        "index_price": 60_001.5,
        "mark_price": 60_000.25,
        "funding_8h": -0.0001,
        "state": "open",
    }

    told = far.notify(MARKET, "ticker.BTC-PERPETUAL.100ms", data)
    also = far.notify(MARKET, "ticker.BTC-PERPETUAL.100ms", {"timestamp": T0 // MS, "index_price": None})

    assert [(fact.index, fact.mark, fact.funding_8h) for fact in told if isinstance(fact, TickerTold)] == [
        (60_001.5, 60_000.25, -0.0001)
    ]
    assert [(fact.index, fact.mark, fact.funding_8h) for fact in also if isinstance(fact, TickerTold)] == [
        (None, None, None)
    ]
