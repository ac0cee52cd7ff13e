"""S14: the exchange never has to tell us that we ask too much, and every order could be canceled at any time."""

from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.evidence import TOO_MANY
from replenisher.simulate.order_frames import order_frame

ROUNDING = 0.01
BUNCHED_NS = 6 * SECOND_NS  # what was held up on its way arrives at once, with all that was sent behind it


class RatesAreKept(Check):
    """Keeps a bucket of its own for what is sent about orders."""

    name = "S14"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._credits: float | None = None  # None: full
        self._at = 0
        self._excused = 0  # complaints that are a fault of this world's
        self._bunched_until = 0  # the exchange counts what arrives, and until then that is not what was sent when

    def struck(self, fault: str) -> Objection:
        """The exchange is about to complain for no reason."""
        self._excused += fault == "too many requests"
        if fault == "request late":
            self._bunched_until = self.oracle.at + BUNCHED_NS
        return None

    def told(self, link: str, frame: str) -> Objection:
        """The exchange complains."""
        if TOO_MANY in frame and self.oracle.at < self._bunched_until:
            return None
        if self._excused and TOO_MANY in frame:
            self._excused -= 1
            return None
        return f"the exchange says that we ask too much: {frame}" if TOO_MANY in frame else None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """A request is paid for."""
        request = order_frame(frame)
        if request is None:
            return None
        limit = self.oracle.setup.venues[0].rate_limit
        before = limit.burst if self._credits is None else self._credits
        elapsed_s = (self.oracle.at - self._at) / SECOND_NS
        self._credits = min(limit.burst, before + elapsed_s * limit.per_s) - 1
        self._at = self.oracle.at
        needed = sum(1 for _ in self.oracle.evidence.ours())  # those of strangers are not ours to cancel
        if self._credits < needed - ROUNDING and (
            request.is_place or request.verb == "edit"
        ):  # a cancel is what credits are for
            return f"with {self._credits:.1f} credits left for the cancels of {needed} orders this left: {frame}"
        return None
