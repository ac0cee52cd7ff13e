"""Signals that look below the touch, at the best levels that the others have.

VAMP is the volume-adjusted mid price: each side's prices weighted by what stands on the other side, so that it leans
away from the heavy side as the weighted mid does, but knows more of the book.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from replenisher.core.book import Depth, Levels
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.model.event import Level
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Side

Number = Callable[[Depth], float | None]


class _BelowTheTouch(SignalSpec):
    """Specifications of what is made of levels."""

    __slots__ = ()

    @property
    def needs_depth(self) -> bool:
        """It is made of levels."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vamp(_BelowTheTouch):
    """VAMP over some levels, each bid weighted by the size of the ask that is as far from the touch."""

    levels: int

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfBook(lambda book: vamp(*_top(book, self.levels)), instrument.tick_float)


@dataclass(frozen=True, slots=True, kw_only=True)
class VampOfSize(_BelowTheTouch):
    """VAMP of an order: half way between what it would sell for and what it would buy for, a unit."""

    amount: Decimal  # wire amount

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        lots = max(1, instrument.lots(self.amount))
        return _OfBook(lambda book: vamp_of_size(book, lots), instrument.tick_float)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedDepth(_BelowTheTouch):
    """The mean price of what stands on some levels of both sides."""

    levels: int

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfBook(lambda book: weighted_depth(*_top(book, self.levels)), instrument.tick_float)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthImbalance(_BelowTheTouch):
    """(bids - asks) / (bids + asks) of what stands on some levels, within [-1, 1]."""

    levels: int

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OfBook(lambda book: imbalance(*_top(book, self.levels)), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBehind(_BelowTheTouch):
    """The price of the level that completes an amount, counted from the touch; 0 where all that are known hold less."""

    side: Side
    amount: Decimal
    unit: AmountUnit  # in which the amount is, at the price of the touch

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""

        def lots(touch: int) -> int:
            return max(1, instrument.lots(instrument.wire_amount(self.amount, self.unit, instrument.price(touch))))

        return _OfBook(lambda book: price_behind(book.side(self.side), lots), instrument.tick_float)


def price_behind(side: Levels, lots: Callable[[int], int]) -> int | None:
    """The price of the level that completes so many lots, by the touch; 0 if all hold less, None on an empty side."""
    left: int | None = None
    for price, quantity in side.best_first():
        left = (lots(price) if left is None else left) - quantity
        if left <= 0:
            return price
    return None if left is None else 0


def vamp(bids: Sequence[Level], asks: Sequence[Level]) -> float | None:
    """Each level's prices weighted by the size that stands opposite; levels without an opposite are left out."""
    pairs = list(zip(bids, asks, strict=False))
    if not pairs:
        return None
    worth = sum(bid * ask_quantity + ask * bid_quantity for (bid, bid_quantity), (ask, ask_quantity) in pairs)
    return worth / sum(bid_quantity + ask_quantity for (_, bid_quantity), (_, ask_quantity) in pairs)


def vamp_of_size(book: Depth, lots: int) -> float | None:
    """The mean of the two prices at which so many lots would trade; None if one side has fewer."""
    sold, bought = _mean_price(book.bids, lots), _mean_price(book.asks, lots)
    return None if sold is None or bought is None else (sold + bought) / 2


def weighted_depth(bids: Sequence[Level], asks: Sequence[Level]) -> float | None:
    """The mean price, each weighted by its own size."""
    if not bids or not asks:
        return None
    return sum(price * quantity for price, quantity in (*bids, *asks)) / _lots(*bids, *asks)


def imbalance(bids: Sequence[Level], asks: Sequence[Level]) -> float | None:
    """How much more stands on the bid, as a share of all."""
    if not bids or not asks:
        return None
    return (_lots(*bids) - _lots(*asks)) / _lots(*bids, *asks)


def _mean_price(side: Levels, lots: int) -> float | None:
    """What a lot would cost or bring on average if so many took this side."""
    left, worth = lots, 0
    for price, quantity in side.best_first():
        taken = min(left, quantity)
        worth += taken * price
        left -= taken
        if not left:
            return worth / lots
    return None


def _lots(*levels: Level) -> int:
    return sum(quantity for _, quantity in levels)


def _top(book: Depth, levels: int) -> tuple[list[Level], list[Level]]:
    """The best levels of both sides, from the touch outwards."""
    return list(islice(book.bids.best_first(), levels)), list(islice(book.asks.best_first(), levels))


class _OfBook(Signal):
    """A number of the book as it stands."""

    __slots__ = ("_number", "_unit", "_value")

    def __init__(self, number: Number, unit: float) -> None:
        self._number, self._unit = number, unit
        self._value: float | None = None

    def saw_book(self, book: Depth, venue_time: int) -> None:
        value = self._number(book)
        self._value = None if value is None else value * self._unit

    def lost(self) -> None:
        self._value = None

    def value(self, venue_time: int) -> float | None:
        return self._value
