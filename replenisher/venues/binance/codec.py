"""Binance market data: messages decoded from their text, the official book sync, and a tape as facts.

Spot and USD-M futures send the same messages with small differences: futures name the previous update (`pu`) and the
time of the transaction (`T`), spot does neither. Only market data is read here.

Theory of the sync. The stream tells changes, a snapshot tells the book, and the two come over different roads. An
update covers the ids after the last update's id up to its own; a snapshot stands at one id. So updates are kept from
the start; when the snapshot is there, those it contains already are dropped; the first that is left must reach back to
the snapshot, or the snapshot is too old and another one is needed. From there on each update must follow the last one.
If one does not, the book is lost and everything begins again.

Theory of the clock. A fact of a tape has the venue's time: that of the transaction, or where there is none (the depth
of spot) that of the message. The recorder's clock would do for distances, but it stamps what arrived, and a trade often
arrives after the book change that already contains it. So facts are handed on in the order of the venue's time, trades
before the book change of the same time: then a trade is always told before the change that reports it.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from math import gcd
from typing import assert_never

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.units import MS_NS
from replenisher.store.tape import TapeLine

NUMBERS_REMEMBERED = 1 << 16
UPDATES_KEPT = 10_000  # while we wait for a snapshot
SLACK_NS = 1_000_000_000  # how much later than a newer message an older one may arrive and still be put in its place

TextLevel = tuple[str, str]  # (price, quantity) as written
MarketFact = BookSnapshot | BookChanged | FeedLost | TradePrinted


# --- The wire ----------------------------------------------------------------------------------------------------


class DepthSnapshot(msgspec.Struct, frozen=True, gc=False, rename={"last_id": "lastUpdateId"}):
    """The book as REST tells it."""

    last_id: int
    bids: list[TextLevel]
    asks: list[TextLevel]


class DepthUpdate(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "sent_ms": "E",
        "traded_ms": "T",
        "symbol": "s",
        "first_id": "U",
        "last_id": "u",
        "previous_id": "pu",
        "bids": "b",
        "asks": "a",
    },
):
    """New quantities at some prices; 0 removes the price."""

    sent_ms: int
    symbol: str
    first_id: int
    last_id: int
    bids: list[TextLevel]
    asks: list[TextLevel]
    traded_ms: int | None = None  # futures only
    previous_id: int | None = None  # futures only

    @property
    def venue_time(self) -> int:
        """The venue's clock, in nanoseconds."""
        return (self.sent_ms if self.traded_ms is None else self.traded_ms) * MS_NS


class Trade(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "sent_ms": "E",
        "traded_ms": "T",
        "symbol": "s",
        "trade_id": "t",
        "price": "p",
        "quantity": "q",
        "buyer_is_maker": "m",
        "kind": "X",
    },
):
    """One print."""

    sent_ms: int
    traded_ms: int
    symbol: str
    trade_id: int
    price: str
    quantity: str
    buyer_is_maker: bool
    kind: str = "MARKET"  # futures also print what never met the book: INSURANCE_FUND, ADL

    @property
    def venue_time(self) -> int:
        """The venue's clock, in nanoseconds."""
        return self.traded_ms * MS_NS


