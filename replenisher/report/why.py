"""Why an order is there: each time it was placed, amended, kept, canceled and filled, and the numbers that led there.

The story is made of rows alone. What it tells of an order that has ended is the same for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from replenisher.core.guards import MIN_PROFIT
from replenisher.errors import ReplenisherError
from replenisher.model.command import Intent
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Mandate
from replenisher.model.order import Side, Status
from replenisher.model.step import Cut, Quote
from replenisher.model.units import BPS, SECOND_NS
from replenisher.report.derivation import Stage, derived
from replenisher.store import one_order
from replenisher.store.one_order import Asked, Decided, Filled, Life, OrderKey, OrderRow

FOR_EVER = (1 << 62, 1 << 62)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How a decision led to one quote, and what was made of it before it was sent."""

    fair_value: float
    fair_value_source: str  # empty if the strategy does not say
    terms: dict[str, float]  # all that the strategy says it used
    stages: list[Stage]  # empty if the strategy does not say how its prices follow from its terms
    wanted: Decimal | None  # None if it wanted nothing there
    agrees: bool  # whether the stages end where it was wanted
    cuts: list[tuple[str, Decimal, Decimal]]  # by whom, and the price and the amount that was left
    permitted: Decimal | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to the order, or that was left to be."""

    at: int
    epoch: int
    step: int
    what: str  # life, placed, amended, moved, kept, asked, cancel, filled, ended
    told: str  # in a sentence
    price: Decimal | None = None
    amount: Decimal | None = None
    times: int = 1
    until: int | None = None  # of what happened several times, the last one
    shown: Shown | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, oldest first."""

    order_id: str
    venue: str
    account: str
    instrument: str
    strategy: str
    idea: str
    side: str
    config_version: str  # under which it was placed
    status: str
    reason: str
    amount_unit: str
    quote_currency: str
    filled: Decimal
    events: list[Event]


def read_story(connection: Connection, name: str) -> Story:
    """The story of the order that is called so, or whose id begins so. Raises if there is none, or more than one."""
    found = one_order.find(connection, name) if name else []
    if not found:
        raise ReplenisherError(f"there is no order {name!r} in the ledger, and none whose id begins so")
    if len(found) > 1:
        names = ", ".join(key.order_id for key in found)
        raise ReplenisherError(f"more than one order begins with {name}: {names}")
    (key,) = found
    row = one_order.order(connection, key)
    asked, fills = one_order.asked(connection, key), one_order.fills(connection, key)
    return _unplaced(key, asked, fills) if row is None else Telling(connection, key, row, asked, fills).story()


