"""A recording of Binance's market data as facts, and what there is in it.

A fact has the venue's time: that of the transaction, or where there is none (the depth of spot) that of the message.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import assert_never

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.lines import TapeLine
from replenisher.store.tape.venue_order import SLACK_NS, MarketFact, in_venue_order
from replenisher.venues.binance.book_sync import Allowed, BookSync, Gap
from replenisher.venues.binance.codec import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Message,
    TextLevel,
    Trade,
    decode,
)
from replenisher.venues.steps import CommonStep, whole_steps


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a tape turned out to hold, read once from end to end."""

    symbol: str
    is_contract: bool  # whether updates name the one before them, as those of futures do
    tick: Decimal
    lot: Decimal
    messages: int
    depth_updates: int  # of the synced book
    updates_again: int  # that were told before, and are left out
    trades: int
    gaps: int
    started_at: int  # venue time at which the book is first trusted
    ended_at: int  # venue time of the last update or trade

    @property
    def duration_ns(self) -> int:
        """How long the tape plays at speed 1."""
        return self.ended_at - self.started_at


def survey(lines: Iterable[TapeLine], *, in_order: bool = True) -> Survey:
    """Judge every message of a tape before anything starts, and find the grid on which its numbers lie.

    Lines that are out of order are refused, unless somebody only wants to know what is there.
    """
    findings = _Findings()
    line: TapeLine | None = None
    newest = 0
    for line in lines:
        if in_order and line.received_at < newest - SLACK_NS:
            back_s = (newest - line.received_at) / SECOND_NS
            raise line.error(f"the tape is out of order, its time goes back by {back_s:.3f} s here")
        newest = max(newest, line.received_at)
        try:
            findings.see(_decoded(line))
        except ValueError as fault:
            raise line.error(str(fault)) from fault
    if line is None:
        raise ConfigurationError("there is nothing on the tape")
    if not findings.depth_updates:
        raise line.error("the tape ends here, and no depth snapshot has joined its depth updates")
    return findings.survey()


class _Findings:
    """What a survey has found so far."""

    def __init__(self) -> None:
        self.depth_updates = 0
        self._sync = BookSync()
        self._tick, self._lot = CommonStep(), CommonStep()
        self._symbol = ""
        self._is_contract = False
        self._messages = self._trades = self._gaps = self._started_at = self._ended_at = 0

    def see(self, message: Message | None) -> None:
        """One more message."""
        self._messages += 1
        match message:
            case DepthUpdate():
                self._one_symbol(message.symbol)
                self._is_contract |= message.previous_id is not None
                self._book(message)
            case DepthSnapshot():
                self._book(message)
            case Trade():
                self._one_symbol(message.symbol)
                self._number(message.price, message.quantity)
                self._trades += 1
                self._ended_at = max(self._ended_at, message.venue_time)
            case BookTicker() | None:
                pass
            case _ as never:
                assert_never(never)

    def survey(self) -> Survey:
        """All of it."""
        return Survey(
            symbol=self._symbol,
            is_contract=self._is_contract,
            tick=self._tick.step,
            lot=self._lot.step,
            messages=self._messages,
            depth_updates=self.depth_updates,
            updates_again=self._sync.again,
            trades=self._trades,
            gaps=self._gaps,
            started_at=self._started_at,
            ended_at=self._ended_at,
        )

    def _one_symbol(self, symbol: str) -> None:
        self._symbol = self._symbol or symbol
        if symbol != self._symbol:
            raise ValueError(f"it tells of {symbol}, the lines before it of {self._symbol}")

    def _number(self, price: str, quantity: str) -> None:
        self._tick.see(price)
        self._lot.see(quantity)

    def _book(self, message: DepthSnapshot | DepthUpdate) -> None:
        for price, quantity in (*message.bids, *message.asks):
            self._number(price, quantity)
        for allowed in self._sync.told(message):
            match allowed:
                case DepthUpdate():
                    self.depth_updates += 1
                    self._started_at = self._started_at or allowed.venue_time
                    self._ended_at = max(self._ended_at, allowed.venue_time)
                case Gap():
                    self._gaps += 1
                case DepthSnapshot():
                    pass
                case _ as never:
                    assert_never(never)


def facts(lines: Iterable[TapeLine], instrument: Instrument) -> Iterator[tuple[int, MarketFact]]:
    """What a tape tells about `instrument`, each fact with its venue time, in that order; trades before the book.

    The book begins with a snapshot, at the time of the update that it joins. Trades from before are told as well.
    """
    return in_venue_order(as_received(lines, instrument))


def as_received(lines: Iterable[TapeLine], instrument: Instrument) -> Iterator[MarketFact]:
    """The same facts in the order in which the recorder got them."""
    sync, grid = BookSync(), _Grid(instrument)
    for line in lines:
        message = _decoded(line)
        try:
            match message:
                case Trade():
                    if message.kind == "MARKET":
                        yield grid.trade(message, line.received_at)
                case DepthSnapshot() | DepthUpdate():
                    for change, venue_time in _timed(sync.told(message)):
                        yield grid.book(change, venue_time, line.received_at)
                case BookTicker() | None:
                    pass
                case _ as never:
                    assert_never(never)
        except ValueError as fault:
            raise line.error(str(fault)) from fault


def _timed(allowed: list[Allowed]) -> Iterator[tuple[Allowed, int]]:
    """What the sync let through, each with its venue time: a snapshot has that of the update it joins, a gap none."""
    for place, change in enumerate(allowed):
        match change:
            case DepthUpdate():
                yield change, change.venue_time
            case DepthSnapshot():
                joined = allowed[place + 1]
                assert isinstance(joined, DepthUpdate), "a snapshot is let through with the update that it joins"
                yield change, joined.venue_time
            case Gap():
                yield change, 0
            case _ as never:
                assert_never(never)


def _decoded(line: TapeLine) -> Message | None:
    try:
        return decode(line.raw)
    except msgspec.DecodeError as fault:
        raise line.error(f"not a market data message ({fault})") from fault


class _Grid:
    """Turns numbers as text into ticks and lots of one instrument, and messages into facts about it."""

    def __init__(self, instrument: Instrument) -> None:
        self._key = instrument.key
        self._ticks = whole_steps(instrument.tick)
        self._lots = whole_steps(instrument.lot)

    def levels(self, written: list[TextLevel]) -> tuple[Level, ...]:
        ticks, lots = self._ticks, self._lots
        return tuple([(ticks(price), lots(quantity)) for price, quantity in written])

    def trade(self, trade: Trade, at: int) -> TradePrinted:
        return TradePrinted(
            at=at,
            instrument=self._key,
            venue_time=trade.venue_time,
            trade_id=str(trade.trade_id),
            price=self._ticks(trade.price),
            quantity=self._lots(trade.quantity),
            taker=Side.SELL if trade.buyer_is_maker else Side.BUY,
        )

    def book(self, change: Allowed, venue_time: int, at: int) -> BookSnapshot | BookChanged | FeedLost:
        match change:
            case Gap():
                missing = f"update {change.found_id} does not follow {change.after_id}"
                return FeedLost(at=at, instrument=self._key, reason=missing)
            case DepthSnapshot():
                kind: type[BookSnapshot] | type[BookChanged] = BookSnapshot
            case DepthUpdate():
                kind = BookChanged
        bids, asks = self.levels(change.bids), self.levels(change.asks)
        return kind(at=at, instrument=self._key, venue_time=venue_time, bids=bids, asks=asks)
