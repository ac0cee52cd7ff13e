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
- While the tape has lost its book (a gap) nothing trades and no order is accepted; what rests goes to the end of the
  queue when the book is back.

The queue model that decides may be accompanied by a second one in its shadow, whose fills are only written down.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from replenisher.exchange.market import Cause, ClientOrder, Depth, Happening, Reach, Traded
from replenisher.exchange.queue import Fill, QueueModel, RestingOrders, is_at_or_better
from replenisher.exchange.tape_book import TapeBook
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, Level, TradePrinted
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Side

TapeFact = BookSnapshot | BookChanged | FeedLost | TradePrinted
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

    `facts` are (venue time, fact) in order of that time. What the tape shows at `origin`, or else its first snapshot,
    is shown at `start`; a fact that it has a while later happens that while, divided by `speed`, after `start`.
    """

    source = "recorded"
    index = None  # a tape holds one book and nothing else

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
        assert speed > 0, "a tape plays forwards"
        self.instrument = instrument
        self._facts = iter(facts)
        self._start, self._speed = start, speed
        self._tape_start = 0
        self._book = TapeBook()
        self._taken: dict[tuple[Side, int], int] = {}  # lots of others that clients took and the tape still shows
        self._resting = RestingOrders(model)
        self._shadow = RestingOrders(shadow) if shadow else None
        self._shadow_fills: list[ShadowFill] = []
        self._shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}  # the public book as last told
        # Sets that keep the order in which things happened, so that one tape has one outcome.
        self._touched: dict[tuple[Side, int], None] = {}
        self._hidden: dict[tuple[Side, int], None] = {}  # levels of others that would trade with a resting order
        self._is_trusted = False
        self._is_closed = False
        self._next: tuple[int, TapeFact] | None = None
        self._played_to = start  # when the last fact of the tape was due; what happens late is still due then
        self._now = start
        self._open(origin)

    # --- What it is

    @property
    def is_open(self) -> bool:
        """Whether the tape still plays and its book can be trusted."""
        return self._is_trusted and not self._is_closed

    @property
    def next_at(self) -> int | None:
        """When the next fact of the tape is due; the closing comes with the last one."""
        if self._is_closed:
            return None
        return self._due(self._next[0]) if self._next else self._played_to

    def best(self, side: Side, *, without: str = "") -> int | None:
        """The best price shown, ours or of others; `without` an order, also what that one alone hides."""
        own, others = self._resting.best(side), self._best_of_others(side, without)
        if own is None or others is None:
            return others if own is None else own
        return own if is_at_or_better(side, own, others) else others

    def depth(self) -> list[Depth]:
        """The whole public book."""
        return [
            Depth(side, price, quantity) for side, shown in self._shown.items() for price, quantity in shown.items()
        ]

    def shadow_fills(self) -> list[ShadowFill]:
        """What the second queue model would have filled since the last call; the list is the caller's."""
        fills, self._shadow_fills = self._shadow_fills, []
        return fills

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        """What the order would trade: of what is shown, ours and of others."""
        side, left = order.side.opposite, order.quantity
        takes: list[tuple[int, int]] = []
        makers: list[str] = []
        prices = {*self._shown[side], *self._resting.prices(side)}
        for price in sorted(prices, reverse=side is Side.BUY):
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
        happenings = []
        while self._next and (due := self._due(self._next[0])) <= at:
            self._played_to = due
            self._now = max(self._now, due)
            trades = self._apply(self._next[1])
            self._next = next(self._facts, None)
            happening = self._happening(due, trades)
            if happening.trades or happening.levels:
                happenings.append(happening)
        if self._next is None and not self._is_closed and self._played_to <= at:
            self._is_closed = True
            happenings.append(Happening(at=self._played_to, closed=True))
        return happenings

    def stand_still(self, duration_ns: int) -> None:
        """The tape is stopped, and goes on where it was."""
        self._start += duration_ns
        self._played_to += duration_ns

    def _open(self, origin: int | None) -> None:
        """Play to the first snapshot: what happened before has no book."""
        for venue_time, fact in self._facts:
            if isinstance(fact, BookSnapshot):
                self._tape_start = venue_time if origin is None else origin
                self._apply(fact)
                self._happening(self._start, ())
                self._next = next(self._facts, None)
                return

    def _due(self, venue_time: int) -> int:
        """When a fact of the tape happens here; never earlier than what came before it."""
        return max(self._played_to, self._start + int((venue_time - self._tape_start) / self._speed))

    def _apply(self, fact: TapeFact) -> tuple[Traded, ...]:
        match fact:
            case TradePrinted():
                return self._print(fact) if self._is_trusted else ()
            case BookChanged():
                if self._is_trusted:
                    self._change(fact.bids, fact.asks)
            case BookSnapshot():
                self._replace(fact.bids, fact.asks)
                self._taken = {key: min(taken, self._book.quantity(*key)) for key, taken in self._taken.items()}
                for resting in self._rooms():
                    resting.rejoin(self._others)
                self._is_trusted = True
            case FeedLost():
                self._replace((), ())
                self._is_trusted = False
            case _ as never:
                assert_never(never)
        return ()

    def _print(self, trade: TradePrinted) -> tuple[Traded, ...]:
        """A trade of the tape: the part that orders of clients get, then the rest as it was."""
        maker_side = trade.taker.opposite
        cause = Cause(trade.trade_id, trade.price, trade.quantity)
        fills = self._resting.hit(maker_side, trade.price, trade.quantity)
        if self._shadow:
            self._note_shadow(self._shadow.hit(maker_side, trade.price, trade.quantity), maker_side, trade.trade_id)
        prints = [self._maker_print(fill, trade.taker, cause) for fill in fills]
        if left := trade.quantity - sum(fill.quantity for fill in fills):
            prints.append(Traded(price=trade.price, quantity=left, taker=trade.taker))
        return tuple(prints)

    def _change(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        for side, price, before, after in self._book.change(bids, asks):
            self._touched[side, price] = None
            taken = self._taken.get((side, price), 0) if self._taken else 0
            taken_after = 0 if after > before else min(taken, after)
            if taken_after != taken:
                self._taken[side, price] = taken_after
            if self._resting.rests_at(side, price):
                for resting in self._rooms():
                    resting.level_changed(side, price, before - taken, after - taken_after)

    def _replace(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        self._touch_all()
        self._book.replace(bids, asks)
        self._touch_all()

    # --- What clients do

    def place(self, order: ClientOrder, at: int) -> Happening:
        """Take what the order can take, let the rest queue if it rests."""
        self._now = max(self._now, at)
        trades = self._take(order)
        left = order.quantity - sum(trade.quantity for trade in trades)
        if left and order.rests:
            assert order.price is not None, "a market order does not rest"
            for resting in self._rooms():
                resting.join(order.order_id, order.side, order.price, left, self._others(order.side, order.price))
            self._touched[order.side, order.price] = None
        return self._happening(at, trades)

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        """Shrink in place, or leave and come back behind the others."""
        resting = self._resting.find(order_id)
        assert resting, f"only a resting order is amended, not {order_id}"
        side = resting.side
        if price == resting.price and quantity <= resting.quantity:
            for room in self._rooms():
                if room.find(order_id):
                    room.shrink(order_id, quantity)
            self._touched[side, price] = None
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
        available = self._others(side, price)
        fills = self._resting.take(side, price, wanted)
        if self._shadow:
            self._note_shadow(self._shadow.take(side, price, wanted), side, taker_order)
        others = min(available, wanted - sum(fill.quantity for fill in fills))
        if others:
            self._taken[side, price] = self._taken.get((side, price), 0) + others
        self._touched[side, price] = None
        return others, fills

    def _maker_print(self, fill: Fill, taker: Side, cause: Cause, taker_order: str = "") -> Traded:
        """One fill of a resting order; when nothing of it is left, it has no shadow either."""
        self._touched[taker.opposite, fill.price] = None
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
            self._touched[order.side, order.price] = None
        for resting in self._rooms():
            resting.leave(order_id)

    # --- What it shows

    def _others(self, side: Side, price: int) -> int:
        """What others have at one price: the tape's quantity less what clients took."""
        shown = self._book.sides[side].quantities.get(price, 0)
        return shown - self._taken.get((side, price), 0) if self._taken else shown

    def _best_of_others(self, side: Side, without: str) -> int | None:
        """The best price of others that is shown."""
        own = self._resting.best(side.opposite, without=without)
        for price in self._book.sides[side].best_first():
            if self._others(side, price) and not _crosses(side, price, own):
                return price
        return None

    def _crossing(self) -> dict[tuple[Side, int], None]:
        """The levels of others that would trade with a resting order, if the tape knew of it."""
        crossing: dict[tuple[Side, int], None] = {}
        for side, book in self._book.sides.items():
            own = self._resting.best(side.opposite)
            for price in book.best_first():
                if not _crosses(side, price, own):
                    break
                crossing[side, price] = None
        return crossing

    def _happening(self, at: int, trades: tuple[Traded, ...]) -> Happening:
        """Tell what is shown differently now."""
        crossing = self._crossing()
        if crossing or self._hidden:
            self._touched |= self._hidden | crossing
        self._hidden = crossing
        levels = []
        for key in self._touched:
            side, price = key
            quantity = 0 if key in crossing else self._others(side, price)
            if self._resting.rests_at(side, price):
                quantity += self._resting.quantity(side, price)
            shown = self._shown[side]
            if quantity != shown.get(price, 0):
                levels.append(Depth(side, price, quantity))
                if quantity:
                    shown[price] = quantity
                else:
                    del shown[price]
        self._touched.clear()
        return Happening(at=at, trades=trades, levels=tuple(levels))

    def _touch_all(self) -> None:
        for side, book in self._book.sides.items():
            self._touched.update(((side, price), None) for price in book.quantities)

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
                    at=self._now,
                    order_id=fill.order_id,
                    side=side,
                    price=fill.price,
                    quantity=fill.quantity,
                    trade_id=trade_id,
                )
            )


def _crosses(side: Side, price: int, own: int | None) -> bool:
    """Whether a level of `side` would trade with an order of ours at `own` on the other side."""
    return own is not None and is_at_or_better(side, price, own)