class BookTicker(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"last_id": "u", "symbol": "s", "bid": "b", "bid_quantity": "B", "ask": "a", "ask_quantity": "A"},
):
    """Best bid and ask after the update `last_id`."""

    last_id: int
    symbol: str
    bid: str
    bid_quantity: str
    ask: str
    ask_quantity: str


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """The combined stream's wrapping; a snapshot has none, so there everything stays at its default."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


Message = DepthSnapshot | DepthUpdate | Trade | BookTicker

_envelope = msgspec.json.Decoder(_Envelope)
_snapshot = msgspec.json.Decoder(DepthSnapshot)
_depth_update = msgspec.json.Decoder(DepthUpdate)
_trade = msgspec.json.Decoder(Trade)
_book_ticker = msgspec.json.Decoder(BookTicker)


def decode(raw: bytes) -> Message | None:
    """One message of the combined stream or one REST snapshot; None for a channel that is not read here."""
    envelope = _envelope.decode(raw)
    channel = envelope.stream.split("@", 2)[1:2]
    match channel:
        case ["depth"]:
            return _depth_update.decode(envelope.data)
        case ["trade"]:
            return _trade.decode(envelope.data)
        case ["bookTicker"]:
            return _book_ticker.decode(envelope.data)
        case []:
            return _snapshot.decode(raw)
        case _:
            return None


# --- The book sync -----------------------------------------------------------------------------------------------


class Gap(msgspec.Struct, frozen=True, gc=False):
    """An update is missing: the book cannot be trusted until the next snapshot has joined."""

    after_id: int
    found_id: int


Allowed = DepthSnapshot | DepthUpdate | Gap


class BookSync:
    """Lets through what may be applied to the book, in the order in which it must be applied.

    A snapshot that is let through always comes with the update it joins, directly behind it.
    """

    def __init__(self) -> None:
        self._waiting: deque[DepthUpdate] = deque(maxlen=UPDATES_KEPT)
        self._snapshot: DepthSnapshot | None = None
        self._last_id: int | None = None  # of the last update let through; None while there is no trusted book

    @property
    def needs_snapshot(self) -> bool:
        """Whether a snapshot would help now."""
        return self._last_id is None and self._snapshot is None

    def told(self, message: DepthSnapshot | DepthUpdate) -> list[Allowed]:
        """One message came, of either kind."""
        if isinstance(message, DepthSnapshot):
            return self.snapshot(message)
        return self.update(message)

    def snapshot(self, snapshot: DepthSnapshot) -> list[Allowed]:
        """A snapshot came; one that nobody waits for is ignored."""
        if not self.needs_snapshot:
            return []
        self._snapshot = snapshot
        return self._join()

    def update(self, update: DepthUpdate) -> list[Allowed]:
        """An update came."""
        if self._last_id is None:
            self._waiting.append(update)
            return self._join()
        if update.last_id <= self._last_id:
            return []
        if _follows(update, self._last_id):
            self._last_id = update.last_id
            return [update]
        gap = Gap(self._last_id, update.first_id)
        self._last_id = None
        self._waiting.append(update)
        return [gap]

    def _join(self) -> list[Allowed]:
        """Begin with the snapshot, if the updates reach back to it."""
        snapshot = self._snapshot
        if snapshot is None:
            return []
        while self._waiting and self._waiting[0].last_id <= snapshot.last_id:
            self._waiting.popleft()
        if not self._waiting:
            return []
        self._snapshot = None
        if not _joins(self._waiting[0], snapshot.last_id):
            return []  # the snapshot is older than what we have: a newer one may join
        first, *others = self._waiting
        self._waiting.clear()
        self._last_id = first.last_id
        allowed: list[Allowed] = [snapshot, first]
        for update in others:
            allowed += self.update(update)
        return allowed


def _joins(update: DepthUpdate, snapshot_id: int) -> bool:
    """Whether nothing is missing between the snapshot and the update.

    The documentation asks for U <= lastUpdateId <= u; a snapshot that falls on the edge between two updates has
    U == lastUpdateId + 1, and on futures, where ids are not consecutive, only `pu` tells where the edge is.
    """
    reaches_back_to = update.first_id - 1 if update.previous_id is None else update.previous_id
    return reaches_back_to <= snapshot_id < update.last_id


def _follows(update: DepthUpdate, last_id: int) -> bool:
    """Whether nothing is missing between two updates; on spot they may overlap, as they carry whole quantities."""
    if update.previous_id is None:
        return update.first_id <= last_id + 1
    return update.previous_id == last_id


# --- Numbers -----------------------------------------------------------------------------------------------------


def whole_steps(step: Decimal) -> Callable[[str], int]:
    """How often `step` goes into the number that a text spells, exactly; ValueError if it does not go evenly."""

    @lru_cache(NUMBERS_REMEMBERED)
    def count(text: str) -> int:
        try:
            number = Decimal(text)
            steps = int(number / step)
        except (ArithmeticError, ValueError):
            raise ValueError(f"{text!r} is not a number") from None
        if steps * step != number:
            raise ValueError(f"{text} is not a multiple of {step}")
        return steps

    return count


class _CommonStep:
    """The largest step of which every number seen so far is a multiple."""

    def __init__(self) -> None:
        self._digits = 0
        self._divisor = 0

    def see(self, text: str) -> None:
        """One more number, as text."""
        before, _, after = text.partition(".")
        if not (before + after).isdecimal():
            raise ValueError(f"{text!r} is not a number")
        if len(after) > self._digits:
            self._divisor *= 10 ** (len(after) - self._digits)
            self._digits = len(after)
        self._divisor = gcd(self._divisor, int(before + after.ljust(self._digits, "0")))

    @property
    def step(self) -> Decimal:
        """The step without trailing zeros; 0 if there was no number but 0."""
        step = Decimal(self._divisor).scaleb(-self._digits).normalize()
        return step.quantize(Decimal(1)) if step == step.to_integral_value() else step


# --- A tape ------------------------------------------------------------------------------------------------------


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a tape turned out to hold, read once from end to end."""

    symbol: str
    tick: Decimal
    lot: Decimal
    messages: int
    depth_updates: int  # of the synced book
    trades: int
    gaps: int
    started_at: int  # venue time at which the book is first trusted
    ended_at: int  # venue time of the last update or trade

    @property
    def duration_ns(self) -> int:
        """How long the tape plays at speed 1."""
        return self.ended_at - self.started_at


