"""What the guards of one strategy remember of its orders and fills, and what they let through of its wishes.

How each of them judges is in `guards.py` and the files named there. Of all that is remembered the day's volume alone
outlives the process: where an order stands in its queue and what a fill has brought is not known of a time we missed.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from replenisher.core.book import Book, Touch
from replenisher.core.daily_volume import DailyVolume
from replenisher.core.guards import (
    BY_SLOT,
    CAPS,
    MIN_PROFIT,
    Guards,
    in_their_places,
    toxic_reason,
    within,
    without_toxic,
)
from replenisher.core.innermost import Innermost, no_further_in
from replenisher.core.orders import Order
from replenisher.core.own_size import OwnSize
from replenisher.core.queue_value import Queues
from replenisher.core.toxicity import Toxicity
from replenisher.model.event import OrderFilled, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.step import Cut, Quote
from replenisher.model.units import BPS, DAY_NS, NEVER_NS


class Guarded:
    """The guards of one strategy, with a memory. `orders` are always those of its ladder."""

    __slots__ = ("guards", "hanging", "queues", "toxicity", "volume")

    def __init__(self, guards: Guards, volume: DailyVolume) -> None:
        self.guards = guards
        self.volume = volume
        self.toxicity = None if guards.toxicity is None else Toxicity(guards.toxicity)
        self.queues = None if guards.queue is None else Queues(guards.queue)
        self.hanging: dict[str, None] = {}  # orders whose opposite was filled, and which have not moved since

    # --- What they see -------------------------------------------------------------------------------------------

    def saw_fill(self, order: Order, fill: OrderFilled, instrument: Instrument) -> None:
        """One of its orders traded, all or in part."""
        if self.guards.has_caps:
            self.volume.add(fill.side, instrument.notional_quote(fill.amount, fill.price), fill.venue_time)
        if self.toxicity is not None:
            self.toxicity.saw_fill(order.side, order.level, float(fill.price), fill.at)

    def saw_trade(self, trade: TradePrinted, orders: Sequence[Order]) -> None:
        """Somebody traded with what rests, perhaps in front of us."""
        if self.queues is not None:
            self.queues.saw_trade(trade, orders)

    def saw_market(self, until_now: Touch | None, instrument: Instrument, at: int) -> None:
        """Up to now the others stood like this: earlier fills are judged by it."""
        if self.toxicity is not None:
            mid = None if until_now is None else (until_now.bid + until_now.ask) / 2 * instrument.tick_float
            self.toxicity.pass_time(mid, at)

    def saw_book(self, book: Book, own: OwnSize, orders: Sequence[Order]) -> None:
        """Its orders stand somewhere in their queues now."""
        if self.queues is not None:
            self.queues.looked(() if book.distrust else orders, own)

    def saw_eaten(self, eaten: Order, orders: Sequence[Order]) -> None:
        """A level was eaten: the order opposite to it hangs from now on, if that is wanted."""
        if self.guards.hanging_pct is None:
            return
        hang = {order.order_id for order in orders if order.side is not eaten.side and order.level == eaten.level}
        self.hanging = {order.order_id: None for order in orders if order.order_id in self.hanging.keys() | hang}

    def saw_moved(self, order: Order) -> None:
        """An order has left its price."""
        self.hanging.pop(order.order_id, None)

    # --- What they say -------------------------------------------------------------------------------------------

    def let_through(
        self,
        quotes: Sequence[Quote],
        fair: float,
        limits: Innermost | None,
        instrument: Instrument,
        orders: Sequence[Order],
        book: Book,
        at: int,
    ) -> tuple[tuple[Quote, ...], tuple[Cut, ...]]:
        """The quotes that may be shown, none beyond these limits, and what was made of those that are not among them.

        `limits` are those that `innermost` tells for the same fair value.
        """
        cuts: list[Cut] = []
        hanging = self._hanging(orders)
        toxic = self._toxic(hanging, at)
        fair_ticks = fair / instrument.tick_float
        if self.queues is not None:
            free = {key: order for order in orders if (key := (order.side, order.level)) not in toxic}
            quotes = list(in_their_places(quotes, fair_ticks, free, self.queues, book, cuts, at))
        if hanging:
            quotes = list(self._as_they_hang(quotes, hanging, fair_ticks, cuts))
        if self.toxicity is not None and toxic:
            quotes = list(without_toxic(quotes, instrument, orders, self.toxicity, toxic, cuts, at))
        if limits is not None:
            quotes = no_further_in(quotes, limits, MIN_PROFIT, cuts)
        for side in Side:
            if (cap := self.guards.cap(side)) is not None:
                quotes = within(quotes, instrument, side, cap - self.volume.of(side, at), cuts)
        return tuple(quotes), tuple(cuts)

    def innermost(self, fair: float, instrument: Instrument) -> Innermost | None:
        """How far in any order of its ladder may stand; None if anywhere."""
        if (closest_bps := self.guards.closest_bps) is None:
            return None
        bid, ask = (instrument.round_price(side, fair * (1 - side.sign * closest_bps / BPS)) for side in (BUY, SELL))
        return bid, ask

    def changes_at(self, at: int) -> int:
        """When time alone may change what is let through."""
        midnight = (at // DAY_NS + 1) * DAY_NS if self.guards.has_caps else NEVER_NS
        return midnight if self.toxicity is None else min(midnight, self.toxicity.changes_at(at))

    def told(self, orders: Sequence[Order], at: int) -> list[str]:
        """What they say now to an operator who asks."""
        lines: list[str] = []
        if self.toxicity is not None:
            lines += [toxic_reason(self.toxicity, key, why) for key, why in sorted(self.toxicity.toxic(at).items())]
        if self.queues is not None:
            for order in sorted(orders, key=BY_SLOT):
                if (place := self.queues.places.get(order.order_id)) is not None:
                    lines.append(f"{order.side} {order.level} stands behind {place.ahead:g} lots at its price")
        lines += [f"{side} {level} hangs" for side, level in sorted(self._hanging(orders))]
        for side in Side:
            if (cap := self.guards.cap(side)) is not None:
                lines.append(f"{CAPS[side]}: {self.volume.of(side, at):.2f} of {cap:f} today")
        return lines

    def _hanging(self, orders: Sequence[Order]) -> dict[tuple[Side, int], Order]:
        if not self.hanging:
            return {}
        return {(order.side, order.level): order for order in orders if order.order_id in self.hanging}

    def _as_they_hang(
        self, quotes: Sequence[Quote], hanging: Mapping[tuple[Side, int], Order], fair_ticks: float, cuts: list[Cut]
    ) -> Iterator[Quote]:
        """The quotes, with hanging orders in the place of those that would move them."""
        assert self.guards.hanging_pct is not None, "nothing hangs without it"
        reach = fair_ticks * self.guards.hanging_pct / 100
        for quote in quotes:
            order = hanging.get((quote.side, quote.level))
            if order is None or abs(order.price - fair_ticks) > reach or not order.remaining:
                yield quote
            else:
                left = msgspec.structs.replace(quote, price=order.price, quantity=order.remaining)
                cuts.append(Cut.leaving(left, f"{quote.side} {quote.level} hangs"))
                yield left

    def _toxic(self, hanging: Mapping[tuple[Side, int], Order], at: int) -> dict[tuple[Side, int], str]:
        """The toxic levels whose order moves with the ladder, or is not there."""
        toxic = {} if self.toxicity is None else self.toxicity.toxic(at)
        return {key: why for key, why in toxic.items() if key not in hanging}
