"""S3: what SQL says of an order only goes one way: what has ended has ended, and no fill is taken back or made up."""

from replenisher.model.order import TERMINAL, Status
from replenisher.simulate.court import Books, Check, Objection, Oracle, OrderRow


class OrdersOnlyGoOn(Check):
    """Holds each row beside what it was before, and beside what the exchange has traded."""

    name = "S3"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._rows: dict[str, OrderRow] = {}

    def ordered(self, row: OrderRow) -> Objection:
        """A row is new, or has changed."""
        before, self._rows[row.order_id] = self._rows.get(row.order_id), row
        traded = self.oracle.evidence.filled.get(row.order_id, 0)
        if row.filled > traded:
            return f"order {row.order_id} counts {row.filled} as filled, and the exchange has traded {traded} of it"
        if row.filled > row.amount:
            return f"order {row.order_id} is filled with {row.filled} of {row.amount}"
        if before is None:
            return None
        if row.filled < before.filled:
            return f"order {row.order_id} was filled with {before.filled}, and now with {row.filled}"
        if before.status in TERMINAL and row.status not in (before.status, Status.FILLED):
            return f"order {row.order_id} had ended as {before.status}, and is {row.status} now"
        return None

    def rewound(self) -> Objection:
        """What a row was before may be forgotten: the same power loss may have taken it from the journal."""
        self._rows.clear()
        return None

    def closed(self, books: Books) -> Objection:
        """In the end every order counts what was traded of it."""
        for order_id, row in self._rows.items():
            traded = self.oracle.evidence.filled.get(order_id, 0)
            if row.filled != traded:
                return f"order {order_id} counts {row.filled} as filled, and the exchange has traded {traded} of it"
        return None
