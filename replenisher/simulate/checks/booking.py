"""L3: a trade is journaled two seconds after it happened, and a missed one after a sweep; its row comes soon after."""

from replenisher.exchange.ledger import Record, Trade
from replenisher.model.event import OrderFilled, TradesReported
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, FillRow, Objection, Oracle
from replenisher.simulate.order_frames import order_frame

STREAM_NS = 2 * SECOND_NS
SWEEP_NS = 30 * SECOND_NS
ROW_NS = 2 * SECOND_NS  # beside what the recorder's own pace costs


class FillsAreBookedSoon(Check):
    """Follows each trade into the journal and into SQL, once the faults are over."""

    name = "L3"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._quotes = False  # since the faults are over
        self._calm_at: int | None = None
        self._untold: dict[str, int] = {}  # trade -> until when it must be journaled
        self._unwritten: dict[str, int] = {}  # trade -> until when it must be a row
        self._missed: dict[str, None] = {}  # of the time of faults

    def calmed(self) -> Objection:
        """The faults are over; what was missed has a sweep's time."""
        self._calm_at = self.oracle.at
        self._untold = dict.fromkeys(self._missed, self.oracle.at + SWEEP_NS)
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """It quotes: its session is whole."""
        if self._calm_at is not None and not self._quotes and (request := order_frame(frame)) and request.is_place:
            self._quotes = True
        return None

    def recorded(self, record: Record) -> Objection:
        """A trade happens."""
        if not isinstance(record, Trade) or record.account != self.oracle.account:
            return None
        if self._calm_at is None:
            self._missed[record.trade_id] = None
        else:
            self._untold[record.trade_id] = record.at + (STREAM_NS if self._quotes else SWEEP_NS)
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Which fills were told."""
        for event in step.events:
            match event:
                case OrderFilled():
                    self._told(event.trade_id)
                case TradesReported():
                    for fill in event.fills:
                        self._told(fill.trade_id)
                case _:
                    pass
        for trade_id, until in self._untold.items():
            if step.at > until:
                return f"trade {trade_id} is not journaled"
        return None

    def _told(self, trade_id: str) -> None:
        self._missed.pop(trade_id, None)
        if self._untold.pop(trade_id, None) is not None:
            self._unwritten[trade_id] = self.oracle.at + ROW_NS + self.oracle.record_every_ns

    def booked(self, row: FillRow) -> Objection:
        """A row is there."""
        until = self._unwritten.pop(row.trade_id, None)
        if until is not None and self.oracle.at > until:
            return f"the row of trade {row.trade_id} came {(self.oracle.at - until) / 1e9:.1f} s too late"
        return None
