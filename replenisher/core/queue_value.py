"""Queue value: what the place of an order is worth, against that of the place it would be moved to.

Theory. An order earns its edge, its distance from fair value, if it is filled; it is filled once all that stands before
it has traded: what rests at better prices, and what is ahead of it at its own. If the volume that takers bring to a
side within `horizon` is exponential with mean V, that happens with probability `exp(-before / V)`. So a place is worth
`edge * exp(-before / V)`, and an order that the strategy would move is left where it is as long as that is worth no
less than the new place, at the end of its queue. Only orders within `within_bps` of where they are wanted are asked
about: the strategy's spreads are its own, and a price may be worth keeping that nobody should quote.

V is measured: volume that has traded on a side, weighted by `exp(-age / horizon)`, has the mean of one horizon's.

What is ahead at our own price is an estimate. Whoever joins has all of it before him; trades eat the front; and of a
decrease without a trade nobody can say where it stood. *Risk-averse*: behind us, as long as there is room for it there.
*Power n*: a share `b^n / (f^n + b^n)` of it behind us, with f lots ahead and b behind. The trades since the last change
are taken out of a change first, as it tells both in one number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log

import msgspec

from replenisher.core.book import Book
from replenisher.core.orders import Order
from replenisher.core.own_size import OwnSize
from replenisher.model.event import TradePrinted
from replenisher.model.order import BUY, WORKING, Side
from replenisher.model.units import BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """When a place in the queue is worth keeping."""

    within_bps: float  # of the wanted price: an order further from it is moved
    horizon_ns: int
    power: float | None = None  # of the model of cancels; None is risk-averse


class Place(msgspec.Struct):
    """Where one order stands among the others at its price, in lots."""

    price: int
    level: float  # of all others there
    ahead: float
    traded: float = 0.0  # since the last change

    def trade(self, quantity: float) -> None:
        """So much traded at its price."""
        self.ahead = max(0.0, self.ahead - quantity)
        self.traded += quantity

    def change(self, level: float, power: float | None) -> None:
        """The others' level has become this one."""
        if level == self.level:
            return  # the change that will show what has traded is still to come
        changed, self.traded = level - (self.level - self.traded), 0.0
        before, self.level = self.level, level
        if changed >= 0 or power is None:
            self.ahead = min(self.ahead, level)
            return
        front, back = self.ahead, max(0.0, before - self.ahead)
        weight = front**power + back**power
        behind = back**power / weight if weight else 1.0
        ahead = front + (1 - behind) * changed + min(back + behind * changed, 0.0)
        self.ahead = max(0.0, min(ahead, level))


class Queues:
    """The places of one strategy's orders, and what trades on each side."""

    __slots__ = ("_at", "_volume", "places", "policy")

    def __init__(self, policy: QueuePolicy) -> None:
        self.policy = policy
        self.places: dict[str, Place] = {}  # by order
        self._volume: dict[Side, float] = dict.fromkeys(Side, 0.0)  # taken from a side of the book
        self._at: dict[Side, int] = dict.fromkeys(Side, 0)

    def saw_trade(self, trade: TradePrinted, orders: Iterable[Order]) -> None:
        """Somebody took from the book."""
        side = trade.taker.opposite
        self._volume[side] = self.volume(side, trade.at) + trade.quantity
        self._at[side] = trade.at
        for order in orders:
            place = self.places.get(order.order_id)
            if place is not None and order.side is side and place.price == trade.price:
                place.trade(trade.quantity)

    def looked(self, orders: Iterable[Order], own: OwnSize) -> None:
        """The book has changed: every order that rests stands somewhere now."""
        places, self.places = self.places, {}
        for order in orders:
            others = own.others_at(order.side, order.price) if order.status is WORKING else None
            if others is None:
                continue
            place = places.get(order.order_id)
            if place is None or place.price != order.price:
                place = Place(order.price, others, others)
            else:
                place.change(others, self.policy.power)
            self.places[order.order_id] = place

    def volume(self, side: Side, at: int) -> float:
        """Lots that takers bring to a side within the horizon, on average."""
        return self._volume[side] * exp((self._at[side] - at) / self.policy.horizon_ns)

    def keeps(self, order: Order, price: int, fair: float, book: Book, at: int) -> bool:
        """Whether the place of an order is worth no less than one at this price; the fair value is in ticks."""
        place, volume = self.places.get(order.order_id), self.volume(order.side, at)
        if place is None or volume <= 0 or order.price == price or order.pending is not None:
            return False
        if abs(order.price - price) * BPS > self.policy.within_bps * price:
            return False
        edge_here, edge_there = ((fair - each) * order.side.sign for each in (order.price, price))
        here = better(book, order.side, order.price) + place.ahead
        there = better(book, order.side, price) + book.side(order.side).quantity(price)
        if (order.price - price) * order.side.sign > 0:
            there -= order.remaining  # it would not stand before itself
        if edge_here <= 0 or edge_there <= 0:
            return edge_here > 0
        return (there - here) / volume >= log(edge_there / edge_here)  # after a silence V is next to nothing


def better(book: Book, side: Side, price: int) -> int:
    """Lots that rest at better prices."""
    total = 0
    for each, quantity in book.side(side).best_first():
        if (each <= price) if side is BUY else (each >= price):
            break
        total += quantity
    return total
