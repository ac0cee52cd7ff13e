"""L4: an order that nobody wants any more is gone after five seconds, if the exchange can be reached."""

from replenisher.model.event import SessionLost, SessionOpened
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.checks.orphans import prefix
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

BOUND_NS = 5 * SECOND_NS


class UnwantedOrdersGo(Check):
    """Nobody wants the orders of an earlier life, nor any during a stop."""

    name = "L4"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._is_calm = False
        self._session_since: int | None = None
        self._stopped_at: int | None = None
        self._own = ""  # what the ids of the present life begin with

    def calmed(self) -> Objection:
        """The faults are over; a session that is open counts from now."""
        self._is_calm = True
        if self._session_since is not None:
            self._session_since = self.oracle.at
        return None

    def began(self, daemon: Daemon) -> Objection:
        """Another life."""
        self._own = prefix(self.oracle.namespace, daemon.epoch)
        self._session_since = None
        return None

    def stopping(self) -> Objection:
        """The operator wants nothing any more."""
        self._stopped_at = self.oracle.at
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Whether the exchange can be reached."""
        for event in step.events:
            if isinstance(event, SessionOpened):
                self._session_since = event.at
            elif isinstance(event, SessionLost):
                self._session_since = None
        return None

    def told(self, link: str, frame: str) -> Objection:
        """A moment like any other."""
        if not self._is_calm or self._session_since is None:
            return None
        at = self.oracle.at
        if self._stopped_at is not None and at > max(self._stopped_at, self._session_since) + BOUND_NS:
            left = [order.label for order in self.oracle.evidence.ours()]
        elif at > self._session_since + BOUND_NS:
            left = [order.label for order in self.oracle.evidence.ours() if not order.label.startswith(self._own)]
        else:
            return None
        return f"{', '.join(left)} still rest after {BOUND_NS // SECOND_NS} s" if left else None
