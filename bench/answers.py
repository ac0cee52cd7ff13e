"""The least of a venue: it answers at once, and every trade fills what it reaches. No queue, no wire, no latency.

That is the most work for an engine, and not the truth about fills: a bench counts what a step costs, not what it earns.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import assert_never

from replenisher.model.command import (
    AmendOrder,
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    Command,
    DayMarked,
    Denied,
    Halt,
    MoveSlot,
    Pause,
    PlaceOrder,
    PositionMarked,
    PresenceCounted,
    SignalsDumped,
    TakenOver,
)
from replenisher.model.event import (
    BalanceReported,
    CashReported,
    Event,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderWorking,
    PositionReported,
    RejectReason,
    RequestRejected,
    TradePrinted,
    TradesReported,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Request, Side, Status

CASH = Decimal(100_000)
MAKER_RATE = Decimal("0.0002")


@dataclass(slots=True, eq=False)
class Resting:
    """An order on this venue's book."""

    order_id: str
    side: Side
    price: int
    quantity: int  # lots, filled ones included
    filled: int = 0


def best_first(order: Resting) -> tuple[int, str]:
    """Where an order stands in the queue of its side: by price, then by age, as later ids are larger."""
    return (-order.price * order.side.sign, order.order_id)


class Answers:
    """Takes commands, and says what becomes of them."""

    def __init__(self, instrument: Instrument) -> None:
        self.fills = 0
        self.orders = 0
        self._instrument = instrument
        self._resting: dict[str, Resting] = {}
        self._reached_by: dict[Side, list[Resting]] = {side: [] for side in Side}  # by what side of taker, best first
        self._position = Decimal(0)
        self._numbers = count(1)

    def to(self, commands: Sequence[Command], touch: tuple[int, int] | None, at: int) -> Iterator[Event]:
        """The answers to what the engine asked for, with the touch that the venue shows."""
        for command in commands:
            match command:
                case PlaceOrder():
                    self.orders += 1
                    yield self._placed(command, touch, at)
                case AmendOrder():
                    yield self._amended(command, touch, at)
                case CancelOrder():
                    if (order := self._resting.get(command.order_id)) is not None:
                        self._leaves(order)
                    yield OrderCanceled(at=at, order_id=command.order_id, venue_time=at, reason="user_request")
                case AskOpenOrders(scope=key, asked_at=asked_at):
                    orders = tuple(self._report(order, at) for order in self._resting.values())
                    yield OpenOrdersReported(at=at, scope=key, asked_at=asked_at, orders=orders)
                case AskTrades(scope=key):
                    yield TradesReported(at=at, scope=key, fills=(), has_more=False)
                case AskPosition(scope=key):
                    yield PositionReported(at=at, instrument=key, amount=self._position)
                case AskBalance(venue=venue, currency=currency):
                    yield BalanceReported(at=at, venue=venue, currency=currency, balance=CASH)
                case AskCash(venue=venue, currency=currency):
                    yield CashReported(at=at, venue=venue, currency=currency, venue_time=at)
                case AskOrder():
                    raise AssertionError("nothing is left without an answer here")
                case (
                    MoveSlot()
                    | Denied()
                    | Pause()
                    | Halt()
                    | TakenOver()
                    | DayMarked()
                    | PositionMarked()
                    | PresenceCounted()
                    | SignalsDumped()
                ):
                    pass
                case _:
                    assert_never(command)

    def after(self, trade: TradePrinted) -> Sequence[Event]:
        """The fills of whatever a print has reached, best price first, up to its own quantity."""
        queue, left = self._reached_by[trade.taker], trade.quantity
        fills: list[Event] = []
        while queue and (queue[0].price - trade.price) * queue[0].side.sign >= 0:
            order = queue[0]
            lots = min(left, order.quantity - order.filled)
            if lots <= 0:
                break
            left -= lots
            order.filled += lots
            if order.filled == order.quantity:
                self._leaves(order)
            fills.append(self._fill(order, lots, trade.at))
        return fills

    def _rests(self, order: Resting) -> None:
        self._resting[order.order_id] = order
        insort(self._reached_by[order.side.opposite], order, key=best_first)

    def _leaves(self, order: Resting) -> None:
        del self._resting[order.order_id]
        self._reached_by[order.side.opposite].remove(order)

    def _placed(self, place: PlaceOrder, touch: tuple[int, int] | None, at: int) -> Event:
        if _would_take(place.side, place.price, touch):
            return OrderRejected(at=at, order_id=place.order_id, reason=RejectReason.POST_ONLY, message="it would take")
        self._rests(Resting(place.order_id, place.side, place.price, place.quantity))
        return self._working(place.order_id, place.price, place.quantity, Request.PLACE, at)

    def _amended(self, amend: AmendOrder, touch: tuple[int, int] | None, at: int) -> Event:
        order = self._resting.get(amend.order_id)
        if order is None or _would_take(order.side, amend.price, touch):
            reason = RejectReason.NOT_OPEN if order is None else RejectReason.POST_ONLY
            return RequestRejected(
                at=at, order_id=amend.order_id, request=Request.AMEND, reason=reason, message=reason.value
            )
        self._leaves(order)
        order.price, order.quantity = amend.price, amend.quantity
        self._rests(order)
        return self._working(amend.order_id, amend.price, amend.quantity, Request.AMEND, at)

    def _working(self, order_id: str, price: int, quantity: int, answers: Request, at: int) -> OrderWorking:
        return OrderWorking(
            at=at,
            order_id=order_id,
            venue_order_id=f"v-{order_id}",
            venue_time=at,
            price=price,
            quantity=quantity,
            answers=answers,
        )

    def _report(self, order: Resting, at: int) -> OrderReport:
        return OrderReport(
            order_id=order.order_id,
            venue_order_id=f"v-{order.order_id}",
            instrument=self._instrument.key,
            side=order.side,
            price=order.price,
            quantity=order.quantity,
            filled=self._instrument.amount(order.filled),
            status=Status.WORKING,
            venue_time=at,
        )

    def _fill(self, order: Resting, lots: int, at: int) -> OrderFilled:
        instrument = self._instrument
        amount, price = instrument.amount(lots), instrument.price(order.price)
        self.fills += 1
        self._position += amount * order.side.sign
        return OrderFilled(
            at=at,
            instrument=instrument.key,
            order_id=order.order_id,
            venue_order_id=f"v-{order.order_id}",
            venue_time=at,
            trade_id=str(next(self._numbers)),
            side=order.side,
            price=price,
            amount=amount,
            fee=instrument.value(amount, price) * MAKER_RATE,
            fee_currency=instrument.settlement_currency,
            liquidity=Liquidity.MAKER,
        )


def _would_take(side: Side, price: int, touch: tuple[int, int] | None) -> bool:
    if touch is None:
        return False
    return price >= touch[1] if side is Side.BUY else price <= touch[0]
