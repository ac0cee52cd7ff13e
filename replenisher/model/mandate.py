"""A mandate: what a life has asked of one strategy, told once, so that every order can be explained from records alone.

A decision carries the numbers that were different each time (`terms`). What was the same all life long is here: how a
price follows from them (`Chain`), how far a live order may be off, what bounds it, and what is owed to a programme. So
an explanation needs neither the configuration nor the program of then.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from replenisher.model.order import Side


class How(StrEnum):
    """What a link does to the price; the amount is the product of its terms, in price units."""

    LOWER = "lower"  # both sides go down by it: against what is held
    OUTWARD = "outward"  # away from the other side
    RETREAT = "retreat"  # a bid goes down and an ask up as LOWER would have them; neither comes nearer
    AT = "at"  # there, wherever it was
    ONLY_AT = "only_at"  # there, and of what follows in the chain only the floor and the ceiling apply


class Link(msgspec.Struct, frozen=True):
    """One step from fair value to a price. It does not count where one of its terms was not told."""

    name: str  # what it is for, in an operator's words
    how: How
    terms: tuple[str, ...]
    side: Side | None = None  # of which alone; None is both


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """How the price of each level follows from the terms of a decision: the links, the level's own distance, bounds.

    It ends on the instrument's tick, away from the other side.
    """

    links: tuple[Link, ...]
    spreads_bps: dict[Side, tuple[float, ...]]  # by level, of fair value
    min_spread_bps: float | None = None  # no closer to fair value than half of it; None is no such bound
    price_floor: float | None = None  # nothing is sold below it
    price_ceiling: float | None = None  # nothing is bought above it


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """What a market maker's programme wants to see of a strategy."""

    max_spread_bps: float
    min_depth_quote: Decimal  # on each side
    min_uptime_pct: float  # of the time in which the instrument trades


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy in one life."""

    instrument: str
    idea: str  # what the configuration calls the strategy, or its class
    fair_value: str  # where it comes from; empty if the strategy does not say
    chain: Chain | None  # likewise
    policy: dict[str, Any]  # how its orders are kept in line with its wishes, by name
    limits: dict[str, Any]
    guards: dict[str, Any] | None  # None where there are none
    obligations: Owed | None = None  # likewise, and in journals that are older than this
