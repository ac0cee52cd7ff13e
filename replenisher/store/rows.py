"""What one step means in rows: a pure translation, so that reading a journal twice writes the same rows."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

import msgspec
from sqlalchemy import Table

from replenisher.errors import ReplenisherError
from replenisher.model.command import (
    AmendOrder,
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    Command,
    DayMarked,
    Denied,
    Halt,
    MoveSlot,
    Pause,
    PlaceOrder,
    PositionMarked,
    PresenceCounted,
    SignalsDumped,
    TakenOver,
)
from replenisher.model.event import (
    BalanceReported,
    CancelAllAsked,
    CashMoved,
    CashReported,
    Ended,
    Event,
    HaltsLifted,
    InstrumentDefined,
    NotSent,
    OrderFilled,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    PauseAsked,
    PositionReported,
    RequestRejected,
    ResumeAsked,
    Started,
    SweepEnded,
    TradesReported,
)
from replenisher.model.instrument import Instrument, name_of, venue_of
from replenisher.model.mandate import Mandate
from replenisher.model.order import Request
from replenisher.model.step import Decision, Mark, OrderState, Quote, Step
from replenisher.model.units import HOUR_NS
from replenisher.store import tables

Row = dict[str, Any]
Rows = dict[Table, list[Row]]
Answer = OrderWorking | OrderRejected | RequestRejected | OutcomeUnknown | NotSent


class UntoldError(ReplenisherError):
    """A step speaks of an instrument or an account that no fact before it has named."""


class Life:
    """What rows need to know of the life that wrote a step: its accounts and instruments."""

    def __init__(
        self, journal_id: str, epoch: int, config_version: str = "", accounts: Mapping[str, str] | None = None
    ) -> None:
        self.journal_id = journal_id
        self.epoch = epoch
        self.config_version = config_version
        self.accounts = accounts or {}

    def account(self, venue: str) -> str:
        """The account key in force on a venue."""
        if venue not in self.accounts:
            raise UntoldError(f"epoch {self.epoch} of journal {self.journal_id} names no account on {venue}")
        return self.accounts[venue]

    @property
    def key(self) -> Row:
        """The two columns that say which life it is."""
        return {"journal_id": self.journal_id, "epoch": self.epoch}

    def at_venue(self, venue: str) -> Row:
        """The two columns that say on whose account: venue, account."""
        return {"venue": venue, "account": self.account(venue)}

    def place(self, key: str) -> Row:
        """The three columns that say where: venue, account, instrument."""
        return {**self.at_venue(venue_of(key)), "instrument": name_of(key)}


class Instruments:
    """Every instrument a journal has defined so far, by version; an undefined version reads as the newest one told."""

    def __init__(self) -> None:
        self._by_version: dict[tuple[str, int], Instrument] = {}
        self._newest: dict[str, Instrument] = {}

    def define(self, instrument: Instrument) -> None:
        """Learn of a definition."""
        self._by_version[instrument.key, instrument.version] = self._newest[instrument.key] = instrument

    def get(self, key: str, version: int | None = None) -> Instrument:
        """The definition an order was made under, or the one in force."""
        found = self._by_version.get((key, version)) if version is not None else None
        found = found or self._newest.get(key)
        if found is None:
            raise UntoldError(f"the journal speaks of {key} before it defines it")
        return found


def rows_of(step: Step, life: Life, instruments: Instruments) -> Rows:
    """Every row a step amounts to. What its facts define is learned on the way."""
    rows: Rows = defaultdict(list)
    origin = {**life.key, "step": step.number}
    for index, event in enumerate(_told(step.events)):
        _add_event(rows, event, {**origin, "index": index}, life, instruments)
        if isinstance(event, Answer):
            _add_answer(rows, event, step, {**origin, "index": index}, life)
    for index, mark in enumerate(step.marks):
        _add_mark(rows, mark, {**origin, "index": index, "at": step.at}, life, instruments)
    if rows[tables.fills]:
        levels = {order.order_id: order.level for order in step.orders}
        for fill in rows[tables.fills]:
            fill["level"] = levels.get(fill["order_id"])
    for index, command in enumerate(step.commands):
        _add_command(rows, command, step, {**origin, "index": index}, life, instruments)
    for order in step.orders:
        rows[tables.orders].append(_order(order, step, life, instruments))
    for index, decision in enumerate(step.decisions):
        rows[tables.decisions].append({**origin, "index": index, "at": step.at, **_decision(decision)})
    return rows


def _told(events: Iterable[Event]) -> Iterator[Event]:
    """The facts one by one: of an answer with several fills each has its own place among them."""
    for event in events:
        if isinstance(event, TradesReported):
            yield from event.fills
        else:
            yield event


def _add_event(rows: Rows, event: Event, origin: Row, life: Life, instruments: Instruments) -> None:
    match event:
        case Started():
            life.accounts, life.config_version = event.accounts, event.config_version
            rows[tables.lives].append(_life(event, life))
            rows[tables.mandates] += [_mandate(*each, life) for each in event.mandates.items()]
        case Ended():
            rows[tables.endings].append(_ending(event, life))
        case InstrumentDefined():
            instruments.define(event.instrument)
            rows[tables.instruments].append(instrument_row(event.instrument, event.at))
        case OrderFilled():
            rows[tables.fills].append(_fill(event, origin, life, instruments))
        case CashMoved():
            rows[tables.cash_moves].append(_cash_move(event, origin, life))
        case CashReported():
            rows[tables.cash_looks].append(_of_cash(event, origin, life) | {"venue_time": event.venue_time})
        case BalanceReported():
            rows[tables.balances].append(_of_cash(event, origin, life) | {"balance": event.balance})
        case PositionReported():
            rows[tables.positions].append(
                {**origin, "at": event.at, **life.place(event.instrument), "amount": event.amount}
            )
        case SweepEnded():
            rows[tables.sweeps].append(_sweep(event, origin, life, instruments))
        case PauseAsked() | CancelAllAsked() | ResumeAsked() | HaltsLifted():
            kind, reason = _by_hand(event)
            rows[tables.halts].append({**origin, "at": event.at, "kind": kind, "cause": "", "reason": reason})
        case _:
            pass  # the other facts show in the orders they changed


def _by_hand(event: PauseAsked | CancelAllAsked | ResumeAsked | HaltsLifted) -> tuple[str, str]:
    """What an operator has done, and the reason."""
    match event:
        case PauseAsked():
            return "paused", event.reason
        case CancelAllAsked():
            return "paused", "the operator canceled everything"
        case _:
            return "resumed", event.reason


def _add_command(rows: Rows, command: Command, step: Step, origin: Row, life: Life, instruments: Instruments) -> None:
    """Each is a request, and some are more than that."""
    placed = {**origin, "at": step.at}
    rows[tables.requests].append({**_request(command, step, life, instruments), **placed})
    match command:
        case Halt():
            rows[tables.halts].append({**placed, "kind": "halted", "cause": command.cause, "reason": command.reason})
        case PresenceCounted():
            _add_presence(rows, command, origin, life)
        case PositionMarked():
            mid = (command.bid + command.ask) * instruments.get(command.instrument).tick / 2
            rows[tables.marks].append({**placed, **life.place(command.instrument), "mid": mid})
        case SignalsDumped():
            what = {**placed, **life.place(command.instrument), "tick": command.tick, "lot": command.lot}
            rows[tables.signals] += [
                {**what, "specification": spec, "numbers": numbers} for spec, numbers in command.dumps.items()
            ]
        case _:
            pass


def _add_presence(rows: Rows, command: PresenceCounted, origin: Row, life: Life) -> None:
    whose = {**origin, **life.place(command.instrument), "strategy": command.strategy}
    counted = {"hour": command.hour * HOUR_NS, "traded_ns": command.hour_ns, "met_ns": command.hour_met_ns}
    rows[tables.presence].append({**whose, "at": command.at, **counted})
    if (breach := command.breach) is not None:
        told = {"reason": breach.reason, "held_ns": breach.held_ns}
        rows[tables.breaches].append({**whose, "since": breach.since, "until": breach.until or None, **told})


def _add_answer(rows: Rows, event: Answer, step: Step, origin: Row, life: Life) -> None:
    """What a venue has answered to a request; what it tells of its own accord answers none."""
    where = next((order.instrument for order in step.orders if order.order_id == event.order_id), None)
    request = _answered(event)
    if where is None or request is None:
        return
    message = ""
    match event:
        case OrderWorking():
            outcome = "working"
        case NotSent():
            outcome = "not_sent"
        case OutcomeUnknown():
            outcome, message = "unknown", event.message
        case OrderRejected() | RequestRejected():
            outcome, message = event.reason, event.message
        case _:
            assert_never(event)
    whose = {**life.at_venue(venue_of(where)), "order_id": event.order_id}
    rows[tables.answers].append(
        {**origin, "at": event.at, **whose, "request": request, "outcome": outcome, "message": message}
    )


def _answered(event: Answer) -> Request | None:
    match event:
        case OrderWorking():
            return event.answers
        case OrderRejected():
            return Request.PLACE
        case RequestRejected() | OutcomeUnknown() | NotSent():
            return event.request
        case _:
            assert_never(event)


def _add_mark(rows: Rows, mark: Mark, origin: Row, life: Life, instruments: Instruments) -> None:
    """Where the market stood at a fill of this step, or after one of an earlier step."""
    instrument = instruments.get(mark.instrument)
    where = {**life.place(mark.instrument), "trade_id": mark.trade_id, "side": mark.side}
    if mark.mids:
        mids = [None if mid is None else float(instrument.price(mid) / 2) for mid in mark.mids]
        rows[tables.markouts].append({**origin, **where, **dict(zip(tables.MIDS, mids, strict=True))})
        return
    told: Row = {}
    if mark.bid is not None and mark.ask is not None:
        bid, ask = instrument.price(mark.bid), instrument.price(mark.ask)
        told = {"mid": (bid + ask) / 2, "spread": float(ask - bid)}
    if mark.own_bid is not None and mark.own_ask is not None:
        told["own_spread"] = float(instrument.price(mark.own_ask - mark.own_bid))
    for fill in rows[tables.fills]:
        if all(fill[name] == value for name, value in where.items()):
            fill |= told


def _asked_of(scope: str, life: Life) -> Row:
    """The same columns of a question; one about all that we trade at a venue names no instrument."""
    return life.place(scope) if "/" in scope else life.at_venue(scope)


def _life(event: Started, life: Life) -> Row:
    return {
        **life.key,
        "started_at": event.at,
        "config_version": event.config_version,
        "namespace": event.namespace,
        "accounts": event.accounts,
    }


def _ending(event: Ended, life: Life) -> Row:
    return {
        **life.key,
        "ended_at": event.at,
        "exit_code": event.exit_code,
        "reason": event.reason,
        "is_verified": event.is_verified,
        "may_rest": event.may_rest,
    }


def _mandate(strategy: str, mandate: Mandate, life: Life) -> Row:
    told: Row = msgspec.to_builtins(mandate)
    where = {"venue": venue_of(mandate.instrument), "instrument": name_of(mandate.instrument)}
    return {**told, **life.key, "strategy": strategy, **where}


def instrument_row(instrument: Instrument, at: int) -> Row:
    """The row of one definition."""
    return {
        "venue": instrument.venue,
        "name": instrument.name,
        "version": instrument.version,
        "kind": instrument.kind,
        "tick_steps": [[str(step.above_price), str(step.tick)] for step in instrument.tick_steps],
        "lot": instrument.lot,
        "amount_unit": instrument.amount_unit,
        "contract_value": instrument.contract_value,
        "inverse": instrument.inverse,
        "base_currency": instrument.base_currency,
        "quote_currency": instrument.quote_currency,
        "settlement_currency": instrument.settlement_currency,
        "pays_at_settlement": instrument.pays_at_settlement,
        "min_amount": instrument.min_amount,
        "min_notional": instrument.min_notional,
        "at": at,
    }


def instrument_of(row: Mapping[str, Any]) -> Instrument:
    """The definition a row holds."""
    fields = {name: row[name] for name in Instrument.__struct_fields__ if name != "tick_steps"}
    steps = [{"above_price": above, "tick": tick} for above, tick in row["tick_steps"]]
    return msgspec.convert({**fields, "tick_steps": steps}, Instrument)


def _fill(event: OrderFilled, origin: Row, life: Life, instruments: Instruments) -> Row:
    return {
        **life.place(event.instrument),
        "trade_id": event.trade_id,
        "side": event.side,
        "order_id": event.order_id,
        "venue_order_id": event.venue_order_id,
        "config_version": life.config_version,
        "mid": None,
        "spread": None,
        "own_spread": None,
        "price": event.price,
        "amount": event.amount,
        "contract_value": instruments.get(event.instrument).contract_value,
        "fee": event.fee,
        "fee_currency": event.fee_currency,
        "liquidity": event.liquidity,
        "venue_time": event.venue_time,
        "at": event.at,
        **origin,
    }


def _sweep(event: SweepEnded, origin: Row, life: Life, instruments: Instruments) -> Row:
    return {
        **origin,
        "at": event.at,
        **life.place(event.instrument),
        "side": event.side,
        "band_bps": event.band_bps,
        "venue_time": event.venue_time,
        "loss": event.loss * float(instruments.get(event.instrument).lot),
        "watched_ns": event.watched_ns,
        "back": event.back,
        "t50_ns": event.t50_ns,
        "t90_ns": event.t90_ns,
        "flow_per_s": event.flow_per_s,
        "own_share": event.own_share,
    }


def _of_cash(event: CashReported | BalanceReported, origin: Row, life: Life) -> Row:
    return {**origin, "at": event.at, **life.at_venue(event.venue), "currency": event.currency}


def _cash_move(event: CashMoved, origin: Row, life: Life) -> Row:
    return {
        **life.at_venue(event.venue),
        "kind": event.kind,
        "currency": event.currency,
        "venue_id": event.venue_id,
        "instrument": name_of(event.instrument),
        "amount": event.amount,
        "realized": event.realized,
        "venue_time": event.venue_time,
        "at": event.at,
        **origin,
    }


def _order(order: OrderState, step: Step, life: Life, instruments: Instruments) -> Row:
    instrument = instruments.get(order.instrument, order.instrument_version)
    return {
        **life.place(order.instrument),
        "order_id": order.order_id,
        "venue_order_id": order.venue_order_id,
        "instrument_version": order.instrument_version,
        "strategy": order.strategy,
        "side": order.side,
        "level": order.level,
        "intent": order.intent,
        "price_ticks": order.price,
        "quantity_lots": order.quantity,
        "price": instrument.price(order.price),
        "amount": instrument.amount(order.quantity),
        "filled": order.filled,
        "status": order.status,
        "reason": order.reason,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        **life.key,
        "config_version": life.config_version,
        "updated_epoch": life.epoch,
        "updated_step": step.number,
    }


_REQUEST_COLUMNS = tuple(column.name for column in tables.requests.columns)


def _request(command: Command, step: Step, life: Life, instruments: Instruments) -> Row:
    """A command's row, every column of it: what a command does not have is null."""
    row: Row = dict.fromkeys(_REQUEST_COLUMNS)
    match command:
        case PlaceOrder():
            row |= {"kind": "place", "side": command.side, "intent": command.intent}
            row |= _asked(command, life, instruments)
        case AmendOrder():
            row |= {"kind": "amend", "intent": command.intent}
            row |= _asked(command, life, instruments)
        case Denied():
            row |= {"kind": "denied", "side": command.side, "reason": command.reason}
            row |= _asked(command, life, instruments)
        case CancelOrder():
            row |= {"kind": "cancel", **life.place(command.instrument)}
        case MoveSlot():
            moved = next((order.instrument for order in step.orders if order.order_id == command.order_id), None)
            row |= {"kind": "move", **(life.place(moved) if moved else {})}
        case Pause():
            row |= {"kind": "pause", "reason": command.reason, "until": command.until}
        case Halt():
            row |= {"kind": "halt", "reason": f"{command.cause}: {command.reason}"}
        case TakenOver():
            row |= {"kind": "take_over", **life.place(command.instrument)}
            row |= {"price": command.price, "amount": command.amount}
        case DayMarked():
            row |= {"kind": "day", **life.at_venue(command.venue)}
            row["reason"] = f"day {command.day} begins at {command.pnl_quote!r}"
        case PositionMarked():
            row |= {"kind": "mark", **life.place(command.instrument)}
        case PresenceCounted():
            row |= {"kind": "presence", **life.place(command.instrument), "reason": command.missing}
        case SignalsDumped():
            row |= {"kind": "signals", **life.place(command.instrument)}
        case AskOpenOrders():
            row |= {"kind": "ask_open_orders", **_asked_of(command.scope, life)}
        case AskOrder():
            row |= {"kind": "ask_order", **life.place(command.instrument)}
        case AskTrades():
            row |= {"kind": "ask_trades", **_asked_of(command.scope, life)}
        case AskPosition():
            row |= {"kind": "ask_position", **_asked_of(command.scope, life)}
        case AskCash():
            row |= {"kind": "ask_cash", **life.at_venue(command.venue)}
        case AskBalance():
            row |= {"kind": "ask_balance", **life.at_venue(command.venue)}
        case _:
            assert_never(command)
    for name in ("order_id", "strategy", "level"):
        row[name] = getattr(command, name, None)
    return row


def _asked(command: PlaceOrder | AmendOrder | Denied, life: Life, instruments: Instruments) -> Row:
    """Where, at what price and how much, in ticks and lots and exactly."""
    instrument = instruments.get(command.instrument)
    return {
        **life.place(command.instrument),
        "price_ticks": command.price,
        "quantity_lots": command.quantity,
        "price": instrument.price(command.price),
        "amount": instrument.amount(command.quantity),
    }


def _decision(decision: Decision) -> Row:
    return {
        "strategy": decision.strategy,
        "venue": venue_of(decision.instrument),
        "instrument": name_of(decision.instrument),
        "fair_value": decision.fair_value,
        "terms": {term: value if math.isfinite(value) else str(value) for term, value in decision.terms.items()},
        "wanted": [_quote(quote) for quote in decision.wanted],
        "permitted": [_quote(quote) for quote in decision.permitted],
        "withheld": decision.withheld,
        "cuts": msgspec.to_builtins(decision.cuts),
    }


def _quote(quote: Quote) -> list[str | int]:
    return [quote.side, quote.level, quote.price, quote.quantity]
