"""The recorded market fills by trades of its tape and by nothing else, and shows what a real venue would show."""

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Book
from replenisher.exchange.market import Cause, ClientOrder, Happening, Market, PublicLevel, Traded
from replenisher.exchange.playback import TapeFact
from replenisher.exchange.queue import QueueModel, RiskAverse, power
from replenisher.exchange.recorded import RecordedMarket, ShadowFill, recorded_instrument
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, TradePrinted
from replenisher.model.order import Side
from replenisher.store.tape import lines as tape
from replenisher.venues.binance import codec, recording
from replenisher.venues.binance.book_sync import BookSync
from replenisher.venues.steps import whole_steps

BUY, SELL = Side.BUY, Side.SELL
KEY = "deribit/BTC_USDT-PERPETUAL"
TAPE_START, START = 5_000, 1_000_000  # of the tape's clock and of ours
USDM, SPOT = "binance_l2/usdm_btcusdt_20240808.jsonl.gz", "binance_l2/spot_btcusdt_20240808-09.jsonl.gz"

# --- A small tape, told by hand ------------------------------------------------------------------------------------


def snapshot(at: int, bids: dict[int, int], asks: dict[int, int]) -> tuple[int, TapeFact]:
    levels = {"bids": tuple(bids.items()), "asks": tuple(asks.items())}
    return TAPE_START + at, BookSnapshot(at=at, instrument=KEY, venue_time=TAPE_START + at, **levels)


def change(at: int, bids: dict[int, int] | None = None, asks: dict[int, int] | None = None) -> tuple[int, TapeFact]:
    levels = {"bids": tuple((bids or {}).items()), "asks": tuple((asks or {}).items())}
    return TAPE_START + at, BookChanged(at=at, instrument=KEY, venue_time=TAPE_START + at, **levels)


def trade(at: int, trade_id: str, taker: Side, price: int, quantity: int) -> tuple[int, TapeFact]:
    return TAPE_START + at, TradePrinted(
        at=at,
        instrument=KEY,
        venue_time=TAPE_START + at,
        trade_id=trade_id,
        price=price,
        quantity=quantity,
        taker=taker,
    )


def lost(at: int) -> tuple[int, TapeFact]:
    return TAPE_START + at, FeedLost(at=at, instrument=KEY, reason="an update is missing")


def market_of(
    facts: Iterable[tuple[int, TapeFact]],
    model: QueueModel | None = None,
    shadow: QueueModel | None = None,
    speed: float = 1.0,
) -> RecordedMarket:
    instrument = recorded_instrument("deribit", Decimal("0.1"), Decimal("0.001"))
    return RecordedMarket(instrument, facts, model=model or RiskAverse(), shadow=shadow, start=START, speed=speed)


def order(order_id: str, side: Side, price: int | None, quantity: int, rests: bool = True) -> ClientOrder:
    return ClientOrder(order_id=order_id, side=side, price=price, quantity=quantity, rests=rests)


def shown(market: RecordedMarket) -> dict[Side, dict[int, int]]:
    book: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}
    for level in market.depth():
        book[level.side][level.price] = level.quantity
    return book


OPENING = snapshot(0, bids={100: 5, 99: 8}, asks={102: 4, 103: 6})


