"""Orders whose session is lost, canceled over the market connection.

Cancel-on-disconnect does this, too, but only when the venue hears of the end. Where it still reaches us and we do not
reach it, or a router between has forgotten us, that is as late as its heartbeat. The market connection is another way
to the same account: it has its own socket, it is logged in already, and an order may be canceled on any connection. A
request over HTTP would be no other way than that, and would first have to be dialed.

Each order is canceled by its own label, so that nobody else's is touched. An answer that there was nothing to cancel is
believed once no place can arrive any more; until then it is asked again. A session that stands again ends all this: its
sync looks at everything that rests.

The venue counts what is asked about orders over all connections of the account, and ends the one that asks too much. So
does `credits`, and what it cannot pay for waits, those that were asked for longest ago first.
"""

from collections.abc import Sequence

from replenisher.model.command import OrderCommand, PlaceOrder
from replenisher.model.event import CancelsSent, Event, OrderCanceled
from replenisher.model.units import SECOND_NS
from replenisher.venues.deribit import codec, requests
from replenisher.venues.deribit.link import Link
from replenisher.venues.deribit.words import Abandon
from replenisher.venues.limiter import Bucket

AGAIN_NS = SECOND_NS
LATE_NS = SECOND_NS  # how long after its `valid_until` a place may still be granted


class Orphans:
    """The orders placed in this session that may rest, and their end without it."""

    def __init__(self, venue: str, credits: Bucket, facts: list[Event]) -> None:
        self._venue = venue
        self._credits = credits
        self._burst, self._per_s = credits.capacity, credits.per_second  # what we are to ask for at most
        self._way: Link | None = None
        self._facts = facts
        self._may_rest: dict[str, int] = {}  # order id -> session time after which its place cannot be granted
        self._due: dict[str, int] = {}  # order id -> when its cancel is to be sent, the earliest first
        self.next_wake: int | None = None  # when `wake` has something to do

    def take_way(self, way: Link) -> None:
        """This is the market connection now."""
        self._way = way

    def granted(self, per_s: float, burst: float, at: int) -> None:
        """The venue has said how often it may be asked."""
        self._credits.resize(max(1, min(self._burst, int(burst))), min(self._per_s, per_s), at)

    def asked(self, commands: Sequence[OrderCommand], at: int) -> None:
        """These go out about orders."""
        self._credits.owe(len(commands), at)
        for command in commands:
            if type(command) is PlaceOrder:  # for most it is not, and then `isinstance` costs more than all the rest
                self._may_rest[command.order_id] = command.valid_until + LATE_NS

    def ended(self, order_id: str) -> None:
        """It does not rest."""
        self._may_rest.pop(order_id, None)
        self._due.pop(order_id, None)

    def lost(self, at: int) -> None:
        """The session is lost: from now on they are orphans."""
        self._due = dict.fromkeys(self._may_rest, at)
        self.next_wake = at if self._due else None

    def forget(self) -> None:
        """Somebody else looks after them."""
        self._may_rest.clear()
        self._due.clear()
        self.next_wake = None

    def wake(self, at: int) -> None:
        """Cancel what may rest, if it is time to, there is a way, and it can be paid for."""
        if self.next_wake is None or at < self.next_wake:
            return
        way = self._way
        if way is None or not way.is_logged_in:
            self.next_wake = at + AGAIN_NS
            return
        sent = [order_id for order_id, due in self._due.items() if due <= at and self._credits.take(1, at)]
        for order_id in sent:
            del self._due[order_id]
            self._due[order_id] = at + AGAIN_NS
        if sent:
            number = way.order_ids([*map(Abandon, sent)], at)
            way.send_all([requests.cancel_by_label(*each) for each in enumerate(sent, number)])
            self._facts.append(CancelsSent(at=at, venue=self._venue, order_ids=tuple(sent)))
        first = next(iter(self._due.values()), None)
        self.next_wake = None if first is None else max(first, self._credits.affordable_at(1))

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
