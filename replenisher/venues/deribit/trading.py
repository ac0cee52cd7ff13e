"""Deribit's private side: the dead-man switch, our orders and fills.

The session counts as open only when everything that protects us is proven: login, cancel-on-disconnect armed and read
back, and every channel of our own changes in the venue's answer.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, assert_never, get_args

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
from replenisher.model.event import (
    CoverLost,
    Event,
    NotSent,
    RejectReason,
    SessionLost,
    SessionOpened,
)
from replenisher.model.instrument import Instrument
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.deribit import codec, private, requests
from replenisher.venues.deribit.link import SUBSCRIBE_COST, Clock, Link
from replenisher.venues.deribit.listed import Listed
from replenisher.venues.deribit.orphans import Orphans
from replenisher.venues.deribit.own_orders import OwnOrders, request_of
from replenisher.venues.deribit.questions import Questions
from replenisher.venues.deribit.refusals import rejection
from replenisher.venues.deribit.watch import OwnChanges
from replenisher.venues.deribit.words import (
    Abandon,
    Answered,
    Asked,
    Check,
    Chore,
    Define,
    LinkEvent,
    LoggedIn,
    Lost,
    MeasureClock,
    Notified,
    Page,
    Search,
    Subscribe,
    Sweep,
    Unanswered,
    Unsubscribe,
)
from replenisher.venues.limiter import Bucket

RETIRING_NS = 5 * SECOND_NS  # how long a retired connection waits for answers
SWITCH_SCOPE = "connection"
ORDERS = frozenset(get_args(OrderCommand))


class Role(StrEnum):
    """What a connection is among those of its side: only what becomes of the chief is told."""

    HEIR = "heir"
    CHIEF = "chief"
    RETIRED = "retired"


class Trading:
    """The machine of the `trading` connection."""

    def __init__(
        self,
        venue: str,
        is_ours: Callable[[str], bool],
        names: Sequence[str],
        instruments: dict[str, Instrument],
        clock: Clock,
        link: Link,
        orphans: Orphans,
        halted: Callable[[str, str, int], None],
        cash_credits: Bucket,
        facts: list[Event],
        role: Role = Role.CHIEF,
    ) -> None:
        self.link = link
        self.is_open = False
        self._role = role
        self._leaves_at: int | None = None  # at the latest, once retired
        self._venue = venue
        self._instruments = instruments  # by key; the market side fills it
        self._clock = clock
        self._orphans = orphans
        self._halted = halted  # is told of an instrument that does not trade, why and when
        self._facts = facts
        self._is_armed = False
        self._may_subscribe = role is Role.HEIR  # to what its predecessor listens to
        self._listened_to: set[str] = set()  # instruments whose channel was asked for in this session
        self._own_changes = OwnChanges()
        self._own_orders = OwnOrders(venue, is_ours, instruments, orphans, self._own_changes)
        listed = Listed(venue, names, instruments)
        self._questions = Questions(
            venue, self._own_orders.fill, listed, clock, link, self._own_changes, cash_credits, orphans.granted, facts
        )

    def received(self, frame: str | bytes, at: int) -> None:
        """One frame; what happens to our orders takes the short way."""
        if not self.link.heard(at):
            return
        try:
            changes = private.changes_in(frame)
        except codec.UNREADABLE:
            changes = None  # the long way finds out what is wrong with it
        if changes is not None:
            self._changed(changes, at)
        else:
            self._told(self.link.received(frame, at), at)

    def closed(self, reason: str, at: int) -> None:
        """The connection ended, or could not be opened."""
        self._told(self.link.closed(reason, at), at)

    def wake(self, at: int) -> None:
        """Do what has become due."""
        for event in self.link.wake(at):
            self._told(event, at)
        if self._role is Role.RETIRED:
            self._leave(at)
            return
        self._questions.wake(at)
        if deaf := self._own_changes.deaf(at):
            self._give_up(f"what was answered is not told on {', '.join(map(channel_of, deaf))}", at)
        if self._role is Role.CHIEF:
            self._orphans.wake(at)

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        wake = self.link.next_wake
        if self._role is not Role.RETIRED:
            for look in (self._own_changes.next_look, self._questions.next_wake):
                if look is not None and (wake is None or look < wake):
                    wake = look
        also = self._orphans.next_wake if self._role is Role.CHIEF else self._leaves_at
        return also if wake is None or (also is not None and also < wake) else wake

    def stop(self, at: int) -> None:
        """Close for good."""
        if self._role is Role.CHIEF:
            self._orphans.forget()
        self._told(self.link.stop(), at)

    def suspended(self, at: int) -> None:
        """The process did not run: start over, and touch nothing before a sync, as somebody else may trade by now."""
        self._orphans.forget()
        self._told(self.link.suspended(), at)

    def instruments_known(self, at: int) -> None:
        """Orders of these instruments, one more than before, can be read in ticks and so be listened to."""
        self._may_subscribe = True
        self._subscribe(at)

    # --- Succession -----------------------------------------------------------------------------------------------

    def stands_for(self, chief: "Trading") -> bool:
        """Whether the session stands, and there is one to take over."""
        return self.is_open and chief.is_open

    def succeed(self, chief: "Trading", at: int) -> None:
        """Orders go out here from now on; what was asked of the predecessor is still answered there.

        Cancel-on-disconnect covers the orders of the connection that they were placed on, so those that rest now are
        covered no more once that one has logged out, and whether an amend over this one changes that is not documented.
        """
        self._role, chief._role = Role.CHIEF, Role.RETIRED
        self._facts.append(CoverLost(at=at, venue=self._venue))
        chief._leaves_at = at + RETIRING_NS
        chief._leave(at)

    def _leave(self, at: int) -> None:
        """Log out once everything is answered: a connection that just ends takes its orders with it."""
        if self._leaves_at is not None and (self.link.is_answered or at >= self._leaves_at):
            self._leaves_at = None
            self.link.log_out(at)

    # --- What the engine wishes -----------------------------------------------------------------------------------

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        """Ask the venue, or say that it was not asked; what is about orders goes first."""
        orders: list[Any] = []
        questions: list[Any] = []
        for command in commands:
            (orders if type(command) in ORDERS else questions).append(command)
        if not self.is_open:
            self._facts += [NotSent(at=at, order_id=each.order_id, request=request_of(each)) for each in orders]
            for question in questions:
                self._questions.failed(question, "no session", at)
            return
        if orders:
            self._send_orders(orders, at)
        if questions:
            self._ask(questions, at)

    def _ask(self, questions: Sequence[Question], at: int) -> None:
        sought: list[AskOrder] = []
        for question in questions:
            if isinstance(question, AskOrder):
                sought.append(question)
            else:
                self._questions.ask(question, at)
        if sought:
            self._questions.ask_for_orders(sought, at)

    def _send_orders(self, commands: Sequence[OrderCommand], at: int) -> None:
        instruments = self._instruments
        frames: list[str] = []
        number, valid_until, terms = self.link.order_ids(commands, at), 0, ""
        for command in commands:
            if type(command) is CancelOrder:
                frames.append(requests.cancel(number, command))
            else:
                if command.valid_until != valid_until:  # for most it is that of the one before
                    valid_until = command.valid_until
                    terms = requests.terms(self._clock.venue_ms(valid_until))
                instrument = instruments[command.instrument]
                if type(command) is AmendOrder:
                    frames.append(requests.amend(number, command, instrument, terms))
                else:
                    frames.append(requests.place(number, command, instrument, terms))
            number += 1
        self.link.send_all(frames)
        self._orphans.asked(commands, at)

    # --- What the link tells --------------------------------------------------------------------------------------

    def _told(self, event: LinkEvent | None, at: int) -> None:
        match event:
            case None:
                pass
            case LoggedIn():
                params: dict[str, requests.Param] = {"scope": SWITCH_SCOPE}
                self.link.ask("private/enable_cancel_on_disconnect", params, Chore.ARM_SWITCH, at)
            case Answered(what=what, reply=reply):
                self._answered(what, reply, at)
            case Unanswered(what=what):
                self._unanswered(what, "no answer in time", at)
            case Notified(channel=channel) if channel.startswith("user.changes."):
                self._notified(event, at)
            case Notified():
                pass
            case Lost():
                self._lost(event, at)
            case _:
                assert_never(event)

    def _lost(self, lost: Lost, at: int) -> None:
        self.is_open = self._is_armed = False
        self._listened_to.clear()
        self._questions.forget()
        self._own_changes.forget()
        self._leaves_at = None
        if self._role is Role.CHIEF:
            told = SessionLost(at=at, venue=self._venue, reason=lost.reason, is_refusal=lost.is_refusal)
            self._facts.append(told)
        for what in lost.unanswered:
            self._unanswered(what, lost.reason, at)
        if self._role is not Role.CHIEF:
            return
        if lost.is_overrun:
            self._orphans.forget()  # the venue knows that it has ended, and one request more would end the others
        else:
            self._orphans.lost(at)
            self._orphans.wake(at)

    def _give_up(self, reason: str, at: int) -> None:
        self._told(self.link.give_up(reason), at)

    def _unanswered(self, what: Asked, reason: str, at: int) -> None:
        match what:
            case AskOpenOrders() | AskOrder() | Search() | Sweep() | Page() | AskPosition() | AskCash() | AskBalance():
                self._questions.failed(what, reason, at)
            case _:
                pass  # orders' deadlines are the engine's, and a chore dies with its connection

    def _answered(self, what: Asked, reply: codec.Frame, at: int) -> None:
        refused = rejection(reply.error.code) if reply.error else None
        lost = self.link.lapsed(at) if refused is RejectReason.LOGIN else None
        match what:
            case PlaceOrder() | AmendOrder() | CancelOrder():
                if refused is RejectReason.HALTED:
                    self._halted(what.instrument, str(reply.error), at)
                self._facts += self._own_orders.answered(what, reply, at)
            case AskOpenOrders() | AskOrder() | Search() | Sweep() | Page() | AskPosition() | AskCash() | AskBalance():
                self._questions.answered(what, reply, at)
            case Chore() | Subscribe():
                if lost is None:
                    self._chore_answered(what, reply, at)
            case MeasureClock() | Define() | Check() | Unsubscribe() | Abandon() | AskTrades():
                raise AssertionError("the trading connection asks nothing of the kind")
            case _:
                assert_never(what)
        if lost is not None:
            self._told(lost, at)
        elif self._role is Role.RETIRED:
            self._leave(at)

    # --- Opening --------------------------------------------------------------------------------------------------

    def _chore_answered(self, what: Chore | Subscribe, reply: codec.Frame, at: int) -> None:
        if reply.error:
            wanted = "to subscribe" if isinstance(what, Subscribe) else f"to {what}"
            self._told(self.link.refused(wanted, reply.error), at)
            return
        try:
            match what:
                case Chore.ARM_SWITCH:
                    params: dict[str, requests.Param] = {"scope": SWITCH_SCOPE}
                    self.link.ask("private/get_cancel_on_disconnect", params, Chore.VERIFY_SWITCH, at)
                case Chore.VERIFY_SWITCH:
                    self._is_armed = private.decode_switch(reply.result).enabled
                    if self._is_armed:
                        self._subscribe(at)
                    else:
                        self._give_up("cancel-on-disconnect is off although we turned it on", at)
                case Subscribe(channels=channels):
                    self._subscribed(channels, reply, at)
                case _:
                    raise AssertionError("the link answers this itself")
        except codec.UNREADABLE as error:
            self._give_up(f"unreadable answer: {what}: {error}", at)

    def _subscribe(self, at: int) -> None:
        names = [each.name for each in self._instruments.values() if each.name not in self._listened_to]
        if self._is_armed and self._may_subscribe and names:
            self._listened_to.update(names)
            channels = tuple(map(channel_of, names))
            self.link.ask("private/subscribe", {"channels": channels}, Subscribe(channels), at, cost=SUBSCRIBE_COST)

    def _subscribed(self, channels: Sequence[str], reply: codec.Frame, at: int) -> None:
        missing = set(channels) - set(codec.decode_channels(reply.result))
        if missing:
            self._give_up(f"not subscribed to {', '.join(sorted(missing))}", at)
            return
        subscribed_ms = reply.venue_time // MS_NS or self._clock.venue_ms(at)
        for name in self._listened_to:
            if channel_of(name) in channels:
                self._own_changes.begin(name, subscribed_ms)
        if not self.is_open:
            self._open(at)

    def _open(self, at: int) -> None:
        self.is_open = True
        self.link.ready(at)
        if self._role is not Role.CHIEF:
            return
        self._orphans.forget()
        self._facts.append(SessionOpened(at=at, venue=self._venue))

    # --- Our orders -----------------------------------------------------------------------------------------------

    def _notified(self, event: Notified, at: int) -> None:
        try:
            changes = private.decode_changes(event.data)
        except codec.UNREADABLE as error:
            self._unreadable(error, at)
        else:
            self._changed(changes, at)

    def _changed(self, changes: private.Changes, at: int) -> None:
        self._own_changes.told(changes)
        try:
            self._facts += self._own_orders.facts_of(changes.orders, changes.trades, None, at)
        except codec.UNREADABLE as error:
            self._unreadable(error, at)

    def _unreadable(self, error: Exception, at: int) -> None:
        # It may have been a fill. The next session starts by asking for what we missed.
        self._give_up(f"unreadable changes: {error}", at)


def channel_of(name: str) -> str:
    """The channel of our own changes on an instrument."""
    return f"user.changes.{name}.raw"
