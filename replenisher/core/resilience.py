"""Resilience: what the sweeps of one book say together of how fast and how far it comes back.

What a sweep is, and how one is watched, is said in `sweep.py`; R is the share of its loss that is back.

- R after some fixed times, on average over sweeps;
- T50 and T90, from when on R has held half and nine tenths for 250 ms. The next sweep of the side and a minute end the
  watch before its time, so medians, shares and P(T90 <= t) are those of Kaplan & Meier, "Nonparametric estimation from
  incomplete observations", JASA 53 (1958). Where few are watched for long, the estimate of T90 alone may come out
  before that of T50: then it is no sooner than that. What share is never back is told once a sweep was watched for the
  whole minute;
- rho, the rate at which what is missing decays: the slope through the origin of -ln(1 - R) on time, where the mean R is
  between 0.05 and 0.8, as in Obizhaeva & Wang, "Optimal trading strategy and supply/demand dynamics", J. Fin. Markets
  16 (2013); ln 2 / rho is a half-life. One mean is no slope, so it takes two of them;
- the flow: what was added (and not taken away again, executions aside) in the first five seconds, in losses a second;
- our share of what was back after five seconds, or when the watch ended.

A mean is of the sweeps that were still watched by then, so two of them are of different sweeps. Of each number is told
on how many it rests, and a daemon tells none that rests on fewer than `SWEEPS_MIN`.
How sure a number is, is not said here: `report/resampling.py` draws.
"""

from collections.abc import Sequence
from math import log, log1p
from statistics import fmean

import msgspec

from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS

WATCHED_NS = 60 * SECOND_NS
TAUS_NS = tuple(round(tau_s * SECOND_NS) for tau_s in (0.1, 0.5, 1, 2, 5, 10, 30))
TIMES_NS = (*TAUS_NS, WATCHED_NS)
HALF = 0.5 + 1e-9  # what is left is a product of quotients, and misses a half by what they are rounded
RHO_FROM, RHO_TO = 0.05, 0.8
SWEEPS_MIN = 10  # fewer are chance, and while a daemon runs there soon are more

