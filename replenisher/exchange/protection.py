"""Market maker protection: how much of an account's protected orders may trade in an interval before all of them go.

Theory. An account sets limits for a group of its orders on one index. Every fill of a protected order counts for
`interval_ns`. If what counts exceeds a limit (the quantity, the absolute sum of signed quantities, which is the delta
of contracts that are no options, or the number of trades) the group is triggered: its protected orders are cancelled,
and it takes no new ones for `frozen_ns`, or until it is reset if that is 0. Quantities are in the base currency.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from replenisher.exchange.accounts import ZERO

UNTIL_RESET = 0  # as a moment until which a group is frozen


class MmpGroup(msgspec.Struct, frozen=True):
    """Which orders are protected together."""

    account: str
    index: str  # such as btc_usd
    name: str = ""  # an account may have several groups on one index


class MmpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a group may trade in an interval; None is no limit."""

    interval_ns: int
    frozen_ns: int
    quantity: Decimal | None = None
    delta: Decimal | None = None
    trades: int | None = None


@dataclass(slots=True)
class Watch:
    """One group: its limits, and what counts against them."""

    limits: MmpLimits
    fills: deque[tuple[int, Decimal]] = field(default_factory=deque)  # (time, signed quantity)
    frozen_until: int | None = None

    def is_frozen(self, at: int) -> bool:
        """Whether the group takes no new orders."""
        if self.frozen_until is None:
            return False
        return self.frozen_until == UNTIL_RESET or at < self.frozen_until

    def exceeds(self, at: int) -> bool:
        """Whether what counts now is more than is allowed."""
        while self.fills and self.fills[0][0] <= at - self.limits.interval_ns:
            self.fills.popleft()
        limits = self.limits
        quantity = sum((abs(quantity) for _, quantity in self.fills), ZERO)
        delta = sum((quantity for _, quantity in self.fills), ZERO)
        return (
            (limits.quantity is not None and quantity > limits.quantity)
            or (limits.delta is not None and abs(delta) > limits.delta)
            or (limits.trades is not None and len(self.fills) > limits.trades)
        )


class Protection:
    """The groups of all accounts."""

    def __init__(self) -> None:
        self._watches: dict[MmpGroup, Watch] = {}

    def configure(self, group: MmpGroup, limits: MmpLimits) -> None:
        """Set the limits of a group; an interval of nothing takes the protection away."""
        if not limits.interval_ns:
            self._watches.pop(group, None)
        elif watch := self._watches.get(group):
            watch.limits = limits
        else:
            self._watches[group] = Watch(limits)

    def limits(self, account: str) -> dict[MmpGroup, MmpLimits]:
        """Every group of an account with its limits."""
        return {group: watch.limits for group, watch in self._watches.items() if group.account == account}

    def frozen(self, account: str, at: int) -> dict[MmpGroup, int]:
        """The groups of an account that are frozen, and until when."""
        return {
            group: watch.frozen_until
            for group, watch in self._watches.items()
            if group.account == account and watch.frozen_until is not None and watch.is_frozen(at)
        }

    def freeze(self, group: MmpGroup, until: int | None) -> None:
        """Take no orders until then; None takes them again. What has traded no longer counts."""
        if watch := self._watches.get(group):
            watch.frozen_until = until
            watch.fills.clear()

    def is_frozen(self, group: MmpGroup, at: int) -> bool:
        """Whether a group takes no new orders."""
        watch = self._watches.get(group)
        return watch is not None and watch.is_frozen(at)

    def count(self, group: MmpGroup, quantity: Decimal, at: int) -> int | None:
        """A protected order has traded a signed quantity; until when its group is to be frozen, if that triggers it."""
        watch = self._watches.get(group)
        if watch is None or watch.is_frozen(at):
            return None
        watch.fills.append((at, quantity))
        if not watch.exceeds(at):
            return None
        return at + watch.limits.frozen_ns if watch.limits.frozen_ns else UNTIL_RESET
