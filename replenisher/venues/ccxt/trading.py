"""The private side: a session, our orders and fills as they are told and as they are asked for, the dead-man switch.

ccxt has no login to wait for, no way to ask what a key may do, and no word that a subscription stands. So the session
is open once a first private question was answered, the cancel of an order that does not exist was not refused for want
of permission and, where there is one, the dead-man switch is set. What a stream should tell is asked for as
well, from time to time: an execution has an id and counts once, whoever told it first. Where there is no
stream, the question is all there is, and is asked more often. Requests do not travel on the streams: a session outlives
them, so that what must be canceled is canceled at once.

Executions often name only the venue's order id, which the answer to the place has still to tell us. Such a one is kept
back while a place is under way on its instrument, and told as nobody's only when none is.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

from replenisher.model.command import (
    AmendOrder,
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    OrderCommand,
    PlaceOrder,
    Question,
)
from replenisher.model.event import NotSent, RejectReason, SessionOpened
from replenisher.model.order import Request
from replenisher.model.units import HOUR_NS, MS_NS, SECOND_NS
from replenisher.venues.ccxt.calls import Call, Failure, Watch
from replenisher.venues.ccxt.errors import verdict
from replenisher.venues.ccxt.holdings import UNREADABLE, charges_of, execution_id, fees_of, fill_of
from replenisher.venues.ccxt.link import (
    Asked,
    Batch,
    CheckFills,
    CheckOrders,
    DropSwitch,
    HoldSwitch,
    Link,
    Listed,
    LogIn,
    LookAtRights,
    Part,
    Search,
)
from replenisher.venues.ccxt.names import Names
from replenisher.venues.ccxt.orders import OrderEntry
from replenisher.venues.ccxt.placed import Placements
from replenisher.venues.ccxt.questions import Questions
from replenisher.venues.ccxt.replies import REQUESTS, Replies
from replenisher.venues.ccxt.resting import Resting
from replenisher.venues.ccxt.wallets import wallet_of

UNANSWERED_MAX = 3  # checks in a row, until the session counts as lost
OVERLAP_NS = 10 * SECOND_NS  # how far before the newest known fill the check looks again
LOOKED_BACK_NS = 12 * HOUR_NS  # and at most: what is older was checked, and some answers end a day after they begin
TOLD_MAX = 10_000
NO_ORDER = "0"  # the id of none
ORDERS, FILLS = "orders ", "fills "  # the streams, with the instrument behind


class Trading:
    """What is ours at one exchange."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
        is_ours: Callable[[str], bool],
    ) -> None:
        self._link = link
        self.is_open = False
        self._listed = listed  # by instrument key; the market side fills it
        self._names = Names(link.exchange.traits, is_ours)
        placements = Placements()
        self._replies = Replies(link, listed, self._names, placements)
        self._entry = OrderEntry(link, listed, self._names, placements, self._replies)
        self._resting = Resting(link, listed, self._names)
        self._questions = Questions(link, listed, self._names, self._resting, self._entry.is_placing)
        self._due: dict[Asked, int] = {}  # what is asked again and again, and when next
        self._unanswered = 0
        self._begun_at: int | None = None  # the venue time of the first session of this life
        self._known_until: dict[str, int] = {}  # per instrument: the venue time of the newest fill that was told
        self._told: deque[tuple[str, tuple[str, str]]] = deque(maxlen=TOLD_MAX)  # the newest: instrument, execution
        self._told_set: set[tuple[str, tuple[str, str]]] = set()
        self._held: list[tuple[str, Mapping[str, Any]]] = []

    # --- The session ----------------------------------------------------------------------------------------------

    def follow(self, at: int) -> None:
        """An earlier life may have left no credits."""
        self._questions.follow(at)

    def log_in(self, at: int) -> None:
        """Ask something that only a good key is answered."""
        first = next(iter(self._listed.values())).instrument
        self._link.ask_wallet(LogIn(), wallet_of(first, self._link.exchange.traits), at)

    def say_farewell(self, at: int) -> None:
        """Nothing of ours rests and we go: nobody needs to cancel for us."""
        if self.is_open and self._holds_switch:
            self._link.calls.ask(DropSwitch(), at, "cancel_all_orders_after", 0, is_farewell=True)

    def lose(self) -> None:
        """Nothing is heard any more."""
        self.is_open = False
        self._due.clear()
        self._questions.forget()

    def wake(self, at: int) -> None:
        """Ask what is due."""
        self._questions.wake(at)
        for what, due in list(self._due.items()):
            if at >= due:
                self._check(what, at)

    @property
    def next_wake(self) -> int | None:
        """When something is due."""
        due, waiting = min(self._due.values(), default=None), self._questions.next_wake
        return waiting if due is None or (waiting is not None and waiting < due) else due

    def watch(self, at: int) -> None:
        """Begin every stream, and ask at once for what was missed before it."""
        if self._begun_at is None:
            self._begun_at = self._link.clock.venue_time(at)
        for key, listed in self._listed.items():
            self._known_until.setdefault(key, self._link.clock.venue_time(at))
            if self._hears_orders(key):
                self._link.actions.append(Watch(ORDERS + key, "watch_orders", (listed.symbol,)))
            if self._hears_fills(key):
                self._link.actions.append(Watch(FILLS + key, "watch_my_trades", (listed.symbol,)))
            self._due[CheckFills(key)] = at
        self._due |= {CheckOrders(scope): at for scope in self._resting.scopes}

    def _let_in(self, at: int) -> None:
        """The key is good: nothing is in the way but the dead-man switch."""
        if self._holds_switch:
            self._hold_switch(at)
        else:
            self._open(at)

    def _open(self, at: int) -> None:
        self.is_open = True
        self._unanswered = 0
        self.watch(at)
        if self._holds_switch:
            self._due[HoldSwitch()] = self._hold_again_at(at)
        self._link.tell(SessionOpened(at=at, venue=self._link.venue))

    def _check(self, what: Asked, at: int) -> None:
        match what:
            case CheckFills(instrument=key):
                self._due[what] = at + self._every(self._hears_fills(key))
                since = max(self._known_until[key] - OVERLAP_NS, self._link.clock.venue_time(at) - LOOKED_BACK_NS)
                self._link.ask_trades(what, self._listed[key].symbol, since, at)
            case CheckOrders(scope=scope):
                keys = [scope] if scope in self._listed else list(self._listed)
                self._due[what] = at + self._every(all(map(self._hears_orders, keys)))
                self._resting.ask(what, at)
            case HoldSwitch():
                self._due[what] = self._hold_again_at(at)
                self._hold_switch(at)
            case _:
                raise AssertionError("nothing else is asked again and again")

    @property
    def _holds_switch(self) -> bool:
        return self._link.exchange.has_switch and self._link.settings.dead_man_switch_s > 0

    def _hold_switch(self, at: int) -> None:
        self._link.calls.ask(HoldSwitch(), at, "cancel_all_orders_after", self._link.settings.dead_man_switch_s * 1000)

    def _hold_again_at(self, at: int) -> int:
        return at + self._link.settings.dead_man_switch_s * SECOND_NS // 3

    def _hears_orders(self, key: str) -> bool:
        return self._link.exchange.hears_orders(self._listed[key].instrument.kind)

    def _hears_fills(self, key: str) -> bool:
        return self._link.exchange.hears("watchMyTrades", self._listed[key].instrument.kind)

    def _every(self, is_heard: bool) -> int:
        return self._link.settings.check_ns if is_heard else self._link.settings.poll_ns

    # --- What the engine wishes -----------------------------------------------------------------------------------

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        """Ask the exchange, or say that it was not asked."""
        orders: list[OrderCommand] = []
        for command in commands:
            match command:
                case PlaceOrder() | AmendOrder() | CancelOrder():
                    if self.is_open:
                        orders.append(command)
                    else:
                        request = REQUESTS[type(command)]
                        self._link.tell(NotSent(at=at, order_id=command.order_id, request=request))
                case AskOpenOrders() | AskOrder() | AskTrades() | AskPosition() | AskCash() | AskBalance():
                    if self.is_open:
                        self._questions.ask(command, at)
                    else:
                        self._questions.fail(command, "no session", at)
                case _:
                    assert_never(command)
        self._entry.send(orders, at)

    # --- What is answered -----------------------------------------------------------------------------------------

    def answered(self, call: Call[Asked], value: Any, at: int) -> str:
        """An answer; returns why the session cannot go on."""
        try:
            match call.what:
                case LogIn():
                    symbol = next(iter(self._listed.values())).symbol
                    self._link.calls.ask(LookAtRights(), at, "cancel_order", NO_ORDER, symbol)
                case LookAtRights():
                    self._let_in(at)
                case DropSwitch():
                    pass
                case CheckFills(instrument=key):
                    self._unanswered = 0
                    self._fills(key, value, at, is_asked=True)
                case CheckOrders() | Part(what=CheckOrders()):
                    self._resting.answered(call, value, at)
                case HoldSwitch():
                    if not self.is_open:
                        self._open(at)
                case PlaceOrder() | AmendOrder() | CancelOrder() | Batch() | Search(what=CancelOrder()):
                    self._entry.answered(call, value, at)
                    self._release(at)
                case _:
                    self._questions.answered(call, value, at)
        except UNREADABLE as error:
            return f"unreadable answer: {error!r}"
        return ""

    def failed(self, call: Call[Asked], failure: Failure, at: int) -> str:
        """No answer; returns why the session cannot go on."""
        match call.what:
            case LogIn():
                return f"refused the login: {failure}"
            case LookAtRights():
                if verdict(self._link.exchange.id, failure, Request.CANCEL).reason is RejectReason.PERMISSION:
                    return f"refused the key the right to trade: {failure}"
                self._let_in(at)  # there is no such order, and so the key may cancel; or nothing is proven
            case DropSwitch():
                pass  # it cancels what is not there
            case HoldSwitch():
                return f"the dead-man switch cannot be held: {failure}"
            case CheckFills():
                self._unanswered += 1
                return f"our trades cannot be asked for: {failure}" if self._unanswered >= UNANSWERED_MAX else ""
            case CheckOrders() | Part(what=CheckOrders()):
                pass  # it is asked again
            case PlaceOrder() | AmendOrder() | CancelOrder() | Batch() | Search(what=CancelOrder()):
                self._entry.failed(call, failure, at)
                self._release(at)
            case _:
                return self._questions.failed(call, failure, at)
        return ""

    def watched(self, stream: str, value: Any, at: int) -> str:
        """News of a stream; returns why the session cannot go on."""
        try:
            if stream.startswith(ORDERS):
                self._changed(stream.removeprefix(ORDERS), value, at)
            else:
                for trade in value:
                    if key := self._instrument_of(trade):
                        self._fills(key, [trade], at, is_asked=False)
        except UNREADABLE as error:
            # It may have been a fill. The next session begins by asking for what we missed.
            return f"unreadable {stream}: {error!r}"
        return ""

    def _instrument_of(self, told: Mapping[str, Any]) -> str:
        """What an order or a fill is on, which need not be what was asked for: some streams tell the newest of all.

        Empty where that is none of what we trade.
        """
        symbol = told.get("symbol")
        return next((key for key, listed in self._listed.items() if listed.symbol == symbol), "")

    def _changed(self, asked: str, orders: Sequence[Mapping[str, Any]], at: int) -> None:
        for order in orders:
            name = self._names.of_order(order)
            if not self._names.is_ours(name):
                continue
            key = self._instrument_of(order) or asked  # one of ours is on what we trade, whatever it is called there
            if (told := self._replies.news(order, name, key, None, at)) is not None:
                self._link.tell(told)
            if order.get("filled") and not self._hears_fills(key):
                self._due[CheckFills(key)] = at  # no stream tells the execution itself
        self._release(at)

    # --- Our fills ------------------------------------------------------------------------------------------------

    def _fills(self, key: str, trades: Sequence[Mapping[str, Any]], at: int, *, is_asked: bool) -> None:
        """Executions, told once each. Where a stream does not tell all of one, the question that does is asked at once.

        Some streams begin with the last trades of the account, however old. Of what this life did not see the engine
        asks from where its books end, and what was traded before they began is none of theirs.
        """
        for trade in trades:
            if (key, execution_id(trade)) in self._told_set or (not is_asked and self._is_of_before(trade)):
                continue
            if not is_asked and not (self._link.exchange.traits.streams_fills and fees_of(trade)):
                self._due[CheckFills(key)] = at
            elif self._names.of_trade(trade) or not self._entry.placing_on(key):
                self._tell_fill(key, trade, at)
            elif all(execution_id(held) != execution_id(trade) for _, held in self._held):
                self._held.append((key, dict(trade)))

    def _is_of_before(self, trade: Mapping[str, Any]) -> bool:
        """Whether an execution is older than the first session of this life."""
        return int(trade["timestamp"]) * MS_NS < (self._begun_at or 0) - OVERLAP_NS

    def _release(self, at: int) -> None:
        """Tell what was kept back, as far as it can be named now or never will be."""
        held, self._held = self._held, []
        for key, trade in held:
            if (key, execution_id(trade)) in self._told_set:
                continue
            if self._names.of_trade(trade) or not self._entry.placing_on(key):
                self._tell_fill(key, trade, at)
            else:
                self._held.append((key, trade))

    def _tell_fill(self, key: str, trade: Mapping[str, Any], at: int) -> None:
        instrument, traits = self._listed[key].instrument, self._link.exchange.traits
        fill = fill_of(trade, self._names.of_trade(trade), instrument, traits, at)
        if len(self._told) == TOLD_MAX:
            self._told_set.discard(self._told[0])
        self._told.append(told := (key, execution_id(trade)))
        self._told_set.add(told)
        self._known_until[key] = max(self._known_until.get(key, 0), fill.venue_time)
        for charge in charges_of(trade, fill):
            self._link.tell(charge)
        self._link.tell(fill)
