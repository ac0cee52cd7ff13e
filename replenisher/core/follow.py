"""The short way to the difference, for a ladder that follows the market or is put back after a fill.

Every order stays, or is amended into the quote of its own slot, and what is missing is placed. That is the best there
is, and what `reconcile` would find, as long as no order that must move could stay as it is for the quote of another
slot: it would give that quote more than any amend, and each order has the most it can have in its own slot.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter

from replenisher.core.look import Look
from replenisher.core.orders import Order
from replenisher.core.reconcile import Change, Show
from replenisher.core.strategy import Nonsense
from replenisher.model.order import BUY, WORKING
from replenisher.model.step import Quote

BY_SLOT = attrgetter("quote.level", "quote.side")
PRICE = attrgetter("price")
NEAR = 1e-6  # of a tick: more than a quotient of doubles can miss


def follow(
    wanted: Sequence[Quote],
    orders: Sequence[Order],
    look: Look,
    is_open: Callable[[Quote], bool],
) -> list[Change | Show] | None:
    """What is to be done, from the touch outwards; nothing for an order that stays as it is.

    None where this way is not surely the best: where an order is left over, may not be amended, could serve another
    quote as it is, or is in doubt and not wanted; or where the slot of something missing is not open. Then somebody has
    to look at everything.
    """
    missing = {quote.level if quote.side is BUY else ~quote.level: quote for quote in wanted}
    if len(missing) < len(wanted):
        raise Nonsense("it filled one slot twice")
    changes: list[Change] = []
    never_ages = look.policy.max_order_age_ns is None
    for order in orders:
        quote = missing.pop(order.level if order.side is BUY else ~order.level, None)
        if order.pending is not None or order.status is not WORKING:
            if order.is_in_doubt and not look.may_serve(order, quote):
                return None
            continue  # it holds its slot
        if quote is None:
            return None
        is_exact = order.price == quote.price and order.quantity == quote.quantity and not order.filled_lots
        if (is_exact and never_ages) or look.serves(order, quote):
            continue
        if not look.may_become(order, quote):
            return None
        changes.append(Change(order, quote, order.filled_lots + quote.quantity))
    if changes and _could_serve_another(changes, wanted, look.policy.tolerance_bps):
        return None
    wishes: list[Change | Show] = [*changes]
    for quote in missing.values():
        if not is_open(quote):
            return None
        wishes.append(Show(quote))
    if len(wishes) > 1:
        wishes.sort(key=BY_SLOT)
    return wishes


def _could_serve_another(changes: Sequence[Change], wanted: Sequence[Quote], tolerance_bps: float) -> bool:
    """Whether an order that must move stands about as close to another quote's price as the policy tolerates."""
    prices = sorted(map(PRICE, wanted))  # of both sides, which are far from each other
    reach, count = int(tolerance_bps * prices[-1] / 10_000 + NEAR), len(prices)
    for change in changes:
        price = change.order.price
        low, high = price - reach, price + reach
        place = bisect_left(prices, low)
        if low <= change.quote.price <= high:
            place += 1  # its own quote is one of those within reach
        if place < count and prices[place] <= high:
            return True
    return False
