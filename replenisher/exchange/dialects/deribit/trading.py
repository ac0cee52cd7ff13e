"""The methods that place, amend and cancel orders."""

from decimal import Decimal
from typing import Any

from replenisher.exchange.dialects.deribit.desk import Call, Desk, Method
from replenisher.exchange.dialects.deribit.errors import (
    NOT_IMPLEMENTED,
    ORDER_NOT_FOUND,
    refuse,
    refuse_for,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.shapes import Shape
from replenisher.exchange.words import OrderRequest, OrderType, OrderView, Outcome, TimeInForce
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

LABEL_LENGTH_MAX = 64
ORDER_TYPES = tuple(OrderType)
OTHER_ORDER_TYPES = ("stop_limit", "take_limit", "stop_market", "take_market", "market_limit", "trailing_stop")
TIMES_IN_FORCE = tuple(TimeInForce)
OTHER_TIMES_IN_FORCE = ("good_til_day",)
NOT_OFFERED = ("detailed",)  # flags of the venue that this exchange does not have


def buy(desk: Desk, call: Call) -> Shape:
    """`private/buy`."""
    return _place(desk, call, Side.BUY)


def sell(desk: Desk, call: Call) -> Shape:
    """`private/sell`."""
    return _place(desk, call, Side.SELL)


def _place(desk: Desk, call: Call, side: Side) -> Shape:
    params = call.params
    refuse_what_is_not_offered(params)
    instrument = desk.catalogue.instrument(params.text("instrument_name"))
    order_type = OrderType(_offered(params, "type", ORDER_TYPES, OTHER_ORDER_TYPES))
    outcome = desk.exchange.place(
        OrderRequest(
            account=call.account,
            connection=call.session.connection,
            instrument=instrument.name,
            side=side,
            amount=_amount(params, instrument),
            price=params.decimal("price") if order_type is OrderType.LIMIT else None,
            order_type=order_type,
            time_in_force=TimeInForce(_offered(params, "time_in_force", TIMES_IN_FORCE, OTHER_TIMES_IN_FORCE)),
            # The reference says that an order is post-only by default; its own examples and clients know better.
            post_only=params.flag("post_only"),
            reject_post_only=params.flag("reject_post_only"),
            reduce_only=params.flag("reduce_only"),
            mmp=params.flag("mmp"),
            mmp_group=params.text("mmp_group", default=""),
            label=_label(params),
            valid_until=params.time_ns("valid_until"),
            method=call.method,
        ),
        call.at,
    )
    return _order_and_trades(desk, call, outcome)


def edit(desk: Desk, call: Call) -> Shape:
    """`private/edit`: the amount is the total, what was filled included."""
    params = call.params
    refuse_what_is_not_offered(params)
    order_id = params.text("order_id")
    order = desk.exchange.order(call.account, order_id)
    if "contracts" in params and order is None:
        refuse(ORDER_NOT_FOUND)
    outcome = desk.exchange.amend(
        call.account,
        order_id,
        amount=_amount(params, desk.catalogue.instrument(order.instrument) if order else None),
        price=params.decimal("price") if "price" in params else None,
        post_only=params.flag("post_only"),
        reject_post_only=params.flag("reject_post_only"),
        valid_until=params.time_ns("valid_until"),
        method=call.method,
        at=call.at,
    )
    return _order_and_trades(desk, call, outcome)


def cancel(desk: Desk, call: Call) -> Shape:
    """`private/cancel` answers the order as it ended."""
    order_id = call.params.text("order_id")
    outcome = desk.exchange.cancel(call.account, order_id, method=call.method, at=call.at)
    return desk.shapes.order(_order(outcome))


def cancel_all(desk: Desk, call: Call) -> int:
    """`private/cancel_all` answers how many."""
    refuse_what_is_not_offered(call.params)
    return desk.exchange.cancel_all(call.account, method=call.method, at=call.at)


def cancel_all_by_instrument(desk: Desk, call: Call) -> int:
    """`private/cancel_all_by_instrument`."""
    refuse_what_is_not_offered(call.params)
    instrument = desk.catalogue.instrument(call.params.text("instrument_name"))
    return desk.exchange.cancel_all(call.account, instrument=instrument.name, method=call.method, at=call.at)


def cancel_by_label(desk: Desk, call: Call) -> int:
    """`private/cancel_by_label`: labels need not be unique."""
    label = call.params.text("label")
    if "currency" not in call.params:
        return desk.exchange.cancel_all(call.account, label=label, method=call.method, at=call.at)
    return sum(
        desk.exchange.cancel_all(call.account, instrument=instrument.name, label=label, method=call.method, at=call.at)
        for instrument in desk.catalogue.in_currency(call.params.text("currency"))
    )


def refuse_what_is_not_offered(params: Params) -> None:
    """Say so rather than pretend: an order that ignored one of these would be another order."""
    for name in NOT_OFFERED:
        if params.flag(name):
            refuse(NOT_IMPLEMENTED, {"param": name})


def _offered(params: Params, name: str, ours: tuple[str, ...], others: tuple[str, ...]) -> str:
    word = params.choice(name, (*ours, *others), default=ours[0])
    if word in others:
        refuse(NOT_IMPLEMENTED, {"param": name})
    return word


def _amount(params: Params, instrument: Instrument | None) -> Decimal:
    if "contracts" in params and "amount" not in params and instrument is not None:
        return params.decimal("contracts") * instrument.lot
    return params.decimal("amount")


def _label(params: Params) -> str:
    label = params.text("label", default="")
    if len(label) > LABEL_LENGTH_MAX:
        refuse_param("label", "value too long")
    return label


def _order(outcome: Outcome) -> OrderView:
    if outcome.refusal is not None:
        refuse_for(outcome.refusal, outcome.limit)
    assert outcome.order is not None, "what was not refused has an order"
    return outcome.order


def _order_and_trades(desk: Desk, call: Call, outcome: Outcome) -> dict[str, Any]:
    order = _order(outcome)
    return {"order": desk.shapes.order(order), "trades": desk.shapes.fills(outcome.trades, call.account)}


METHODS: dict[str, Method] = {
    "private/buy": buy,
    "private/sell": sell,
    "private/edit": edit,
    "private/cancel": cancel,
}
CANCEL_ALL_METHODS: dict[str, Method] = {
    "private/cancel_all": cancel_all,
    "private/cancel_all_by_instrument": cancel_all_by_instrument,
    "private/cancel_by_label": cancel_by_label,
}
