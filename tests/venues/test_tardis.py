"""CSV files of Tardis's become facts: what was recorded of five exchanges, and what could be wrong with such a file."""

import csv
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from replenisher.core.book import Book
from replenisher.errors import ConfigurationError
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined, TradePrinted
from replenisher.model.instrument import AmountUnit, Instrument, Kind
from replenisher.model.order import Side
from replenisher.store.tape.blocks import TapeFact
from replenisher.venues.tardis.recording import Csv
from replenisher.venues.tardis.terms import instrument_named

Recordings = Callable[[str], Path]
CHANGES = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"


def facts(path: Path) -> list[TapeFact]:
    return [fact for _, part in Csv(path).parts() for fact in part]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def written(room: Path, header: str, *lines: str) -> Path:
    path = room / "rows.csv"
    path.write_text("".join(f"{line}\n" for line in [header, *lines]))
    return path


def instrument_on(told: list[TapeFact]) -> Instrument:
    (defined,) = [fact for fact in told if isinstance(fact, InstrumentDefined)]
    return defined.instrument


# --- What was recorded -------------------------------------------------------------------------------------------


def test_a_snapshot_of_deribit_is_one_book(recordings: Recordings) -> None:
    path = recordings("tardis_csv/deribit_incremental_book_L2_BTC-PERPETUAL.csv")

    told = facts(path)

    instrument = instrument_on(told)
    assert (instrument.key, instrument.inverse, instrument.amount_unit) == (
        "deribit/BTC-PERPETUAL",
        True,
        AmountUnit.QUOTE,
    )
    _, book = told
    assert isinstance(book, BookSnapshot)
    assert (book.venue_time, book.at) == (1585699200245000000, 1585699200355684000)
    expected = {
        side: {(Decimal(row["price"]), Decimal(row["amount"])) for row in rows(path) if row["side"] == side}
        for side in ("bid", "ask")
    }
    for side, levels in (("bid", book.bids), ("ask", book.asks)):
        assert {(instrument.price(ticks), instrument.amount(lots)) for ticks, lots in levels} == expected[side]


@pytest.mark.parametrize("depth", [5, 25])
def test_books_of_some_depth_are_what_every_row_says(recordings: Recordings, depth: int) -> None:
    path = recordings(f"tardis_csv/binance-futures_book_snapshot_{depth}_BTCUSDT.csv")

    told = facts(path)

    instrument, book = instrument_on(told), Book()
    shown = []
    for fact in told[1:]:
        match fact:
            case BookSnapshot():
                book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
            case BookChanged():
                book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
        sides = (book.bids.levels(depth + 1), book.asks.levels(depth + 1))
        shown.append(
            [[(instrument.price(price), instrument.amount(lots)) for price, lots in levels] for levels in sides]
        )
    assert [type(fact) for fact in told[1:3]] == [BookSnapshot, BookChanged]
    assert shown == [
        [
            [(Decimal(row[f"{side}[{n}].price"]), Decimal(row[f"{side}[{n}].amount"])) for n in range(depth)]
            for side in ("bids", "asks")
        ]
        for row in rows(path)
    ]


def test_trades_of_bitmex_keep_their_ids_and_takers(recordings: Recordings) -> None:
    path = recordings("tardis_csv/bitmex_trades_XBTUSD.csv")

    told = facts(path)

    instrument, trades = instrument_on(told), [fact for fact in told if isinstance(fact, TradePrinted)]
    assert instrument.tick == Decimal("0.5")
    assert [
        (trade.trade_id, trade.taker, instrument.price(trade.price), instrument.amount(trade.quantity))
        for trade in trades
    ] == [
        (row["id"], Side.BUY if row["side"] == "buy" else Side.SELL, Decimal(row["price"]), Decimal(row["amount"]))
        for row in rows(path)
    ]


def test_quotes_are_a_book_one_level_deep(recordings: Recordings) -> None:
    path = recordings("tardis_csv/huobi-dm-swap_quotes_BTC-USD.csv")

    told = facts(path)

    instrument, book = instrument_on(told), Book()
    assert (instrument.contract_value, instrument.inverse) == (100, True)
    shown = []
    for fact in told[1:]:
        if isinstance(fact, BookSnapshot):
            book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
        elif isinstance(fact, BookChanged):
            book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
        assert len(book.bids.quantities) == len(book.asks.quantities) == 1
        ((bid, bid_lots),), ((ask, ask_lots),) = book.bids.quantities.items(), book.asks.quantities.items()
        shown.append([instrument.price(bid), bid_lots, instrument.price(ask), ask_lots])
    assert shown == [
        [Decimal(row[key]) for key in ("bid_price", "bid_amount", "ask_price", "ask_amount")] for row in rows(path)
    ]


