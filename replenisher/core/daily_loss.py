"""Daily loss: the P&L since midnight UTC, marked to the others' mid, against the account's limit.

Where a day's P&L began is a mark that outlives the process, so that neither a restart nor a cool-off forgives what was
lost today: after its pause the account quotes again only if the P&L has come back within the limit. What begins the
count anew is midnight, or an operator who says `resume`.
"""

from collections.abc import Iterator

from replenisher.core.state import State
from replenisher.model.command import DayMarked, Pause
from replenisher.model.units import DAY_NS


def daily_loss(state: State, at: int) -> Iterator[DayMarked | Pause]:
    """A mark where a day begins, and a pause where too much of it was lost."""
    limits = state.setup.limits
    for venue in state.setup.venues:
        pnl_quote = state.pnl_quote(venue.name, at)
        if pnl_quote is None:
            continue
        today = DayMarked(venue=venue.name, day=at // DAY_NS, pnl_quote=pnl_quote)
        mark = state.day_marks.get(venue.name)
        if mark is None or mark.day != today.day:
            yield today
            continue
        lost_quote = mark.pnl_quote - pnl_quote
        if lost_quote > float(limits.max_daily_loss_quote) and "" not in state.pauses:
            reason = f"max_daily_loss_quote: {lost_quote:.2f} lost today at {venue.name}"
            yield Pause(reason=reason, until=0 if limits.halts_on_breach else at + limits.cooloff_ns)
