"""S5: an order ends in our books only if it can never trade again at the exchange."""

from replenisher.exchange.ledger import Order, Record
from replenisher.exchange.words import OrderState
from replenisher.model.order import Status
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle


class OnlyEvidenceEnds(Check):
    """An order that we call ended does not rest there, and does not come to rest there later."""

    name = "S5"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._never_taken: dict[str, Status] = {}  # what we say of orders that the exchange had not taken by then

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """The orders that a step has written down as ended."""
        for order in step.orders:
            if not order.status.is_terminal:
                continue
            theirs = self.oracle.exchange.views.orders_by_label(self.oracle.account, order.order_id)
            if any(view.state is OrderState.OPEN for view in theirs):
                return f"order {order.order_id} counts as {order.status} ({order.reason}) while it rests"
            if order.order_id in self.oracle.evidence.under_way:
                return f"order {order.order_id} counts as {order.status} ({order.reason}) while it may still be taken"
            if not theirs:
                self._never_taken[order.order_id] = order.status
        return None

    def recorded(self, record: Record) -> Objection:
        """An order that the exchange takes must not be one that we have given up."""
        if isinstance(record, Order) and record.label in self._never_taken:
            return f"order {record.label} was taken after it had counted as {self._never_taken[record.label]}"
        return None
