"""Deribit's books, prints and tickers: what is told of them, when they are not trusted, and how they come back."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    FeedLost,
    InstrumentDefined,
    LinkAlive,
    TickerTold,
    TradePrinted,
)
from replenisher.model.order import Side
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import DEFINITION, KEY, MS, T0, Far, Json, Recordings, S, kinds, make_open


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


def test_a_snapshot_that_comes_much_too_late_is_no_book() -> None:
    """It may be as old as it is late, and nothing in it says so; another one is asked for."""
    far = make_open()
    far.book(5, 3)
    for _ in range(2):
        request = far.take(MARKET, "public/unsubscribe")
        far.reply(MARKET, request, request["params"]["channels"])
        far.subscribe()
        far.live(6 * S)

    late = far.book(9)

    assert kinds(late) == []
    assert kinds(far.book(10, 9)) == []
    far.live(20 * S)
    assert [request for request in far.requests[MARKET] if request["method"] == "public/unsubscribe"]


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


def test_a_book_that_cannot_be_read_is_a_lost_book() -> None:
    far = make_open()

    told = far.notify(MARKET, "book.BTC-PERPETUAL.raw", {"type": "change", "bids": "none"})

    assert kinds(told) == ["FeedLost"]
    assert far.closes == []


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
