"""Numbers as a recording spells them, counted in whole steps: exactly, and on the grid that all of them lie on."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from math import gcd

NUMBERS_REMEMBERED = 1 << 16


def whole_steps(step: Decimal) -> Callable[[str], int]:
    """How often `step` goes into the number that a text spells, exactly; ValueError if it does not go evenly."""

    @lru_cache(NUMBERS_REMEMBERED)
    def count(text: str) -> int:
        try:
            number = Decimal(text)
            steps = int(number / step)
        except (ArithmeticError, ValueError):
            raise ValueError(f"{text!r} is not a number") from None
        if steps * step != number:
            raise ValueError(f"{text} is not a multiple of {step}")
        return steps

    return count


class CommonStep:
    """The largest usual step of which every number seen so far is a multiple."""

    def __init__(self) -> None:
        self._digits = 0
        self._divisor = 0

    def see(self, text: str) -> None:
        """One more number, as text."""
        before, _, after = text.partition(".")
        if not (before + after).isdecimal():
            before, _, after = _plain(text).partition(".")
        if len(after) > self._digits:
            self._divisor *= 10 ** (len(after) - self._digits)
            self._digits = len(after)
        self._divisor = gcd(self._divisor, int(before + after.ljust(self._digits, "0")))

    @property
    def step(self) -> Decimal:
        """The step without trailing zeros; 0 if there was no number but 0.

        Few numbers may have more in common than the grid that they lie on. Grids are 1, 2, 2.5 or 5 times a power of
        ten: of these the largest that fits.
        """
        power = 1
        while self._divisor and self._divisor % (10 * power) == 0:
            power *= 10
        rest = self._divisor // power
        usual = next((each for each in (25, 5, 2) if rest and rest % each == 0), 1)
        step = (Decimal(usual * power) if rest else Decimal(0)).scaleb(-self._digits).normalize()
        return step.quantize(Decimal(1)) if step == step.to_integral_value() else step


def _plain(text: str) -> str:
    """A number that is spelled with an exponent, without."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or number.is_signed():
        raise ValueError(f"{text!r} is not a number of a market")
    return format(number, "f")
