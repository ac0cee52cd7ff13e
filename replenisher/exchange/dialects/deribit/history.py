"""The methods that look at an account's orders and trades.

Retention, as the venue has it: an order that ended stays for half an hour in what is told of the recent past, a trade
for a day. What is older is told to who asks for `historical` records, and only that is.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import (
    BAD_ARGUMENT,
    ORDER_NOT_FOUND,
    UNSUPPORTED_COMBINATION,
    refuse,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.holdings import check_subaccount
from replenisher.exchange.dialects.deribit.market_data import instrument, instruments, is_newest_first, period
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import Shape
from replenisher.exchange.dialects.deribit.trading import label, order_id_of
from replenisher.exchange.words import OrderState, OrderView, TradeView
from replenisher.model.units import DAY_NS, MINUTE_NS

ORDERS_RECENT_NS = 30 * MINUTE_NS
TRADES_RECENT_NS = DAY_NS
OFFSET_MAX = 10**9
HISTORY_COUNT = 20  # orders, where a client does not say how many
RESTING_TYPES = ("all", "limit")
OTHER_TYPES = ("trigger_all", "stop_all", "stop_limit", "stop_market", "take_all", "take_limit", "take_market")
TYPES = (*RESTING_TYPES, *OTHER_TYPES, "trailing_all", "trailing_stop")


# --- Orders ---------------------------------------------------------------------------------------------------------


def get_open_orders(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders`, and by currency."""
    return _open(desk, call, {each.name for each in instruments(desk, call)})