def test_ten_events_by_hand() -> None:
    market = market_of(
        [
            OPENING,  #                                             event 1
            trade(10, "t2", SELL, 100, 4),
            change(20, bids={100: 1}),
            trade(30, "t4", SELL, 100, 2),
            change(40, bids={100: 0}),
            trade(50, "t6", BUY, 102, 6),
            change(60, asks={102: 0, 103: 9}),
            trade(70, "t8", BUY, 104, 1),
            change(80, bids={102: 7}),
            trade(90, "t10", BUY, 102, 9),
        ]
    )
    # The bid at 100 has the 5 of others before it; that at 101 improves the touch, nobody is before it; the ask at 102
    # has 4 before it.
    assert market.place(order("b100", BUY, 100, 3), START).levels == (PublicLevel(BUY, 100, 8),)
    assert market.place(order("b101", BUY, 101, 2), START).levels == (PublicLevel(BUY, 101, 2),)
    assert market.place(order("s102", SELL, 102, 5), START).levels == (PublicLevel(SELL, 102, 9),)

    def event(at: int) -> Happening:
        [happening, *closing] = market.advance(START + at)
        assert [end.closed for end in closing] == ([True] if at == 90 else [])
        assert happening.at == START + at
        return happening

    # 2: a seller of 4 down to 100 meets 101 first and gives it all its 2; the other 2 leave 3 before us at 100.
    t2 = Cause("t2", 100, 4)
    assert event(10) == Happening(
        at=START + 10,
        trades=(
            Traded(price=101, quantity=2, taker=SELL, maker_order="b101", cause=t2),
            Traded(price=100, quantity=2, taker=SELL),
        ),
        bids=((101, 0),),
    )
    # 3: the tape shows 1 of others at 100, so not more than 1 is before us; with our 3 that is 4.
    assert event(20) == Happening(at=START + 20, bids=((100, 4),))
    # 4: a seller of 2: the one before us, then one of ours.
    assert event(30) == Happening(
        at=START + 30,
        trades=(
            Traded(price=100, quantity=1, taker=SELL, maker_order="b100", cause=Cause("t4", 100, 2)),
            Traded(price=100, quantity=1, taker=SELL),
        ),
        bids=((100, 3),),
    )
    # 5: the others have left 100; our 2 alone are there.
    assert event(40) == Happening(at=START + 40, bids=((100, 2),))
    # 6: a buyer of 6 at 102: 4 of others, then 2 of our 5.
    assert event(50) == Happening(
        at=START + 50,
        trades=(
            Traded(price=102, quantity=2, taker=BUY, maker_order="s102", cause=Cause("t6", 102, 6)),
            Traded(price=102, quantity=4, taker=BUY),
        ),
        asks=((102, 7),),
    )
    # 7: the change that reports it: our 3 alone at 102.
    assert event(60) == Happening(at=START + 60, asks=((103, 9), (102, 3)))
    # 8: a buyer of 1 at 104 goes through 102, so we are first, at our own price.
    assert event(70) == Happening(
        at=START + 70,
        trades=(Traded(price=102, quantity=1, taker=BUY, maker_order="s102", cause=Cause("t8", 104, 1)),),
        asks=((102, 2),),
    )
    # 9: others bid 102, where our 2 are offered. No trade, no fill; no venue shows a crossed book, so they are hidden.
    assert market.advance(START + 80) == []
    assert (market.best(BUY), market.best(SELL)) == (100, 102)
    # 10: a buyer of 9 at 102: our last 2, then 7 of others. Nothing of ours is in the way, so their bid shows.
    assert event(90) == Happening(
        at=START + 90,
        trades=(
            Traded(price=102, quantity=2, taker=BUY, maker_order="s102", cause=Cause("t10", 102, 9)),
            Traded(price=102, quantity=7, taker=BUY),
        ),
        bids=((102, 7),),
        asks=((102, 0),),
    )
    assert not market.is_open
    assert market.next_at is None
    assert shown(market) == {BUY: {102: 7, 100: 2, 99: 8}, SELL: {103: 9}}
    assert market.cancel("b100", START + 100).levels == (PublicLevel(BUY, 100, 0),)


def test_a_recorded_market_is_a_market() -> None:
    market: Market = market_of([OPENING])

    assert (market.source, market.instrument.key) == ("recorded", KEY)
    assert market.is_open
    assert (market.best(BUY), market.best(SELL)) == (100, 102)
    assert market.instrument.settlement_currency == "USDT" and not market.instrument.inverse


# --- Taking --------------------------------------------------------------------------------------------------------


def test_what_we_took_is_gone_until_the_level_increases() -> None:
    market = market_of(
        [
            OPENING,
            change(10, asks={102: 3, 103: 5}),
            change(20, asks={102: 3}),
            change(30, asks={102: 5, 103: 7}),
        ]
    )

    taken = market.place(order("taker", BUY, 103, 6, rests=False), START)
    assert [(fill.price, fill.quantity, fill.taker_order) for fill in taken.trades] == [
        (102, 4, "taker"),
        (103, 2, "taker"),
    ]
    assert taken.levels == (PublicLevel(SELL, 102, 0), PublicLevel(SELL, 103, 4))
    market.advance(START + 10)  # less at both prices: of 102 still nothing, of 103 the 2 we took are still gone
    assert shown(market)[SELL] == {103: 3}
    market.advance(START + 20)  # the same again is no increase
    assert shown(market)[SELL] == {103: 3}
    market.advance(START + 30)
    assert shown(market)[SELL] == {102: 5, 103: 7}


