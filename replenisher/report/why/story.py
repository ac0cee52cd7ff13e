"""The story of an order: what it is made of."""

from decimal import Decimal

import msgspec

from replenisher.report.why.derivation import Stage


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How a decision led to one quote, and what was made of it before it was sent."""

    fair_value: float
    fair_value_source: str  # empty if the strategy does not say
    terms: dict[str, float]  # all that the strategy says it used
    stages: list[Stage]  # empty if the strategy does not say how its prices follow from its terms
    wanted: Decimal | None  # None if it wanted nothing there
    wanted_amount: Decimal | None
    agrees: bool  # whether the stages end where it was wanted
    cuts: list[tuple[str, Decimal, Decimal]]  # by whom, and the price and the amount that was left
    permitted: Decimal | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to the order, or that was left to be."""

    at: int
    epoch: int
    step: int
    what: str  # life, placed, amended, moved, refused, denied, kept, asked, cancel, filled, ended
    told: str  # in a sentence
    price: Decimal | None = None
    amount: Decimal | None = None
    times: int = 1
    until: int | None = None  # of what happened several times, the last one
    shown: Shown | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, oldest first."""

    order_id: str
    venue: str
    account: str
    instrument: str
    strategy: str
    idea: str  # the strategy's class
    side: str
    config_version: str  # under which it was placed
    status: str
    reason: str
    amount_unit: str
    quote_currency: str
    filled: Decimal
    events: list[Event]
