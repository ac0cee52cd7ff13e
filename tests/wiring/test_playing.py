"""A recording plays the same whatever the form of its file, and one that should not be played is refused."""

import gzip
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from replenisher.config.sections import ExchangeSection
from replenisher.errors import ConfigurationError
from replenisher.exchange.market import ClientOrder, Happening, Market
from replenisher.exchange.queue import RiskAverse
from replenisher.exchange.recorded import RecordedMarket, recorded_instrument
from replenisher.model.event import (
    BookSnapshot,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import Kind
from replenisher.model.order import Side
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.store.tape import lines
from replenisher.store.tape.blocks import TapeFact
from replenisher.venues.binance import recording
from replenisher.venues.binance.terms import instrument_named
from replenisher.wiring.calibration import calibrate
from replenisher.wiring.listings import listings_of
from replenisher.wiring.playing import judged, offered, played
from replenisher.wiring.tapes import names_on
from tests.store.tapes import KEY, START, change, instrument, market, trade, written

USDM, SPOT = "binance_l2/usdm_btcusdt_20240808.jsonl.gz", "binance_l2/spot_btcusdt_20240808-09.jsonl.gz"
CUT_LINES = 20_000
Recordings = Callable[[str], Path]


def cut(path: Path, room: Path) -> Path:
    """The beginning of a recording."""
    beginning = room / "cut.jsonl"
    with gzip.open(path, "rb") as read:
        beginning.write_bytes(b"".join(islice(read, CUT_LINES)))
    return beginning


def section(instruments: dict[str, Any] | None = None) -> ExchangeSection:
    return ExchangeSection.model_validate(
        {
            "venue": "deribit",
            "market": {"source": "recorded"},
            "instruments": instruments or {},
            "balances": {"BTC": "10"},
        }
    )


def depth(first: int, last: int, bid: str) -> dict[str, Any]:
    data = {"E": START // MS_NS, "s": "BTCUSDT", "U": first, "u": last, "b": [[bid, "1.0"]], "a": [["100.0", "1.0"]]}
    return {"stream": "btcusdt@depth", "data": data}


def printed(number: int, price: str) -> dict[str, Any]:
    data = {"e": "trade", "E": 1, "T": 1, "s": "BTCUSDT", "t": number, "p": price, "q": "1.0", "m": False}
    return {"stream": "btcusdt@trade", "data": data}


def stood(last: int) -> dict[str, Any]:
    return {"lastUpdateId": last, "bids": [["98.0", "1.0"]], "asks": [["101.0", "1.0"]]}


# Two updates are missing after the second.
LINES = [
    *((0, stood(5)), (1, depth(4, 6, "99.0")), (2, printed(1, "100.0")), (3, depth(9, 10, "99.5"))),
    *((4, stood(10)), (5, depth(10, 11, "99.2")), (6, printed(2, "100.0"))),
]


def on_tape(room: Path, facts: Iterable[TapeFact]) -> Path:
    return written(room / "market.tape", facts)


# --- What is played ----------------------------------------------------------------------------------------------


def test_lines_on_a_tape_of_ours_tell_the_same(tmp_path: Path) -> None:
    """A book that is lost and comes back, with a trade before and after."""
    source = tmp_path / "lines.jsonl"
    source.write_text("".join(f"{START + at * SECOND_NS} {json.dumps(content)}\n" for at, content in LINES))

    assert tells_the_same(source, tmp_path) == len(LINES)


@pytest.mark.parametrize(("name", "is_whole"), [(USDM, True), (SPOT, False)], ids=["USD-M", "the beginning of spot"])
def test_a_recording_on_a_tape_of_ours_tells_the_same(
    recordings: Recordings, tmp_path: Path, name: str, is_whole: bool
) -> None:
    assert tells_the_same(recordings(name) if is_whole else cut(recordings(name), tmp_path), tmp_path) > 5000


def tells_the_same(source: Path, room: Path) -> int:
    """A recording is played from a tape as from its file; how many facts that are."""
    original = judged(source)

    ours = judged(on_tape(room, original.facts()))

    assert ours.told == original.told
    (key,) = ours.told
    facts = list(played(original, key))
    assert list(played(ours, key)) == facts
    return len(facts)


def quoted(path: Path, facts: int) -> list[Happening]:
    """All that happens on a recorded market where somebody quotes both sides anew every so often."""
    recorded = judged(path)
    ((key, told),) = recorded.told.items()
    market = RecordedMarket(
        recorded_instrument("deribit", told.instrument.tick, told.instrument.lot),
        played(recorded, key),
        model=RiskAverse(),
        start=START,
    )
    happened: list[Happening] = []
    resting: list[str] = []
    for number in range(facts):
        if (at := market.next_at) is None:
            break
        happened += market.advance(at)
        if number % 50 or not market.is_open:
            continue
        happened += [market.cancel(order_id, at) for order_id in resting]
        resting = [f"{number}{side}" for side in Side]
        for side, order_id in zip(Side, resting, strict=True):
            order = ClientOrder(order_id=order_id, side=side, price=market.best(side), quantity=3, rests=True)
            happened.append(market.place(order, at))
    return happened


def test_the_same_orders_are_filled_alike_on_either(recordings: Recordings, tmp_path: Path) -> None:
    path = cut(recordings(USDM), tmp_path)
    ours = on_tape(tmp_path, judged(path).facts())

    happened = quoted(ours, 10_000)

    assert happened == quoted(path, 10_000)
    assert sum(bool(trade.maker_order) for each in happened for trade in each.trades) > 20


def test_the_lines_tell_what_they_told_before_there_were_tapes(recordings: Recordings, tmp_path: Path) -> None:
    path = cut(recordings(USDM), tmp_path)
    found = recording.survey(lines.read(path))
    listed = recorded_instrument("deribit", found.tick, found.lot)

    told = [(at, replace(fact, instrument=listed.key)) for at, fact in played(judged(path), "binance/BTCUSDT")]

    assert told == list(recording.facts(lines.read(path), listed))


def test_an_instrument_is_listed_under_its_own_name_on_its_own_terms(tmp_path: Path) -> None:
    path = on_tape(tmp_path, market(5))

    (listing,) = listings_of(section({"BTC-PERPETUAL": {}}), tape=path, seed=7, clock=lambda _: START)

    assert listing.market.instrument == instrument()
    assert (listing.market.best(Side.BUY), listing.market.best(Side.SELL)) == (100, 102)


def test_where_nothing_is_named_the_only_one_plays_as_the_perpetual_that_stands_for_it(tmp_path: Path) -> None:
    linear = InstrumentDefined(at=START, instrument=replace(instrument(), inverse=False))
    path = on_tape(tmp_path, [linear, *market(5)[1:]])

    (listing,) = listings_of(section(), tape=path, seed=7, clock=lambda _: START)

    assert listing.market.instrument == recorded_instrument("deribit", Decimal("0.5"), Decimal(10))


def test_an_inverse_one_does_not_play_as_the_linear_perpetual(tmp_path: Path) -> None:
    path = on_tape(tmp_path, market(5))

    with pytest.raises(ConfigurationError, match="BTC-PERPETUAL, which is inverse, and the exchange is to list"):
        listings_of(section(), tape=path, seed=7, clock=lambda _: START)
    with pytest.raises(ConfigurationError, match=r"it tells of BTC-PERPETUAL, not of ETH-PERPETUAL$"):
        offered(judged(path), "deribit", "ETH-PERPETUAL")


def two_markets() -> list[TapeFact]:
    """The second book comes two seconds after the first."""
    other = instrument("BTC-25JUN27")
    later = [
        replace(fact, instrument=other if isinstance(fact, InstrumentDefined) else other.key)
        for fact in market(5, start=START + 2 * SECOND_NS)
        if not isinstance(fact, TickerTold)
    ]
    return sorted([*market(7), *later], key=lambda fact: fact.at)


def test_two_of_a_tape_play_beside_each_other_from_where_both_have_a_book(tmp_path: Path) -> None:
    path = on_tape(tmp_path, two_markets())

    listings = listings_of(section({"BTC-PERPETUAL": {}, "BTC-25JUN27": {}}), tape=path, seed=7, clock=lambda _: START)

    closed = []
    for listing in listings:
        happened = listing.market.advance(START + 4 * SECOND_NS)
        assert not any(each.closed for each in happened)
        closed.append([each.at for each in listing.market.advance(START + 10 * SECOND_NS) if each.closed])
    assert closed == [[START + 5 * SECOND_NS]] * 2


def test_an_exchange_without_a_configuration_lists_what_a_tape_begins_with(tmp_path: Path) -> None:
    lines_alone = tmp_path / "lines.jsonl"
    lines_alone.write_text('1 {"lastUpdateId":1,"bids":[],"asks":[]}\n')

    assert names_on(on_tape(tmp_path, two_markets())) == ["BTC-PERPETUAL", "BTC-25JUN27"]
    assert names_on(lines_alone) == []


def test_a_tape_without_a_name_that_is_asked_for_is_refused(tmp_path: Path) -> None:
    path = on_tape(tmp_path, two_markets())

    with pytest.raises(ConfigurationError, match="it tells of BTC-PERPETUAL, BTC-25JUN27, not of ETH-PERPETUAL"):
        offered(judged(path), "deribit", "ETH-PERPETUAL")
    with pytest.raises(ConfigurationError, match="not of BTC_USDT-PERPETUAL"):
        offered(judged(path), "deribit", "BTC_USDT-PERPETUAL")


def test_a_tape_is_refused_where_all_that_is_listed_has_a_market_of_its_own(tmp_path: Path) -> None:
    path = on_tape(tmp_path, market(2))
    flow = {"source": "synthetic", "start_price": "0.25"}
    flows = section({"TKN_USDC": {"tick": "0.0001", "lot": 1, "market": flow}})

    with pytest.raises(ConfigurationError, match=r"tape .*: nothing plays it, each of exchange\.instruments has"):
        listings_of(flows, tape=path, seed=7, clock=lambda _: START)


def test_a_book_is_lost_when_the_recorder_learned_of_it(tmp_path: Path) -> None:
    lost = FeedLost(at=START + 9 * SECOND_NS, instrument=KEY, reason="a socket ended")
    path = on_tape(tmp_path, [*market(2), lost])

    *_, (venue_time, fact) = played(judged(path), KEY)

    assert (venue_time, fact) == (START + 9 * SECOND_NS, lost)


def listed_from(path: Path) -> Market:
    (listing,) = listings_of(section({"BTC-PERPETUAL": {}}), tape=path, seed=7, clock=lambda _: START)
    return listing.market


@pytest.mark.parametrize("told_at", [START - SECOND_NS, START + 2 * SECOND_NS], ids=["before the book", "after it"])
def test_an_index_on_the_tape_is_that_of_the_market(tmp_path: Path, told_at: int) -> None:
    ticker = TickerTold(at=told_at, instrument=KEY, venue_time=told_at, index=50.25, mark=50.5, funding_8h=0.0)
    defined, *others = market(5)
    playing = listed_from(on_tape(tmp_path, [defined, *sorted([*others, ticker], key=lambda fact: fact.at)]))

    assert playing.index == (100.5 if told_at < START else None)
    playing.advance(START + 3 * SECOND_NS)
    assert playing.index == 100.5


def test_an_instrument_that_was_closed_takes_no_orders(tmp_path: Path) -> None:
    def state(second: int, is_open: bool) -> InstrumentStateChanged:
        return InstrumentStateChanged(at=START + second * SECOND_NS, instrument=KEY, is_open=is_open, reason="halted")

    told = sorted([*market(9)[1:], state(-1, False), state(2, True), state(5, False)], key=lambda fact: fact.at)
    playing = listed_from(on_tape(tmp_path, [market(9)[0], *told]))

    was_open = []
    for second in (1, 3, 6):
        playing.advance(START + second * SECOND_NS)
        was_open.append(playing.is_open)
    assert was_open == [False, True, False]


def test_a_trade_is_told_before_the_change_that_reports_it(tmp_path: Path) -> None:
    told = [*market(1), change(START + 2 * SECOND_NS), trade(START + 2 * SECOND_NS, "late")]

    order = [fact for _, fact in played(judged(on_tape(tmp_path, told)), KEY)]

    assert order[-2:] == [told[-1], told[-2]]


def test_a_tape_is_calibrated_on_as_its_lines_are(recordings: Recordings, tmp_path: Path) -> None:
    path = cut(recordings(USDM), tmp_path)
    ours = on_tape(tmp_path, judged(path).facts())

    assert calibrate(ours, "BTCUSDT", buckets=4, say=lambda _: None) == calibrate(
        path, None, buckets=4, say=lambda _: None
    )


# --- What is refused ---------------------------------------------------------------------------------------------


def test_a_tape_that_is_out_of_order_is_refused_with_the_place(tmp_path: Path) -> None:
    path = on_tape(tmp_path, [*market(12), *market(2, start=START + 3 * SECOND_NS)])

    with pytest.raises(ConfigurationError, match=r"byte \d[\d,]*, .*the tape is out of order.* by 9\.000 s"):
        judged(path)


def test_lines_that_are_out_of_order_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    ticker = {"stream": "btcusdt@bookTicker", "data": {"u": 7, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}}
    times = [5 * SECOND_NS, 6 * SECOND_NS, 2 * SECOND_NS]
    path.write_text("".join(f"{at} {json.dumps(ticker)}\n" for at in times))

    with pytest.raises(ConfigurationError, match=r"line 3: the tape is out of order, its time goes back by 4\.000 s"):
        judged(path)


CSV = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"


def test_rows_play_like_a_tape_and_out_of_order_they_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    whole = "".join(
        f"deribit,BTC-PERPETUAL,{at},{at},{first},{side},{price},10\n"
        for at, first, side, price in [
            (5_000_000, "true", "bid", 100),
            (5_000_000, "true", "ask", 101),
            (6_000_000, "false", "bid", 100.5),
        ]
    )
    path.write_text(CSV + whole)

    playing = listed_from(path)
    playing.advance(START + 2 * SECOND_NS)
    assert (playing.best(Side.BUY), playing.best(Side.SELL)) == (201, 202)

    path.write_text(f"{CSV}{whole}deribit,BTC-PERPETUAL,3000000,3000000,false,bid,99,10\n")
    with pytest.raises(ConfigurationError, match=r"rows\.csv, line 5: the tape is out of order.* by 3\.000 s"):
        judged(path)


def test_an_instrument_on_another_grid_from_some_place_on_is_refused(tmp_path: Path) -> None:
    coarse = replace(instrument(), tick_steps=(replace(instrument().tick_steps[0], tick=Decimal(1)),), version=2)
    path = on_tape(tmp_path, [*market(3), InstrumentDefined(at=START + 4 * SECOND_NS, instrument=coarse)])

    with pytest.raises(ConfigurationError, match="BTC-PERPETUAL is counted in another tick or lot from here on"):
        judged(path)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ([], "there is nothing on it"),
        ([change(START)], "something is told of deribit/BTC-PERPETUAL before it is defined"),
    ],
    ids=["nothing", "no definition"],
)
def test_a_tape_that_hangs_together_in_no_way_is_refused(tmp_path: Path, facts: list[TapeFact], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        judged(on_tape(tmp_path, facts))


def test_a_tape_without_a_book_cannot_be_played(tmp_path: Path) -> None:
    told = [fact for fact in market(3) if isinstance(fact, InstrumentDefined | TradePrinted)]

    with pytest.raises(ConfigurationError, match="there is no book of BTC-PERPETUAL on it"):
        offered(judged(on_tape(tmp_path, told)), "deribit", "BTC-PERPETUAL")
    assert not [fact for fact in told if isinstance(fact, BookSnapshot)]


@pytest.mark.parametrize(
    ("symbol", "is_contract", "kind", "base", "quote"),
    [
        ("BTCUSDT", True, Kind.PERPETUAL, "BTC", "USDT"),
        ("ETHBTC", False, Kind.SPOT, "ETH", "BTC"),
        ("BTCFDUSD", False, Kind.SPOT, "BTC", "FDUSD"),
        ("BTCUSDT_240927", True, Kind.FUTURE, "BTC", "USDT"),
    ],
)
def test_a_symbol_of_binance_names_its_currencies(
    symbol: str, is_contract: bool, kind: Kind, base: str, quote: str
) -> None:
    named = instrument_named("binance", symbol, is_contract=is_contract, tick=Decimal(1), lot=Decimal(1))

    assert (named.kind, named.base_currency, named.quote_currency) == (kind, base, quote)
