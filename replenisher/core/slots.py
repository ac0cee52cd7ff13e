"""Slots: where a wanted quote lives, and how one that a fill has emptied comes back.

A slot is (strategy, instrument, side, level). It holds at most one order that may be live. A slot emptied by a move of
the ladder is refilled at once; a slot emptied *by a fill* comes back as the refill policy says; a slot whose place was
refused waits for what would make the next one succeed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import msgspec

from replenisher.core.orders import Order
from replenisher.model.event import RejectReason
from replenisher.model.order import Side
from replenisher.model.step import OrderState
from replenisher.model.units import MINUTE_NS, SECOND_NS

RETRY_S_MAX = 60


class RefillMode(StrEnum):
    """Where liquidity comes back after a fill."""

    PER_LEVEL = "per_level"  # in the slot that was eaten
    OPPOSITE_SIDE = "opposite_side"  # in the slot that was eaten, but only once its mirror slot was eaten too


OPPOSITE_SIDE = RefillMode.OPPOSITE_SIDE  # asked for at every fill


class PartialFill(StrEnum):
    """What happens to an order that a fill has made smaller."""

    WAIT = "wait"  # it rests as it is, and keeps its place in the queue
    TOP_UP = "top_up"  # below `min_fraction` it is amended to its full size, and gives its place up


@dataclass(frozen=True, slots=True)
class RefillPolicy:
    """How a slot left empty by a fill comes back."""

    mode: RefillMode = RefillMode.PER_LEVEL
    delay_ns: int = 0
    partial_fill: PartialFill = PartialFill.WAIT
    min_fraction: float = 0.5  # of the wanted quantity, below which `top_up` acts
    max_per_minute: int | None = None


SlotKey = tuple[str, str, Side, int]  # strategy, instrument, side, level


def slot_of(order: Order | OrderState) -> SlotKey:
    """The slot an order lives in."""
    return (order.strategy, order.instrument, order.side, order.level)


class Slot(msgspec.Struct):
    """What a slot remembers while it is empty."""

    was_eaten: bool = False  # emptied by a fill and not refilled since
    eaten_at: int = 0
    opens_at: int = 0  # not refilled before
    awaits_opposite: bool = False
    refills: list[int] = msgspec.field(default_factory=list)  # when, the last ones, as many as may be in a minute
    refusals: int = 0  # of places, in a row
    refused_at_touch: tuple[int, int] | None = None  # waits until the touch is another one

    def eat(self, policy: RefillPolicy, at: int) -> None:
        """A fill has emptied the slot."""
        self.was_eaten = True
        self.eaten_at = at
        self.awaits_opposite = True
        self.wait(policy)

    def wait(self, policy: RefillPolicy) -> None:
        """What was eaten comes back as the policy says."""
        self.opens_at = self.eaten_at + policy.delay_ns
        self.awaits_opposite = self.awaits_opposite and policy.mode is OPPOSITE_SIDE
        most = policy.max_per_minute
        if most is not None and len(self.refills) >= most:
            self.opens_at = max(self.opens_at, self.refills[-most] + MINUTE_NS)

    def refuse(self, reason: RejectReason, touch: tuple[int, int] | None, at: int) -> None:
        """The venue refused a place: wait for what would make the next one succeed."""
        match reason:
            case RejectReason.POST_ONLY:
                self.refused_at_touch = touch
                if self.refusals:  # one may be the market's move; what is refused again we see another market
                    self._back_off(at)
                self.refusals += 1
            case RejectReason.NOT_SENT:
                pass  # It never left: nothing speaks against asking again.
            case (
                RejectReason.TOO_LATE
                | RejectReason.FUNDS
                | RejectReason.SIZE
                | RejectReason.PRICE
                | RejectReason.PERMISSION
                | RejectReason.LOGIN
                | RejectReason.RATE
                | RejectReason.HALTED
                | RejectReason.FROZEN
                | RejectReason.NOT_OPEN
                | RejectReason.OTHER
            ):
                self._back_off(at)
                self.refusals += 1
            case _:
                assert_never(reason)

    def _back_off(self, at: int) -> None:
        self.opens_at = max(self.opens_at, at + min(1 << self.refusals, RETRY_S_MAX) * SECOND_NS)

    def fill_with_order(self) -> None:
        """An order is on its way into the slot."""
        self.awaits_opposite = False
        self.refused_at_touch = None

    def refill(self, policy: RefillPolicy, at: int) -> None:
        """That order puts back what a fill ate."""
        if policy.max_per_minute is not None:
            self.refills = [*self.refills, at][-policy.max_per_minute :]

    def refill_refused(self, at: int) -> None:
        """That order of then does not rest: the next one here is the refill still, and the only one that counts."""
        self.was_eaten = True
        self.refills = [then for then in self.refills if then != at]

    def is_open(self, touch: tuple[int, int] | None, at: int) -> bool:
        """Whether an order may be placed here now."""
        if at < self.opens_at or self.awaits_opposite:
            return False
        return self.refused_at_touch is None or self.refused_at_touch != touch


NOTHING = Slot()  # what is remembered of a slot to which nothing has happened


class Slots:
    """Every slot that has something to remember."""

    __slots__ = ("by_key", "denials", "last_opening")

    def __init__(self, slots: Iterable[tuple[SlotKey, Slot]] = ()) -> None:
        self.by_key: dict[SlotKey, Slot] = dict(slots)
        self.denials: dict[SlotKey, str] = {}  # why our gate has denied what a slot should show; where it did last
        self.last_opening = 0  # session time from which on no slot opens by itself any more
        for slot in self.by_key.values():
            self._closed(slot)

    def dump(self) -> list[tuple[SlotKey, Slot]]:
        """What must outlive the process: all but what was said about the market as it stood."""
        replace = msgspec.structs.replace
        return [(key, replace(slot, refused_at_touch=None)) for key, slot in self.by_key.items()]

    def begin(self, policies: Mapping[str, RefillPolicy]) -> None:
        """A life begins, perhaps with other policies than those by which a slot was closed."""
        for (strategy, *_), slot in self.by_key.items():
            if slot.was_eaten and not slot.refusals and (policy := policies.get(strategy)) is not None:
                slot.wait(policy)
                self._closed(slot)

    def known(self, key: SlotKey) -> Slot:
        """What is remembered of a slot, to be looked at only: a decision leaves no trace here."""
        return self.by_key.get(key, NOTHING)

    def of(self, key: SlotKey) -> Slot:
        """The slot, made when something first happens to it."""
        slot = self.by_key.get(key)
        if slot is None:
            slot = self.by_key[key] = Slot()
        return slot

    def eat(self, key: SlotKey, policy: RefillPolicy, at: int) -> None:
        """A fill has emptied this slot; its mirror, if it waited for that, may come back."""
        slot = self.of(key)
        slot.eat(policy, at)
        self._closed(slot)
        strategy, instrument, side, level = key
        mirror = self.of((strategy, instrument, side.opposite, level))
        if mirror.awaits_opposite:
            mirror.awaits_opposite = slot.awaits_opposite = False

    def refuse(self, key: SlotKey, reason: RejectReason, touch: tuple[int, int] | None, at: int) -> Slot:
        """The venue refused a place in this slot."""
        slot = self.of(key)
        slot.refuse(reason, touch, at)
        self._closed(slot)
        return slot

    def _closed(self, slot: Slot) -> None:
        self.last_opening = max(self.last_opening, slot.opens_at)

    def accepted(self, key: SlotKey) -> None:
        """The venue took a place: earlier refusals are forgotten."""
        self.of(key).refusals = 0

    def next_opening(self, keys: Iterable[SlotKey], at: int) -> int | None:
        """The earliest session time at which one of these slots opens by itself."""
        openings = [slot.opens_at for key in keys if (slot := self.by_key.get(key)) is not None and slot.opens_at > at]
        return min(openings, default=None)
