"""A strategy's last answer, or a part of it: most news change nothing that it depends on.

One is kept, as a strategy has one instrument: to find it costs less than to look it up.
"""

from collections.abc import Callable
from typing import Generic, TypeVar, TypeVarTuple

from replenisher.model.instrument import Instrument

Answer = TypeVar("Answer")
Basis = TypeVarTuple("Basis")


class LastAnswer(Generic[Answer, *Basis]):
    """Asks `answer` only where it is asked about something else than last time; it depends on nothing else."""

    __slots__ = ("_answer", "_kept")

    def __init__(self, answer: Callable[[Instrument, *Basis], Answer]) -> None:
        self._answer = answer
        self._kept: tuple[Instrument, tuple[object, ...], Answer] | None = None

    def of(self, instrument: Instrument, *basis: *Basis) -> Answer:
        """The answer on this instrument and basis."""
        last = self._kept
        if last is not None and last[0] is instrument and last[1] == basis:
            return last[2]
        answer = self._answer(instrument, *basis)
        self._kept = (instrument, basis, answer)
        return answer
