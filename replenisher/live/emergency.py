"""An emergency: something of ours has failed, so no decision of the engine can be trusted, and all that rests must go.

What is left to trust is the venue. All orders that may be live are canceled, and each venue is asked what still rests;
what it names is canceled again and asked about again, until it names none of ours or time is up. Facts that arrive
meanwhile are not booked: the next life hears of them from the venue, as it does after a death.
"""

from collections.abc import Iterable, Iterator

from replenisher.core.orders import Order
from replenisher.core.state import State
from replenisher.core.topic import Topic
from replenisher.model.command import AskOpenOrders, CancelOrder
from replenisher.model.event import Event, OpenOrdersReported, OrderReport, SessionOpened
from replenisher.model.instrument import venue_of
from replenisher.model.units import MS_NS, SECOND_NS

LENGTH_NS = 5 * SECOND_NS  # then the connections are closed, and what the venue does for the absent is all that is left
ASK_AGAIN_NS = 500 * MS_NS


class Emergency:
    """Told what venues say, and time; it answers with cancels and questions."""

    def __init__(self, state: State, at: int) -> None:
        self._state = state
        self._began_at = at
        self._ends_at = at + LENGTH_NS
        self._resting = {order.order_id: _cancel(order, at) for order in state.orders.all_live()}
        self._unverified = dict.fromkeys(self._scope(setup.instrument) for setup in state.setup.strategies)
        self._unverified |= dict.fromkeys(map(self._scope_of, self._resting.values()))
        self._ask_at = dict.fromkeys(self._unverified, at)

    @property
    def is_flat(self) -> bool:
        """Whether every venue has said that nothing of ours rests."""
        return not self._unverified

    @property
    def left(self) -> list[str]:
        """The orders that may still rest."""
        return sorted(
            order_id for order_id, cancel in self._resting.items() if self._scope_of(cancel) in self._unverified
        )

    def is_over(self, at: int) -> bool:
        """Whether there is nothing more to do, or no more time."""
        return self.is_flat or at >= self._ends_at

    def hear(self, facts: Iterable[Event], at: int) -> None:
        """What the venues said."""
        for fact in facts:
            if isinstance(fact, OpenOrdersReported):
                self._heard_of(fact, at)
            elif isinstance(fact, SessionOpened):
                self._ask_at |= {scope: at for scope in self._unverified if venue_of(scope) == fact.venue}

    def due(self, at: int) -> Iterator[CancelOrder | AskOpenOrders]:
        """What to send now: cancels, and behind them the question."""
        due = [scope for scope in self._unverified if self._ask_at[scope] <= at]
        yield from (cancel for cancel in self._resting.values() if self._scope_of(cancel) in due)
        for scope in due:
            self._ask_at[scope] = at + ASK_AGAIN_NS
            yield AskOpenOrders(scope=scope, deadline=at + ASK_AGAIN_NS, asked_at=at)

    def _heard_of(self, report: OpenOrdersReported, at: int) -> None:
        if report.asked_at < self._began_at:
            return  # what the engine had asked: an order may have left since
        others = {name: cancel for name, cancel in self._resting.items() if self._scope_of(cancel) != report.scope}
        ours = {order.order_id: _cancel(order, at) for order in report.orders if self._state.is_ours(order.order_id)}
        self._resting = others | ours
        if not ours:
            self._unverified.pop(report.scope, None)

    def _scope_of(self, cancel: CancelOrder) -> str:
        return self._scope(cancel.instrument)

    def _scope(self, instrument: str) -> str:
        return self._state.setup.scope(Topic.OPEN_ORDERS, instrument)


def _cancel(order: Order | OrderReport, at: int) -> CancelOrder:
    return CancelOrder(
        order_id=order.order_id, venue_order_id=order.venue_order_id, instrument=order.instrument, deadline=at
    )
