"""L8: ten seconds after the database works again all that was journaled before is in it."""

from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

BOUND_NS = 10 * SECOND_NS


class RowsCatchUp(Check):
    """Compares the recorder's cursor with the last step that must have been journaled."""

    name = "L8"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._last = (0, 0)  # epoch and number of the last step that changed an order
        self._wanted: tuple[int, int] | None = None  # as of the end of the faults
        self._until = 0
        self._committed = (0, 0)

    def calmed(self) -> Objection:
        """The faults are over."""
        self._wanted, self._until = self._last, self.oracle.at + BOUND_NS + self.oracle.record_every_ns
        return None

    def committed(self, epoch: int, step: int) -> Objection:
        """The database has this much."""
        self._committed = (epoch, step)
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A step was journaled, or a moment has passed."""
        if step.orders:
            self._last = (daemon.epoch, step.number)
        if self._wanted is not None and self.oracle.at > self._until:
            wanted, self._wanted = self._wanted, None
            if self._committed < wanted:
                return f"the rows end with {self._committed} and the journal had {wanted} when faults ended"
        return None
