"""Queue position: how much of a price level stands before an order of a client that rests there.

Theory. A recorded book shows how much rests at a price, not where we would stand in it. When we join, everything there
is ahead of us. Two things bring us forward: trades at our price, which always eat the front, and cancels, of which
nobody can say from the book whether they stood ahead of us or behind. A queue model is the opinion about cancels:

- *Risk-averse*: they were all behind us, as long as the level shows that this is possible.
- *Probability*: a share p of them was behind us. p follows from the quantity ahead and behind by a function f, either
  x^n (power) or ln(1 + x) (log), in one of three forms.

A book change tells trades and cancels in one number, so the trades since the last change are taken out of it first.
The truth lies between the models; a result that changes its sign with the model is no result.

Quantities are in lots. What is ahead may be a fraction of a lot, because half of a cancel may be thought ahead of us.
"""

import math
from collections.abc import Callable, Container, KeysView, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from replenisher.model.order import BUY, SELL, Side

Share = Callable[[float, float], float]  # (ahead, behind) -> share of a decrease that was behind us


class QueuePosition(msgspec.Struct, frozen=True, gc=False):
    """Where an order stands."""

    ahead: float  # lots of others before it
    traded: float = 0.0  # lots traded at its price that no book change has reported yet

    def after_trade(self, eaten: float, reported: float) -> "QueuePosition":
        """Of others `eaten` was traded from the front, whatever the model; the book will show `reported` less."""
        return QueuePosition(max(self.ahead - eaten, 0.0), self.traded + reported)


