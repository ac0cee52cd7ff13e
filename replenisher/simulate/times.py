"""What a time is promised for, and how long it took: each check that holds the daemon to one says what it saw."""

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec


class Promise(msgspec.Struct, frozen=True):
    """Something that takes no longer than so long, and typically not even that."""

    name: str
    most_s: float
    typical_s: float | None = None  # of the median, where more is promised of it

    @property
    def most_ns(self) -> int:
        """The bound of a single time."""
        return round(self.most_s * 1e9)


QUOTES_AGAIN = Promise("quoting again after the last fault", most_s=30)  # where none of our orders rested then
STOPS = Promise("verified-flat stop", most_s=15)
UNWANTED_GO = Promise("unwanted orders gone", most_s=5, typical_s=1)  # once the exchange can be reached
PROMISES = (QUOTES_AGAIN, STOPS, UNWANTED_GO)


class Figures(msgspec.Struct, frozen=True):
    """How long it took: seconds of simulated time."""

    count: int
    median_s: float
    worst_s: float

    def __str__(self) -> str:
        return f"median {self.median_s:.2f} s, worst {self.worst_s:.2f} s of {self.count:,}"


def figures(times: Mapping[str, Sequence[float]]) -> dict[Promise, Figures]:
    """Of each promise what was seen of it, if anything was."""
    return {
        promise: Figures(len(seen), round(median(seen), 3), max(seen))
        for promise in PROMISES
        if (seen := times.get(promise.name))
    }


def broken(times: Mapping[str, Sequence[float]]) -> list[str]:
    """The promises that were not kept."""
    return [
        promise.name
        for promise, seen in figures(times).items()
        if seen.worst_s > promise.most_s or (promise.typical_s is not None and seen.median_s > promise.typical_s)
    ]


def lines(times: Mapping[str, Sequence[float]]) -> list[str]:
    """What was seen and what is promised, a line each."""
    seen = figures(times)
    return [f"{each.name}: {seen.get(each, 'none was seen')} ({_words(each)})" for each in PROMISES]


def _words(promise: Promise) -> str:
    typical = "" if promise.typical_s is None else f"{promise.typical_s:g} s typical, "
    return f"{typical}{promise.most_s:g} s at most"
