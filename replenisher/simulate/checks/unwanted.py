"""L4: an order that nobody wants any more is gone after five seconds, if the exchange can be reached."""

from replenisher.model.event import SessionLost, SessionOpened
from replenisher.model.step import Step
from replenisher.simulate.checks.orphans import is_adopted, prefix
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.times import UNWANTED_GO


class UnwantedOrdersGo(Check):
    """Nobody wants the orders of an earlier life, unless this one has adopted them, nor any during a stop."""

    name = "L4"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._is_calm = False
        self._session_since: int | None = None
        self._stopped_at: int | None = None
        self._daemon: Daemon | None = None  # the present life
        self._own = ""  # what its ids begin with
        self._left: set[str] = set()  # unwanted orders that rested a moment ago

    def calmed(self) -> Objection:
        """The faults are over; a session that is open counts from now."""
        self._is_calm = True
        if self._session_since is not None:
            self._session_since = self.oracle.at
        return None

    def began(self, daemon: Daemon) -> Objection:
        """Another life."""
        self._daemon, self._own = daemon, prefix(self.oracle.namespace, daemon.epoch)
        self._session_since = None
        return None

    def stopping(self) -> Objection:
        """The operator wants nothing any more."""
        self._stopped_at = self.oracle.at
        self._left = {order.label for order in self.oracle.evidence.ours()}
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Whether the exchange can be reached."""
        for event in step.events:
            if isinstance(event, SessionOpened):
                self._session_since = event.at
            elif isinstance(event, SessionLost):
                self._session_since = None
                self._left.clear()
        return None

    def told(self, link: str, frame: str) -> Objection:
        """A moment like any other."""
        if not self._is_calm or self._session_since is None:
            return None
        since = max(self._stopped_at or 0, self._session_since)
        left = [
            order.label
            for order in self.oracle.evidence.ours()
            if self._stopped_at is not None or not self._is_wanted(order.label)
        ]
        took_ns = self.oracle.at - since
        for _ in self._left.difference(left):
            self.oracle.took(UNWANTED_GO, took_ns)
        self._left = set(left)
        if left and took_ns > UNWANTED_GO.most_ns:
            return f"{', '.join(left)} still rest after {UNWANTED_GO.most_s:g} s"
        return None

    def _is_wanted(self, label: str) -> bool:
        """Whether the present life may show it."""
        daemon = self._daemon
        return label.startswith(self._own) or (daemon is not None and is_adopted(self.oracle, daemon, label))
