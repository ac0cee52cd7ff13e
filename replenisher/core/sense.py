"""Sense: whether an answer of a strategy means anything on a market, and what becomes of a strategy that fails.

A strategy is written by others. What it answers goes into records, which must be readable again, and becomes orders. So
every new answer is looked at before anything is made of it. Who raises, or answers nonsense, is paused, and nobody else
notices.
"""

from math import isfinite
from pathlib import PurePath

from replenisher.core.setup import StrategySetup
from replenisher.core.state import State
from replenisher.core.strategy import Nonsense, Quotes
from replenisher.model.order import BUY, SELL

MOST = 1 << 53  # no whole number of an answer is so large, and every number format can hold it
LEAST = -MOST


def require_sense(answer: Quotes, before: Quotes | None) -> None:
    """Refuse what means nothing on any market. What only this market or our limits forbid is for `permit`.

    Every new answer goes through here, so it is one pass of plain comparisons. What of it was in the last one that had
    sense need not be looked at again.
    """
    if not isinstance(answer, Quotes):
        raise Nonsense(f"it must answer with Quotes, not {type(answer).__name__}")
    least, most = LEAST, MOST
    for quote in () if before is not None and answer.quotes is before.quotes else answer.quotes:
        price, quantity, level, side = quote.price, quote.quantity, quote.level, quote.side
        if not (
            type(price) is type(quantity) is type(level) is int
            and least < price < most
            and least < quantity < most
            and least < level < most
        ):
            raise Nonsense(f"it wants a price, quantity or level that is no whole number: {quote}")
        if side is not BUY and side is not SELL:
            raise Nonsense(f"it wants a side that is neither Side.BUY nor Side.SELL: {quote}")
    numbers = (*answer.terms.values(), answer.fair_value or 0.0)
    for number in numbers:
        if type(number) is not float and (type(number) is not int or not least < number < most):
            raise Nonsense(f"it used a term that is no number: {answer.terms}")
    if not isfinite(sum(numbers)):
        raise Nonsense(f"it used a number that is none: {answer.terms}")
    if answer.quotes and answer.fair_value is None:
        raise Nonsense("it quoted without a fair value")


def fail(state: State, setup: StrategySetup, error: Exception) -> None:
    """A strategy does not do what it is for: it is paused until an operator resumes, the others go on."""
    reason = str(error) if isinstance(error, Nonsense) else f"it raised {_described(error)}"
    state.pause(setup.id, f"strategy {setup.id} failed: {reason}")


def _described(error: Exception) -> str:
    """An exception in one line: what it is, what it says, and where it was raised."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" ({PurePath(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}"