def test_the_same_liquidity_is_not_taken_twice() -> None:
    market = market_of([OPENING])

    market.place(order("first", BUY, 102, 3, rests=False), START)
    second = market.place(order("second", BUY, 102, 3, rests=False), START)

    assert [fill.quantity for fill in second.trades] == [1]


def test_a_market_order_takes_what_there_is_and_the_rest_is_not_filled() -> None:
    market = market_of([OPENING])

    happening = market.place(order("all", SELL, None, 99, rests=False), START)

    assert [(fill.price, fill.quantity) for fill in happening.trades] == [(100, 5), (99, 8)]
    assert market.best(BUY) is None


def test_what_a_limit_order_cannot_take_rests() -> None:
    market = market_of([OPENING])

    market.place(order("large", BUY, 102, 6), START)

    assert shown(market) == {BUY: {102: 2, 100: 5, 99: 8}, SELL: {103: 6}}


def test_a_client_who_takes_from_another_client_waits_for_the_others_before_it() -> None:
    market = market_of([OPENING])
    market.place(order("maker", SELL, 102, 5), START)

    happening = market.place(order("taker", BUY, 102, 6, rests=False), START)

    assert happening.trades == (
        Traded(price=102, quantity=4, taker=BUY, taker_order="taker"),
        Traded(
            price=102, quantity=2, taker=BUY, maker_order="maker", taker_order="taker", cause=Cause("taker", 102, 6)
        ),
    )
    assert happening.levels == (PublicLevel(SELL, 102, 3),)


def test_a_client_who_takes_from_a_level_meets_another_client_before_those_behind_it() -> None:
    market = market_of([OPENING, change(10, asks={101: 4})])
    market.place(order("maker", SELL, 101, 2), START)  # better than the touch; then 4 of others come behind
    market.advance(START + 10)

    happening = market.place(order("taker", BUY, 101, 3, rests=False), START + 10)

    assert sorted((fill.maker_order, fill.quantity) for fill in happening.trades) == [("", 1), ("maker", 2)]
    assert happening.levels == (PublicLevel(SELL, 101, 3),)


# --- Amending and canceling ----------------------------------------------------------------------------------------


def test_an_amend_keeps_the_place_only_where_price_stays_and_size_does_not_grow() -> None:
    def filled_after(price: int, quantity: int) -> int:
        market = market_of([OPENING, change(10, bids={100: 9}), trade(30, "t", SELL, 100, 8)])
        market.place(order("bid", BUY, 100, 3), START)
        market.advance(START + 10)  # 5 before us, 4 behind
        market.amend("bid", price=price, quantity=quantity, at=START + 20)
        [happening, _] = market.advance(START + 30)
        return sum(fill.quantity for fill in happening.trades if fill.maker_order)

    assert filled_after(100, 3) == 3
    assert filled_after(100, 2) == 2
    assert filled_after(100, 4) == 0  # behind all 9
    assert filled_after(101, 3) == 3  # better than the touch


def test_an_amend_may_trade_at_once() -> None:
    market = market_of([OPENING])
    market.place(order("bid", BUY, 100, 3), START)

    happening = market.amend("bid", price=102, quantity=5, at=START)

    assert [(fill.price, fill.quantity, fill.taker_order) for fill in happening.trades] == [(102, 4, "bid")]
    assert shown(market)[BUY] == {102: 1, 100: 5, 99: 8}


def test_who_asks_where_an_order_may_go_is_told_of_those_whom_it_alone_hides() -> None:
    market = market_of([OPENING, change(10, bids={101: 1, 104: 3}, asks={102: 0, 103: 0, 106: 5})])
    market.place(order("s102", SELL, 102, 5), START)
    market.advance(START + 10)

    assert market.best(BUY) == 101
    assert market.best(BUY, without="s102") == 104

    market.place(order("s103", SELL, 103, 5), START + 10)

    assert market.best(BUY, without="s102") == 101


