"""Daily loss: the P&L since midnight UTC, marked to the others' mid, against the account's limit.

Where a day's P&L began is a mark that outlives the process, so that neither a restart nor a cool-off forgives what was
lost today: after its pause the account quotes again only if the P&L has come back within the limit. What begins the
count anew is midnight, or an operator who says `resume`. What a position had gained or lost before it was taken over is
none of the day's: the mark moves by as much. Nor is what had been made on an instrument that is traded no more: another
life goes on with the marks of those that it knows. These are what it trades, and what it holds nothing of and can be
counted without a market: a loss of today is not forgiven with its instrument. Nor is it where one is not known for a
life: its mark stays for the next one. While a market is lost that was known, its instrument is worth what it was. One
that is held and whose market this life has not seen counts from when it sees it. The losses of the others count on.
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

    __slots__ = ("_began", "known", "nano")

    def __init__(self) -> None:
        self.nano = 0  # of those whose P&L is known
        self.known: dict[str, int] = {}
        self._began: tuple[DayMarked, float | None] | None = None  # the last mark, and its sum of those that are known

    def leave_out(self, instrument: str) -> None:
        """One of them does not count."""
        self.nano -= self.known.pop(instrument, 0)
        self._began = None

    def put(self, instrument: str, pnl_quote: float) -> None:
        """The P&L of one of them is this now."""
        if instrument not in self.known:
            self._began = None
        nano = round(pnl_quote * NANO)
        self.nano += nano - self.known.get(instrument, 0)
        self.known[instrument] = nano

    def began_quote(self, mark: DayMarked) -> float | None:
        """Where the sum was when the day began; None if the mark does not know of all."""
        if self._began is None or self._began[0] is not mark:
            knows_all = self.known.keys() <= mark.of.keys()
            self._began = mark, sum([mark.of[key] for key in self.known]) if knows_all else None
        return self._began[1]


class DailyLoss:
    """The P&L of every instrument, as far as it may have changed, and what follows from their sum at each venue."""

    def __init__(self) -> None:
        self._totals: dict[str, Total] = {}  # by venue
        self._worths: dict[str, tuple[Basis, Worth]] = {}  # by instrument, and of what
        self._prices: dict[str, float] = {}  # by instrument, where its market was last
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
                total = self._totals.get(watching[0].venue) or self._begin(state, watching[0].venue)
                pnl_quote = self._pnl_quote(state, instrument)
                if pnl_quote is not None:
                    total.put(instrument, pnl_quote)
                elif instrument in state.brought:
                    total.leave_out(instrument)
        for venue, total in self._totals.items():
            mark, day, began_quote = state.day_marks.get(venue), at // DAY_NS, None
            if mark is not None and mark.day != day:
                mark = None
            if not total.known or (mark is not None and not mark.of and not _is_all_known(state, venue, total)):
                continue  # the one sum that a former version kept is of all
            is_brought = bool(state.brought) and any(venue_of(key) == venue for key in state.brought)
            if mark is not None and not is_brought:
                began_quote = total.began_quote(mark)
            if began_quote is None:
                mark = _marked(state, venue, day, total)
                yield mark
                began_quote = mark.pnl_quote
            if (lost_quote := began_quote - total.nano / NANO) > state.setup.max_daily_loss_quote:
                reason = f"max_daily_loss_quote: {lost_quote:.2f} lost today at {venue}"
                yield from latch(state, state.setup.limits.on_loss, HaltCause.LOSS, reason, at)

    def _begin(self, state: State, venue: str) -> Total:
        """All that is traded at a venue, and what was before, as far as its P&L is known without a market."""
        total = self._totals[venue] = Total()
        for instrument in dict.fromkeys([*state.setup.instruments(venue), *state.account.positions]):
            if venue_of(instrument) == venue:
                pnl_quote = self._pnl_quote(state, instrument)
                if pnl_quote is not None:
                    total.put(instrument, pnl_quote)
        return total

    def _pnl_quote(self, state: State, instrument: str) -> float | None:
        """P&L since our first fill on one instrument, marked to the market; None without a mark for a position."""
        position = state.account.positions.get(instrument)
        if position is None:
            return 0.0
        definition = state.instruments.get(instrument)
        if definition is None:
            return None
        if (touch := state.market(instrument)) is None:
            if position.size:
                return None
            gained, price = position.realized - position.fees, self._prices.get(instrument)
            if gained and definition.inverse:
                return None if price is None else float(gained) * price
            return float(gained)
        basis = (definition, position.size, position.entry_value, position.realized, position.fees)
        known = self._worths.get(instrument)
        if known is None or known[0] != basis:
            known = self._worths[instrument] = basis, position.worth(definition)
        price = self._prices[instrument] = mid(touch) * definition.tick_float
        return known[1].pnl_quote(price)


def _marked(state: State, venue: str, day: int, total: Total) -> DayMarked:
    """Where the P&L of a day began: here, but for what has counted before on that day."""
    before, known = state.day_marks.get(venue), {key: nano / NANO for key, nano in total.known.items()}
    of = known
    if before is not None and before.day == day:
        began = before.of or _as_summed(state, before, known)
        of = known | began
        for key, taken in state.brought.items():
            if not state.setup.watching(key):
                continue  # it does not count while it is held
            if key not in known:
                of.pop(key, None)  # what it is worth with that counts from when its market is seen
            elif key in began:
                of[key] += _gained_quote(state, taken)
    return DayMarked(venue=venue, day=day, pnl_quote=sum([of[key] for key in known]), of=of)


def _is_all_known(state: State, venue: str, total: Total) -> bool:
    """Whether the P&L of all that is traded at a venue is."""
    return all(setup.instrument in total.known for setup in state.setup.strategies if setup.venue == venue)


def _as_summed(state: State, mark: DayMarked, known: dict[str, float]) -> dict[str, float]:
    """A mark of whoever kept one sum alone, which was that of what is traded."""
    traded = [key for key in known if state.setup.watching(key)]
    missing_quote = mark.pnl_quote - sum([known[key] for key in traded])
    return known | {key: known[key] + missing_quote for key in traded[:1]}


def _gained_quote(state: State, taken: TakenOver) -> float:
    """What was gained since its entry on what was taken over."""
    if (touch := state.market(taken.instrument)) is None:
        return 0.0  # its P&L is known, so nothing is left of it
    definition, position = state.instruments[taken.instrument], Position()
    position.fill(definition, BUY if taken.amount > 0 else SELL, abs(taken.amount), taken.price)
    return position.pnl_quote(definition, mid(touch) * definition.tick_float)
