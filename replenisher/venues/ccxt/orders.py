"""Order entry through ccxt: what we wish, as calls of its methods, one order or several at a time."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, assert_never

from replenisher.model.command import AmendOrder, CancelOrder, OrderCommand, PlaceOrder
from replenisher.venues.ccxt.calls import Call, Failure
from replenisher.venues.ccxt.link import Asked, Batch, Link, Listed, Search
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.placed import Placements
from replenisher.venues.ccxt.replies import Replies

ORDER_FIELDS = ("symbol", "type", "side", "amount", "price", "params")  # of `create_order`, and of one of several


class OrderEntry:
    """Sends orders, and hands what is answered to `Replies`."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        names: Names,
        placements: Placements,
        replies: Replies,
    ) -> None:
        self._link = link
        self._listed = listed  # by instrument key
        self._names = names
        self._placements = placements
        self._replies = replies

    # --- What is sent ---------------------------------------------------------------------------------------------

    def send(self, commands: Iterable[OrderCommand], at: int) -> None:
        """Ask for each, in this order; neighbours of one kind on one instrument in one request, where there is one."""
        for (kind, key), group in groupby(commands, lambda command: (type(command), command.instrument)):
            together = list(group)
            for command in together:
                self._note(command, at)
            if self._may_cancel_all(kind, key, together):
                self._link.calls.ask(Batch(tuple(together)), at, "cancel_all_orders", self._listed[key].symbol)
                continue
            size = self._batch_size(kind, together)
            for first in range(0, len(together), size):
                self._send(together[first : first + size], self._listed[key].symbol, at)

    def placing_on(self, instrument: str) -> bool:
        """Whether an order is being placed there whose id we cannot know yet."""
        return any(place.instrument == instrument for place in self._places_under_way())

    def is_placing(self, order_id: str) -> bool:
        """Whether the request that places this order is still under way."""
        return any(place.order_id == order_id for place in self._places_under_way())

    def _places_under_way(self) -> list[PlaceOrder]:
        asked = self._link.calls.under_way()
        single = [what for what in asked if isinstance(what, PlaceOrder)]
        return single + [each for what in asked if isinstance(what, Batch) for each in _places(what)]

    def _note(self, command: OrderCommand, at: int) -> None:
        if isinstance(command, PlaceOrder):
            self._placements.add(command.order_id, command.instrument, command.side, at)
        elif isinstance(command, CancelOrder):
            self._placements.canceling(command.order_id)

    def _may_cancel_all(self, kind: type[OrderCommand], key: str, commands: Sequence[OrderCommand]) -> bool:
        """Whether one request may clear an instrument: nobody else trades on the account, and we want none to stay."""
        return (
            kind is CancelOrder
            and len(commands) > 1
            and self._link.settings.is_exclusive
            and self._link.exchange.can("cancelAllOrders")
            and self._link.exchange.traits.clears
            and self._placements.are_all_on(key, (command.order_id for command in commands))
        )

    def _batch_size(self, kind: type[OrderCommand], commands: Sequence[OrderCommand]) -> int:
        is_offered = (kind is PlaceOrder and self._link.exchange.can("createOrders")) or (
            kind is CancelOrder
            and self._link.exchange.can("cancelOrders")
            and all(self._id(command) for command in commands)
        )
        market = self._listed[commands[0].instrument].instrument.kind
        return self._link.exchange.batch_max.get(market, 1) if is_offered else 1

    def _id(self, command: OrderCommand) -> str:
        known = "" if isinstance(command, PlaceOrder) else command.venue_order_id
        return known or self._names.id_of(command.order_id)

    def _send(self, commands: Sequence[OrderCommand], symbol: str, at: int) -> None:
        if len(commands) == 1:
            self._send_one(commands[0], symbol, at)
            return
        batch = Batch(tuple(commands))
        if places := _places(batch):
            orders = [dict(zip(ORDER_FIELDS, self._terms(place), strict=True)) for place in places]
            deadline = min(place.deadline for place in places)
            self._link.calls.ask(batch, at, "create_orders", orders, deadline=deadline)
        else:
            self._link.calls.ask(batch, at, "cancel_orders", [self._id(each) for each in commands], symbol)

    def _send_one(self, command: OrderCommand, symbol: str, at: int) -> None:
        match command:
            case PlaceOrder():
                self._link.calls.ask(command, at, "create_order", *self._terms(command), deadline=command.deadline)
            case AmendOrder():
                self._amend(command, symbol, at)
            case CancelOrder() if venue_order_id := self._id(command):
                # A cancel only takes risk away: it may leave late.
                self._link.calls.ask(command, at, "cancel_order", venue_order_id, symbol)
            case CancelOrder():
                self._link.ask_open_orders(Search(command, "open", at), symbol, at)
            case _:
                assert_never(command)

    def _terms(self, place: PlaceOrder) -> tuple[Any, ...]:
        listed = self._listed[place.instrument]
        traits = self._link.exchange.traits
        params = {
            traits.name_param: place.order_id,
            **dict([traits.post_only]),
            **self._deadline(place.valid_until),
        }
        amount, price = listed.instrument.amount(place.quantity), listed.instrument.price(place.price)
        # Doubles, because ccxt's exchanges calculate with what they get; the shortest text of each is the exact number.
        return (listed.symbol, "limit", place.side.value, float(amount), float(price), params)

    def _amend(self, command: AmendOrder, symbol: str, at: int) -> None:
        side = self._placements.side_of(command.order_id)
        if side is None:  # an order of an earlier life is canceled, not amended
            self._replies.failed(command, Failure("NotSent", "its side is not known", was_sent=False), at)
            return
        instrument = self._listed[command.instrument].instrument
        self._link.calls.ask(
            command,
            at,
            "edit_order",
            self._id(command),
            symbol,
            "limit",
            side.value,
            float(instrument.amount(command.quantity)),
            float(instrument.price(command.price)),
            {**self._link.exchange.traits.amend_params, **self._deadline(command.valid_until)},
            deadline=command.deadline,
        )

    def _deadline(self, valid_until: int) -> dict[str, int]:
        param = self._link.exchange.traits.deadline_param
        return {param: self._link.clock.venue_ms(valid_until)} if param else {}

    # --- What is answered -----------------------------------------------------------------------------------------

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """The reply to an order's request."""
        match call.what:
            case PlaceOrder() | AmendOrder():
                self._replies.granted(call.what, value, at)
            case CancelOrder():
                self._replies.canceled(call.what, value, at)
            case Search(what=CancelOrder() as cancel):
                self._found(cancel, value, at)
            case Batch(commands=commands):
                self._replies.batch_granted(commands, value, at)
            case _:
                raise AssertionError("this is no order's request")

    def failed(self, call: Call[Asked], failure: Failure, at: int) -> None:
        """No reply, or a refusal."""
        match call.what:
            case PlaceOrder() | AmendOrder() | CancelOrder() as command:
                self._replies.failed(command, failure, at)
            case Search(what=CancelOrder() as cancel):
                self._replies.unknown(cancel, f"the order to cancel was not found out: {failure}", at)
            case Batch(commands=commands):
                self._replies.batch_failed(commands, failure, at)
            case _:
                raise AssertionError("this is no order's request")

    def _found(self, command: CancelOrder, orders: Any, at: int) -> None:
        """The orders that rest, asked for because we have no id of the one to cancel."""
        for order in orders:
            if self._names.of_order(order) == command.order_id:
                symbol = self._listed[command.instrument].symbol
                self._link.calls.ask(command, at, "cancel_order", str(order["id"]), symbol)
                return
        self._replies.not_open(command, "nothing to cancel", at)


def _places(batch: Batch) -> list[PlaceOrder]:
    return [command for command in batch.commands if isinstance(command, PlaceOrder)]
