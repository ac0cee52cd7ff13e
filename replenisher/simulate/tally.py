"""What the faults of a run came to: connections lost, lives begun anew, orders in doubt, fills that nobody heard of."""

from collections import Counter
from collections.abc import Callable

from replenisher.exchange.ledger import Record, Trade
from replenisher.model.order import Status
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

DISCONNECTS, RESTARTS, UNKNOWN, MISSED = "disconnects", "restarts", "unknown orders", "fills while away"
WANTED_PER_HOUR = {DISCONNECTS: 5, RESTARTS: 3, UNKNOWN: 10, MISSED: 10}  # fewer would not be worth the hour


class Tally(Check):
    """Counts into `counts`, and objects to nothing."""

    name = "tally"

    def __init__(self, oracle: Oracle, counts: Counter[str], is_cut_off: Callable[[], bool]) -> None:
        super().__init__(oracle)
        self._counts = counts
        self._is_cut_off = is_cut_off
        self._is_calm = False
        self._in_doubt: set[str] = set()

    def began(self, daemon: Daemon) -> Objection:
        """A life after the first one."""
        if daemon.number > 1:
            self._counts[RESTARTS] += 1
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """An order comes into doubt; it counts again if that happens anew."""
        for order in step.orders:
            if order.status is not Status.UNKNOWN:
                self._in_doubt.discard(order.order_id)
            elif order.order_id not in self._in_doubt:
                self._in_doubt.add(order.order_id)
                self._counts[UNKNOWN] += 1
        return None

    def disconnected(self, daemon: Daemon, connection: str) -> Objection:
        """A connection that stood has broken."""
        self._counts[DISCONNECTS] += 1
        return None

    def recorded(self, record: Record) -> Objection:
        """A trade of ours that no living daemon can hear of."""
        if isinstance(record, Trade) and record.account == self.oracle.account and self._is_cut_off():
            self._counts[MISSED] += 1
        return None
