"""Delay: what goes in comes out later, in order. The way between a client and the exchange takes time, both ways.

Every connection has two lines of its own, so a private and a public connection are not in step with each other. The
delay is a real one: at another speed only the market is faster.

How long a message is under way says a model: always the same time, one drawn from times that were measured, or longer
by what the tape's own last message took longer than its fastest so far, so that what we ask for is late when the market
is busy. Of a recorder's clock and the venue's only the differences of a difference mean anything.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from replenisher.exchange.flow import RandomSource
from replenisher.model.units import MS_NS

T = TypeVar("T")
Delay = Callable[[], int]  # of the next message, in nanoseconds


class LatencyModel(Protocol):
    """How long the next message is under way."""

    def request_ns(self) -> int:
        """To the exchange."""

    def response_ns(self) -> int:
        """An answer or a notification, back."""


class Latency:
    """Always the same."""

    def __init__(self, *, request_ms: float = 0.0, response_ms: float = 0.0) -> None:
        self._request_ns, self._response_ns = round(request_ms * MS_NS), round(response_ms * MS_NS)

    def request_ns(self) -> int:
        """The way there."""
        return self._request_ns

    def response_ns(self) -> int:
        """The way back."""
        return self._response_ns


class SampledLatency:
    """On top of what is always there, one of the times that were measured, each as likely as any other."""

    def __init__(
        self, least: Latency, requests_ms: Sequence[float], responses_ms: Sequence[float], chance: RandomSource
    ) -> None:
        assert requests_ms and responses_ms, "something was measured"
        self._least_ns = least.request_ns(), least.response_ns()
        self._requests_ns = [round(each * MS_NS) for each in requests_ms]
        self._responses_ns = [round(each * MS_NS) for each in responses_ms]
        self._chance = chance

    def request_ns(self) -> int:
        """The way there."""
        return self._least_ns[0] + self._requests_ns[int(self._chance.random() * len(self._requests_ns))]

    def response_ns(self) -> int:
        """The way back."""
        return self._least_ns[1] + self._responses_ns[int(self._chance.random() * len(self._responses_ns))]


class FeedLatency:
    """On top of what is always there, so many times what the market's last message took longer than its fastest."""

    def __init__(self, least: Latency, request_times: float, response_times: float, feed_ns: Delay) -> None:
        self._least_ns = least.request_ns(), least.response_ns()
        self._times = request_times, response_times
        self._feed_ns = feed_ns

    def request_ns(self) -> int:
        """The way there."""
        return self._least_ns[0] + int(self._times[0] * self._feed_ns())

    def response_ns(self) -> int:
        """The way back."""
        return self._least_ns[1] + int(self._times[1] * self._feed_ns())


class Way:
    """One direction of a connection: when what sets out now arrives. Nothing overtakes what set out before it."""

    def __init__(self, delay: Delay) -> None:
        self._delay = delay
        self._last = 0

    def arrival(self, at: int) -> int:
        """When it arrives, if it sets out at `at`."""
        arrives = at + self._delay()
        if arrives < self._last:
            return self._last
        self._last = arrives
        return arrives


class DelayLine(Generic[T]):
    """First in, first out, each as much later as its delay says."""

    def __init__(self, delay: Delay) -> None:
        self._way = Way(delay)
        self._under_way: deque[tuple[int, T]] = deque()

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def next_at(self) -> int | None:
        """When the next item arrives."""
        return self._under_way[0][0] if self._under_way else None

    def put(self, item: T, at: int) -> None:
        """Send an item on its way; it never overtakes one that was sent before."""
        self._under_way.append((self._way.arrival(at), item))

    def take(self, at: int) -> list[T]:
        """What has arrived by `at`."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= at:
            arrived.append(self._under_way.popleft()[1])
        return arrived
