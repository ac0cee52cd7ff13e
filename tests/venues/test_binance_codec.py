"""Binance market data: decoded from its text, synced by the official rule, told in the venue's order."""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.errors import ConfigurationError
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, TradePrinted
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Side
from replenisher.store.tape import lines as tape
from replenisher.store.tape.lines import TapeLine
from replenisher.venues.binance.book_sync import BookSync, Gap
from replenisher.venues.binance.codec import BookTicker, DepthSnapshot, DepthUpdate, Trade, decode
from replenisher.venues.binance.recording import MarketFact, facts, survey
from replenisher.venues.steps import CommonStep, whole_steps

MS = 1_000_000


def instrument(tick: str = "0.10", lot: str = "0.001") -> Instrument:
    return Instrument(
        venue="deribit",
        name="BTC_USDT-PERPETUAL",
        kind=Kind.PERPETUAL,
        tick_steps=(TickStep(Decimal(0), Decimal(tick)),),
        lot=Decimal(lot),
        amount_unit=AmountUnit.BASE,
        base_currency="BTC",
        quote_currency="USDT",
        settlement_currency="USDT",
        min_amount=Decimal(lot),
    )


# --- The wire ----------------------------------------------------------------------------------------------------


def test_a_futures_depth_update() -> None:
    raw = (
        b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT",'
        b'"U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"]],"a":[["61510.90","0.000"]]}}'
    )

    assert decode(raw) == DepthUpdate(
        sent_ms=1723161256299,
        traded_ms=1723161256298,
        symbol="BTCUSDT",
        first_id=5123107832006,
        last_id=5123107837557,
        previous_id=5123107831937,
        bids=[("58710.20", "0.014")],
        asks=[("61510.90", "0.000")],
    )


def test_a_spot_depth_update_has_no_transaction_time_and_no_previous_id() -> None:
    raw = (
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT",'
        b'"U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[]}}'
    )

    update = decode(raw)

    assert isinstance(update, DepthUpdate)
    assert (update.traded_ms, update.previous_id) == (None, None)
    assert update.venue_time == 1723161255308 * MS


@pytest.mark.parametrize(
    ("raw", "trade"),
    [
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256323,"T":1723161256322,"s":"BTCUSDT",'
            b'"t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}',
            Trade(1723161256323, 1723161256322, "BTCUSDT", 5266583935, "61800.30", "0.006", False),
        ),
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
            b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}',
            Trade(1723161255343, 1723161255342, "BTCUSDT", 3735683259, "61837.63000000", "0.02000000", True),
        ),
    ],
)
def test_a_trade(raw: bytes, trade: Trade) -> None:
    assert decode(raw) == trade


def test_a_book_ticker_a_snapshot_and_a_channel_we_do_not_read() -> None:
    ticker = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}}'

    assert decode(ticker) == BookTicker(7, "BTCUSDT", "1.0", "2", "1.1", "3")
    assert decode(b'{"lastUpdateId":9,"bids":[["1.0","2"]],"asks":[]}') == DepthSnapshot(9, [("1.0", "2")], [])
    assert decode(b'{"stream":"btcusdt@kline_1m","data":{"k":{}}}') is None


