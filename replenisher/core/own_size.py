"""Our own size is not the market: how much of a level is surely ours, how much may be, and what the others show.

Theory. Private and public streams are not in step, so our own size at a level is an interval [low, high].

- An order enters `high` when it is sent, and leaves it when the end we heard of (fill, cancel, amend) is covered by a
  later public update of the level, or `own_echo_ns_max` after we heard of it.
- It enters `low` when the venue has confirmed it *and* its level has been still for `own_echo_ns_max`: until then a
  public update may already contain a fill of ours that the private stream has not told yet. It leaves `low` as soon as
  a cancel or amend is sent or an end is heard.

The size of the others is the value in [level - high, level - low], not below zero, that is nearest to the last one we
settled on. So news about our own orders, in whatever order it arrives, does not move what we believe of the others; a
real increase shows at once, a real decrease at a level where we rest shows once it has outlasted the echo.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from replenisher.core.book import Book, BookSide, Change, Touch, Watched
from replenisher.model.event import Level
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import NEVER_NS

LEVELS_SEEN = 50  # of a side, by those that look below the touch


class Presence(msgspec.Struct, gc=False):
    """One order of ours at one price."""

    order_id: str
    low: int = 0  # lots surely shown, once the level is still
    high: int = 0  # lots possibly shown
    left: int = 0  # what `high` comes down to: the lots left by the news we heard
    left_venue_time: int = 0  # of that news
    high_until: int = NEVER_NS  # session time at which `high` comes down without a public echo

    def rise(self, quantity: int) -> None:
        """From now on so much may be shown; whatever was about to come down stays."""
        if quantity > self.high:
            self.high = quantity
        self.high_until = NEVER_NS

    def fall(self, quantity: int, venue_time: int, until: int) -> None:
        """We heard that no more than this is left: the book will show so, or has shown it by `until`."""
        self.low, self.left = min(self.low, quantity), quantity
        self.left_venue_time = max(self.left_venue_time, venue_time)
        self.high_until = until

    def echo(self, venue_time: int) -> None:
        """The venue has published the level."""
        if self.high_until != NEVER_NS and venue_time > self.left_venue_time:
            self.come_down()

    def come_down(self) -> None:
        """The book shows no more than what is left."""
        self.high, self.high_until = self.left, NEVER_NS


class OwnLevel(msgspec.Struct, gc=False):
    """All our orders at one price, and what we believe the others have there."""

    others: int  # last settled
    still_from: int  # session time from which `low` counts
    presences: list[Presence] = msgspec.field(default_factory=list)

    def settle(self, shown: int, at: int) -> int:
        """The size of the others when the venue shows `shown` lots, all ours included."""
        low = high = 0
        for presence in self.presences:
            if at >= presence.high_until:
                presence.come_down()
            high += presence.high
            low += presence.low
        if at < self.still_from:
            low = 0
        self.others = max(0, min(max(self.others, shown - high), shown - low))
        return self.others


class OthersSide:
    """One side of a book without our own orders, read from the touch outwards as far as somebody looks."""

    __slots__ = ("_at", "_ours", "_shown")

    def __init__(self, shown: BookSide, ours: Mapping[int, OwnLevel], at: int) -> None:
        self._shown, self._ours, self._at = shown, ours, at

    def best_first(self) -> Iterator[Level]:
        """The levels from the touch outwards, of the best `LEVELS_SEEN`."""
        ours, at = self._ours, self._at
        for price, shown in islice(self._shown.best_first(), LEVELS_SEEN):
            if (level := ours.get(price)) is None:
                yield price, shown
            elif (quantity := level.settle(shown, at)) > 0:
                yield price, quantity


class Others:
    """Both sides of a book without our own orders. It is read at once, and not kept."""

    __slots__ = ("asks", "bids")

    def __init__(self, bids: OthersSide, asks: OthersSide) -> None:
        self.bids, self.asks = bids, asks

    def side(self, side: Side) -> OthersSide:
        """The bids for a buy, the asks for a sell."""
        return self.bids if side is BUY else self.asks


class OwnSize:
    """Our own orders on one instrument's book, by side and price."""

    __slots__ = ("_echo_ns_max", "_fallen", "_levels", "_of_order", "_price_of", "_settles_at", "prices")

    def __init__(self, echo_ns_max: int) -> None:
        self._echo_ns_max = echo_ns_max
        self._levels: dict[Side, dict[int, OwnLevel]] = {side: {} for side in Side}
        self.prices: Watched = {side: levels.keys() for side, levels in self._levels.items()}  # as they are now
        self._of_order: dict[str, dict[int, Presence]] = {}  # order -> price -> how it is present there
        self._price_of: dict[str, int] = {}  # where an order rests by the last word on it
        self._fallen: deque[tuple[int, Side, int]] = deque()  # until when the book may show what is left at a price
        self._settles_at = NEVER_NS  # when one of the levels behind the last touch will have been still

    def sent(self, order_id: str, side: Side, price: int, quantity: int, book: Book, at: int) -> None:
        """A place or amend left us: from now on `quantity` lots may show at `price`."""
        before = self._price_of.get(order_id)
        presence = self._presence(order_id, side, price, book, at)
        presence.rise(quantity)
        if before == price:
            presence.low = min(presence.low, quantity)
        elif before is not None and (left := self._of_order[order_id].get(before)) is not None:
            left.low = 0

    def rests(
        self, order_id: str, side: Side, price: int, remaining: int, book: Book, venue_time: int, at: int
    ) -> None:
        """The venue says the order rests at `price` with `remaining` lots, and nowhere else."""
        for place in list(self._of_order.get(order_id, ())):
            if place != price:
                self._fall(order_id, side, place, venue_time, at)
        presence = self._presence(order_id, side, price, book, at)
        presence.low = remaining
        if presence.high > remaining:
            presence.fall(remaining, venue_time, at + self._echo_ns_max)
        else:
            presence.rise(remaining)
        self._disturbed(self._levels[side][price], at)
        self._price_of[order_id] = price

    def leaving(self, order_id: str) -> None:
        """A cancel or a new price was sent: the order may be gone from its price from now on."""
        price = self._price_of.get(order_id)
        if price is not None and (presence := self._of_order.get(order_id, {}).get(price)) is not None:
            presence.low = 0

    def ended(self, order_id: str, side: Side, venue_time: int, at: int) -> None:
        """The order no longer rests anywhere."""
        self._price_of.pop(order_id, None)
        for price in list(self._of_order.get(order_id, ())):
            self._fall(order_id, side, price, venue_time, at)

    def updated(self, side: Side, changes: Sequence[Change], venue_time: int, at: int) -> None:
        """The venue published these levels of ours: older news is now contained in them."""
        for price, _, shown in changes:
            level = self._levels[side][price]
            for presence in level.presences:
                presence.echo(venue_time)
            self._disturbed(level, at)
            level.settle(shown, at)
            self._sweep(side, price, level, at)

    def replaced(self, book: Book, venue_time: int, at: int) -> None:
        """A snapshot replaced the book: every level was published."""
        for side, ours in self._levels.items():
            shown = book.side(side).quantity
            self.updated(side, [(price, 0, shown(price)) for price in ours], venue_time, at)

    def touch(self, book: Book, at: int) -> Touch | None:
        """The best bid and ask of the others; None where one side has nobody else."""
        self._settles_at = NEVER_NS
        bid = self._best(BUY, book.bids, at)
        ask = self._best(SELL, book.asks, at)
        if bid is None or ask is None:
            return None
        return Touch(bid[0], bid[1], ask[0], ask[1])

    def best_of_others(self, book: Book, at: int) -> tuple[int | None, int | None]:
        """Their best bid and ask, each None where that side has nobody else."""
        bid, ask = self._best(BUY, book.bids, at), self._best(SELL, book.asks, at)
        return None if bid is None else bid[0], None if ask is None else ask[0]

    def others(self, book: Book, at: int) -> Others:
        """The book without our own orders."""
        bids, asks = (OthersSide(book.side(side), self._levels[side], at) for side in Side)
        return Others(bids, asks)

    def others_at(self, side: Side, price: int) -> int | None:
        """What we last believed of the others at a price of ours; None where none of ours is."""
        level = self._levels[side].get(price)
        return None if level is None else level.others

    def settles_at(self, at: int) -> int | None:
        """When the last touch may be another one without any news: a level it came from will have been still by then.

        What becomes of our levels behind it cannot be seen in it.
        """
        return self._settles_at if at < self._settles_at < NEVER_NS else None

    def _best(self, side: Side, levels: BookSide, at: int) -> tuple[int, int] | None:
        ours = self._levels[side]
        price = levels.best
        while price is not None:
            shown = levels.quantity(price)
            level = ours.get(price)
            if level is None:
                return price, shown
            if at < level.still_from < self._settles_at:
                self._settles_at = level.still_from
            if (quantity := level.settle(shown, at)) > 0:
                return price, quantity
            price = levels.behind(price)
        return None

    def _presence(self, order_id: str, side: Side, price: int, book: Book, at: int) -> Presence:
        self._forget(at)
        places = self._of_order.get(order_id)
        if places is None:
            places = self._of_order[order_id] = {}
        presence = places.get(price)
        if presence is not None:
            return presence
        presence = places[price] = Presence(order_id)
        level = self._levels[side].get(price)
        if level is None:
            others = book.side(side).quantity(price)
            level = self._levels[side][price] = OwnLevel(others, at)
            self._disturbed(level, at)
        level.presences.append(presence)
        self._price_of.setdefault(order_id, price)
        return presence

    def _fall(self, order_id: str, side: Side, price: int, venue_time: int, at: int) -> None:
        """We heard that nothing of the order is left at a price."""
        level, until = self._levels[side][price], at + self._echo_ns_max
        self._of_order[order_id][price].fall(0, venue_time, until)
        self._fallen.append((until, side, price))
        self._disturbed(level, at)
        self._sweep(side, price, level, at)

    def _forget(self, at: int) -> None:
        """A price that an order has left may never be published again: its echo may have come before the word on it."""
        fallen = self._fallen
        while fallen and fallen[0][0] <= at:
            _, side, price = fallen.popleft()
            if (level := self._levels[side].get(price)) is not None:
                self._sweep(side, price, level, at)

    def _disturbed(self, level: OwnLevel, at: int) -> None:
        """Something happened at a level of ours."""
        level.still_from = at + self._echo_ns_max

    def _sweep(self, side: Side, price: int, level: OwnLevel, at: int) -> None:
        """Forget presences that no longer matter, and the level with the last of them."""
        is_any_gone = False
        for presence in level.presences:
            if at >= presence.high_until:
                presence.come_down()
            if presence.high <= 0:
                is_any_gone = True
                places = self._of_order[presence.order_id]
                del places[price]
                if not places:
                    del self._of_order[presence.order_id]
        if is_any_gone:
            level.presences = [presence for presence in level.presences if presence.high > 0]
            if not level.presences:
                del self._levels[side][price]
