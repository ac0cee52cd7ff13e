"""How we stand right now, read from the state without touching it, as values that may be shown, sent or kept.

Looking must not change anything: what a look would change could not be found again from the journal. So nothing here
calls what settles, refills or creates on the way; own size is what rests by the venue's last word.
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from replenisher.core.account import ZERO, booked
from replenisher.core.orders import Order
from replenisher.core.slots import SlotKey, slot_of
from replenisher.core.state import State
from replenisher.core.touch_prices import mark_of
from replenisher.model.command import Intent
from replenisher.model.event import Level
from replenisher.model.instrument import Instrument
from replenisher.model.order import Request, Side, Status

ON_THE_BOOK = (Status.WORKING, Status.UNKNOWN)


class MarkSource(StrEnum):
    """What a position is valued at."""

    NONE = ""
    MID = "mid"  # of the others
    FAIR_VALUE = "fair value"  # where we quote alone
    LAST_TRADE = "last trade"  # where neither is known


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What we have in one instrument and what it is worth at the mark; an unknown is None, never a guess."""

    position: Decimal  # wire amount, negative is short
    inventory: dict[str, Decimal]  # by strategy
    realized: Decimal  # settlement currency, before fees
    fees: Decimal  # settlement currency, negative is a rebate
    fees_elsewhere: dict[str, Decimal]  # by currency: what no P&L counts
    unrealized: Decimal | None  # settlement currency
    pnl: Decimal | None  # settlement currency, after fees
    pnl_quote: Decimal | None
    mark: Decimal | None
    mark_source: MarkSource
    settlement_currency: str
    quote_currency: str


class LiveOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ours that may rest."""

    order_id: str
    instrument: str
    strategy: str
    side: Side
    level: int
    price: Decimal
    amount: Decimal  # filled included
    filled: Decimal
    status: Status
    pending: Request | None
    intent: Intent
    reason: str
    age_ns: int


class EmptySlot(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that a fill has emptied and nothing has refilled yet."""

    instrument: str
    strategy: str
    side: Side
    level: int
    age_ns: int  # since the fill


class BookLevel(msgspec.Struct, frozen=True):
    """One price of the book: what is shown there, ours included, and how much of it is ours."""

    price: Decimal
    amount: Decimal
    own: Decimal


class BookTop(msgspec.Struct, frozen=True, kw_only=True):
    """The book around the touch, best level first, and every deeper level where we stand."""

    distrust: str  # why there is none; empty while it can be trusted
    bids: tuple[BookLevel, ...] = ()
    asks: tuple[BookLevel, ...] = ()


