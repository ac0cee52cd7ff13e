"""Markouts: where the others stood at each fill of ours, and where their mid went after it.

Theory. The markout of a fill is `side * (mid after h - price)`. Nobody can work it out later: the market is in no
journal unless it was asked for. So the mids are noted here, and what they say of our fills is for reports.

A fill is marked at once with the others' best bid and ask as they stood before it: before the news with which we heard
of it, and before every move of the mid that the venue's clock does not say is older, as a book may be told sooner than
a fill; what we showed ourselves stands beside them (`core/execution.py`). When its last horizon is over it is marked
once more, with the mid after each. Horizons count from when we heard of it, as its market is heard no sooner; one that
was told late (by a sync) has no mids at all, and nobody knows what we showed when it happened. A mid is missing, too,
where there was no trusted two-sided book, or nothing was heard for too long to rely on it, or no step was taken for a
second. What is missing is None: it is never a zero.

Nobody is woken for it: the first step after a horizon is told where the last one before it has left the market, and
while a connection lives there is one every half second.

What is not over yet ends with the life: a stop in good order tells what is known by then, and after a kill the fills of
its last minutes have no mids after them. None of it decides anything.
"""

from collections import deque
from collections.abc import Callable

from replenisher.core.book import Touch
from replenisher.core.execution import Executed
from replenisher.model.event import OrderFilled
from replenisher.model.step import HORIZONS_NS, Mark
from replenisher.model.units import NEVER_NS, SECOND_NS

Stood = Callable[[str, int], Touch | None]  # the others' touch as the last step has left it, if it can be relied on

LATE_NS = SECOND_NS  # a fill that is told so long after it happened was not heard with its market
MOVES_KEPT = 64  # of the mid: as many may be told sooner than a fill before them
LOOK_LATE_NS_MAX = SECOND_NS  # whoever takes no step for so long has not heard where the market went


class _Moment:
    """The fills on one instrument that we heard of at once, and the mids after them as far as they are known."""

    __slots__ = ("at", "fills", "instrument", "mids")

    def __init__(self, instrument: str, at: int) -> None:
        self.instrument = instrument
        self.at = at
        self.fills: list[OrderFilled] = []
        self.mids: list[int | None] = []

    def marks(self) -> list[Mark]:
        """What is known of each; what is not will not be."""
        mids = (*self.mids, *[None] * (len(HORIZONS_NS) - len(self.mids)))
        return [
            Mark(instrument=fill.instrument, trade_id=fill.trade_id, side=fill.side, mids=mids) for fill in self.fills
        ]


class Markouts:
    """Looks at the market once a horizon is over. It costs nothing as long as none is."""

    __slots__ = ("_lanes", "_moves", "_newest", "next_due", "told")

    def __init__(self) -> None:
        self.next_due = NEVER_NS
        self.told: list[Mark] = []  # in this step
        self._lanes = tuple((horizon_ns, deque[_Moment]()) for horizon_ns in HORIZONS_NS)  # the oldest first
        self._newest: dict[str, _Moment] = {}  # by instrument
        self._moves: dict[str, deque[tuple[int, Touch | None]]] = {}  # when by the venue's clock, and from where

    def saw_move(self, instrument: str, venue_time: int, before: Touch | None) -> None:
        """The others' mid is not what it was."""
        moves = self._moves.get(instrument)
        if moves is None:
            moves = self._moves[instrument] = deque(maxlen=MOVES_KEPT)
        moves.append((venue_time, before))

    def saw_fill(self, executed: Executed, offset_ns: int, stood: Stood) -> None:
        """A fill was booked; `offset_ns` is by how much the venue's clock is ahead of ours."""
        fill, touch, shown = executed.fill, None, None
        at = fill.at
        if at - (fill.venue_time - offset_ns) <= LATE_NS:
            touch, shown = self._before(fill, stood(fill.instrument, at)), executed.shown
            moment = self._newest.get(fill.instrument)
            if moment is None or moment.at != at:
                moment = self._newest[fill.instrument] = _Moment(fill.instrument, at)
                horizon_ns, waiting = self._lanes[0]
                waiting.append(moment)
                self.next_due = min(self.next_due, at + horizon_ns)
            moment.fills.append(fill)
        bid, ask = (None, None) if touch is None else (touch.bid, touch.ask)
        own_bid, own_ask = shown or (None, None)
        self.told.append(
            Mark(
                instrument=fill.instrument,
                trade_id=fill.trade_id,
                side=fill.side,
                bid=bid,
                ask=ask,
                own_bid=own_bid,
                own_ask=own_ask,
            )
        )

    def pass_time(self, at: int, stood: Stood) -> None:
        """A step begins, at `at`, and nothing of it is known yet."""
        soonest = NEVER_NS
        passed: list[_Moment] = []
        for horizon_ns, waiting in self._lanes:
            if passed:  # the horizon before this one
                waiting += passed
                passed = []
            while waiting and (due := waiting[0].at + horizon_ns) <= at:
                moment = waiting.popleft()
                touch = stood(moment.instrument, due) if at - due <= LOOK_LATE_NS_MAX else None
                moment.mids.append(None if touch is None else touch.bid + touch.ask)
                passed.append(moment)
            if waiting and (due := waiting[0].at + horizon_ns) < soonest:
                soonest = due
        for moment in passed:  # the last one
            self.told += moment.marks()
        self.next_due = soonest

    def end(self) -> None:
        """The life ends: tell what is known."""
        for _, waiting in reversed(self._lanes):
            for moment in waiting:
                self.told += moment.marks()
            waiting.clear()
        self._newest.clear()
        self.next_due = NEVER_NS

    def taken(self) -> tuple[Mark, ...]:
        """What this step has to tell; it is told once."""
        told, self.told = self.told, []
        return tuple(told)

    def _before(self, fill: OrderFilled, touch: Touch | None) -> Touch | None:
        """Where the market stood before a fill, if it stands here now."""
        for moved_at, before in reversed(self._moves.get(fill.instrument, ())):
            if moved_at < fill.venue_time:
                break
            touch = before
        return touch