class QueueModel(Protocol):
    """An opinion about where in the queue others cancel."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    def after_change(self, position: QueuePosition, before: float, after: float) -> QueuePosition:
        """The level went from `before` to `after`."""


class RiskAverse(msgspec.Struct, frozen=True):
    """Only trades bring us forward; a cancel does when there is no longer room behind us for it."""

    name: str = "risk_averse"

    def after_change(self, position: QueuePosition, before: float, after: float) -> QueuePosition:
        """Nobody ahead of us cancels unless the level has become smaller than what was ahead."""
        return QueuePosition(min(position.ahead, after))


class Probability(msgspec.Struct, frozen=True):
    """A share of every cancel, given by `behind`, stood behind us."""

    name: str
    behind: Share

    def after_change(self, position: QueuePosition, before: float, after: float) -> QueuePosition:
        """Divide the decrease that trades do not explain between ahead and behind."""
        ahead, canceled = position.ahead, before - after - position.traded
        if canceled <= 0:
            return QueuePosition(min(ahead, after))
        behind = max(before - ahead, 0.0)
        share = self.behind(ahead, behind)
        # What is behind cannot give more than it has; the rest was ahead after all.
        overdrawn = min(behind - share * canceled, 0.0)
        return QueuePosition(max(min(ahead - (1.0 - share) * canceled + overdrawn, after), 0.0))


def power(n: float) -> Probability:
    """f(behind) against f(behind) + f(ahead), with f(x) = x^n."""
    return Probability(f"power {n:g}", _ratio_of_sum(lambda x: x**n))


def power2(n: float) -> Probability:
    """f(behind) against f(behind + ahead), with f(x) = x^n."""
    return Probability(f"power2 {n:g}", _ratio_of_whole(lambda x: x**n))


def power3(n: float) -> Probability:
    """What is left of 1 after the n-th power of the share ahead."""
    return Probability(f"power3 {n:g}", lambda ahead, behind: 1.0 - _divide(ahead, ahead + behind) ** n)


def log() -> Probability:
    """f(behind) against f(behind) + f(ahead), with f(x) = ln(1 + x)."""
    return Probability("log", _ratio_of_sum(math.log1p))


def log2() -> Probability:
    """f(behind) against f(behind + ahead), with f(x) = ln(1 + x)."""
    return Probability("log2", _ratio_of_whole(math.log1p))


def _ratio_of_sum(f: Callable[[float], float]) -> Share:
    return lambda ahead, behind: _divide(f(behind), f(behind) + f(ahead))


def _ratio_of_whole(f: Callable[[float], float]) -> Share:
    return lambda ahead, behind: _divide(f(behind), f(behind + ahead))


def _divide(part: float, whole: float) -> float:
    """Of an empty level nothing was ahead of us."""
    return part / whole if whole > 0 else 1.0


class Fill(msgspec.Struct, frozen=True, gc=False):
    """What one trade gave to one order."""

    order_id: str
    price: int  # the order's own, in ticks
    quantity: int


@dataclass(slots=True)
class RestingOrder:
    """An order of a client in the queue."""

    order_id: str
    side: Side
    price: int
    quantity: int  # still open
    position: QueuePosition


class RestingOrders:
    """The orders of clients that rest on both sides, each with its place among the others under one queue model."""

    def __init__(self, model: QueueModel) -> None:
        self.model = model
        self._orders: dict[str, RestingOrder] = {}
        self._levels: dict[Side, dict[int, list[RestingOrder]]] = {BUY: {}, SELL: {}}
        self.best: dict[Side, int | None] = {BUY: None, SELL: None}  # the best price of ours; None without any

    def find(self, order_id: str) -> RestingOrder | None:
        """The order of this id, if it rests."""
        return self._orders.get(order_id)

    def best_without(self, order_id: str, side: Side) -> int | None:
        """The best price of ours, but for one order; None without any."""
        if order_id not in self._orders:
            return self.best[side]
        prices = [price for price, level in self._levels[side].items() if level[0].order_id != order_id or level[1:]]
        return (max if side is BUY else min)(prices, default=None)

    def rests_at(self, side: Side, price: int) -> bool:
        """Whether anything of ours is at one price."""
        return price in self._levels[side]

    def quantity(self, side: Side, price: int) -> int:
        """What of ours rests at one price."""
        quantity = 0
        for order in self._levels[side].get(price, ()):
            quantity += order.quantity
        return quantity

    def join(self, order_id: str, side: Side, price: int, quantity: int, ahead: int) -> None:
        """Queue at the end of a level at which others show `ahead`."""
        order = RestingOrder(order_id, side, price, quantity, QueuePosition(ahead))
        self._orders[order_id] = order
        self._levels[side].setdefault(price, []).append(order)
        best = self.best[side]
        if best is None or is_at_or_better(side, price, best):
            self.best[side] = price

    def prices(self, side: Side) -> KeysView[int]:
        """Every price of ours on a side, in no particular order."""
        return self._levels[side].keys()

    def leave(self, order_id: str) -> None:
        """Take an order out, if it is still there."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return
        level = self._levels[order.side][order.price]
        level.remove(order)
        if not level:
            del self._levels[order.side][order.price]
            if order.price == self.best[order.side]:
                better = max if order.side is BUY else min
                self.best[order.side] = better(self._levels[order.side], default=None)

    def shrink(self, order_id: str, quantity: int) -> None:
        """Leave less of an order open; it keeps its place."""
        order = self._orders[order_id]
        order.quantity = min(order.quantity, quantity)

    def rejoin(self, others: Callable[[Side, int], int]) -> None:
        """Nobody knows what the queue did in between: stand behind all that the `others` show now."""
        for order in self._orders.values():
            order.position = QueuePosition(others(order.side, order.price))

    def level_changed(self, side: Side, price: int, before: int, after: int) -> None:
        """What others show at one price went from `before` to `after`."""
        for order in self._levels[side].get(price, ()):
            order.position = self.model.after_change(order.position, before, after)

    def is_reached(self, side: Side, price: int) -> bool:
        """Whether a trade at `price` that ate from `side` would have met any of ours."""
        best = self.best[side]
        if best is None:
            return False
        return best >= price if side is BUY else best <= price

    def hit(self, side: Side, price: int, quantity: int) -> list[Fill]:
        """A trade of the tape ate from `side` at `price`: who of us gets how much of it, best price first.

        Where it went through a price of ours, the taker would have met us first, and who stood there is gone.
        """
        fills: list[Fill] = []
        left = quantity
        for own_price in sorted(self._levels[side], reverse=side is BUY):
            if not is_at_or_better(side, own_price, price):
                break
            level = self._levels[side][own_price]
            if own_price != price:
                for order in level:
                    order.position = QueuePosition(0.0)
            reached = self._walk(level, left, reported=quantity if own_price == price else 0)
            left -= sum(fill.quantity for fill in reached)
            fills += reached
        return fills

    def meets(self, side: Side, price: int, quantity: int, *, without: Container[str] = ()) -> list[Fill]:
        """What `take` would answer if the orders `without` were gone; nothing changes."""
        level = [order for order in self._levels[side].get(price, ()) if order.order_id not in without]
        return _share_out(level, quantity)[0]

    def take(self, side: Side, price: int, quantity: int) -> list[Fill]:
        """A client takes from one level: what of it comes from orders of clients. No tape will report it."""
        return self._walk(self._levels[side].get(price, []), quantity, reported=0)

    def _walk(self, level: list[RestingOrder], quantity: int, reported: int) -> list[Fill]:
        """Trade at one level: who is filled, and where that leaves everybody."""
        fills, eaten = _share_out(level, quantity)
        for fill in fills:
            self._orders[fill.order_id].quantity -= fill.quantity
        for order in tuple(level):
            order.position = order.position.after_trade(eaten, reported)
            if order.quantity == 0:
                self.leave(order.order_id)
        return fills


def _share_out(level: Sequence[RestingOrder], quantity: int) -> tuple[list[Fill], float]:
    """One level from the front: others, the first of ours, others again, the next of ours. And how much of others."""
    fills: list[Fill] = []
    left, eaten = float(quantity), 0.0  # eaten: of others
    for order in level:
        between = max(order.position.ahead - eaten, 0.0)
        if between >= left:
            break
        left, eaten = left - between, eaten + between
        if filled := min(order.quantity, math.floor(left + 0.5)):
            fills.append(Fill(order.order_id, order.price, filled))
            left = max(left - filled, 0.0)
    return fills, eaten + left


def is_at_or_better(side: Side, price: int, limit: int) -> bool:
    """Whether an order of `side` at `price` stands before, or with, one at `limit`."""
    return price >= limit if side is BUY else price <= limit
