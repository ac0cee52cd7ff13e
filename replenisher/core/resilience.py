"""Resilience: how fast and how far a book comes back after somebody has swept it.

A *sweep* is what trades of one side do within 50 ms if they take half of the touch or a whole level of it. The *depth*
of the side that was hit is all that stands within a band around the mid as it was before; what the sweep has cost is
the *loss*: the usual depth (the median of the last minute, without its last second) less what is left. Smaller losses
than 30 % of the usual depth are no sweeps. From then on, R is the share of the loss that is back:

- R after some fixed times, on average over sweeps;
- T50 and T90, from when on R has held half and nine tenths for 250 ms. The next sweep of the side and a minute end the
  watch before its time, so medians and shares are those of Kaplan & Meier, "Nonparametric estimation from incomplete
  observations", JASA 53 (1958). Where few are watched for long, the estimate of T90 alone may come out before that of
  T50: then it is no sooner than that. What share is never back is told once a sweep was watched for the whole minute;
- rho, the rate at which what is missing decays: the slope through the origin of -ln(1 - R) on time, where the mean R is
  between 0.05 and 0.8, as in Obizhaeva & Wang, "Optimal trading strategy and supply/demand dynamics", J. Fin. Markets
  16 (2013); ln 2 / rho is a half-life;
- the flow: what was added (and not taken away again, executions aside) in the first five seconds, in losses a second;
- our share of what was back after five seconds.

Sizes are in lots, times in nanoseconds of the venue. What stands is in force until the next look.
"""

from collections import deque
from collections.abc import Sequence
from math import log, log1p
from statistics import fmean, median

import msgspec

from replenisher.core.book import Book, BookSide
from replenisher.model.event import Level, TradePrinted
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import BPS, MS_NS, SECOND_NS

