"""What happened: the state takes in one fact, and then sees what the passing of session time means."""

from itertools import chain
from typing import assert_never

from replenisher.core import starting
from replenisher.core.budget import Budget
from replenisher.core.cash import apply_cash, apply_cash_book, ask_cash, cash_currencies, currencies_at
from replenisher.core.comparison import (
    apply_balance,
    apply_position,
    begin_rounds,
    orders_were_read,
    position_scopes,
    trades_were_read,
    unsure,
)
from replenisher.core.elsewhere import apply_price, apply_ticker, apply_trade
from replenisher.core.evidence import apply_answer, apply_open_orders
from replenisher.core.execution import Executed, shown_with
from replenisher.core.halts import apply_clock_offset, apply_lag, apply_refusal, lift, resume
from replenisher.core.order_facts import (
    apply_order_fact,
    comes_back,
    eat_slot,
    lose_track,
    show_at_rest,
    time_out,
)
from replenisher.core.state import State
from replenisher.core.stopping import Stopping, Verdict
from replenisher.core.sync import CASH_EVERY_NS, SYNCED, Stage, Sync
from replenisher.core.topic import Topic
from replenisher.model.command import Pause
from replenisher.model.event import (
    BalanceReported,
    BookChanged,
    BookSnapshot,
    CancelAllAsked,
    CancelsSent,
    CashMoved,
    CashReported,
    ClockOffset,
    ClockStepped,
    CoverLost,
    Ended,
    Event,
    FeedLost,
    HaltInherited,
    HaltsLifted,
    InstrumentDefined,
    InstrumentStateChanged,
    JournalBlocked,
    JournalFreed,
    LeaseHeld,
    LeaseLost,
    LinkAlive,
    LoopLagged,
    NotSent,
    OpenOrdersReported,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderWorking,
    OutcomeUnknown,
    PauseAsked,
    PositionReported,
    PriceFailed,
    PriceTold,
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
    SweepEnded,
    TickerTold,
    TradePrinted,
    TradesReported,
    Woke,
)
from replenisher.model.instrument import venue_of
from replenisher.model.order import BUY, EXTERNAL, FILLED, SELL


