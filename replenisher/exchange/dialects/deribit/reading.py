"""The methods that only look: the market's data, and an account's orders, trades, positions and money."""

from itertools import islice
from typing import Any

from replenisher.exchange.dialects.deribit.catalogue import wire_kind
from replenisher.exchange.dialects.deribit.channels import WHOLE
from replenisher.exchange.dialects.deribit.desk import Call, Desk, Method
from replenisher.exchange.dialects.deribit.errors import NOT_IMPLEMENTED, ORDER_NOT_FOUND, refuse, refuse_param
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.shapes import Shape
from replenisher.exchange.words import AccountView, OrderView, PositionView
from replenisher.model.units import MS_NS, SECOND_NS

DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
SORTINGS = ("asc", "desc", "default")
SUMMARY_CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")
OFFSET_MAX = 10**9
HISTORY_COUNT = 20  # rows, where a client does not say how many
OLD_NS = 2 * 24 * 3600 * SECOND_NS  # an order that ended longer ago is told only to who asks for old ones


def get_instruments(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_instruments`; what has expired is not kept."""
    currency, kind = call.params.text("currency", WHOLE), call.params.text("kind", WHOLE)
    if call.params.flag("expired"):
        return []
    return [
        desk.shapes.instrument(view)
        for view in desk.catalogue.views()
        if currency in (WHOLE, view.instrument.settlement_currency) and kind in (WHOLE, wire_kind(view.instrument))
    ]


def get_instrument(desk: Desk, call: Call) -> Shape:
    """`public/get_instrument`."""
    return desk.shapes.instrument(desk.catalogue.view(call.params.text("instrument_name")))


def get_order_book(desk: Desk, call: Call) -> Shape:
    """`public/get_order_book`."""
    depth = call.params.whole("depth", 5)
    if depth not in DEPTHS:
        refuse_param("depth", "wrong format")
    return desk.shapes.order_book(call.params.text("instrument_name"), depth, call.at)


def ticker(desk: Desk, call: Call) -> Shape:
    """`public/ticker`."""
    return desk.shapes.ticker(call.params.text("instrument_name"), call.at)


def get_last_trades_by_instrument(desk: Desk, call: Call) -> Shape:
    """`public/get_last_trades_by_instrument`: the last ones, newest first unless asked otherwise."""
    for name in ("start_seq", "end_seq", "start_timestamp", "end_timestamp"):
        if name in call.params:
            refuse(NOT_IMPLEMENTED, {"param": name})
    count = call.params.count()
    instrument = desk.catalogue.instrument(call.params.text("instrument_name"))
    prints = sorted(desk.exchange.prints(instrument.name, count + 1), key=lambda printed: -printed.trade_seq)
    page = prints[:count]
    if call.params.choice("sorting", SORTINGS, "default") == "asc":
        page.reverse()
    return {"trades": [desk.shapes.print(printed, 0) for printed in page], "has_more": len(prints) > count}


def get_open_orders(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders`."""
    return _open_orders_of(desk, call, WHOLE)


def get_open_orders_by_currency(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders_by_currency`."""
    return _open_orders_of(desk, call, call.params.text("currency"))


def _open_orders_of(desk: Desk, call: Call, currency: str) -> list[Shape]:
    kind = call.params.text("kind", WHOLE)
    chosen = {instrument.name for instrument in desk.catalogue.in_currency(currency, kind)}
    return _orders(desk, [order for order in desk.exchange.open_orders(call.account) if order.instrument in chosen])


def get_open_orders_by_instrument(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders_by_instrument`."""
    instrument = desk.catalogue.instrument(call.params.text("instrument_name"))
    return _orders(desk, desk.exchange.open_orders(call.account, instrument.name))


def get_open_orders_by_label(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_open_orders_by_label`."""
    return _orders(desk, [order for order in _labelled(desk, call) if order.state == "open"])


def get_order_state(desk: Desk, call: Call) -> Shape:
    """`private/get_order_state`."""
    order = desk.exchange.order(call.account, call.params.text("order_id"))
    if order is None:
        refuse(ORDER_NOT_FOUND)
    return desk.shapes.order(order)


def get_order_state_by_label(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_order_state_by_label`: all that ever had it, the newest first."""
    return _orders(desk, _labelled(desk, call))


def get_order_history_by_instrument(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_order_history_by_instrument`: what has ended, the last one first.

    An order without a fill is told only on request, as is an old one. There is no archive here, so `historical` makes
    no difference.
    """
    params = call.params
    if params.flag("with_continuation") or "continuation" in params:
        refuse(NOT_IMPLEMENTED, {"param": "continuation"})
    params.flag("historical")
    include_old, include_unfilled = params.flag("include_old"), params.flag("include_unfilled")
    count, offset = params.count(HISTORY_COUNT), params.whole("offset", 0)
    if not 0 <= offset <= OFFSET_MAX:
        refuse_param("offset", "value not in range")
    ended = desk.exchange.ended_orders(call.account, desk.catalogue.instrument(params.text("instrument_name")).name)
    chosen = (
        order
        for order in ended
        if (include_old or call.at - order.updated_at <= OLD_NS) and (include_unfilled or order.filled_amount)
    )
    return _orders(desk, list(islice(chosen, offset, offset + count)))


def get_user_trades_by_instrument(desk: Desk, call: Call) -> Shape:
    """`private/get_user_trades_by_instrument`."""
    return _trades(desk, call)


def get_user_trades_by_instrument_and_time(desk: Desk, call: Call) -> Shape:
    """`private/get_user_trades_by_instrument_and_time`, where both times are required."""
    for name in ("start_timestamp", "end_timestamp"):
        call.params.whole(name)
    return _trades(desk, call)


def _trades(desk: Desk, call: Call) -> Shape:
    params = call.params
    if "end_seq" in params:
        refuse(NOT_IMPLEMENTED, {"param": "end_seq"})
    until = params.time_ns("end_timestamp")
    trades, has_more = desk.exchange.trades(
        call.account,
        instrument=desk.catalogue.instrument(params.text("instrument_name")).name,
        since=params.time_ns("start_timestamp"),
        until=None if until is None else until + MS_NS - 1,  # the whole of that millisecond
        start_seq=params.whole("start_seq") if "start_seq" in params else None,
        count=params.count(),
        newest_first=_newest_first(params),
    )
    return {"trades": desk.shapes.fills(trades, call.account), "has_more": has_more}


def _newest_first(params: Params) -> bool:
    """By default the page runs forward from where the client said to start, else back from now."""
    sorting = params.choice("sorting", SORTINGS, "default")
    if sorting == "default":
        return "start_seq" not in params and "start_timestamp" not in params
    return sorting == "desc"


def get_position(desk: Desk, call: Call) -> Shape:
    """`private/get_position`."""
    instrument = desk.catalogue.instrument(call.params.text("instrument_name"))
    return desk.shapes.position(desk.exchange.position(call.account, instrument.name), call.at)


def get_positions(desk: Desk, call: Call) -> list[Shape]:
    """`private/get_positions`: those that are not flat."""
    currency, kind = call.params.text("currency", WHOLE), call.params.text("kind", WHOLE)
    positions = _positions(desk, call, currency, kind)
    return [desk.shapes.position(position, call.at) for position in positions if position.size]


def get_account_summary(desk: Desk, call: Call) -> Shape:
    """`private/get_account_summary` of one currency."""
    currency = call.params.choice("currency", (*SUMMARY_CURRENCIES, *desk.catalogue.currencies()))
    summary = _summary(desk, call, desk.exchange.account(call.account, currency))
    return summary | _owner(desk, call) | {"limits": desk.limits} if call.params.flag("extended") else summary


def get_account_summaries(desk: Desk, call: Call) -> Shape:
    """`private/get_account_summaries`: one for every currency in which something settles here."""
    accounts = [desk.exchange.account(call.account, currency) for currency in desk.catalogue.currencies()]
    more = {"limits": desk.limits} if call.params.flag("extended") else {}
    summaries = [_summary(desk, call, account) | more for account in accounts]
    return _owner(desk, call) | {"summaries": summaries}


def _summary(desk: Desk, call: Call, account: AccountView) -> Shape:
    return desk.shapes.summary(account, _positions(desk, call, account.currency, WHOLE), call.at)


def _owner(desk: Desk, call: Call) -> Shape:
    return {
        "id": desk.shapes.user_id(call.account),
        "username": call.account,
        "system_name": call.account,
        "email": f"{call.account}@localhost",
        "type": "main",
        "creation_timestamp": 0,
        "login_enabled": False,
        "mmp_enabled": bool(desk.exchange.mmp_limits(call.account)),
        "referrer_id": None,
        "self_trading_reject_mode": desk.exchange.self_trading(call.account).mode,
        "self_trading_extended_to_subaccounts": desk.exchange.self_trading(call.account).extends_to_subaccounts,
    }


def _positions(desk: Desk, call: Call, currency: str, kind: str) -> list[PositionView]:
    return [
        desk.exchange.position(call.account, instrument.name)
        for instrument in desk.catalogue.in_currency(currency, kind)
    ]


def _labelled(desk: Desk, call: Call) -> list[OrderView]:
    chosen = {instrument.name for instrument in desk.catalogue.in_currency(call.params.text("currency"))}
    orders = desk.exchange.orders_by_label(call.account, call.params.text("label", default=""))
    return [order for order in orders if order.instrument in chosen]


def _orders(desk: Desk, orders: list[OrderView]) -> list[Any]:
    return [desk.shapes.order(order) for order in orders]


METHODS: dict[str, Method] = {
    "public/get_instruments": get_instruments,
    "public/get_instrument": get_instrument,
    "public/get_order_book": get_order_book,
    "public/ticker": ticker,
    "public/get_last_trades_by_instrument": get_last_trades_by_instrument,
    "private/get_open_orders": get_open_orders,
    "private/get_open_orders_by_currency": get_open_orders_by_currency,
    "private/get_open_orders_by_instrument": get_open_orders_by_instrument,
    "private/get_open_orders_by_label": get_open_orders_by_label,
    "private/get_order_state": get_order_state,
    "private/get_order_state_by_label": get_order_state_by_label,
    "private/get_order_history_by_instrument": get_order_history_by_instrument,
    "private/get_user_trades_by_instrument": get_user_trades_by_instrument,
    "private/get_user_trades_by_instrument_and_time": get_user_trades_by_instrument_and_time,
    "private/get_position": get_position,
    "private/get_positions": get_positions,
    "private/get_account_summary": get_account_summary,
    "private/get_account_summaries": get_account_summaries,
}
