"""L1: thirty seconds after the last fault the daemon quotes again, or names what has halted it."""

from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

BOUND_NS = 30 * SECOND_NS
LOOK_NS = 5 * SECOND_NS  # before that: in so long a time an order of ours must be seen
HALTS = ("halted", "paused", "closed")


class QuotesAgain(Check):
    """Looks at what rests at the exchange."""

    name = "L1"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._bound: int | None = None
        self._is_quoting = False
        self._reasons: list[str] = ["it never lived"]

    def calmed(self) -> Objection:
        """The faults are over."""
        self._bound = self.oracle.at + BOUND_NS
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A moment of the daemon's life; there are many of them."""
        if self._bound is not None and self._bound - LOOK_NS <= self.oracle.at <= self._bound:
            self._reasons = daemon.reasons()
            self._is_quoting = self._is_quoting or bool(self.oracle.exchange.views.open_orders(self.oracle.account))
        return None

    def stopping(self) -> Objection:
        """The bound has passed."""
        if self._bound is None or self._is_quoting or any(reason.startswith(HALTS) for reason in self._reasons):
            return None
        return f"it does not quote {BOUND_NS // SECOND_NS} s after the last fault: {self._reasons}"
