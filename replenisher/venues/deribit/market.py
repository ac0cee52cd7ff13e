"""Deribit's public side: definitions, books and prints of the instruments we were told to watch, some with tickers.

A book is trusted from its snapshot on, as long as every change names the change before it. Anything else (a gap, a
price off the grid, an unreadable frame, a channel the venue left out of its answer) is `FeedLost` at once, and no
book fact follows until the next snapshot. Getting one takes an unsubscribe and a subscribe: subscribing again to what
is subscribed gives no snapshot.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    LinkAlive,
    RejectReason,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import Instrument, name_of
from replenisher.model.units import MS_NS
from replenisher.venues.deribit import codec, public, requests
from replenisher.venues.deribit.definitions import Definitions
from replenisher.venues.deribit.feed import LIVE, Feed, FeedPhase
from replenisher.venues.deribit.grid import Grid, OffGrid
from replenisher.venues.deribit.link import SUBSCRIBE_COST, Link
from replenisher.venues.deribit.orphans import Orphans
from replenisher.venues.deribit.platform import Platform
from replenisher.venues.deribit.refusals import is_lapse, rejection
from replenisher.venues.deribit.settings import Settings, Watched
from replenisher.venues.deribit.words import (
    Abandon,
    Answered,
    Check,
    Chore,
    Define,
    LinkEvent,
    LoggedIn,
    Lost,
    Notified,
    Subscribe,
    Unanswered,
    Unsubscribe,
)

# Of the whole platform, because it is one subscription for any number of instruments; we do without where it is not
# offered, as definitions are asked again from time to time anyway.
STATE_CHANNELS = ("instrument.state.any.any", "platform_state")
CHANNELS_PER_REQUEST = 400  # a request may not be longer than 32 kB
OF_BOOKS = (InstrumentDefined, BookSnapshot, BookChanged, FeedLost)  # a book counts in ticks
NO_SNAPSHOT = "subscribed, but no snapshot came"
FINAL_STATES = ("closed", "terminated", "delivered", "archivized")  # it will not trade again


class Market:
    """The machine of the `market` connection."""

    def __init__(
        self,
        venue: str,
        watched: Watched,
        link: Link,
        orphans: Orphans,
        settings: Settings,
        facts: list[Event],
        predecessor: "Market | None" = None,
    ) -> None:
        names = watched.names
        self.feeds = {
            name: Feed(venue, name, len(names), with_ticker=name in watched.tickers, interval=watched.interval)
            for name in names
        }
        self.defined: dict[str, Instrument] = {}  # those that are traded, by instrument key
        if predecessor is not None:
            self.defined |= predecessor.defined
            for name, feed in self.feeds.items():
                feed.inherit(predecessor.feeds[name])
        self.link = link
        self._venue = venue
        self._traded = frozenset(watched.traded)
        self._orphans = orphans
        self._settings = settings
        self._facts = facts
        self._platform = Platform()
        self._awaited: set[str] = set(names)  # names the venue has not answered about on this connection
        self._subscribed = False
        self._definitions = Definitions(names, settings.define_every_ns, settings.define_again_ns)
        self._platform_at = 0
        self._look_at = 0
        self._alive_at = 0
        self._feeds_due: int | None = None

    @property
    def knows_instruments(self) -> bool:
        """Whether the venue has, at some time, answered about every instrument."""
        return all(feed.is_open is not None for feed in self.feeds.values())

    def change_id(self, instrument: str) -> int | None:
        """The number of the last change that is in a book, by key; None while it is not trusted."""
        feed = self.feeds[name_of(instrument)]
        return feed.change_id if feed.phase is FeedPhase.LIVE else None

    def received(self, frame: str | bytes, at: int) -> None:
        """One frame; a change of a book, by far the most frequent, takes the short way."""
        if not self.link.heard(at):
            return
        try:
            book = public.book_in(frame)
        except codec.UNREADABLE:
            book = None  # the long way finds out whose book it was
        if book is not None:
            self._book(book, at)
        else:
            self._told(self.link.received(frame, at), at)
        if self._subscribed and at - self._alive_at >= self._settings.alive_every_ns:
            self._alive_at = at
            self._facts.append(LinkAlive(at=at, venue=self._venue))

    def closed(self, reason: str, at: int) -> None:
        """The connection ended."""
        self._told(self.link.closed(reason, at), at)

    def wake(self, at: int) -> None:
        """Do what has become due."""
        for event in self.link.wake(at):
            self._told(event, at)
        if not self.link.is_logged_in:
            return
        if at >= self._definitions.next:
            self._define(self._definitions.due(at), at)
        if at >= self._platform_at:
            self._look_at_platform(at)
        if at >= self._look_at:
            self._look(at)
        if self._feeds_due is not None and at >= self._feeds_due:
            for feed in self.feeds.values():
                if feed.due is not None and at >= feed.due:
                    self._overdue(feed, at)
            self._rearm()

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        wake = self.link.next_wake
        if wake is None or not self.link.is_logged_in:
            return wake
        wake = min(wake, self._definitions.next, self._platform_at, self._look_at)
        return wake if self._feeds_due is None else min(wake, self._feeds_due)

    def suspended(self, at: int) -> None:
        """The process did not run: start over."""
        self._told(self.link.suspended(), at)

    def stop(self, at: int) -> None:
        """Close for good."""
        self._told(self.link.stop(), at)

    # --- Succession -----------------------------------------------------------------------------------------------

    def stands_for(self, chief: "Market") -> bool:
        """Whether every book that the predecessor shows is here, too, in the same ticks."""
        return self._subscribed and all(
            feed.phase is LIVE and feed.instrument == chief.feeds[name].instrument
            for name, feed in self.feeds.items()
            if chief.feeds[name].phase is LIVE
        )

    def succeed(self, chief: "Market", at: int) -> None:
        """Tell the books from the snapshots on that came here, instead of those of the predecessor, which is closed."""
        books = [fact for fact in self._facts if isinstance(fact, OF_BOOKS)]
        chief.defined |= self.defined
        self.defined = chief.defined  # others look into the same one
        self._facts, chief._facts = chief._facts, []
        self._facts += books
        for name, feed in self.feeds.items():
            told = chief.feeds[name]
            if (feed.is_open, feed.is_final) != (told.is_open, told.is_final):  # nobody was told what is known here
                feed.is_open, feed.is_final = told.is_open, told.is_final
                self._define([name], at)
        self._orphans.take_way(self.link)
        chief.stop(at)

    # --- What the link tells --------------------------------------------------------------------------------------

    def _told(self, event: LinkEvent | None, at: int) -> None:
        match event:
            case None:
                pass
            case LoggedIn():
                self._awaited = set(self.feeds)
                self._platform.forget()
                self._look_at = at + self._settings.look_every_ns
                self._look_at_platform(at)
                self._define(self._definitions.begin(at), at)
            case Answered(reply=reply) if reply.error and is_lapse(reply.error.code):
                self._told(self.link.give_up(f"the login has lapsed: {reply.error}"), at)
            case Answered(what=Chore.LOOK_AT_PLATFORM, reply=reply):
                self._platform_answered(reply, at)
            case Answered(what=Define(name=name), reply=reply):
                self._defined(self.feeds[name], reply, at)
            case Answered(what=Check(name=name), reply=reply):
                self._checked(self.feeds[name], reply, at)
            case Answered(what=Subscribe(channels=channels), reply=reply):
                self._acknowledged(channels, reply, at)
            case Answered(what=Unsubscribe(channels=channels)):
                self._left(channels, at)
            case Answered(what=Abandon() as what, reply=reply):
                self._orphans.answered(what, reply, at)
            case Unanswered(what=Abandon()):
                pass  # they are abandoned again and again
            case Unanswered(what=Define(name=name)):
                self._left_undefined(self.feeds[name], at)
            case Answered() | Unanswered():
                raise AssertionError("the market connection asks nothing else")
            case Notified():
                self._notified(event, at)
            case Lost(reason=reason):
                self._lost(reason, at)
            case _:
                assert_never(event)

    def _lost(self, reason: str, at: int) -> None:
        self._subscribed = False
        for feed in self.feeds.values():
            if feed.phase is FeedPhase.LIVE:
                self._facts.append(FeedLost(at=at, instrument=feed.key, reason=reason))
            feed.phase = FeedPhase.OFF
            feed.due = None
        self._feeds_due = None

    def _notified(self, event: Notified, at: int) -> None:
        kind, _, rest = event.channel.partition(".")
        feed = self.feeds.get(rest.rpartition(".")[0])
        try:
            match kind:
                case "book":
                    self._book(public.decode_book(event.data), at)
                case "trades":
                    self._trades(public.decode_trades(event.data), at)
                case "ticker" if feed is not None:
                    self._ticker(feed, public.decode_ticker(event.data), at)
                case "instrument":
                    self._state(public.decode_instrument_state(event.data), at)
                case "platform_state":
                    self._platform.told(public.decode_platform_state(event.data))
                    self._platform_changed(at)
                case _:
                    pass
        except codec.UNREADABLE as error:
            # States are asked for from time to time anyway; a book with a hole in it is not a book.
            if feed is not None:
                self._distrust(feed, f"unreadable {kind}: {error}", at)

    # --- Definitions and state ------------------------------------------------------------------------------------

    def _look_at_platform(self, at: int) -> None:
        self._platform_at = at + self._settings.define_every_ns
        self.link.ask("public/status", {}, Chore.LOOK_AT_PLATFORM, at)

    def _define(self, names: Iterable[str], at: int) -> None:
        for name in names:
            self.link.ask("public/get_instrument", {"instrument_name": name}, Define(name), at)

    def _defined(self, feed: Feed, reply: codec.Frame, at: int) -> None:
        if reply.error:
            self._undefined(feed, reply.error, at)
        else:
            try:
                self._learn(feed, public.decode_definition(reply.result), at)
            except codec.UNREADABLE as error:
                self._tell_state(feed, False, f"unreadable definition: {error}", at)
                self._definitions.soon(feed.name, at)
        self._await_no_longer(feed, at)

    def _undefined(self, feed: Feed, error: codec.WireError, at: int) -> None:
        """Only a refusal of the instrument itself says that there is none; any other says nothing of it, or not now."""
        match rejection(error.code):
            case RejectReason.OTHER:
                self._tell_state(feed, False, f"not offered: {error}", at, is_final=True)
                return
            case RejectReason.HALTED:
                self._tell_state(feed, False, str(error), at)
            case _:
                pass
        self._definitions.soon(feed.name, at)

    def _left_undefined(self, feed: Feed, at: int) -> None:
        """No answer in time. What is known goes on until there is one; whether the link lives, probes find out."""
        if not self.link.is_logged_in:
            return  # another one without an answer has ended it
        if feed.definition is None and feed.name in self._awaited:
            self._told(self.link.give_up("no answer: Define"), at)
        else:
            self._definitions.soon(feed.name, at)
            self._await_no_longer(feed, at)

    def _await_no_longer(self, feed: Feed, at: int) -> None:
        """Subscribe as soon as each has been answered, or left without an answer: one does not keep all books away."""
        self._awaited.discard(feed.name)
        if not self._awaited and not self._subscribed:
            self._subscribed = True
            self._subscribe([feed for feed in self.feeds.values() if feed.instrument], at)

    def _learn(self, feed: Feed, definition: public.Definition, at: int) -> None:
        known = feed.instrument
        fresh = definition.instrument(self._venue, known.version if known else 1)
        if fresh != known:
            if known is not None:
                fresh = definition.instrument(self._venue, known.version + 1)
            feed.instrument = fresh
            if feed.name in self._traded:
                self.defined[feed.key] = fresh
            feed.grid = Grid(fresh)
            self._facts.append(InstrumentDefined(at=at, instrument=fresh))
            if known is not None:
                self._distrust(feed, "the instrument was defined anew", at)  # the book was counted in the old ticks
            elif self._subscribed:
                self._subscribe([feed], at)  # refused at first, offered now
        feed.definition = definition
        why_closed = self._platform.why_closed(definition.price_index)
        is_open = definition.is_open and not why_closed
        reason = "open" if is_open else why_closed or definition.state
        self._tell_state(feed, is_open, reason, at, is_final=reason in FINAL_STATES)

    def _tell_state(self, feed: Feed, is_open: bool, reason: str, at: int, *, is_final: bool = False) -> None:
        if (feed.is_open, feed.is_final) != (is_open, is_final):
            feed.is_open, feed.is_final = is_open, is_final
            self._facts.append(
                InstrumentStateChanged(at=at, instrument=feed.key, is_open=is_open, reason=reason, is_final=is_final)
            )

    def _state(self, told: public.InstrumentState, at: int) -> None:
        feed = self.feeds.get(told.instrument_name)
        if feed is None:
            return
        if told.state not in ("created", "started"):
            self._tell_state(feed, False, told.state, at, is_final=told.state in FINAL_STATES)
        self._define([feed.name], at)  # the last word is the definition's

    def _platform_answered(self, reply: codec.Frame, at: int) -> None:
        try:
            if not reply.error:
                self._platform.answered(public.decode_platform_status(reply.result))
        except codec.UNREADABLE:
            pass  # it is told when it changes, and asked for from time to time anyway
        self._platform_changed(at, is_asked=True)

    def _platform_changed(self, at: int, *, is_asked: bool = False) -> None:
        """Close what it closes; whether the rest is open its definitions say, which are asked for unless they are."""
        for feed in self.feeds.values():
            if feed.definition is None or feed.is_final:
                continue
            if why_closed := self._platform.why_closed(feed.definition.price_index):
                self._tell_state(feed, False, why_closed, at)
            elif not feed.is_open and not is_asked:
                self._define([feed.name], at)

    def halted(self, instrument: str, reason: str, at: int) -> None:
        """An order was refused because nothing trades, whatever we were told: nothing does until a definition says so.

        That is asked for after a while, because one that says so wrongly must not lead to one refusal after the other.
        """
        feed = self.feeds[name_of(instrument)]
        self._tell_state(feed, False, reason, at, is_final=feed.is_final)
        self._definitions.soon(feed.name, at)

    # --- Subscriptions --------------------------------------------------------------------------------------------

    def _subscribe(self, feeds: Sequence[Feed], at: int) -> None:
        channels = list(STATE_CHANNELS)
        for feed in feeds:
            feed.phase = FeedPhase.ASKED
            feed.due = at + self._settings.snapshot_ns
            channels.extend(feed.channels)
        self._rearm()
        for first in range(0, len(channels), CHANNELS_PER_REQUEST):
            self._ask_for(tuple(channels[first : first + CHANNELS_PER_REQUEST]), at)

    def _ask_for(self, channels: tuple[str, ...], at: int) -> None:
        self.link.ask("public/subscribe", {"channels": channels}, Subscribe(channels), at, cost=SUBSCRIBE_COST)

    def _acknowledged(self, channels: tuple[str, ...], reply: codec.Frame, at: int) -> None:
        given: set[str] = set()
        if not reply.error:
            try:
                given = set(codec.decode_channels(reply.result))
            except codec.UNREADABLE:
                given = set()
        for feed in self.feeds.values():
            missing = [channel for channel in feed.channels if channel in channels and channel not in given]
            if missing and feed.phase in (FeedPhase.ASKED, FeedPhase.LIVE):
                why = str(reply.error) if reply.error else "left out of the answer"
                self._distrust(feed, f"not subscribed to {', '.join(missing)}: {why}", at)
        if channels[: len(STATE_CHANNELS)] == STATE_CHANNELS:
            closed = [feed.name for feed in self.feeds.values() if not feed.is_open and not feed.is_final]
            if closed:  # one may have opened after it was defined and before that was told here
                self._look_at_platform(at)
                self._define(closed, at)

    def _leave(self, feed: Feed, at: int) -> None:
        feed.phase = FeedPhase.LEAVING
        feed.due = None  # an unsubscribe without an answer ends the connection
        self.link.ask(
            "public/unsubscribe", {"channels": feed.channels}, Unsubscribe(feed.channels), at, cost=SUBSCRIBE_COST
        )

    def _left(self, channels: tuple[str, ...], at: int) -> None:
        for feed in self.feeds.values():
            if feed.phase is FeedPhase.LEAVING and feed.channels == channels:
                feed.phase = FeedPhase.ASKED
                feed.due = at + self._settings.snapshot_ns
                self._ask_for(feed.channels, at)
        self._rearm()

    def _distrust(self, feed: Feed, reason: str, at: int) -> None:
        """The book is worthless from now on; get another one, sooner if this is the first time in a while."""
        if feed.phase in (FeedPhase.OFF, FeedPhase.LEAVING):
            return
        self._facts.append(FeedLost(at=at, instrument=feed.key, reason=reason))
        if wait := feed.fail(at, self._settings):
            feed.due = at + wait
        else:
            self._leave(feed, at)
        self._rearm()

    def _overdue(self, feed: Feed, at: int) -> None:
        match feed.phase:
            case FeedPhase.OFF:
                self._leave(feed, at)
            case FeedPhase.ASKED:
                self._distrust(feed, NO_SNAPSHOT, at)
            case FeedPhase.LEAVING | FeedPhase.LIVE:
                raise AssertionError("nothing is waited for in this phase")
            case _:
                assert_never(feed.phase)

    def _rearm(self) -> None:
        self._feeds_due = min((feed.due for feed in self.feeds.values() if feed.due is not None), default=None)

    # --- Whether the books still move ------------------------------------------------------------------------------

    def _look(self, at: int) -> None:
        self._look_at = at + self._settings.look_every_ns
        for feed in self.feeds.values():
            if feed.phase is not LIVE:
                continue
            if feed.watch.is_deaf(feed.change_id, at):
                self._distrust(feed, f"the venue's own book is ahead of change {feed.change_id}, and none followed", at)
            elif feed.watch.is_in_doubt(at):
                params: dict[str, requests.Param] = {"instrument_name": feed.name, "depth": 1}
                self.link.ask("public/get_order_book", params, Check(feed.name), at)

    def _checked(self, feed: Feed, reply: codec.Frame, at: int) -> None:
        if feed.phase is not LIVE or reply.error:
            return  # an answer that is none proves nothing, and is asked for again
        try:
            feed.watch.answered(public.decode_book_place(reply.result).change_id, feed.change_id, at)
        except codec.UNREADABLE as error:
            self._distrust(feed, f"unreadable book: {error}", at)

    # --- Books and prints -----------------------------------------------------------------------------------------

    def _book(self, book: public.BookData, at: int) -> None:
        feed = self.feeds.get(book.instrument_name)
        if feed is None or feed.grid is None:
            return
        live, is_snapshot = feed.phase is LIVE, book.is_snapshot
        if is_snapshot:
            if not live and feed.phase is not FeedPhase.ASKED:
                return  # a leftover of a subscription that we are giving up
        elif not live:
            return  # changes of a book that we do not have
        elif book.change_id <= feed.change_id:
            return  # told before, and in the book already
        elif book.prev_change_id != feed.change_id:
            self._distrust(feed, f"gap: change {feed.change_id} was followed by one after {book.prev_change_id}", at)
            return
        try:
            bids = feed.grid.levels(book.bids)
            asks = feed.grid.levels(book.asks)
        except OffGrid as error:
            self._distrust(feed, str(error), at)
            self._define([feed.name], at)  # the tick may have changed
            return
        feed.change_id = book.change_id
        feed.watch.changed_at = at
        venue_time = book.timestamp * MS_NS
        if not is_snapshot:
            self._facts.append(BookChanged(at=at, instrument=feed.key, venue_time=venue_time, bids=bids, asks=asks))
            return
        if not live:
            feed.phase = FeedPhase.LIVE
            feed.live_since = at
            feed.watch.begin(at)
            feed.due = None
            self._rearm()
            self.link.ready(at)
        self._facts.append(BookSnapshot(at=at, instrument=feed.key, venue_time=venue_time, bids=bids, asks=asks))

    def _ticker(self, feed: Feed, ticker: public.Ticker, at: int) -> None:
        self._facts.append(
            TickerTold(
                at=at,
                instrument=feed.key,
                venue_time=ticker.timestamp * MS_NS,
                index=ticker.index_price,
                mark=ticker.mark_price,
                funding_8h=ticker.funding_8h,
            )
        )

    def _trades(self, trades: Iterable[public.PublicTrade], at: int) -> None:
        for trade in trades:
            feed = self.feeds.get(trade.instrument_name)
            if feed is None or feed.grid is None or not trade.took_from_book:
                continue
            try:
                ticks = feed.grid.ticks(trade.price)
            except OffGrid as error:
                self._distrust(feed, f"trade {trade.trade_id}: {error}", at)
                self._define([feed.name], at)
                continue
            feed.watch.printed(at)
            self._facts.append(
                TradePrinted(
                    at=at,
                    instrument=feed.key,
                    venue_time=trade.timestamp * MS_NS,
                    trade_id=trade.trade_id,
                    price=ticks,
                    quantity=feed.grid.lots(trade.amount),
                    taker=trade.direction,
                )
            )
