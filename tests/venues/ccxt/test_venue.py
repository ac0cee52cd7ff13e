"""The venue's streams and session: how they begin, what ends them, and what is told meanwhile."""

import pytest

from replenisher.model.event import (
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    NotSent,
    OpenOrdersReported,
    OrderFilled,
    OrderWorking,
    SessionLost,
    SessionOpened,
    TradePrinted,
)
from replenisher.model.order import Request
from replenisher.venues.ccxt.calls import Failure
from replenisher.venues.ccxt.exchanges import Traits
from replenisher.venues.ccxt.link import Exchange, Settings
from tests.venues.ccxt.given import KEY, MARKET, MS, NAME, T0, Desk, S, cancel, exchange, order, place, trade

BID, ASK = [[60000.0, 1.0], [59999.0, 2.0]], [[60000.1, 1.0], [60001.0, 2.0]]


# --- Beginning ---------------------------------------------------------------------------------------------------


def test_a_session_begins_with_markets_clock_and_a_first_private_question() -> None:
    desk = Desk()
    desk.venue.start(T0)

    assert desk.calls() == ["load_markets"]
    desk.answer("load_markets", {"BTC/USDT": MARKET})
    assert desk.one(InstrumentDefined).instrument.key == KEY
    desk.at += 20 * MS
    desk.answer("fetch_time", (T0 + 10 * MS + 3 * S) // MS)
    assert desk.one(ClockOffset).offset_ns == 3 * S
    assert [watch.method for watch in desk.streams] == ["watch_order_book", "watch_trades"]
    desk.answer("fetch_balance", {})
    assert desk.call("cancel_order").arguments == ("0", MARKET["symbol"])
    desk.venue.answered(4, {}, desk.at)

    assert desk.one(SessionOpened).venue == "x"
    assert [watch.method for watch in desk.streams[2:]] == ["watch_orders", "watch_my_trades"]


def test_a_life_that_follows_another_begins_a_second_later() -> None:
    desk = Desk()
    desk.venue.start(T0, follows=True)
    assert desk.calls() == []

    desk.later(S - 1)
    assert desk.calls() == []
    desk.later(1)

    assert desk.calls() == ["load_markets"]


def test_a_symbol_that_the_exchange_lacks_is_told_for_good() -> None:
    desk = Desk()
    desk.venue.start(T0)
    desk.answer("load_markets", {"BTC/USDC": MARKET | {"symbol": "BTC/USDC", "id": "BTCUSDC"}})

    told = next(fact for fact in desk.heard() if isinstance(fact, InstrumentStateChanged))

    assert (told.is_open, told.is_final) == (False, True)
    assert told.reason == "not offered, did you mean BTC/USDC?"


@pytest.mark.parametrize("first", ["traded", "followed"])
def test_one_market_by_two_names_is_refused_for_good_and_both_are_told(first: str) -> None:
    by_id = {"symbol": MARKET["id"]}  # as a configuration may name it
    desk = Desk(others=[by_id]) if first == "traded" else Desk(followed=[by_id])
    desk.venue.start(T0)
    for _ in range(2):  # and at the next look at what is offered, too
        desk.answer("load_markets", {"BTC/USDT": MARKET})
        desk.answer("fetch_time", desk.at // MS)
        desk.venue.suspended(desk.at)
        desk.later(2 * S)

    told = [fact for fact in desk.heard() if isinstance(fact, InstrumentStateChanged) and not fact.is_open]

    assert [(fact.instrument, fact.is_final) for fact in told] == [("x/BTCUSDT", True)]
    assert told[0].reason.startswith(f"it is the same market as {KEY}, and each name has limits of its own")


@pytest.mark.parametrize(("kind", "is_refusal"), [("AuthenticationError", True), ("RequestTimeout", False)])
def test_a_key_that_is_refused_is_no_use_again_and_a_lost_answer_is(kind: str, is_refusal: bool) -> None:
    desk = Desk()
    desk.venue.start(T0)
    desk.answer("load_markets", {"BTC/USDT": MARKET})
    desk.answer("fetch_time", T0 // MS)
    desk.fail("fetch_balance", kind)

    assert desk.one(SessionLost).is_refusal is is_refusal
    desk.later(1 * S)
    assert "load_markets" in desk.calls()


def test_an_answer_to_a_login_of_streams_that_have_ended_opens_no_second_session() -> None:
    desk = Desk()
    desk.venue.start(T0)
    desk.answer("load_markets", {"BTC/USDT": MARKET})
    desk.answer("fetch_time", desk.at // MS)
    late = desk.call("fetch_balance")
    desk.cut("a socket ended")
    desk.again()
    assert desk.one(SessionOpened).venue == "x"

    desk.venue.answered(late.number, {}, desk.at)

    assert "cancel_order" not in desk.calls()
    assert desk.heard() == []


@pytest.mark.parametrize("is_login", [True, False])
def test_a_failure_of_a_login_of_streams_that_have_ended_ends_no_session(is_login: bool) -> None:
    desk = Desk()
    desk.venue.start(T0)
    desk.answer("load_markets", {"BTC/USDT": MARKET})
    desk.answer("fetch_time", desk.at // MS)
    late = desk.call("fetch_balance")
    if not is_login:
        desk.venue.answered(late.number, {}, desk.at)
        late = desk.call("cancel_order")
    desk.cut("a socket ended")
    desk.again()
    desk.heard()

    desk.venue.failed(late.number, Failure("RequestTimeout", "late"), desk.at)

    assert desk.heard() == []


def test_attempts_are_further_and_further_apart() -> None:
    desk = Desk()
    desk.venue.start(T0)
    attempts = []
    while len(attempts) < 10:
        desk.fail("load_markets", "ExchangeNotAvailable")
        begun = desk.at
        while "load_markets" not in desk.calls():
            desk.later(100 * MS)
        attempts.append(desk.at - begun)

    assert attempts == sorted(attempts)
    assert attempts[0] <= 1 * S and 15 * S <= attempts[-1] <= 31 * S


# --- Books -------------------------------------------------------------------------------------------------------


def test_of_what_is_only_followed_the_book_is_told_and_nothing_of_ours_is_asked_or_watched() -> None:
    followed = MARKET | {"id": "ETHUSDT", "symbol": "ETH/USDT", "base": "ETH"}
    desk = Desk(followed=[followed]).up()
    desk.venue.watched("book ETH/USDT", {"bids": BID, "asks": ASK, "timestamp": T0 // MS, "nonce": None}, desk.at)

    assert desk.one(BookSnapshot).instrument == "x/ETH/USDT"
    private = [watch.stream for watch in desk.streams if not watch.stream.startswith(("book ", "trades "))]
    assert private == ["orders x/BTC/USDT", "fills x/BTC/USDT"]
    desk.later(60 * S)
    asked = [invoke for invoke in desk.invoked if "ETH/USDT" in invoke.arguments]
    assert {invoke.method for invoke in asked} <= {"fetch_order_book", "fetch_trades"}


def test_a_watched_book_is_told_and_what_makes_it_doubtful_begins_the_streams_anew_but_not_the_session() -> None:
    desk = Desk().up()
    desk.book(BID, ASK)
    assert desk.one(BookSnapshot).bids == ((600_000, 1000), (599_990, 2000))

    desk.book(ASK, BID)

    told = desk.heard()
    assert [type(fact) for fact in told] == [FeedLost]
    assert desk.restarts == ["the book of BTC/USDT: it is crossed"]
    desk.venue.send([cancel()], desk.at)
    assert "cancel_order" in desk.calls()  # what rests is not left to a broken feed


def test_streams_that_begin_anew_are_all_watched_again_with_nothing_old() -> None:
    desk = Desk().up()
    desk.book(BID, ASK, timestamp=T0 // MS + 5000)
    desk.cut("a socket ended")
    assert desk.one(FeedLost).reason == "a socket ended"
    desk.streams.clear()

    desk.later(1 * S)
    desk.answer("load_markets", {"BTC/USDT": MARKET})
    desk.answer("fetch_time", desk.at // MS)
    methods = [watch.method for watch in desk.streams] + desk.calls()
    desk.book([[59000.0, 1.0]], [[59001.0, 1.0]], timestamp=T0 // MS)

    assert {"watch_order_book", "watch_trades", "watch_orders", "watch_my_trades", "fetch_open_orders"} <= set(methods)
    snapshot = next(fact for fact in desk.heard() if isinstance(fact, BookSnapshot))
    assert snapshot.bids == ((590_000, 1000),)


def test_a_quiet_book_is_asked_for_and_told_as_todays() -> None:
    desk = Desk().up()
    desk.book(BID, ASK)
    desk.heard()

    desk.later(1100 * MS)
    desk.answer("fetch_order_book", {"bids": BID, "asks": ASK, "timestamp": None})

    assert desk.one(BookSnapshot).at == desk.at


def test_a_stream_that_has_gone_deaf_is_found_out_by_asking() -> None:
    desk = Desk().up()
    desk.book(BID, ASK)
    moved = {"bids": [[60010.0, 1.0], [60000.0, 9.0]], "asks": [[60010.1, 1.0], [60020.0, 1.0]], "timestamp": None}
    for _ in range(20):
        desk.later(500 * MS)
        while "fetch_order_book" in desk.calls():
            desk.answer("fetch_order_book", moved)
        if desk.restarts:
            break

    assert desk.restarts[0].startswith("the book of BTC/USDT: the exchange answers otherwise than")
    assert desk.at - T0 < 6 * S


def test_a_stream_that_never_speaks_is_begun_anew() -> None:
    desk = Desk().up()

    desk.later(6 * S)

    assert desk.restarts == ["BTC/USDT: no book for 5.0 s"]


def test_where_there_is_no_stream_a_book_is_polled_and_is_as_old_as_the_question() -> None:
    desk = Desk(exchange("watchOrderBook")).up()
    desk.later(1)
    asked_at = desk.at
    desk.at += 400 * MS
    desk.answer("fetch_order_book", {"bids": BID, "asks": ASK, "timestamp": None})

    told = desk.one(BookSnapshot)
    assert abs(told.at - asked_at) <= 1 and told.venue_time == told.at
    desk.later(700 * MS)
    assert "fetch_order_book" in desk.calls()  # and again, a second after the first question


def test_a_polled_book_that_stays_away_is_lost() -> None:
    desk = Desk(exchange("watchOrderBook"), Settings(poll_ns=500 * MS, late_ns=2 * S)).up()
    desk.later(1)
    desk.answer("fetch_order_book", {"bids": BID, "asks": ASK, "timestamp": None})
    desk.heard()

    desk.later(900 * MS)
    desk.fail("fetch_order_book", "RequestTimeout")
    desk.later(1500 * MS)

    assert desk.one(FeedLost).reason == "no book for 2.0 s"


def test_prints_are_told_once_each_by_stream_or_by_asking() -> None:
    public = {"id": "p1", "timestamp": T0 // MS, "side": "sell", "price": 60000.0, "amount": 0.5}
    watched = Desk().up()
    watched.watch("trades", [public])
    watched.watch("trades", [public, public | {"id": "p2"}])
    polled = Desk(exchange("watchTrades")).up()
    polled.later(1)
    polled.answer("fetch_trades", [public])
    polled.later(1 * S)
    polled.answer("fetch_trades", [public, public | {"id": "p2"}])

    for desk in (watched, polled):
        assert [fact.trade_id for fact in desk.heard() if isinstance(fact, TradePrinted)] == ["p1", "p2"]


def test_a_price_off_the_grid_loses_the_book_and_the_markets_are_read_again() -> None:
    desk = Desk().up()
    desk.book([[60000.05, 1.0]], ASK)
    assert "not on a grid" in desk.restarts[0]
    desk.later(1 * S)
    desk.answer("load_markets", {"BTC/USDT": MARKET | {"precision": {"price": 0.05, "amount": 0.001}}})

    defined = desk.one(InstrumentDefined).instrument
    assert (str(defined.tick), defined.version) == ("0.05", 2)


def test_an_instrument_that_is_defined_anew_loses_the_book_that_counts_in_the_old_ticks() -> None:
    desk = Desk(settings=Settings(markets_every_ns=S)).up()
    desk.book(BID, ASK)
    desk.heard()

    desk.later(S)
    desk.answer("load_markets", {"BTC/USDT": MARKET | {"precision": {"price": 0.01, "amount": 0.001}}})

    assert [type(fact) for fact in desk.heard()] == [FeedLost, InstrumentDefined]
    assert desk.restarts == ["an instrument was defined anew"]


# --- What is ours ------------------------------------------------------------------------------------------------


def test_orders_and_fills_are_told_by_their_streams() -> None:
    desk = Desk().up()
    desk.watch("orders", [order()])
    desk.watch("fills", [trade()])
    working, fill = desk.heard()

    assert isinstance(working, OrderWorking) and isinstance(fill, OrderFilled)
    assert (working.order_id, working.price, working.quantity) == (NAME, 600_000, 10)
    assert (fill.order_id, fill.trade_id, fill.fee_currency) == (NAME, "t1", "USDT")


def test_an_execution_counts_once_whoever_tells_it_first() -> None:
    desk = Desk().up()
    desk.watch("fills", [trade("t1")])
    desk.later(1)
    desk.answer("fetch_my_trades", [trade("t1"), trade("t2")])
    desk.watch("fills", [trade("t1"), trade("t2")])

    assert [fact.trade_id for fact in desk.heard() if isinstance(fact, OrderFilled)] == ["t1", "t2"]


def test_where_there_is_no_stream_of_fills_they_are_asked_for_and_at_once_when_an_order_shows_one() -> None:
    desk = Desk(exchange("watchMyTrades", "watchOrders")).up()
    desk.later(1)
    desk.answer("fetch_open_orders", [order()])
    desk.answer("fetch_my_trades", [])
    desk.later(1 * S)
    desk.answer("fetch_my_trades", [trade()])
    told = desk.heard()

    assert [fact.order_id for fact in told if isinstance(fact, OrderFilled)] == [NAME]
    assert any(isinstance(fact, OpenOrdersReported) for fact in told)

    desk = Desk(exchange("watchMyTrades")).up()
    desk.later(1)
    desk.answer("fetch_my_trades", [])
    desk.watch("orders", [order(filled=0.004)])
    desk.later(1)
    assert "fetch_my_trades" in desk.calls()


def test_a_stream_that_leaves_out_the_fee_makes_us_ask_for_it() -> None:
    desk = Desk().up()
    desk.later(1)
    desk.answer("fetch_my_trades", [])
    desk.watch("fills", [trade(fee=None)])
    assert [fact for fact in desk.heard() if isinstance(fact, OrderFilled)] == []

    desk.later(1)
    desk.answer("fetch_my_trades", [trade()])

    assert desk.one(OrderFilled).fee_currency == "USDT"


def test_what_a_stream_tells_of_before_the_first_session_is_left_to_the_questions() -> None:
    """Kraken's stream begins with the last fifty trades of the account, Kraken's of futures with the last hundred."""
    desk = Desk().up()

    desk.watch("fills", [trade("traded by hand", at=T0 - 3600 * S), trade("ours", at=T0 + MS)])

    assert desk.one(OrderFilled).trade_id == "ours"


def test_what_a_stream_tells_of_the_time_between_two_sessions_is_told() -> None:
    desk = Desk().up()
    desk.at += 3600 * S
    desk.venue.suspended(desk.at)
    desk.again()
    desk.heard()

    desk.watch("fills", [trade("meanwhile", at=T0 + 1800 * S)])

    assert desk.one(OrderFilled).trade_id == "meanwhile"


def test_a_fill_that_overtakes_the_answer_to_its_place_waits_for_its_name() -> None:
    desk = Desk().up()
    desk.venue.send([place()], desk.at)
    desk.watch("fills", [trade()])
    assert desk.heard() == []

    desk.answer("create_order", order())

    assert [type(fact) for fact in desk.heard()] == [OrderWorking, OrderFilled]


def test_a_fill_of_nobody_we_know_is_told_all_the_same_when_nothing_is_under_way() -> None:
    desk = Desk().up()
    desk.venue.send([place()], desk.at)
    desk.watch("fills", [trade(venue_order_id="a stranger's")])
    desk.fail("create_order", "RequestTimeout")

    fills = [fact for fact in desk.heard() if isinstance(fact, OrderFilled)]
    assert [(fill.order_id, fill.venue_order_id) for fill in fills] == [("", "a stranger's")]


@pytest.mark.parametrize("stream", ["orders", "fills"])
def test_what_is_ours_and_cannot_be_read_ends_the_session(stream: str) -> None:
    desk = Desk().up()
    desk.watch(stream, [order() | trade() | {"price": "no number", "timestamp": None}])

    assert desk.one(SessionLost).reason.startswith(f"unreadable {stream}")
    desk.venue.send([place()], desk.at)
    assert desk.one(NotSent).request is Request.PLACE


def test_a_session_whose_trades_cannot_be_asked_for_any_more_is_lost() -> None:
    desk = Desk().up()
    for _ in range(3):
        desk.later(5 * S)
        desk.book(BID, ASK)
        desk.fail("fetch_my_trades", "ExchangeNotAvailable")

    assert [fact.reason for fact in desk.heard() if isinstance(fact, SessionLost)] == [
        "our trades cannot be asked for: ExchangeNotAvailable: why not"
    ]


def test_terms_that_cannot_be_read_close_an_instrument_and_end_nothing() -> None:
    desk = Desk(market=MARKET | {"precision": {"price": "?", "amount": 0.001}})
    desk.venue.start(T0)

    desk.answer("load_markets", {"BTC/USDT": desk.market})

    assert desk.one(InstrumentStateChanged).reason.startswith("its terms cannot be read: ")


@pytest.mark.parametrize(
    ("stream", "value"), [("orders", [None]), ("fills", [[]]), ("fills", ["a word"]), ("book", {"bids": [[]]})]
)
def test_news_that_are_not_as_ccxt_promises_end_what_they_came_by_and_not_the_daemon(
    stream: str, value: object
) -> None:
    desk = Desk().up()

    desk.watch(stream, value)

    assert len(desk.restarts) == 1


TIMED = exchange(also={"cancelAllOrdersAfter": True}, traits=Traits(has_switch=True))


def test_no_session_is_open_before_the_dead_man_switch_is_held_and_it_is_held_again() -> None:
    desk = Desk(TIMED, Settings(dead_man_switch_s=60)).up()
    desk.venue.send([place()], desk.at)
    assert [type(fact) for fact in desk.heard()] == [NotSent]

    desk.answer("cancel_all_orders_after", {})

    assert [type(fact) for fact in desk.heard()] == [SessionOpened]
    for _ in range(5):
        desk.book(BID, ASK)
        desk.later(4 * S)
    assert desk.call("cancel_all_orders_after").arguments == (60_000,)


def test_a_dead_man_switch_that_cannot_be_set_keeps_the_session_shut() -> None:
    desk = Desk(TIMED, Settings(dead_man_switch_s=60)).up()

    desk.fail("cancel_all_orders_after", "PermissionDenied")

    lost = desk.one(SessionLost)
    assert lost.is_refusal
    assert lost.reason == "the dead-man switch cannot be held: PermissionDenied: why not"


@pytest.mark.parametrize(
    ("seen", "settings"),
    [
        (exchange(), Settings()),
        (exchange(also={"cancelAllOrdersAfter": True}), Settings()),  # of one symbol, say
        (TIMED, Settings(dead_man_switch_s=0)),  # for a look
    ],
)
def test_nothing_is_set_that_would_cancel_what_others_have(seen: Exchange, settings: Settings) -> None:
    desk = Desk(seen, settings).up()
    desk.later(60 * S)

    assert "cancel_all_orders_after" not in desk.calls()


def test_whoever_goes_with_nothing_resting_lets_go_of_the_dead_man_switch() -> None:
    desk = Desk(TIMED, Settings(dead_man_switch_s=60)).up()
    desk.answer("cancel_all_orders_after", {})

    desk.venue.stop(desk.at, is_flat=True)

    farewell = desk.call("cancel_all_orders_after")
    assert (farewell.arguments, farewell.is_farewell) == ((0,), True)
    desk.venue.failed(farewell.number, Failure("RequestTimeout", "", True), desk.at)
    assert [type(fact) for fact in desk.heard()] == [SessionOpened, SessionLost], "nothing depends on the answer"


@pytest.mark.parametrize("settings", [Settings(dead_man_switch_s=60), Settings(dead_man_switch_s=0)])
def test_a_dead_man_switch_stays_for_what_may_rest_and_is_not_touched_by_who_only_looked(settings: Settings) -> None:
    desk = Desk(TIMED, settings).up()
    if settings.dead_man_switch_s:
        desk.answer("cancel_all_orders_after", {})

    desk.venue.stop(desk.at, is_flat=not settings.dead_man_switch_s)

    assert "cancel_all_orders_after" not in desk.calls()


@pytest.mark.parametrize("kind", ["PermissionDenied", "AuthenticationError"])
def test_a_key_that_may_not_even_cancel_what_is_not_there_may_not_trade(kind: str) -> None:
    desk = Desk().known()

    assert desk.venue.actions() == []
    desk.fail("cancel_order", kind, "read-only key")

    lost = desk.one(SessionLost)
    assert lost.is_refusal
    assert lost.reason == f"refused the key the right to trade: {kind}: read-only key"


@pytest.mark.parametrize("kind", ["OrderNotFound", "BadRequest", "RequestTimeout", "KeyError"])
def test_a_key_that_is_not_refused_is_let_in(kind: str) -> None:
    desk = Desk().known()

    desk.fail("cancel_order", kind)

    assert desk.one(SessionOpened).venue == "x"


def test_after_a_suspension_everything_begins_anew() -> None:
    desk = Desk().up()
    desk.book(BID, ASK)
    desk.heard()

    desk.venue.suspended(desk.at)

    assert {type(fact) for fact in desk.heard()} == {SessionLost, FeedLost}
    assert desk.restarts == ["suspended"]


def test_a_stopped_venue_wants_nothing_more() -> None:
    desk = Desk().up()
    desk.venue.stop(desk.at)

    assert desk.venue.next_wake is None
    desk.venue.watched(f"book {MARKET['symbol']}", {"bids": BID, "asks": ASK}, desk.at)
    assert not any(isinstance(fact, BookSnapshot) for fact in desk.heard())


def test_what_the_stream_of_one_market_tells_of_another_is_told_of_that_one() -> None:
    # Two messages come at once, and both streams tell the newest of all: ccxt asks that of Kraken Futures' cache.
    eth = MARKET | {"symbol": "ETH/USDT", "id": "ETHUSDT", "base": "ETH", "precision": {"price": 0.01, "amount": 0.01}}
    desk = Desk(exchange(), others=[eth, MARKET | {"symbol": "SOL/USDT", "base": "SOL"}]).up()

    desk.watch("orders", [order(symbol="ETH/USDT", price=3000.0, amount=0.5)])
    desk.watch("fills", [trade(symbol="ETH/USDT", price=3000.0)])
    desk.venue.watched("fills x/ETH/USDT", [trade(symbol="ETH/USDT", price=3000.0)], desk.at)
    desk.watch("fills", [trade("t2", "v9", symbol="XRP/USDT")])  # somebody else's

    working, fill = desk.heard()
    assert isinstance(working, OrderWorking) and (working.price, working.quantity) == (300_000, 50)
    assert isinstance(fill, OrderFilled) and (fill.instrument, fill.order_id) == ("x/ETH/USDT", NAME)