@pytest.mark.parametrize("raw", [b"{", b'{"stream":"btcusdt@trade","data":{"p":1}}', b'{"result":null,"id":1}'])
def test_what_is_not_market_data_is_an_error(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(raw)


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_a_number_is_counted_in_steps_from_its_text() -> None:
    assert whole_steps(Decimal("0.10"))("61800.20") == 618002
    assert whole_steps(Decimal("0.00001"))("0.02000000") == 2000
    assert whole_steps(Decimal("5"))("61800") == 12360
    assert whole_steps(Decimal("0.1"))("2.2e3") == 22000
    # Seventeen digits, where a double would have to guess.
    assert whole_steps(Decimal("0.00000001"))("900719925.47409931") == 90071992547409931


@pytest.mark.parametrize("text", ["61800.25", "x", "", "NaN", "Infinity"])
def test_a_number_that_is_off_the_grid_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (multiple of|number)"):
        whole_steps(Decimal("0.1"))(text)


@given(st.integers(0, 10**15), st.sampled_from(["0.1", "0.01", "0.001", "0.5", "0.25", "1", "10"]))
def test_what_was_written_in_whole_steps_is_read_as_such(steps: int, step: str) -> None:
    assert whole_steps(Decimal(step))(f"{steps * Decimal(step):.8f}") == steps


@pytest.mark.parametrize(
    ("numbers", "step"),
    [
        (["8531.5"], "0.5"),
        (["8531.5", "8532"], "0.5"),
        (["30", "60"], "10"),
        (["0.75", "1.25"], "0.25"),
        (["400", "1200"], "200"),
        (["1e-06", "0.00001200"], "0.000001"),
        (["7"], "1"),
        (["0.0"], "0"),
    ],
)
def test_a_grid_is_a_usual_one_and_no_coarser_than_what_lies_on_it(numbers: list[str], step: str) -> None:
    common = CommonStep()
    for number in numbers:
        common.see(number)

    assert common.step == Decimal(step)


@given(st.lists(st.integers(1, 10**9), min_size=1), st.sampled_from(["0.1", "0.01", "0.5", "0.25", "1", "10", "0.002"]))
def test_every_number_lies_on_the_grid_that_was_found(counts: list[int], step: str) -> None:
    numbers = [f"{count * Decimal(step):f}" for count in counts]
    common = CommonStep()
    for number in numbers:
        common.see(number)

    assert common.step >= Decimal(step)
    assert [whole_steps(common.step)(number) * common.step for number in numbers] == list(map(Decimal, numbers))


# --- The book sync -----------------------------------------------------------------------------------------------


def futures(first: int, last: int, previous: int) -> DepthUpdate:
    return DepthUpdate(last, "BTCUSDT", first, last, [], [], last, previous)


def spot(first: int, last: int) -> DepthUpdate:
    return DepthUpdate(last, "BTCUSDT", first, last, [], [])


def book(last_id: int) -> DepthSnapshot:
    return DepthSnapshot(last_id, [], [])


def told(*messages: DepthUpdate | DepthSnapshot) -> list[DepthUpdate | DepthSnapshot | Gap]:
    sync = BookSync()
    return [allowed for message in messages for allowed in sync.told(message)]


@pytest.mark.parametrize("update", [spot, lambda first, last: futures(first, last, first - 1)], ids=["spot", "futures"])
def test_updates_wait_for_the_snapshot_and_those_it_contains_are_dropped(
    update: Callable[[int, int], DepthUpdate],
) -> None:
    sync = BookSync()

    assert sync.update(update(1, 5)) == []
    assert sync.update(update(6, 10)) == []
    assert sync.update(update(11, 15)) == []
    assert sync.needs_snapshot
    assert sync.snapshot(book(8)) == [book(8), update(6, 10), update(11, 15)]
    assert not sync.needs_snapshot
    assert sync.update(update(16, 20)) == [update(16, 20)]


def test_a_snapshot_on_the_edge_between_two_updates_joins() -> None:
    assert told(spot(1, 5), spot(6, 10), book(5)) == [book(5), spot(6, 10)]
    assert told(futures(1, 5, 0), futures(8, 10, 5), book(5)) == [book(5), futures(8, 10, 5)]


def test_futures_ids_are_not_consecutive_and_the_snapshot_may_stand_between_two_updates() -> None:
    assert told(futures(8, 10, 5), book(6)) == [book(6), futures(8, 10, 5)]


def test_a_snapshot_that_came_before_any_update_it_joins_waits() -> None:
    assert told(book(8), spot(1, 5), spot(6, 10)) == [book(8), spot(6, 10)]


def test_a_snapshot_that_is_too_old_is_dropped_and_the_next_one_joins() -> None:
    sync = BookSync()
    sync.update(spot(6, 10))

    assert sync.snapshot(book(3)) == []
    assert sync.needs_snapshot
    assert sync.snapshot(book(7)) == [book(7), spot(6, 10)]


@pytest.mark.parametrize(
    ("first", "then"), [(spot(1, 5), spot(7, 9)), (futures(1, 5, 0), futures(6, 9, 4))], ids=["spot", "futures"]
)
def test_a_gap_restarts_the_sync(first: DepthUpdate, then: DepthUpdate) -> None:
    sync = BookSync()
    sync.update(first)
    sync.snapshot(book(2))

    assert sync.update(then) == [Gap(after_id=5, found_id=then.first_id)]
    assert sync.needs_snapshot
    assert sync.snapshot(book(8)) == [book(8), then]


def test_an_update_that_was_seen_is_dropped_and_spot_updates_may_overlap() -> None:
    assert told(spot(1, 5), book(2), spot(1, 5), spot(4, 8)) == [book(2), spot(1, 5), spot(4, 8)]


def test_a_second_snapshot_is_not_needed_and_ignored() -> None:
    assert told(spot(1, 5), book(2), book(4)) == [book(2), spot(1, 5)]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=30), st.data())
