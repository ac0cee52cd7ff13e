"""Telling: the story of an order, from its first row to its last.

It is made of rows alone. What it tells of an order that has ended is the same for ever.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import merge
from operator import itemgetter

import msgspec
from sqlalchemy import Connection

from replenisher.errors import ReplenisherError
from replenisher.model.command import Intent
from replenisher.model.order import Request, Status
from replenisher.report.why.background import Background
from replenisher.report.why.reasons import (
    Standing,
    why_amended,
    why_canceled,
    why_denied,
    why_kept,
    why_placed,
    why_refused,
)
from replenisher.report.why.story import Event, Shown, Story
from replenisher.store import one_order
from replenisher.store.one_order import Asked, Decided, Filled, Life, Moment, OrderKey, Refused

Row = Life | Filled | Refused | Asked | Decided
Rank = tuple[int, int, int, int, int]  # when, in which life and step, of which kind, and which of them


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
    if row is None:
        return _unplaced(key, asked, fills)
    known = Background(connection, key, row, asked, fills)
    telling = Telling(connection, key, known, {(each.epoch, each.step) for each in asked if each.kind == "amend"})
    heard: list[Filled | Refused] = [*fills, *one_order.refusals(connection, key)]
    events = _together(telling.events(_in_order(known, asked, heard)))
    mandate = known.mandate(row.epoch)
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
        amount_unit=known.instrument.wire_unit,
        quote_currency=known.instrument.quote_currency,
        filled=row.filled,
        events=events,
    )


class Telling:
    """One order that was placed, and where it stands as its story goes on."""

    def __init__(self, connection: Connection, key: OrderKey, known: Background, amended: Collection[Moment]) -> None:
        self._connection, self._key, self._known = connection, key, known
        self._amended = amended  # the steps in which it was
        self._stands = Standing()

    def events(self, rows: Iterable[Row]) -> Iterator[Event]:
        """What happened, in order; a cancel that came too late is refused after the end."""
        ends = self._known.row.status.is_terminal  # and that is not told yet
        for row in rows:
            if ends and _moment(row) > self._known.last:
                ends = False
                yield self._end()
            match row:
                case Life():
                    told = f"another life began, with configuration {row.config_version}"
                    yield Event(at=row.started_at, epoch=row.epoch, step=0, what="life", told=told)
                case Filled():
                    yield _fill(row, f" {self._known.instrument.wire_unit}")
                case Refused():
                    yield self._refused(row)
                case Decided():
                    yield from self._decided(row)
                case Asked():
                    yield from self._asked(row)
        if ends:
            yield self._end()

    def _asked(self, asked: Asked) -> Iterator[Event]:
        known, stands = self._known, self._stands
        if asked.journal_id != known.row.journal_id:
            yield _by_another(asked)
            return
        match asked.kind:
            case "place":
                stands.level, stands.placed_at = asked.level or 0, asked.at
                yield self._changed(asked, "placed", why_placed(known, asked, self._eaten(asked)))
            case "amend":
                yield self._changed(asked, "amended", why_amended(known, asked, stands))
            case "move":
                stands.level = asked.level or 0
                if (asked.epoch, asked.step) not in self._amended:
                    yield _event(asked, "moved", f"to level {stands.level} of its side; nothing was sent for that")
            case "cancel":
                told = why_canceled(known, asked, stands)
                stands.is_canceling = True
                yield _event(asked, "cancel", told, known.shown(asked, stands.level))
            case "ask_order":
                stands.is_in_doubt = True
                yield _event(asked, "asked", "the venue was asked what became of it")
            case "denied" if asked.level == stands.level and not stands.is_canceling:
                yield _event(asked, "denied", why_denied(known, asked))
            case _:
                pass

    def _changed(self, asked: Asked, what: str, told: str) -> Event:
        """It was asked to stand elsewhere, or to be of another size."""
        assert asked.price_ticks is not None and asked.quantity_lots is not None, "each of these names both"
        stands = self._stands
        stands.before = stands.ticks, stands.lots
        stands.ticks, stands.lots = asked.price_ticks, asked.quantity_lots
        stands.is_canceling = stands.is_in_doubt = False
        return _event(asked, what, told, self._known.shown(asked, stands.level))

    def _refused(self, refused: Refused) -> Event:
        """Where an amend or a cancel was not granted, it stands as it stood before."""
        if refused.outcome != "unknown":
            if refused.request == Request.AMEND:
                self._stands.ticks, self._stands.lots = self._stands.before
            else:
                self._stands.is_canceling = False
        at, epoch, step = refused.at, refused.epoch, refused.step
        return Event(at=at, epoch=epoch, step=step, what="refused", told=why_refused(refused))

    def _eaten(self, asked: Asked) -> str:
        """The order in whose place it comes, if it is a refill and that is known."""
        if asked.intent is not Intent.REFILL:
            return ""
        placed = (asked.epoch, asked.step)
        return one_order.eaten_before(self._connection, self._key, self._known.row, asked.level or 0, placed)

    def _decided(self, decision: Decided) -> Iterator[Event]:
        """It was wanted elsewhere, and nothing was asked for it."""
        told = "" if self._stands.is_canceling else why_kept(self._known, decision, self._stands)
        wanted = self._known.quote(decision.wanted, self._stands.level)
        if told and wanted is not None:
            price = self._known.instrument.price(wanted.price)
            at, epoch, step = decision.at, decision.epoch, decision.step
            yield Event(at=at, epoch=epoch, step=step, what="kept", told=told, price=price)

    def _end(self) -> Event:
        row = self._known.row
        match row.status:
            case Status.FILLED:
                told = "filled to the last lot"
            case Status.CANCELED if self._stands.is_canceling:
                told = "canceled, as it was asked for"
            case Status.CANCELED:
                told = "canceled, and by no request that is recorded"
            case _:
                told = str(row.status)
        if row.reason:
            told += f": {row.reason}"
        (epoch, step), at = self._known.last, self._known.last_at
        return Event(at=at, epoch=epoch, step=step, what="ended", told=told)


def _in_order(known: Background, asked: Sequence[Asked], heard: Sequence[Filled | Refused]) -> Iterator[Row]:
    """All rows about an order as they came: what was heard, what was asked for then, and what was left as it was."""
    ranked: list[tuple[Rank, Row]] = [
        *(((each.started_at, each.epoch, 0, 0, 0), each) for each in known.later_lives),
        *(((each.at, each.epoch, each.step, 1, each.index), each) for each in heard),
        *(((each.at, each.epoch, each.step, 2, each.index), each) for each in [*known.denials, *asked]),
    ]
    ranked.sort(key=itemgetter(0))
    silent = (((each.at, each.epoch, each.step, 3, 0), each) for each in known.silent())
    return (row for _, row in merge(ranked, silent, key=itemgetter(0)))


def _moment(row: Row) -> Moment:
    return (row.epoch, 0) if isinstance(row, Life) else (row.epoch, row.step)


def _together(events: Iterable[Event]) -> list[Event]:
    """What was kept several times in a row for one reason is told once."""
    told: list[Event] = []
    for event in events:
        last = told[-1] if told else None
        if last is not None and event.what == last.what == "kept" and event.told == last.told:
            told[-1] = msgspec.structs.replace(last, times=last.times + 1, until=event.at)
        else:
            told.append(event)
    return told


def _unplaced(key: OrderKey, asked: Sequence[Asked], fills: Sequence[Filled]) -> Story:
    """An order that only its later rows know: what has placed it was lost before that was recorded."""
    events = [_by_another(each) for each in asked] + [_fill(each) for each in fills]
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


def _fill(fill: Filled, unit: str = "") -> Event:
    told = f"{fill.amount:f}{unit} at {fill.price:f}, {fill.liquidity}, fee {fill.fee:f} {fill.fee_currency}"
    return Event(
        at=fill.at,
        epoch=fill.epoch,
        step=fill.step,
        what="filled",
        told=f"{told}, trade {fill.trade_id}",
        price=fill.price,
        amount=fill.amount,
    )
