"""The recorded market: a tape plays, and the orders of clients stand in its queues.

What others did is done: the tape does not react to us. The rules by which it fills us, on purpose the strict ones:

- A passive fill needs a trade of the tape, and names it. A tape without trades fills nobody; a book that moves through
  our price does not either, it waits for the trade.
- One recorded trade fills at most its own quantity over all resting orders: best price first, then queue position.
- A trade through our price fills us first: that taker would have met us on the way. Where our price is better than
  what the tape shows, nobody stands before us.
- A trade comes before the book change that reports it; whoever feeds this market puts them in that order.
- What a client took is gone until the tape shows an *increase* at that price.
- The public book is what the tape shows, less what was taken, plus what clients have resting. Others who would trade
  with a resting order of ours are not shown: no real venue shows a crossed book.
- While the tape has lost its book (a gap) nothing trades, nothing is shown and no order is accepted; what rests goes
  to the end of the queue when the book is back. Nor is one accepted while the instrument was closed.

The queue model that decides may be accompanied by a second one in its shadow, whose fills are only written down.
"""

from collections.abc import Container, Iterable, Iterator
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import assert_never

import msgspec

from replenisher.core.book import BookSide
from replenisher.exchange.market import NOTHING, Cause, ClientOrder, Happening, PublicLevel, Reach, Traded
from replenisher.exchange.playback import Playback, TapeFact
from replenisher.exchange.queue import Fill, QueueModel, RestingOrders, is_at_or_better
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    FeedLost,
    InstrumentStateChanged,
    Level,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import BUY, SELL, Side

Levels = tuple[Level, ...]
INSTRUMENT_NAME = "BTC_USDT-PERPETUAL"


def recorded_instrument(venue: str, tick: Decimal, lot: Decimal) -> Instrument:
    """The linear perpetual as which a tape is offered, on the tape's own grid."""
    return Instrument(
        venue=venue,
        name=INSTRUMENT_NAME,
        kind=Kind.PERPETUAL,
        tick_steps=(TickStep(Decimal(0), tick),),
        lot=lot,
        amount_unit=AmountUnit.BASE,
        base_currency="BTC",
        quote_currency="USDT",
        settlement_currency="USDT",
        pays_at_settlement=True,
        min_amount=lot,
    )


