"""What became of one order: sought among those that rest, then by its id if we know it, else among those that are over.

ccxt cannot ask for an order by our own name everywhere. Not found. That it is in neither list proves something only if
both were whole, and when the venue can no longer execute the place. Where a request carries a deadline, the engine's
own fence sees to that. Where it does not, the place must have been answered or given up by ccxt, and the order must
have been absent for `absence_ns` from the first answer to the last.

What became of it may be said in a word that ccxt does not know either. It is over then once it has not rested for as
long; what it traded is told beside that word.

Of orders that are over a full answer is followed back in time, or by their number where the exchange counts them. Some
tell them by when they were placed, others by when they ended: the next answer is to end where the oldest of this one
did last move, which is in time for both. What ended long ago may be in an archive that is asked for by itself.

Where that cannot be followed to its end, those that rest decide alone, as where there is no such list at all, only much
later: whether or not it was ever placed, it rests no more, and nothing can bring it back. What it may have traded is
among our trades, which are asked for all the while. Until then it counts, and is told until when, and where to look.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from replenisher.model.command import AskOrder
from replenisher.model.event import OrderNotFound, OrderReported
from replenisher.model.order import Status
from replenisher.model.units import MINUTE_NS, SECOND_NS
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
UNLISTED = "it does not rest, and more orders are over than can be asked for"
UNREAD = "it does not rest, but what became of it is said in a word that is not known"
LOOK_THERE = "and what became of it can be seen at the exchange itself"
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
        if self._reported(search, question, orders, call.asked_at, at):
            return
        match search.among:
            case "open":
                limit = self._link.exchange.traits.open_limit
                is_whole = limit is None or len(orders) < limit
                self._ask_further(msgspec.structs.replace(search, is_whole=is_whole), question, at)
            case "id":
                self._not_listed(search, question, at)
            case "over" | "archive":
                self._turn_the_page(search, question, orders, at)

    def failed(self, search: Search, question: AskOrder, failure: Failure, at: int) -> None:
        """A step that was refused or lost."""
        match search.among, failure.kind:
            case ("id" | "over", "OrderNotFound") | ("over", "NotSupported"):  # it keeps no list of this kind of market
                self._not_listed(search, question, at)
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
        traits, is_archive = exchange.traits, search.among == "archive"
        over = search if is_archive else msgspec.structs.replace(search, among="over")
        # ccxt leaves out what was placed before `since`, and of what is counted all must be seen.
        since_ms = None if traits.offset_param else self._begun_ms(question)
        params = dict(traits.archive_params if is_archive else traits.history_params) | more
        self._link.calls.ask(over, at, method, self._symbol(question), since_ms, self._over_max(question), params)

    def _turn_the_page(self, search: Search, question: AskOrder, orders: Any, at: int) -> None:
        seen = search.seen | {str(order["id"]) for order in orders}
        moved = [max((int(order[key]) for key in TIMES if order.get(key)), default=0) for order in orders]
        traits = self._link.exchange.traits
        is_last = len(orders) < (self._over_max(question) or FULL_LIST)
        if is_last:
            self._not_listed(search, question, at)
        elif len(seen) == len(search.seen) or not all(moved):
            self._absent(search, question, at, is_all_told=False)
        elif traits.offset_param and min(moved) < self._begun_ms(question):  # what ended by then tells nothing of it
            self._not_listed(search, question, at)
        else:
            until = traits.history_until or traits.until_param
            further = {traits.offset_param: len(seen)} if traits.offset_param else {until: min(moved)}
            self._ask_over(msgspec.structs.replace(search, seen=seen), question, at, **further)

    def _not_listed(self, search: Search, question: AskOrder, at: int) -> None:
        traits = self._link.exchange.traits
        if search.among != "archive" and traits.archive_params and at - question.placed_at > traits.archived_after_ns:
            self._ask_over(msgspec.structs.replace(search, among="archive", seen=frozenset()), question, at)
        else:
            self._absent(search, question, at)

    def _begun_ms(self, question: AskOrder) -> int:
        """A moment before an order was placed, whatever the clocks differ by."""
        return max(0, self._link.clock.venue_ms(question.placed_at - MINUTE_NS))

    def _reported(self, search: Search, question: AskOrder, orders: Any, asked_at: int, at: int) -> bool:
        for order in orders:
            report = self._resting.report(order, question.instrument, asked_at)
            if report.order_id == question.order_id:
                if report.status is Status.UNKNOWN and search.among != "open":
                    if not search.is_whole or self._absent_ns(search, question) < self._link.settings.absence_ns:
                        self._fail(question, UNREAD, at)
                        return True
                    report = msgspec.structs.replace(report, status=Status.CANCELED)
                self._absent_since.pop(question.order_id, None)
                self._link.tell(OrderReported(at=at, order=report, venue_time=self._link.clock.venue_time(asked_at)))
                return True
        return False

    def _absent(self, search: Search, question: AskOrder, at: int, *, is_all_told: bool = True) -> None:
        settings = self._link.settings
        if not search.is_whole:
            self._fail(question, "not there, but more orders may rest than one answer holds", at)
            return
        if self._is_placing(question.order_id):
            self._fail(question, "not there, but its place is still under way", at)
            return
        absent_ns = self._absent_ns(search, question)
        if not self._link.exchange.traits.deadline_param and absent_ns < settings.absence_ns:
            self._fail(question, "not there, but it may still arrive", at)
            return
        if not is_all_told and absent_ns < settings.unlisted_ns:
            left_s = (settings.unlisted_ns - absent_ns) // SECOND_NS
            self._fail(question, f"{UNLISTED}: it counts for {left_s} s more unless it is found, {LOOK_THERE}", at)
            return
        venue_time, reason = self._link.clock.venue_time(search.asked_at), "" if is_all_told else UNLISTED
        self._link.tell(OrderNotFound(at=at, order_id=question.order_id, venue_time=venue_time, reason=reason))

    def _absent_ns(self, search: Search, question: AskOrder) -> int:
        """How long an order has not been among those that rest, as of this look."""
        since = self._absent_since.setdefault(question.order_id, search.asked_at)
        if len(self._absent_since) > ABSENT_REMEMBERED_MAX:
            del self._absent_since[next(iter(self._absent_since))]
        return search.asked_at - since

    def _over_max(self, question: AskOrder) -> int | None:
        kind = self._listed[question.instrument].instrument.kind
        return self._link.exchange.traits.history_limit or self._link.exchange.over_max.get(kind)

    def _symbol(self, question: AskOrder) -> str:
        return self._listed[question.instrument].symbol
