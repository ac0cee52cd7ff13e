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
from typing import NamedTuple

from replenisher.core.orders import Order
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL, WORKING, Side
from replenisher.model.units import BPS

NAMES = {BUY: "bid", SELL: "ask"}


class Shortfall(NamedTuple):
    """What is missing of that."""

    what: str  # one of few words, so that it can be said how long it was so; empty if nothing is missing
    how_much: str = ""

    @property
    def told(self) -> str:
        """All of it."""
        return f"{self.what}: {self.how_much}" if self.how_much else self.what


NOTHING = Shortfall("")


@dataclass(frozen=True, slots=True)
class Obligations:
    """What is owed, in the words of the programme."""

    max_spread_bps: float
    min_depth_quote: Decimal  # on each side
    min_uptime_pct: float  # of the time in which the instrument trades

    def shortfall(self, instrument: Instrument, orders: Iterable[Order]) -> Shortfall:
        """What these orders lack."""
        working = (order for order in orders if order.status is WORKING and order.remaining)
        return self.lacking(instrument, ((order.side, order.price, order.remaining) for order in working))

    def lacking(self, instrument: Instrument, resting: Iterable[tuple[Side, int, int]]) -> Shortfall:
        """What is missing where this much rests: side, price and lots."""
        shown: dict[Side, list[tuple[int, int]]] = {BUY: [], SELL: []}
        for side, price, lots in resting:
            shown[side].append((price, lots))
        completing: list[int] = []
        for side, name in NAMES.items():
            missing = self.min_depth_quote / instrument.notional_unit
            if not shown[side]:
                return Shortfall(f"no {name} rests")
            for price, lots in sorted(shown[side], reverse=side is BUY):
                missing -= instrument.notional_units(lots, price)
                if missing <= 0:
                    completing.append(price)
                    break
            else:
                rests = self.min_depth_quote - missing * instrument.notional_unit
                return Shortfall(f"too little rests on the {name}", f"{rests:.2f} of {self.min_depth_quote:.2f}")
        bid, ask = completing
        spread_bps = 2 * BPS * (ask - bid) / (ask + bid)
        if spread_bps <= self.max_spread_bps:
            return NOTHING
        return Shortfall("the spread is too wide", f"{spread_bps:.2f} bps, and {self.max_spread_bps:g} are owed")
