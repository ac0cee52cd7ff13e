"""How sure it is what a few sweeps say: intervals by drawing as many again and again from those that were seen.

An interval holds 95 % of what comes out when as many sweeps are drawn, with replacement (Efron's percentile bootstrap).
A sweep that is drawn three times counts three times, so that a draw is a weight for each of them: what is known of
them is laid out once, and all that a draw takes is sums. What they are sums of is said in `core/resilience.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil, floor, inf, isfinite, log, nan
from typing import TYPE_CHECKING, Any

import msgspec

from replenisher.core.resilience import (
    HALF,
    SWEEPS_MIN,
    TAUS_NS,
    TIMES_NS,
    WATCHED_NS,
    Interval,
    Recovery,
    Resilience,
    named_time,
    resilience_of,
    rho_per_s,
)
from replenisher.model.units import SECOND_NS

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

SEED = 1  # so that who asks twice is told the same
DRAWN = 100_000  # sweeps in all, unless there are so many that this would be too few draws
DRAWS_MIN, DRAWS_MAX = 40, 200
OUTSIDE = 0.025  # of what is drawn, on each side of an interval


def with_intervals(recoveries: Sequence[Recovery], least: int = 1) -> Resilience:
    """What sweeps of one band say together, each number of which rests on `least` of them, with intervals.

    Where all that is drawn says the same there is no interval: that all that were seen are alike does not make it sure.
    """
    said, sweeps = resilience_of(recoveries, least), len(recoveries)
    if sweeps < max(least, 2):
        return said
    import numpy as np

    random, draws = np.random.default_rng(SEED), max(DRAWS_MIN, min(DRAWS_MAX, DRAWN // sweeps))
    drawn = intervals(recoveries, (random.integers(sweeps, size=sweeps) for _ in range(draws)), least)
    told = {name: (low, high) for name, (low, high) in drawn.items() if low != high and _is_told(said, name)}
    return msgspec.structs.replace(said, intervals=told)


def _is_told(said: Resilience, name: str) -> bool:
    """Whether there is such a number."""
    field, _, time = name.partition(" ")
    number = getattr(said, field)
    return time in number if time else number is not None


def resampled(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a daemon to `status`, with what its sweeps say and how sure that is in their place."""
    sweeps = msgspec.convert(answer["sweeps"], dict[str, dict[str, list[Recovery]]])
    resilience = {
        instrument: {
            band: msgspec.to_builtins(with_intervals(recoveries, SWEEPS_MIN)) for band, recoveries in bands.items()
        }
        for instrument, bands in sweeps.items()
    }
    return {name: value for name, value in answer.items() if name != "sweeps"} | {"resilience": resilience}


def intervals(
    recoveries: Sequence[Recovery], draws: "Iterable[Sequence[int] | np.ndarray]", least: int = 1
) -> dict[str, Interval]:
    """Of each number where 95 % of these draws lie, each of which is places in the list.

    A mean that rests on fewer than `least` sweeps of the list tells nothing of rho.
    """
    import numpy as np

    sweeps, values = _Sweeps(recoveries, least), defaultdict[str, list[float]](list)
    for draw in draws:
        for name, number in sweeps.say(np.bincount(draw, minlength=len(recoveries)).astype(float)):
            values[name].append(number)
    found: dict[str, Interval] = {}
    for name, numbers in values.items():
        numbers.sort()
        low = numbers[floor(OUTSIDE * len(numbers))]
        high = numbers[ceil((1 - OUTSIDE) * len(numbers)) - 1]
        if isfinite(low):
            found[name] = (low, high if isfinite(high) else None)
    return found


class _Sweeps:
    """Sweeps, number by number."""

    def __init__(self, recoveries: Sequence[Recovery], least: int) -> None:
        import numpy as np

        self._watched = np.array([each.watched_ns for each in recoveries])
        self._back = _Known([each.back for each in recoveries], least)
        self._besides = _Known([(each.flow_per_s, each.own_share) for each in recoveries])
        self._t50 = _Survival([(each.t50_ns, each.watched_ns) for each in recoveries])
        self._t90 = _Survival([(each.t90_ns, each.watched_ns) for each in recoveries])

    def say(self, weights: "Floats") -> Iterator[tuple[str, float]]:
        """Each number by its name, as far as there is one. A median that is not reached is longer than any that is."""
        means = {tau: mean for tau, mean in zip(TAUS_NS, self._back.means(weights), strict=True) if isfinite(mean)}
        for tau_ns, mean in means.items():
            yield f"back {named_time(tau_ns)}", mean
        if (rho := rho_per_s(list(means.items()))) is not None:
            yield "rho_per_s", rho
            if rho:
                yield "half_life_s", log(2) / rho
        for name, mean in zip(("flow_per_s", "own_share"), self._besides.means(weights), strict=True):
            if isfinite(mean):
                yield name, mean
        yield "t50_s", (t50_s := self._t50.median_s(self._t50.surviving(weights)))
        surviving = self._t90.surviving(weights)
        yield "t90_s", max(t50_s, self._t90.median_s(surviving))
        longest = self._watched[weights > 0].max()
        for tau_ns in TIMES_NS:
            if tau_ns <= longest:
                yield f"t90_by {named_time(tau_ns)}", 1 - self._t90.at(tau_ns, surviving)
        if longest >= WATCHED_NS:
            yield "never_share", float(surviving[-1])


class _Known:
    """Numbers of each sweep, some of which are not known; those that are known of fewer than `least` are not at all."""

    def __init__(self, rows: Sequence[Sequence[float | None]], least: int = 1) -> None:
        import numpy as np

        numbers = np.array(rows, dtype=float).T
        numbers[(~np.isnan(numbers)).sum(axis=1) < least] = nan
        self._is_known = (~np.isnan(numbers)).astype(float)
        self._numbers = np.nan_to_num(numbers)

    def means(self, weights: "Floats") -> list[float]:
        """Of those that are known; nan where none is."""
        sums, counts = (self._numbers @ weights).tolist(), (self._is_known @ weights).tolist()
        return [total / count if count else nan for total, count in zip(sums, counts, strict=True)]


class _Survival:
    """The estimate of Kaplan and Meier, of sweeps in the order of when it happened to them or their watch ended."""

    def __init__(self, times: Sequence[tuple[int | None, int]]) -> None:
        import numpy as np

        self._has_happened = np.array([event is not None for event, _ in times])
        self._at = np.array([watched if event is None else event for event, watched in times])
        self._order = np.lexsort((~self._has_happened, self._at))
        self._has_happened, self._at = self._has_happened[self._order], self._at[self._order]

    def surviving(self, weights: "Floats") -> "Floats":
        """The share for which it has not happened yet, after each of these times."""
        import numpy as np

        drawn = weights[self._order]
        at_risk = drawn[::-1].cumsum()[::-1]
        surviving: Floats = (1 - np.where(self._has_happened, drawn, 0) / np.maximum(at_risk, 1)).cumprod()
        return surviving

    def median_s(self, surviving: "Floats") -> float:
        """When it had happened to half of them."""
        import numpy as np

        is_half = surviving <= HALF
        first = int(np.argmax(is_half))
        return float(self._at[first]) / SECOND_NS if is_half[first] else inf

    def at(self, tau_ns: int, surviving: "Floats") -> float:
        """The share for which it has not happened by then."""
        passed = int(self._at.searchsorted(tau_ns, side="right"))
        return float(surviving[passed - 1]) if passed else 1.0
