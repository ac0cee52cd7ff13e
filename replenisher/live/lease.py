"""Our lease on the accounts, as the driver sees it: whether we may trade, and from when on nothing may leave at all.

Somebody keeps the lease for us in the database (`Keeper`); it is asked to renew it here and nowhere else, so a process
that does not run holds no lease. Two things can go wrong. The keeper has no answer, because the database is away: then
we know what we did meanwhile, so quotes are pulled and cancels go on. Or time has jumped past the lease's end, because
we were stopped or the machine slept: then somebody else may trade by now, and nothing leaves, no cancel either, until
the lease was read anew. That it is somebody else's is final.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from replenisher.model.event import LeaseHeld, LeaseLost
from replenisher.model.units import SECOND_NS

RENEWALS = 9  # in the time for which a lease is trusted
GAP = 6  # a sixth of it without a look is a gap; whoever takes our place waits twice as long


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What the keeper said last."""

    asked_at: int  # session time of the question to which the lease was last renewed
    holder: str = ""  # who has it now, if we do not any more; empty while we do
    error: str = ""  # why it could not be renewed since


class Keeper(Protocol):
    """Whoever renews the lease for us."""

    @property
    def word(self) -> Word:
        """What it said last."""

    def renew(self, at: int) -> None:
        """Renew it; what came of that is in `word`, some time later. Told at `at`, in session time."""


class Lease:
    """Looked at once a second; in between one number says it all."""

    __slots__ = ("_asked_at", "_is_held", "_keeper", "_life_ns", "silent_from")

    def __init__(self, keeper: Keeper, life_ns: int) -> None:
        self.silent_from = 0  # session time; from then on nothing leaves. There is no lease before the first look
        self._keeper = keeper
        self._life_ns = life_ns
        self._asked_at = 0
        self._is_held = False

    @property
    def holder(self) -> str:
        """Who else trades on an account of ours; empty if nobody does."""
        return self._keeper.word.holder

    def standing(self, at: int) -> dict[str, Any]:
        """How it stands, for an operator."""
        word = self._keeper.word
        left_ns = max(0, word.asked_at + self._life_ns - at) if self._is_held else 0
        why = "" if self._is_held else _why(word)
        return {"is_held": self._is_held, "left_s": round(left_ns / SECOND_NS, 1), "why": why}

    def look(self, at: int) -> Iterator[LeaseHeld | LeaseLost]:
        """What has become of the lease since the last look."""
        word = self._keeper.word
        until = word.asked_at + self._life_ns
        is_held = at < until and not word.holder
        if word.holder:
            self.silent_from = 0
        elif is_held or at < self.silent_from:
            self.silent_from = max(until, at + self._life_ns // GAP)
        if is_held != self._is_held:
            self._is_held = is_held
            yield LeaseHeld(at=at) if is_held else LeaseLost(at=at, reason=_why(word))
        if not is_held or at >= self._asked_at + self._life_ns // RENEWALS:
            self._asked_at = at
            self._keeper.renew(at)


def _why(word: Word) -> str:
    return word.holder or f"the lease of the account has run out: {word.error or 'it was not renewed in time'}"
