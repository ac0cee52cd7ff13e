"""One client's subscription to one channel: what it has gathered and not told yet.

A raw channel tells every event at once. The others gather for their interval, counted from the first event after the
last frame: a book then tells the net change of each level, and its chain of change ids goes from frame to frame.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, assert_never

from replenisher.exchange.dialects.deribit.book_batch import BookBatch
from replenisher.exchange.dialects.deribit.book_shapes import book_change, book_snapshot, book_window, quote
from replenisher.exchange.dialects.deribit.catalogue import wire_state
from replenisher.exchange.dialects.deribit.channels import WHOLE, Channel, Topic, group_step
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.market_shapes import candle
from replenisher.exchange.dialects.deribit.numbers import Shape, milliseconds
from replenisher.exchange.dialects.deribit.shapes import mmp_trigger
from replenisher.exchange.words import (
    AccountUpdate,
    BookUpdate,
    CashMove,
    InstrumentChanged,
    InstrumentState,
    MmpTriggered,
    Print,
)
from replenisher.model.instrument import Kind

Prints = tuple[Print, ...]  # of one event
Event = BookUpdate | Prints | AccountUpdate | InstrumentChanged | MmpTriggered | CashMove

# What the venue calls the moment in which an instrument comes into a state.
STATE_WORDS = {
    InstrumentState.OPEN: "started",
    InstrumentState.SETTLEMENT: "settled",
    InstrumentState.DELIVERED: "terminated",
}

OF_THE_BOOK = frozenset(
    {Topic.BOOK, Topic.WINDOW, Topic.QUOTE, Topic.TICKER, Topic.INCREMENTAL_TICKER, Topic.PERPETUAL, Topic.INDEX}
)
OF_TRADES = frozenset({Topic.TRADES, Topic.CHART, Topic.TICKER, Topic.INCREMENTAL_TICKER})
OF_THE_ACCOUNT = frozenset({Topic.ORDERS, Topic.FILLS, Topic.CHANGES, Topic.PORTFOLIO})
OF_STATES = frozenset({Topic.STATE, Topic.PLATFORM, Topic.TICKER, Topic.INCREMENTAL_TICKER})
HEARD: dict[type, frozenset[Topic]] = {
    BookUpdate: OF_THE_BOOK,
    AccountUpdate: OF_THE_ACCOUNT,
    InstrumentChanged: OF_STATES,
    CashMove: frozenset({Topic.PORTFOLIO}),
    MmpTriggered: frozenset({Topic.MMP}),
    tuple: OF_TRADES,
}


class Subject(NamedTuple):
    """What an event is about."""

    kind: type  # of the event
    account: str | None  # None is the public
    name: str  # of an instrument; of an index, where the protection of quotes has stepped in


def subject_of(event: Event) -> Subject:
    """What this one is about."""
    match event:
        case BookUpdate() | InstrumentChanged():
            return Subject(type(event), None, event.instrument)
        case AccountUpdate() | CashMove():
            return Subject(type(event), event.account, event.instrument)
        case MmpTriggered():
            return Subject(MmpTriggered, event.account, event.index)
        case tuple():
            return Subject(tuple, None, event[0].instrument)
        case _ as never:
            assert_never(never)


class Subscription:
    """A channel as one connection hears it."""

    def __init__(self, channel: Channel, account: str, desk: Desk) -> None:
        self.channel = channel
        self.due_at: int | None = None  # when what was gathered must be told
        self._hears = tuple(kind for kind, topics in HEARD.items() if channel.topic in topics)
        self._tells_each_change = channel.topic is Topic.BOOK and channel.interval_ns == 0
        self._account = account
        self._desk = desk
        self._book = BookBatch()
        self._rows: dict[str, list[Any]] = {}  # what was gathered, by instrument
        self._told: dict[str, Shape] = {}  # what was told last, of what is told only when it is another

    def first(self, at: int) -> list[Any]:
        """What the venue tells at once, to this subscriber only."""
        name = self.channel.instrument
        match self.channel.topic:
            case Topic.BOOK:
                book = self._desk.views.book(name)
                return [] if book.is_lost else [book_snapshot(book)]  # once it is found, it is told
            case Topic.TRADES | Topic.CHART | Topic.STATE | Topic.MMP | Topic.ORDERS | Topic.FILLS | Topic.CHANGES:
                return []
            case Topic.PLATFORM:
                self._frames({}, at)  # what stands is not told, only what changes
                return []
            case _:
                return self._frames({name: []}, at)

    def hear(self, event: Event, at: int) -> list[Any]:
        """Gather an event that concerns it; the data of the frames that a raw channel sends at once."""
        if isinstance(event, BookUpdate) and self.channel.topic is Topic.BOOK:
            if event.finds or event.loses:
                self._book = BookBatch()
                return self.first(at) if event.finds else [book_change(event)]
            if self._tells_each_change:
                return [book_change(event)]
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
        return self._frames(rows, at)

    def _frames(self, rows: dict[str, list[Any]], at: int) -> list[Any]:
        """The data of the frames about some instruments, with what was gathered of each."""
        market, views, channel = self._desk.market, self._desk.views, self.channel
        match channel.topic:
            case Topic.BOOK:
                change = self._book.take()
                return [book_change(change)] if change else []
            case Topic.WINDOW:
                step = group_step(channel.group, self._desk.catalogue.instrument(channel.instrument))
                window = book_window(views.book(channel.instrument), step, channel.depth)
                return self._news(channel.instrument, window, ("bids", "asks"))
            case Topic.TICKER:
                return [market.ticker(name, at) for name in rows]
            case Topic.INCREMENTAL_TICKER:
                return [frame for name in rows for frame in self._differences(name, market.ticker(name, at))]
            case Topic.QUOTE:
                touch = ("best_bid_price", "best_bid_amount", "best_ask_price", "best_ask_amount")
                return [frame for name in rows for frame in self._news(name, quote(views.book(name)), touch)]
            case Topic.PERPETUAL:
                members = ("interest", "index_price")
                return [frame for name in rows for frame in self._news(name, market.perpetual(name, at), members)]
            case Topic.INDEX:
                return self._news(channel.index, market.price_index(channel.index, at), ("price",))
            case Topic.TRADES:
                return [[market.print(printed) for printed in prints] for prints in rows.values()]
            case Topic.CHART:
                return [candle(self._candle(name, prints[-1].at)) for name, prints in rows.items()]
            case Topic.STATE | Topic.MMP:
                return [told for found in rows.values() for told in found]
            case Topic.PLATFORM:
                locks = [frame for index in self._desk.catalogue.index_names() for frame in self._lock(index)]
                return [*locks, *self._maintenance()]
            case Topic.PUBLIC_METHODS:
                return []  # it never changes while the exchange runs
            case Topic.PORTFOLIO:
                return [self._portfolio(currency) for currency in self._currencies(rows)]
            case Topic.ORDERS | Topic.FILLS | Topic.CHANGES:
                return [data for name, updates in rows.items() for data in self._private(name, updates)]
            case _ as never:
                assert_never(never)

    def concerns(self, subject: Subject) -> bool:
        """Whether events about this belong here, always or never."""
        if subject.kind not in self._hears or subject.account not in (None, self._account):
            return False
        if subject.kind is MmpTriggered:
            return self.channel.index in (WHOLE, subject.name)
        return self._desk.catalogue.covers(self.channel, subject.name)

    def _gather(self, event: Event) -> None:
        match event:
            case BookUpdate():
                if self.channel.topic is Topic.BOOK:
                    self._book.add(event)
                else:
                    self._rows[event.instrument] = []
            case AccountUpdate() | CashMove():
                self._rows.setdefault(event.instrument, []).append(event)
            case InstrumentChanged():
                word = STATE_WORDS.get(event.state, wire_state(event.state))
                changed = {"timestamp": milliseconds(event.at), "state": word, "instrument_name": event.instrument}
                self._rows.setdefault(event.instrument, []).append(changed)
            case MmpTriggered():
                self._rows.setdefault(event.index, []).append(mmp_trigger(event))
            case tuple():
                self._rows.setdefault(event[0].instrument, []).extend(event)
            case _ as never:
                assert_never(never)

    def _news(self, name: str, shape: Shape, members: Iterable[str]) -> list[Shape]:
        """The shape, if one of these members is another than when it was told last."""
        told = self._told.get(name)
        if told is not None and all(told[member] == shape[member] for member in members):
            return []
        self._told[name] = shape
        return [shape]

    def _lock(self, index: str) -> list[Shape]:
        is_locked = index in self._desk.catalogue.locked_indices()
        return self._news(index, {"price_index": index, "locked": is_locked}, ("locked",))

    def _maintenance(self) -> list[Shape]:
        return self._news("", {"maintenance": self._desk.catalogue.is_in_maintenance()}, ("maintenance",))

    def _differences(self, name: str, shape: Shape) -> list[Shape]:
        """All of a ticker for the first time, then what of it is another."""
        told = self._told.get(name)
        self._told[name] = shape
        if told is None:
            return [{"type": "snapshot"} | shape]
        always = {"type": "change", "timestamp": shape["timestamp"], "instrument_name": name}
        changed = {member: value for member, value in shape.items() if told.get(member) != value}
        return [always | changed] if changed.keys() - {"timestamp"} else []

    def _candle(self, name: str, at: int) -> Any:
        length = self.channel.resolution_ns
        return self._desk.views.candles(name).stretch(at // length * length, at, length)[-1]

    def _currencies(self, rows: dict[str, list[Any]]) -> list[str]:
        """Those whose money what was gathered has moved, as far as the channel is about them."""
        if self.channel.currency != WHOLE:
            return [self.channel.currency]
        touched = [name for name in rows if name]
        if not touched:
            return self._desk.catalogue.currencies()
        return list(dict.fromkeys(self._desk.catalogue.instrument(name).settlement_currency for name in touched))

    def _portfolio(self, currency: str) -> Shape:
        positions = self._desk.catalogue.positions(self._account, currency)
        return self._desk.money.portfolio(self._desk.views.account(self._account, currency), positions)

    def _private(self, name: str, updates: list[AccountUpdate]) -> list[Any]:
        shapes = self._desk.shapes
        orders = [shapes.order(order) for update in updates for order in update.orders]
        fills = [shapes.fill(fill, self._account) for update in updates for fill in update.trades]
        match self.channel.topic:
            case Topic.ORDERS if self.channel.interval_ns == 0:
                return list(orders)  # one frame an order, not in a list
            case Topic.ORDERS:
                return [orders] if orders else []
            case Topic.FILLS:
                return [fills] if fills else []
            case _:
                positions = [update.position for update in updates if update.position is not None]
                position = positions[-1] if positions else self._desk.views.position(self._account, name)
                is_spot = self._desk.catalogue.instrument(name).kind is Kind.SPOT  # which is held as cash
                shown = (
                    [] if is_spot else [shapes.position(position, self._account)]
                )  # always there, also where nothing traded
                return [{"instrument_name": name, "trades": fills, "orders": orders, "positions": shown}]
