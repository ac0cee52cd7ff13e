"""What became of one order: sought among those that rest, then by its id if we know it, else among those that are over.

ccxt cannot ask for an order by our own name everywhere. Not found. That it is in neither list proves something only if
both were whole, and when the venue can no longer execute the place. Where a request carries a deadline, the engine's
own fence sees to that. Where it does not, the place must have been answered or given up by ccxt, and the order must
have been absent for `absence_ns` from the first answer to the last.

Of orders that are over a full answer is followed back in time, or by their number where the exchange counts them. Some
tell them by when they were placed, others by when they ended: the next answer is to end where the oldest of this one
did last move, which is in time for both.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from replenisher.model.command import AskOrder
from replenisher.model.event import OrderNotFound, OrderReported
from replenisher.model.units import MINUTE_NS
from replenisher.venues.ccxt.calls import Call, Failure
from replenisher.venues.ccxt.link import Asked, Link, Listed, Search
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.resting import Resting

ABSENT_REMEMBERED_MAX = 1000
FULL_LIST = 20  # of orders that are over, where the exchange's own limit is not known: few give fewer at once
OVER = (
    ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders"),
    ("fetchOrders", "fetch_orders"),
    ("fetchClosedOrders", "fetch_closed_orders"),
)
TIMES = ("timestamp", "lastUpdateTimestamp", "lastTradeTimestamp")  # of an order, ms


class Lookup:
    """Asks step by step, and answers with one fact."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        names: Names,
        resting: Resting,
        is_placing: Callable[[str], bool],
        fail: Callable[[AskOrder, str, int], None],
    ) -> None:
        self._link = link
        self._listed = listed
        self._names = names
        self._resting = resting
        self._is_placing = is_placing
        self._fail = fail
        self._absent_since: dict[str, int] = {}

    def ask(self, question: AskOrder, at: int) -> None:
        """Ask the exchange, unless it is being asked."""
        sought = [each.what for each in self._link.calls.under_way() if isinstance(each, Search)]
        if not any(isinstance(what, AskOrder) and what.order_id == question.order_id for what in sought):
            self._link.ask_open_orders(Search(question, "open", at), self._symbol(question), at)

    def answered(self, search: Search, question: AskOrder, call: Call[Asked], value: Any, at: int) -> None:
        """The answer to a step."""
        orders = [value] if isinstance(value, Mapping) else value
        if self._reported(question, orders, call.asked_at, at):
            return
        match search.among:
            case "open":
                limit = self._link.exchange.traits.open_limit
                is_whole = limit is None or len(orders) < limit
                self._ask_further(msgspec.structs.replace(search, is_whole=is_whole), question, at)
            case "id":
                self._absent(search, question, at)
            case "over":
                self._turn_the_page(search, question, orders, at)

    def failed(self, search: Search, question: AskOrder, failure: Failure, at: int) -> None:
        """A step that was refused or lost."""
        match search.among, failure.kind:
            case ("id" | "over", "OrderNotFound") | ("over", "NotSupported"):  # it keeps no list of this kind of market
                self._absent(search, question, at)
            case "id", "NotSupported":
                self._ask_over(search, question, at)
            case _:
                self._fail(question, str(failure), at)

    def _ask_further(self, search: Search, question: AskOrder, at: int) -> None:
        exchange, venue_order_id = self._link.exchange, self._names.id_of(question.order_id)
        if venue_order_id and exchange.can("fetchOrder"):
            params = [dict(told)] if (told := exchange.traits.order_params) else []
            by_id = msgspec.structs.replace(search, among="id")
            self._link.calls.ask(by_id, at, "fetch_order", venue_order_id, self._symbol(question), *params)
        else:
            self._ask_over(search, question, at)

    def _ask_over(self, search: Search, question: AskOrder, at: int, **more: int) -> None:
        exchange = self._link.exchange
        method = exchange.traits.history_method or next((method for what, method in OVER if exchange.can(what)), "")
        if not method:
            self._absent(search, question, at)
            return
        over = msgspec.structs.replace(search, among="over")
        since_ms = max(0, self._link.clock.venue_ms(question.placed_at - MINUTE_NS))  # the clocks may differ
        params = dict(exchange.traits.history_params) | more
        self._link.calls.ask(over, at, method, self._symbol(question), since_ms, self._over_max(question), params)

    def _turn_the_page(self, search: Search, question: AskOrder, orders: Any, at: int) -> None:
        seen = search.seen | {str(order["id"]) for order in orders}
        moved = [max((int(order[key]) for key in TIMES if order.get(key)), default=0) for order in orders]
        if len(orders) < (self._over_max(question) or FULL_LIST):
            self._absent(search, question, at)
        elif len(seen) == len(search.seen) or not all(moved):
            self._fail(question, "not there, but more orders are over than can be asked for", at)
        else:
            traits = self._link.exchange.traits
            further = {traits.offset_param: len(seen)} if traits.offset_param else {traits.until_param: min(moved)}
            self._ask_over(msgspec.structs.replace(search, seen=seen), question, at, **further)

    def _reported(self, question: AskOrder, orders: Any, asked_at: int, at: int) -> bool:
        for order in orders:
            report = self._resting.report(order, question.instrument, asked_at)
            if report.order_id == question.order_id:
                self._absent_since.pop(question.order_id, None)
                self._link.tell(OrderReported(at=at, order=report, venue_time=self._link.clock.venue_time(asked_at)))
                return True
        return False

    def _absent(self, search: Search, question: AskOrder, at: int) -> None:
        order_id, asked_at = question.order_id, search.asked_at
        if not search.is_whole:
            self._fail(question, "not there, but more orders may rest than one answer holds", at)
            return
        if self._is_placing(order_id):
            self._fail(question, "not there, but its place is still under way", at)
            return
        since = self._absent_since.setdefault(order_id, asked_at)
        if len(self._absent_since) > ABSENT_REMEMBERED_MAX:
            del self._absent_since[next(iter(self._absent_since))]
        if not self._link.exchange.traits.deadline_param and asked_at - since < self._link.settings.absence_ns:
            self._fail(question, "not there, but it may still arrive", at)
            return
        self._link.tell(OrderNotFound(at=at, order_id=order_id, venue_time=self._link.clock.venue_time(asked_at)))

    def _over_max(self, question: AskOrder) -> int | None:
        kind = self._listed[question.instrument].instrument.kind
        return self._link.exchange.traits.history_limit or self._link.exchange.over_max.get(kind)

    def _symbol(self, question: AskOrder) -> str:
        return self._listed[question.instrument].symbol
