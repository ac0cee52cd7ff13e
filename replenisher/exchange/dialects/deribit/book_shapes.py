"""How a book looks on the wire: snapshots, changes, windows on a coarser grid, and its touch."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from replenisher.exchange.dialects.deribit.catalogue import NOTHING, top
from replenisher.exchange.dialects.deribit.numbers import Shape, milliseconds, number
from replenisher.exchange.words import BookLevel, BookUpdate, BookView

Levels = tuple[tuple[Decimal, Decimal], ...]


def rows(levels: Levels) -> list[list[Any]]:
    """Levels as pairs."""
    return [[number(price), number(amount)] for price, amount in levels]


def book_snapshot(book: BookView) -> Shape:
    """The first frame of a book channel: every level is new, and there is no change before it."""
    return {
        "type": "snapshot",
        "timestamp": milliseconds(book.at),
        "instrument_name": book.instrument,
        "change_id": book.change_id,
        "bids": [["new", *row] for row in rows(book.bids)],
        "asks": [["new", *row] for row in rows(book.asks)],
    }


def book_change(update: BookUpdate) -> Shape:
    """Every later frame of a book channel."""
    return {
        "type": "change",
        "timestamp": milliseconds(update.at),
        "instrument_name": update.instrument,
        "change_id": update.change_id,
        "prev_change_id": update.previous_change_id,
        "bids": _levels(update.bids),
        "asks": _levels(update.asks),
    }


def book_window(book: BookView, group: Decimal | None, depth: int) -> Shape:
    """A frame of a grouped book channel: so many levels of a coarser grid, whole every time."""
    return {
        "timestamp": milliseconds(book.at),
        "instrument_name": book.instrument,
        "change_id": book.change_id,
        "bids": rows(grouped(book.bids, group, up=False)[:depth]),
        "asks": rows(grouped(book.asks, group, up=True)[:depth]),
    }


def grouped(levels: Levels, group: Decimal | None, *, up: bool) -> Levels:
    """Levels joined at the multiples of `group`, away from the touch; as they are without one."""
    if group is None:
        return levels
    joined: dict[Decimal, Decimal] = {}
    for price, amount in levels:
        step = price // group * group
        joined_at = step + group if up and step != price else step
        joined[joined_at] = joined.get(joined_at, NOTHING) + amount
    return tuple(joined.items())


def _levels(levels: Iterable[BookLevel]) -> list[list[Any]]:
    return [[level.action, number(level.price), number(level.amount)] for level in levels]


def quote(book: BookView) -> Shape:
    """Best bid and ask."""
    return {"timestamp": milliseconds(book.at), "instrument_name": book.instrument, **best(book)}


def best(book: BookView) -> Shape:
    """The four members that tell the touch."""
    (bid, bid_amount), (ask, ask_amount) = top(book.bids), top(book.asks)
    return {
        "best_bid_price": number(bid),
        "best_bid_amount": number(bid_amount),
        "best_ask_price": number(ask),
        "best_ask_amount": number(ask_amount),
    }