class ShadowFill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an order would have been given under the other queue model; it moved nothing.

    An estimate: the order lives as long as the model that decides lets it live, so a model that fills later than that
    one is shown too few fills, and neither sees what the client would have done differently.
    """

    at: int
    order_id: str
    side: Side
    price: int
    quantity: int
    trade_id: str


class RecordedMarket:
    """One tape behind the market port; it opens with the first snapshot and closes with the last fact.

    `facts` are (venue time, fact) in order of that time; when they happen here, `playback.py` says.
    """

    source = "recorded"

    def __init__(
        self,
        instrument: Instrument,
        facts: Iterable[tuple[int, TapeFact]],
        *,
        model: QueueModel,
        shadow: QueueModel | None = None,
        start: int,
        origin: int | None = None,
        speed: float = 1.0,
    ) -> None:
        self.instrument = instrument
        self.index: float | None = None  # as last told; most recordings tell none
        self.gaps = 0  # how often its book was lost
        self._tape = Playback(facts, start=start, origin=origin, speed=speed)
        self._book = {side: BookSide(side) for side in Side}  # as the tape tells it, before anything of ours
        # Lots of others that clients took and the tape still shows, by price.
        self._taken: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._resting = RestingOrders(model)
        self._shadow = RestingOrders(shadow) if shadow else None
        self._shadow_fills: list[ShadowFill] = []
        # What is at our levels, or crosses them, and what it showed before.
        self._touched: dict[tuple[Side, int], int] = {}
        # A set that keeps the order in which things happened, so that one tape has one outcome.
        self._hidden: dict[tuple[Side, int], None] = {}  # levels of others that would trade with a resting order
        self._is_trusted = False
        self._is_halted = False  # by the venue, then
        self._is_closed = False
        self._asked_at = start  # when a client was last here
        for fact in self._tape.begin():
            if isinstance(fact, BookSnapshot | TickerTold | InstrumentStateChanged):
                self._apply(fact)

    # --- What it is

    @property
    def is_open(self) -> bool:
        """Whether the tape still plays and its book can be trusted."""
        return self._is_trusted and not self._is_halted and not self._is_closed

    @property
    def feed_ns(self) -> int:
        """How much longer the last message of the tape was under way than the fastest so far."""
        return self._tape.feed_ns

    @property
    def next_at(self) -> int | None:
        """When the next fact of the tape is due; the closing comes with the last one."""
        if self._is_closed:
            return None
        return self._tape.due if self._tape.next is not None else self._tape.played_to

    def best(self, side: Side, *, without: str = "") -> int | None:
        """The best price shown, ours or of others; `without` an order, also what that one alone hides."""
        own = self._resting.best[side]
        is_all_shown = not self._hidden and not self._taken[side]  # whoever is left out
        others = self._book[side].best if is_all_shown else self._best_of_others(side, without)
        if own is None or others is None:
            return others if own is None else own
        return max(own, others) if side is BUY else min(own, others)

    def depth(self) -> list[PublicLevel]:
        """The whole public book."""
        return [
            PublicLevel(side, price, quantity)
            for side, book in self._book.items()
            for price in dict.fromkeys([*book.quantities, *self._resting.prices(side)])
            if (quantity := self._public(side, price))
        ]

    def shadow_fills(self) -> list[ShadowFill]:
        """What the second queue model would have filled since the last call; the list is the caller's."""
        fills, self._shadow_fills = self._shadow_fills, []
        return fills

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        """What the order would trade: of what is shown, ours and of others."""
        side, left = order.side.opposite, order.quantity
        best = self.best(side)
        if best is None or (order.price is not None and not is_at_or_better(side, best, order.price)):
            return NOTHING
        takes: list[tuple[int, int]] = []
        makers: list[str] = []
        prices = {*self._book[side].quantities, *self._resting.prices(side)}
        for price in sorted(prices, reverse=side is BUY):
            if not left or (order.price is not None and not is_at_or_better(side, price, order.price)):
                break
            met = self._resting.meets(side, price, left, without=without)
            own = sum(fill.quantity for fill in met)
            others = 0 if (side, price) in self._hidden else self._others(side, price)
            if taken := own + min(others, left - own):
                takes.append((price, taken))
                left -= taken
            makers += [fill.order_id for fill in met]
        return Reach(tuple(takes), tuple(makers))

    # --- What the tape does

    def advance(self, at: int) -> list[Happening]:
        """Play the tape up to and including `at`."""
        happenings: list[Happening] = []
        tape = self._tape
        while (fact := tape.next) is not None and tape.due <= at:
            if type(fact) is TradePrinted and not self._meets_ours(fact):
                happening = self._among_others(fact)
            else:
                tape.take_up()
                happening = self._apply(fact)
            if happening.trades or happening.bids or happening.asks or happening.lost or happening.found:
                happenings.append(happening)
        if tape.next is None and not self._is_closed and tape.played_to <= at:
            self._is_closed = True
            happenings.append(Happening(at=tape.played_to, closed=True))
        return happenings

    def stand_still(self, duration_ns: int) -> None:
        """The tape is stopped, and goes on where it was."""
        self._tape.stand_still(duration_ns)

    def _among_others(self, trade: TradePrinted) -> Happening:
        """The next trade, in which none of ours has a part, and those that follow it at once: they are told as one."""
        tape = self._tape
        at = tape.due
        prints: list[Traded] = []
        while True:
            tape.take_up()
            prints.append(Traded(price=trade.price, quantity=trade.quantity, taker=trade.taker))
            following = tape.next
            if type(following) is not TradePrinted or tape.due != at or self._meets_ours(following):
                return Happening(at=at, trades=tuple(prints) if self._is_trusted else ())
            trade = following

    def _meets_ours(self, trade: TradePrinted) -> bool:
        """Whether its taker would have met an order of a client, under one of the queue models."""
        side, price = trade.taker.opposite, trade.price
        return self._resting.is_reached(side, price) or (
            self._shadow is not None and self._shadow.is_reached(side, price)
        )

    def _apply(self, fact: TapeFact) -> Happening:
        match fact:
            case BookChanged():
                bids, asks = self._change(fact.bids, fact.asks) if self._is_trusted else ((), ())
                return self._happening(self._tape.played_to, (), bids, asks)
            case TradePrinted():
                return self._happening(self._tape.played_to, self._print(fact) if self._is_trusted else ())
            case BookSnapshot():
                self._replace(fact.bids, fact.asks)
                for side, taken in self._taken.items():
                    taken.update({price: min(lots, self._book[side].quantity(price)) for price, lots in taken.items()})
                for resting in self._rooms():
                    resting.rejoin(self._others)
                found, self._is_trusted = not self._is_trusted, True
                return self._happening(self._tape.played_to, (), found=found)
            case FeedLost():
                self._replace((), ())
                lost, self._is_trusted = self._is_trusted, False
                self.gaps += lost
                return Happening(at=self._tape.played_to, lost=lost)
            case TickerTold():
                if fact.index is not None:
                    self.index = fact.index / self.instrument.tick_float
            case InstrumentStateChanged():
                self._is_halted = not fact.is_open
            case _ as never:
                assert_never(never)
        return self._happening(self._tape.played_to, ())

    def _print(self, trade: TradePrinted) -> tuple[Traded, ...]:
        """A trade of the tape that reached ours: the part that orders of clients get, then the rest as it was."""
        maker_side = trade.taker.opposite
        for price in self._resting.prices(maker_side):
            if is_at_or_better(maker_side, price, trade.price):
                self._touch(maker_side, price)
        cause = Cause(trade.trade_id, trade.price, trade.quantity)
        fills = self._resting.hit(maker_side, trade.price, trade.quantity)
        if self._shadow:
            self._note_shadow(self._shadow.hit(maker_side, trade.price, trade.quantity), maker_side, trade.trade_id)
        if not fills:
            return (Traded(price=trade.price, quantity=trade.quantity, taker=trade.taker),)
        prints = [self._maker_print(fill, trade.taker, cause) for fill in fills]
        if left := trade.quantity - sum(fill.quantity for fill in fills):
            prints.append(Traded(price=trade.price, quantity=left, taker=trade.taker))
        return tuple(prints)

    def _change(self, bids: Levels, asks: Levels) -> tuple[Levels, Levels]:
        """New quantities of others; which of them the public sees just so."""
        return self._change_side(self._book[BUY], bids), self._change_side(self._book[SELL], asks)

    def _change_side(self, book: BookSide, levels: Levels) -> Levels:
        side = book.side
        watched: AbstractSet[int] = self._resting.prices(side)
        if taken := self._taken[side]:
            watched |= taken.keys()
        changes = book.change(levels, watched, self._resting.best[side.opposite])
        for price, before, after in changes:
            self._change_level(side, price, before, after)
        if not changes:
            return levels
        ours = {price for price, _, _ in changes}
        return tuple([level for level in levels if level[0] not in ours])

    def _change_level(self, side: Side, price: int, before: int, after: int) -> None:
        """The others' quantity changed where we rest, where we took, or where it cannot be shown."""
        taken = self._taken[side].get(price, 0)
        if (side, price) not in self._touched:
            shown = 0 if (side, price) in self._hidden else before - taken
            self._touched[side, price] = shown + self._resting.quantity(side, price)
        taken_after = 0 if after > before else min(taken, after)
        if taken_after:
            self._taken[side][price] = taken_after
        elif taken:
            del self._taken[side][price]
        if self._resting.rests_at(side, price):
            for resting in self._rooms():
                resting.level_changed(side, price, before - taken, after - taken_after)

    def _replace(self, bids: Levels, asks: Levels) -> None:
        for book, levels in ((self._book[BUY], bids), (self._book[SELL], asks)):
            for price in dict.fromkeys([*book.quantities, *(price for price, _ in levels)]):
                self._touch(book.side, price)
            book.replace(levels)

    # --- What clients do

    def place(self, order: ClientOrder, at: int) -> Happening:
        """Take what the order can take, let the rest queue if it rests."""
        self._asked_at = at
        trades = self._take(order)
        left = order.quantity - sum(trade.quantity for trade in trades)
        if left and order.rests:
            assert order.price is not None, "a market order does not rest"
            self._touch(order.side, order.price)
            for resting in self._rooms():
                resting.join(order.order_id, order.side, order.price, left, self._others(order.side, order.price))
        return self._happening(at, trades)

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        """Shrink in place, or leave and come back behind the others."""
        resting = self._resting.find(order_id)
        assert resting, f"only a resting order is amended, not {order_id}"
        side = resting.side
        if price == resting.price and quantity <= resting.quantity:
            self._touch(side, price)
            for room in self._rooms():
                if room.find(order_id):
                    room.shrink(order_id, quantity)
            return self._happening(at, ())
        self._leave(order_id)
        return self.place(ClientOrder(order_id=order_id, side=side, price=price, quantity=quantity, rests=True), at)

    def cancel(self, order_id: str, at: int) -> Happening:
        """Take an order off the book, if it still rests."""
        self._leave(order_id)
        return self._happening(at, ())

    def _take(self, order: ClientOrder) -> tuple[Traded, ...]:
        """Trade with what is shown, best price first, as far as the order's price allows."""
        maker_side, wanted = order.side.opposite, order.quantity
        reached: list[tuple[int, int, list[Fill]]] = []  # (price, lots of others, fills of clients)
        while wanted and (price := self.best(maker_side)) is not None:
            if order.price is not None and not is_at_or_better(maker_side, price, order.price):
                break
            others, fills = self._take_level(maker_side, price, wanted, order.order_id)
            wanted -= others + sum(fill.quantity for fill in fills)
            reached.append((price, others, fills))
        if not reached:
            return ()
        cause = Cause(order.order_id, reached[-1][0], order.quantity - wanted)
        trades = []
        for price, others, fills in reached:
            if others:
                trades.append(Traded(price=price, quantity=others, taker=order.side, taker_order=order.order_id))
            trades += [self._maker_print(fill, order.side, cause, order.order_id) for fill in fills]
        return tuple(trades)

    def _take_level(self, side: Side, price: int, wanted: int, taker_order: str) -> tuple[int, list[Fill]]:
        """Take from one level: lots of others, which are gone from then on, and fills of clients."""
        self._touch(side, price)
        available = self._others(side, price)
        fills = self._resting.take(side, price, wanted)
        if self._shadow:
            self._note_shadow(self._shadow.take(side, price, wanted), side, taker_order)
        others = min(available, wanted - sum(fill.quantity for fill in fills))
        if others:
            self._taken[side][price] = self._taken[side].get(price, 0) + others
        return others, fills

    def _maker_print(self, fill: Fill, taker: Side, cause: Cause, taker_order: str = "") -> Traded:
        """One fill of a resting order; when nothing of it is left, it has no shadow either."""
        if self._shadow and not self._resting.find(fill.order_id):
            self._shadow.leave(fill.order_id)
        return Traded(
            price=fill.price,
            quantity=fill.quantity,
            taker=taker,
            maker_order=fill.order_id,
            taker_order=taker_order,
            cause=cause,
        )

    def _leave(self, order_id: str) -> None:
        if order := self._resting.find(order_id):
            self._touch(order.side, order.price)
        for resting in self._rooms():
            resting.leave(order_id)

    # --- What it shows

    def _others(self, side: Side, price: int) -> int:
        """What others have at one price: the tape's quantity less what clients took."""
        return self._book[side].quantity(price) - self._taken[side].get(price, 0)

    def _best_of_others(self, side: Side, without: str) -> int | None:
        """The best price of others that is shown."""
        own = self._resting.best_without(without, side.opposite)
        book = self._book[side]
        price = book.best
        if own is not None and _crosses(side, price, own):
            price = book.behind(own)
        while price is not None and not self._others(side, price):  # clients took all of it
            price = book.behind(price)
        return price

    def _crossing(self) -> dict[tuple[Side, int], None]:
        """The levels of others that would trade with a resting order, if the tape knew of it."""
        crossing: dict[tuple[Side, int], None] = {}
        for side, book in self._book.items():
            own = self._resting.best[side.opposite]
            if not _crosses(side, book.best, own):
                continue
            for price, _ in book.best_first():
                if not _crosses(side, price, own):
                    break
                crossing[side, price] = None
        return crossing

    def _public(self, side: Side, price: int) -> int:
        """What is shown at one price: what others have there, unless it is hidden, and what is ours."""
        others = 0 if (side, price) in self._hidden else self._others(side, price)
        return others + self._resting.quantity(side, price)

    def _touch(self, side: Side, price: int) -> None:
        """Something may change at this price: note what is shown until now."""
        if (side, price) not in self._touched:
            self._touched[side, price] = self._public(side, price)

    def _happening(
        self, at: int, trades: tuple[Traded, ...], bids: Levels = (), asks: Levels = (), *, found: bool = False
    ) -> Happening:
        """Tell what is shown differently now: at these levels, and where something was touched since all was told."""
        if not self._is_trusted:
            return Happening(at=at, trades=trades)
        if not self._touched:
            return Happening(at=at, trades=trades, bids=bids, asks=asks, found=found)
        crossing = self._crossing()
        if crossing or self._hidden:
            for level in {**self._hidden, **crossing}:
                if not (level in crossing and level in self._hidden):  # one that stays hidden shows what it did
                    self._touch(*level)
            self._hidden = crossing
        moved: dict[Side, list[Level]] = {BUY: [], SELL: []}
        for (side, price), before in self._touched.items():
            after = self._public(side, price)
            if after != before:
                moved[side].append((price, after))
        self._touched.clear()
        return Happening(at=at, trades=trades, bids=(*bids, *moved[BUY]), asks=(*asks, *moved[SELL]), found=found)

    # --- The shadow

    def _rooms(self) -> Iterator[RestingOrders]:
        """The resting orders under every queue model that is played."""
        yield self._resting
        if self._shadow:
            yield self._shadow

    def _note_shadow(self, fills: list[Fill], side: Side, trade_id: str) -> None:
        for fill in fills:
            self._shadow_fills.append(
                ShadowFill(
                    at=max(self._tape.played_to, self._asked_at),
                    order_id=fill.order_id,
                    side=side,
                    price=fill.price,
                    quantity=fill.quantity,
                    trade_id=trade_id,
                )
            )


def _crosses(side: Side, price: int | None, own: int | None) -> bool:
    """Whether a level of `side` would trade with an order of ours at `own` on the other side."""
    if own is None or price is None:
        return False
    return price >= own if side is BUY else price <= own
