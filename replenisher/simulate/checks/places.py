"""S6: a place leaves once, and no two orders can be live in one slot."""

from replenisher.core.slots import SlotKey
from replenisher.model.command import MoveSlot, PlaceOrder
from replenisher.model.step import Step
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame


class PlacedOnce(Check):
    """Reads the frames that leave, and what rests or may come to rest, slot by slot."""

    name = "S6"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._sent: set[str] = set()
        self._slots: dict[str, SlotKey] = {}  # of each order

    def began(self, daemon: Daemon) -> Objection:
        """What rests stands where this life remembers it: power may have been lost after a move to another slot."""
        for order in self.oracle.evidence.ours():
            if (slot := daemon.slot(order.label)) is not None:
                self._slots[order.label] = slot
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """No label is sent twice, in whichever life."""
        request = order_frame(frame)
        if request is None or not request.is_place:
            return None
        if request.label in self._sent:
            return f"order {request.label} was sent a second time"
        self._sent.add(request.label)
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Where each order was meant to stand, and who may stand there."""
        for command in step.commands:
            if isinstance(command, MoveSlot) and (slot := self._slots.get(command.order_id)):
                self._slots[command.order_id] = (*slot[:3], command.level)
            elif isinstance(command, PlaceOrder):
                slot = (command.strategy, command.instrument, command.side, command.level)
                self._slots[command.order_id] = slot
                if command.order_id in self._sent and (other := self._other(command.order_id, slot)):
                    return f"orders {other} and {command.order_id} can both be live in slot {slot}"
        return None

    def _other(self, order_id: str, slot: SlotKey) -> str | None:
        evidence = self.oracle.evidence
        live = [*(order.label for order in evidence.resting.values()), *evidence.under_way]
        return next((label for label in live if label != order_id and self._slots.get(label) == slot), None)
