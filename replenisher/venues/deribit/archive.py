"""Deribit's archive of orders: what ended over half an hour ago is told only to who asks there.

An order is sought among the recent ones first, then page by page back in time, until there can be nothing about it any
more.
"""

from replenisher.model.command import AskOrder
from replenisher.model.instrument import Instrument
from replenisher.model.units import MINUTE_NS
from replenisher.venues.deribit import private, requests

ORDERS_PER_PAGE = 1000
CLOCKS_DIFFER_NS = MINUTE_NS  # at the most
ORDERS_ARCHIVED_AFTER_NS = 30 * MINUTE_NS - CLOCKS_DIFFER_NS


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


def next_page(question: AskOrder, page: private.OrdersPage) -> str | None:
    """Where the search goes on; what ended before an order was placed tells nothing about it."""
    oldest = min((order.venue_time for order in page.orders), default=0)
    return page.continuation if oldest >= question.placed_at - CLOCKS_DIFFER_NS else None