class Telling:
    """One order, told from its first row to its last."""

    def __init__(
        self, connection: Connection, key: OrderKey, row: OrderRow, asked: Sequence[Asked], fills: Sequence[Filled]
    ) -> None:
        self._connection, self._key, self._row = connection, key, row
        self._asked, self._fills = asked, fills
        self._last = (row.updated_epoch, row.updated_step)
        own = [(each.epoch, each.step) for each in asked if each.journal_id == row.journal_id]
        since = min(own, default=(row.epoch, 0))
        until = max([self._last, *own]) if row.status.is_terminal else FOR_EVER
        self._instrument = one_order.instrument(connection, key.venue, row)
        self._decisions = one_order.decisions(connection, key.venue, row, since, until)
        self._denials = one_order.denials(connection, key, row, since, until)
        self._lives = one_order.lives(connection, row, since, until)
        self._mandates = one_order.mandates(connection, row, since, until)
        # Where it stands as the story goes on.
        self._level = self._ticks = self._lots = self._placed_at = 0
        self._is_canceling = self._is_in_doubt = False  # asked to be gone; asked after, as an answer was missing

    def story(self) -> Story:
        """The whole of it."""
        key, row = self._key, self._row
        mandate = self._mandate(row.epoch)
        return Story(
            order_id=key.order_id,
            venue=key.venue,
            account=key.account,
            instrument=row.instrument,
            strategy=row.strategy,
            idea="" if mandate is None else mandate.idea,
            side=row.side,
            config_version=row.config_version,
            status=row.status,
            reason=row.reason,
            amount_unit=self._instrument.wire_unit,
            quote_currency=self._instrument.quote_currency,
            filled=row.filled,
            events=_together(self._events()),
        )

    def _events(self) -> Iterator[Event]:
        """What happened, in order."""
        for happened in self._timeline():
            match happened:
                case Life():
                    yield self._begins(happened)
                case Filled():
                    yield _fill(happened, self._instrument)
                case Asked(kind="denied"):
                    if happened.level == self._level and not self._is_canceling:
                        yield self._denied(happened)
                case Asked():
                    yield from self._request(happened)
                case Decided():
                    yield from self._kept(happened)
        if self._row.status.is_terminal:
            yield self._end()

    def _timeline(self) -> list[Life | Filled | Asked | Decided]:
        spoken = {(each.epoch, each.step) for each in self._asked if each.journal_id == self._row.journal_id}
        ranked: list[tuple[tuple[int, ...], Life | Filled | Asked | Decided]] = [
            *(((each.started_at, each.epoch, 0, 0, 0), each) for each in self._lives if each.epoch > self._row.epoch),
            *(((each.at, each.epoch, each.step, 1, each.index), each) for each in self._fills),
            *(((each.at, each.epoch, each.step, 2, each.index), each) for each in [*self._denials, *self._asked]),
            *(
                ((each.at, each.epoch, each.step, 3, 0), each)
                for moment, each in self._decisions.items()
                if moment not in spoken
            ),
        ]
        return [happened for _, happened in sorted(ranked, key=lambda each: each[0])]

    # --- What we asked for ---------------------------------------------------------------------------------------

    def _request(self, asked: Asked) -> Iterator[Event]:
        if asked.journal_id != self._row.journal_id:
            yield _by_another(asked)
            return
        match asked.kind:
            case "place":
                self._level, self._placed_at = asked.level or 0, asked.at
                yield self._changed(asked, "placed", self._why_placed(asked))
            case "amend":
                yield self._changed(asked, "amended", self._why_amended(asked))
            case "move":
                self._level = asked.level or 0
                if not any(self._is_same_step(asked, each) and each.kind == "amend" for each in self._asked):
                    yield _event(asked, "moved", f"to level {self._level} of its side; nothing was sent for that")
            case "cancel":
                self._is_canceling = True
                yield _event(asked, "cancel", self._why_canceled(asked), shown=self._shown_at(asked))
            case "ask_order":
                self._is_in_doubt = True
                yield _event(asked, "asked", "the venue was asked what became of it")
            case _:
                pass

    def _changed(self, asked: Asked, what: str, told: str) -> Event:
        """It was asked to stand elsewhere, or to be of another size."""
        assert asked.price_ticks is not None and asked.quantity_lots is not None, "each of these names both"
        self._ticks, self._lots = asked.price_ticks, asked.quantity_lots
        self._is_canceling = self._is_in_doubt = False
        return _event(asked, what, told, shown=self._shown_at(asked))

    @staticmethod
    def _is_same_step(one: Asked, other: Asked) -> bool:
        return (one.journal_id, one.epoch, one.step) == (other.journal_id, other.epoch, other.step)

    def _why_placed(self, asked: Asked) -> str:
        told = self._wish(asked)
        if asked.intent is not Intent.REFILL:
            return told
        placed = (asked.epoch, asked.step)
        eaten = one_order.eaten_before(self._connection, self._key, self._row, self._level, placed)
        return f"{told}, where order {eaten} was filled" if eaten else told

    def _why_amended(self, asked: Asked) -> str:
        assert asked.price_ticks is not None, "an amend names a price"
        told = self._wish(asked)
        if asked.price_ticks == self._ticks:
            return f"{told}; only its size changes, it was {self._instrument.amount(self._lots)}"
        away = f"{_bps(self._ticks, asked.price_ticks):.3g} bps from there{self._tolerance(asked.epoch)}"
        return f"{told}; it stood at {self._instrument.price(self._ticks)}, {away}"

    def _wish(self, asked: Asked) -> str:
        """What was asked for, in words."""
        purpose = "to refill level" if asked.intent is Intent.REFILL else "as level"
        return f"{self._row.side} {self._size(asked)} at {asked.price:f} {purpose} {self._level}"

    def _why_canceled(self, asked: Asked) -> str:
        decision, mandate = self._decisions.get((asked.epoch, asked.step)), self._mandate(asked.epoch)
        if decision is None:
            if mandate is None and self._mandates.get(asked.epoch):
                return f"the strategy {self._row.strategy} was configured no longer"
            return "its strategy decided nothing in that step"
        quote = _of_slot(decision.permitted, self._row.side, self._level)
        if quote is None:
            if not decision.wanted:
                return f"nothing was wanted: {decision.withheld or 'the strategy gave no reason'}"
            if _of_slot(decision.wanted, self._row.side, self._level) is None:
                because = f": {decision.withheld}" if decision.withheld else ""
                return f"the strategy wanted no level {self._level} on this side any more{because}"
            return f"it was withheld: {self._withheld(decision, mandate)}"
        wanted_at = f"it was wanted at {self._instrument.price(quote.price)}"
        for denial in self._denials:
            if (denial.epoch, denial.step, denial.level) == (asked.epoch, asked.step, self._level):
                return f"{wanted_at}, and our gate denied that: {_valued(denial.reason or '', mandate)}"
        if self._is_in_doubt:
            return f"{wanted_at}, and what had become of its last request was not known"
        max_age_ns = self._policy(asked.epoch).get("max_order_age_ns")
        if max_age_ns is not None and asked.at - self._placed_at >= max_age_ns:
            return f"it had rested for max_order_age_s ({max_age_ns / SECOND_NS:g})"
        if quote.price == self._ticks:
            size = self._instrument.amount(quote.quantity)
            return f"{wanted_at} with {size}, and could not be changed into that: it makes room for another one"
        away = f"{_bps(self._ticks, quote.price):.3g} bps away{self._tolerance(asked.epoch)}"
        return f"{wanted_at}, {away}, and could not be moved there: it makes room for another one"

    def _withheld(self, decision: Decided, mandate: Mandate | None) -> str:
        cuts = [cut.reason for cut in self._cuts(decision) if not cut.quantity]
        if not cuts:
            return decision.withheld or "no reason is recorded"
        return ", ".join(_valued(reason, mandate) for reason in cuts)

    def _denied(self, denial: Asked) -> Event:
        told = f"our gate denied {self._size(denial)} at {denial.price:f} in its place"
        return _event(denial, "denied", f"{told}: {_valued(denial.reason or '', self._mandate(denial.epoch))}")

    # --- What was left as it was -----------------------------------------------------------------------------------

    def _kept(self, decision: Decided) -> Iterator[Event]:
        """It was wanted elsewhere, and nothing was asked for it."""
        wanted = _of_slot(decision.wanted, self._row.side, self._level)
        permitted = _of_slot(decision.permitted, self._row.side, self._level)
        is_over = self._row.status.is_terminal and (decision.epoch, decision.step) >= self._last
        if is_over or self._is_canceling or wanted is None or permitted is None or wanted.price == self._ticks:
            return
        price = self._instrument.price(wanted.price)
        if permitted.price == self._ticks:
            mandate = self._mandate(decision.epoch)
            told = ", ".join(_valued(cut.reason, mandate) for cut in self._cuts(decision))
        else:
            away = _bps(self._ticks, permitted.price)
            policy = self._policy(decision.epoch)
            if away <= policy.get("tolerance_bps", 0.0):
                told = f"no further away than the {policy['tolerance_bps']:g} bps that are tolerated"
            else:
                told = "a request about it was not answered yet, or the rate budget was spent"
        yield Event(at=decision.at, epoch=decision.epoch, step=decision.step, what="kept", told=told, price=price)

    # --- How others changed it ---------------------------------------------------------------------------------------

    def _begins(self, life: Life) -> Event:
        told = f"another life began, with configuration {life.config_version}"
        return Event(at=life.started_at, epoch=life.epoch, step=0, what="life", told=told)

    def _end(self) -> Event:
        row = self._row
        match row.status:
            case Status.FILLED:
                told = "filled to the last lot"
            case Status.CANCELED if self._is_canceling:
                told = "canceled, as it was asked for"
            case Status.CANCELED:
                told = "canceled, and no request of ours for that is recorded"
            case _:
                told = str(row.status)
        if row.reason:
            told += f": {row.reason}"
        return Event(at=row.updated_at, epoch=row.updated_epoch, step=row.updated_step, what="ended", told=told)

    # --- The numbers behind it ---------------------------------------------------------------------------------------

    def _shown_at(self, asked: Asked) -> Shown | None:
        """How the decision of that step led to what it wanted in the order's slot; None where there is nothing."""
        decision, mandate = self._decisions.get((asked.epoch, asked.step)), self._mandate(asked.epoch)
        if decision is None or decision.fair_value is None:
            return None
        side, price = self._row.side, self._instrument.price
        wanted = _of_slot(decision.wanted, side, self._level)
        permitted = _of_slot(decision.permitted, side, self._level)
        stages: list[Stage] = []
        if wanted is not None and mandate is not None and mandate.chain is not None:
            terms = decision.terms
            stages = derived(mandate.chain, decision.fair_value, terms, side, self._level, self._instrument)
        return Shown(
            fair_value=decision.fair_value,
            fair_value_source="" if mandate is None else mandate.fair_value,
            terms=decision.terms,
            stages=stages,
            agrees=bool(stages) and wanted is not None and stages[-1].price == price(wanted.price),
            wanted=None if wanted is None else price(wanted.price),
            cuts=[
                (_valued(cut.reason, mandate), price(cut.price), self._instrument.amount(cut.quantity))
                for cut in self._cuts(decision)
            ],
            permitted=None if permitted is None else price(permitted.price),
        )

    def _cuts(self, decision: Decided) -> list[Cut]:
        cuts = decision.cuts or ()
        return [cut for cut in cuts if (cut.side, cut.level) == (self._row.side, self._level)]

    def _mandate(self, epoch: int) -> Mandate | None:
        return self._mandates.get(epoch, {}).get(self._row.strategy)

    def _policy(self, epoch: int) -> Mapping[str, float]:
        mandate = self._mandate(epoch)
        return {} if mandate is None else mandate.policy

    def _tolerance(self, epoch: int) -> str:
        policy = self._policy(epoch)
        return f", and {policy['tolerance_bps']:g} are tolerated" if "tolerance_bps" in policy else ""

    def _size(self, asked: Asked) -> str:
        return f"{asked.amount:f} {self._instrument.wire_unit}"


