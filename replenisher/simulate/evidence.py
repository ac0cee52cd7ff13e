"""What the ledger and the frames prove about our orders: what rests, what may still come to rest, what was traded.

It is told everything that a check is told, and before any of them; it objects to nothing. What was sent counts as under
way until the exchange has judged it, or may no longer take it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from replenisher.exchange.ledger import Amended, Closed, Order, Record, Rejected, Trade
from replenisher.model.order import Side
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import OrderFrame, order_frame

ZERO = Decimal(0)
TOO_MANY = '"code":10028'


@dataclass(slots=True)
class Resting:
    """An order of our account that the exchange has taken and not closed."""

    order_id: str
    label: str
    instrument: str
    side: Side
    price: Decimal
    amount: Decimal
    filled: Decimal = ZERO
    amends: list[OrderFrame] = field(default_factory=list)  # under way

    @property
    def left(self) -> Decimal:
        """The most that may still be filled: an amend that is under way may come to pass, or not."""
        return max([self.amount, *(amend.amount for amend in self.amends)]) - self.filled


class Evidence(Check):
    """One account of ours, as the exchange and the wire know it."""

    name = "evidence"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.resting: dict[str, Resting] = {}  # by the exchange's id
        self.labels: dict[str, str] = {}  # label -> the exchange's id, of everything ever taken
        self.filled: dict[str, Decimal] = defaultdict(lambda: ZERO)  # by label
        self.positions: dict[str, Decimal] = defaultdict(lambda: ZERO)  # by the exchange's name of an instrument
        self.trades: dict[tuple[str, str, Side], Trade] = {}
        self._under_way: dict[str, OrderFrame] = {}  # places, by label
        self._heard = ""  # the frame that reached the exchange last

    @property
    def under_way(self) -> dict[str, OrderFrame]:
        """The places that the exchange may still take, by label."""
        at = self.oracle.at
        for label in [label for label, place in self._under_way.items() if place.valid_until < at]:
            del self._under_way[label]
        return self._under_way

    def ours(self) -> Iterator[Resting]:
        """What rests and is named as one of ours."""
        namespace = self.oracle.namespace
        return (order for order in self.resting.values() if order.label.startswith(namespace))

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """Something is under way."""
        request = order_frame(frame)
        if request is None:
            return None
        if request.is_place:
            self._under_way[request.label] = request
        elif request.verb == "edit" and (order := self.resting.get(request.order_id)):
            at = self.oracle.at
            order.amends = [amend for amend in order.amends if amend.valid_until >= at]
            order.amends.append(request)
        return None

    def heard(self, link: str, frame: str) -> Objection:
        """The exchange answers at once."""
        self._heard = frame
        return None

    def told(self, link: str, frame: str) -> Objection:
        """What is one request too many is in no ledger."""
        if TOO_MANY in frame:
            self.refused(self._heard)
        return None

    def refused(self, frame: str) -> None:
        """The exchange has refused what was under way before it looked at what that asks for."""
        request = order_frame(frame)
        if request is None:
            return
        if request.is_place:
            self._under_way.pop(request.label, None)
        elif (order := self.resting.get(request.order_id)) and request in order.amends:
            order.amends.remove(request)

    def recorded(self, record: Record) -> Objection:
        """The exchange has decided."""
        match record:
            case Order(account=self.oracle.account):
                self._under_way.pop(record.label, None)
                self.labels[record.label] = record.order_id
                assert record.price is not None, "only limit orders are sent"
                self.resting[record.order_id] = Resting(
                    record.order_id, record.label, record.instrument, record.side, record.price, record.amount
                )
            case Amended() if record.order_id in self.resting:
                order = self.resting[record.order_id]
                order.price, order.amount = record.price, record.amount
                while order.amends:  # one connection keeps their order
                    done = order.amends.pop(0)
                    if (done.price, done.amount) == (record.price, record.amount):
                        break
            case Closed():
                self.resting.pop(record.order_id, None)
            case Rejected(account=self.oracle.account) if record.label not in self.labels:
                self._under_way.pop(record.label, None)
            case Trade(account=self.oracle.account):
                self._traded(record)
        return None

    def _traded(self, trade: Trade) -> None:
        self.trades[trade.instrument, trade.trade_id, trade.side] = trade
        self.positions[trade.instrument] += trade.amount * trade.side.sign
        self.filled[trade.label] += trade.amount
        if order := self.resting.get(trade.order_id):
            order.filled += trade.amount
