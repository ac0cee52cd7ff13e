"""Many orders in doubt at once, as after a connection that had many: a look at all that rest or ended lately.

To ask for each by its label would take the credits of minutes. What no answer has is asked for one by one, as ever.
"""

from collections.abc import Iterable, Sequence

from replenisher.model.command import AskOrder
from replenisher.venues.deribit import private, requests
from replenisher.venues.deribit.listed import Listed
from replenisher.venues.deribit.words import Sweep

MANY = 10  # fewer are asked for one by one
ENDED_MAX = 1000  # of those that ended, the last ones: as many as one answer can hold
METHODS = {"open": "private/get_open_orders_by_currency", "ended": "private/get_order_history_by_currency"}


def sweeps(questions: Sequence[AskOrder], listed: Listed) -> list[Sweep]:
    """The questions by the currency in which they are one."""
    of_currency: dict[str, list[AskOrder]] = {}
    for question in questions:
        of_currency.setdefault(listed[question.instrument].settlement_currency, []).append(question)
    return [Sweep(tuple(together), currency, "open") for currency, together in of_currency.items()]


def request(sweep: Sweep) -> tuple[str, dict[str, requests.Param]]:
    """How it is asked."""
    params: dict[str, requests.Param] = {"currency": sweep.currency}
    if sweep.among == "ended":
        params |= {"count": ENDED_MAX, "include_unfilled": True}
    return METHODS[sweep.among], params


def by_label(orders: Iterable[private.WireOrder]) -> dict[tuple[str, str], private.WireOrder]:
    """Orders by instrument and label; of several the one that changed last."""
    found: dict[tuple[str, str], private.WireOrder] = {}
    for order in orders:
        key = (order.instrument_name, order.label)
        if key not in found or order.last_update_timestamp > found[key].last_update_timestamp:
            found[key] = order
    return found
