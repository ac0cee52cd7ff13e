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
  16 (2013); ln 2 / rho is a half-life;
- the flow: what was added (and not taken away again, executions aside) in the first five seconds, in losses a second;
- our share of what was back after five seconds, or when the watch ended.

How sure that is, is not said here: `report/resampling.py` draws.
"""

from collections.abc import Sequence
from math import log, log1p
from statistics import fmean

import msgspec

from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS

WATCHED_NS = 60 * SECOND_NS
TAUS_NS = tuple(round(tau_s * SECOND_NS) for tau_s in (0.1, 0.5, 1, 2, 5, 10, 30))
HALF = 0.5 + 1e-9  # what is left is a product of quotients, and misses a half by what they are rounded
RHO_FROM, RHO_TO = 0.05, 0.8

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
    """What the sweeps of one book say together; a number that none of them tells is None or left out."""

    sweeps: int
    back: dict[str, float]  # mean R by time, like "0.5s"
    seen: dict[str, int]  # of how many sweeps that is the mean: those that were still watched
    t50_s: float | None  # the median
    t90_s: float | None
    t90_by: dict[str, float]  # P(T90 <= t) by time
    never_share: float | None  # of sweeps, that are not back to nine tenths within a minute
    rho_per_s: float | None
    half_life_s: float | None
    flow_per_s: float | None
    own_share: float | None
    intervals: dict[str, Interval] = {}  # of the numbers that have one, by their names, "back 0.5s" and "t90_by 0.5s"


def resilience_of(recoveries: Sequence[Recovery]) -> Resilience:
    """What sweeps of one band say together, without intervals."""
    means = _means(recoveries)
    t50_s = _median_s(survival([(recovery.t50_ns, recovery.watched_ns) for recovery in recoveries]))
    t90 = survival([(recovery.t90_ns, recovery.watched_ns) for recovery in recoveries])
    t90_s = _median_s(t90)
    rho = rho_per_s(means)
    flows = [recovery.flow_per_s for recovery in recoveries if recovery.flow_per_s is not None]
    shares = [recovery.own_share for recovery in recoveries if recovery.own_share is not None]
    return Resilience(
        sweeps=len(recoveries),
        back={named_time(tau_ns): mean for tau_ns, mean in means},
        seen={
            named_time(tau_ns): sum(recovery.back[place] is not None for recovery in recoveries)
            for place, tau_ns in enumerate(TAUS_NS)
        },
        t50_s=t50_s,
        t90_s=None if t50_s is None or t90_s is None else max(t50_s, t90_s),  # half is back before nine tenths are
        t90_by=_by_time(t90, max((recovery.watched_ns for recovery in recoveries), default=-1)),
        never_share=t90[-1][1] if any(recovery.watched_ns >= WATCHED_NS for recovery in recoveries) else None,
        rho_per_s=rho,
        half_life_s=None if not rho else log(2) / rho,
        flow_per_s=fmean(flows) if flows else None,
        own_share=fmean(shares) if shares else None,
    )


def _means(recoveries: Sequence[Recovery]) -> list[tuple[int, float]]:
    """The mean R after each time after which one is known."""
    means: list[tuple[int, float]] = []
    for place, tau_ns in enumerate(TAUS_NS):
        back = [share for recovery in recoveries if (share := recovery.back[place]) is not None]
        if back:
            means.append((tau_ns, fmean(back)))
    return means


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
    """The rate at which what is missing decays; None where no mean tells it."""
    points = [(tau_ns / SECOND_NS, -log1p(-mean)) for tau_ns, mean in means if RHO_FROM <= mean <= RHO_TO]
    return sum(tau * y for tau, y in points) / sum(tau * tau for tau, _ in points) if points else None


def _median_s(steps: Sequence[tuple[int, float]]) -> float | None:
    return next((time / SECOND_NS for time, surviving in steps if surviving <= HALF), None)


def _by_time(steps: Sequence[tuple[int, float]], longest: int) -> dict[str, float]:
    """The share for which it has happened by each time, as long as anybody was watched for so long."""
    return {
        named_time(tau_ns): 1 - next((surviving for time, surviving in reversed(steps) if time <= tau_ns), 1.0)
        for tau_ns in (*TAUS_NS, WATCHED_NS)
        if tau_ns <= longest
    }


def named_time(tau_ns: int) -> str:
    """A time after a sweep as it is shown, like `0.5s`."""
    return f"{tau_ns / SECOND_NS:g}s"
