"""A book of ccxt's is believed only as long as it behaves: it is told as changes, and ghosts in it are found out."""

from decimal import Decimal
from typing import Any

import pytest
from ccxt.async_support.base.ws.order_book import OrderBook
from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.event import BookChanged, BookSnapshot, Event
from replenisher.model.instrument import Instrument
from replenisher.venues.ccxt.book import Grid, OffGrid, Shown
from replenisher.venues.ccxt.exchanges import USUAL
from replenisher.venues.ccxt.feed import Feed
from replenisher.venues.ccxt.instruments import TICK_SIZE, instrument_of
from tests.venues.ccxt.given import MARKET, S

Sizes = st.dictionaries(st.integers(1, 40), st.integers(1, 5), max_size=8)
GHOST_NS = 3 * S


def instrument() -> Instrument:
    made = instrument_of("x", "BTC/USDT", MARKET, TICK_SIZE, USUAL)
    assert isinstance(made, Instrument)
    return made


def shown(bids: dict[int, int], asks: dict[int, int], at: int = 0, nonce: int | None = None) -> Shown:
    return Shown(dict(bids), dict(asks), at, nonce)


class Told(list[Event]):
    """A feed, and what it told."""

    def __init__(self) -> None:
        super().__init__()
        self.feed = Feed(instrument(), self.append, GHOST_NS)

    def verify(self, answer: Shown, at: int) -> str:
        self.feed.asking()
        return self.feed.verify(answer, at)


BOOK = shown({99: 5, 98: 5}, {101: 5, 102: 5})


def test_prices_and_amounts_land_on_the_grid_or_are_refused() -> None:
    grid = Grid(instrument())

    assert (grid.ticks(60000.1), grid.ticks("60000.1"), grid.ticks(Decimal("0.3"))) == (600_001, 600_001, 3)
    assert (grid.lots(0.0121), grid.lots(0.0001), grid.lots(0)) == (12, 1, 0)  # less than a lot is still somebody
    with pytest.raises(OffGrid):
        grid.ticks(60000.15)


def test_ccxts_own_book_is_read_at_once_and_not_kept() -> None:
    book = OrderBook({"bids": [[60000.0, 1.0]], "asks": [[60000.1, 2.0]], "timestamp": 5, "nonce": 9})
    read = Grid(instrument()).shown(book, 50, 0)
    book["bids"].storeArray([60000.0, 3.0])

    assert (read.bids, read.asks, read.venue_time, read.nonce) == ({600_000: 1000}, {600_001: 2000}, 5_000_000, 9)


@given(books=st.lists(st.tuples(Sizes, Sizes), min_size=1, max_size=12))
def test_the_changes_that_are_told_add_up_to_the_book(books: list[tuple[dict[int, int], dict[int, int]]]) -> None:
    told = Told()
    for at, (bids, asks) in enumerate(books):
        asks = {price + 50: lots for price, lots in asks.items()}
        assert told.feed.take(shown(bids, asks, at), at) == ""

        mine: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for fact in told:
            assert isinstance(fact, BookSnapshot | BookChanged)
            for side, levels in zip(mine, (fact.bids, fact.asks), strict=True):
                if isinstance(fact, BookSnapshot):
                    side.clear()
                side.update(levels)
                for price in [price for price, lots in side.items() if not lots]:
                    del side[price]
        assert mine == (bids, asks)
    assert [type(fact) for fact in told] == [BookSnapshot] + [BookChanged] * (len(books) - 1)


@pytest.mark.parametrize(
    ("next_one", "reason"),
    [
        (shown({99: 5}, {101: 5}, 9), "it went back in time"),
        (shown({99: 5}, {101: 5}, 20, 6), "it went back from 7 to 6"),
        (shown({101: 5}, {101: 5}, 20, 8), "it is crossed"),
        (shown({99: 5}, {101: 5}, 10, 7), ""),
    ],
)
def test_a_book_that_goes_back_or_is_crossed_is_not_believed(next_one: Shown, reason: str) -> None:
    told = Told()
    told.feed.take(shown({99: 5}, {101: 5}, 10, 7), 0)

    assert told.feed.take(next_one, 1) == reason