def apply(state: State, event: Event) -> None:
    """Take in one fact.

    What is told most often stands first, told apart by its type: where the answer is no, a class pattern asks the
    metaclass of a Struct, which takes longer than all that is done for a trade.
    """
    if type(event) is TradePrinted:
        _see_trade(state, event)
        return
    if type(event) is BookChanged:
        _change_book(state, event)
        return
    if type(event) is OrderWorking:
        apply_order_fact(state, event)
        return
    if type(event) is OrderFilled:
        apply_fill(state, event)
        return
    match event:
        case Woke():
            pass  # Time itself is seen by `advance`, also what it makes too old.
        case LinkAlive():
            _hear_link(state, event.venue, event.at)
        case OrderRejected() | RequestRejected() | OutcomeUnknown() | NotSent() | OrderCanceled() | OrderExpired():
            apply_order_fact(state, event)
        case BookSnapshot():
            _replace_book(state, event)
        case FeedLost():
            state.books[event.instrument].lose(event.reason)
            state.revisit(event.instrument)
        case TradesReported():
            _apply_trades(state, event)
        case OrderReported():
            apply_answer(state, event.order.order_id, event)
        case OrderNotFound():
            apply_answer(state, event.order_id, event)
        case OpenOrdersReported():
            apply_open_orders(state, event)
            orders_were_read(state, event.scope, event.at)
        case PositionReported():
            apply_position(state, event)
        case BalanceReported():
            apply_balance(state, event)
        case RateGranted():
            state.grant(event.venue, event.per_s, event.burst, event.at)
        case QuestionFailed():
            state.sync(event.venue).failed(event.question, event.subject, event.at)
        case SessionOpened():
            _open_session(state, event.venue, event.at)
        case SessionLost():
            _lose_session(state, event.venue, event.at)
            apply_refusal(state, event)
        case CoverLost():
            for order in state.orders.all_live():
                if venue_of(order.instrument) == event.venue:
                    order.is_covered = False
        case CancelsSent():
            state.budget(event.venue, event.at).owe(len(event.order_ids))
        case CashMoved():
            apply_cash(state, event)
        case CashReported():
            apply_cash_book(state, event)
        case InstrumentDefined():
            state.define(event.instrument, event.at)
            state.revisit(event.instrument.key)
        case InstrumentStateChanged():
            _apply_instrument_state(state, event)
        case ClockOffset():
            apply_clock_offset(state, event)
        case Started():
            _start(state, event)
        case Suspended():
            for instrument, book in state.books.items():
                book.lose(f"the process did not run for {event.gap_ns / 1e9:.1f} s")
                state.revisit(instrument)
        case PauseAsked():
            state.pauses[""] = Pause(reason=event.reason, until=0)
            state.revisit_all()
        case CancelAllAsked():
            state.pauses[""] = Pause(reason="the operator canceled everything", until=0)
            state.revisit_all()
        case ResumeAsked():
            resume(state, event.reason, event.at)
        case LoopLagged():
            apply_lag(state, event)
        case JournalBlocked():
            state.journal_blocked = event.reason
            state.revisit_all()
        case JournalFreed():
            state.journal_blocked = ""
            state.revisit_all()
        case LeaseLost():
            state.lease_lost = event.reason
            state.revisit_all()
        case LeaseHeld():
            state.lease_lost = ""
            state.revisit_all()
        case HaltInherited():
            state.halt(event.cause, event.reason)
        case SignalsRemembered():
            state.recalled[event.instrument] = event
        case HaltsLifted():
            lift(state, event.at)
        case StopAsked():
            if state.stopping is None:
                setup = state.setup
                scopes = [setup.scopes(Topic.OPEN_ORDERS, venue.name) for venue in setup.quoted_venues]
                state.stopping = Stopping.begin(event.reason, chain.from_iterable(scopes), event.at)
                for sync in state.syncs.values():
                    if sync.is_synced:
                        sync.rest()
                        ask_cash(state, sync.venue, event.at)  # our book should be whole when it is closed
            state.revisit_all()
        case TickerTold():
            apply_ticker(state, event)
        case PriceTold():
            apply_price(state, event)
        case ClockStepped() | PriceFailed() | SweepEnded() | Ended():
            pass  # Session time never steps.
        case _:
            assert_never(event)


def advance(state: State, at: int) -> None:
    """Session time has come to `at`: requests time out, pauses end, syncs go on."""
    for order in state.orders.overdue(at):
        time_out(state, order, at)
    if state.pauses:
        for strategy, pause in list(state.pauses.items()):
            if pause.is_over(at):
                del state.pauses[strategy]
                state.revisit_all()
    for venue, sync in state.syncs.items():
        if sync.stage is not SYNCED:
            _advance_sync(state, venue, at)
    if state.stopping is not None:
        _advance_stop(state, state.stopping, at)


def apply_fill(state: State, fill: OrderFilled) -> None:
    """Book one execution, once, whatever we believe of its order."""
    order = state.orders.get(fill.order_id) if fill.order_id else None
    if order is not None and order.instrument != fill.instrument:
        order = None  # an earlier life called the venue otherwise, and has booked it there
    instrument = state.instruments[fill.instrument]
    strategy = EXTERNAL if order is None else order.strategy
    if not state.account.book(fill, instrument, strategy):
        return
    shown = None if order is None else shown_with(order, state.orders.of((strategy, fill.instrument)))
    state.executed.append(Executed(strategy, fill, shown))
    state.revisit(fill.instrument)
    if order is None:
        return
    if (guarded := state.guarded.get(strategy)) is not None:
        guarded.saw_fill(order, fill, instrument)
    was_over = order.status.is_terminal
    if fill.venue_order_id:
        order.venue_order_id = fill.venue_order_id
    state.orders.book_fill(order, instrument, fill.amount, fill.at)
    if not order.status.is_terminal:
        show_at_rest(state, order, fill.venue_time, fill.at)
    if was_over and order.remaining and fill.venue_time > order.ended_at:
        comes_back(state, order, fill.venue_order_id, fill.at)  # it traded after its end, so it had none
    if order.status is FILLED:
        order.ended_at = max(order.ended_at, fill.venue_time)
        state.own_size(fill.instrument).ended(order.order_id, order.side, fill.venue_time, fill.at)
        if not was_over:
            eat_slot(state, order, fill.at)


