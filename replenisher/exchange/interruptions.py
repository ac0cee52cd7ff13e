"""When an instrument does not trade for a while: a halt that its operator wants to rehearse."""

from collections import deque
from collections.abc import Sequence

import msgspec

from replenisher.exchange.words import InstrumentState


class Interruption(msgspec.Struct, frozen=True, kw_only=True):
    """From when after the opening, and for how long."""

    state: InstrumentState
    after_ns: int
    for_ns: int


class Interruptions:
    """What an instrument still has before it. One that begins when another ends follows it at once."""

    def __init__(self, planned: Sequence[Interruption], at: int) -> None:
        self._turns: deque[tuple[int, InstrumentState]] = deque()
        for each in planned:
            assert not self._turns or self._turns[-1][0] <= at + each.after_ns, "one ends before the next begins"
            self._turns.append((at + each.after_ns, each.state))
            self._turns.append((at + each.after_ns + each.for_ns, InstrumentState.OPEN))
        self.next_at = self._next()  # when the instrument comes into another state; None if it never does

    def turn(self, state: InstrumentState, at: int) -> None:
        """Come into a state now, unasked; what is planned stays."""
        self._turns.appendleft((at, state))
        self.next_at = at

    def due(self, at: int) -> InstrumentState | None:
        """The state in which it is from now on, if that is another."""
        if self.next_at is None or at < self.next_at:
            return None
        state = None
        while self._turns and self._turns[0][0] <= at:
            state = self._turns.popleft()[1]
        self.next_at = self._next()
        return state

    def _next(self) -> int | None:
        return self._turns[0][0] if self._turns else None
