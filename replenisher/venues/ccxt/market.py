"""The public side: what is offered, and the books and prints of what we watch, by stream or by asking.

A polled book is as old as the question that it answers: it is told with the time at which we asked. When answers stay
away, the book is lost, whatever it last said. What instruments are worth besides is heard by `tickers.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from replenisher.model.event import (
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    TradePrinted,
)
from replenisher.model.instrument import Instrument, instrument_key
from replenisher.model.order import SIDES
from replenisher.model.units import MS_NS, NEVER_NS
from replenisher.venues.ccxt.book import OffGrid
from replenisher.venues.ccxt.calls import Call, Failure, Watch
from replenisher.venues.ccxt.feed import Feed
from replenisher.venues.ccxt.holdings import UNREADABLE
from replenisher.venues.ccxt.instruments import instrument_of, market_named
from replenisher.venues.ccxt.link import Asked, FetchBook, FetchTicker, FetchTrades, Link, Listed
from replenisher.venues.ccxt.tickers import TICKER, Tickers

BOOK, TRADES = "book ", "trades "  # the streams, with the instrument's name behind
ANEW = "an instrument was defined anew"
PRINTS_MAX = 1000  # ids of prints that are remembered, so that none is told twice


class Market:
    """What is public at one exchange."""

    def __init__(
        self,
        link: Link,
        traded: Sequence[str],
        followed: Sequence[str],
        tickers: Sequence[str],
    ) -> None:
        self._link = link
        self.listed: dict[str, Listed] = {}  # by instrument key
        self.traded: dict[str, Listed] = {}  # those of them that are not only watched
        self._traded = frozenset(traded)
        self._instruments = tuple(dict.fromkeys([*traded, *followed, *tickers]))
        self._tickers = Tickers(link, tickers)
        self._feeds: dict[str, Feed] = {}  # by name
        self._states: dict[str, tuple[bool, str]] = {}
        self._asked_at: dict[str, int] = {}  # when each book was last asked for
        self._trades_at: dict[str, int] = {}  # when prints are asked for next
        self._asking: set[str] = set()  # books under way
        self._printed: dict[str, dict[str, None]] = {}

    # --- What is offered ------------------------------------------------------------------------------------------

    def offered(self, markets: Mapping[str, Any], at: int) -> bool:
        """The exchange's markets; returns whether what we trade has changed, so that everything begins anew."""
        is_changed = False
        keys: dict[str, str] = {}  # by ccxt's symbol
        for name in self._instruments:
            key = instrument_key(self._link.venue, name)
            market = market_named(name, markets)
            if not isinstance(market, str) and (other := keys.setdefault(str(market["symbol"]), key)) != key:
                market = f"it is the same market as {other}, and each name has limits of its own: write one everywhere"
            if isinstance(market, str):
                self._tell_state(key, False, market, at, is_final=True)
                continue
            known = self.listed.get(key)
            version = known.instrument.version if known else 1
            fresh = self._read(name, market, version)
            if isinstance(fresh, str):
                self._tell_state(key, False, fresh, at, is_final=True)
                continue
            if known is None or fresh != known.instrument:
                if known is not None:
                    fresh = msgspec.structs.replace(fresh, version=version + 1)
                is_changed = True
                self.listed[key] = Listed(str(market["symbol"]), fresh, str(market.get("id") or ""))
                if name in self._traded:
                    self.traded[key] = self.listed[key]
                if (before := self._feeds.get(name)) is not None:
                    self._lose(before, ANEW, at)  # it was counted in the old ticks
                self._feeds[name] = Feed(fresh, self._link.tell, self._link.settings.ghost_ns)
                self._link.tell(InstrumentDefined(at=at, instrument=fresh))
            is_open = market.get("active") is not False
            self._tell_state(key, is_open, "open" if is_open else "not active", at)
        return is_changed

    def _read(self, name: str, market: Mapping[str, Any], version: int) -> Instrument | str:
        try:
            read = instrument_of(
                self._link.venue, name, market, self._link.exchange.precision_mode, self._link.exchange.traits, version
            )
        except UNREADABLE as error:
            return f"its terms cannot be read: {error!r}"
        return read if isinstance(read, str) else self._tickers.objection(read) or read

    def _tell_state(self, key: str, is_open: bool, reason: str, at: int, *, is_final: bool = False) -> None:
        if self._states.get(key) != (is_open, reason):
            self._states[key] = (is_open, reason)
            self._link.tell(
                InstrumentStateChanged(at=at, instrument=key, is_open=is_open, reason=reason, is_final=is_final)
            )

    # --- The feeds ------------------------------------------------------------------------------------------------

    def begin(self, at: int) -> None:
        """Watch or poll every book."""
        for name, feed in self._feeds.items():
            symbol = self.listed[feed.instrument.key].symbol
            if self._is_watched:
                self._link.actions.append(Watch(BOOK + name, "watch_order_book", (symbol,)))
                feed.changed_at = self._asked_at[name] = at
            else:
                self._asked_at[name] = at - self._link.settings.poll_ns
            if self._link.exchange.can("watchTrades"):
                self._link.actions.append(Watch(TRADES + name, "watch_trades", (symbol,)))
            elif self._link.exchange.can("fetchTrades"):
                self._trades_at[name] = at
        self._tickers.begin(self.listed, at)

    def lose(self, reason: str, at: int) -> None:
        """Every book is worthless from now on."""
        for feed in self._feeds.values():
            self._lose(feed, reason, at)
        self._asked_at.clear()
        self._trades_at.clear()
        self._asking.clear()
        self._tickers.lose()

    def _lose(self, feed: Feed, reason: str, at: int) -> None:
        if feed.is_live:
            self._link.tell(FeedLost(at=at, instrument=feed.instrument.key, reason=reason))
        feed.lose()

    def wake(self, at: int) -> str:
        """Ask for what is due, and give up books that stay away; returns why the streams cannot be believed."""
        for name in self._asked_at:
            feed = self._feeds[name]
            if at >= self._late_at(feed):
                reason = f"no book for {(at - feed.changed_at) / 1e9:.1f} s"
                if self._is_watched:
                    return f"{name}: {reason}"
                self._lose(feed, reason, at)
            if at >= self._due_at(name, feed):
                self._ask_book(name, feed, at)
        for name, due in self._trades_at.items():
            if at >= due:
                symbol = self.listed[self._feeds[name].instrument.key].symbol
                self._link.calls.ask(FetchTrades(name), at, "fetch_trades", symbol)
                self._trades_at[name] = NEVER_NS  # until it is answered
        self._tickers.wake(at)
        return ""

    @property
    def next_wake(self) -> int | None:
        """When something is due."""
        dues = [self._tickers.next_wake, *self._trades_at.values()]
        for name in self._asked_at:
            feed = self._feeds[name]
            dues += [self._due_at(name, feed), self._late_at(feed)]
        soonest = min(dues)
        return soonest if soonest < NEVER_NS else None

    @property
    def _is_watched(self) -> bool:
        return self._link.exchange.can("watchOrderBook")

    def _due_at(self, name: str, feed: Feed) -> int:
        """When a book is asked for: always, if it is not watched; now and then, and when it is quiet, if it is."""
        asked_at, settings = self._asked_at[name], self._link.settings
        if name in self._asking or (self._is_watched and not feed.is_live):
            return NEVER_NS
        if not self._is_watched or feed.is_doubted:
            return asked_at + settings.poll_ns
        return min(
            asked_at + settings.check_ns, max(feed.changed_at + settings.silence_ns, asked_at + settings.poll_ns)
        )

    def _late_at(self, feed: Feed) -> int:
        """When a book has stayed away for too long: one that is polled, or the first one of a stream."""
        if feed.is_live == self._is_watched:
            return NEVER_NS
        return feed.changed_at + self._link.settings.late_ns

    def _ask_book(self, name: str, feed: Feed, at: int) -> None:
        self._asked_at[name] = at
        self._asking.add(name)
        feed.asking()
        limit = self._link.exchange.traits.book_limit
        symbol = self.listed[feed.instrument.key].symbol
        self._link.calls.ask(FetchBook(name), at, "fetch_order_book", symbol, *(() if limit is None else (limit,)))

    # --- What is told ---------------------------------------------------------------------------------------------

    def watched(self, stream: str, value: Any, at: int) -> str:
        """News of a stream; returns why it cannot be believed."""
        if stream.startswith(TICKER):
            self._tickers.watched(stream, value, at)
            return ""
        if stream.startswith(TRADES):
            return self._prints(stream.removeprefix(TRADES), value, at)
        name = stream.removeprefix(BOOK)
        feed = self._feeds[name]
        try:
            shown = feed.grid.shown(value, self._link.settings.depth, self._link.clock.venue_time(at))
        except UNREADABLE as error:
            return f"the book of {name} cannot be read: {error}"
        reason = feed.take(shown, at)
        return f"the book of {name}: {reason}" if reason else ""

    def answered(self, call: Call[Asked], value: Any, at: int) -> str:
        """What we asked for; returns why the streams cannot be believed."""
        match call.what:
            case FetchTicker(name=name):
                self._tickers.answered(name, call, value, at)
                return ""
            case FetchTrades(name=name):
                self._trades_at[name] = at + self._link.settings.poll_ns
                return self._prints(name, value, at)
            case FetchBook(name=name):
                self._asking.discard(name)
                return self._book(self._feeds[name], value, call.asked_at, at)
            case _:
                raise AssertionError("nothing else is asked here")

    def failed(self, call: Call[Asked], failure: Failure, at: int) -> None:
        """No answer: it is asked again, and the book grows old meanwhile."""
        match call.what:
            case FetchTicker(name=name):
                self._tickers.failed(name, at)
            case FetchTrades(name=name):
                self._trades_at[name] = at + self._link.settings.poll_ns
            case FetchBook(name=name):
                self._asking.discard(name)
            case _:
                raise AssertionError(f"nothing else is asked here: {failure}")

    def _book(self, feed: Feed, value: Any, asked_at: int, at: int) -> str:
        name = feed.instrument.name
        try:
            shown = feed.grid.shown(value, self._link.settings.depth, self._link.clock.venue_time(asked_at))
        except UNREADABLE as error:
            if self._is_watched:
                return f"the book of {name} cannot be read: {error}"
            self._lose(feed, str(error), at)
            return ""
        if self._is_watched:
            reason = feed.verify(shown, at)
            return f"the book of {name}: {reason}" if reason else ""
        if reason := feed.take(shown, asked_at):  # as old as the question
            self._lose(feed, reason, at)
        return ""

    def _prints(self, name: str, trades: Sequence[Mapping[str, Any]], at: int) -> str:
        feed = self._feeds[name]
        printed = self._printed.setdefault(name, {})
        try:
            for trade in trades:
                trade_id = str(trade["id"])
                if trade_id in printed or trade.get("side") is None:
                    continue
                fact = TradePrinted(
                    at=at,
                    instrument=feed.instrument.key,
                    venue_time=int(trade["timestamp"]) * MS_NS,
                    trade_id=trade_id,
                    price=feed.grid.ticks(trade["price"]),
                    quantity=feed.grid.lots(trade["amount"]),
                    taker=SIDES[trade["side"]],
                )
                printed[trade_id] = None
                if len(printed) > PRINTS_MAX:
                    del printed[next(iter(printed))]
                self._link.tell(fact)
        except OffGrid as error:
            return f"a trade of {name}: {error}"  # the tick may have changed
        except UNREADABLE as error:
            return f"the trades of {name} cannot be read: {error!r}"
        return ""
