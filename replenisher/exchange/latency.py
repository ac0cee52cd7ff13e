"""Delay: what goes in comes out later, in order. The way between a client and the exchange takes time, both ways.

Every connection has two lines of its own, so a private and a public connection are not in step with each other. The
delay is a real one: at another speed only the market is faster.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from replenisher.model.units import MS_NS

T = TypeVar("T")


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a request is under way to the exchange, and an answer or a notification back."""

    request_ms: float = 0.0
    response_ms: float = 0.0

    @property
    def request_ns(self) -> int:
        """The way there."""
        return round(self.request_ms * MS_NS)

    @property
    def response_ns(self) -> int:
        """The way back."""
        return round(self.response_ms * MS_NS)


class Way:
    """One direction of a connection: when what sets out now arrives. Nothing overtakes what set out before it."""

    def __init__(self, delay_ns: Callable[[], int]) -> None:
        self._delay_ns = delay_ns
        self._last = 0

    def arrival(self, at: int) -> int:
        """When it arrives, if it sets out at `at`."""
        arrives = at + self._delay_ns()
        if arrives < self._last:
            return self._last
        self._last = arrives
        return arrives


class DelayLine(Generic[T]):
    """First in, first out, `delay_ns` later."""

    def __init__(self, delay_ns: int) -> None:
        assert delay_ns >= 0, "nothing arrives before it was sent"
        self._delay_ns = delay_ns
        self._under_way: deque[tuple[int, T]] = deque()

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def next_at(self) -> int | None:
        """When the next item arrives."""
        return self._under_way[0][0] if self._under_way else None

    def put(self, item: T, at: int) -> None:
        """Send an item on its way; it never overtakes one that was sent before."""
        last = self._under_way[-1][0] if self._under_way else at
        self._under_way.append((max(last, at + self._delay_ns), item))

    def take(self, at: int) -> list[T]:
        """What has arrived by `at`."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= at:
            arrived.append(self._under_way.popleft()[1])
        return arrived
