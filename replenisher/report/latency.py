"""Requote latency: how long it took from the news to the quote on the book.

From the newest fact of the step that asked (a market that moved, a fill that ate a level) to the venue's word that the
order works, both by session time: what we took to decide and to write it down is in it, and both ways of the wire.
A request that nobody answered took no time that could be told: how many there were stands beside the others.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from replenisher.model.order import Request
from replenisher.model.units import MS_NS
from replenisher.store.history import Sent
from replenisher.store.round_trips import RoundTrips

if TYPE_CHECKING:
    from replenisher.store.marked import Times


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The quotes that one strategy placed or amended for one reason, under one configuration version."""

    config_version: str
    strategy: str
    request: str  # place or amend
    intent: str  # quote, where the market or our wishes moved; refill, where a fill ate the level
    working: int  # that reached the book; the times are theirs, and None without any
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    refused: int  # or not sent, or answered in words that do not tell
    unanswered: int  # of which nothing was ever heard, or not yet


class _Took:
    """What is known of one group so far."""

    def __init__(self) -> None:
        self.times_ns: list[Times] = []
        self.answered = 0
        self.sent = 0


def latencies(answered: Iterable[RoundTrips], sent: Iterable[Sent]) -> tuple[Latency, ...]:
    """All groups, by name, of what was answered and of what was sent."""
    groups: defaultdict[tuple[str, str, str, str], _Took] = defaultdict(_Took)
    for some in answered:
        took = groups[some.config_version, some.strategy, some.request, some.intent]
        took.times_ns.append(some.took_ns)
        took.answered += some.answered
    for each in sent:
        if each.kind in (Request.PLACE, Request.AMEND):
            groups[each.order_version, each.strategy, each.kind, each.intent].sent += each.count
    return tuple(_latency(*whose, groups[whose]) for whose in sorted(groups))


def _latency(config_version: str, strategy: str, request: str, intent: str, took: _Took) -> Latency:
    import numpy as np

    times = np.sort(np.concatenate(took.times_ns or [np.array([], dtype=np.int64)]))
    return Latency(
        config_version=config_version,
        strategy=strategy,
        request=request,
        intent=intent,
        working=len(times),
        p50_ms=_quantile_ms(times, 50),
        p95_ms=_quantile_ms(times, 95),
        p99_ms=_quantile_ms(times, 99),
        max_ms=_quantile_ms(times, 100),
        refused=took.answered - len(times),
        unanswered=took.sent - took.answered,
    )


def _quantile_ms(times_ns: "Times", pct: int) -> float | None:
    """The least time within which so many percent were done: one that did occur."""
    return int(times_ns[-(-len(times_ns) * pct // 100) - 1]) / MS_NS if len(times_ns) else None
