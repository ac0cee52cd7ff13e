"""The kinds of files: which columns each has, and what a message says in it.

What is told as whole books, a few levels deep, or as best quotes, is a book of that depth: one snapshot, and from then
on what has changed. Where a file of changes begins its book anew, something was missed, and it is a loss.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from replenisher.core.book import difference
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.store.tape.blocks import TapeFact
from replenisher.venues.steps import whole_steps

SIDES = {"bid": Side.BUY, "ask": Side.SELL}
TAKERS = {"buy": Side.BUY, "sell": Side.SELL}
RESTART = "a snapshot begins the book anew: what happened before it is not known"


class Row(NamedTuple):
    """One line below the header."""

    number: int
    exchange: str
    symbol: str
    venue_time: int
    at: int
    rest: list[str]  # what is behind the times


Group = list[Row]  # of one message
Numbers = tuple[list[str], list[str]]  # prices and amounts as they are spelled


class Feed:
    """One instrument, and its book as far as it has been told."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.has_book = False
        self._ticks, self._lots = whole_steps(instrument.tick), whole_steps(instrument.lot)
        self._shown: dict[Side, dict[int, int]] = {}

    def level(self, price: str, amount: str) -> Level:
        """A price and an amount as they are spelled, in ticks and lots."""
        return self._ticks(price), self._lots(amount)

    def shows(self, row: Row, bids: Sequence[Level], asks: Sequence[Level]) -> TapeFact:
        """The book looks like this: told whole if it is the first one, and else as what has changed."""
        shown = {Side.BUY: dict(bids), Side.SELL: dict(asks)}
        before, self._shown = self._shown, shown
        if not self.has_book:
            return self.snapshot(row, bids, asks)
        changes = {side: difference(before[side], shown[side]) for side in Side}
        return self.change(row, changes[Side.BUY], changes[Side.SELL])

    def snapshot(self, row: Row, bids: Sequence[Level], asks: Sequence[Level]) -> BookSnapshot:
        """The whole book."""
        self.has_book = True
        return BookSnapshot(
            at=row.at,
            instrument=self.instrument.key,
            venue_time=row.venue_time,
            bids=tuple(sorted(bids, reverse=True)),
            asks=tuple(sorted(asks)),
        )

    def change(self, row: Row, bids: Sequence[Level], asks: Sequence[Level]) -> BookChanged:
        """New quantities."""
        return BookChanged(
            at=row.at,
            instrument=self.instrument.key,
            venue_time=row.venue_time,
            bids=tuple(bids),
            asks=tuple(asks),
        )


class Form(NamedTuple):
    """One kind of file: its columns behind the times, what every row is judged by, and how a message is read."""

    columns: str
    numbers: Callable[[list[str]], Numbers]
    read: Callable[[Feed, Group], Iterator[TapeFact]]
    parts: int = 0  # so many columns tell messages of one time apart

    def message(self, row: Row) -> tuple[object, ...]:
        """What rows of one message have in common."""
        return row.exchange, row.symbol, row.at, row.venue_time, *row.rest[: self.parts]


def _changes(feed: Feed, rows: Group) -> Iterator[TapeFact]:
    first = rows[0]
    levels: dict[Side, list[Level]] = {Side.BUY: [], Side.SELL: []}
    for row in rows:
        _, side, price, amount = row.rest
        levels[SIDES[side]].append(feed.level(price, amount))
    bids, asks = levels[Side.BUY], levels[Side.SELL]
    if first.rest[0] == "false":
        yield feed.change(first, bids, asks)
        return
    if feed.has_book:
        yield FeedLost(at=first.at, instrument=feed.instrument.key, reason=RESTART)
    yield feed.snapshot(first, bids, asks)


def _trades(feed: Feed, rows: Group) -> Iterator[TapeFact]:
    for row in rows:
        trade_id, side, price, amount = row.rest
        ticks, lots = feed.level(price, amount)
        yield TradePrinted(
            at=row.at,
            instrument=feed.instrument.key,
            venue_time=row.venue_time,
            trade_id=trade_id,
            price=ticks,
            quantity=lots,
            taker=TAKERS[side],
        )


def _quotes(feed: Feed, rows: Group) -> Iterator[TapeFact]:
    for row in rows:
        ask_amount, ask, bid, bid_amount = row.rest
        bids = [feed.level(bid, bid_amount)] if bid else []
        yield feed.shows(row, bids, [feed.level(ask, ask_amount)] if ask else [])


def _books(feed: Feed, rows: Group) -> Iterator[TapeFact]:
    for row in rows:
        quads = list(_quads(row.rest))
        asks = [feed.level(price, amount) for price, amount, _, _ in quads if price]
        yield feed.shows(row, [feed.level(price, amount) for _, _, price, amount in quads if price], asks)


def _quads(rest: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The asks' and the bids' price and amount, level by level."""
    return zip(*[iter(rest)] * 4, strict=True)


def _numbers_of_changes(rest: list[str]) -> Numbers:
    is_snapshot, side, price, amount = rest
    if is_snapshot not in ("true", "false"):
        raise ValueError(f"is_snapshot is {is_snapshot!r}, neither true nor false")
    if side not in SIDES:
        raise ValueError(f"{side!r} is no side of a book")
    return [price], [amount]


def _numbers_of_trades(rest: list[str]) -> Numbers:
    _, side, price, amount = rest
    if side not in TAKERS:
        raise ValueError(f"nobody knows who took in a trade whose side is {side!r}")
    return [price], [amount]


def _numbers_of_books(rest: list[str]) -> Numbers:
    return [each for each in rest[::2] if each], [each for each in rest[1::2] if each]


def _numbers_of_quotes(rest: list[str]) -> Numbers:
    ask_amount, ask, bid, bid_amount = rest
    return [each for each in (ask, bid) if each], [each for each in (ask_amount, bid_amount) if each]


FORMS = (
    Form("is_snapshot,side,price,amount", _numbers_of_changes, _changes, parts=1),
    Form("id,side,price,amount", _numbers_of_trades, _trades),
    Form("ask_amount,ask_price,bid_price,bid_amount", _numbers_of_quotes, _quotes),
)
BOOKS = re.compile(r"asks\[0\]\.price,asks\[0\]\.amount,bids\[0\]\.price,bids\[0\]\.amount(,(asks|bids)\[\d+\]\.\w+)*")


def form_of(columns: str) -> Form | None:
    """The kind of file that has these columns behind the times; None if none is known."""
    if BOOKS.fullmatch(columns):
        return Form(columns, _numbers_of_books, _books)
    return next((form for form in FORMS if form.columns == columns), None)
