"""Sweeps: how the books that we quote come back after somebody has swept them, seen while it happens.

Daemon and replay tell it their steps, a moment after they were taken. What became of each sweep is a fact for the
record, so that a report can tell it long after this life. Meanwhile the daemon tells what became of the newest. What
chance makes of that, the intervals, is worked out by who asks (`report/resampling.py`): it takes a fifth of a second,
for which no market waits.
"""

from collections.abc import Sequence
from itertools import islice

import msgspec

from replenisher.core.resilience import SWEEPS_MIN, TAUS_NS, Recovery, Resilience, named_time, resilience_of
from replenisher.core.state import State
from replenisher.core.sweep import SweepWatch
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, SweepEnded, TradePrinted
from replenisher.model.order import TERMINAL, Side
from replenisher.model.step import Step

SWEEPS_TOLD = 200  # of each band, the newest

BySweep = dict[str, dict[str, list[Recovery]]]  # instrument -> band -> oldest first


class Sweeps:
    """Watches every book of which a step tells; made from the state it looks at."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._watches: dict[str, SweepWatch] = {}
        self._ended: list[SweepEnded] = []
        self._known: dict[tuple[str, float], tuple[Recovery | None, Resilience]] = {}  # as of the last sweep of each

    def observe(self, step: Step) -> None:
        """Take one step into account: its trades first, then the books as they are by now."""
        changed: dict[str, list[BookChanged] | None] = {}  # by instrument; None if it has another book
        for event in step.events:
            match event:
                case TradePrinted():
                    self._end(event.instrument, self._watch(event.instrument).saw_trade(event), step.at)
                case BookChanged():
                    if (changes := changed.setdefault(event.instrument, [])) is not None:
                        changes.append(event)
                case BookSnapshot():
                    changed[event.instrument] = None
                case FeedLost():
                    watch = self._watch(event.instrument)
                    ended = watch.lost(self._state.books[event.instrument].venue_time)
                    self._end(event.instrument, ended, step.at)
                case _:
                    pass
        for instrument, changes in changed.items():
            book = self._state.books.get(instrument)
            if book is not None and not book.distrust:
                watch = self._watch(instrument)
                ended = watch.saw_book(book, self._own(instrument) if watch.is_recovering else None, changes)
                self._end(instrument, ended, step.at)

    def learned(self) -> Sequence[SweepEnded]:
        """What became of the sweeps that ended since this was last asked."""
        ended, self._ended = self._ended, []
        return ended

    def resilience(self) -> dict[str, dict[str, Resilience]]:
        """What is known of each book by now, band by band."""
        return {
            instrument: {_named(band_bps): self._of(instrument, band_bps) for band_bps in watch.recoveries}
            for instrument, watch in self._watches.items()
        }

    def newest(self) -> BySweep:
        """What became of the last sweeps."""
        return {
            instrument: {
                _named(band_bps): list(islice(kept, max(0, len(kept) - SWEEPS_TOLD), None))
                for band_bps, kept in watch.recoveries.items()
            }
            for instrument, watch in self._watches.items()
        }

    def _of(self, instrument: str, band_bps: float) -> Resilience:
        kept = self._watches[instrument].recoveries[band_bps]
        newest = kept[-1] if kept else None
        known = self._known.get((instrument, band_bps))
        if known is None or known[0] is not newest:
            known = self._known[instrument, band_bps] = (newest, resilience_of(kept, SWEEPS_MIN))
        return known[1]

    def _end(self, instrument: str, ended: Sequence[Recovery], at: int) -> None:
        for recovery in ended:
            told = msgspec.structs.asdict(recovery)
            venue_time = told.pop("at")
            told["back"] = dict(zip(map(named_time, TAUS_NS), recovery.back, strict=True))
            self._ended.append(SweepEnded(at=at, instrument=instrument, venue_time=venue_time, **told))

    def _watch(self, instrument: str) -> SweepWatch:
        watch = self._watches.get(instrument)
        if watch is None:
            watch = self._watches[instrument] = SweepWatch()
        return watch

    def _own(self, instrument: str) -> dict[Side, Sequence[Level]]:
        own: dict[Side, list[Level]] = {side: [] for side in Side}
        for order in self._state.orders.on(instrument):
            if order.status not in TERMINAL:
                own[order.side].append((order.price, order.remaining))
        return dict(own)


def _named(band_bps: float) -> str:
    return f"{band_bps:g} bps" if band_bps else "touch"
