"""Our orders: the only place where an order changes. Each change follows the LIFECYCLE table of the model."""

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain

import msgspec

from replenisher.core.load import Counted, Load, sum_of
from replenisher.model.command import Intent
from replenisher.model.instrument import Instrument
from replenisher.model.order import (
    CANCEL,
    FULLY_FILLED,
    LIFECYCLE,
    PARTLY_FILLED,
    PLACE,
    TERMINAL,
    UNKNOWN,
    Request,
    Side,
    Status,
    Transition,
)
from replenisher.model.step import OrderState
from replenisher.model.units import NEVER_NS

ENDED_REMEMBERED_MAX = 10_000


class Pending(msgspec.Struct, gc=False):
    """The one request about an order that the venue has not answered."""

    request: Request
    deadline: int
    price: int  # ticks, what was asked for
    quantity: int  # lots, what was asked for
    valid_until: int = 0  # session time after which the venue can no longer grant it
    is_overdue: bool = False  # not answered: the venue is asked what became of it
    doubt: "Pending | None" = None  # of a cancel: an amend of which nobody knows what became of it, and which counts on


class Order(msgspec.Struct, kw_only=True):
    """One order of ours, as far as we know."""

    order_id: str
    instrument: str
    instrument_version: int
    strategy: str
    side: Side
    level: int
    intent: Intent
    price: int  # ticks
    quantity: int  # lots, filled ones included
    created_at: int
    updated_at: int
    valid_until: int = 0  # session time after which the venue must have refused the place
    venue_order_id: str = ""
    venue_time: int = 0  # of the newest word about price and quantity
    filled: Decimal = Decimal(0)  # wire amount
    filled_lots: int = 0
    ended_at: int = 0  # venue time of the word that ended it; 0 while it lives, and if we only concluded it
    not_found: int = 0  # how often in a row the venue knew no such order although it must have had it by then
    not_found_since: int = 0  # venue time of the first of these answers
    unbooked_since: int = 0  # session time of the first word that it has ended and traded more than is booked
    status: Status = Status.PENDING
    pending: Pending | None = None
    reason: str = ""
    cancel_after: int = 0  # session time before which a cancel is not repeated
    halted_until: int = 0  # session time before which none is tried, if we would hear that something trades again
    cancels: int = 0  # sent without an end
    amend_after: int = 0  # session time before which an amend is not tried again
    is_covered: bool = True  # the venue's dead-man switch, where it has one, takes it off the book when we are gone

    @property
    def remaining(self) -> int:
        """Lots that may still trade, by the last word."""
        return max(0, self.quantity - self.filled_lots)

    @property
    def remaining_max(self) -> int:
        """Lots that may still trade in the worst case: an amend that may be granted counts with the larger quantity."""
        return self.worst()[0]

    def worst(self) -> Counted:
        """With how much it counts while it may be live: the more of what it is and what an amend may make it."""
        lots, price, pending = self.quantity, self.price, self.pending
        if pending is not None and pending.request is not PLACE:
            if pending.quantity > lots:
                lots = pending.quantity
            if pending.price > price:
                price = pending.price
        return (lots - self.filled_lots if lots > self.filled_lots else 0, price)

    @property
    def prices(self) -> tuple[int, ...]:
        """Every price at which it may rest now."""
        if self.pending is not None and self.pending.price != self.price:
            return (self.price, self.pending.price)
        return (self.price,)

    @property
    def is_canceling(self) -> bool:
        """Whether a cancel is on its way."""
        return self.pending is not None and self.pending.request is CANCEL

    @property
    def is_in_doubt(self) -> bool:
        """Whether its place or amend was not answered: where it is not wanted, it is canceled without waiting."""
        return self.status is UNKNOWN if self.pending is None else self.pending.is_overdue

    def move(self, transition: Transition, at: int) -> None:
        """Go where the LIFECYCLE table says."""
        self.status = LIFECYCLE[self.status][transition]
        self.updated_at = at
        if self.status.is_terminal:
            self.pending = None

    def report(self) -> OrderState:
        """The order as a value, for the record."""
        return OrderState(
            order_id=self.order_id,
            venue_order_id=self.venue_order_id,
            instrument=self.instrument,
            instrument_version=self.instrument_version,
            strategy=self.strategy,
            side=self.side,
            level=self.level,
            intent=self.intent,
            price=self.price,
            quantity=self.quantity,
            filled=self.filled,
            status=self.status,
            reason=self.reason,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


Ladder = tuple[str, str]  # (strategy, instrument): whose orders are reconciled together


class Orders:
    """All our orders: the live ones by ladder, the ended ones for as long as a late fill may name them.

    An ended order that turns out to rest is `back` until the venue says that it is gone: it stays ended, it counts like
    a live one, and its slot is not open.
    """

    __slots__ = (
        "_changed",
        "_counted",
        "_loads",
        "_loads_on",
        "_on",
        "back",
        "by_id",
        "ended",
        "first_deadline",
        "held_back_until",
        "live",
    )

    def __init__(self) -> None:
        self.by_id: dict[str, Order] = {}
        self.live: dict[Ladder, dict[str, Order]] = {}
        self.back: dict[str, Order] = {}  # ended for us, and resting nonetheless
        self.ended: deque[str] = deque()  # oldest first
        self.first_deadline = NEVER_NS  # no request is due earlier than this
        self.held_back_until = 0  # session time from which on no cancel or amend has to wait any more
        self._changed: dict[str, Order] = {}
        self._on: dict[str, list[dict[str, Order]]] = {}  # instrument -> its ladders
        self._loads: dict[Ladder, Load] = {}
        self._loads_on: dict[str, list[Load]] = {}  # instrument -> those of its ladders
        self._counted: dict[str, Counted] = {}  # how each order is in the loads

    def add(self, order: Order) -> None:
        """An order that we are about to send, or find again in the journal."""
        assert order.order_id not in self.by_id, f"order id {order.order_id} is used twice"
        self.by_id[order.order_id] = order
        self.file(order)
        if order.status in TERMINAL:
            self._remember_ended(order.order_id)

    def get(self, order_id: str) -> Order | None:
        """The order of this client order id, if it is one of ours."""
        return self.by_id.get(order_id)

    def file(self, order: Order) -> None:
        """Note that an order changed, and file it where it belongs now. Whoever changes an order says so here."""
        order_id = order.order_id
        self._changed[order_id] = order
        self.count(order)
        if order.cancel_after > self.held_back_until:
            self.held_back_until = order.cancel_after
        if order.halted_until > self.held_back_until:
            self.held_back_until = order.halted_until
        if order.amend_after > self.held_back_until:
            self.held_back_until = order.amend_after
        ladder = self.live.get((order.strategy, order.instrument))
        if ladder is None:
            ladder = self.live[order.strategy, order.instrument] = {}
            self._on.setdefault(order.instrument, []).append(ladder)
        if order.status not in TERMINAL:
            ladder[order_id] = order
        elif ladder.pop(order_id, None) is not None:
            self._remember_ended(order_id)

    def count(self, order: Order) -> None:
        """Bring deadlines and loads up to date with one order, of which perhaps only the pending request is new."""
        order_id, pending = order.order_id, order.pending
        if pending is not None and pending.deadline < self.first_deadline:
            self.first_deadline = pending.deadline
        counted = order.worst() if order.status not in TERMINAL or order_id in self.back else None
        before = self._counted.get(order_id)
        if before == counted:
            return
        self.load_in((order.strategy, order.instrument)).change(order.side, before, counted)
        if counted is None:
            del self._counted[order_id]
        else:
            self._counted[order_id] = counted

    def _remember_ended(self, order_id: str) -> None:
        """An order has ended; the one that ended first may have to be forgotten for it."""
        self.ended.append(order_id)
        if len(self.ended) > ENDED_REMEMBERED_MAX:
            forgotten = self.by_id.pop(self.ended.popleft())
            if self.back:
                self.gone(forgotten)

    def comes_back(self, order: Order) -> None:
        """An order that had ended for us rests."""
        self.back[order.order_id] = order
        self.file(order)

    def gone(self, order: Order) -> None:
        """It rests no more."""
        if self.back.pop(order.order_id, None) is not None:
            self.count(order)

    def is_back_in(self, ladder: Ladder, side: Side, level: int) -> bool:
        """Whether an order that had ended rests in this slot."""
        return any(
            (order.strategy, order.instrument) == ladder and order.side is side and order.level == level
            for order in self.back.values()
        )

    def changed(self) -> list[Order]:
        """The orders changed since the last call."""
        if not self._changed:
            return []
        orders = [order for order_id, order in self._changed.items() if order_id in self.by_id]
        self._changed.clear()
        return orders

    def load_in(self, ladder: Ladder) -> Load:
        """The load of one ladder."""
        load = self._loads.get(ladder)
        if load is None:
            load = self._loads[ladder] = Load()
            self._loads_on.setdefault(ladder[1], []).append(load)
        return load

    def load_on(self, instrument: str) -> Load:
        """The load of everything on an instrument."""
        loads = self._loads_on.get(instrument, ())
        return loads[0] if len(loads) == 1 else sum_of(loads)

    def counted(self, order: Order) -> Counted | None:
        """How one order is in these; None if it is not."""
        return self._counted.get(order.order_id)

    @property
    def open(self) -> int:
        """How many orders may be live."""
        return len(self._counted)

    def overdue(self, at: int) -> list[Order]:
        """The orders whose request was not answered in time."""
        if at < self.first_deadline:
            return []
        late: list[Order] = []
        self.first_deadline = NEVER_NS
        for order in self.all_live():
            if order.pending is None:
                continue
            if at >= order.pending.deadline:
                late.append(order)
            else:
                self.first_deadline = min(self.first_deadline, order.pending.deadline)
        return late

    def of(self, ladder: Ladder) -> list[Order]:
        """The orders of one ladder that may be live."""
        return list(self.live.get(ladder, {}).values())

    def on(self, instrument: str) -> Iterator[Order]:
        """Every order on one instrument that may be live, whichever strategy's."""
        return chain.from_iterable(map(dict.values, self._on.get(instrument, ())))

    def all_live(self) -> Iterator[Order]:
        """Every order that may be live."""
        for ladder in self.live.values():
            yield from ladder.values()

    def book_fill(self, order: Order, instrument: Instrument, amount: Decimal, at: int) -> None:
        """Count a fill towards its order, whatever the order's status.

        While an amend may still be granted, it is full only once it has traded the larger of the two quantities.
        """
        order.filled += amount
        order.filled_lots = instrument.lots(order.filled)
        order.not_found = 0
        if order.filled_lots > order.quantity:
            # Only an amend that we never heard of can have made it so large.
            if order.pending is not None:
                order.price, order.quantity = order.pending.price, order.pending.quantity
            order.quantity = max(order.quantity, order.filled_lots)
        is_all = order.remaining_max == 0
        order.move(FULLY_FILLED if is_all else PARTLY_FILLED, at)
        if order.pending is not None and order.pending.request is PLACE:
            order.pending = None  # a fill is the best of acceptances
        self.file(order)

    def dump(self) -> list[Order]:
        """Every order we remember, for a snapshot; those that have ended as they did: so they are forgotten one day."""
        ended = [self.by_id[order_id] for order_id in self.ended]
        return ended + [order for order in self.by_id.values() if order.status not in TERMINAL]

    @classmethod
    def load(cls, orders: Sequence[Order], back: Sequence[str] = ()) -> "Orders":
        """The orders of a snapshot, and which of them are back."""
        self = cls()
        for order in orders:
            self.add(order)
        for order_id in back:
            self.comes_back(self.by_id[order_id])
        self._changed.clear()
        return self
