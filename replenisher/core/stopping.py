"""Stopping verified-flat: a stop is over only when the venue, asked after our last send, shows none of our orders.

Then it is asked once more what we hold, so that the books of a day that ends with a stop are closed with its own word.
That is waited for a moment and no longer: it changes nothing about the verdict.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

STOP_NS_MAX = 15_000_000_000
LAST_LOOK_NS_MAX = 500_000_000


class Verdict(StrEnum):
    """How a stop ended."""

    OPEN = ""  # it has not ended yet
    FLAT = "flat"
    LEFT = "left"  # something of ours may still rest


class Stopping(msgspec.Struct):
    """A stop that was asked for. Nothing is shown from then on, so what rests is canceled."""

    reason: str
    deadline: int
    unverified: dict[str, None] = msgspec.field(default_factory=dict)  # scopes of which the venue has not said so yet
    asked_at: int = 0  # session time from which on an answer counts; 0 while something may still be live
    verdict: Verdict = Verdict.OPEN
    left: list[str] = msgspec.field(default_factory=list)  # orders that may be left
    looks_until: int = 0  # how long it is waited for what we hold; 0 while nobody has asked for that
    is_over: bool = False  # there is nothing more to wait for

    @classmethod
    def begin(cls, reason: str, scopes: Iterable[str], at: int) -> "Stopping":
        """The operator wants to stop."""
        return cls(reason=reason, deadline=at + STOP_NS_MAX, unverified=dict.fromkeys(scopes))

    def shown(self, scope: str, ours: list[str], asked_at: int) -> None:
        """The venue answered which of our orders rest; it was asked at this session time."""
        if self.asked_at and not ours and asked_at >= self.asked_at:
            self.unverified.pop(scope, None)
            if not self.unverified:
                self.verdict = Verdict.FLAT

    def expire(self, live: list[str], at: int) -> None:
        """Give up waiting when the deadline has passed, and name what may be left."""
        if self.verdict is Verdict.OPEN and at >= self.deadline:
            self.verdict = Verdict.LEFT
            self.left = live
            self.is_over = True

    def look(self, at: int) -> None:
        """It is verified flat, and what we hold is asked for a last time."""
        self.looks_until = min(at + LAST_LOOK_NS_MAX, max(at, self.deadline))

    def looked(self, *, is_all_told: bool, at: int) -> None:
        """Whether that was told by now."""
        self.is_over = is_all_told or at >= self.looks_until
