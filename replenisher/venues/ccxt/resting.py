"""Which orders of ours rest: asked of one instrument, or of all that we trade where the exchange tells that at once.

Asked without a symbol, few exchanges tell of a whole account; most tell of one kind of market, of a first page, or
refuse. Those that do are known by name (`Traits.tells_all_open`). ccxt's Deribit wants a currency instead, and is asked
for one after the other; the answer is whole when the last one is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from replenisher.core.topic import Topic
from replenisher.model.command import AskOpenOrders
from replenisher.model.event import OpenOrdersReported, OrderReport
from replenisher.venues.ccxt.calls import Call
from replenisher.venues.ccxt.holdings import report_of
from replenisher.venues.ccxt.link import Asked, CheckOrders, Link, Listed, Part
from replenisher.venues.ccxt.names import Names

WHOLE = ""  # of the account, for which no currency has to be named


class Resting:
    """Asks, and tells once an answer is whole."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        names: Names,
    ) -> None:
        self._link = link
        self._listed = listed
        self._names = names

    @property
    def scopes(self) -> Sequence[str]:
        """What has to be asked so that all of it is told."""
        is_one_question = len(self._listed) > 1 and Topic.OPEN_ORDERS in self._link.exchange.traits.tells_at_once
        return [self._link.venue] if is_one_question else list(self._listed)

    def ask(self, what: AskOpenOrders | CheckOrders, at: int) -> None:
        """Ask what rests."""
        if what.scope != self._link.venue:
            self._link.ask_open_orders(what, self._listed[what.scope].symbol, at)
            return
        currencies = {listed.instrument.settlement_currency for listed in self._listed.values()}
        of = tuple(sorted(currencies)) if self._link.exchange.traits.currency_param else (WHOLE,)
        self._ask_part(Part(what, of, asked_at=at), at)

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """The answer, or a part of it."""
        match call.what:
            case Part(what=what, of=(_, *left), asked_at=asked_at, have=have):
                together = (*have, *self._reports(value, call.asked_at))
                if left:
                    self._ask_part(Part(what, tuple(left), asked_at, together), at)
                else:
                    self._link.tell(OpenOrdersReported(at=at, scope=what.scope, asked_at=asked_at, orders=together))
            case AskOpenOrders(scope=scope) | CheckOrders(scope=scope):
                reports = tuple(self.report(order, scope, call.asked_at) for order in value)
                self._link.tell(OpenOrdersReported(at=at, scope=scope, asked_at=call.asked_at, orders=reports))
            case _:
                raise AssertionError("this does not ask what rests")

    def report(self, order: Mapping[str, Any], key: str, asked_at: int) -> OrderReport:
        """One order on an instrument of ours."""
        # As of when we asked: what the stream has told since then is newer.
        as_of = self._link.clock.venue_time(asked_at)
        name = self._names.of_order(order)
        return report_of(order, name, self._listed[key].instrument, self._link.exchange.traits, as_of)

    def _reports(self, orders: Sequence[Mapping[str, Any]], asked_at: int) -> list[OrderReport]:
        """Those on what we trade; what others have elsewhere on the account is left out."""
        keys = {listed.symbol: key for key, listed in self._listed.items()}
        return [self.report(order, keys[order["symbol"]], asked_at) for order in orders if order.get("symbol") in keys]

    def _ask_part(self, part: Part, at: int) -> None:
        currency, param = part.of[0], self._link.exchange.traits.currency_param
        self._link.calls.ask(part, at, "fetch_open_orders", None, None, None, {param: currency} if currency else {})
