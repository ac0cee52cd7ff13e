"""The touch that a trade met: what stood there before it, whether the trade or its change of the book is told first."""

from replenisher.core.book import Touch


class LastTouch:
    """The touch, and what it was before the time at which it last changed."""

    __slots__ = ("_before", "_changed_at", "touch")

    def __init__(self) -> None:
        self.touch: Touch | None = None
        self._before: Touch | None = None
        self._changed_at = 0

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        """It is this now."""
        if venue_time > self._changed_at:
            self._before, self._changed_at = self.touch, venue_time
        self.touch = touch

    def before(self, venue_time: int) -> Touch | None:
        """What it was when something came at this time; None if that was not seen."""
        return self.touch if venue_time > self._changed_at else self._before

    def lost(self) -> None:
        """The feed is gone."""
        self.touch = self._before = None
        self._changed_at = 0
