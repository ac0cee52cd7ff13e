"""L2: ten seconds after the exchange answers again no order is UNKNOWN any more."""

from replenisher.model.order import Status
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.frame_faults import is_answer
from replenisher.simulate.journaled import steps_in

BOUND_NS = 10 * SECOND_NS
EARLIEST_NS = SECOND_NS  # an answer sooner than that may have been under way before


class UnknownsAreResolved(Check):
    """Follows what is journaled of each order, once the faults are over."""

    name = "L2"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._calm_at: int | None = None
        self._answered_at: int | None = None
        self._unknown: dict[str, int] = {}  # since when

    def calmed(self) -> Objection:
        """The faults are over."""
        self._calm_at = self.oracle.at
        return None

    def began(self, daemon: Daemon) -> Objection:
        """A life has no answer yet."""
        self._answered_at = None
        return None

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """The exchange answers."""
        if self._calm_at is None or self._answered_at is not None or self.oracle.at < self._calm_at + EARLIEST_NS:
            return None
        if connection.startswith("trading") and is_answer(frame):
            self._answered_at = self.oracle.at
        return None

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """What is journaled is known, also where a daemon dies of it."""
        if self._unknown:
            for step in steps_in(data):
                self._note(step)
        return None

    def _note(self, step: Step) -> None:
        for order in step.orders:
            if order.status is not Status.UNKNOWN:
                self._unknown.pop(order.order_id, None)
            else:
                self._unknown.setdefault(order.order_id, step.at)

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A moment of its life."""
        self._note(step)
        if self._answered_at is None or not self._unknown:
            return None
        for order_id, since in self._unknown.items():
            if step.at > max(since, self._answered_at) + BOUND_NS:
                return (
                    f"order {order_id} is UNKNOWN for more than {BOUND_NS // SECOND_NS} s, though the exchange answers"
                )
        return None
