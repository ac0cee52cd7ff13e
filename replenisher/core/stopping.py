"""Stopping verified-flat: a stop is over only when the venue, asked after our last send, shows none of our orders."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

STOP_NS_MAX = 15_000_000_000


class Verdict(StrEnum):
    """How a stop ended."""

    OPEN = ""  # it has not ended yet
    FLAT = "flat"
    LEFT = "left"  # something of ours may still rest


class Stopping(msgspec.Struct):
    """A stop that was asked for. Nothing is shown from then on, so what rests is canceled."""

    reason: str
    deadline: int
    unverified: dict[str, None] = msgspec.field(default_factory=dict)  # instruments the venue has not cleared yet
    asked_at: int = 0  # session time of the last question to the venue; 0 while something may still be live
    verdict: Verdict = Verdict.OPEN
    left: list[str] = msgspec.field(default_factory=list)  # orders that may be left

    @classmethod
    def begin(cls, reason: str, instruments: Iterable[str], at: int) -> "Stopping":
        """The operator wants to stop."""
        return cls(reason=reason, deadline=at + STOP_NS_MAX, unverified=dict.fromkeys(instruments))

    def shown(self, instrument: str, ours: list[str]) -> None:
        """The venue answered which of our orders rest on one instrument."""
        if self.asked_at and not ours:
            self.unverified.pop(instrument, None)
            if not self.unverified:
                self.verdict = Verdict.FLAT

    def expire(self, live: list[str], at: int) -> None:
        """Give up waiting when the deadline has passed, and name what may be left."""
        if self.verdict is Verdict.OPEN and at >= self.deadline:
            self.verdict = Verdict.LEFT
            self.left = live
