"""Daily loss: the P&L since midnight UTC, marked to the others' mid, against the account's limit.

Where a day's P&L began is a mark that outlives the process, so that neither a restart nor a cool-off forgives what was
lost today: after its pause the account quotes again only if the P&L has come back within the limit. What begins the
count anew is midnight, or an operator who says `resume`.
"""

from collections.abc import Iterator, Sequence

from replenisher.core.halts import latch
from replenisher.core.state import State
from replenisher.model.command import DayMarked, Halt, HaltCause, Pause
from replenisher.model.instrument import venue_of
from replenisher.model.units import DAY_NS


class DailyLoss:
    """The P&L of every instrument, as far as it may have changed, and what follows from their sum at each venue."""

    def __init__(self) -> None:
        self._by_venue: dict[str, dict[str, float | None]] = {}
        self.next_day = 0  # when it begins

    def look(self, state: State, touched: Sequence[str], at: int) -> Iterator[DayMarked | Pause | Halt]:
        """A mark where a day begins, and a latch where too much of it was lost.

        Where nothing was touched no P&L is another one, and no latch has begun or ended.
        """
        if not touched and at < self.next_day:
            return
        self.next_day = (at // DAY_NS + 1) * DAY_NS
        for instrument in touched:
            # What is not traded has no book here to mark it.
            if state.setup.watching(instrument):
                self._by_venue.setdefault(venue_of(instrument), {})[instrument] = state.pnl_of(instrument)
        limits = state.setup.limits
        for venue, pnls in self._by_venue.items():
            known = [pnl for pnl in pnls.values() if pnl is not None]
            if len(known) < len(pnls):
                continue
            pnl_quote = sum(known)
            mark = state.day_marks.get(venue)
            if mark is None or mark.day != at // DAY_NS:
                yield DayMarked(venue=venue, day=at // DAY_NS, pnl_quote=pnl_quote)
                continue
            lost_quote = mark.pnl_quote - pnl_quote
            if lost_quote > float(limits.max_daily_loss_quote):
                reason = f"max_daily_loss_quote: {lost_quote:.2f} lost today at {venue}"
                yield from latch(state, limits.on_loss, HaltCause.LOSS, reason, at)
