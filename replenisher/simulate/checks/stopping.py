"""L6: a stop is over after fifteen seconds, verified flat, as nothing is in its way."""

from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.times import STOPS


class StopsInTime(Check):
    """Times the last life."""

    name = "L6"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._asked_at: int | None = None

    def stopping(self) -> Objection:
        """The operator asks."""
        self._asked_at = self.oracle.at
        return None

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """How it went."""
        if self._asked_at is None:
            return None
        took_ns = self.oracle.at - self._asked_at
        if how == "exit 0":
            self.oracle.took(STOPS, took_ns)
            if took_ns <= STOPS.most_ns:
                return None
        return f"the stop took {took_ns / 1e9:.1f} s: {how}"
