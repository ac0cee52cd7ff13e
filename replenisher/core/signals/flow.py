"""Order flow: who has been pressing, by what changed in the book and by who took.

- `OrderFlowImbalance` (OFI): what was added to the bids and taken from the asks, less the opposite. Cont, Kukanov &
  Stoikov, "The price impact of order book events", J. Fin. Econometrics 12 (2014).
- `LevelFlow`: one component of the multi-level OFI of Xu, Gould & Howison (2019), which is the same arithmetic on the
  n-th best prices. All components of a vector are read off one machine, which looks at so many levels at each change.
- `TradeImbalance`: takers alone.
- `Vpin`: takers, in volume time. Easley, Lopez de Prado & O'Hara, "Flow toxicity and liquidity in a high-frequency
  world", Rev. Fin. Studies 25 (2012); with the true sides that venues tell, so nothing has to be classified. Andersen &
  Bondarenko (2014) find that it tells little that volume and volatility do not: never pull quotes for it alone.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import islice

from replenisher.core.book import Depth, Touch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.window import Window
from replenisher.model.event import Level, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.model.units import SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlowImbalance(SignalSpec):
    """OFI of the touch over the window, in the wire amount."""

    window_s: float

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _OrderFlow(instrument, self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFlow(SignalSpec):
    """OFI over the window, in the wire amount, of what stands n-th on either side; not known while nothing does."""

    window_s: float
    level: int  # 1 is the touch
    levels: int  # that the vector has of which this is a component

    @property
    def needs_depth(self) -> bool:
        """It is made of levels."""
        return True

    @property
    def seen_by(self) -> SignalSpec:
        """The last component of a vector sees for all of them."""
        return replace(self, level=self.levels)

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _LevelFlows(instrument, self.window_s, self.levels)

    def read(self, machine: Signal) -> Callable[[int], float | None]:
        """Of its level."""
        assert isinstance(machine, _LevelFlows), "it sees for all components"
        return partial(machine.flow, self.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeImbalance(SignalSpec):
    """(bought - sold) / (bought + sold) by takers over the window, within [-1, 1]; 0 if nobody took anything."""

    window_s: float

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _TradeImbalance(self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpin(SignalSpec):
    """The mean of |bought - sold| / traded over the last buckets, each of the same traded amount, within [0, 1].

    Its window is in volume. The paper takes a fiftieth of a day's volume for a bucket, and fifty of them.
    """

    bucket: Decimal  # wire amount
    buckets: int = 50

    def start(self, instrument: Instrument) -> Signal:
        """A machine that has seen nothing."""
        return _Vpin(max(1, instrument.lots(self.bucket)), self.buckets)


def order_flow(before: Touch, after: Touch) -> int:
    """e_n, in lots: how much more the bid, and how much less the ask, is wanted after one change than before it."""
    flow = 0
    if after.bid >= before.bid:
        flow += after.bid_quantity
    if after.bid <= before.bid:
        flow -= before.bid_quantity
    if after.ask <= before.ask:
        flow -= after.ask_quantity
    if after.ask >= before.ask:
        flow += before.ask_quantity
    return flow


class _OrderFlow(Signal):
    """Adds up order flow from change to change; across a loss there is none."""

    __slots__ = ("_before", "_lot", "_window")

    def __init__(self, instrument: Instrument, window_s: float) -> None:
        self._lot = float(instrument.lot)
        self._window = Window(round(window_s * SECOND_NS), sums=1)
        self._before: Touch | None = None

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        if self._before is None:
            self._window.watch(venue_time)
        else:
            self._window.reach(venue_time)
            self._window.add(order_flow(self._before, touch))
        self._before = touch

    def lost(self) -> None:
        self._window.lose()
        self._before = None

    def value(self, venue_time: int) -> float | None:
        self._window.reach(venue_time)
        return self._window.totals[0] * self._lot if self._window.watched_ns else None

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)


class _LevelFlows(Signal):
    """Adds up the order flow of each level; what is found at one that was missing is no flow."""

    __slots__ = ("_before", "_levels", "_lot", "_window")

    def __init__(self, instrument: Instrument, window_s: float, levels: int) -> None:
        self._lot = float(instrument.lot)
        self._levels = levels
        self._window = Window(round(window_s * SECOND_NS), sums=levels)
        self._before: list[tuple[Level, Level]] = []  # bid and ask of each level, as far as there are both

    def saw_book(self, book: Depth, venue_time: int) -> None:
        bids, asks = islice(book.bids.best_first(), self._levels), book.asks.best_first()
        now, before = list(zip(bids, asks, strict=False)), self._before
        self._window.watch(venue_time)
        if now != before:
            self._window.add(*map(_flow_at_level, before, now))
            self._before = now

    def lost(self) -> None:
        self._window.lose()
        self._before = []

    def value(self, venue_time: int) -> float | None:
        return self.flow(self._levels, venue_time)

    def flow(self, level: int, venue_time: int) -> float | None:
        """Of one level."""
        self._window.reach(venue_time)
        if len(self._before) < level or not self._window.watched_ns:
            return None
        return self._window.totals[level - 1] * self._lot

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)


def _flow_at_level(before: tuple[Level, Level], after: tuple[Level, Level]) -> int:
    if before == after:
        return 0
    (bid, ask), (next_bid, next_ask) = before, after
    return order_flow(Touch(*bid, *ask), Touch(*next_bid, *next_ask))


class _TradeImbalance(Signal):
    """Adds up what takers bought and sold."""

    __slots__ = ("_window",)

    def __init__(self, window_s: float) -> None:
        self._window = Window(round(window_s * SECOND_NS), sums=2)

    def saw_touch(self, touch: Touch, venue_time: int) -> None:
        self._window.watch(venue_time)

    def saw_trade(self, trade: TradePrinted) -> None:
        self._window.watch(trade.venue_time)
        if trade.taker is BUY:
            self._window.add(trade.quantity, 0)
        else:
            self._window.add(0, trade.quantity)

    def lost(self) -> None:
        self._window.lose()

    def value(self, venue_time: int) -> float | None:
        self._window.reach(venue_time)
        bought, sold, _ = self._window.totals
        if bought or sold:
            return (bought - sold) / (bought + sold)
        return 0.0 if self._window.is_full else None

    def dump(self) -> list[float]:
        return self._window.dump()

    def load(self, numbers: Sequence[float]) -> None:
        self._window.load(numbers)


class _Vpin(Signal):
    """Fills buckets with trades; one that is larger than what is left of a bucket goes on in the next."""

    __slots__ = ("_bought", "_bucket", "_buckets", "_leans", "_sold", "_sum")

    def __init__(self, bucket: int, buckets: int) -> None:
        self._bucket, self._buckets = bucket, buckets  # lots of one, and how many
        self._leans: deque[int] = deque(maxlen=buckets)  # |bought - sold| of each full one, oldest first
        self._sum = 0  # of them
        self._bought = self._sold = 0  # in the one that is being filled

    def saw_trade(self, trade: TradePrinted) -> None:
        # What fills all buckets and the one that is open leaves the same behind, however often it does so.
        left = min(trade.quantity, self._bucket * (self._buckets + 1) + trade.quantity % self._bucket)
        while left:
            taken = min(left, self._bucket - self._bought - self._sold)
            left -= taken
            if trade.taker is BUY:
                self._bought += taken
            else:
                self._sold += taken
            if self._bought + self._sold == self._bucket:
                self._close(abs(self._bought - self._sold))
                self._bought = self._sold = 0

    def value(self, venue_time: int) -> float | None:
        return self._sum / (self._buckets * self._bucket) if len(self._leans) == self._buckets else None

    def dump(self) -> list[float]:
        return [self._bought, self._sold, *self._leans]

    def load(self, numbers: Sequence[float]) -> None:
        self._bought, self._sold, *leans = (int(lots) for lots in numbers)
        for lean in leans:
            self._close(lean)

    def _close(self, lean: int) -> None:
        if len(self._leans) == self._buckets:
            self._sum -= self._leans[0]
        self._leans.append(lean)
        self._sum += lean
