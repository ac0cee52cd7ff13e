"""S9: what others do on our account is theirs: no order of a stranger is canceled, amended or counted as ours."""

from replenisher.exchange.ledger import Closed, Order, Record
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame

MASS_CANCELS = ("private/cancel_all", "private/cancel_by_currency", "private/cancel_by_kind")
THEIR_REASONS = ("by hand", "cancel_on_disconnect")  # the second where the exchange begins anew


class StrangersAreLeftAlone(Check):
    """Reads whom a request is about, and how the orders of strangers end."""

    name = "S9"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._strange: dict[str, str] = {}  # the exchange's id -> label

    def recorded(self, record: Record) -> Objection:
        """The order of a stranger is taken, or ends."""
        if isinstance(record, Order) and record.account == self.oracle.account:
            if not record.label.startswith(self.oracle.namespace):
                self._strange[record.order_id] = record.label
        elif (
            isinstance(record, Closed)
            and (label := self._strange.pop(record.order_id, None)) is not None
            and record.state != "filled"
            and record.reason not in THEIR_REASONS
        ):
            return f"the order {label!r} of a stranger was closed: {record.reason}"
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """Whom a request names."""
        if any(method in frame for method in MASS_CANCELS):
            return f"a mass cancel takes off strangers' orders, too: {frame}"
        request = order_frame(frame)
        if request is None:
            return None
        if request.order_id in self._strange or (request.label and not request.label.startswith(self.oracle.namespace)):
            return f"a request is about a stranger's order: {frame}"
        return None
