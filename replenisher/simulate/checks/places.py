"""S6: a place leaves once, and no two orders can be live in one slot."""

from replenisher.exchange.ledger import Order, Record
from replenisher.model.command import MoveSlot, PlaceOrder
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle

Slot = tuple[str, str, str, int]  # strategy, instrument, side, level
PLACES = ('"method":"private/buy"', '"method":"private/sell"')
LABEL = '"label":"'


class PlacedOnce(Check):
    """Reads the frames that leave, and counts what rests at the exchange slot by slot."""

    name = "S6"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._sent: set[str] = set()
        self._slots: dict[str, Slot] = {}  # of each order

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """No label is sent twice, in whichever life."""
        if not any(place in frame for place in PLACES):
            return None
        start = frame.index(LABEL) + len(LABEL)
        label = frame[start : frame.index('"', start)]
        if label in self._sent:
            return f"order {label} was sent a second time"
        self._sent.add(label)
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Where each order was meant to stand."""
        for command in step.commands:
            if isinstance(command, PlaceOrder):
                self._slots[command.order_id] = (command.strategy, command.instrument, command.side, command.level)
            elif isinstance(command, MoveSlot) and (slot := self._slots.get(command.order_id)):
                self._slots[command.order_id] = (*slot[:3], command.level)
        return None

    def recorded(self, record: Record) -> Objection:
        """Who else rests where an order was just taken."""
        if not isinstance(record, Order) or record.account != self.oracle.account:
            return None
        slot = self._slots.get(record.label)
        for other in self.oracle.exchange.views.open_orders(self.oracle.account):
            if slot is not None and other.label != record.label and self._slots.get(other.label) == slot:
                return f"orders {other.label} and {record.label} both rest in slot {slot}"
        return None
