"""The public trades of one instrument, minute by minute: charts, and the statistics of a day."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from replenisher.exchange.accounts import ZERO
from replenisher.exchange.words import Print
from replenisher.model.instrument import Instrument
from replenisher.model.units import DAY_NS, MINUTE_NS

MINUTES_KEPT = 3 * 24 * 60


class Candle(msgspec.Struct):
    """What was traded in one stretch of time; `volume` in the base currency, `cost` in the quote currency."""

    at: int  # its beginning
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    cost: Decimal

    def absorb(self, later: "Candle") -> None:
        """Become the candle of both stretches."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.cost += later.cost


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded in the last 24 hours; None where nothing was."""

    high: Decimal | None = None
    low: Decimal | None = None
    change_percent: Decimal | None = None
    volume: Decimal = ZERO
    cost: Decimal = ZERO


class Candles:
    """The minutes of one instrument in which something was traded, oldest first."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._minutes: deque[Candle] = deque(maxlen=MINUTES_KEPT)
        self._day: tuple[int, Day] | None = None  # the minute for which it was added up; asked for with every ticker

    def add(self, printed: Print) -> None:
        """One more public trade."""
        self._day = None
        price, quote = printed.price, self._instrument.notional_quote(printed.amount, printed.price)
        traded = Candle(printed.at // MINUTE_NS * MINUTE_NS, price, price, price, price, quote / price, quote)
        if self._minutes and self._minutes[-1].at >= traded.at:
            self._minutes[-1].absorb(traded)
        else:
            self._minutes.append(traded)

    def stretch(self, start: int, end: int, length: int) -> list[Candle]:
        """Candles of `length` from the first to the last trade between two moments, both inclusive.

        A stretch without a trade is flat at the price before it.
        """
        candles: list[Candle] = []
        for candle in self._between(start // length * length, end):
            self._fill_gap(candles, candle.at // length * length, length)
            if candles and candles[-1].at == candle.at // length * length:
                candles[-1].absorb(candle)
            else:
                candles.append(msgspec.structs.replace(candle, at=candle.at // length * length))
        return candles

    def day(self, at: int) -> Day:
        """The last 24 hours, to the minute."""
        minute = at // MINUTE_NS
        if self._day is None or self._day[0] != minute:
            self._day = (minute, self._add_up(list(self._between(at - DAY_NS, at))))
        return self._day[1]

    def _add_up(self, minutes: list[Candle]) -> Day:
        if not minutes:
            return Day()
        before, now = minutes[0].open, minutes[-1].close
        return Day(
            high=max(minute.high for minute in minutes),
            low=min(minute.low for minute in minutes),
            change_percent=round((now - before) / before * 100, 4),
            volume=sum((minute.volume for minute in minutes), ZERO),
            cost=sum((minute.cost for minute in minutes), ZERO),
        )

    def _between(self, start: int, end: int) -> Iterator[Candle]:
        return (minute for minute in self._minutes if start <= minute.at <= end)

    def _fill_gap(self, candles: list[Candle], until: int, length: int) -> None:
        while candles and candles[-1].at + length < until:
            close = candles[-1].close
            candles.append(Candle(candles[-1].at + length, close, close, close, close, ZERO, ZERO))
