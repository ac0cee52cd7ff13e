"""What an exchange tells, as the facts that a venue's session would make of it; in ticks and lots from end to end.

Public facts and those about our own orders travel on two connections, as they do at the venue, so each has its delay,
and none overtakes another of its own connection. Times that a venue tells are whole milliseconds.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import assert_never

from replenisher.exchange.board import Board
from replenisher.exchange.dialects.deribit.catalogue import wire_state
from replenisher.exchange.dialects.deribit.subscription import STATE_WORDS
from replenisher.exchange.latency import Way
from replenisher.exchange.market import Happening, PublicLevel, Traded
from replenisher.exchange.words import (
    AccountUpdate,
    CashMove,
    InstrumentChanged,
    InstrumentState,
    MmpTriggered,
    OrderState,
    OrderView,
    TradeView,
)
from replenisher.model.command import AmendOrder, PlaceOrder
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    Event,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    OrderCanceled,
    OrderFilled,
    OrderWorking,
    SessionOpened,
    TradePrinted,
)
from replenisher.model.instrument import Instrument, instrument_key
from replenisher.model.order import BUY
from replenisher.model.units import MS_NS, NEVER_NS
from replenisher.venues.deribit.own_orders import request_of

_arrival = attrgetter("at")


class Hearing:
    """Hears for one account at one venue, and keeps what is under way to the engine until it arrives."""

    def __init__(self, venue: str, account: str, public: Way, private: Way) -> None:
        self._under_way: list[Event] = []  # by when it arrives, and what arrives together as it was told
        self._public = public
        self._private = private
        self._venue = venue
        self._account = account
        self.instruments: dict[str, Instrument] = {}  # by name; what we hear of
        self.traded: dict[str, Instrument] = {}  # those of them on which orders are ours
        self._keys: dict[str, str] = {}
        self.hears_own = True  # whether we are told of our orders
        self._states: dict[str, InstrumentStateChanged] = {}  # by name, as last told
        self._deaf: set[str] = set()  # by name: of which no book is heard until it is shown
        self.doubted: Callable[[str, int], object] = lambda name, at: None  # told whose definition is wanted, and when
        self.out_of_sight: Callable[[str, int], object] = lambda name, at: None  # told whose book, and when we hear it
        self.in_sight: Callable[[str, int], object] = lambda name, at: None  # likewise, and when it is at the exchange

    def listen(self, instrument: Instrument, *, is_traded: bool) -> None:
        """Hear of this instrument from now on."""
        self.instruments[instrument.name] = instrument
        self._keys[instrument.name] = instrument.key
        if is_traded:
            self.traded[instrument.name] = instrument

    def begin(self, instruments: Iterable[Instrument], at: int, opens_at: int) -> None:
        """The terms of these instruments are told, and the session is open then."""
        public, private = self._public.arrival(at), self._private.arrival(opens_at)
        self.put([ClockOffset(at=public, venue=self._venue, offset_ns=0)])
        self.put([InstrumentDefined(at=public, instrument=instrument) for instrument in instruments])
        self.put([SessionOpened(at=private, venue=self._venue)])

    def tell_state(self, name: str, state: InstrumentState, at: int) -> None:
        """Whether an instrument trades, if that is another word than the last one."""
        is_open = state is InstrumentState.OPEN
        reason = "open" if is_open else wire_state(state)
        self.put(self._turn(name, is_open, reason, self._public.arrival(at), is_final=state.is_final))

    def _turned(self, told: InstrumentChanged) -> None:
        """That it does not trade is believed at once; the last word has its definition, which is asked for then."""
        name, state, arrival = told.instrument, told.state, self._public.arrival(told.at)
        if state is not InstrumentState.OPEN:
            reason = STATE_WORDS.get(state, wire_state(state))
            self.put(self._turn(name, False, reason, arrival, is_final=state.is_final))
        self.doubted(name, arrival)

    def halted(self, name: str, reason: str, arrival: int) -> Iterable[Event]:
        """An order was refused because nothing trades, whatever was told: what is made of that when it is heard."""
        is_final = name in self._states and self._states[name].is_final
        return self._turn(name, False, reason, arrival, is_final=is_final)

    def _turn(self, name: str, is_open: bool, reason: str, arrival: int, *, is_final: bool) -> Iterable[Event]:
        told = self._states.get(name)
        if told is not None and (told.is_open, told.is_final) == (is_open, is_final):
            return ()
        self._states[name] = told = InstrumentStateChanged(
            at=arrival, instrument=self._keys[name], is_open=is_open, reason=reason, is_final=is_final
        )
        return (told,)

    # --- Under way ------------------------------------------------------------------------------------------------

    @property
    def next_at(self) -> int:
        """When the next fact arrives."""
        return self._under_way[0].at if self._under_way else NEVER_NS

    def take(self, at: int) -> list[Event]:
        """What has arrived; the list is the caller's."""
        facts = self._under_way
        if not facts or facts[0].at > at:
            return []
        if facts[-1].at <= at:
            self._under_way = []
            return facts
        count = next(place for place, fact in enumerate(facts) if fact.at > at)
        self._under_way = facts[count:]
        return facts[:count]

    def put(self, facts: Iterable[Event]) -> None:
        """Send facts on their way that know when they arrive."""
        for fact in facts:
            self._put(fact)

    def _put(self, fact: Event) -> None:
        under_way = self._under_way
        if under_way and under_way[-1].at > fact.at:
            insort(under_way, fact, key=_arrival)
        else:
            under_way.append(fact)

    def answered(self, ask: Callable[[], Iterable[Event]]) -> None:
        """Let something be asked: the answer is told before what it brings about, as the venue does."""
        before, self._under_way = self._under_way, []
        answer = ask()
        brought_about, self._under_way = self._under_way, before
        self.put(answer)
        self.put(brought_about)

    def tell_lost(self, name: str, reason: str, at: int) -> None:
        """A book cannot be trusted from then on, and nothing of it is heard until it is shown."""
        self._deaf.add(name)
        self._put(FeedLost(at=at, instrument=self._keys[name], reason=reason))

    def subscribed(self, name: str, at: int) -> None:
        """What else than its book is told to who subscribes to an instrument: nothing."""

    def show(self, name: str, levels: Iterable[PublicLevel], at: int, by: int = NEVER_NS) -> int:
        """The whole book of an instrument, as who subscribes is told it, unless it is too late; when it comes."""
        arrival = self._public.arrival(at)
        if arrival > by:
            return arrival
        self._deaf.discard(name)
        depth = [(level.side, level.price, level.quantity) for level in levels]
        whole = BookSnapshot(
            at=arrival,
            instrument=self._keys[name],
            venue_time=at - at % MS_NS,
            bids=tuple(sorted([(price, quantity) for side, price, quantity in depth if side is BUY], reverse=True)),
            asks=tuple(sorted([(price, quantity) for side, price, quantity in depth if side is not BUY])),
        )
        self._put(whole)
        return arrival

    # --- The public -----------------------------------------------------------------------------------------------

    def printed(self, board: Board, traded: Traded, trade_id: str, at: int) -> None:
        """A trade became public."""
        key = self._keys.get(board.instrument.name)
        if key is None:
            return
        told = TradePrinted(
            at=self._public.arrival(at),
            instrument=key,
            venue_time=at - at % MS_NS,
            trade_id=trade_id,
            price=traded.price,
            quantity=traded.quantity,
            taker=traded.taker,
        )
        self._put(told)

    def moved(self, board: Board, happening: Happening, change_id: int, at: int) -> bool:
        """New quantities at some levels."""
        name = board.instrument.name
        key = self._keys.get(name)
        if key is not None and name in self._deaf:
            if happening.found:
                self.in_sight(name, at)
        elif key is not None:
            told = BookChanged(
                at=self._public.arrival(at),
                instrument=key,
                venue_time=at - at % MS_NS,
                bids=happening.bids,
                asks=happening.asks,
            )
            self._put(told)
        return True

    def lost(self, board: Board, change_id: int, at: int) -> None:
        """The book is out of sight until it is found."""
        if board.instrument.name in self._keys:
            self.out_of_sight(board.instrument.name, self._public.arrival(at))

    def report(self, report: AccountUpdate | InstrumentChanged | MmpTriggered | CashMove) -> None:
        """Something that is not the public's book, nor a print."""
        match report:
            case AccountUpdate():
                if self.hears_own and report.account == self._account and report.instrument in self.instruments:
                    arrival = self._private.arrival(report.at)
                    self.put(self.own(report.orders, report.trades, None, arrival))
            case InstrumentChanged():
                if report.instrument in self._keys:
                    self._turned(report)
            case MmpTriggered() | CashMove():
                pass  # no order of ours is protected there, and cash is asked for
            case _:
                assert_never(report)

    # --- Our own --------------------------------------------------------------------------------------------------

    def own(
        self, orders: Sequence[OrderView], trades: Sequence[TradeView], asked: PlaceOrder | AmendOrder | None, at: int
    ) -> list[Event]:
        """One event at the venue: terms, fills, endings, as `venues/deribit/own_orders.py` says why."""
        terms: list[Event] = []
        endings: list[Event] = []
        for order in orders:
            if order.state is OrderState.CANCELLED:
                endings.append(canceled(order, at))
            else:
                terms.append(working(order, self.instruments[order.instrument], asked, at))
        return [*terms, *(self.fill(trade, at) for trade in trades), *endings]

    def fill(self, trade: TradeView, at: int) -> OrderFilled:
        """One of our trades."""
        return OrderFilled(
            at=at,
            instrument=instrument_key(self._venue, trade.instrument),
            order_id=trade.label,
            venue_order_id=trade.order_id,
            venue_time=trade.at - trade.at % MS_NS,
            trade_id=trade.trade_id,
            side=trade.side,
            price=trade.price,
            amount=trade.amount,
            fee=trade.fee,
            fee_currency=trade.fee_currency,
            liquidity=trade.liquidity,
        )


def working(order: OrderView, instrument: Instrument, asked: PlaceOrder | AmendOrder | None, at: int) -> OrderWorking:
    """An order rests, or did until it was filled."""
    assert order.price is not None, "we place limit orders"
    return OrderWorking(
        at=at,
        order_id=order.label,
        venue_order_id=order.order_id,
        venue_time=order.updated_at - order.updated_at % MS_NS,
        price=int(order.price / instrument.tick),
        quantity=instrument.lots(order.amount),
        answers=None if asked is None else request_of(asked),
        valid_until=0 if asked is None else asked.valid_until,
    )


def canceled(order: OrderView, at: int) -> OrderCanceled:
    """An order rests no more."""
    return OrderCanceled(
        at=at,
        order_id=order.label,
        venue_time=order.updated_at - order.updated_at % MS_NS,
        reason=order.cancel_reason,
        filled=order.filled_amount,
    )
