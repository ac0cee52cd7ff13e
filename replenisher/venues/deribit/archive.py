"""Deribit's archive: what ended over a day (trades) or half an hour (orders) ago is told only to who asks there.

Trades are read in order of time, so the archive comes before what is recent. An order is sought the other way round:
among the recent ones first, then page by page back in time, until there can be nothing about it any more.
"""

from replenisher.model.command import AskOrder
from replenisher.model.instrument import Instrument
from replenisher.model.units import DAY_NS, MINUTE_NS
from replenisher.venues.deribit import codec, requests

ORDERS_PER_PAGE = 1000
CLOCKS_DIFFER_NS = MINUTE_NS  # at the most
TRADES_ARCHIVED_AFTER_NS = DAY_NS - CLOCKS_DIFFER_NS
ORDERS_ARCHIVED_AFTER_NS = 30 * MINUTE_NS - CLOCKS_DIFFER_NS


class ArchivedTrades:
    """Of which instruments one session still has to read archived trades."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._read: set[str] = set()  # to the end

    def asks(self, instrument: str, since: int, at: int) -> bool:
        """Whether the next question for trades goes to the archive."""
        is_archived = at - since > TRADES_ARCHIVED_AFTER_NS and instrument not in self._read
        if is_archived:
            self._asked.add(instrument)
        return is_archived

    def answered(self, instrument: str, has_more: bool) -> bool:
        """Whether there are more trades than this answer has, of which we are told what the venue says about it."""
        if instrument not in self._asked:
            return has_more
        self._asked.discard(instrument)
        if not has_more:
            self._read.add(instrument)
        return True  # what is recent comes after the archive

    def forget(self) -> None:
        """The session is over."""
        self._asked.clear()
        self._read.clear()


def may_have(question: AskOrder, at: int) -> bool:
    """An order that was placed long ago may as well have ended long ago."""
    return at - question.placed_at > ORDERS_ARCHIVED_AFTER_NS


def search(instrument: Instrument, continuation: str | None) -> dict[str, requests.Param]:
    """What to ask `private/get_order_history_by_instrument` for one page of orders, the latest first."""
    params: dict[str, requests.Param] = {
        "instrument_name": instrument.name,
        "count": ORDERS_PER_PAGE,
        "include_unfilled": True,
        "historical": True,
        "with_continuation": True,
    }
    if continuation is not None:
        params["continuation"] = continuation
    return params


def next_page(question: AskOrder, page: codec.OrdersPage) -> str | None:
    """Where the search goes on; what ended before an order was placed tells nothing about it."""
    oldest = min((order.venue_time for order in page.orders), default=0)
    return page.continuation if oldest >= question.placed_at - CLOCKS_DIFFER_NS else None
