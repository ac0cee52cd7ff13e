"""What a column holds that no database keeps by itself as we want it: exact decimals, and JSON."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

import msgspec
from sqlalchemy import Dialect, Numeric, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from replenisher.errors import ReplenisherError

INTEGER_DIGITS = 20
FRACTION_DIGITS = 18
_SMALLEST = Decimal(1).scaleb(-FRACTION_DIGITS)
_LOSSLESS = Context(prec=INTEGER_DIGITS + FRACTION_DIGITS, traps=[Inexact, InvalidOperation])


class Exact(TypeDecorator[Decimal]):
    """A decimal that comes back digit for digit; one that would not fit is refused, never rounded.

    SQLite has no decimals and would make it a double, so there it is text. Never order or sum this column in SQL.
    PostgreSQL would round to a scale that it is told, so it is told none and keeps the digits that were written.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, numeric elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(INTEGER_DIGITS + FRACTION_DIGITS + 2))
        return dialect.type_descriptor(Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """The column's own form of a decimal that fits."""
        if value is None:
            return None
        require_fit(value)
        return f"{value:f}" if dialect.name == "sqlite" else value

    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:
        """The decimal again."""
        return None if value is None else Decimal(value)


class UnfitError(ReplenisherError):
    """A number that the ledger has no place for."""


def require_fit(value: Decimal | None) -> None:
    """Refuse a decimal that not every database could keep whole."""
    if value is not None and not fits(value):
        raise UnfitError(f"{value} does not fit into {INTEGER_DIGITS} digits before and {FRACTION_DIGITS} after")


def fits(value: Decimal) -> bool:
    """Whether a decimal has a place for every one of its digits; zeros at its end carry nothing."""
    try:
        return _LOSSLESS.quantize(value, _SMALLEST).is_finite()
    except (Inexact, InvalidOperation):
        return False


def to_json(value: object) -> str:
    """What a column of JSON is handed."""
    return msgspec.json.encode(value).decode()
