"""One place where two books disagree."""

from decimal import Decimal

import msgspec

from replenisher.report.ledger import ExchangeOrder, ExchangeTrade
from replenisher.store.queries import FillRow


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs, in which row, and what each book says; None where a book says nothing."""

    kind: str
    row: str
    ours: str | None
    theirs: str | None


def differs(kind: str, row: str, ours: object | None, theirs: object | None) -> Difference:
    """A difference, its values as text."""
    return Difference(kind=kind, row=row, ours=_text(ours), theirs=_text(theirs))


def _text(value: object | None) -> str | None:
    match value:
        case None:
            return None
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def fill_name(fill: FillRow | ExchangeTrade) -> str:
    """How a row of either book names one fill."""
    return f"fills: {fill.instrument} trade {fill.trade_id} {fill.side}"


def order_name(order: ExchangeOrder) -> str:
    """How a row names an order of the exchange; one without a label is not ours."""
    return f"orders: {order.label or f'exchange order {order.order_id}, which has no label'}"
