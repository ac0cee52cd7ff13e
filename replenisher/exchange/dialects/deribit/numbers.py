"""Numbers as the venue prints them: every digit of the decimal, a point always, the shorter of two notations.

`1054.0`, `2.2e3`, `1.423e-4`: a client that reads them through a float still sees a valid JSON number, and one that
keeps the text loses nothing.
"""

from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from replenisher.model.units import MS_NS

Shape = dict[str, Any]  # a JSON object on its way out
_EXACT = Context(prec=200)  # `normalize` must never round
PLAIN_FROM = -3  # with so few zeros behind the point, and digits behind those, plain notation is never the longer one


@lru_cache(maxsize=4_096)  # orders and levels repeat; marks hardly ever do, and would only fill it
def number(value: Decimal) -> msgspec.Raw:
    """The JSON text of an exact decimal."""
    return msgspec.Raw(number_text(value).encode())


def milliseconds(at: int) -> int:
    """The venue's time stamps."""
    return at // MS_NS


def rate(fraction: float) -> msgspec.Raw:
    """A rate of funding."""
    return number(Decimal(repr(round(fraction, 12))))


def number_text(value: Decimal) -> str:
    """Plain notation, unless the one with an exponent is shorter."""
    if not value:
        return "0.0"
    value = value.normalize(_EXACT)
    if value.adjusted() >= PLAIN_FROM and "." in (text := str(value)) and "E" not in text:
        return text
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "infinities are not on the wire"
    text = "".join(map(str, digits))
    shorter = min(_plain(text, exponent), _scientific(text, exponent), key=len)  # plain wins a tie
    return f"-{shorter}" if sign else shorter


def _plain(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return f"{digits}{'0' * exponent}.0"
    point = len(digits) + exponent
    if point > 0:
        return f"{digits[:point]}.{digits[point:]}"
    return f"0.{'0' * -point}{digits}"


def _scientific(digits: str, exponent: int) -> str:
    return f"{digits[0]}.{digits[1:] or '0'}e{exponent + len(digits) - 1}"


ZERO = number(Decimal(0))
