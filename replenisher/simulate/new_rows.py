"""Reads what the recorder has committed since the last look, on a connection of its own, and tells it row by row."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal

from replenisher.model.order import SIDES
from replenisher.simulate.court import Court, FillRow, OrderRow

INDEX = "CREATE INDEX looked_through ON orders (updated_epoch, updated_step)"
FILLS = """
    SELECT rowid, instrument, trade_id, side, order_id, price, amount, fee, fee_currency, liquidity, at
    FROM fills WHERE rowid > ? ORDER BY rowid
"""
ORDERS = """
    SELECT order_id, amount, filled, status, updated_step
    FROM orders WHERE updated_epoch = ? AND updated_step > ? ORDER BY updated_step
"""
EPOCHS = "SELECT DISTINCT updated_epoch FROM orders ORDER BY updated_epoch"
CURSOR = "SELECT epoch, step FROM cursor ORDER BY epoch"  # one of each desk: what is written at once is of one epoch


class NewRows:
    """Remembers how far it has read."""

    def __init__(self, connection: Callable[[], sqlite3.Connection], court: Court) -> None:
        connection().execute(INDEX)
        self._connection = connection
        self._court = court
        self._told: set[tuple[str, str, str]] = set()  # fills: those that power loss took back come once more
        self._last_fill = 0
        self._last_orders: dict[int, int] = {}  # the step that was last read of each epoch
        self._cursors: list[tuple[int, int]] = []

    def rewind(self) -> None:
        """The rows are fewer than they were."""
        self._last_fill = 0
        self._cursors = []
        self._last_orders.clear()
        if self._court.ordered:
            self._court.rewound()
            for (epoch,) in self._connection().execute(EPOCHS).fetchall():
                self._tell_orders(epoch)

    def tell(self) -> None:
        """Tell the checks what is new. Rows are committed with the cursor behind them: while it stands nothing is."""
        court, ask = self._court, self._connection().execute
        cursors = ask(CURSOR).fetchall()
        if cursors == self._cursors:
            return
        self._cursors = cursors
        if court.booked:
            for rowid, instrument, trade_id, side, *rest in ask(FILLS, (self._last_fill,)).fetchall():
                self._last_fill = rowid
                if (key := (instrument, trade_id, side)) not in self._told:
                    self._told.add(key)
                    court.booked(FillRow(instrument, trade_id, SIDES[side], *rest))
        if court.ordered:
            for epoch, _ in cursors:
                self._tell_orders(epoch)
        if court.committed:
            for epoch, step in cursors:
                court.committed(epoch, step)

    def _tell_orders(self, epoch: int) -> None:
        known = self._last_orders
        for order_id, amount, filled, status, step in self._connection().execute(ORDERS, (epoch, known.get(epoch, -1))):
            known[epoch] = step
            self._court.ordered(OrderRow(order_id, Decimal(amount), Decimal(filled), status, epoch, step))