def _hear_link(state: State, venue: str, at: int) -> None:
    """Books that stood still for too long may be believed again. If none has, it is no news to any, however many."""
    silent_ns = at - state.links_heard.get(venue, 0)
    state.links_heard[venue] = at
    if silent_ns > state.setup.data_age_ns_max:
        for instrument in state.setup.instruments(venue):
            state.look_at(instrument)


def _see_trade(state: State, trade: TradePrinted) -> None:
    instrument = trade.instrument
    state.books[instrument].last_trade = trade.price
    if (watch := state.watches.get(instrument)) is not None:
        watch.saw_trade(trade)
    if state.guarded:
        state.have_guards_see(trade)
    if state.setup.followers:
        apply_trade(state, trade)
    if instrument in state.setup.heeding_trades:
        state.look_at(instrument)


def _change_book(state: State, event: BookChanged) -> None:
    book = state.books[event.instrument]
    if book.distrust:
        return  # Changes to a book we do not have mean nothing.
    own = state.own_size(event.instrument)
    bids, asks = book.change(event.bids, event.asks, event.venue_time, event.at, own.prices)
    if bids:
        own.updated(BUY, bids, event.venue_time, event.at)
    if asks:
        own.updated(SELL, asks, event.venue_time, event.at)
    state.look_at(event.instrument)


def _replace_book(state: State, event: BookSnapshot) -> None:
    book = state.books[event.instrument]
    book.replace(event.bids, event.asks, event.venue_time, event.at)
    state.own_size(event.instrument).replaced(book, event.venue_time, event.at)
    state.revisit(event.instrument)


def _apply_instrument_state(state: State, event: InstrumentStateChanged) -> None:
    if event.is_open:
        state.closed.pop(event.instrument, None)
        for order in state.orders.on(event.instrument):
            order.cancel_after = order.halted_until = 0  # whatever was refused while nothing traded
    else:
        state.closed[event.instrument] = event.reason
    ask_cash(state, venue_of(event.instrument), event.at)  # a settlement may be why
    state.revisit(event.instrument)


def _apply_trades(state: State, event: TradesReported) -> None:
    for fill in event.fills:
        apply_fill(state, fill)
        # Not where a stream tells a fill: that must not hide an older one which it has not told.
        state.account.caught_up(fill.instrument, fill.venue_time)
    scope = event.scope
    sync = state.sync(venue_of(scope))
    sync.answered(Topic.TRADES, scope)
    if event.has_more:
        sync.ask(Topic.TRADES, scope, event.at)
        return
    sync.trades_as_of[scope] = since = sync.reading_since.pop(scope, 0)
    state.trades_are_read(scope, since)
    trades_were_read(state, scope, event.at)


def _start(state: State, event: Started) -> None:
    assert event.epoch > state.epoch, "every life has a later epoch than the one before"
    is_first = state.epoch == 0
    state.epoch, state.counter = event.epoch, 0
    state.forget_the_present()
    starting.look_after_what_was_left(state)
    state.slots.begin({setup.id: setup.policy.refill for setup in state.setup.strategies})
    if not is_first:
        _inherit_budgets(state, event.at)
    state.first_started_at = state.first_started_at or event.at
    for order in list(state.orders.back.values()):
        state.orders.gone(order)  # the sync of this life finds out anew what rests
    for order in list(state.orders.all_live()):
        state.earlier_lives[order.order_id] = None
        lose_track(state, order, event.at)
    state.revisit_all()


