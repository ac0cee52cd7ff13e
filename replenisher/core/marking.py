"""Marking: where the market of each instrument stands on which we hold something, once a minute.

Theory. What is held gains as the others' mid moves, whether we trade or not. Nobody can work that out later, as the
market is in no journal unless it was asked for. So their touch is on record at every fill (`core/markouts.py`), and
here in between: also of who is paused, halted or quotes around a price of its own. A life that stops in good order
marks once more. It decides nothing.

Nobody is woken for it: the first step of a minute marks, and while a connection lives there is one every half second.
Where nobody knows a market then, as when a life begins, the first step that does.
"""

from collections.abc import Iterator

from replenisher.core.state import State
from replenisher.model.command import PositionMarked
from replenisher.model.units import MINUTE_NS


class Marking:
    """Marks positions, in time and once we stop."""

    __slots__ = ("_is_last", "next_at", "unmarked")

    def __init__(self) -> None:
        self.next_at = 0  # when the next marks are due
        self.unmarked: dict[str, None] = {}  # instruments whose market nobody knew when they were
        self._is_last = False

    def records(self, state: State, at: int) -> Iterator[PositionMarked]:
        """The marks that are due now; where nobody knows the market of an instrument, once somebody does."""
        if self._is_last:
            return
        positions = state.account.positions
        if at >= self.next_at or state.stopping is not None:
            self.next_at = (at // MINUTE_NS + 1) * MINUTE_NS
            self.unmarked = dict.fromkeys(positions)
        self._is_last = state.stopping is not None
        due, self.unmarked = self.unmarked, {}
        for instrument in due:
            if not positions[instrument].size:
                continue
            if (touch := state.market(instrument)) is None:
                self.unmarked[instrument] = None
            else:
                yield PositionMarked(instrument=instrument, bid=touch.bid, ask=touch.ask)