Interval = tuple[float, float | None]  # no upper end: a time that may not be reached within a minute


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one sweep."""

    side: Side  # that was hit
    band_bps: float  # of the mid, within which depth counts; 0 is the touch
    at: int
    loss: float  # lots
    watched_ns: int
    back: tuple[float | None, ...]  # R after each of TAUS_NS; None where the watch had ended
    t50_ns: int | None  # None where it was not reached before the watch ended
    t90_ns: int | None
    flow_per_s: float | None
    own_share: float | None  # of what was back after five seconds, or at the end; None where nothing was


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """What the sweeps of one book say together; a number that too few of them tell is None or left out."""

    sweeps: int
    back: dict[str, float]  # mean R by time, like "0.5s"
    t50_s: float | None  # the median
    t90_s: float | None
    t90_by: dict[str, float]  # P(T90 <= t) by time
    never_share: float | None  # of sweeps, that are not back to nine tenths within a minute
    rho_per_s: float | None
    half_life_s: float | None
    flow_per_s: float | None
    own_share: float | None
    seen: dict[str, int]  # on how many sweeps each number rests, by names like "rho_per_s", "back 0.5s", "t90_by 0.5s"
    intervals: dict[str, Interval] = {}  # of the numbers that have one, by the same names


def resilience_of(recoveries: Sequence[Recovery], least: int = 1) -> Resilience:
    """What sweeps of one band say together, without intervals; no number that rests on fewer than `least` of them.

    A median rests on those that were seen to come back so far, a share that is back by a time on those of which that is
    known: they were, or were still watched.
    """
    known = {
        tau_ns: [share for recovery in recoveries if (share := recovery.back[place]) is not None]
        for place, tau_ns in enumerate(TAUS_NS)
    }
    means = [(tau_ns, fmean(shares)) for tau_ns, shares in known.items() if len(shares) >= least]
    flows = [recovery.flow_per_s for recovery in recoveries if recovery.flow_per_s is not None]
    shares = [recovery.own_share for recovery in recoveries if recovery.own_share is not None]
    settled = {time_ns: sum(_is_settled(recovery, time_ns) for recovery in recoveries) for time_ns in TIMES_NS}
    seen = {
        **{f"back {named_time(tau_ns)}": len(shares) for tau_ns, shares in known.items()},
        "rho_per_s": min((len(known[tau_ns]) for tau_ns, mean in means if _tells_rho(mean)), default=0),
        "flow_per_s": len(flows),
        "own_share": len(shares),
        "t50_s": sum(recovery.t50_ns is not None for recovery in recoveries),
        "t90_s": sum(recovery.t90_ns is not None for recovery in recoveries),
        **{f"t90_by {named_time(time_ns)}": count for time_ns, count in settled.items()},
    }

    def told(name: str, number: float | None) -> float | None:
        return number if seen[name] >= least else None

    t50_s = told("t50_s", _median_s(survival([(recovery.t50_ns, recovery.watched_ns) for recovery in recoveries])))
    t90 = survival([(recovery.t90_ns, recovery.watched_ns) for recovery in recoveries])
    t90_s = told("t90_s", _median_s(t90))
    longest = max((recovery.watched_ns for recovery in recoveries), default=-1)
    is_told = [time_ns for time_ns in TIMES_NS if time_ns <= longest and settled[time_ns] >= least]
    rho = rho_per_s(means)
    return Resilience(
        sweeps=len(recoveries),
        back={named_time(tau_ns): mean for tau_ns, mean in means},
        t50_s=t50_s,
        t90_s=None if t50_s is None or t90_s is None else max(t50_s, t90_s),  # half is back before nine tenths are
        t90_by={named_time(time_ns): 1 - _surviving_at(t90, time_ns) for time_ns in is_told},
        never_share=t90[-1][1] if WATCHED_NS in is_told else None,
        rho_per_s=rho,
        half_life_s=None if not rho else log(2) / rho,
        flow_per_s=told("flow_per_s", fmean(flows) if flows else None),
        own_share=told("own_share", fmean(shares) if shares else None),
        seen=seen,
    )


def _is_settled(recovery: Recovery, time_ns: int) -> bool:
    """Whether it is known of a sweep if nine tenths were back by then."""
    return recovery.watched_ns >= time_ns or (recovery.t90_ns is not None and recovery.t90_ns <= time_ns)


def survival(times: Sequence[tuple[int | None, int]]) -> list[tuple[int, float]]:
    """Kaplan & Meier: the share for which it has not happened yet, after each time at which it has, and at the end.

    `times` are when it happened, None if it was not seen to, and for how long was watched.
    """
    happened = sorted((event if event is not None else watched, event is None) for event, watched in times)
    steps: list[tuple[int, float]] = []
    at_risk, surviving = len(happened), 1.0
    for time, is_censored in happened:
        if not is_censored:
            surviving *= 1 - 1 / at_risk
        at_risk -= 1
        steps.append((time, surviving))
    return steps


def rho_per_s(means: Sequence[tuple[int, float]]) -> float | None:
    """The rate at which what is missing decays; None where not two means tell it."""
    points = [(tau_ns / SECOND_NS, -log1p(-mean)) for tau_ns, mean in means if _tells_rho(mean)]
    return sum(tau * y for tau, y in points) / sum(tau * tau for tau, _ in points) if len(points) > 1 else None


def _tells_rho(mean: float) -> bool:
    return RHO_FROM <= mean <= RHO_TO


def _median_s(steps: Sequence[tuple[int, float]]) -> float | None:
    return next((time / SECOND_NS for time, surviving in steps if surviving <= HALF), None)


def _surviving_at(steps: Sequence[tuple[int, float]], time_ns: int) -> float:
    """The share for which it has not happened by then."""
    return next((surviving for time, surviving in reversed(steps) if time <= time_ns), 1.0)


def named_time(tau_ns: int) -> str:
    """A time after a sweep as it is shown, like `0.5s`."""
    return f"{tau_ns / SECOND_NS:g}s"