def as_json(value: Any) -> Any:
    """What JSON can carry of a value: an exact number is a string, digit for digit."""
    return _without_decimals(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def holding(state: State, instrument: Instrument) -> Holding:
    """What we have in one instrument."""
    key = instrument.key
    position = state.account.position(key)
    inventory = {setup.id: ZERO for setup in state.setup.strategies if setup.instrument == key}
    mark, mark_source = _mark(state, instrument)
    unrealized: Decimal | None = None
    pnl_quote: Decimal | None = None
    if mark is not None:
        unrealized = booked(Decimal(repr(position.unrealized(instrument, float(mark)))))
        pnl_quote = booked(Decimal(repr(position.pnl_quote(instrument, float(mark)))))
    elif position.size == 0:
        unrealized = ZERO
    return Holding(
        position=position.size,
        inventory=inventory | state.account.inventories.get(key, {}),
        realized=position.realized,
        fees=position.fees,
        fees_elsewhere=position.fees_elsewhere,
        unrealized=unrealized,
        pnl=None if unrealized is None else position.realized - position.fees + unrealized,
        pnl_quote=pnl_quote,
        mark=mark,
        mark_source=mark_source,
        settlement_currency=instrument.settlement_currency,
        quote_currency=instrument.quote_currency,
    )


def live_orders(state: State, at: int) -> tuple[LiveOrder, ...]:
    """Every order of ours that may rest, by instrument, from the touch outwards."""
    orders = sorted(
        (order for order in state.orders.all_live() if order.instrument in state.instruments),
        key=lambda order: (order.instrument, order.side, order.strategy, order.level, order.order_id),
    )
    return tuple(_live_order(order, state.instruments[order.instrument], at) for order in orders)


def empty_slots(state: State, at: int) -> tuple[EmptySlot, ...]:
    """Every slot that waits to be refilled."""
    taken: set[SlotKey] = {slot_of(order) for order in state.orders.all_live()}
    return tuple(
        EmptySlot(instrument=instrument, strategy=strategy, side=side, level=level, age_ns=at - slot.eaten_at)
        for (strategy, instrument, side, level), slot in state.slots.by_key.items()
        if slot.was_eaten and (strategy, instrument, side, level) not in taken
    )


def book_top(state: State, instrument: Instrument, depth: int) -> BookTop:
    """The best `depth` levels of each side."""
    book = state.books.get(instrument.key)
    if book is None or book.distrust:
        return BookTop(distrust="no snapshot yet" if book is None else book.distrust)
    sides: dict[Side, tuple[BookLevel, ...]] = {}
    for side in Side:
        own, levels = _own_lots(state, instrument.key, side), book.side(side).levels(depth)
        shown = {price for price, _ in levels}
        deeper: list[Level] = [
            (price, quantity)
            for price in sorted(own, reverse=side is Side.BUY)
            if price not in shown and (quantity := book.side(side).quantity(price))
        ]
        sides[side] = tuple(
            BookLevel(instrument.price(price), instrument.amount(quantity), instrument.amount(own.get(price, 0)))
            for price, quantity in [*levels, *deeper]
        )
    return BookTop(distrust="", bids=sides[Side.BUY], asks=sides[Side.SELL])


def _mark(state: State, instrument: Instrument) -> tuple[Decimal | None, MarkSource]:
    """A price to value a position at: the others' mid, what stands in for it, or what was traded last."""
    book = state.books.get(instrument.key)
    if book is None:
        return None, MarkSource.NONE
    bid, ask = (_best_of_others(state, instrument.key, side) for side in Side)
    if not book.distrust and bid is not None and ask is not None:
        return (bid + ask) * instrument.tick / 2, MarkSource.MID
    if (touch := state.stand_ins.get(instrument.key)) is not None and state.touches.get(instrument.key) is None:
        return mark_of(touch, instrument), MarkSource.FAIR_VALUE
    if book.last_trade is not None:
        return instrument.price(book.last_trade), MarkSource.LAST_TRADE
    return None, MarkSource.NONE


def _best_of_others(state: State, instrument: str, side: Side) -> int | None:
    own, shown = _own_lots(state, instrument, side), state.books[instrument].side(side)
    return next((price for price, quantity in shown.best_first() if quantity > own.get(price, 0)), None)


def _own_lots(state: State, instrument: str, side: Side) -> dict[int, int]:
    """What we have resting on one side of a book, by price in ticks."""
    lots: dict[int, int] = {}
    for order in _resting(state, instrument):
        if order.side is side:
            lots[order.price] = lots.get(order.price, 0) + order.remaining
    return lots


def _resting(state: State, instrument: str) -> Iterator[Order]:
    return (order for order in state.orders.on(instrument) if order.status in ON_THE_BOOK)


def _live_order(order: Order, instrument: Instrument, at: int) -> LiveOrder:
    return LiveOrder(
        order_id=order.order_id,
        instrument=order.instrument,
        strategy=order.strategy,
        side=order.side,
        level=order.level,
        price=instrument.price(order.price),
        amount=instrument.amount(order.quantity),
        filled=order.filled,
        status=order.status,
        pending=None if order.pending is None else order.pending.request,
        intent=order.intent,
        reason=order.reason,
        age_ns=at - order.created_at,
    )


def _without_decimals(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case dict():
            return {key: _without_decimals(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_decimals(item) for item in value]
        case _:
            return value
