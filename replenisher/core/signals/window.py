"""The rolling window: sums over the last seconds of venue time, and how much of that time was watched.

Time is cut into buckets, a sixtieth of the window each, and what is older than the window is forgotten a bucket at a
time: a window of a minute covers the last 59 to 60 seconds, and costs the same whatever happens in them. A bucket ends
with its last nanosecond, so what happens on an edge belongs to what was before. All sums are whole numbers: what is
taken out is exactly what was put in, and a sum that has rolled for a year is as true as one that begins.
"""

from collections import deque
from collections.abc import Sequence

BUCKETS = 60


class Window:
    """Some sums, each over what happened within the window."""

    __slots__ = ("_bucket_ns", "_buckets", "_buckets_max", "_counted_to", "_end", "_width", "reached", "totals")

    def __init__(self, window_ns: int, sums: int, *, grain_ns: int = 1) -> None:
        """A bucket is a whole number of grains: nothing that takes one grain is ever cut in two."""
        assert window_ns >= grain_ns > 0, "a window is as long as its grain or longer"
        grains = -(-window_ns // (BUCKETS * grain_ns))
        self._bucket_ns = grains * grain_ns
        self._buckets_max = -(-window_ns // self._bucket_ns)
        self._width = sums + 1
        self._buckets: deque[list[int]] = deque()  # oldest first, without holes; the last sum of each is watched time
        self._end = 0  # of the newest bucket
        self._counted_to: int | None = None  # up to where watched time is in the sums; None while nobody watches
        self.reached = 0  # the newest time that was told
        self.totals = [0] * self._width

    def watch(self, venue_time: int) -> None:
        """From now on somebody watches, if nobody did."""
        self.reach(venue_time)
        if self._counted_to is None:
            self._counted_to = self.reached

    def lose(self) -> None:
        """Nobody watches any more, since the time that was reached."""
        if self._counted_to is not None:
            self._count(self.reached)
            self._counted_to = None

    def reach(self, venue_time: int) -> None:
        """It is this late now: what is too old is forgotten."""
        if venue_time > self.reached:
            self.reached = venue_time
            if venue_time > self._end:
                self._roll(venue_time)

    def add(self, *amounts: int) -> None:
        """Something happened at the time that was reached: so much for each sum."""
        newest, totals = self._buckets[-1], self.totals
        for place, amount in enumerate(amounts):
            if amount:
                newest[place] += amount
                totals[place] += amount

    @property
    def watched_ns(self) -> int:
        """How much of the window was watched, up to the time that was reached."""
        return self.totals[-1] + (0 if self._counted_to is None else self.reached - self._counted_to)

    @property
    def is_full(self) -> bool:
        """Whether all of it was watched."""
        return self.watched_ns >= (self._buckets_max - 1) * self._bucket_ns

    def _roll(self, venue_time: int) -> None:
        """Begin the bucket in which a time lies; those that were skipped were as quiet as they were watched."""
        before, bucket_ns = self._end, self._bucket_ns
        self._end = -(-venue_time // bucket_ns) * bucket_ns
        skipped = min((self._end - before) // bucket_ns, self._buckets_max)
        if self._counted_to is None:
            quiet = 0
        else:
            quiet = bucket_ns
            self._count(before)
            self._counted_to = self._end - bucket_ns
        for ahead in range(skipped - 1, -1, -1):
            self._push(quiet if ahead else 0)

    def _push(self, watched_ns: int) -> None:
        if len(self._buckets) == self._buckets_max:
            oldest = self._buckets.popleft()
            self.totals = [total - gone for total, gone in zip(self.totals, oldest, strict=True)]
        self._buckets.append([0] * (self._width - 1) + [watched_ns])
        self.totals[-1] += watched_ns

    def _count(self, up_to: int) -> None:
        assert self._counted_to is not None, "somebody watches"
        watched_ns = up_to - self._counted_to
        self._buckets[-1][-1] += watched_ns
        self.totals[-1] += watched_ns
        self._counted_to = up_to

    def dump(self) -> list[float]:
        """The sums of each bucket, oldest first, behind the number of the newest one and the time that was reached.

        They are handed on as the whole numbers that they are: most are small, and a small one is short in the journal.
        """
        if not self._buckets:
            return []
        numbers: list[float] = [self._end // self._bucket_ns, self.reached - (self._end - self._bucket_ns)]
        for bucket in self._buckets:
            numbers += bucket
        if self._counted_to is not None:
            numbers[-1] += self.reached - self._counted_to
        return numbers

    def load(self, numbers: Sequence[float]) -> None:
        """Go on from a dump of the same kind of window; nobody watches yet."""
        if not numbers:
            return
        number, into_bucket, *sums = (int(each) for each in numbers)
        assert len(sums) % self._width == 0, "a dump is of the same kind of window"
        self._end = number * self._bucket_ns
        self.reached = self._end - self._bucket_ns + into_bucket
        self._buckets = deque(sums[at : at + self._width] for at in range(0, len(sums), self._width))
        self.totals = [sum(column) for column in zip(*self._buckets, strict=True)]
