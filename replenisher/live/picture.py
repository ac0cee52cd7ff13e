"""The picture: everything an operator is shown of one life at one moment, as values."""

from decimal import Decimal

import msgspec

from replenisher.core.resilience import Resilience
from replenisher.live.standing import BookTop, EmptySlot, Holding, LiveOrder
from replenisher.live.uptime import Uptime
from replenisher.model.command import Halt, Pause
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side


class SeenFill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of ours as it is shown: with the slot it hit, and how soon that was refilled."""

    at: int
    instrument: str
    order_id: str
    trade_id: str
    strategy: str
    side: Side
    level: int | None  # None for a fill that no order of ours explains
    price: Decimal
    amount: Decimal
    fee: Decimal  # negative is a rebate
    fee_currency: str
    liquidity: Liquidity
    emptied: bool = False  # whether it ate the last of its order
    refilled_after_ns: int | None = None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop that was asked for; the verdict is empty until it is over."""

    reason: str
    verdict: str
    left: list[str]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One life on one page. Amounts of money are exact or None."""

    at: int
    uptime_s: float
    orders: int
    amended: int
    canceled: int
    rejected: int
    expired: int
    denied: int
    unknown: int
    fills: int
    refills: int
    slots_refilled: int
    fills_per_minute: int
    refill_p50_ms: float | None
    refill_p95_ms: float | None
    refill_p99_ms: float | None
    refill_samples: int
    refilled_5s_share: float | None  # of the slots that fills emptied: full again within five seconds
    live_orders: int
    in_flight: int  # requests sent and not answered yet
    unanswered: int  # of those, the ones whose deadline has passed, and orders of unknown fate
    uncovered: int  # live orders that the venue's dead-man switch would leave on the book
    not_quoting: dict[str, str]  # strategy -> why it shows nothing; empty while it may
    withheld: dict[str, str]  # strategy -> why less was permitted than wanted, by its last plan
    guards: dict[str, list[str]]  # strategy -> which of its levels are toxic and why, and what of a daily cap is used
    prices: dict[str, dict[str, str]]  # strategy -> each price from elsewhere that it goes by, and whether it counts
    terms: dict[str, dict[str, float]]  # strategy -> every number that its last decision was made with, by name
    resilience: dict[str, dict[str, Resilience]]  # of each book that was watched in this life, by band
    obligations: dict[str, Uptime]  # of each strategy that has some
    instruments: dict[str, Holding]
    balances: dict[str, Decimal]  # by `venue/currency`
    halts: list[Halt]
    pauses: list[Pause]
    sync: dict[str, str]  # venue -> stage
    lost: dict[str, str]  # venue that is not in sync -> why it last lost its session, if it had one in this life
    dead_man_switch: dict[str, str]  # venue -> armed, not armed, or none
    stop: Stop | None


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator is shown, at one moment."""

    summary: Summary
    instruments: dict[str, Instrument]
    ladder: tuple[LiveOrder, ...]
    empty_slots: tuple[EmptySlot, ...]
    book: dict[str, BookTop]
    fills: tuple[SeenFill, ...]  # newest first
