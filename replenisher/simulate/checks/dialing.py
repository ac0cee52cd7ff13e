"""L5: no storm of connects: never more than ten in a minute, all connections together."""

from collections import deque

from replenisher.model.units import MINUTE_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

MOST = 10


class DialsAreFew(Check):
    """Counts what a life tries."""

    name = "L5"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._dialed: deque[int] = deque()

    def began(self, daemon: Daemon) -> Objection:
        """A life knows nothing of what the last one tried."""
        self._dialed.clear()
        return None

    def dialed(self, daemon: Daemon, connection: str) -> Objection:
        """One more attempt."""
        dialed = self._dialed
        dialed.append(self.oracle.at)
        while dialed[0] <= self.oracle.at - MINUTE_NS:
            dialed.popleft()
        return f"{len(dialed)} attempts to connect in a minute" if len(dialed) > MOST else None
