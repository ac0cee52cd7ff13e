"""One client's subscription to one channel: what it has gathered and not told yet.

A raw channel tells every event at once. The others gather for their interval, counted from the first event after the
last frame: a book then tells the net change of each level, and its chain of change ids goes from frame to frame.
"""

from decimal import Decimal
from typing import Any, assert_never

from replenisher.exchange.dialects.deribit.catalogue import Catalogue, top
from replenisher.exchange.dialects.deribit.channels import Channel, Topic
from replenisher.exchange.dialects.deribit.shapes import (
    Shape,
    Shapes,
    book_change,
    book_snapshot,
    milliseconds,
    mmp_trigger,
    quote,
)
from replenisher.exchange.words import (
    AccountUpdate,
    Action,
    BookLevel,
    BookUpdate,
    InstrumentChanged,
    InstrumentState,
    MmpTriggered,
    Print,
)

Prints = tuple[tuple[Print, int], ...]  # the prints of one event, each with its tick direction
Event = BookUpdate | Prints | AccountUpdate | InstrumentChanged | MmpTriggered

# What the venue calls the moment in which an instrument comes into a state.
STATE_WORDS = {
    InstrumentState.OPEN: "started",
    InstrumentState.SETTLEMENT: "settled",
    InstrumentState.DELIVERED: "terminated",
}


class BookBatch:
    """The net change of a book since the last frame."""

    def __init__(self) -> None:
        self._begins_after: int | None = None  # the change id of the frame before
        self._last: BookUpdate | None = None
        self._bids: dict[Decimal, BookLevel] = {}
        self._asks: dict[Decimal, BookLevel] = {}

    def add(self, update: BookUpdate) -> None:
        """One more change."""
        if self._begins_after is None:
            self._begins_after = update.previous_change_id
        self._last = update
        for side, levels in ((self._bids, update.bids), (self._asks, update.asks)):
            for level in levels:
                _merge(side, level)

    def take(self) -> BookUpdate | None:
        """All of it as one change; None if it amounts to nothing, and then the next one begins where this did."""
        if self._last is None or self._begins_after is None or not (self._bids or self._asks):
            return None
        merged = BookUpdate(
            instrument=self._last.instrument,
            at=self._last.at,
            change_id=self._last.change_id,
            previous_change_id=self._begins_after,
            bids=tuple(self._bids.values()),
            asks=tuple(self._asks.values()),
        )
        self._begins_after = None
        self._bids, self._asks = {}, {}
        return merged


def _merge(side: dict[Decimal, BookLevel], level: BookLevel) -> None:
    """What two changes of one level amount to for somebody who saw neither."""
    before = side.pop(level.price, None)
    was_there = before.action is not Action.NEW if before else level.action is not Action.NEW
    match was_there, level.action:
        case True, Action.DELETE:
            side[level.price] = level
        case True, _:
            side[level.price] = BookLevel(Action.CHANGE, level.price, level.amount)
        case False, Action.DELETE:
            pass  # it came and went
        case _:
            side[level.price] = BookLevel(Action.NEW, level.price, level.amount)


