"""Our subscriptions to books, both their ends: how another book is come by where one was lost.

The venue's session leaves what it has subscribed to, subscribes anew, and does so again whenever no book came in time,
as patiently as `venues/deribit/feed.py` says. An exchange that has the book out of sight shows it once it is found.
"""

from collections.abc import Mapping
from typing import assert_never

from replenisher.backtest.hearing import Hearing
from replenisher.exchange.latency import Way
from replenisher.exchange.market import Market
from replenisher.model.units import NEVER_NS
from replenisher.venues.deribit.feed import Feed, FeedPhase
from replenisher.venues.deribit.market import NO_SNAPSHOT
from replenisher.venues.deribit.settings import Settings

GAP = "gap: the recording has lost this book"


class Subscriptions:
    """Those of one account, by name of the instrument."""

    def __init__(
        self, venue: str, markets: Mapping[str, Market], hearing: Hearing, *, requests: Way, replies: Way, at: int
    ) -> None:
        self._markets = markets
        self._hearing = hearing
        self._requests = requests
        self._replies = replies
        self._settings = Settings()
        self._feeds = {name: Feed(venue, name, len(markets)) for name in markets}
        self._out_of_sight: set[str] = set()  # at the exchange
        self._overdue_at: dict[str, int] = {}  # when one that was asked for must have brought a book
        for feed in self._feeds.values():
            feed.phase, feed.live_since = FeedPhase.LIVE, at

    def lost(self, name: str, heard_at: int) -> None:
        """The exchange has a book out of sight, which says something to whoever has believed it."""
        self._out_of_sight.add(name)
        feed = self._feeds[name]
        if feed.phase is FeedPhase.LIVE:
            self._hearing.tell_lost(name, GAP, heard_at)
            self._leave(feed, heard_at + feed.fail(heard_at, self._settings))

    def found(self, name: str, at: int) -> None:
        """It has it again, and shows it to whoever is subscribed."""
        self._out_of_sight.discard(name)
        feed = self._feeds[name]
        if feed.phase is FeedPhase.ASKED:
            self._show(feed, at)

    def turn(self, at: int) -> None:
        """What is due."""
        for feed in self._feeds.values():
            if feed.due is not None and feed.due <= at:
                self._overdue(feed, at)

    @property
    def next_at(self) -> int:
        """When the next of it is."""
        return min((feed.due for feed in self._feeds.values() if feed.due is not None), default=NEVER_NS)

    def _overdue(self, feed: Feed, at: int) -> None:
        match feed.phase:
            case FeedPhase.LEAVING:  # the next subscription stands at the exchange
                feed.phase, feed.due = FeedPhase.ASKED, self._overdue_at[feed.name]
                if feed.name not in self._out_of_sight:
                    self._show(feed, at)
                self._hearing.subscribed(feed.name, at)
            case FeedPhase.ASKED:
                self._hearing.tell_lost(feed.name, NO_SNAPSHOT, at)
                if wait := feed.fail(at, self._settings):
                    feed.due = at + wait
                else:
                    self._leave(feed, at)
            case FeedPhase.OFF:
                self._leave(feed, at)
            case FeedPhase.LIVE:
                raise AssertionError("nothing is waited for in this phase")
            case _:
                assert_never(feed.phase)

    def _leave(self, feed: Feed, at: int) -> None:
        """Subscribe afresh: what was subscribed to is left first."""
        left_at = self._replies.arrival(self._requests.arrival(at))
        self._overdue_at[feed.name] = left_at + self._settings.snapshot_ns
        feed.phase, feed.due = FeedPhase.LEAVING, self._requests.arrival(left_at)

    def _show(self, feed: Feed, at: int) -> None:
        """It counts from when it is heard; one that comes when we have given it up is nobody's."""
        assert feed.due is not None, "it is waited for"
        heard_at = self._hearing.show(feed.name, self._markets[feed.name].depth(), at, by=feed.due)
        if heard_at <= feed.due:
            feed.phase, feed.live_since, feed.due = FeedPhase.LIVE, heard_at, None
