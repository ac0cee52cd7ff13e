"""What the public has been shown of one instrument: its book, level by level, and its prints."""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from replenisher.exchange.candles import Candles
from replenisher.exchange.interruptions import Interruptions
from replenisher.exchange.market import Listing, PublicLevel, Traded
from replenisher.exchange.marking import Marking
from replenisher.exchange.timetable import Timetable
from replenisher.exchange.words import STILL, Action, BookLevel, BookUpdate, BookView, InstrumentState, Print
from replenisher.model.order import BUY, SELL, Side

PRINTS_KEPT = 10_000
OPEN = InstrumentState.OPEN  # asked for with everything that happens
UPTICK, ZERO_UPTICK, DOWNTICK, ZERO_DOWNTICK = range(4)


class Board:
    """Turns new quantities into book changes, and trades into prints."""

    def __init__(self, listing: Listing, *, change_id: int, trade_seq: int, at: int) -> None:
        self.listing = listing
        self.market = market = listing.market
        self.instrument = market.instrument  # what is traded here
        self.trade_seq = trade_seq  # of the last print
        self.tick_direction = UPTICK  # likewise
        self._printed: int | None = None  # its price, in ticks
        self.state = InstrumentState.OPEN
        self.state_since = at
        self._change_id = change_id
        self._is_lost = False  # out of sight
        self._at = at
        self._shown: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}  # ticks -> lots
        self.marking = Marking(market, at, listing.funding_rate_8h)
        self.settlement_price = self.marking.mark(at)  # of the last settlement; before the first one, of the start
        self.timetable = Timetable(listing, at)
        self.interruptions = Interruptions(listing.interruptions, at)
        self.candles = Candles(market.instrument)
        self._prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        for level in market.depth():
            self._shown[level.side][level.price] = level.quantity

    @property
    def index_name(self) -> str:
        """How the index is called that the instrument follows."""
        return f"{self.instrument.base_currency}_{self.instrument.quote_currency}".lower()

    @property
    def goes_on(self) -> bool:
        """Whether its market does."""
        state = self.state
        return state is OPEN or not (state in STILL or state.is_final)

    @property
    def next_at(self) -> int | None:
        """When something happens by itself: the state changes, money moves, or the market does unless it is halted."""
        if self.state is OPEN or self.goes_on:
            first = self.market.next_at
        elif self.state.is_final:
            return None
        else:
            first = None
        turns_at, pays_at = self.interruptions.next_at, self.timetable.next_at
        if turns_at is not None and (first is None or turns_at < first):
            first = turns_at
        if pays_at is not None and (first is None or pays_at < first):
            first = pays_at
        return first

    def view(self) -> BookView:
        """The whole book, as the changes told so far add up to it."""
        bids, asks = self._shown[BUY], self._shown[SELL]
        price, amount = self.instrument.price, self.instrument.amount
        return BookView(
            instrument=self.instrument.name,
            at=self._at,
            change_id=self._change_id,
            bids=tuple((price(ticks), amount(bids[ticks])) for ticks in sorted(bids, reverse=True)),
            asks=tuple((price(ticks), amount(asks[ticks])) for ticks in sorted(asks)),
            is_lost=self._is_lost,
        )

    def lose(self, change_id: int, at: int) -> BookUpdate:
        """Show nothing new until the book is found; what says so follows on a change that nobody was told."""
        self._change_id, self._is_lost = change_id, True
        return BookUpdate(
            instrument=self.instrument.name,
            at=at,
            change_id=change_id,
            previous_change_id=change_id - 1,
            bids=(),
            asks=(),
        )

    def change(
        self, levels: Iterable[PublicLevel], change_id: int, at: int, *, finds: bool = False
    ) -> BookUpdate | None:
        """Show new quantities as the change of that number; None if they are what is shown already."""
        changed: dict[Side, list[BookLevel]] = {BUY: [], SELL: []}
        for level in levels:
            if action := self._show(level):
                price, amount = self.instrument.price(level.price), self.instrument.amount(level.quantity)
                changed[level.side].append(BookLevel(action, price, amount))
        if not changed[BUY] and not changed[SELL] and not finds:
            return None
        previous, self._change_id, self._at = self._change_id, change_id, at
        if finds:
            self._is_lost = False
        return BookUpdate(
            instrument=self.instrument.name,
            at=at,
            change_id=change_id,
            previous_change_id=previous,
            bids=tuple(changed[BUY]),
            asks=tuple(changed[SELL]),
            finds=finds,
        )

    def note(self, traded: Traded) -> None:
        """One more print: its number, and which way its price went."""
        self.trade_seq += 1
        before, self._printed = self._printed, traded.price
        if before is None:
            return
        if traded.price != before:
            self.tick_direction = UPTICK if traded.price > before else DOWNTICK
        else:
            self.tick_direction = ZERO_UPTICK if self.tick_direction in (UPTICK, ZERO_UPTICK) else ZERO_DOWNTICK

    def print(self, traded: Traded, trade_id: str, at: int) -> Print:
        """The trade that was noted last, as the public sees it."""
        public = Print(
            instrument=self.instrument.name,
            trade_id=trade_id,
            trade_seq=self.trade_seq,
            at=at,
            price=self.instrument.price(traded.price),
            amount=self.instrument.amount(traded.quantity),
            taker=traded.taker,
            tick_direction=self.tick_direction,
            mark=self.marking.mark(at),
            index=self.marking.index,
        )
        self._prints.append(public)
        self.candles.add(public)
        return public

    def prints(self, count: int) -> list[Print]:
        """The last prints of this life, newest first."""
        return list(islice(reversed(self._prints), count))

    def _show(self, level: PublicLevel) -> Action | None:
        """Show one level's quantity, and say what that changes."""
        shown = self._shown[level.side]
        before = shown.get(level.price, 0)
        if before == level.quantity:
            return None
        if not level.quantity:
            del shown[level.price]
            return Action.DELETE
        shown[level.price] = level.quantity
        return Action.CHANGE if before else Action.NEW
