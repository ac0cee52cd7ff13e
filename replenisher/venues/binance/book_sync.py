"""Binance's book sync: which changes of the book may be believed, by the rules that the venue has published.

The stream tells changes, a snapshot tells the book, and the two come over different roads. An update covers the ids
after the last update's id up to its own; a snapshot stands at one id. So updates are kept from the start; when the
snapshot is there, those it contains already are dropped; the first that is left must reach back to the snapshot, or the
snapshot is too old and another one is needed. From there on each update must follow the last one. If one does not, the
book is lost and everything begins again.
"""

from collections import deque

import msgspec

from replenisher.venues.binance.codec import DepthSnapshot, DepthUpdate

UPDATES_KEPT = 10_000  # while we wait for a snapshot


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
        self.again = 0  # updates that the trusted book had already, so that they were left out

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
            self.again += 1
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