def test_a_canceled_order_is_not_filled() -> None:
    market = market_of([OPENING, trade(10, "t", SELL, 99, 50)])
    market.place(order("bid", BUY, 100, 3), START)

    assert market.cancel("bid", START + 5).levels == (PublicLevel(BUY, 100, 5),)
    assert market.cancel("bid", START + 5).levels == ()
    assert [fill.maker_order for fill in market.advance(START + 10)[0].trades] == [""]


# --- The tape's time, gaps and end ----------------------------------------------------------------------------------


def test_the_tape_plays_at_its_speed_from_the_start() -> None:
    market = market_of([OPENING, change(1000, bids={100: 6}), change(3000, bids={100: 7})], speed=10)

    assert market.next_at == START + 100
    assert market.advance(START + 99) == []
    assert [happening.at for happening in market.advance(START + 100)] == [START + 100]
    assert market.next_at == START + 300
    assert [(happening.at, happening.closed) for happening in market.advance(START + 9999)] == [
        (START + 300, False),
        (START + 300, True),
    ]
    assert market.advance(START + 10_000) == []


def test_an_order_that_overtakes_a_late_tape_leaves_its_facts_due_one_by_one() -> None:
    market = market_of([OPENING, change(10, bids={100: 6}), change(20, bids={100: 7})])

    market.place(order("b99", BUY, 99, 1), START + 1000)

    assert market.next_at == START + 10
    assert [happening.at for happening in market.advance(START + 10)] == [START + 10]
    assert market.next_at == START + 20


def test_what_happened_before_the_first_snapshot_does_not_count() -> None:
    market = market_of([change(-20, bids={100: 1}), trade(-10, "early", SELL, 90, 99), OPENING])

    assert shown(market) == {BUY: {100: 5, 99: 8}, SELL: {102: 4, 103: 6}}
    assert market.next_at == START


def test_a_tape_without_a_snapshot_never_opens() -> None:
    market = market_of([trade(0, "t", SELL, 90, 9)])

    assert not market.is_open
    assert [happening.closed for happening in market.advance(START)] == [True]


def test_a_gap_shows_nothing_and_fills_nobody_and_sends_us_to_the_end_of_the_queue() -> None:
    market = market_of(
        [
            OPENING,
            lost(10),
            trade(20, "unseen", SELL, 90, 99),
            change(30, bids={100: 1}),
            snapshot(40, bids={100: 7}, asks={102: 4}),
            trade(50, "seen", SELL, 100, 8),
        ]
    )
    market.place(order("bid", BUY, 100, 3), START)
    market.place(order("gone", BUY, 98, 2), START)

    assert market.advance(START + 10) == [Happening(at=START + 10, lost=True)]
    assert not market.is_open
    assert shown(market) == {BUY: {100: 3, 98: 2}, SELL: {}}
    assert market.cancel("gone", START + 20) == Happening(at=START + 20)
    assert market.advance(START + 30) == []
    [back] = market.advance(START + 40)
    assert back.found
    assert (dict(back.bids), dict(back.asks)) == ({100: 10, 99: 0, 98: 0}, {103: 0})
    assert market.is_open
    assert shown(market) == {BUY: {100: 10}, SELL: {102: 4}}
    [happening, _] = market.advance(START + 50)
    assert [(fill.maker_order, fill.quantity) for fill in happening.trades] == [("bid", 1), ("", 7)]


# --- Queue models ---------------------------------------------------------------------------------------------------


CANCELS = [
    snapshot(0, bids={100: 60}, asks={102: 4}),
    change(10, bids={100: 100}),  # 40 come behind us
    change(20, bids={100: 80}),  # 20 cancel
    trade(30, "t", SELL, 100, 55),
]


@pytest.mark.parametrize(("model", "filled"), [(RiskAverse(), 0), (power(1), 7), (power(2), 9)])
def test_the_queue_model_decides_what_a_cancel_is_worth(model: QueueModel, filled: int) -> None:
    market = market_of(CANCELS, model)
    market.place(order("bid", BUY, 100, 20), START)

    trades = [fill for happening in market.advance(START + 30) for fill in happening.trades]

    # Before us: 60 (risk-averse), 48 (power 1), 46.15 (power 2); the trade has 55.
    assert sum(fill.quantity for fill in trades if fill.maker_order) == filled


