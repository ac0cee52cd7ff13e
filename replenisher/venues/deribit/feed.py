"""The feed of one instrument: what is known of it, and how far its book is from being trusted."""

from enum import StrEnum

from replenisher.model.instrument import Instrument, instrument_key
from replenisher.venues.deribit import public
from replenisher.venues.deribit.grid import Grid
from replenisher.venues.deribit.settings import Settings
from replenisher.venues.deribit.watch import BookWatch


class FeedPhase(StrEnum):
    """How far one book is from being trusted."""

    OFF = "off"  # not asked for, or refused
    LEAVING = "leaving"  # unsubscribing, to subscribe afresh
    ASKED = "asked"  # subscribed, no snapshot yet
    LIVE = "live"


LIVE = FeedPhase.LIVE  # asked for with every change of a book


class Feed:
    """One instrument: what it is, whether it is open, and how far its book can be trusted."""

    def __init__(self, venue: str, name: str, books: int, *, with_ticker: bool = False, interval: str = "raw") -> None:
        self.name = name
        self.key = instrument_key(venue, name)
        ticker = (f"ticker.{name}.100ms",) if with_ticker else ()
        self.channels = (f"book.{name}.{interval}", f"trades.{name}.{interval}", *ticker)
        self.definition: public.Definition | None = None
        self.instrument: Instrument | None = None
        self.grid: Grid | None = None
        self.phase = FeedPhase.OFF
        self.change_id = 0
        self.watch = BookWatch(books)
        self.due: int | None = None  # when a phase that waits has waited long enough
        self.failures = 0
        self.live_since = 0
        self.is_open: bool | None = None  # as last told
        self.is_final = False

    def fail(self, at: int, settings: Settings) -> int:
        """Its book is none: how long until another one is asked for, which is at once the first time in a while."""
        if self.phase is FeedPhase.LIVE and at - self.live_since >= settings.book_settled_ns:
            self.failures = 0
        self.phase = FeedPhase.OFF
        self.failures += 1
        if self.failures == 1:
            return 0
        return min(settings.resync_first_ns << min(self.failures - 2, 30), settings.resync_max_ns)

    def inherit(self, other: "Feed") -> None:
        """Know what another one knows of the instrument; the book it must get for itself."""
        self.definition, self.instrument, self.grid = other.definition, other.instrument, other.grid
        self.is_open, self.is_final = other.is_open, other.is_final
