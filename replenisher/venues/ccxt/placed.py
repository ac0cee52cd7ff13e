"""The orders of this life, as far as reading and writing of others depends on them: side, age, and whether they end."""

from collections.abc import Iterable

import msgspec

from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS

TAKEN_OFF_NS = 2 * SECOND_NS  # so soon after its place an order that ends by itself was refused


class Placed(msgspec.Struct):
    """One place."""

    instrument: str
    side: Side
    at: int
    is_canceling: bool = False  # we have asked for its end
    is_over: bool = False


class Placements:
    """By name, the oldest first and forgotten first."""

    REMEMBERED_MAX = 10_000

    def __init__(self) -> None:
        self._placed: dict[str, Placed] = {}

    def add(self, name: str, instrument: str, side: Side, at: int) -> None:
        """An order is about to be placed."""
        self._placed[name] = Placed(instrument, side, at)
        if len(self._placed) > self.REMEMBERED_MAX:
            del self._placed[next(iter(self._placed))]

    def side_of(self, name: str) -> Side | None:
        """The side of an order; None if it was not placed in this life."""
        placed = self._placed.get(name)
        return None if placed is None else placed.side

    def canceling(self, name: str) -> None:
        """Its cancel is about to be sent."""
        if (placed := self._placed.get(name)) is not None:
            placed.is_canceling = True

    def over(self, name: str) -> None:
        """It rests no longer."""
        if (placed := self._placed.get(name)) is not None:
            placed.is_over = True

    def was_taken_off(self, name: str, at: int) -> bool:
        """Whether an end now is one that the exchange chose right after the place."""
        placed = self._placed.get(name)
        return placed is not None and not placed.is_canceling and at - placed.at < TAKEN_OFF_NS

    def are_all_on(self, instrument: str, names: Iterable[str]) -> bool:
        """Whether no order of this life can rest on an instrument but these."""
        wanted = set(names)
        return all(
            name in wanted
            for name, placed in self._placed.items()
            if placed.instrument == instrument and not placed.is_over
        )
