"""What happened in a replay, counted as it happens.

Kinds are told apart by `type(event) is`: where the answer is no, as for most, `isinstance` of a Struct takes as long as
all the rest of counting.
"""

from dataclasses import dataclass

from replenisher.model.command import AmendOrder, CancelOrder, PlaceOrder
from replenisher.model.event import BookChanged, BookSnapshot, OrderRejected, SessionLost, TradePrinted
from replenisher.model.step import Step


@dataclass(slots=True)
class Tally:
    """Counts steps and what was in them."""

    steps: int = 0
    changes: int = 0  # of books, as they were told
    levels: int = 0  # in these
    trades: int = 0  # between others, or with us
    orders: int = 0
    amends: int = 0
    cancels: int = 0
    rejected: int = 0
    cut_off: int = 0  # how often the exchange ended our session

    def observe(self, step: Step) -> None:
        """One more step."""
        self.steps += 1
        for event in step.events:
            if type(event) is TradePrinted:
                self.trades += 1
            elif type(event) is BookChanged or type(event) is BookSnapshot:
                self.changes += 1
                self.levels += len(event.bids) + len(event.asks)
            elif type(event) is OrderRejected:
                self.rejected += 1
            elif type(event) is SessionLost:
                self.cut_off += 1
        for command in step.commands:
            if type(command) is PlaceOrder:
                self.orders += 1
            elif type(command) is AmendOrder:
                self.amends += 1
            elif type(command) is CancelOrder:
                self.cancels += 1
