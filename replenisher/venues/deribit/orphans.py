"""Orders whose session is lost, canceled over the market connection.

Cancel-on-disconnect does this, too, but only when the venue hears of the end. Where it still reaches us and we do not
reach it, or a router between has forgotten us, that is as late as its heartbeat. The market connection is another way
to the same account: it has its own socket, it is logged in already, and an order may be canceled on any connection. A
request over HTTP would be no other way than that, and would first have to be dialed.

Each order is canceled by its own label, so that nobody else's is touched. An answer that there was nothing to cancel is
believed once no place can arrive any more; until then it is asked again. A session that stands again ends all this: its
sync looks at everything that rests.
"""

from replenisher.model.command import PlaceOrder
from replenisher.model.event import CancelsSent, Event, OrderCanceled
from replenisher.model.units import SECOND_NS
from replenisher.venues.deribit import codec, requests
from replenisher.venues.deribit.link import Link
from replenisher.venues.deribit.words import Abandon

AGAIN_NS = SECOND_NS
LATE_NS = SECOND_NS  # how long after its `valid_until` a place may still be granted


class Orphans:
    """The orders placed in this session that may rest, and their end without it."""

    def __init__(self, venue: str, facts: list[Event]) -> None:
        self._venue = venue
        self._way: Link | None = None
        self._facts = facts
        self._may_rest: dict[str, int] = {}  # order id -> session time after which its place cannot be granted
        self.next_wake: int | None = None  # when `wake` has something to do

    def take_way(self, way: Link) -> None:
        """This is the market connection now."""
        self._way = way

    def placed(self, command: PlaceOrder) -> None:
        """An order goes out."""
        self._may_rest[command.order_id] = command.valid_until + LATE_NS

    def ended(self, order_id: str) -> None:
        """It does not rest."""
        self._may_rest.pop(order_id, None)

    def lost(self, at: int) -> None:
        """The session is lost: from now on they are orphans."""
        self.next_wake = at if self._may_rest else None

    def forget(self) -> None:
        """Somebody else looks after them."""
        self._may_rest.clear()
        self.next_wake = None

    def wake(self, at: int) -> None:
        """Cancel what may rest, if it is time to and there is a way."""
        if self.next_wake is None or at < self.next_wake:
            return
        self.next_wake = at + AGAIN_NS
        way = self._way
        if way is None or not way.is_logged_in:
            return
        for order_id in self._may_rest:
            way.send(requests.cancel_by_label(way.order_id(Abandon(order_id), at), order_id))
        self._facts.append(CancelsSent(at=at, venue=self._venue, order_ids=tuple(self._may_rest)))

    def answered(self, what: Abandon, reply: codec.Frame, at: int) -> None:
        """The venue says how many orders of that label it has canceled, or why none."""
        valid_until = self._may_rest.get(what.order_id)
        if valid_until is None or reply.error:
            return
        try:
            is_canceled = codec.decode_int(reply.result) > 0
        except codec.UNREADABLE:
            return
        if is_canceled:
            self._facts.append(
                OrderCanceled(at=at, order_id=what.order_id, venue_time=reply.venue_time, reason="session lost")
            )
        if is_canceled or at > valid_until:
            self.ended(what.order_id)
        if not self._may_rest:
            self.next_wake = None
