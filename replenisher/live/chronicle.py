"""The chronicle: one line for every fact that a human would want to read, where no screen shows them.

Orders come and go too often to be told; fills, refills, refusals and whatever keeps us from quoting are. Some of that
is no single fact but a change in how we stand (in sync again, paused, stopped), so the chronicle remembers what it
told last.
"""

from collections.abc import Callable, Iterator
from typing import Any

from replenisher.core.absence import why_barred
from replenisher.core.state import State
from replenisher.core.stopping import Verdict
from replenisher.core.topic import Topic
from replenisher.live.monitor import is_quiet
from replenisher.live.new_fills import NewFills
from replenisher.live.standing import as_json
from replenisher.logs import logger
from replenisher.model.command import AmendOrder, Command, Denied, Halt, HaltCause, Intent, Pause, PlaceOrder, TakenOver
from replenisher.model.event import (
    BookSnapshot,
    CancelsSent,
    CashMoved,
    ClockStepped,
    CoverLost,
    Event,
    FeedLost,
    HaltsLifted,
    InstrumentStateChanged,
    JournalBlocked,
    JournalFreed,
    LeaseHeld,
    LeaseLost,
    LoopLagged,
    OrderFilled,
    OrderRejected,
    OutcomeUnknown,
    PriceFailed,
    QuestionFailed,
    RateGranted,
    RequestRejected,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    SignalsRemembered,
    Started,
    StopAsked,
    Suspended,
)
from replenisher.model.order import EXTERNAL, Side, Status
from replenisher.model.step import OrderState, Step

Telling = tuple[str, dict[str, Any]]  # a verb, and what there is to say about it
Tell = Callable[[str, dict[str, Any]], None]

ALARMING = frozenset(
    {
        "session_lost",
        "feed_lost",
        "price_failed",
        "shows_nothing",
        "traded_by_others",
        "position_differs",
        "taken_over",
        "unknown",
        "denied",
        "rejected",
        "refused",
        "paused",
        "halted",
        "suspended",
        "lagged",
        "clock_stepped",
        "journal_blocked",
        "lease_lost",
    }
)
FAILED = frozenset({"failed", "failed_flat", "failed_and_left", "not_recorded", "may_be_left"})
NO_SNAPSHOT_YET = "no snapshot yet"
OF_FEEDS = (BookSnapshot, FeedLost, Suspended)  # after which a book may be another one to believe


def tell(verb: str, about: dict[str, Any]) -> None:
    """Print one line."""
    log = logger()
    say = log.error if verb in FAILED else log.warning if verb in ALARMING else log.info
    say(verb, **as_json(about))


