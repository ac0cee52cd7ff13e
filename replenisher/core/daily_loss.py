"""Daily loss: the P&L since midnight UTC, marked to the others' mid, against the account's limit.

Where a day's P&L began is a mark that outlives the process, so that neither a restart nor a cool-off forgives what was
lost today: after its pause the account quotes again only if the P&L has come back within the limit. What begins the
count anew is midnight, or an operator who says `resume`. What a position had gained or lost before it was taken over is
none of the day's: the mark moves by as much.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from replenisher.core.account import Position
from replenisher.core.halts import latch
from replenisher.core.state import State
from replenisher.core.touch_prices import mid
from replenisher.core.worth import Worth
from replenisher.model.command import DayMarked, Halt, HaltCause, Pause, TakenOver
from replenisher.model.instrument import Instrument, venue_of
from replenisher.model.order import BUY, SELL
from replenisher.model.units import DAY_NS

Basis = tuple[Instrument, Decimal, Decimal, Decimal, Decimal]  # size, entry value, realized, fees


NANO = 1e9  # P&L is summed in whole billionths of the quote currency: a running sum of doubles would drift


class Total:
    """The P&L of several instruments, kept as a sum that costs as much as changes."""

    __slots__ = ("_known", "_unknown", "nano")

    def __init__(self) -> None:
        self.nano = 0  # of those whose P&L is known
        self._known: dict[str, int] = {}
        self._unknown: dict[str, None] = {}

    def put(self, instrument: str, pnl_quote: float | None) -> None:
        """The P&L of one of them is this now."""
        self.nano -= self._known.pop(instrument, 0)
        self._unknown.pop(instrument, None)
        if pnl_quote is None:
            self._unknown[instrument] = None
        else:
            self._known[instrument] = nano = round(pnl_quote * NANO)
            self.nano += nano

    @property
    def is_known(self) -> bool:
        """Whether that of all of them is."""
        return not self._unknown


class DailyLoss:
    """The P&L of every instrument, as far as it may have changed, and what follows from their sum at each venue."""

    def __init__(self) -> None:
        self._totals: dict[str, Total] = {}  # by venue
        self._worths: dict[str, tuple[Basis, Worth]] = {}  # by instrument, and of what
        self.next_day = 0  # when it begins

    def look(self, state: State, touched: Sequence[str], at: int) -> Iterator[DayMarked | Pause | Halt]:
        """A mark where a day begins, and a latch where too much of it was lost.

        Where nothing was touched no P&L is another one, and no latch has begun or ended.
        """
        if not touched and at < self.next_day:
            return
        self.next_day = (at // DAY_NS + 1) * DAY_NS
        for instrument in [*touched, *state.brought]:
            # What is not traded has no book here to mark it.
            if watching := state.setup.watching(instrument):
                total = self._totals.get(watching[0].venue)
                if total is None:
                    total = self._totals[watching[0].venue] = Total()
                total.put(instrument, self._pnl_quote(state, instrument))
        for venue, total in self._totals.items():
            if not total.is_known:
                continue
            pnl_quote, day = total.nano / NANO, at // DAY_NS
            mark = state.day_marks.get(venue)
            if mark is None or mark.day != day:
                mark = DayMarked(venue=venue, day=day, pnl_quote=pnl_quote)
                yield mark
            elif (brought_quote := _brought_quote(state, venue)) is not None:
                mark = DayMarked(venue=venue, day=day, pnl_quote=mark.pnl_quote + brought_quote)
                yield mark
            if (lost_quote := mark.pnl_quote - pnl_quote) > state.setup.max_daily_loss_quote:
                reason = f"max_daily_loss_quote: {lost_quote:.2f} lost today at {venue}"
                yield from latch(state, state.setup.limits.on_loss, HaltCause.LOSS, reason, at)

    def _pnl_quote(self, state: State, instrument: str) -> float | None:
        """P&L since our first fill on one instrument, marked to the market; None without a mark for a position."""
        position = state.account.positions.get(instrument)
        if position is None:
            return 0.0
        touch = state.market(instrument)
        if touch is None:
            return None if position.size or position.realized or position.fees else 0.0
        definition = state.instruments[instrument]
        basis = (definition, position.size, position.entry_value, position.realized, position.fees)
        known = self._worths.get(instrument)
        if known is None or known[0] != basis:
            known = self._worths[instrument] = basis, position.worth(definition)
        return known[1].pnl_quote(mid(touch) * definition.tick_float)


def _brought_quote(state: State, venue: str) -> float | None:
    """What was gained by now on all that was taken over and that no mark knows of yet; None if there is nothing."""
    if not state.brought:
        return None
    brought = [taken for key, taken in state.brought.items() if venue_of(key) == venue]
    return sum([_gained_quote(state, taken) for taken in brought]) if brought else None


def _gained_quote(state: State, taken: TakenOver) -> float:
    """What was gained since its entry on what was taken over."""
    if (touch := state.market(taken.instrument)) is None:
        return 0.0  # the P&L of all is known, so nothing is left of it
    definition, position = state.instruments[taken.instrument], Position()
    position.fill(definition, BUY if taken.amount > 0 else SELL, abs(taken.amount), taken.price)
    return position.pnl_quote(definition, mid(touch) * definition.tick_float)