TOGETHER_NS = 50 * MS_NS
HELD_NS = 250 * MS_NS
WATCHED_NS = 60 * SECOND_NS
SAMPLE_NS = SECOND_NS
SAMPLES_MIN = 10  # fewer do not tell a usual depth
TAKEN_MIN = 0.5  # of the touch
LOSS_MIN = 0.3  # of the usual depth
TAUS_NS = tuple(round(tau_s * SECOND_NS) for tau_s in (0.1, 0.5, 1, 2, 5, 10, 30))
FLOW_NS = 5 * SECOND_NS
SWEEPS_KEPT = 500
RHO_FROM, RHO_TO = 0.05, 0.8


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one sweep."""

    side: Side  # that was hit
    at: int
    loss: float  # lots
    watched_ns: int
    back: tuple[float | None, ...]  # R after each of TAUS_NS; None where the watch had ended
    t50_ns: int | None  # None where it was not reached before the watch ended
    t90_ns: int | None
    flow_per_s: float | None
    own_share: float | None  # None where nothing was back


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """What the sweeps of one book say together; a number that none of them tells is None."""

    sweeps: int
    back: dict[str, float]  # mean R by time, like "0.5s"
    t50_s: float | None  # the median
    t90_s: float | None
    never_share: float | None  # of sweeps, that are not back to nine tenths within a minute
    rho_per_s: float | None
    half_life_s: float | None
    flow_per_s: float | None
    own_share: float | None


def depth_within(side: BookSide, low: float, high: float) -> int:
    """What stands from the touch outwards, between two prices."""
    depth = 0
    for price in side.prices():
        if not low <= price <= high:
            break
        depth += side.quantities[price]
    return depth


class _Episode:
    """One sweep, as long as it is watched."""

    def __init__(self, side: Side, at: int, low: float, high: float, usual: float) -> None:
        self.side, self.at, self.low, self.high, self.usual = side, at, low, high, usual
        self.left: float | None = None  # depth after the sweep; known when its 50 ms are over
        self.own_left = 0
        self.loss = 0.0
        self.back: list[float | None] = []
        self.now = 0.0  # R in force
        self._above: dict[float, int | None] = {0.5: None, 0.9: None}  # since when R is not below
        self.reached: dict[float, int] = {}
        self.taken = 0  # executed on this side since
        self.flow_per_s: float | None = None
        self.own_share: float | None = None

    def depth(self, side: BookSide) -> int:
        """What stands within the band."""
        return depth_within(side, self.low, self.high)

    def own(self, levels: Sequence[Level]) -> int:
        """What of it is ours."""
        return sum(quantity for price, quantity in levels if self.low <= price <= self.high)

    def fall(self, depth: int, own: int) -> None:
        """The sweep may still go on: the least that is seen is what it leaves."""
        if self.left is None or depth < self.left:
            self.left, self.own_left = depth, own
            self.loss = self.usual - depth

    @property
    def is_none(self) -> bool:
        """Whether so little was lost that it was no sweep."""
        return self.loss < LOSS_MIN * self.usual

    def pass_time(self, elapsed_ns: int) -> None:
        """So long after the sweep what was in force is still so."""
        while len(self.back) < len(TAUS_NS) and TAUS_NS[len(self.back)] < elapsed_ns:
            self.back.append(self.now)
        for share, since in self._above.items():
            if since is not None and share not in self.reached and elapsed_ns - since >= HELD_NS:
                self.reached[share] = since

    def see(self, depth: int, own: int, elapsed_ns: int) -> None:
        """So much stands now."""
        assert self.left is not None, "what a sweep leaves is known before what comes back"
        self.now = (depth - self.left) / self.loss
        for share, since in self._above.items():
            if self.now < share:
                self._above[share] = None
            elif since is None:
                self._above[share] = elapsed_ns
        if self.flow_per_s is None and elapsed_ns >= FLOW_NS:
            self.flow_per_s = (depth - self.left + self.taken) / self.loss / (elapsed_ns / SECOND_NS)
            self.own_share = (own - self.own_left) / (depth - self.left) if depth > self.left else None

    def end(self, watched_ns: int) -> Recovery:
        """The watch is over."""
        self.pass_time(watched_ns)
        return Recovery(
            side=self.side,
            at=self.at,
            loss=self.loss,
            watched_ns=watched_ns,
            back=(*self.back, *[None] * (len(TAUS_NS) - len(self.back))),
            t50_ns=self.reached.get(0.5),
            t90_ns=self.reached.get(0.9),
            flow_per_s=self.flow_per_s,
            own_share=self.own_share,
        )


class _Side:
    """One side of a book: its usual depth, and the sweep that it recovers from."""

    def __init__(self, side: Side, band_bps: float) -> None:
        self.side, self.band = side, band_bps / BPS
        self.episode: _Episode | None = None
        self._touch: Level | None = None  # at the last look
        self._mid = 0.0
        self._depths: deque[tuple[int, int]] = deque(maxlen=WATCHED_NS // SAMPLE_NS)  # sampled: when, and how much
        self._hit_at = -TOGETHER_NS - 1
        self._hit = 0  # lots taken by the trades that belong together
        self._hit_touch: Level | None = None

    def traded(self, price: int, quantity: int, at: int) -> Recovery | None:
        """Somebody took from this side; what became of an earlier sweep if this is another one."""
        if self.episode is not None:
            self.episode.taken += quantity
        if at - self._hit_at > TOGETHER_NS:
            self._hit_at, self._hit, self._hit_touch = at, 0, self._touch
        before, self._hit = self._hit, self._hit + quantity
        if self._hit_touch is None or (self.episode is not None and self.episode.at == self._hit_at):
            return None
        best, shown = self._hit_touch
        is_through = (best - price) * self.side.sign > 0
        if not is_through and (self._hit < TAKEN_MIN * shown or before >= TAKEN_MIN * shown):
            return None
        samples = [depth for then, depth in self._depths if then <= self._hit_at - SAMPLE_NS]
        if len(samples) < SAMPLES_MIN:
            return None
        ended = self._end(self._hit_at)
        low, high = self._mid * (1 - self.band), self._mid * (1 + self.band)
        self.episode = _Episode(self.side, self._hit_at, low, high, median(samples))
        return ended

    def looked(self, book: Book, own: Sequence[Level], at: int) -> Recovery | None:
        """The book shows this; what became of a sweep that has been watched long enough."""
        side, touch = book.side(self.side), book.shown_touch
        if touch is None or side.best is None:
            return None
        ended = None
        if (episode := self.episode) is not None:
            elapsed_ns, depth = at - episode.at, episode.depth(side)
            if elapsed_ns <= TOGETHER_NS or episode.left is None:
                episode.fall(depth, episode.own(own))
            elif episode.is_none:
                self.episode = None
            else:
                episode.pass_time(min(elapsed_ns, WATCHED_NS))
                episode.see(depth, episode.own(own), elapsed_ns)
                if elapsed_ns > WATCHED_NS:
                    ended = self._end(episode.at + WATCHED_NS)
        self._touch, self._mid = (side.best, side.quantities[side.best]), sum(touch) / 2
        if not self._depths or at - self._depths[-1][0] >= SAMPLE_NS:
            low, high = self._mid * (1 - self.band), self._mid * (1 + self.band)
            self._depths.append((at, depth_within(side, low, high)))
        return ended

    def lost(self, at: int) -> Recovery | None:
        """The feed is gone: what comes next says nothing of the time between."""
        ended = self._end(at)
        self._touch = self._hit_touch = None
        self._depths.clear()
        return ended

    def _end(self, at: int) -> Recovery | None:
        episode, self.episode = self.episode, None
        if episode is None or episode.left is None or episode.is_none:
            return None
        return episode.end(max(0, at - episode.at))


class SweepWatch:
    """Watches one book for sweeps and what becomes of them. It is told trades before the book that shows them."""

    def __init__(self, band_bps: float = 10.0) -> None:
        self.recoveries: deque[Recovery] = deque(maxlen=SWEEPS_KEPT)
        self._sides = {side: _Side(side, band_bps) for side in Side}

    @property
    def is_recovering(self) -> bool:
        """Whether a sweep is being watched, so that it matters what of the book is ours."""
        return any(side.episode is not None for side in self._sides.values())

    def saw_trade(self, trade: TradePrinted) -> None:
        """Somebody traded."""
        hit = BUY if trade.taker is SELL else SELL
        self._keep(self._sides[hit].traded(trade.price, trade.quantity, trade.venue_time))

    def saw_book(self, book: Book, own: dict[Side, Sequence[Level]] | None = None) -> None:
        """The book has changed; `own` is what of it is ours, level by level."""
        for side, watched in self._sides.items():
            self._keep(watched.looked(book, () if own is None else own[side], book.venue_time))

    def lost(self, venue_time: int) -> None:
        """The feed is gone."""
        for watched in self._sides.values():
            self._keep(watched.lost(venue_time))

    def resilience(self) -> Resilience:
        """What the sweeps that are kept say together."""
        return resilience_of(self.recoveries)

    def _keep(self, recovery: Recovery | None) -> None:
        if recovery is not None:
            self.recoveries.append(recovery)


def resilience_of(recoveries: Sequence[Recovery] | deque[Recovery]) -> Resilience:
    """What sweeps say together."""
    means: list[tuple[int, float]] = []
    for place, tau_ns in enumerate(TAUS_NS):
        back = [share for recovery in recoveries if (share := recovery.back[place]) is not None]
        if back:
            means.append((tau_ns, fmean(back)))
    t50_s = _median_s(survival([(recovery.t50_ns, recovery.watched_ns) for recovery in recoveries]))
    t90 = survival([(recovery.t90_ns, recovery.watched_ns) for recovery in recoveries])
    t90_s = _median_s(t90)
    rho = rho_per_s(means)
    flows = [recovery.flow_per_s for recovery in recoveries if recovery.flow_per_s is not None]
    shares = [recovery.own_share for recovery in recoveries if recovery.own_share is not None]
    return Resilience(
        sweeps=len(recoveries),
        back={f"{tau_ns / SECOND_NS:g}s": mean for tau_ns, mean in means},
        t50_s=t50_s,
        t90_s=None if t50_s is None or t90_s is None else max(t50_s, t90_s),  # half is back before nine tenths are
        never_share=t90[-1][1] if any(recovery.watched_ns >= WATCHED_NS for recovery in recoveries) else None,
        rho_per_s=rho,
        half_life_s=None if not rho else log(2) / rho,
        flow_per_s=fmean(flows) if flows else None,
        own_share=fmean(shares) if shares else None,
    )


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
    return next((time / SECOND_NS for time, surviving in steps if surviving <= 0.5), None)
