"""Whether the platform lets anything trade: an index may be locked, or everything under maintenance.

What is told on a connection holds as long as it does. The end of a maintenance is told to nobody who was thrown out for
it, so on each new connection, and from time to time, we ask how the platform stands.
"""

from replenisher.venues.deribit import public

LOCKED, MAINTENANCE = "locked", "maintenance"
ALL = (True, "true")


class Platform:
    """What is known of it on this connection."""

    def __init__(self) -> None:
        self._is_maintained = False
        self._is_locked = False  # all of it
        self._locked_indices: set[str] = set()

    def forget(self) -> None:
        """Nothing has been told yet."""
        self._is_maintained = self._is_locked = False
        self._locked_indices.clear()

    def told(self, state: public.PlatformState) -> None:
        """Something has changed."""
        if state.maintenance is not None:
            self._is_maintained = state.maintenance
        if state.locked:
            self._locked_indices.add(state.price_index)
        elif state.locked is not None:
            self._is_locked = False
            self._locked_indices.discard(state.price_index)

    def answered(self, status: public.PlatformStatus) -> None:
        """How it stands. That it is under maintenance is not a part of the answer."""
        self._is_locked = status.locked in ALL
        self._locked_indices = set(status.locked_indices)

    def why_closed(self, price_index: str) -> str:
        """Why nothing trades that follows this index; nothing if it does."""
        if self._is_maintained:
            return MAINTENANCE
        return LOCKED if self._is_locked or price_index in self._locked_indices else ""
