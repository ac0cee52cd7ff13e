"""S16: one writer at a time: once a life has sent an order, no earlier life does any more, and none shares its ids."""

from replenisher.model.order import ORDER_ID_LENGTH
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame

EPOCH = slice(3, ORDER_ID_LENGTH - 6)  # in our ids: six digits to base 36, which sort as they count


class OneWriter(Check):
    """Reads the epoch out of the labels that leave."""

    name = "S16"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._latest = (0, "")  # the life that last sent an order, and its epoch

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """An order leaves."""
        request = order_frame(frame)
        if request is None or not (request.is_place or request.verb == "edit"):
            return None
        life, epoch = self._latest
        if daemon.number < life:
            return f"life {daemon.number} sends orders after life {life} has: {frame}"
        if request.is_place:
            own = request.label[EPOCH]
            if daemon.number > life and own <= epoch:
                return f"life {daemon.number} sends orders of epoch {own} after life {life} sent some of {epoch}"
            self._latest = (daemon.number, own)
        return None
