"""One step of the engine: the facts it was told, the wishes it answered with, and why."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from replenisher.model.command import Command, Intent
from replenisher.model.event import Event
from replenisher.model.order import Side, Status
from replenisher.model.units import MS_NS, SECOND_NS

# After a fill of ours, when to see where the others' mid has gone.
HORIZONS_NS = (100 * MS_NS, 500 * MS_NS, *(seconds * SECOND_NS for seconds in (1, 5, 10, 30, 60, 300)))


class Quote(msgspec.Struct, frozen=True, gc=False):
    """One order a strategy would like to show."""

    side: Side
    level: int  # 0 is nearest to the touch
    price: int  # ticks
    quantity: int  # lots


class Cut(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one guard or limit made of one quote: where it stands afterwards, and how much of it."""

    side: Side
    level: int
    reason: str
    price: int  # ticks
    quantity: int  # lots; 0 where nothing is left

    @classmethod
    def leaving(cls, left: Quote, reason: str) -> "Cut":
        """So much is left, and it stands there: it is smaller than it was, or was moved."""
        return cls(left.side, left.level, reason, left.price, left.quantity)

    @classmethod
    def all_of(cls, quote: Quote, reason: str) -> "Cut":
        """Nothing is left."""
        return cls(quote.side, quote.level, reason, quote.price, 0)


def why_cut(cuts: Sequence[Cut]) -> str:
    """The reasons, each once."""
    return ", ".join(dict.fromkeys([cut.reason for cut in cuts]))


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one strategy wanted in one step, and the numbers that led there."""

    strategy: str
    instrument: str
    fair_value: float | None  # in price units; None when there was nothing to go by
    terms: dict[str, float]  # every number the strategy used, by name
    wanted: tuple[Quote, ...]  # what it wanted
    permitted: tuple[Quote, ...]  # what risk let through
    withheld: str  # why less than wanted was permitted; empty if all was
    cuts: tuple[Cut, ...] = ()  # the same quote by quote, in the order in which it happened


class OrderState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order of ours as the engine believes it to be after a step that changed it."""

    order_id: str
    venue_order_id: str  # empty until the venue has told it
    instrument: str
    instrument_version: int
    strategy: str
    side: Side
    level: int
    intent: Intent
    price: int  # ticks
    quantity: int  # lots, filled ones included
    filled: Decimal  # in the wire amount
    status: Status
    reason: str  # why it ended or waits; empty while all is well
    created_at: int
    updated_at: int


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Where the others stood at one fill of ours, and since, and where we did. What is not known is None."""

    instrument: str
    trade_id: str
    side: Side
    bid: int | None = None  # their best ones at the fill, in ticks
    ask: int | None = None
    own_bid: int | None = None  # those of the strategy that was filled; both are known, or none
    own_ask: int | None = None
    mids: tuple[int | None, ...] = ()  # twice the mid in ticks, after each of HORIZONS_NS; none before all are over


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A numbered record of one call of `Engine.step`."""

    number: int
    at: int
    events: tuple[Event, ...]
    commands: tuple[Command, ...]
    decisions: tuple[Decision, ...] = ()
    orders: tuple[OrderState, ...] = ()
    marks: tuple[Mark, ...] = ()
