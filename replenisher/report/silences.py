"""Silences of a recording: for how long nothing was told of an instrument, against how often something usually is.

Where a venue numbers what it tells, what is missing shows. Where it does not, a recorder that heard nothing and a
market in which nothing happened leave the same: so this is no gap, and nobody can say whether something is missing in
it. As words come in crowds, a pause is a silence only when it is much longer than the mean of all that are shorter, and
never where it is shorter than a second. In the busiest recordings that we have the longest pause is 31 such means.
"""

import heapq

import msgspec

from replenisher.model.units import SECOND_NS

MEANS_MIN = 100
SILENCE_NS_MIN = SECOND_NS
REST_MIN = 10  # of fewer pauses there is no mean to speak of
KEPT = 1_000  # of the longest pauses of an instrument


class Silence(msgspec.Struct, frozen=True):
    """Nothing was told of an instrument; and that alone is known."""

    instrument: str
    at: int  # the last word before it, by the recorder's clock
    seconds: float


class Pauses:
    """What lies between the words on one instrument; what are told at once are one."""

    def __init__(self) -> None:
        self._word_at: int | None = None  # the last one; None where a gap is told, which is no pause
        self._longest: list[tuple[int, int]] = []  # a heap of (how long, from when on)
        self._count = self._sum_ns = 0

    def word(self, at: int) -> None:
        """Something was told."""
        before, self._word_at = self._word_at, at if self._word_at is None else max(at, self._word_at)
        if before is None or at <= before:
            return
        self._count += 1
        self._sum_ns += at - before
        pause = (at - before, before)
        if len(self._longest) < KEPT:
            heapq.heappush(self._longest, pause)
        elif pause > self._longest[0]:
            heapq.heapreplace(self._longest, pause)

    def broken(self) -> None:
        """It is said that something is missing here."""
        self._word_at = None

    @property
    def mean_s(self) -> float:
        """The mean distance of two words; 0 where there are none."""
        return self._sum_ns / self._count / SECOND_NS if self._count else 0.0

    @property
    def longest_s(self) -> float:
        """The longest one."""
        return max(self._longest)[0] / SECOND_NS if self._longest else 0.0

    def silences(self, instrument: str) -> list[Silence]:
        """Those that are much longer than usual, in the order of time."""
        found: list[Silence] = []
        rest, rest_ns = self._count, self._sum_ns
        for long_ns, at in sorted(self._longest, reverse=True):
            rest, rest_ns = rest - 1, rest_ns - long_ns
            if long_ns < SILENCE_NS_MIN or rest < REST_MIN or long_ns * rest < MEANS_MIN * rest_ns:
                break
            found.append(Silence(instrument, at, long_ns / SECOND_NS))
        return sorted(found, key=lambda silence: silence.at)
