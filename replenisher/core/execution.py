"""A fill that was booked, and what the strategy whose order it hit was showing when it came.

Shown is what rests by the venue's last word on each order: what was sent, and is not confirmed, does not count. The
order that was filled counts, whatever we knew of it, and those that the same taker has filled before do not any more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from replenisher.core.orders import Order
from replenisher.model.event import OrderFilled
from replenisher.model.order import BUY, WORKING


class Shown(NamedTuple):
    """The best bid and ask of one strategy, in ticks."""

    bid: int
    ask: int


class Executed(NamedTuple):
    """A fill that was booked."""

    strategy: str  # of its order, or `external`
    fill: OrderFilled
    shown: Shown | None  # by that strategy when it came; None unless both sides were


def shown_with(hit: Order, ladder: Iterable[Order]) -> Shown | None:
    """What rests of a ladder while one of its orders is hit, which is not booked yet."""
    bid = ask = None
    if hit.side is BUY:
        bid = hit.price
    else:
        ask = hit.price
    for order in ladder:
        if order.status is not WORKING or order.filled_lots >= order.quantity:
            continue
        price = order.price
        if order.side is BUY:
            if bid is None or price > bid:
                bid = price
        elif ask is None or price < ask:
            ask = price
    return None if bid is None or ask is None else Shown(bid, ask)