class Subscription:
    """A channel as one connection hears it."""

    def __init__(self, channel: Channel, account: str, catalogue: Catalogue, shapes: Shapes) -> None:
        self.channel = channel
        self.due_at: int | None = None  # when what was gathered must be told
        self._account = account
        self._catalogue = catalogue
        self._shapes = shapes
        self._book = BookBatch()
        self._rows: dict[str, list[Any]] = {}  # what was gathered, by instrument
        self._touch: tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]] | None = None

    def first(self, at: int) -> list[Any]:
        """What the venue tells at once, to this subscriber only."""
        name = self.channel.instrument
        match self.channel.topic:
            case Topic.BOOK:
                return [book_snapshot(self._catalogue.book(name))]
            case Topic.QUOTE:
                return self._quotes(name)
            case Topic.TICKER:
                return [self._shapes.ticker(name, at)]
            case _:
                return []

    def hear(self, event: Event, at: int) -> list[Any]:
        """Gather an event, if it belongs here; the data of the frames that a raw channel sends at once."""
        if not self._concerns(event):
            return []
        self._gather(event)
        if self.channel.interval_ns == 0:
            return self.tell(at)
        if self.due_at is None:
            self.due_at = at + self.channel.interval_ns
        return []

    def tell(self, at: int) -> list[Any]:
        """The data of the frames for all that was gathered."""
        self.due_at = None
        rows, self._rows = self._rows, {}
        match self.channel.topic:
            case Topic.BOOK:
                change = self._book.take()
                return [book_change(change)] if change else []
            case Topic.TICKER:
                return [self._shapes.ticker(name, at) for name in rows]
            case Topic.QUOTE:
                return [data for name in rows for data in self._quotes(name)]
            case Topic.TRADES:
                return [[self._shapes.print(*printed) for printed in prints] for prints in rows.values()]
            case Topic.PLATFORM:
                return []  # this exchange is never under maintenance
            case Topic.STATE | Topic.MMP:
                return [told for found in rows.values() for told in found]
            case Topic.ORDERS | Topic.FILLS | Topic.CHANGES:
                return [data for name, updates in rows.items() for data in self._private(name, updates, at)]
            case _ as never:
                assert_never(never)

    def _concerns(self, event: Event) -> bool:
        topic = self.channel.topic
        match event:
            case BookUpdate():
                wanted, name = topic in (Topic.BOOK, Topic.QUOTE, Topic.TICKER), event.instrument
            case AccountUpdate():
                wanted, name = topic.is_private and event.account == self._account, event.instrument
            case InstrumentChanged():
                wanted, name = topic is Topic.STATE, event.instrument
            case MmpTriggered():
                return topic is Topic.MMP and event.account == self._account and self.channel.index == event.index
            case tuple():
                wanted, name = topic is Topic.TRADES, event[0][0].instrument
            case _ as never:
                assert_never(never)
        return wanted and self._catalogue.covers(self.channel, name)

    def _gather(self, event: Event) -> None:
        match event:
            case BookUpdate():
                if self.channel.topic is Topic.BOOK:
                    self._book.add(event)
                else:
                    self._rows[event.instrument] = []
            case AccountUpdate():
                self._rows.setdefault(event.instrument, []).append(event)
            case InstrumentChanged():
                word = STATE_WORDS.get(event.state, event.state.value)
                changed = {"timestamp": milliseconds(event.at), "state": word, "instrument_name": event.instrument}
                self._rows.setdefault(event.instrument, []).append(changed)
            case MmpTriggered():
                self._rows.setdefault(event.index, []).append(mmp_trigger(event))
            case tuple():
                self._rows.setdefault(event[0][0].instrument, []).extend(event)
            case _ as never:
                assert_never(never)

    def _quotes(self, name: str) -> list[Shape]:
        """The quote, if the touch is another than the one told last."""
        book = self._catalogue.book(name)
        touch = (top(book.bids), top(book.asks))
        if touch == self._touch:
            return []
        self._touch = touch
        return [quote(book)]

    def _private(self, name: str, updates: list[AccountUpdate], at: int) -> list[Any]:
        orders = [self._shapes.order(order) for update in updates for order in update.orders]
        fills = [self._shapes.fill(fill, self._account) for update in updates for fill in update.trades]
        match self.channel.topic:
            case Topic.ORDERS if self.channel.interval_ns == 0:
                return list(orders)  # one frame an order, not in a list
            case Topic.ORDERS:
                return [orders] if orders else []
            case Topic.FILLS:
                return [fills] if fills else []
            case _:
                positions = [update.position for update in updates if update.position is not None]
                position = positions[-1] if positions else self._catalogue.position(self._account, name)
                shown = [self._shapes.position(position, at)]  # always there, also where nothing traded
                return [{"instrument_name": name, "trades": fills, "orders": orders, "positions": shown}]