# --- Of any order --------------------------------------------------------------------------------------------------


def _unplaced(key: OrderKey, asked: Sequence[Asked], fills: Sequence[Filled]) -> Story:
    """An order that only its later rows know: what has placed it was lost before that was recorded."""
    events = [_by_another(each) for each in asked] + [_fill(each, None) for each in fills]
    return Story(
        order_id=key.order_id,
        venue=key.venue,
        account=key.account,
        instrument="",
        strategy="",
        idea="",
        side="",
        config_version="",
        status="",
        reason="no row says that it was placed: the journal of then was lost before it was recorded",
        amount_unit="",
        quote_currency="",
        filled=sum((each.amount for each in fills), Decimal(0)),
        events=sorted(events, key=lambda event: (event.at, event.epoch, event.step)),
    )


def _by_another(asked: Asked) -> Event:
    """What a journal did about an order that it does not know."""
    told = f"asked for by journal {asked.journal_id}, which does not know it: such an order is never adopted"
    return _event(asked, asked.kind, told)


def _event(asked: Asked, what: str, told: str, shown: Shown | None = None) -> Event:
    return Event(
        at=asked.at,
        epoch=asked.epoch,
        step=asked.step,
        what=what,
        told=told,
        price=asked.price,
        amount=asked.amount,
        shown=shown,
    )


