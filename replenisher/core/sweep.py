"""Sweeps: what somebody took from one side of a book at once, and what of it comes back.

A *sweep* is what trades of one side do within 50 ms if they take half of the touch or a whole level of it. The *depth*
of the side that was hit is all that stands within a band around the mid as it was before, or no further out than the
touch was; what the sweep has cost is the *loss*: the usual depth (the median of the last minute, without its last
second) less what is left. What costs less than 30 % of the usual depth of a band is no sweep of that band. From then
on, R is the share of the loss that is back. What many sweeps say together is worked out in `resilience.py`.

Sizes are in lots, times in nanoseconds of the venue. What stands is in force until the next look.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from statistics import median

from replenisher.core.book import FAR, Book, BookSide
from replenisher.core.resilience import TAUS_NS, WATCHED_NS, Recovery
from replenisher.model.event import BookChanged, Level, TradePrinted
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import BPS, MS_NS, SECOND_NS

BANDS_BPS = (0.0, 5.0, 10.0, 25.0)  # of the mid; 0 is the touch
TOGETHER_NS = 50 * MS_NS
HELD_NS = 250 * MS_NS
SAMPLE_NS = SECOND_NS
SAMPLES_MIN = 10  # fewer do not tell a usual depth
TAKEN_MIN = 0.5  # of the touch
LOSS_MIN = 0.3  # of the usual depth
FLOW_NS = 5 * SECOND_NS
SWEEPS_KEPT = 500  # of each band


def depth_within(side: BookSide, low: float, high: float) -> int:
    """What stands from the touch outwards, between two prices; nothing where the touch is not between them."""
    if side.best is None or not low <= side.best <= high:
        return 0
    return side.depth(low if side.side is BUY else high)


class _Episode:
    """One sweep, as long as it is watched."""

    def __init__(self, at: int, low: float, high: float, usual: float) -> None:
        self.at, self.low, self.high, self.usual = at, low, high, usual
        self.left: float | None = None  # depth after the sweep; known when its 50 ms are over
        self.own_left = 0
        self.loss = 0.0
        self.is_none = True  # so little was lost that it was no sweep
        self.back: list[float | None] = []
        self._next_tau_ns = TAUS_NS[0]
        self.now = 0.0  # R in force
        self._above: dict[float, int | None] = {0.5: None, 0.9: None}  # not reached yet: since when R is not below
        self.reached: dict[float, int] = {}
        self.taken = 0  # executed within the band since
        self.flow_per_s: float | None = None
        self.own_share: float | None = None
        self._quantities: dict[int, int] | None = None  # within the band, by price; unknown before the first look
        self._stands = 0  # their sum, kept while they change: to add it up each time costs more

    def change(self, side: BookSide, levels: Sequence[Level] | None) -> None:
        """These levels of the side are others now, or it is not known which."""
        low, high, quantities = self.low, self.high, self._quantities
        if levels is None or quantities is None:
            self._quantities = {price: lots for price, lots in side.quantities.items() if low <= price <= high}
            self._stands = sum(self._quantities.values())
            return
        for price, lots in levels:
            if low <= price <= high:
                self._stands += lots - quantities.get(price, 0)
                quantities[price] = lots

    def depth(self, best: int) -> int:
        """What stands within the band if the touch does, and else nothing."""
        return self._stands if self.low <= best <= self.high else 0

    def own(self, levels: Sequence[Level]) -> int:
        """What of it is ours."""
        return sum(quantity for price, quantity in levels if self.low <= price <= self.high)

    def fall(self, depth: int, own: Sequence[Level]) -> None:
        """The sweep may still go on: the least that is seen is what it leaves."""
        if self.left is None or depth < self.left:
            self.left, self.own_left = depth, self.own(own)
            self.loss = loss = self.usual - depth
            self.is_none = loss <= 0 or loss < LOSS_MIN * self.usual

    def pass_time(self, elapsed_ns: int) -> None:
        """So long after the sweep what was in force is still so."""
        while self._next_tau_ns < elapsed_ns:
            self.back.append(self.now)
            self._next_tau_ns = TAUS_NS[len(self.back)] if len(self.back) < len(TAUS_NS) else FAR
        for share, since in [*self._above.items()]:
            if since is not None and elapsed_ns - since >= HELD_NS:
                self.reached[share] = since
                del self._above[share]

    def see(self, depth: int, own: Sequence[Level], elapsed_ns: int) -> None:
        """So much stands now."""
        assert self.left is not None, "what a sweep leaves is known before what comes back"
        self.now = (depth - self.left) / self.loss
        for share, since in self._above.items():
            if self.now < share:
                self._above[share] = None
            elif since is None:
                self._above[share] = elapsed_ns
        if self.flow_per_s is None:
            back, own_back = depth - self.left, self.own(own) - self.own_left
            self.own_share = min(1.0, max(0.0, own_back / back)) if back > 0 else None
            if elapsed_ns >= FLOW_NS:
                self.flow_per_s = (back + self.taken) / self.loss / (elapsed_ns / SECOND_NS)

    def end(self, side: Side, band_bps: float, watched_ns: int) -> Recovery:
        """The watch is over."""
        self.pass_time(watched_ns)
        return Recovery(
            side=side,
            band_bps=band_bps,
            at=self.at,
            loss=self.loss,
            watched_ns=watched_ns,
            back=(*self.back, *[None] * (len(TAUS_NS) - len(self.back))),
            t50_ns=self.reached.get(0.5),
            t90_ns=self.reached.get(0.9),
            flow_per_s=self.flow_per_s,
            own_share=self.own_share,
        )


class _Band:
    """The depth of one side within one band: what is usual, and the sweep that it recovers from."""

    def __init__(self, side: Side, band_bps: float) -> None:
        self.episode: _Episode | None = None
        self._side, self._bps = side, band_bps
        self._depths: deque[tuple[int, int]] = deque(maxlen=WATCHED_NS // SAMPLE_NS)  # sampled: when, and how much

    def traded(self, price: int, quantity: int) -> None:
        """Somebody took from this side."""
        if self.episode is not None and self.episode.low <= price <= self.episode.high:
            self.episode.taken += quantity

    def begin(self, at: int, mid: float, touch: int) -> Recovery | None:
        """Here may be a sweep; what became of an earlier one, if it is another."""
        if self.episode is not None and self.episode.at == at:
            return None
        stood = self._stood(at)
        if len(stood) < SAMPLES_MIN:
            return None
        ended = self.end(at)
        self.episode = _Episode(at, *self._bounds(mid, touch), median(stood))
        return ended

    def looked(self, episode: _Episode, best: int, own: Sequence[Level], at: int) -> Recovery | None:
        """The book shows this; what became of a sweep that has been watched long enough."""
        elapsed_ns, depth = at - episode.at, episode.depth(best)
        if elapsed_ns <= TOGETHER_NS or episode.left is None:
            episode.fall(depth, own)
        elif episode.is_none:
            self.episode = None
        else:
            episode.pass_time(min(elapsed_ns, WATCHED_NS))
            episode.see(depth, own, elapsed_ns)
            if elapsed_ns > WATCHED_NS:
                return self.end(episode.at + WATCHED_NS)
        return None

    def sample(self, side: BookSide, mid: float, touch: int, at: int) -> None:
        """So much stands at a time like any other."""
        self._depths.append((at, depth_within(side, *self._bounds(mid, touch))))

    def lost(self, at: int) -> Recovery | None:
        """The feed is gone: what comes next says nothing of the time between."""
        self._depths.clear()
        return self.end(at)

    def end(self, at: int) -> Recovery | None:
        """The watch is over; None if there was nothing to be watched."""
        episode, self.episode = self.episode, None
        if episode is None or episode.left is None or episode.is_none:
            return None
        return episode.end(self._side, self._bps, max(0, at - episode.at))

    def _stood(self, at: int) -> list[int]:
        """What stood in each second of the minute before, but the last one; a quiet book stood as it was last seen."""
        stood: list[int] = []
        oldest, until = at - WATCHED_NS, at - SAMPLE_NS
        for then, depth in reversed(self._depths):
            if then > until:
                continue
            since = max(then, oldest)
            stood += [depth] * max(1, round((until - since) / SAMPLE_NS))
            until = since
            if since == oldest:
                break
        return stood

    def _bounds(self, mid: float, touch: int) -> tuple[float, float]:
        if self._bps:
            return mid * (1 - self._bps / BPS), mid * (1 + self._bps / BPS)
        return min(mid, touch), max(mid, touch)


class _Side:
    """One side of a book: which trades belong together, and whether they are a sweep."""

    def __init__(self, side: Side, bands_bps: Sequence[float]) -> None:
        self.side = side
        self.bands = [_Band(side, band_bps) for band_bps in bands_bps]
        self._touch: Level | None = None  # at the last look
        self._mid = 0.0
        self._sampled_at = -SAMPLE_NS
        self._hit_at = -TOGETHER_NS - 1
        self._hit = 0  # lots taken by the trades that belong together
        self._hit_touch: Level | None = None

    def traded(self, price: int, quantity: int, at: int) -> Iterator[Recovery | None]:
        """Somebody took from this side; what became of earlier sweeps if this is another one."""
        for band in self.bands:
            band.traded(price, quantity)
        if at - self._hit_at > TOGETHER_NS:
            self._hit_at, self._hit, self._hit_touch = at, 0, self._touch
        before, self._hit = self._hit, self._hit + quantity
        if self._hit_touch is None:
            return
        best, shown = self._hit_touch
        is_through = (best - price) * self.side.sign > 0
        if is_through or before < TAKEN_MIN * shown <= self._hit:
            for band in self.bands:
                yield band.begin(self._hit_at, self._mid, best)

    def looked(self, book: Book, levels: Sequence[Level] | None, own: Sequence[Level], at: int) -> Sequence[Recovery]:
        """The book shows this; what became of sweeps that have been watched long enough."""
        side, touch = book.side(self.side), book.shown_touch
        best, ended = None if touch is None else side.best, []
        for band in self.bands:
            if (episode := band.episode) is not None:
                episode.change(side, levels)
                if best is not None and (recovery := band.looked(episode, best, own, at)) is not None:
                    ended.append(recovery)
        if touch is None or best is None:
            return ()
        self._touch, self._mid = (best, side.quantity(best)), (touch[0] + touch[1]) / 2
        if at - self._sampled_at >= SAMPLE_NS:
            self._sampled_at = at
            for band in self.bands:
                band.sample(side, self._mid, best, at)
        return ended

    def lost(self, at: int) -> Iterator[Recovery | None]:
        """The feed is gone."""
        self._touch = self._hit_touch = None
        self._sampled_at = -SAMPLE_NS
        for band in self.bands:
            yield band.lost(at)


class SweepWatch:
    """Watches one book for sweeps and what becomes of them. It is told trades before the book that shows them."""

    def __init__(self, bands_bps: Sequence[float] = BANDS_BPS) -> None:
        self.recoveries: Mapping[float, deque[Recovery]] = {band: deque(maxlen=SWEEPS_KEPT) for band in bands_bps}
        self._sides = {side: _Side(side, bands_bps) for side in Side}

    @property
    def is_recovering(self) -> bool:
        """Whether a sweep is being watched of which it matters what came back of ours."""
        for side in self._sides.values():
            for band in side.bands:
                if band.episode is not None and band.episode.flow_per_s is None:
                    return True
        return False

    def saw_trade(self, trade: TradePrinted) -> list[Recovery]:
        """Somebody traded; the sweeps that are not watched any more, because this is the next one."""
        hit = BUY if trade.taker is SELL else SELL
        return self._keep(self._sides[hit].traded(trade.price, trade.quantity, trade.venue_time))

    def saw_book(
        self,
        book: Book,
        own: dict[Side, Sequence[Level]] | None = None,
        changes: Sequence[BookChanged] | None = None,
    ) -> list[Recovery]:
        """The book has changed, `own` is what of it is ours, level by level; the sweeps watched to their end.

        `changes` are all since it was last seen; None if it is another book altogether.
        """
        ended: list[Recovery] = []
        for side, watched in self._sides.items():
            levels = None if changes is None else _levels(changes, side)
            if recoveries := watched.looked(book, levels, () if own is None else own[side], book.venue_time):
                ended += self._keep(recoveries)
        return ended

    def lost(self, venue_time: int) -> list[Recovery]:
        """The feed is gone, and with it the sweeps that were watched."""
        return [recovery for watched in self._sides.values() for recovery in self._keep(watched.lost(venue_time))]

    def _keep(self, ended: Iterable[Recovery | None]) -> list[Recovery]:
        kept = [recovery for recovery in ended if recovery is not None]
        for recovery in kept:
            self.recoveries[recovery.band_bps].append(recovery)
        return kept


def _levels(changes: Sequence[BookChanged], side: Side) -> Sequence[Level]:
    """What has changed on one side, in the order in which it did."""
    each = [change.bids if side is BUY else change.asks for change in changes]
    return each[0] if len(each) == 1 else [*chain.from_iterable(each)]
