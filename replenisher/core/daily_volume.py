"""Daily volume: what one strategy has bought and sold since midnight UTC, by the venue's time of each fill."""

from decimal import Decimal

import msgspec

from replenisher.model.order import BUY, Side
from replenisher.model.units import DAY_NS

ZERO = Decimal(0)


class DailyVolume(msgspec.Struct):
    """It outlives the process: a restart gives no new day."""

    day: int = 0  # since the epoch
    buy_quote: Decimal = ZERO
    sell_quote: Decimal = ZERO

    def add(self, side: Side, notional_quote: Decimal, venue_time: int) -> None:
        """A fill, however late it is told. One of an earlier day counts no more."""
        day = venue_time // DAY_NS
        if day > self.day:
            self.day, self.buy_quote, self.sell_quote = day, ZERO, ZERO
        if day == self.day:
            if side is BUY:
                self.buy_quote += notional_quote
            else:
                self.sell_quote += notional_quote

    def of(self, side: Side, at: int) -> Decimal:
        """What was traded on one side today."""
        if self.day < at // DAY_NS:
            return ZERO
        return self.buy_quote if side is BUY else self.sell_quote