def _fill(fill: Filled, instrument: Instrument | None) -> Event:
    unit = "" if instrument is None else f" {instrument.wire_unit}"
    fee = f"fee {fill.fee:f} {fill.fee_currency}"
    told = f"{fill.amount:f}{unit} at {fill.price:f}, {fill.liquidity}, {fee}, trade {fill.trade_id}"
    return Event(
        at=fill.at,
        epoch=fill.epoch,
        step=fill.step,
        what="filled",
        told=told,
        price=fill.price,
        amount=fill.amount,
    )


def _together(events: Iterator[Event]) -> list[Event]:
    """What was kept several times in a row for one reason is told once: between which prices it was wanted."""
    told: list[Event] = []
    for event in events:
        last = told[-1] if told else None
        if last is not None and event.what == last.what == "kept" and event.told == last.told:
            told[-1] = msgspec.structs.replace(last, times=last.times + 1, until=event.at)
        else:
            told.append(event)
    return told


def _of_slot(quotes: Sequence[Quote], side: Side, level: int) -> Quote | None:
    return next((quote for quote in quotes if (quote.side, quote.level) == (side, level)), None)


def _bps(ticks: int, wanted: int) -> float:
    """How far an order is from where it is wanted, as the policy counts it."""
    return abs(ticks - wanted) * BPS / wanted


def _valued(reason: str, mandate: Mandate | None) -> str:
    """A reason, with the number in force where its name is that of a limit or of a guard."""
    if mandate is None:
        return reason
    settings = {**mandate.limits, **(mandate.guards or {})}
    if reason == MIN_PROFIT and "closest_bps" in settings:
        return f"{reason} (with the fee {settings['closest_bps']:g} bps)"
    return f"{reason} ({settings[reason]})" if reason in settings else reason
