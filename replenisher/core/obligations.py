"""Obligations: what a market maker's programme wants to see of a strategy, and what is missing of it.

A strategy meets them while both of its sides show `min_depth_quote` at prices that are near enough. On each side,
orders are taken from the best one outwards until they come to that depth; the spread between the two prices that
complete it is not wider than `max_spread_bps` of their middle. So they are judged by our own orders alone, whatever the
others show. An order counts with what rests of it by the venue's last word: what was sent, and is not confirmed, does
not count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from replenisher.core.orders import Order
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL, WORKING
from replenisher.model.units import BPS

NAMES = {BUY: "bid", SELL: "ask"}


@dataclass(frozen=True, slots=True)
class Obligations:
    """What is owed, in the words of the programme."""

    max_spread_bps: float
    min_depth_quote: Decimal  # on each side
    min_uptime_pct: float  # of the time in which the instrument trades

    def shortfall(self, instrument: Instrument, orders: Iterable[Order]) -> str:
        """What these orders lack; empty if they lack nothing."""
        shown: dict[str, list[tuple[int, int]]] = {BUY: [], SELL: []}
        for order in orders:
            if order.status is WORKING and order.remaining:
                shown[order.side].append((order.price, order.remaining))
        completing: list[int] = []
        for side, name in NAMES.items():
            missing = self.min_depth_quote / instrument.notional_unit
            if not shown[side]:
                return f"no {name} rests"
            for price, lots in sorted(shown[side], reverse=side is BUY):
                missing -= instrument.notional_units(lots, price)
                if missing <= 0:
                    completing.append(price)
                    break
            else:
                return f"too little rests on the {name}"
        bid, ask = completing
        is_near = 2 * BPS * (ask - bid) <= self.max_spread_bps * (ask + bid)
        return "" if is_near else "the spread is too wide"