def get_open_orders_by_instrument(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders_by_instrument`."""
    return _open(desk, call, {instrument(desk, call).name})


def _open(desk: Desk, call: Call, names: set[str]) -> list[Shape]:
    if call.params.choice("type", TYPES, default="all") not in RESTING_TYPES:
        return []
    return _orders(desk, (order for order in desk.views.open_orders(call.account) if order.instrument in names))


def get_open_orders_by_label(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders_by_label`."""
    return _orders(desk, (order for order in _labelled(desk, call) if order.state is OrderState.OPEN))


def get_order_state(desk: Desk, call: Call) -> Shape:
    """`private/get_order_state`, whatever it is."""
    order = desk.views.order(call.account, order_id_of(call.params))
    if order is None:
        refuse(ORDER_NOT_FOUND)
    return desk.shapes.order(order)


def get_order_state_by_label(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_order_state_by_label`: those that rest or ended lately, the newest first."""
    return _orders(desk, (order for order in _labelled(desk, call) if _is_recent(order, call.at)))


def get_order_history_by_instrument(desk: Desk, call: Call) -> Any:
    """`private/get_order_history_by_instrument`."""
    return _ended(desk, call, {instrument(desk, call).name})


def get_order_history_by_currency(desk: Desk, call: Call) -> Any:
    """`private/get_order_history_by_currency`."""
    return _ended(desk, call, {each.name for each in instruments(desk, call)})


def _ended(desk: Desk, call: Call, names: set[str]) -> Any:
    """What has ended, the last one first; an order without a fill is told only on request."""
    params = call.params
    wanted = _retained(call, lambda order: _is_recent(order, call.at))
    with_unfilled = params.flag("include_unfilled")
    count, offset = params.count(HISTORY_COUNT), params.whole("offset", 0)
    if not 0 <= offset <= OFFSET_MAX:
        refuse_param("offset", "value not in range")
    ended = (
        order
        for order in desk.views.ended_orders(call.account, names)
        if wanted(order) and (with_unfilled or order.filled_amount)
    )
    if not params.flag("with_continuation") and "continuation" not in params:
        return _orders(desk, islice(ended, offset, offset + count))
    page = list(islice(_after(ended, params.text("continuation", default="")), offset, offset + count + 1))
    more = len(page) > count
    return {"orders": _orders(desk, page[:count]), "continuation": page[count - 1].order_id if more else None}


def _after(orders: Iterator[OrderView], continuation: str) -> Iterator[OrderView]:
    """What comes after the order with which the page before ended."""
    if continuation and not any(order.order_id == continuation for order in orders):
        refuse(BAD_ARGUMENT)
    return orders


def _labelled(desk: Desk, call: Call) -> list[OrderView]:
    names = {each.name for each in instruments(desk, call)}
    return [
        order for order in desk.views.orders_by_label(call.account, label(call.params)) if order.instrument in names
    ]


def _is_recent(order: OrderView, at: int) -> bool:
    return order.state is OrderState.OPEN or at - order.updated_at <= ORDERS_RECENT_NS


def _orders(desk: Desk, orders: Iterable[OrderView]) -> list[Shape]:
    return [desk.shapes.order(order) for order in orders]


# --- Trades ---------------------------------------------------------------------------------------------------------


def get_user_trades_by_order(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_user_trades_by_order`: a bare list."""
    order_id = order_id_of(call.params)
    order = desk.views.order(call.account, order_id)
    if order is None:
        refuse(ORDER_NOT_FOUND)
    trades = (trade for trade in _trades(desk, call, {order.instrument}) if trade.order_id == order_id)
    return desk.shapes.fills(trades, call.account)


def get_user_trades_by_instrument(desk: Desk, call: Call) -> Shape:
    """`private/get_user_trades_by_instrument`, with or without bounds of time."""
    return _page(desk, call, {instrument(desk, call).name})


def get_user_trades_by_currency(desk: Desk, call: Call) -> Shape:
    """`private/get_user_trades_by_currency`, with or without bounds of time."""
    return _page(desk, call, {each.name for each in instruments(desk, call)})


def _page(desk: Desk, call: Call, names: set[str]) -> Shape:
    count = call.params.count()
    page = list(islice(_trades(desk, call, names), count + 1))
    return {"trades": desk.shapes.fills(page[:count], call.account), "has_more": len(page) > count}


def _trades(desk: Desk, call: Call, names: set[str]) -> Iterator[TradeView]:
    """The trades of some instruments that a request is about, in the order in which it wants them."""
    params = call.params
    check_subaccount(desk, call)
    wanted = _retained(call, lambda trade: call.at - trade.at <= TRADES_RECENT_NS)
    start, end = period(call)
    first, last = (params.whole(name) if name in params else None for name in ("start_seq", "end_seq"))
    first_id, last_id = params.id_number("start_id"), params.id_number("end_id")
    newest_first = is_newest_first(call)
    trades = desk.views.trades(call.account, since=start, until=end, newest_first=newest_first)
    return (
        trade
        for trade in trades
        if trade.instrument in names
        and wanted(trade)
        and (first is None or trade.trade_seq >= first)
        and (last is None or trade.trade_seq <= last)
        and (first_id is None or int(trade.trade_id) >= first_id)
        and (last_id is None or int(trade.trade_id) <= last_id)
    )


def _retained(call: Call, is_recent: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Which records a request is about: the recent ones, the others, or (an older parameter) all of them."""
    historical, old = call.params.flag("historical"), call.params.flag("include_old")
    if historical and old:
        refuse(UNSUPPORTED_COMBINATION)
    if historical:
        return lambda record: not is_recent(record)
    return (lambda _: True) if old else is_recent


def _row(answer: Any, takes: str) -> Method:
    return method(answer, takes, scope="trade:read")


_HISTORY = "count offset include_old include_unfilled with_continuation continuation historical"
_SORTED = "sorting historical include_old subaccount_id"
METHODS: dict[str, Method] = {
    "private/get_open_orders": _row(get_open_orders, "kind type"),
    "private/get_open_orders_by_instrument": _row(get_open_orders_by_instrument, "instrument_name* type"),
    "private/get_open_orders_by_currency": _row(get_open_orders, "currency* kind type"),
    "private/get_open_orders_by_label": _row(get_open_orders_by_label, "currency* label"),
    "private/get_order_state": _row(get_order_state, "order_id*"),
    "private/get_order_state_by_label": _row(get_order_state_by_label, "currency* label"),
    "private/get_order_history_by_instrument": _row(get_order_history_by_instrument, f"instrument_name* {_HISTORY}"),
    "private/get_order_history_by_currency": _row(get_order_history_by_currency, f"currency* kind {_HISTORY}"),
    "private/get_user_trades_by_order": _row(get_user_trades_by_order, f"order_id* {_SORTED}"),
    "private/get_user_trades_by_instrument": _row(
        get_user_trades_by_instrument,
        f"instrument_name* start_seq end_seq count start_timestamp end_timestamp {_SORTED}",
    ),
    "private/get_user_trades_by_instrument_and_time": _row(
        get_user_trades_by_instrument, f"instrument_name* start_timestamp* end_timestamp? count {_SORTED}"
    ),
    "private/get_user_trades_by_currency": _row(
        get_user_trades_by_currency, f"currency* kind start_id end_id count start_timestamp end_timestamp {_SORTED}"
    ),
    "private/get_user_trades_by_currency_and_time": _row(
        get_user_trades_by_currency, f"currency* kind start_timestamp* end_timestamp? count {_SORTED}"
    ),
}