def test_the_other_model_is_played_in_the_shadow_and_moves_nothing() -> None:
    market = market_of(CANCELS, RiskAverse(), shadow=power(1))
    market.place(order("bid", BUY, 100, 20), START)

    happenings = market.advance(START + 30)

    assert not any(fill.maker_order for happening in happenings for fill in happening.trades)
    assert market.shadow_fills() == [
        ShadowFill(at=START + 30, order_id="bid", side=BUY, price=100, quantity=7, trade_id="t")
    ]
    assert market.shadow_fills() == []


def test_an_order_that_was_filled_has_no_shadow_any_more() -> None:
    market = market_of([*CANCELS, trade(40, "later", SELL, 100, 90)], power(1), shadow=RiskAverse())
    market.place(order("bid", BUY, 100, 7), START)

    happenings = market.advance(START + 40)

    filled = [fill for happening in happenings for fill in happening.trades if fill.maker_order]
    assert [(fill.quantity, fill.cause) for fill in filled] == [(7, Cause("t", 100, 55))]
    assert market.shadow_fills() == []


# --- Properties -----------------------------------------------------------------------------------------------------

PRICES, LOTS = st.integers(95, 105), st.integers(0, 12)
MODELS = st.sampled_from([RiskAverse(), power(1), power(3)])


@st.composite
def tapes(draw: st.DrawFn, with_trades: bool = True) -> list[tuple[int, TapeFact]]:
    """A book around a moving middle, and trades at any price."""
    facts = [OPENING]
    for number in range(draw(st.integers(1, 12))):
        at = 10 * (number + 1)
        if with_trades and draw(st.booleans()):
            taker, quantity = draw(st.sampled_from([BUY, SELL])), draw(st.integers(1, 20))
            facts.append(trade(at, f"t{number}", taker, draw(PRICES), quantity))
        else:
            # One level of the book, and whatever of the other side it would cross is gone.
            price, quantity = draw(PRICES), draw(LOTS)
            if draw(st.booleans()):
                facts.append(change(at, bids={price: quantity}, asks=dict.fromkeys(range(95, price + 1), 0)))
            else:
                facts.append(change(at, asks={price: quantity}, bids=dict.fromkeys(range(price, 106), 0)))
    return facts


ACTIONS = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from([BUY, SELL]), PRICES, st.integers(1, 9), st.booleans()), max_size=10
)
Action = tuple[int, Side, int, int, bool]


def play(market: RecordedMarket, actions: list[Action], post_only: bool = False) -> list[Happening]:
    """Let clients act while the tape plays; a second order with the price of an earlier one amends that one."""
    happenings: list[Happening] = []
    for number, (at, side, price, quantity, is_cancel) in enumerate(sorted(actions)):
        happenings += market.advance(START + at)
        touch = market.best(side.opposite)
        if post_only and touch is not None and (price >= touch if side is BUY else price <= touch):
            continue
        happenings.append(market.place(order(f"o{number}", side, price, quantity), START + at))
        if is_cancel:
            happenings.append(market.cancel(f"o{number // 2}", START + at))
    return happenings + market.advance(START + 10_000)


@settings(max_examples=200)
@given(tapes(), ACTIONS, MODELS)
def test_fills_have_a_cause_that_is_large_enough_and_never_a_worse_price_than_the_limit(
    facts: list[tuple[int, TapeFact]], actions: list[Action], model: QueueModel
) -> None:
    limits = {f"o{number}": (side, price) for number, (_, side, price, _, _) in enumerate(sorted(actions))}
    market = market_of(facts, model, shadow=power(2))

    happenings = play(market, actions)

    tape_trades = {fact.trade_id: fact for _, fact in facts if isinstance(fact, TradePrinted)}
    given_by: dict[Cause, int] = defaultdict(int)
    printed: dict[str, int] = defaultdict(int)
    for fill in (fill for happening in happenings for fill in happening.trades):
        for order_id in filter(None, (fill.maker_order, fill.taker_order)):
            side, limit = limits[order_id]
            assert fill.price <= limit if side is BUY else fill.price >= limit
        if fill.maker_order:
            assert fill.cause and fill.price == limits[fill.maker_order][1]
            given_by[fill.cause] += fill.quantity
            beyond = fill.cause.price - fill.price
            assert beyond >= 0 if fill.taker is BUY else beyond <= 0
            if not fill.taker_order:
                printed[fill.cause.trade_id] += fill.quantity
                told = tape_trades[fill.cause.trade_id]
                assert (told.price, told.quantity, told.taker) == (fill.cause.price, fill.cause.quantity, fill.taker)
    assert all(quantity <= cause.quantity for cause, quantity in given_by.items())
    shadowed: dict[str, int] = defaultdict(int)
    for fill in market.shadow_fills():
        shadowed[fill.trade_id] += fill.quantity
    assert all(shadowed[trade_id] <= told.quantity for trade_id, told in tape_trades.items())


