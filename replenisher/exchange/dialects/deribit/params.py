"""The named parameters of one request, read one by one; what is missing or wrong is answered by its name."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from replenisher.exchange.dialects.deribit.errors import refuse_param
from replenisher.model.units import MS_NS

EXPONENT_MAX = 9  # a product of two such numbers, booked to eight places, still fits into the 28 digits of a decimal
DIGITS_MAX = 28
COUNT_MAX = 1000


class Spelled(str):
    """A value out of a query, where everything is text until a method asks for something else."""

    def meant(self) -> Any:
        """The number, truth value or list that it spells; itself, if it spells none."""
        try:
            return _DECODER.decode(self.encode())
        except (msgspec.DecodeError, InvalidOperation, RecursionError):
            return self


_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class Params:
    """What a client sent along with a method."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A string; required where there is no default."""
        value = self._required(name, default)
        if not isinstance(value, str):
            refuse_param(name, "wrong format")
        return str(value)

    def choice(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value not in allowed:
            refuse_param(name, "wrong format")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._meant(name, default)
        if not isinstance(value, bool):
            refuse_param(name, "wrong format")
        return value

    def decimal(self, name: str) -> Decimal:
        """An exact number; what has no point arrives as an integer."""
        value = self._meant(name, None)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            refuse_param(name, "wrong format")
        exact = Decimal(value)
        if abs(exact.adjusted()) > EXPONENT_MAX or len(exact.as_tuple().digits) > DIGITS_MAX:
            refuse_param(name, "value not in range")
        return exact

    def whole(self, name: str, default: int | None = None) -> int:
        """An integer."""
        value = self._meant(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            refuse_param(name, "wrong format")
        return value

    def id_number(self, name: str) -> int | None:
        """The number that an id is written with; None where there is none."""
        if name not in self:
            return None
        digits = self.text(name)
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= DIGITS_MAX):
            refuse_param(name, "wrong format")
        return int(digits)

    def count(self, default: int = 10) -> int:
        """How many rows a page may have."""
        count = self.whole("count", default)
        if not 1 <= count <= COUNT_MAX:
            refuse_param("count", "value not in range")
        return count

    def time_ns(self, name: str) -> int | None:
        """A moment, which the wire counts in milliseconds."""
        return self.whole(name) * MS_NS if name in self else None

    def names(self, name: str) -> list[str]:
        """A list of strings."""
        value = self._meant(name, None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            refuse_param(name, "wrong format")
        return value

    def _meant(self, name: str, default: Any) -> Any:
        value = self._required(name, default)
        return value.meant() if isinstance(value, Spelled) else value

    def _required(self, name: str, default: Any) -> Any:
        value = self._values.get(name)
        if value is None:
            value = default
        if value is None:
            refuse_param(name, "value required")
        return value
