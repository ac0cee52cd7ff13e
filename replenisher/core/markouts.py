"""Markouts: where the others stood at each fill of ours, and where their mid went after it.

Theory. The markout of a fill is `side * (mid after h - price)`. Nobody can work it out later: the market is in no
journal unless it was asked for. So the mids are noted here, and what they say of our fills is for reports.

A fill is marked at once with the others' best bid and ask as they stood before it: before the news with which we heard
of it, and before every move of the mid that the venue's clock does not say is older, as a book may be told sooner than
a fill. When its last horizon is over it is marked once more, with the mid after each. Horizons count from when we heard
of it, as its market is heard no sooner; of one that was told late (by a sync) from when it happened, and what is past
by then is missing. A mid is missing, too, where there was no trusted two-sided book, or nothing was heard for too long
to rely on it, or no step was taken for a second. What is missing is None: it is never a zero.

Nobody is woken for it: the first step after a horizon is told where the last one before it has left the market, and
while a connection lives there is one every half second.

What is not over yet ends with the life: a stop in good order tells what is known by then, and after a kill the fills of
its last minutes have no mids after them. None of it decides anything.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from replenisher.core.book import Touch
from replenisher.model.event import OrderFilled
from replenisher.model.step import HORIZONS_NS, Mark
from replenisher.model.units import SECOND_NS

Stood = Callable[[str, int], Touch | None]  # the others' touch as the last step has left it, if it can be relied on

FAR = 1 << 62
LATE_NS = SECOND_NS  # a fill that is told so long after it happened was not heard with its market
MOVES_KEPT = 64  # of the mid: as many may be told sooner than a fill before them
LOOK_LATE_NS_MAX = SECOND_NS  # whoever takes no step for so long has not heard where the market went


class _Marked:
    """One fill whose mids are not all known."""

    __slots__ = ("begins_at", "fill", "mids", "touch")

    def __init__(self, fill: OrderFilled, touch: Touch | None, begins_at: int) -> None:
        self.fill = fill
        self.touch = touch  # the others', when it happened
        self.begins_at = begins_at
        self.mids: list[int | None] = []

    @property
    def due(self) -> int:
        """When the next horizon is over; FAR if all are."""
        known = len(self.mids)
        return self.begins_at + HORIZONS_NS[known] if known < len(HORIZONS_NS) else FAR

    def mark(self) -> Mark:
        """What is known of it."""
        fill, touch = self.fill, self.touch
        return Mark(
            instrument=fill.instrument,
            trade_id=fill.trade_id,
            side=fill.side,
            bid=None if touch is None else touch.bid,
            ask=None if touch is None else touch.ask,
            mids=tuple(self.mids),
        )


class Markouts:
    """Looks at the market once a horizon is over. It costs nothing as long as none is."""

    __slots__ = ("_count", "_moves", "_waiting", "next_due", "told")

    def __init__(self) -> None:
        self.next_due = FAR
        self._moves: dict[str, deque[tuple[int, Touch | None]]] = {}  # when by the venue's clock, and from where
        self.told: list[Mark] = []  # in this step
        self._waiting: list[tuple[int, int, _Marked]] = []  # a heap: due when, in which order, which
        self._count = 0

    def saw_move(self, instrument: str, venue_time: int, before: Touch | None) -> None:
        """The others' mid is not what it was."""
        moves = self._moves.get(instrument)
        if moves is None:
            moves = self._moves[instrument] = deque(maxlen=MOVES_KEPT)
        moves.append((venue_time, before))

    def saw_fill(self, fill: OrderFilled, offset_ns: int, stood: Stood) -> None:
        """A fill was booked; `offset_ns` is by how much the venue's clock is ahead of ours."""
        happened_at = fill.venue_time - offset_ns
        if fill.at - happened_at > LATE_NS:
            marked = _Marked(fill, None, happened_at)
        else:
            marked = _Marked(fill, self._before(fill, stood(fill.instrument, fill.at)), fill.at)
        self.told.append(marked.mark())
        while marked.due <= fill.at:
            marked.mids.append(None)
        self._wait(marked)

    def pass_time(self, at: int, stood: Stood) -> None:
        """A step begins, at `at`, and nothing of it is known yet."""
        while self.next_due <= at:
            due, _, marked = heappop(self._waiting)
            touch = stood(marked.fill.instrument, due) if at - due <= LOOK_LATE_NS_MAX else None
            marked.mids.append(None if touch is None else touch.bid + touch.ask)
            self._wait(marked)

    def end(self) -> None:
        """The life ends: tell what is known."""
        for _, _, marked in sorted(self._waiting):
            marked.mids += [None] * (len(HORIZONS_NS) - len(marked.mids))
            self.told.append(marked.mark())
        self._waiting.clear()
        self.next_due = FAR

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

    def _wait(self, marked: _Marked) -> None:
        """For its next horizon, if it has one."""
        if (due := marked.due) == FAR:
            self.told.append(marked.mark())
        else:
            self._count += 1
            heappush(self._waiting, (due, self._count, marked))
        self.next_due = self._waiting[0][0] if self._waiting else FAR
