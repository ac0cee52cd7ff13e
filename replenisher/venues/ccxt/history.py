"""Our trades since a time, read through ccxt to the last of them: window by window, and each window page by page.

Windows. Many exchanges answer for a week or a day from the beginning that they are told, and a short answer then says
nothing of what came later. So the next window is asked for where the last one ended, until one reaches now. What was
read to the end in this life was told in it: a later question goes back behind that by one window, and no further.

Pages. Some exchanges answer with the oldest trades since a time, others with the newest. A full page is therefore
followed back in time until nothing new comes, or what comes is older than was asked for, however many pages that takes:
to end sooner would leave a hole behind what is told. The engine is told that there may be more, so that it asks once
more from where this ended: with both kinds nothing is left out.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from replenisher.model.command import AskTrades
from replenisher.model.event import TradesReported
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.ccxt.calls import Call
from replenisher.venues.ccxt.holdings import charges_of, execution_id, fill_of
from replenisher.venues.ccxt.link import Asked, Link, Listed, Page
from replenisher.venues.ccxt.names import Names

FULL_PAGE = 50  # of trades, where the exchange's own limit is not known: no exchange gives fewer at once


class History:
    """Asks, and tells once an answer is whole, or once more has to be asked for from its end."""

    def __init__(self, link: Link, listed: Mapping[str, Listed], names: Names) -> None:
        self._link = link
        self._listed = listed
        self._names = names
        self._read_until: dict[str, int] = {}  # per instrument: the venue time of the last question that was read out

    def ask(self, question: AskTrades, at: int) -> None:
        """Ask the exchange, unless it is being asked and the last window, which answers this too, is still to come."""
        asked = self._link.calls.under_way()
        if any(isinstance(page, Page) and page.what.scope == question.scope and page.until for page in asked):
            return
        known_from = self._read_until.get(question.scope, 0) - self._reach_ns(question.scope)
        self._ask_window(Page(question, max(question.since, known_from)), at)

    def answered(self, page: Page, call: Call[Asked], trades: Any, at: int) -> None:
        """A page."""
        question = page.what
        fresh = {key: trade for trade in trades if (key := execution_id(trade)) not in page.have}
        page = msgspec.structs.replace(page, have={**page.have, **fresh})
        is_full = len(trades) >= (self._link.exchange.traits.trades_limit or FULL_PAGE)
        oldest_ms = min((int(trade["timestamp"]) for trade in fresh.values()), default=-1)  # of none: no more
        if is_full and oldest_ms >= page.since // MS_NS:
            self._ask(msgspec.structs.replace(page, is_cut=True), oldest_ms * MS_NS, at)
            return
        # It went beyond what was asked for again for safety's sake.
        has_more = page.is_cut and self._newest(page) > question.since + SECOND_NS
        if page.until and not has_more:
            self._ask_window(msgspec.structs.replace(page, since=page.until, is_cut=False), at)
        elif page.recent is None and self._may_be_archived(page, at):
            archived = Page(question, page.since, recent=msgspec.structs.replace(page, is_cut=has_more))
            self._ask(archived, 0, at)
        elif page.recent is None or has_more:  # of what is newer nothing may be told before all that is older
            self._tell(page, call, at, has_more=has_more)
        else:
            whole = msgspec.structs.replace(page, have={**page.have, **page.recent.have})
            self._tell(whole, call, at, has_more=page.recent.is_cut)

    def _tell(self, page: Page, call: Call[Asked], at: int, *, has_more: bool) -> None:
        question, executions = page.what, self._executions(page)
        instrument, traits = self._listed[question.scope].instrument, self._link.exchange.traits
        fills = tuple(fill_of(trade, self._names.of_trade(trade), instrument, traits, at) for trade in executions)
        if not has_more:
            self._read_until[question.scope] = self._link.clock.venue_time(call.asked_at)
        for trade, fill in zip(executions, fills, strict=True):
            for charge in charges_of(trade, fill):
                self._link.tell(charge)
        self._link.tell(TradesReported(at=at, scope=question.scope, fills=fills, has_more=has_more))

    def _newest(self, page: Page) -> int:
        return max((int(trade["timestamp"]) * MS_NS for trade in page.have.values()), default=0)

    def _may_be_archived(self, page: Page, at: int) -> bool:
        traits = self._link.exchange.traits
        age_ns = self._link.clock.venue_time(at) - page.since
        return bool(traits.archived_trades_params) and age_ns > traits.trades_archived_after_ns

    def _executions(self, page: Page) -> list[Mapping[str, Any]]:
        """All that we have of what was asked for, the oldest first."""
        wanted = [trade for trade in page.have.values() if int(trade["timestamp"]) >= page.what.since // MS_NS]
        return sorted(wanted, key=lambda trade: (int(trade["timestamp"]), execution_id(trade)))

    def _ask_window(self, page: Page, at: int) -> None:
        reach_ns = self._reach_ns(page.what.scope)
        until = page.since + reach_ns
        if not reach_ns or until >= self._link.clock.venue_time(at):
            until = 0
        self._ask(msgspec.structs.replace(page, until=until), until, at)

    def _ask(self, page: Page, until: int, at: int) -> None:
        symbol, is_archived = self._listed[page.what.scope].symbol, page.recent is not None
        self._link.ask_trades(page, symbol, page.since, at, until=until, is_archived=is_archived)

    def _reach_ns(self, key: str) -> int:
        return self._link.exchange.reach_ns.get(self._listed[key].instrument.kind, 0)
