"""A look: by what the live orders of a ladder are judged at one moment, and what may become of each."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from replenisher.core.innermost import Innermost
from replenisher.core.orders import Order
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.model.order import BUY
from replenisher.model.step import Quote


class Amend(StrEnum):
    """When an order is changed in place instead of being replaced."""

    AUTO = "auto"  # wherever the venue does it atomically
    SIZE_DOWN_ONLY = "size_down_only"  # only where it keeps its place in the queue
    NEVER = "never"


AUTO, NEVER = Amend.AUTO, Amend.NEVER


@dataclass(frozen=True, slots=True)
class QuotingPolicy:
    """How one strategy's ladder is kept in line with its wishes."""

    refill: RefillPolicy
    tolerance_bps: float  # a live order this close to its wanted price is left alone
    amount_tolerance: float = 0.05  # relative; a live order this close to its wanted size is left alone
    max_order_age_ns: int | None = None
    amend: Amend = Amend.AUTO


class Look(msgspec.Struct, frozen=True, gc=False):
    """One look at a ladder."""

    policy: QuotingPolicy
    amends_price: bool  # whether the venue moves an order atomically
    at: int
    innermost: Innermost | None = None  # an order further in is not left alone, however close it is

    def serves(self, order: Order, quote: Quote) -> bool:
        """Whether a live order is close enough to a wanted quote to be left alone."""
        policy = self.policy
        if policy.max_order_age_ns is not None and self._is_too_old(order):
            return False
        price, quantity, filled = quote.price, quote.quantity, order.filled_lots
        if order.price != price:
            if abs(order.price - price) * 10_000 > policy.tolerance_bps * price:
                return False
            if self.innermost is not None and is_further_in(order, self.innermost):
                return False
        remaining = max(0, order.quantity - filled)
        if remaining > quantity * (1 + policy.amount_tolerance):
            return False
        if filled == 0:
            return remaining >= quantity * (1 - policy.amount_tolerance)
        if policy.refill.partial_fill is PartialFill.TOP_UP:
            return remaining >= quantity * policy.refill.min_fraction
        return True

    def may_serve(self, order: Order, quote: Quote | None) -> bool:
        """Whether an order in doubt is left to the question about it: it may be what its slot should show."""
        if quote is None:
            return False
        return self.serves(order, quote) or (order.pending is not None and order.pending.price == quote.price)

    def may_become(self, order: Order, quote: Quote) -> bool:
        """Whether an order may be amended into a wanted quote."""
        if not self.may_be_amended(order):
            return False
        return (self.policy.amend is AUTO and self.amends_price) or is_part_of(quote, order)

    def may_be_amended(self, order: Order) -> bool:
        """Whether an order may be amended into anything."""
        policy = self.policy
        if policy.amend is NEVER or self.at < order.amend_after or not order.is_covered:
            return False
        return policy.max_order_age_ns is None or not self._is_too_old(order)

    def _is_too_old(self, order: Order) -> bool:
        """Whether an order has rested longer than its strategy wants any order to."""
        age_ns_max = self.policy.max_order_age_ns
        return age_ns_max is not None and self.at - order.created_at >= age_ns_max


def is_further_in(order: Order, innermost: Innermost) -> bool:
    """Whether an order stands beyond what may be shown."""
    bid, ask = innermost
    return order.price > bid if order.side is BUY else order.price < ask


def is_part_of(quote: Quote, order: Order) -> bool:
    """Whether an order keeps its place in the queue if it becomes this quote."""
    return order.price == quote.price and quote.quantity <= order.remaining