def test_after_a_loss_the_past_binds_nobody() -> None:
    told = Told()
    told.feed.take(shown({99: 5}, {101: 5}, 10, 7), 0)
    told.feed.lose()

    assert told.feed.take(shown({90: 1}, {91: 1}, 3, 1), 2) == ""
    assert isinstance(told[-1], BookSnapshot)


def test_a_quiet_book_that_the_exchange_confirms_is_todays() -> None:
    told = Told()
    told.feed.take(BOOK, 0)

    assert told.verify(shown(BOOK.bids, BOOK.asks, 8 * S), 7 * S) == ""

    confirmed = told[-1]
    assert isinstance(confirmed, BookSnapshot)
    assert (confirmed.at, confirmed.venue_time) == (7 * S, 8 * S)
    assert told.feed.take(shown({99: 6}, {101: 5}, 1 * S), 9 * S) == ""  # the stream may be behind the answer


def test_a_ghost_level_is_found_out_when_it_has_been_contradicted_for_long_enough() -> None:
    told = Told()
    told.feed.take(shown({99: 5, 98: 5}, {101: 5, 102: 5}), 0)
    truth = shown({98: 5}, {101: 5, 102: 5})  # 99 was taken away, and the change lost

    assert told.verify(truth, 1 * S) == ""
    assert told.feed.is_doubted
    assert told.verify(truth, 3 * S) == ""
    assert told.verify(truth, 4 * S) == "the exchange answers otherwise than 5 lots at buy 9.9"


def test_a_level_that_was_never_told_is_missed_as_well() -> None:
    told = Told()
    told.feed.take(shown({99: 5, 97: 5}, {101: 5}), 0)
    truth = shown({99: 5, 98: 7, 97: 5}, {101: 5})

    assert [told.verify(truth, at * S) for at in (1, 2, 4)][
        -1
    ] == "the exchange answers otherwise than 0 lots at buy 9.8"


def test_what_moves_is_no_ghost() -> None:
    told = Told()
    told.feed.take(shown({99: 5}, {101: 5}), 0)
    for second in range(1, 20):  # the answer is always one change ahead of the stream
        assert told.verify(shown({99: 5 + second}, {101: 5}), second * S) == ""
        told.feed.take(shown({99: 5 + second}, {101: 5}), second * S + 1)
    assert not told.feed.is_doubted


def test_a_level_that_changed_while_the_question_was_under_way_proves_nothing() -> None:
    told = Told()
    told.feed.take(shown({99: 5}, {101: 5}), 0)
    told.feed.asking()
    told.feed.take(shown({99: 6}, {101: 5}), 1)

    assert told.feed.verify(shown({99: 5}, {101: 5}), 2) == ""
    assert not told.feed.is_doubted


def test_beyond_the_end_of_a_cut_off_list_nothing_is_known() -> None:
    told = Told()
    deep = shown({99: 5, 98: 5, 97: 5}, {101: 5, 102: 5})
    told.feed.take(deep, 0)

    for second in (1, 2, 5, 9):
        assert told.verify(shown({99: 5, 98: 5}, {101: 5}), second * S) == ""
    assert not told.feed.is_doubted


def test_ccxt_merges_a_snapshot_after_a_reconnect_which_is_why_a_restart_forgets() -> None:
    """The habit that is guarded against, on ccxt's own Deribit: the second snapshot keeps the first one's levels."""
    import ccxt.pro

    client = ccxt.pro.deribit()
    client.markets_by_id, client.markets = {}, {}
    client.safe_symbol = lambda *_: "BTC/USD:BTC"
    resolved: list[Any] = []
    socket = type("Socket", (), {"resolve": lambda self, value, key: resolved.append((key, value))})()

    def snapshot(price: float) -> dict[str, Any]:
        data = {"type": "snapshot", "timestamp": 1, "instrument_name": "BTC-PERPETUAL", "change_id": 1}
        rows = {"bids": [["new", price, 10.0]], "asks": []}
        return {"params": {"channel": "book.BTC-PERPETUAL.100ms", "data": data | rows}}

    client.handle_order_book(socket, snapshot(100.0))
    client.handle_order_book(socket, snapshot(90.0))

    assert [row[0] for row in resolved[-1][1]["bids"]] == [100.0, 90.0]
