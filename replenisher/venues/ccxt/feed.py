"""One book: what ccxt shows of it, in ticks and lots, and how we notice that it must not be believed any more.

ccxt applies changes to its book without asking whether one is missing (Deribit's `prev_change_id` is not looked at).
So a book that is watched is never simply believed. It must not go back in time and must not be crossed; and from time
to time the exchange is asked for the same book over its other door. The answer may be ahead of the stream or behind
it, and a busy level differs for good reasons. But a level that we have shown unchanged for `ghost_ns` and that every
answer in that time contradicts is a ghost, or a hole: the book is lost. A stream that has gone deaf shows itself in the
same way, and a book that is merely quiet is proven to be today's.
"""

from collections.abc import Callable

from replenisher.core.book import difference
from replenisher.model.event import BookChanged, BookSnapshot, Event
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.venues.ccxt.book import Grid, Levels, Shown

Place = tuple[Side, int]  # a side, and a price in ticks


class Feed:
    """What we have told of one book, and what we suspect of it."""

    def __init__(self, instrument: Instrument, tell: Callable[[Event], None], ghost_ns: int) -> None:
        self.instrument = instrument
        self.grid = Grid(instrument)
        self.is_live = False
        self.changed_at = 0  # session time of the last value
        self._tell = tell
        self._ghost_ns = ghost_ns
        self._shown = Shown({}, {}, 0, None)
        self._asked: Shown | None = None
        self._suspects: dict[Place, tuple[int, int]] = {}  # -> the lots we show there, and since when that is doubted

    @property
    def is_doubted(self) -> bool:
        """Whether something that we show was contradicted."""
        return bool(self._suspects)

    def lose(self) -> None:
        """Nothing that was told counts any more."""
        self.is_live = False
        self._asked = None
        self._suspects.clear()

    def take(self, shown: Shown, at: int) -> str:
        """The book as it is now; returns why it cannot be believed."""
        before = self._shown
        if self.is_live:
            if shown.nonce is not None and before.nonce is not None and shown.nonce < before.nonce:
                return f"it went back from {before.nonce} to {shown.nonce}"
            if shown.venue_time < before.venue_time:
                return "it went back in time"
        if shown.is_crossed:
            return "it is crossed"
        self._shown, self.changed_at = shown, at
        if not self.is_live:
            self.is_live = True
            self._tell_all(at)
            return ""
        bids = difference(before.bids, shown.bids)
        asks = difference(before.asks, shown.asks)
        for side, changes in ((Side.BUY, bids), (Side.SELL, asks)):
            for price, _ in changes:
                self._suspects.pop((side, price), None)
        self._tell(
            BookChanged(at=at, instrument=self.instrument.key, venue_time=shown.venue_time, bids=bids, asks=asks)
        )
        return ""

    def asking(self) -> None:
        """The exchange is asked for the same book now."""
        self._asked = Shown(self._shown.bids, self._shown.asks, self._shown.venue_time, None)

    def verify(self, answer: Shown, at: int) -> str:
        """Compare with what the exchange answers; returns why the book cannot be believed.

        If nothing contradicts it, the book is told once more: quiet as it is, it is today's.
        """
        asked, self._asked = self._asked, None
        if not self.is_live or asked is None:
            return ""
        doubted = {
            place: lots
            for side in Side
            for place, lots in _contradicted(side, asked.side(side), self._shown.side(side), answer.side(side))
        }
        self._suspects = {
            place: (lots, since if (since := self._since(place, lots)) is not None else at)
            for place, lots in doubted.items()
        }
        for (side, price), (lots, since) in self._suspects.items():
            if at - since >= self._ghost_ns:
                where = f"{side} {self.instrument.price(price)}"
                return f"the exchange answers otherwise than {lots} lots at {where}"
        if not self._suspects:
            self._tell_all(at, answer.venue_time)
        return ""

    def _since(self, place: Place, lots: int) -> int | None:
        known = self._suspects.get(place)
        return known[1] if known is not None and known[0] == lots else None

    def _tell_all(self, at: int, proven_at: int = 0) -> None:
        self._tell(
            BookSnapshot(
                at=at,
                instrument=self.instrument.key,
                venue_time=max(self._shown.venue_time, proven_at),
                bids=tuple(sorted(self._shown.bids.items(), reverse=True)),
                asks=tuple(sorted(self._shown.asks.items())),
            )
        )


def _contradicted(side: Side, asked: Levels, now: Levels, answer: Levels) -> list[tuple[Place, int]]:
    """Where we showed the same before and after, and the answer something else, as far as all of them reach."""
    if not (asked and now and answer):
        return []
    # Beyond the worst price of a cut-off list nothing is known. Best is highest for bids, lowest for asks.
    if side is Side.BUY:
        worst = max(min(asked), min(now), min(answer))
        prices = [price for price in {*now, *answer} if price >= worst]
    else:
        worst = min(max(asked), max(now), max(answer))
        prices = [price for price in {*now, *answer} if price <= worst]
    steady = [(price, now.get(price, 0)) for price in prices if asked.get(price, 0) == now.get(price, 0)]
    return [((side, price), lots) for price, lots in steady if answer.get(price, 0) != lots]
