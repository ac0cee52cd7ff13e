"""Between a venue's sockets and the loop: the venue hears what happens on them, and a turn is taken for it."""

from collections.abc import Callable
from functools import partial

from replenisher.venues.venue import FrameVenue


class Relay:
    """Tells a venue what happens on its connections; `ended` is told why the last one did."""

    def __init__(
        self, venue: FrameVenue, hear: Callable[[Callable[[], None]], None], ended: Callable[[str], None]
    ) -> None:
        self._venue, self._hear, self._ended = venue, hear, ended

    def opened(self, connection: str, at: int) -> None:
        """A connection is open."""
        self._hear(partial(self._venue.opened, connection, at))

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """One frame arrived."""
        self._hear(partial(self._venue.received, connection, frame, at))

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection ended or could not be opened."""
        self._ended(reason)
        self._hear(partial(self._venue.closed, connection, reason, at))
