"""A bucket of credits, refilled by time: how often we may ask a venue something; and a line of what waits for them."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from replenisher.model.units import SECOND_NS

T = TypeVar("T")


class Bucket(msgspec.Struct, kw_only=True):
    """Credits up to `capacity`, `per_second` more each second; it starts full."""

    capacity: int
    per_second: float
    credits: float = -1.0
    counted_at: int = 0

    def __post_init__(self) -> None:
        assert self.capacity > 0 and self.per_second > 0, "a bucket holds something and is refilled"
        if self.credits < 0:
            self.credits = float(self.capacity)

    def empty(self, at: int) -> None:
        """Nothing is sure to be in it as of then."""
        self.credits, self.counted_at = 0.0, at

    def resize(self, capacity: int, per_second: float, at: int) -> None:
        """It holds so much from now on: what was spent lately is missing of that, too, and is no debt of its own."""
        self._refill(at)
        missing = self.capacity - self.credits
        self.capacity, self.per_second = capacity, per_second
        self.credits = max(capacity - missing, min(self.credits, 0.0))

    def take(self, cost: int, at: int) -> bool:
        """Pay `cost` if there are credits for it."""
        self._refill(at)
        if self.credits < cost:
            return False
        self.credits -= cost
        return True

    def owe(self, cost: int, at: int) -> None:
        """Pay for what cannot wait, if need be out of credits still to come."""
        self._refill(at)
        self.credits -= cost

    def affordable_at(self, cost: int) -> int:
        """The earliest time at which `cost` can be paid."""
        assert cost <= self.capacity, "nothing may cost more than the bucket holds"
        missing = max(0.0, cost - self.credits)
        return self.counted_at + math.ceil(missing * SECOND_NS / self.per_second)

    def _refill(self, at: int) -> None:
        if at > self.counted_at:
            credits = self.credits + (at - self.counted_at) * self.per_second / SECOND_NS
            self.credits = credits if credits < self.capacity else float(self.capacity)
            self.counted_at = at


class Line(Generic[T]):
    """What waits for a credit each, and goes in the order in which it came."""

    def __init__(self, bucket: Bucket, send: Callable[[T, int], None]) -> None:
        self._bucket = bucket
        self._send = send
        self._waiting: deque[T] = deque()

    def __iter__(self) -> Iterator[T]:
        return iter(self._waiting)

    def put(self, what: T, at: int) -> None:
        """Let it go once it is its turn, which may be at once."""
        self._waiting.append(what)
        self.wake(at)

    def wake(self, at: int) -> None:
        """Let go what there are credits for by now."""
        while self._waiting and self._bucket.take(1, at):
            self._send(self._waiting.popleft(), at)

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        return self._bucket.affordable_at(1) if self._waiting else None

    def clear(self) -> None:
        """Nothing of it is to go any more."""
        self._waiting.clear()
