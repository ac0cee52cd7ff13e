"""Daily loss: the P&L since midnight UTC, marked to the others' mid, against the account's limit.

Where a day's P&L began is a mark that outlives the process, so that neither a restart nor a cool-off forgives what was
lost today: after its pause the account quotes again only if the P&L has come back within the limit. What begins the
count anew is midnight, or an operator who says `resume`.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from replenisher.core.halts import latch
from replenisher.core.state import State
from replenisher.core.worth import Worth
from replenisher.model.command import DayMarked, Halt, HaltCause, Pause
from replenisher.model.instrument import Instrument
from replenisher.model.units import DAY_NS

Basis = tuple[Instrument, Decimal, Decimal, Decimal, Decimal]  # size, entry value, realized, fees


class DailyLoss:
    """The P&L of every instrument, as far as it may have changed, and what follows from their sum at each venue."""

    def __init__(self) -> None:
        self._by_venue: dict[str, dict[str, float | None]] = {}
        self._worths: dict[str, tuple[Basis, Worth]] = {}  # by instrument, and of what
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
            if watching := state.setup.watching(instrument):
                self._by_venue.setdefault(watching[0].venue, {})[instrument] = self._pnl_quote(state, instrument)
        for venue, pnls in self._by_venue.items():
            known = [pnl for pnl in pnls.values() if pnl is not None]
            if len(known) < len(pnls):
                continue
            pnl_quote = sum(known)
            mark = state.day_marks.get(venue)
            if mark is None or mark.day != at // DAY_NS:
                yield DayMarked(venue=venue, day=at // DAY_NS, pnl_quote=pnl_quote)
            elif (lost_quote := mark.pnl_quote - pnl_quote) > state.setup.max_daily_loss_quote:
                reason = f"max_daily_loss_quote: {lost_quote:.2f} lost today at {venue}"
                yield from latch(state, state.setup.limits.on_loss, HaltCause.LOSS, reason, at)

    def _pnl_quote(self, state: State, instrument: str) -> float | None:
        """P&L since our first fill on one instrument, marked to the others' mid; None without a mark for a position."""
        position = state.account.positions.get(instrument)
        if position is None:
            return 0.0
        touch = state.touches.get(instrument)
        if touch is None:
            return None if position.size or position.realized or position.fees else 0.0
        definition = state.instruments[instrument]
        basis = (definition, position.size, position.entry_value, position.realized, position.fees)
        known = self._worths.get(instrument)
        if known is None or known[0] != basis:
            known = self._worths[instrument] = basis, position.worth(definition)
        return known[1].pnl_quote((touch.bid + touch.ask) / 2 * definition.tick_float)