def test_a_gzipped_file_reads_the_same(recordings: Recordings, tmp_path: Path) -> None:
    path = recordings("tardis_csv/bitmex_trades_XBTUSD.csv")
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    assert facts(packed) == facts(path)


# --- What a file means -------------------------------------------------------------------------------------------


def test_rows_of_one_message_are_one_change_and_a_book_that_begins_anew_was_lost(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        CHANGES,
        "deribit,BTC-PERPETUAL,1000,1500,true,bid,100,10",
        "deribit,BTC-PERPETUAL,1000,1500,true,ask,101,20",
        "deribit,BTC-PERPETUAL,2000,2500,false,bid,100,0",
        "deribit,BTC-PERPETUAL,2000,2500,false,bid,99.5,30",
        "deribit,BTC-PERPETUAL,9000,9500,true,bid,98,10",
        "deribit,BTC-PERPETUAL,9000,9500,true,ask,99,10",
    )

    _, first, change, lost, second = facts(path)

    assert isinstance(first, BookSnapshot) and (first.bids, first.asks) == (((200, 1),), ((202, 2),))
    assert isinstance(change, BookChanged) and (change.bids, change.venue_time) == (((200, 0), (199, 3)), 2_000_000)
    assert isinstance(lost, FeedLost) and "begins the book anew" in lost.reason
    assert isinstance(second, BookSnapshot) and second.bids == ((196, 1),)


def test_several_symbols_of_one_file_have_a_grid_each(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        TRADES,
        "binance,BTCUSDT,1000,1500,a,buy,60000.01,0.00001",
        "binance,DOGEUSDT,1000,1600,b,sell,0.123,7",
    )

    defined = [fact.instrument for fact in facts(path) if isinstance(fact, InstrumentDefined)]

    assert [(each.name, each.tick, each.lot) for each in defined] == [
        ("BTCUSDT", Decimal("0.01"), Decimal("0.00001")),
        ("DOGEUSDT", Decimal("0.001"), Decimal(1)),
    ]


@pytest.mark.parametrize(
    ("exchange", "symbol", "kind", "is_inverse", "settles_in"),
    [
        ("deribit", "BTC-PERPETUAL", Kind.PERPETUAL, True, "BTC"),
        ("deribit", "BTC-27SEP24", Kind.FUTURE, True, "BTC"),
        ("deribit", "BTC_USDC-PERPETUAL", Kind.PERPETUAL, False, "USDC"),
        ("deribit", "BTC_USDC", Kind.SPOT, False, "USDC"),
        ("binance", "ETHBTC", Kind.SPOT, False, "BTC"),
        ("bitmex", "XBTUSD", Kind.PERPETUAL, True, "XBT"),
    ],
)
def test_what_an_amount_is_worth_is_known_of_these(
    exchange: str, symbol: str, kind: Kind, is_inverse: bool, settles_in: str
) -> None:
    named = instrument_named(exchange, symbol, Decimal("0.5"), Decimal(1))

    assert (named.kind, named.inverse, named.settlement_currency) == (kind, is_inverse, settles_in)


TRADE = "bitmex,XBTUSD,1000,1500,a,buy,100.5,1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{TRADES}\n", "there is no row below the header"),
        (f"{TRADES},tip\n{TRADE},9\n", "line 1: these columns are of no kind of file that is known: id,side,price"),
        (f"{TRADES}\n{TRADE}\n{TRADE[:-4]}\n", "line 3: it has 7 fields, and the header 8"),
        (f"{TRADES}\n{TRADE}\n{TRADE}", r"line 3: it is cut off \(no end of line\)"),
        (f"{TRADES}\n{TRADE}\n{TRADE.replace('1500', 'noon')}\n", "line 3: its times are not whole numbers"),
        (f"{TRADES}\n{TRADE}\n{TRADE.replace('100.5', 'dear')}\n", "line 3: 'dear' is not a number"),
        (f"{TRADES}\n{TRADE}\n{TRADE.replace('buy', 'unknown')}\n", "line 3: nobody knows who took in a trade"),
        (
            f"{TRADES}\n{TRADE.replace('XBTUSD', 'XBTZ24')}\n",
            "what an amount of XBTZ24 of bitmex is worth is not known",
        ),
        (f"{CHANGES}\nderibit,BTC-PERPETUAL,1,2,true,left,1,1\n", "line 2: 'left' is no side of a book"),
        (f"{CHANGES}\nderibit,BTC-PERPETUAL,1,2,maybe,bid,1,1\n", "line 2: is_snapshot is 'maybe', neither true nor"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        facts(path)

    assert str(path) in str(refusal.value)
    assert refusal.value.exit_code == 78
