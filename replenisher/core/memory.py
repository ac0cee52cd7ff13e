"""What a segment of the journal begins with: what must outlive the process, and what its later steps need besides.

A life begins with the first of these alone; all else (books, sessions, budgets) is learned anew. But a segment may
begin in the middle of a life, and who took in what is in its steps had a session. By that it was decided whether the
venue's word on our cash counts at once, say, or whether it is too early to believe that an order was never there. A
replay that begins here must decide the same.
"""

import msgspec
from msgspec import UNSET, UnsetType

from replenisher.core.account import Account
from replenisher.core.daily_volume import DailyVolume
from replenisher.core.orders import Order
from replenisher.core.slots import Slot, SlotKey
from replenisher.core.sync import Sync
from replenisher.model.command import DayMarked, Halt, HaltCause, Pause, PresenceCounted, TakenOver
from replenisher.model.instrument import Instrument


class Memory(msgspec.Struct, kw_only=True):
    """What must outlive the process."""

    epoch: int = 0
    first_started_at: int = 0
    counter: int = 0  # orders placed in this life
    orders: list[Order] = msgspec.field(default_factory=list)
    account: Account = msgspec.field(default_factory=Account)
    slots: list[tuple[SlotKey, Slot]] = msgspec.field(default_factory=list)
    instruments: dict[str, Instrument] = msgspec.field(default_factory=dict)
    pauses: dict[str, Pause] = msgspec.field(default_factory=dict)  # by strategy; "" is all of them
    halts: dict[HaltCause, Halt] = msgspec.field(default_factory=dict)
    day_marks: dict[str, DayMarked] = msgspec.field(default_factory=dict)  # by venue
    volumes: dict[str, DailyVolume] | UnsetType = UNSET  # by strategy, of those that have a cap
    presence: dict[str, PresenceCounted] | UnsetType = UNSET  # by strategy, of those that have obligations
    brought: dict[str, TakenOver] | UnsetType = UNSET  # by instrument, of which no mark of a day knows yet


class Present(msgspec.Struct, kw_only=True):
    """What is void in the next life, and decides in this one what a fact does to the memory."""

    syncs: dict[str, Sync] = msgspec.field(default_factory=dict)  # by venue
    clock_offsets_ns: dict[str, int] = msgspec.field(default_factory=dict)  # by venue
    left_alone_until: dict[str, int] = msgspec.field(default_factory=dict)  # by venue
    strays: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)  # venue order id -> (label, instrument)
    back: list[str] = msgspec.field(default_factory=list)  # orders that had ended for us, and rest nonetheless


class Snapshot(Memory, kw_only=True):
    """Both."""

    present: Present = msgspec.field(default_factory=Present)
