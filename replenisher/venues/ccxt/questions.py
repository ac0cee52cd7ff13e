"""The engine's questions through ccxt: what rests, what became of an order, our trades, our position, our cash.

Not found. ccxt cannot ask for an order by our own name everywhere, so it is sought: first among the orders that rest,
then by its id if we know it, else in the list of those that are over. That it is in neither proves something only if
all that rest were in the answer, and when the venue can no longer execute the place. Where a request carries a
deadline, the engine's own fence sees to that. Where it does not, the place must have been answered or given up by ccxt,
and the order must have been absent for `absence_ns` from the first answer to the last.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from replenisher.model.command import (
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    Question,
)
from replenisher.model.event import (
    OrderNotFound,
    OrderReported,
    PositionReported,
    QuestionFailed,
)
from replenisher.model.units import MINUTE_NS
from replenisher.venues.ccxt.calls import Call, Failure
from replenisher.venues.ccxt.cash import Cash
from replenisher.venues.ccxt.history import History
from replenisher.venues.ccxt.holdings import (
    UNREADABLE,
    position_of,
)
from replenisher.venues.ccxt.instruments import spelled
from replenisher.venues.ccxt.link import Asked, CashPage, Funding, Link, Listed, Page, Part, Search, Wallets
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.resting import Resting
from replenisher.venues.ccxt.wallets import Balances

ABSENT_REMEMBERED_MAX = 1000


class Questions:
    """Asks, and answers with one fact a question."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        names: Names,
        resting: Resting,
        is_placing: Callable[[str], bool],
    ) -> None:
        self._link = link
        self._listed = listed
        self._names = names
        self._resting = resting
        self._is_placing = is_placing
        self._absent_since: dict[str, int] = {}
        self._history = History(link, listed, names)
        self._balances = Balances(link, listed)
        self._cash = Cash(link, listed)

    def ask(self, question: Question, at: int) -> None:
        """Ask the exchange."""
        match question:
            case AskOpenOrders():
                self._resting.ask(question, at)
            case AskOrder(instrument=key):
                search = Search(question, "open")
                self._link.ask_open_orders(search, self._listed[key].symbol, at)
            case AskTrades():
                self._history.ask(question, at)
            case AskPosition():
                self._ask_position(question, at)
            case AskBalance():
                self._balances.ask(question, at)
            case AskCash():
                self._cash.ask(question, at)
            case _:
                assert_never(question)

    def fail(self, question: Question, message: str, at: int) -> None:
        """There is no answer; the engine asks again."""
        name, subject = type(question).__name__, question.subject
        self._link.tell(QuestionFailed(at=at, venue=self._link.venue, question=name, subject=subject, message=message))

    # --- What is answered -----------------------------------------------------------------------------------------

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """The answer to a question, or to a step towards it."""
        try:
            match call.what:
                case Search(what=AskOrder() as asked, among="open"):
                    self._sought_among_open(asked, value, call.asked_at, at)
                case Search(what=AskOrder() as asked, is_whole=is_whole):
                    self._sought_among_over(asked, value, call.asked_at, at, is_whole=is_whole)
                case Page() as page:
                    self._history.answered(page, call, value, at)
                case CashPage() | Funding():
                    self._cash.answered(call, value, at)
                case AskOpenOrders() | Part():
                    self._resting.answered(call, value, at)
                case AskPosition(scope=key):
                    self._link.tell(self._position(key, value, at))
                case Wallets() as asked:
                    self._balances.answered(asked, value, at)
                case _:
                    raise AssertionError("this is no question")
        except UNREADABLE as error:
            self.failed(call, Failure("Unreadable", repr(error)), at)

    def failed(self, call: Call[Asked], failure: Failure, at: int) -> str:
        """A question that was refused or lost; returns why it is no use to ask again, if it is none."""
        match call.what:
            case Search(what=AskOrder() as asked, among="over", is_whole=is_whole) if failure.kind == "OrderNotFound":
                self._absent(asked, call.asked_at, at, is_whole=is_whole)
            case Search(what=AskOrder() as question):
                self.fail(question, str(failure), at)
            case Part(what=AskOpenOrders() as question):
                self.fail(question, str(failure), at)
            case Page(what=question) | Wallets(what=question) | CashPage(what=question) | Funding(what=question):
                self.fail(question, str(failure), at)
            case AskOpenOrders() | AskPosition() as question:
                self.fail(question, str(failure), at)
            case _:
                raise AssertionError("this is no question")
        return f"through ccxt it cannot tell what we must know: {failure}" if failure.kind == "NotSupported" else ""

    def _ask_position(self, question: AskPosition, at: int) -> None:
        exchange, listed = self._link.exchange, self._listed[question.scope]
        if exchange.can("fetchPosition") and exchange.traits.tells_position_alone:
            self._link.calls.ask(question, at, "fetch_position", listed.symbol)
        else:
            params = spelled(exchange.traits.positions_params, listed.instrument)
            self._link.calls.ask(question, at, "fetch_positions", [listed.symbol], *([params] if params else []))

    def _position(self, key: str, value: Any, at: int) -> PositionReported:
        if isinstance(value, list):
            value = next((each for each in value if each.get("symbol") == self._listed[key].symbol), None)
        amount, average_price = position_of(value)
        return PositionReported(at=at, instrument=key, amount=amount, average_price=average_price)

    # --- One order ------------------------------------------------------------------------------------------------

    def _sought_among_open(self, question: AskOrder, orders: Any, asked_at: int, at: int) -> None:
        if self._reported(question, orders, asked_at, at):
            return
        symbol, exchange = self._listed[question.instrument].symbol, self._link.exchange
        venue_order_id = self._names.id_of(question.order_id)
        if venue_order_id and exchange.can("fetchOrder"):
            params = [dict(told)] if (told := exchange.traits.order_params) else []
            self._link.calls.ask(Search(question, "over"), at, "fetch_order", venue_order_id, symbol, *params)
            return
        limit = exchange.traits.open_limit
        is_whole = limit is None or len(orders) < limit
        for what, method in (
            ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders"),
            ("fetchOrders", "fetch_orders"),
            ("fetchClosedOrders", "fetch_closed_orders"),
        ):
            if exchange.can(what):
                over = Search(question, "over", is_whole)
                since_ms = max(0, self._link.clock.venue_ms(question.placed_at - MINUTE_NS))  # the clocks may differ
                self._link.calls.ask(over, at, method, symbol, since_ms, None, dict(exchange.traits.history_params))
                return
        self._absent(question, asked_at, at, is_whole=is_whole)

    def _sought_among_over(self, question: AskOrder, value: Any, asked_at: int, at: int, *, is_whole: bool) -> None:
        orders = [value] if isinstance(value, Mapping) else value
        if not self._reported(question, orders, asked_at, at):
            self._absent(question, asked_at, at, is_whole=is_whole)

    def _reported(self, question: AskOrder, orders: Any, asked_at: int, at: int) -> bool:
        for order in orders:
            report = self._resting.report(order, question.instrument, asked_at)
            if report.order_id == question.order_id:
                self._absent_since.pop(question.order_id, None)
                self._link.tell(OrderReported(at=at, order=report, venue_time=self._link.clock.venue_time(asked_at)))
                return True
        return False

    def _absent(self, question: AskOrder, asked_at: int, at: int, *, is_whole: bool) -> None:
        order_id = question.order_id
        if not is_whole:
            self.fail(question, "not there, but more orders may rest than one answer holds", at)
            return
        if self._is_placing(order_id):
            self.fail(question, "not there, but its place is still under way", at)
            return
        since = self._absent_since.setdefault(order_id, asked_at)
        if len(self._absent_since) > ABSENT_REMEMBERED_MAX:
            del self._absent_since[next(iter(self._absent_since))]
        if not self._link.exchange.traits.deadline_param and asked_at - since < self._link.settings.absence_ns:
            self.fail(question, "not there, but it may still arrive", at)
            return
        self._link.tell(OrderNotFound(at=at, order_id=order_id, venue_time=self._link.clock.venue_time(asked_at)))