@settings(max_examples=200)
@given(tapes(), ACTIONS, MODELS)
def test_the_public_book_is_never_crossed_and_is_the_sum_of_what_was_told(
    facts: list[tuple[int, TapeFact]], actions: list[Action], model: QueueModel
) -> None:
    market = market_of(facts, model)
    told = shown(market)

    for happening in play(market, actions):
        for level in happening.levels:
            assert level.quantity >= 0
            told[level.side][level.price] = level.quantity
        bids = [price for price, quantity in told[BUY].items() if quantity]
        asks = [price for price, quantity in told[SELL].items() if quantity]
        assert not bids or not asks or max(bids) < min(asks)

    told = {side: {price: quantity for price, quantity in levels.items() if quantity} for side, levels in told.items()}
    assert shown(market) == told
    assert market.best(BUY) == max(told[BUY], default=None)
    assert market.best(SELL) == min(told[SELL], default=None)


@given(tapes(with_trades=False), ACTIONS, MODELS)
def test_a_tape_without_trades_gives_no_passive_fill(
    facts: list[tuple[int, TapeFact]], actions: list[Action], model: QueueModel
) -> None:
    happenings = play(market_of(facts, model), actions, post_only=True)

    assert not [fill for happening in happenings for fill in happening.trades]


# --- Recordings -----------------------------------------------------------------------------------------------------
#
# What a recording says about itself. Every message of its `bookTicker` stream tells the touch after one update id `u`.
# A depth update covers ids up to its own `u`. So after each depth update that the sync rule lets through, the touch of
# the rebuilt book, price and quantity of both sides, is compared with the last bookTicker whose id is not greater. On
# spot depth comes in batches of 100 ms, and at two batch edges that bookTicker is already, or still, another one.


@cache
def messages_of(path: Path) -> list[codec.Message | None]:
    return [codec.decode(line.raw) for line in tape.read(path)]


@cache
def survey_of(path: Path) -> recording.Survey:
    return recording.survey(tape.read(path))


@cache
def facts_of(path: Path) -> list[tuple[int, TapeFact]]:
    survey = survey_of(path)
    return list(recording.facts(tape.read(path), recorded_instrument("deribit", survey.tick, survey.lot)))


def market_on(path: Path, speed: float = 1.0) -> RecordedMarket:
    survey = survey_of(path)
    instrument = recorded_instrument("deribit", survey.tick, survey.lot)
    return RecordedMarket(instrument, facts_of(path), model=RiskAverse(), shadow=power(3), start=START, speed=speed)


@pytest.mark.parametrize(("name", "agreeing", "of"), [(USDM, 6547, 6547), (SPOT, 6491, 6493)])
def test_depth_alone_gives_the_recorded_best_bid_and_ask(
    recordings: Callable[[str], Path], name: str, agreeing: int, of: int
) -> None:
    path = recordings(name)
    survey = survey_of(path)
    ticks, lots = whole_steps(survey.tick), whole_steps(survey.lot)
    tickers = [message for message in messages_of(path) if isinstance(message, codec.BookTicker)]
    ticker_ids = [ticker.last_id for ticker in tickers]
    sync = BookSync()
    update_ids = [
        allowed.last_id
        for message in messages_of(path)
        if isinstance(message, codec.DepthSnapshot | codec.DepthUpdate)
        for allowed in sync.told(message)
        if isinstance(allowed, codec.DepthUpdate)
    ]
    told = [fact for _, fact in facts_of(path) if isinstance(fact, BookSnapshot | BookChanged)]

    book = Book()
    book.replace(told[0].bids, told[0].asks, 0, 0)
    agreed = crossed = 0
    for update_id, fact in zip(update_ids, told[1:], strict=True):
        book.change(fact.bids, fact.asks, 0, 0)
        ticker = tickers[bisect.bisect_right(ticker_ids, update_id) - 1]
        [bid], [ask] = book.bids.levels(1), book.asks.levels(1)
        agreed += bid == (ticks(ticker.bid), lots(ticker.bid_quantity)) and ask == (
            ticks(ticker.ask),
            lots(ticker.ask_quantity),
        )
        crossed += book.is_crossed

    assert ticker_ids == sorted(ticker_ids)
    assert (agreed, len(update_ids)) == (agreeing, of)
    assert crossed == 0


