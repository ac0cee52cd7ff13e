"""The engine's questions through ccxt: what rests, what became of an order, our trades, our position, our cash."""

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
    PositionReported,
    QuestionFailed,
)
from replenisher.venues.ccxt.calls import Call, Failure
from replenisher.venues.ccxt.cash import Cash
from replenisher.venues.ccxt.history import History
from replenisher.venues.ccxt.holdings import (
    UNREADABLE,
    position_of,
)
from replenisher.venues.ccxt.instruments import spelled
from replenisher.venues.ccxt.link import Asked, CashPage, Funding, Link, Listed, Page, Part, Search, Wallets
from replenisher.venues.ccxt.lookup import Lookup
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.resting import Resting
from replenisher.venues.ccxt.wallets import Balances


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
        self._resting = resting
        self._lookup = Lookup(link, listed, names, resting, is_placing, self.fail)
        self._history = History(link, listed, names)
        self._balances = Balances(link, listed)
        self._cash = Cash(link, listed)

    def ask(self, question: Question, at: int) -> None:
        """Ask the exchange."""
        match question:
            case AskOpenOrders():
                self._resting.ask(question, at)
            case AskOrder():
                self._lookup.ask(question, at)
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

    def follow(self, at: int) -> None:
        """An earlier life may have left no credits."""
        self._cash.follow(at)

    def wake(self, at: int) -> None:
        """Ask for what had to wait."""
        self._cash.line.wake(at)

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        return self._cash.line.next_wake

    def forget(self) -> None:
        """The session is over."""
        self._cash.line.clear()

    def fail(self, question: Question, message: str, at: int) -> None:
        """There is no answer; the engine asks again."""
        name, subject = type(question).__name__, question.subject
        self._link.tell(QuestionFailed(at=at, venue=self._link.venue, question=name, subject=subject, message=message))

    # --- What is answered -----------------------------------------------------------------------------------------

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """The answer to a question, or to a step towards it."""
        try:
            match call.what:
                case Search(what=AskOrder() as question) as search:
                    self._lookup.answered(search, question, call, value, at)
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
            case Search(what=AskOrder() as question) as search:
                self._lookup.failed(search, question, failure, at)
                return ""
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