class Chronicle:
    """Hands `tell` what happens. Made before the first step of a life, from the state it begins with."""

    def __init__(self, state: State, tell: Tell = tell) -> None:
        self._state = state
        self._tell = tell
        self._new_fills = NewFills(state.account)
        self._pauses: dict[str, Pause] = {}
        self._halts: dict[HaltCause, Halt] = {}
        self._synced: set[str] = set()
        self._distrust: dict[str, str] = {}
        self._doubted: frozenset[str] = frozenset()
        self._verdict = Verdict.OPEN
        self._pulled: dict[str, str] = {}  # strategy -> why it shows nothing, as told last

    def observe(self, step: Step) -> None:
        """Tell what is worth it of one step."""
        for verb, about in self.facts_worth_telling(step):
            self._tell(verb, about)

    def facts_worth_telling(self, step: Step) -> list[Telling]:
        """What a human would want to know of one step, in the order in which it happened."""
        if is_quiet(step):
            return []
        orders = {order.order_id: order for order in step.orders}
        tellings = [telling for event in step.events for telling in self._of_event(event, orders)]
        tellings += [_filled(fill, orders.get(fill.order_id)) for fill in self._new_fills.among(step.events)]
        tellings += [_unknown(order) for order in step.orders if _became_unknown(order, step)]
        tellings += [telling for command in step.commands for telling in self._of_command(command, orders)]
        if any(isinstance(event, OF_FEEDS) for event in step.events):
            tellings += self._feeds()
        return [*tellings, *self._changes(), *self._quoted(step)]

    def _of_event(self, event: Event, orders: dict[str, OrderState]) -> list[Telling]:
        match event:
            case Started():
                about = {"epoch": event.epoch, "config_version": event.config_version, "accounts": event.accounts}
                return [("started", about)]
            case SessionOpened():
                return [("session_opened", {"venue": event.venue})]
            case SessionLost():
                return [("session_lost", {"venue": event.venue, "reason": event.reason})]
            case CoverLost():
                return [("cover_lost", {"venue": event.venue})]
            case CancelsSent():
                return [("cancels_sent", {"venue": event.venue, "orders": len(event.order_ids)})]
            case OrderRejected():
                about = {"order_id": event.order_id, "reason": event.reason, "message": event.message}
                return [("rejected", about | self._where(orders.get(event.order_id)))]
            case RequestRejected():
                about = {"order_id": event.order_id, "request": event.request, "reason": event.reason}
                return [("refused", about | {"message": event.message})]
            case OutcomeUnknown():
                about = {"order_id": event.order_id, "request": event.request, "message": event.message}
                return [("unknown", about)]
            case QuestionFailed():
                about = {"venue": event.venue, "question": event.question, "about": event.subject}
                return [("question_failed", about | {"message": event.message})]
            case RateGranted():
                return [("rate_granted", {"venue": event.venue, "per_s": event.per_s, "burst": event.burst})]
            case CashMoved():
                about = {"venue": event.venue, "kind": event.kind, "currency": event.currency}
                return [("cash_moved", about | {"amount": event.amount})]
            case PriceFailed():
                return [("price_failed", {"source": event.source, "reason": event.reason})]
            case InstrumentStateChanged():
                verb = "instrument_opened" if event.is_open else "instrument_closed"
                return [(verb, {"instrument": event.instrument, "reason": event.reason})]
            case Suspended():
                return [("suspended", {"gap_s": event.gap_ns / 1e9})]
            case ClockStepped():
                return [("clock_stepped", {"step_s": event.step_ns / 1e9})]
            case LoopLagged():
                return [("lagged", {"lag_s": event.lag_ns / 1e9})]
            case JournalBlocked():
                return [("journal_blocked", {"reason": event.reason})]
            case JournalFreed():
                return [("journal_freed", {})]
            case LeaseLost():
                return [("lease_lost", {"reason": event.reason})]
            case LeaseHeld():
                return [("lease_held", {})]
            case ResumeAsked() if self._halts:
                lifted = ", ".join(self._halts)
                return [("resumed", {"halt": lifted, "reason": event.reason})] if event.reason else []
            case SignalsRemembered():
                age_s = (event.at - max(dump.saved_at for dump in event.dumps)) / 1e9
                return [("signals_remembered", {"instrument": event.instrument, "age_s": age_s})]
            case HaltsLifted():
                return [("resumed", {"halt": "of an earlier life", "reason": event.reason})]
            case StopAsked():
                return [("stopping", {"reason": event.reason})]
            case _:
                return []

    def _of_command(self, command: Command, orders: dict[str, OrderState]) -> list[Telling]:
        match command:
            case PlaceOrder(intent=Intent.REFILL) | AmendOrder(intent=Intent.REFILL):
                asked = self._asked(command.instrument, command.price, command.quantity)
                about = {"order_id": command.order_id} | self._where(orders.get(command.order_id)) | asked
                return [("refilled", about)]
            case Denied():
                slot = _slot(command.strategy, command.side, command.level)
                return [("denied", {"instrument": command.instrument, "slot": slot, "reason": command.reason})]
            case TakenOver():
                about = {"instrument": command.instrument, "amount": command.amount, "price": command.price}
                return [("taken_over", about | {"slot": EXTERNAL})]
            case _:
                return []

    def _where(self, order: OrderState | None) -> dict[str, Any]:
        """The slot, price and amount of an order, in the words of its instrument."""
        if order is None:
            return {}
        where = {"instrument": order.instrument, "slot": _slot(order.strategy, order.side, order.level)}
        return where | self._asked(order.instrument, order.price, order.quantity)

    def _asked(self, key: str, price: int, quantity: int) -> dict[str, Any]:
        """A price and an amount as the venue writes them."""
        instrument = self._state.instruments[key]
        return {"price": instrument.price(price), "amount": instrument.amount(quantity)}

    # --- How we stand --------------------------------------------------------------------------------------------

    def _changes(self) -> list[Telling]:
        """What is different from how we stood after the step before."""
        return [*self._syncs(), *self._doubts(), *self._halted(), *self._paused(), *self._stopped()]

    def _feeds(self) -> list[Telling]:
        tellings: list[Telling] = []
        for instrument, book in self._state.books.items():
            before = self._distrust.get(instrument, NO_SNAPSHOT_YET)
            self._distrust[instrument] = book.distrust
            if book.distrust and book.distrust != before:
                tellings.append(("feed_lost", {"instrument": instrument, "reason": book.distrust}))
            elif before and not book.distrust:
                verb = "feed_opened" if before == NO_SNAPSHOT_YET else "feed_back"
                tellings.append((verb, {"instrument": instrument}))
        return tellings

    def _quoted(self, step: Step) -> Iterator[Telling]:
        """Whether each strategy shows something again, or nothing, and why; what bars us has lines of its own."""
        for decision in step.decisions:
            strategy, before = decision.strategy, self._pulled.get(decision.strategy, "")
            if decision.permitted:
                if self._pulled.pop(strategy, ""):
                    yield "shows_again", {"strategy": strategy}
            elif decision.withheld not in ("", before) and not self._is_barred(strategy):
                self._pulled[strategy] = decision.withheld
                yield "shows_nothing", {"strategy": strategy, "reason": decision.withheld}

    def _is_barred(self, strategy: str) -> bool:
        setup = self._state.setup.strategy(strategy)
        return setup is None or bool(why_barred(self._state, setup))

    def _syncs(self) -> list[Telling]:
        synced = {venue for venue, sync in self._state.syncs.items() if sync.is_synced}
        new, self._synced = sorted(synced - self._synced), synced
        return [("synced", {"venue": venue}) for venue in new]

    def _doubts(self) -> list[Telling]:
        """A position that was read wrong twice in a row; once it may have been told late."""
        tellings: list[Telling] = []
        doubted = {
            instrument: doubt
            for sync in self._state.syncs.values()
            for (topic, instrument), doubt in sync.doubts.items()
            if topic is Topic.POSITION and doubt.reads > 1
        }
        for instrument, doubt in doubted.items():
            if instrument not in self._doubted:
                about = {"instrument": instrument, "told": doubt.told, "ours": doubt.ours}
                tellings.append(("position_differs", about))
        self._doubted = frozenset(doubted)
        return tellings

    def _halted(self) -> list[Telling]:
        new = [halt for cause, halt in self._state.halts.items() if self._halts.get(cause) != halt]
        self._halts = dict(self._state.halts)
        return [("halted", {"cause": halt.cause, "reason": halt.reason}) for halt in new]

    def _paused(self) -> list[Telling]:
        pauses = self._state.pauses
        if pauses == self._pauses:
            return []
        tellings: list[Telling] = []
        for strategy, pause in pauses.items():
            if self._pauses.get(strategy) != pause:
                about = {"strategy": strategy or "all", "reason": pause.reason, "until": pause.until}
                about |= {"reduces": True} if pause.reduces else {}
                tellings.append(("paused", about))
        tellings += [("resumed", {"strategy": gone or "all"}) for gone in self._pauses if gone not in pauses]
        self._pauses = dict(pauses)
        return tellings

    def _stopped(self) -> list[Telling]:
        stopping = self._state.stopping
        if stopping is None or stopping.verdict is self._verdict:
            return []
        self._verdict = stopping.verdict
        return [("stopped", {"reason": stopping.reason, "verdict": stopping.verdict, "left": list(stopping.left)})]


def _filled(fill: OrderFilled, order: OrderState | None) -> Telling:
    return "traded_by_others" if order is None else "filled", {
        "instrument": fill.instrument,
        "slot": EXTERNAL if order is None else _slot(order.strategy, order.side, order.level),
        "side": fill.side,
        "price": fill.price,
        "amount": fill.amount,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "liquidity": fill.liquidity,
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
        "is_all": order is not None and order.status is Status.FILLED,
    }


def _became_unknown(order: OrderState, step: Step) -> bool:
    """Whether an order's place missed its deadline in this step, without a word of the venue."""
    if order.status is not Status.UNKNOWN or order.updated_at < step.events[0].at:
        return False
    return not any(isinstance(event, OutcomeUnknown) and event.order_id == order.order_id for event in step.events)


def _unknown(order: OrderState) -> Telling:
    return "unknown", {
        "order_id": order.order_id,
        "instrument": order.instrument,
        "slot": _slot(order.strategy, order.side, order.level),
        "message": order.reason,
    }


def _slot(strategy: str, side: Side, level: int) -> str:
    """A slot in one word; a log line has its own `level`."""
    return f"{strategy}/{side}/{level}"
