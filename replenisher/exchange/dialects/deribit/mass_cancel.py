"""The methods that cancel many orders at once: a count, or on request the orders themselves."""

from collections.abc import Sequence
from typing import Any

from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import SYSTEM_MAINTENANCE, refuse
from replenisher.exchange.dialects.deribit.market_data import instrument, instruments, of_index
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.trading import label
from replenisher.model.instrument import Instrument

TYPES = ("all", "limit", "trigger_all", "stop", "take", "trailing_stop")
RESTING_TYPES = ("all", "limit")  # what rests here is a limit order


def cancel_all(desk: Desk, call: Call) -> Any:
    """`private/cancel_all`."""
    return _cancel(desk, call, [view.instrument for view in desk.views.instruments()])


def cancel_all_by_instrument(desk: Desk, call: Call) -> Any:
    """`private/cancel_all_by_instrument`."""
    call.params.flag("include_combos")  # there are none
    return _cancel(desk, call, [instrument(desk, call)])


def cancel_all_by_currency(desk: Desk, call: Call) -> Any:
    """`private/cancel_all_by_currency`, and `private/cancel_all_by_kind_or_type`."""
    return _cancel(desk, call, instruments(desk, call))


def cancel_all_by_currency_pair(desk: Desk, call: Call) -> Any:
    """`private/cancel_all_by_currency_pair`."""
    return _cancel(desk, call, of_index(desk, call))


def cancel_by_label(desk: Desk, call: Call) -> Any:
    """`private/cancel_by_label`: labels need not be unique."""
    return _cancel(desk, call, instruments(desk, call), label(call.params))


def _cancel(desk: Desk, call: Call, chosen: Sequence[Instrument], wanted: str | None = None) -> Any:
    """Instrument by instrument: how many, or with `detailed` a report for each that had any."""
    if desk.catalogue.is_in_maintenance():
        refuse(SYSTEM_MAINTENANCE)
    detailed = call.params.flag("detailed")
    if call.params.choice("type", TYPES, default="all") not in RESTING_TYPES:
        chosen = ()
    count, reports = 0, list[Any]()
    for each in chosen:
        resting = [
            order.order_id for order in desk.views.open_orders(call.account, each.name) if wanted in (None, order.label)
        ]
        if not resting:
            continue
        count += desk.exchange.cancel_all(
            call.account, instrument=each.name, label=wanted, method=call.method, at=call.at
        )
        ended = [order for order_id in resting if (order := desk.views.order(call.account, order_id))]
        reports.append(
            {
                "currency": each.settlement_currency,
                "type": "limit",
                "instrument_name": each.name,
                "result": [desk.shapes.order(order) for order in ended],
            }
        )
    return reports if detailed else count


def _row(answer: Any, takes: str) -> Method:
    return method(answer, f"{takes} detailed freeze_quotes-", scope="trade:read_write", pool=Pool.CANCEL_ALL)


METHODS: dict[str, Method] = {
    "private/cancel_all": _row(cancel_all, ""),
    "private/cancel_all_by_instrument": _row(cancel_all_by_instrument, "instrument_name* type include_combos"),
    "private/cancel_all_by_currency": _row(cancel_all_by_currency, "currency* kind type"),
    "private/cancel_all_by_currency_pair": _row(cancel_all_by_currency_pair, "currency_pair* kind type"),
    "private/cancel_all_by_kind_or_type": _row(cancel_all_by_currency, "currency* kind type"),
    "private/cancel_by_label": _row(cancel_by_label, "label* currency"),
}