def survey(lines: Iterable[TapeLine]) -> Survey:
    """Judge every message of a tape before anything starts, and find the grid on which its numbers lie."""
    findings = _Findings()
    line: TapeLine | None = None
    for line in lines:
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
        self._tick, self._lot = _CommonStep(), _CommonStep()
        self._symbol = ""
        self._messages = self._trades = self._gaps = self._started_at = self._ended_at = 0

    def see(self, message: Message | None) -> None:
        """One more message."""
        self._messages += 1
        match message:
            case DepthUpdate():
                self._one_symbol(message.symbol)
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
            tick=self._tick.step,
            lot=self._lot.step,
            messages=self._messages,
            depth_updates=self.depth_updates,
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
    pending: list[tuple[int, int, int, MarketFact]] = []
    newest = 0
    for number, (venue_time, fact) in enumerate(_as_received(lines, instrument)):
        rank = 0 if isinstance(fact, TradePrinted) else 1
        heapq.heappush(pending, (venue_time, rank, number, fact))
        newest = max(newest, venue_time)
        while pending[0][0] < newest - SLACK_NS:
            yield _without_rank(heapq.heappop(pending))
    while pending:
        yield _without_rank(heapq.heappop(pending))


def _without_rank(entry: tuple[int, int, int, MarketFact]) -> tuple[int, MarketFact]:
    return entry[0], entry[3]


def _as_received(lines: Iterable[TapeLine], instrument: Instrument) -> Iterator[tuple[int, MarketFact]]:
    """The facts with their venue time, in the order in which the recorder got them."""
    sync, grid = BookSync(), _Grid(instrument)
    book_time = 0  # the book's own time never runs backwards, so that no two of its changes are ever exchanged
    for line in lines:
        message = _decoded(line)
        try:
            match message:
                case Trade():
                    if message.kind == "MARKET":
                        yield message.venue_time, grid.trade(message, line.received_at)
                case DepthSnapshot() | DepthUpdate():
                    allowed = sync.told(message)
                    for change, venue_time in _timed(allowed):
                        book_time = max(book_time, venue_time)
                        yield book_time, grid.book(change, book_time, line.received_at)
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