def test_whatever_is_missing_what_is_let_through_is_an_unbroken_chain(lengths: list[int], data: st.DataObject) -> None:
    updates, last = [], 0
    for length in lengths:
        updates.append(spot(last + 1, last + length))
        last += length
    messages: list[DepthUpdate | DepthSnapshot] = [update for update in updates if data.draw(st.integers(0, 5))]
    for last_id in data.draw(st.lists(st.integers(0, last), max_size=3)):
        messages.insert(data.draw(st.integers(0, len(messages))), book(last_id))

    at: int | None = None
    for allowed in told(*messages):
        match allowed:
            case DepthSnapshot():
                at = allowed.last_id
            case DepthUpdate():
                assert at is not None and allowed.first_id <= at + 1 and allowed.last_id > at
                at = allowed.last_id
            case Gap():
                at = None


# --- A tape ------------------------------------------------------------------------------------------------------


def lines(*messages: object) -> list[TapeLine]:
    path = Path("a.jsonl")
    return [TapeLine(path, number, 1000 + number, json.dumps(told).encode()) for number, told in enumerate(messages, 1)]


def depth(first: int, last: int, at_ms: int, bids: Iterable[tuple[str, str]] = ()) -> object:
    data = {"E": at_ms, "s": "BTCUSDT", "U": first, "u": last, "b": list(bids), "a": []}
    return {"stream": "btcusdt@depth@100ms", "data": data}


def print_of(trade_id: int, at_ms: int, price: str = "100.10", quantity: str = "0.002", **more: object) -> object:
    data = {"E": at_ms + 1, "T": at_ms, "s": "BTCUSDT", "t": trade_id, "p": price, "q": quantity, "m": True, **more}
    return {"stream": "btcusdt@trade", "data": data}


SNAPSHOT = {"lastUpdateId": 5, "bids": [["100.00", "1.500"]], "asks": [["100.20", "0.250"]]}


def test_a_tape_is_told_as_facts_in_ticks_and_lots() -> None:
    messages = lines(depth(4, 6, 1000, [("99.90", "0.000")]), SNAPSHOT, print_of(7, 1100))

    key = "deribit/BTC_USDT-PERPETUAL"
    assert list(facts(messages, instrument())) == [
        (
            1000 * MS,
            BookSnapshot(at=1002, instrument=key, venue_time=1000 * MS, bids=((1000, 1500),), asks=((1002, 250),)),
        ),
        (1000 * MS, BookChanged(at=1002, instrument=key, venue_time=1000 * MS, bids=((999, 0),), asks=())),
        (
            1100 * MS,
            TradePrinted(
                at=1003,
                instrument=key,
                venue_time=1100 * MS,
                trade_id="7",
                price=1001,
                quantity=2,
                taker=Side.SELL,
            ),
        ),
    ]


