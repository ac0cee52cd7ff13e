"""The difference: the fewest commands that turn the live orders of a ladder into the wanted quotes.

1. An order with an unanswered request holds its slot and is left alone; so is the quote of that slot.
2. An order close enough to a wanted quote is kept: first in its own slot, then by a largest matching in price order, so
   that the most orders stay. It may thereby change its slot; nothing is sent for that.
3. An order left over is amended into a quote left over, where the venue and the policy allow it, in price order.
4. What is still left over is canceled, and what is still missing is placed, if its slot is empty. A canceled order
   keeps a slot until the venue confirms, so that the old order and its successor can never both be filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from replenisher.core.orders import Order
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.model.order import Side, Status
from replenisher.model.step import Quote


class Amend(StrEnum):
    """When an order is changed in place instead of being replaced."""

    AUTO = "auto"  # wherever the venue does it atomically
    SIZE_DOWN_ONLY = "size_down_only"  # only where it keeps its place in the queue
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class QuotingPolicy:
    """How one strategy's ladder is kept in line with its wishes."""

    refill: RefillPolicy
    tolerance_bps: float  # a live order this close to its wanted price is left alone
    amount_tolerance: float = 0.05  # relative; a live order this close to its wanted size is left alone
    max_order_age_ns: int | None = None
    amend: Amend = Amend.AUTO


class Keep(msgspec.Struct, frozen=True):
    """Leave an order as it is, serving this level."""

    order: Order
    level: int


class Change(msgspec.Struct, frozen=True):
    """Amend an order into this quote; `quantity` is the new total, filled lots included."""

    order: Order
    quote: Quote
    quantity: int

    @property
    def level(self) -> int:
        """The level it serves from now on."""
        return self.quote.level


class Withdraw(msgspec.Struct, frozen=True):
    """Cancel an order, which holds this level until the venue confirms."""

    order: Order
    level: int


class Show(msgspec.Struct, frozen=True):
    """Place a new order."""

    quote: Quote


Wish = Keep | Change | Withdraw | Show
Item = TypeVar("Item")


def reconcile(
    wanted: Sequence[Quote], orders: Sequence[Order], policy: QuotingPolicy, *, amends_price: bool, at: int
) -> list[Wish]:
    """The wishes for one ladder: withdrawals first, then changes and shows from the touch outwards."""
    wishes: list[Wish] = []
    for side in Side:
        wishes += _reconcile_side(
            sorted((quote for quote in wanted if quote.side is side), key=lambda quote: quote.level),
            sorted((order for order in orders if order.side is side), key=lambda order: (order.level, order.order_id)),
            policy,
            amends_price,
            at,
        )
    return sorted(wishes, key=_urgency)


def _urgency(wish: Wish) -> tuple[int, int]:
    match wish:
        case Withdraw():
            return (0, 0)
        case Keep():
            return (1, 0)
        case Change(quote=quote) | Show(quote=quote):
            return (2, quote.level)


def _reconcile_side(
    wanted: Sequence[Quote], orders: Sequence[Order], policy: QuotingPolicy, amends_price: bool, at: int
) -> list[Wish]:
    free = [order for order in orders if order.status is Status.WORKING and order.pending is None]
    held = {order.level for order in orders if order.status is not Status.WORKING or order.pending is not None}
    missing = [quote for quote in wanted if quote.level not in held]

    kept = _largest_matching(free, missing, policy, at)
    wishes: list[Wish] = [Keep(order, quote.level) for order, quote in kept]
    taken = held | {quote.level for _, quote in kept}
    loose = _without(free, [order for order, _ in kept])
    missing = _without(missing, [quote for _, quote in kept])

    for order, quote in _pairs_to_amend(loose, missing, policy, amends_price, at):
        loose = _without(loose, [order])
        missing = _without(missing, [quote])
        taken.add(quote.level)
        wishes.append(Change(order, quote, order.filled_lots + quote.quantity))

    # Whoever is canceled keeps its own level if nobody else serves it now, else one that was given up.
    homeless = [order for order in loose if order.level in taken]
    settled = [order for order in loose if order.level not in taken]
    taken |= {order.level for order in settled}
    wishes += [Withdraw(order, order.level) for order in settled]
    given_up = iter(sorted({order.level for order in free} - taken))
    for order in homeless:
        level = next(given_up)
        taken.add(level)
        wishes.append(Withdraw(order, level))

    wishes += [Show(quote) for quote in missing if quote.level not in taken]
    return wishes


def _without(items: Sequence[Item], gone: Sequence[Item]) -> list[Item]:
    return [item for item in items if not any(item is other for other in gone)]


def is_too_old(order: Order, policy: QuotingPolicy, at: int) -> bool:
    """Whether an order has rested longer than its strategy wants any order to."""
    return policy.max_order_age_ns is not None and at - order.created_at >= policy.max_order_age_ns


def serves(order: Order, quote: Quote, policy: QuotingPolicy, at: int) -> bool:
    """Whether a live order is close enough to a wanted quote to be left alone."""
    if is_too_old(order, policy, at):
        return False
    if abs(order.price - quote.price) * 10_000 > policy.tolerance_bps * quote.price:
        return False
    if order.remaining > quote.quantity * (1 + policy.amount_tolerance):
        return False
    if order.filled_lots == 0:
        return order.remaining >= quote.quantity * (1 - policy.amount_tolerance)
    if policy.refill.partial_fill is PartialFill.TOP_UP:
        return order.remaining >= quote.quantity * policy.refill.min_fraction
    return True


def _largest_matching(
    orders: Sequence[Order], quotes: Sequence[Quote], policy: QuotingPolicy, at: int
) -> list[tuple[Order, Quote]]:
    """As many (order, quote) pairs as can be kept, each in its own slot where that is possible.

    Augmenting paths (Kuhn's algorithm) started from the pairs that need no change of slot.
    """
    order_at: dict[int, int] = {}  # quote index -> order index
    for i, order in enumerate(orders):
        for j, quote in enumerate(quotes):
            if order.level == quote.level and serves(order, quote, policy, at):
                order_at[j] = i

    def find_place(i: int, tried: set[int]) -> bool:
        for j, quote in enumerate(quotes):
            if j not in tried and serves(orders[i], quote, policy, at):
                tried.add(j)
                if j not in order_at or find_place(order_at[j], tried):
                    order_at[j] = i
                    return True
        return False

    placed = set(order_at.values())
    if len(placed) < len(quotes):
        for i in range(len(orders)):
            if i not in placed:
                find_place(i, set())
    return [(orders[i], quotes[j]) for j, i in sorted(order_at.items())]


def _pairs_to_amend(
    orders: Sequence[Order], quotes: Sequence[Quote], policy: QuotingPolicy, amends_price: bool, at: int
) -> list[tuple[Order, Quote]]:
    """Which leftover order becomes which leftover quote: its own slot's first, the rest in price order."""

    def may(order: Order, quote: Quote) -> bool:
        if policy.amend is Amend.NEVER or is_too_old(order, policy, at) or at < order.amend_after:
            return False
        if order.price == quote.price and quote.quantity <= order.remaining:
            return True
        return policy.amend is Amend.AUTO and amends_price

    pairs: list[tuple[Order, Quote]] = []
    for is_own_slot in (True, False):
        for quote in quotes:
            if any(quote is other for _, other in pairs):
                continue
            for order in orders:
                is_used = any(order is other for other, _ in pairs)
                if not is_used and may(order, quote) and (order.level == quote.level or not is_own_slot):
                    pairs.append((order, quote))
                    break
    return pairs