def _inherit_budgets(state: State, at: int) -> None:
    """Nobody remembers what the life before has spent: what is sure to be left is a cancel for each that had none."""
    for venue in state.setup.venues:
        kept = [order for order in state.orders.all_live() if not order.is_canceling]
        reserve = sum(venue_of(order.instrument) == venue.name for order in kept)
        state.budgets[venue.name] = Budget(min(reserve, venue.rate_limit.burst), at)


def _open_session(state: State, venue: str, at: int) -> None:
    state.let_in[venue] = None
    instruments = state.setup.instruments(venue)
    for instrument in instruments:
        state.account.cursors.setdefault(instrument, state.first_started_at + state.clock_offsets_ns.get(venue, 0))
    state.sync_anew(venue, at)
    starting.begin(state, venue, at)
    for order in list(state.orders.all_live()):
        if order.instrument in instruments:
            lose_track(state, order, at)
    state.revisit_all()


def _lose_session(state: State, venue: str, at: int) -> None:
    if not state.setup.is_quoted_on(venue):
        return  # its books are lost each by itself
    state.sync(venue).close()
    for order in list(state.orders.all_live()):
        if order.instrument in state.setup.instruments(venue):
            lose_track(state, order, at)
    state.revisit_all()


def _advance_sync(state: State, venue: str, at: int) -> None:
    sync = state.syncs.get(venue)
    if sync is None or sync.stage is Stage.CLOSED or sync.is_synced:
        return
    instruments = state.setup.instruments(venue)
    currencies = currencies_at(state, venue)
    starting.object_to(state, venue)
    live = bool(state.strays or state.orders.back) or any(
        order.instrument in instruments and starting.is_in_the_way(state, order, at)
        for order in state.orders.all_live()
    )
    cash = cash_currencies(state, venue)
    trades, positions = state.setup.scopes(Topic.TRADES, venue), position_scopes(state, instruments)
    again = unsure(state, venue)
    if sync.advance(trades, currencies, live, at, positions=positions, unsure=again, cash=cash):
        for currency in cash:
            sync.ask(Topic.CASH, currency, at + CASH_EVERY_NS)
        begin_rounds(state, venue, currencies, at)
        starting.is_over(state, venue)
        state.revisit_all()


def _advance_stop(state: State, stopping: Stopping, at: int) -> None:
    live = [order.order_id for order in state.orders.all_live()] + [label for label, _ in state.strays.values()]
    live += [label for label in state.orders.back if label not in live]
    if live:
        stopping.asked_at = 0
    elif all(sync.stage is not Stage.CLOSED for sync in state.syncs.values()):
        for scope in stopping.unverified:
            sync = state.sync(venue_of(scope))
            if not stopping.asked_at or (Topic.OPEN_ORDERS, scope) not in sync.open_questions:
                sync.ask(Topic.OPEN_ORDERS, scope, at)  # again, where the answer was to a question from before
        stopping.asked_at = stopping.asked_at or at
    stopping.expire(live, at)
    if stopping.verdict is Verdict.FLAT and not stopping.is_over:
        synced = [sync for sync in state.syncs.values() if sync.is_synced]
        if not stopping.looks_until:
            stopping.look(at)
            for sync in synced:
                _look_last(state, sync, at)
        stopping.looked(is_all_told=not any(sync.is_looking for sync in synced), at=at)


def _look_last(state: State, sync: Sync, at: int) -> None:
    """Ask a venue what we hold there."""
    for scope in position_scopes(state, state.setup.instruments(sync.venue)):
        sync.ask(Topic.POSITION, scope, at)
    for currency in currencies_at(state, sync.venue):
        sync.ask(Topic.BALANCE, currency, at)