def order_of(told: Iterable[tuple[int, MarketFact]]) -> list[tuple[int, str]]:
    return [(at // MS, type(fact).__name__) for at, fact in told]


def test_a_trade_is_told_before_the_change_that_reports_it_although_it_arrived_after() -> None:
    messages = lines(
        SNAPSHOT, depth(4, 6, 1000), depth(7, 8, 1100), print_of(1, 1090), print_of(2, 1100), print_of(3, 1101)
    )

    assert order_of(facts(messages, instrument())) == [
        (1000, "BookSnapshot"),
        (1000, "BookChanged"),
        (1090, "TradePrinted"),
        (1100, "TradePrinted"),
        (1100, "BookChanged"),
        (1101, "TradePrinted"),
    ]


def test_a_trade_finds_its_place_although_newer_messages_came_between() -> None:
    messages = lines(SNAPSHOT, depth(4, 6, 1000), depth(7, 8, 1100), depth(9, 9, 1900), print_of(1, 1090))

    assert order_of(facts(messages, instrument()))[2:] == [
        (1090, "TradePrinted"),
        (1100, "BookChanged"),
        (1900, "BookChanged"),
    ]


def test_facts_come_out_while_the_tape_is_still_read() -> None:
    told = facts(iter(lines(SNAPSHOT, depth(4, 6, 1000), depth(7, 8, 5000), "a fault further on")), instrument())

    assert order_of([next(told), next(told)]) == [(1000, "BookSnapshot"), (1000, "BookChanged")]


def test_a_gap_is_told_as_a_lost_feed() -> None:
    messages = lines(
        SNAPSHOT, depth(4, 6, 1000), depth(9, 9, 1100), {**SNAPSHOT, "lastUpdateId": 9}, depth(9, 12, 1200)
    )

    assert order_of(facts(messages, instrument())) == [
        (1000, "BookSnapshot"),
        (1000, "BookChanged"),
        (1000, "FeedLost"),
        (1200, "BookSnapshot"),
        (1200, "BookChanged"),
    ]
    [lost] = [fact for _, fact in facts(messages, instrument()) if isinstance(fact, FeedLost)]
    assert lost.reason == "update 9 does not follow 6"


def test_what_never_met_the_book_is_not_a_trade() -> None:
    messages = lines(SNAPSHOT, depth(4, 6, 1000), print_of(1, 1100, X="INSURANCE_FUND"))

    assert order_of(facts(messages, instrument())) == [(1000, "BookSnapshot"), (1000, "BookChanged")]


def test_an_off_grid_number_names_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"^tape a\.jsonl, line 3: 100\.15 is not a multiple of 0\.10$"):
        list(facts(lines(SNAPSHOT, depth(4, 6, 1000), print_of(1, 1100, price="100.15")), instrument()))


def test_a_survey_finds_the_grid_and_what_there_is() -> None:
    found = survey(lines(SNAPSHOT, depth(4, 6, 1000), depth(7, 8, 1100), print_of(1, 1090, "99.40", "0.750")))

    assert (found.symbol, found.tick, found.lot) == ("BTCUSDT", Decimal("0.2"), Decimal("0.25"))
    assert (found.messages, found.depth_updates, found.trades, found.gaps) == (4, 2, 1, 0)
    assert (found.started_at, found.duration_ns) == (1000 * MS, 100 * MS)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([depth(4, 6, 1000)], "line 1: the tape ends here, and no depth snapshot has joined"),
        ([SNAPSHOT, depth(7, 8, 1000)], "line 2: the tape ends here, and no depth snapshot has joined"),
        ([SNAPSHOT, {"stream": "btcusdt@trade", "data": {}}], "line 2: not a market data message"),
        ([SNAPSHOT, depth(4, 6, 1000, [("a lot", "1.0")])], "line 2: 'a lot' is not a number"),
        (
            [depth(4, 6, 1000), print_of(1, 1000, s="ETHUSDT")],
            "line 2: it tells of ETHUSDT, the lines before it of BTC",
        ),
        ([], "there is nothing on the tape"),
    ],
)
def test_a_tape_that_cannot_be_played_is_refused_before_anything_starts(messages: list[object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        survey(lines(*messages))


# --- Recordings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "grid", "counts"),
    [
        ("binance_l2/usdm_btcusdt_20240808.jsonl.gz", ("0.1", "0.001"), (93_954, 6_547, 21_313)),
        ("binance_l2/spot_btcusdt_20240808-09.jsonl.gz", ("0.01", "0.000001"), (99_574, 6_493, 19_904)),
    ],
)
def test_a_recording_is_surveyed(
    recordings: Callable[[str], Path], name: str, grid: tuple[str, str], counts: tuple[int, int, int]
) -> None:
    found = survey(tape.read(recordings(name)))

    assert (str(found.tick), str(found.lot)) == grid
    assert (found.messages, found.depth_updates, found.trades) == counts
    assert (found.symbol, found.gaps) == ("BTCUSDT", 0)


@pytest.mark.parametrize("name", ["usdm_btcusdt_20240808", "spot_btcusdt_20240808-09"])
def test_a_recording_is_told_in_the_order_of_the_venues_time(recordings: Callable[[str], Path], name: str) -> None:
    path = recordings(f"binance_l2/{name}.jsonl.gz")
    grid = survey(tape.read(path))

    told = list(facts(tape.read(path), instrument(str(grid.tick), str(grid.lot))))

    times = [at for at, _ in told]
    assert times == sorted(times)
    trade_ids = [int(fact.trade_id) for _, fact in told if isinstance(fact, TradePrinted)]
    assert trade_ids == list(range(trade_ids[0], trade_ids[-1] + 1))


def test_a_recording_that_is_cut_off_is_refused(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    whole = recordings("binance_l2/usdm_btcusdt_20240808.jsonl.gz").read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ConfigurationError, match=r"line \d+: the file is cut off or corrupt"):
        survey(tape.read(path))
