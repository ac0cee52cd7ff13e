"""S10: an order or amend is in the journal before its first byte leaves; under `always`, on the disk itself."""

from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame
from replenisher.store.journal import Fsync


class WrittenAhead(Check):
    """Looks for our id in what this very turn has written, or one that has ended at this very moment."""

    name = "S10"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._written: list[bytes] = []
        self._until = 0  # until when the disk held up the turn that wrote this: its frames leave then

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """Bytes are in the file."""
        if self.oracle.at > self._until:
            self._written.clear()
        self._until = daemon.at
        self._written.append(data)
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """The record must be there, and safe if that was promised."""
        request = order_frame(frame)
        if request is None or not (request.is_place or request.verb == "edit"):
            return None
        label = request.label
        if not request.is_place:
            order = self.oracle.evidence.resting.get(request.order_id)
            if order is None:
                return None  # it has ended: nothing can come of it
            label = order.label
        if self.oracle.at > self._until or not any(label.encode() in data for data in self._written):
            return f"order {label} left before it was written down: {frame}"
        if self.oracle.policy.fsync is Fsync.ALWAYS and not self.oracle.is_journal_safe:
            return f"order {label} left before its record was safe: {frame}"
        return None
