"""The short way to the difference, for a ladder that follows the market or is put back after a fill.

Every order stays, or is amended into the quote of its own slot, and what is missing is placed where its slot is open.
That is the best there is, and what `reconcile` would find, unless an order that must move could stay as it is for the
quote of another slot. Whoever serves that quote would then have to move on in its place, and so forth, which gains
something only where the last of them could stay as it is for a quote that no order stays for now.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
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
) -> tuple[list[Change | Show], bool] | None:
    """What is to be done, from the touch outwards, and whether all that is wanted has an order then or is placed.

    There is nothing to do for an order that stays as it is. None where this way is not surely the best: where an order
    is left over, may not be amended, could serve another quote as it is, or is in doubt and not wanted. Then somebody
    has to look at everything.
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
    shows = [Show(quote) for quote in missing.values() if is_open(quote)]
    if changes and _could_stay_for_another(changes, shows, wanted, orders, look.policy.tolerance_bps):
        return None
    wishes: list[Change | Show] = [*changes, *shows]
    if len(wishes) > 1:
        wishes.sort(key=BY_SLOT)
    return wishes, len(shows) == len(missing)


def _could_stay_for_another(
    changes: Sequence[Change],
    shows: Sequence[Show],
    wanted: Sequence[Quote],
    orders: Sequence[Order],
    tolerance_bps: float,
) -> bool:
    """Whether an order that must move stands about as close to another quote as the policy tolerates, and any order to
    a quote of another slot that no order stays for.
    """
    prices = sorted(map(PRICE, wanted))  # of both sides, which are far from each other
    reach = int(tolerance_bps * prices[-1] / 10_000 + NEAR)
    if not _is_near(prices, reach, [(change.order.price, change.quote.price) for change in changes]):
        return False
    unserved: list[tuple[int, int | None]] = [(change.quote.price, change.order.price) for change in changes]
    unserved += [(show.quote.price, None) for show in shows]
    return _is_near(sorted(map(PRICE, orders)), reach, unserved)


def _is_near(prices: Sequence[int], reach: int, whom: Iterable[tuple[int, int | None]]) -> bool:
    """Whether one of the sorted prices is within reach of any of these, apart from the one that belongs to it."""
    for price, own in whom:
        low, high = price - reach, price + reach
        place = bisect_left(prices, low)
        if own is not None and low <= own <= high:
            place += 1  # its own is one of those within reach
        if place < len(prices) and prices[place] <= high:
            return True
    return False
