"""Halts and pauses: when nothing was shown, of all or of one strategy, why, and how that ended.

A halt is one of the account, and ends with an operator's reason. A pause is one of a daemon, found by it or asked for
by hand, and ends with any `resume` of it, with its own time, or with another pause in its place.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from replenisher.store.halts import RESUMED, Latch
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which an account was halted, or it or one of its strategies was paused."""

    venue: str
    account: str
    kind: str  # halted or paused; resumed is a `resume` that ended nothing that is recorded
    strategy: str  # that was paused; empty is all of them
    since: int
    until: int | None  # None while it lasts
    lasted_ns: int  # in the time of the report; while it lasts, up to its end
    cause: str  # of a halt
    reason: str
    ended_by: str  # a resume, its own time, or another pause; empty while it lasts
    resume_reason: str  # the operator's own words


def halts_of(key: AccountKey, told: Iterable[Latch], now: int, period: Period) -> Iterator[Halt]:
    """Those of one account in a period, the oldest first; `now` is the last thing in it that the ledger knows."""
    told = [latch for latch in told if not period.is_over(latch.at)]
    ends: list[Latch | None] = []
    for place, latch in enumerate(told):
        is_resume = latch.kind == RESUMED
        if is_resume and latch in ends:
            continue
        end = latch if is_resume else _end(latch, islice(told, place + 1, None))
        ends.append(end)
        until, ended_by = (latch.until, "time") if 0 < latch.until <= now else (None, "")
        if end is not None:
            until, ended_by = end.at, "resume" if end.kind == RESUMED else "pause"
        if not period.meets(latch.at, until):
            continue
        yield Halt(
            venue=key.venue,
            account=key.account,
            kind=latch.kind,
            strategy=latch.strategy,
            since=latch.at,
            until=until,
            lasted_ns=(now if until is None else until) - period.clip(latch.at),
            cause=latch.cause,
            reason="" if is_resume else latch.reason,
            ended_by=ended_by,
            resume_reason=end.reason if end is not None and end.kind == RESUMED else "",
        )


def _end(latch: Latch, later: Iterable[Latch]) -> Latch | None:
    """What ended a halt or a pause; None if nothing did before its own time was over."""
    for each in later:
        if 0 < latch.until <= each.at:
            return None
        is_of_it = each.journal_id == latch.journal_id
        match latch.kind, each.kind:
            case ("halted", "resumed") if each.reason:
                return each
            case ("paused", "resumed") if is_of_it:
                return each
            case ("paused", "paused") if is_of_it and each.strategy == latch.strategy:
                return each
    return None
