"""The methods that place, amend and cancel one order."""

import re
from collections.abc import Mapping
from decimal import Decimal

from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import (
    ALREADY_CLOSED,
    ALREADY_FILLED,
    INVALID_ARGUMENTS,
    INVALID_INSTRUMENT,
    INVALID_MAX_SHOW,
    INVALID_MAX_SHOW_AMOUNT,
    INVALID_ORDER_ID,
    NO_ADVANCED_FOR_FUTURES,
    NO_PRICE_MODIFICATION,
    NON_INTEGER_CONTRACTS,
    NON_UNIQUE_LABEL,
    NOT_ADVANCED,
    NOT_IMPLEMENTED,
    ORDER_NOT_FOUND,
    POST_ONLY_NOT_ALLOWED,
    refuse,
    refuse_for,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.methods import NOTHING, Answer, Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import Shape
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.words import (
    OrderRequest,
    OrderState,
    OrderType,
    OrderView,
    Outcome,
    Refusal,
    TimeInForce,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

LABEL_LENGTH_MAX = 64
ORDER_TYPES = tuple(OrderType)
TIMES_IN_FORCE = tuple(TimeInForce)
REFUSED_VALUES = {
    "type": ("stop_limit", "take_limit", "stop_market", "take_market", "market_limit", "trailing_stop"),
    "time_in_force": ("good_til_day",),
}
REFUSED_WHEN = {"display_amount": "less than the amount"}
ORDER_ID = re.compile(r"([A-Z]{3,5}-)?[0-9]{1,20}")
ENDED = {OrderState.FILLED: ALREADY_FILLED, OrderState.CANCELLED: ALREADY_CLOSED, OrderState.REJECTED: ALREADY_CLOSED}


def buy(desk: Desk, call: Call) -> Shape:
    """`private/buy`."""
    return _place(desk, call, Side.BUY)


def sell(desk: Desk, call: Call) -> Shape:
    """`private/sell`."""
    return _place(desk, call, Side.SELL)


def _place(desk: Desk, call: Call, side: Side) -> Shape:
    params = call.params
    if "advanced" in params:
        refuse(NO_ADVANCED_FOR_FUTURES)
    instrument = desk.catalogue.instrument(params.text("instrument_name"), missing=INVALID_INSTRUMENT)
    order_type = OrderType(params.choice("type", ORDER_TYPES, default=ORDER_TYPES[0]))
    # The reference says that an order is post-only by default; its own examples and clients know better.
    post_only = params.flag("post_only")
    if post_only and order_type is OrderType.MARKET:
        refuse(POST_ONLY_NOT_ALLOWED)
    amount = _amount(params, instrument)
    _check_shown(params, amount)
    outcome = desk.exchange.place(
        OrderRequest(
            account=call.account,
            connection=call.session.connection,
            instrument=instrument.name,
            side=side,
            amount=amount,
            price=params.decimal("price") if order_type is OrderType.LIMIT else None,
            order_type=order_type,
            time_in_force=TimeInForce(params.choice("time_in_force", TIMES_IN_FORCE, default=TIMES_IN_FORCE[0])),
            post_only=post_only,
            reject_post_only=params.flag("reject_post_only"),
            reduce_only=params.flag("reduce_only"),
            mmp=params.flag("mmp"),
            mmp_group=params.text("mmp_group", default=""),
            label=label(params),
            valid_until=params.time_ns("valid_until"),
            method=call.method,
        ),
        call.at,
    )
    return _order_and_trades(desk, call, outcome)


def edit(desk: Desk, call: Call) -> Shape:
    """`private/edit`: the amount is the total, what was filled included; a flag that is not said stays as it was."""
    order_id = order_id_of(call.params)
    return _edit(desk, call, order_id, desk.views.order(call.account, order_id))


def edit_by_label(desk: Desk, call: Call) -> Shape:
    """`private/edit_by_label`, where exactly one open order of the instrument has the label."""
    instrument = desk.catalogue.instrument(call.params.text("instrument_name"), missing=INVALID_INSTRUMENT)
    wanted = label(call.params)
    orders = [order for order in desk.views.open_orders(call.account, instrument.name) if order.label == wanted]
    if not orders:
        refuse(ORDER_NOT_FOUND)
    if len(orders) > 1:
        refuse(NON_UNIQUE_LABEL)
    return _edit(desk, call, orders[0].order_id, orders[0])


def _edit(desk: Desk, call: Call, order_id: str, order: OrderView | None) -> Shape:
    """Amend an order; `order` is None if it is not of this account, and the exchange says what then."""
    params = call.params
    if "advanced" in params:
        refuse(NOT_ADVANCED)
    amount = _amount(params, desk.catalogue.instrument(order.instrument)) if order else params.decimal("amount")
    _check_shown(params, amount)
    outcome = desk.exchange.amend(
        call.account,
        order_id,
        amount=amount,
        price=params.decimal("price") if "price" in params else None,
        post_only=params.flag("post_only") if "post_only" in params else None,
        reject_post_only=True,  # an edit never finds a price of its own
        valid_until=params.time_ns("valid_until"),
        method=call.method,
        at=call.at,
    )
    if outcome.refusal is Refusal.POST_ONLY:
        own = order is not None and order.reject_post_only
        if not params.flag("reject_post_only", default=own):
            refuse(NO_PRICE_MODIFICATION)
    if outcome.refusal is Refusal.NOT_OPEN and (ended := desk.views.order(call.account, order_id)) is not None:
        refuse(ENDED[ended.state])  # `order` may be from before: the market goes on while the exchange judges
    return _order_and_trades(desk, call, outcome)


def cancel(desk: Desk, call: Call) -> Shape:
    """`private/cancel` answers the order as it ended."""
    outcome = desk.exchange.cancel(call.account, order_id_of(call.params), method=call.method, at=call.at)
    return desk.shapes.order(_order(outcome))


def order_id_of(params: Params) -> str:
    """An id as the venue makes them."""
    order_id = params.text("order_id")
    if not ORDER_ID.fullmatch(order_id):
        refuse(INVALID_ORDER_ID)
    return order_id


def label(params: Params) -> str:
    """What a client calls its order; empty if it does not."""
    text = params.text("label", default="")
    if len(text) > LABEL_LENGTH_MAX:
        refuse_param("label", "value too long")
    return text


def _amount(params: Params, instrument: Instrument) -> Decimal:
    """The amount, said directly or in contracts; both must mean the same."""
    if "contracts" not in params:
        return params.decimal("amount")
    contracts = params.decimal("contracts")
    if contracts != contracts.to_integral_value():
        refuse(NON_INTEGER_CONTRACTS)
    amount = contracts * instrument.lot
    if "amount" in params and params.decimal("amount") != amount:
        refuse(INVALID_ARGUMENTS)
    return amount


def _check_shown(params: Params, amount: Decimal) -> None:
    """Orders are shown whole: an iceberg is refused, and so is one that makes no sense."""
    if "display_amount" not in params:
        return
    shown = params.decimal("display_amount")
    if shown < 0:
        refuse(INVALID_MAX_SHOW)
    if shown > amount:
        refuse(INVALID_MAX_SHOW_AMOUNT)
    if shown < amount:
        refuse(NOT_IMPLEMENTED, {"param": "display_amount"})


def _order(outcome: Outcome) -> OrderView:
    if outcome.refusal is not None:
        refuse_for(outcome.refusal, outcome.limit)
    assert outcome.order is not None, "what was not refused has an order"
    return outcome.order


def _order_and_trades(desk: Desk, call: Call, outcome: Outcome) -> Shape:
    order = _order(outcome)
    return {"order": desk.shapes.order(order), "trades": desk.shapes.fills(outcome.trades, call.account)}


_TRIGGERS = "trigger_price- trigger_offset- trigger-"
_PLACE = (
    "instrument_name* amount contracts type label price time_in_force display_amount post_only reject_post_only"
    f" reduce_only {_TRIGGERS} advanced mmp mmp_group valid_until linked_order_type- trigger_fill_condition-"
    " otoco_config-"
)
_EDIT = (
    "amount contracts price post_only reduce_only- reject_post_only advanced trigger_price- trigger_offset- mmp-"
    " valid_until display_amount"
)
_WRITES = "trade:read_write"


def _row(answer: Answer, takes: str, refused_values: Mapping[str, tuple[str, ...]] = NOTHING) -> Method:
    return method(
        answer,
        takes,
        scope=_WRITES,
        pool=Pool.TRADING,
        refused_values=refused_values,
        refused_when=REFUSED_WHEN,
    )


METHODS: dict[str, Method] = {
    "private/buy": _row(buy, _PLACE, REFUSED_VALUES),
    "private/sell": _row(sell, _PLACE, REFUSED_VALUES),
    "private/edit": _row(edit, f"order_id* {_EDIT}"),
    "private/edit_by_label": _row(edit_by_label, f"label instrument_name* {_EDIT}"),
    "private/cancel": method(cancel, "order_id*", scope=_WRITES, pool=Pool.TRADING),
}
