"""Deribit as a place to trade: a `market` and a `trading` connection behind one door.

They are two so that a burst of book changes never stands before a fill or a cancel. Both log in, as raw books need it.
Without a key there is the market alone, in public, and the venue gathers what it tells. So it is with one that only
reads, which hears each change by itself.
"""

import re
from collections.abc import Callable, Sequence

from replenisher.core.topic import Topic
from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import Event
from replenisher.model.order import is_order_id
from replenisher.model.units import SECOND_NS
from replenisher.venues.deribit import cash_log
from replenisher.venues.deribit.link import CREDITS, CREDITS_PER_SECOND, OPENING_COST, Clock, Link
from replenisher.venues.deribit.market import Market
from replenisher.venues.deribit.orphans import Orphans
from replenisher.venues.deribit.settings import Credentials, Settings, Watched
from replenisher.venues.deribit.succession import Succession
from replenisher.venues.deribit.trading import Role, Trading
from replenisher.venues.limiter import Bucket
from replenisher.venues.session import Pace, dials
from replenisher.venues.venue import Action, Capabilities

MARKET = "market"
TRADING = "trading"

CAPABILITIES = Capabilities(
    amends_price=True,
    cancels_orphans=True,
    forgets_ns=2 * SECOND_NS,  # an order is looked up where orders are matched, in no copy that lags
    tells_cash_moves=True,
    tells_at_once=frozenset({Topic.OPEN_ORDERS, Topic.TRADES, Topic.POSITION}),
)


class DeribitVenue:
    """The machine of one Deribit account: told frames and time, it answers with facts and actions."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        credentials: Credentials | None,
        instruments: Sequence[str],
        namespace: str,
        random: Callable[[], float],
        settings: Settings | None = None,
        followed: Sequence[str] = (),
        tickers: Sequence[str] = (),
    ) -> None:
        assert instruments, "at a venue at least one instrument is traded"
        interval = "100ms" if credentials is None else "raw"
        watched = Watched(traded=instruments, followed=followed, tickers=tickers, interval=interval)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]+", instrument) for instrument in watched.names), "names are plain text"
        settings = settings or Settings()
        self.name = name
        self._namespace = namespace
        self._facts: list[Event] = []
        self._actions: list[Action] = []
        clock = Clock()
        self._bucket = bucket = Bucket(capacity=CREDITS, per_second=CREDITS_PER_SECOND)
        self._cash_credits = cash_log.credits()
        attempts = dials()

        def link(connection: str, pace: Pace) -> Link:
            return Link(
                venue=name,
                connection=connection,
                url=url,
                credentials=credentials,
                pace=pace,
                settings=settings,
                clock=clock,
                bucket=bucket,
                attempts=attempts,
                random=random,
                facts=self._facts,
                actions=self._actions,
            )

        def market(connection: str, predecessor: Market | None) -> Market:
            # What an heir sees is not told before it takes over.
            facts = self._facts if predecessor is None else []
            way = link(connection, settings.market_pace)
            if predecessor is None:
                orphans.take_way(way)
            return Market(name, watched, way, orphans, settings, facts, predecessor)

        def trading(connection: str, predecessor: Trading | None) -> Trading:
            return Trading(
                name,
                self._is_ours,
                instruments,
                self._market.chief.defined,
                clock,
                link(connection, settings.trading_pace),
                orphans,
                lambda instrument, reason, at: self._market.chief.halted(instrument, reason, at),
                self._cash_credits,
                self._facts,
                Role.CHIEF if predecessor is None else Role.HEIR,
            )

        credits = Bucket(capacity=settings.orders_burst, per_second=settings.orders_per_s)
        orphans = Orphans(name, credits, self._facts)
        self._market = Succession(MARKET, settings.age_ns_max, market)
        self._trading = Succession(TRADING, settings.age_ns_max, trading)
        self._known = 0
        self._only_listens = credentials is None or credentials.only_reads

    def start(self, at: int, *, follows: bool = False) -> None:
        """Begin to connect, once what a login asks for can be paid: an earlier life may have left no credits."""
        if follows:
            self._bucket.empty(at)
            self._cash_credits.empty(at)
        links = [self._market.chief.link, *([] if self._only_listens else [self._trading.chief.link])]
        not_before = self._bucket.affordable_at(OPENING_COST * len(links))
        for link in links:
            link.start(at, not_before)

    def opened(self, connection: str, at: int) -> None:
        """A connection that we asked for is open."""
        side = self._trading.of(connection) or self._market.of(connection)
        if side is not None:
            side.link.opened(at)

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """One frame arrived."""
        if (trading := self._trading.of(connection)) is not None:
            trading.received(frame, at)
            if trading is not self._trading.chief:
                self._trading.settle(at)
        elif (market := self._market.of(connection)) is not None:
            market.received(frame, at)
            if market is not self._market.chief:
                self._market.settle(at)
            elif self._known != len(market.defined) and market.knows_instruments:
                self._known = len(market.defined)
                for each in self._trading.each():
                    each.instruments_known(at)

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection ended, or could not be opened."""
        self._market.closed(connection, reason, at)
        self._trading.closed(connection, reason, at)

    def wake(self, at: int) -> None:
        """`next_wake` has come."""
        self._market.wake(at)
        self._trading.wake(at)

    @property
    def next_wake(self) -> int | None:
        """The session time at which `wake` wants to be called."""
        market, trading = self._market.next_wake, self._trading.next_wake
        if market is None or trading is None:
            return trading if market is None else market
        return min(market, trading)

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        """Ask the venue, in this order."""
        self._trading.chief.send(commands, at)

    def suspended(self, at: int) -> None:
        """The process did not run for a while: what is open may be dead or far behind, so both start over."""
        self._market.suspended(at)
        self._trading.suspended(at)

    def stop(self, at: int, *, is_flat: bool = False) -> None:
        """Close every connection and open none again."""
        self._market.stop(at)
        self._trading.stop(at)

    def facts(self) -> list[Event]:
        """What was learned since the last call."""
        told = self._facts.copy()
        self._facts.clear()
        return told

    def actions(self) -> list[Action]:
        """What the carrier has to do, in order."""
        wanted = self._actions.copy()
        self._actions.clear()
        return wanted

    def change_id(self, instrument: str) -> int | None:
        """The venue's number of the last change that is in a book, by key; None while it is not trusted."""
        return self._market.chief.change_id(instrument)

    def _is_ours(self, label: str) -> bool:
        return is_order_id(label, self._namespace)