def test_the_naive_rule_shows_a_crossed_book(recordings: Callable[[str], Path]) -> None:
    """Snapshot, then only the diffs that arrive after it: those it should have joined are forgotten."""
    path = recordings(SPOT)
    survey = survey_of(path)
    ticks, lots = whole_steps(survey.tick), whole_steps(survey.lot)

    book: Book | None = None
    updates = crossed = 0
    for message in messages_of(path):
        if not isinstance(message, codec.DepthSnapshot | codec.DepthUpdate):
            continue
        bids, asks = (
            [(ticks(price), lots(quantity)) for price, quantity in side] for side in (message.bids, message.asks)
        )
        if isinstance(message, codec.DepthSnapshot):
            book = Book()
            book.replace(bids, asks, 0, 0)
        elif book:
            book.change(bids, asks, 0, 0)
            updates += 1
            crossed += book.is_crossed

    assert (crossed, updates) == (5617, 6492)


def test_a_market_nobody_trades_on_shows_exactly_the_tape(recordings: Callable[[str], Path]) -> None:
    path = recordings(USDM)
    book = Book()
    for _, fact in facts_of(path):
        if isinstance(fact, BookSnapshot):
            book.replace(fact.bids, fact.asks, 0, 0)
        elif isinstance(fact, BookChanged):
            book.change(fact.bids, fact.asks, 0, 0)
    market = market_on(path, speed=10)

    happenings = market.advance(START + survey_of(path).duration_ns // 10)

    assert shown(market) == {side: book.side(side).quantities for side in Side}
    assert happenings[-1] == Happening(at=START + survey_of(path).duration_ns // 10, closed=True)
    kinds = [type(fact) for _, fact in facts_of(path)]
    synced = facts_of(path)[kinds.index(BookSnapshot) :]
    printed = sum(fill.quantity for happening in happenings for fill in happening.trades)
    assert printed == sum(fact.quantity for _, fact in synced if isinstance(fact, TradePrinted))


@pytest.mark.parametrize("name", [USDM, SPOT])
def test_a_ladder_on_a_recording_is_filled_only_by_its_trades(recordings: Callable[[str], Path], name: str) -> None:
    """Five orders a side, put back at the touch every five seconds: every fill has its trade, none has more."""
    path = recordings(name)
    market = market_on(path)
    trades = {fact.trade_id: fact for _, fact in facts_of(path) if isinstance(fact, TradePrinted)}

    happenings: list[Happening] = []
    open_ids: list[str] = []
    at = START
    while market.is_open:
        for order_id in open_ids:
            market.cancel(order_id, at)
        open_ids = [f"{side}-{level}-{at}" for side in Side for level in range(5)]
        touch = {side: market.best(side) for side in Side}
        for order_id in open_ids:
            side, level = Side(order_id.split("-")[0]), int(order_id.split("-")[1])
            happenings.append(market.place(order(order_id, side, touch[side] - level * side.sign, 50), at))
        assert market.best(BUY) < market.best(SELL)
        at += 5_000_000_000
        happenings += market.advance(at)

    fills = [fill for happening in happenings for fill in happening.trades if fill.maker_order]
    given_by: dict[str, int] = defaultdict(int)
    for fill in fills:
        assert fill.cause
        given_by[fill.cause.trade_id] += fill.quantity
        told = trades[fill.cause.trade_id]
        assert told.price <= fill.price if fill.taker is SELL else told.price >= fill.price
    assert len(fills) > 20
    assert all(quantity <= trades[trade_id].quantity for trade_id, quantity in given_by.items())
    assert not any(fill.taker_order for happening in happenings for fill in happening.trades)
    # Power moves us forward at cancels, so in the shadow we are filled at least as often.
    assert sum(fill.quantity for fill in market.shadow_fills()) >= sum(fill.quantity for fill in fills)
