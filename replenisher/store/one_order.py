"""What the SQL ledger knows of one order of ours: every row that names it, and each decision while it was alive.

An explanation must not change with anything that comes later. So what is read here is keyed by the order, or by the
steps of the lives in which it was alive.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select, tuple_

from replenisher.model.command import Intent
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Mandate
from replenisher.model.order import SIDES, Request, Side, Status
from replenisher.model.step import Cut, Quote
from replenisher.store import tables
from replenisher.store.of_orders import KEYS_PER_QUERY
from replenisher.store.round_trips import WORKING
from replenisher.store.rows import instrument_of

ROWS_AT_ONCE = 5_000
BEFORE_MAX = 100  # decisions before a place in which it may have waited
OLDEST_FIRST = attrgetter("at", "epoch", "step", "index")
FOUND_MAX = 5  # of orders that begin alike

Moment = tuple[int, int]  # epoch and step, in one journal


class OrderKey(msgspec.Struct, frozen=True, order=True):
    """Which order."""

    venue: str
    account: str
    order_id: str


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was last known."""

    venue_order_id: str
    instrument: str
    instrument_version: int
    strategy: str
    side: Side
    amount: Decimal
    filled: Decimal
    status: Status
    reason: str
    updated_at: int
    journal_id: str  # of the life that placed it, as are the next two
    epoch: int
    config_version: str
    updated_epoch: int
    updated_step: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A command about the order, or a denial of its slot."""

    journal_id: str
    epoch: int
    step: int
    index: int
    at: int
    kind: str
    level: int | None
    price_ticks: int | None
    quantity_lots: int | None
    price: Decimal | None
    amount: Decimal | None
    intent: Intent | None
    reason: str | None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of the order."""

    epoch: int
    step: int
    index: int
    at: int
    venue_time: int
    trade_id: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An amend or a cancel that the venue did not grant, or that may not have reached it."""

    epoch: int
    step: int
    index: int
    at: int
    request: str
    outcome: str  # a reason to reject, not_sent or unknown
    message: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of the order's strategy on its instrument."""

    epoch: int
    step: int
    at: int
    fair_value: float | None
    terms: dict[str, float]
    wanted: tuple[Quote, ...]
    permitted: tuple[Quote, ...]
    withheld: str
    cuts: tuple[Cut, ...] | None  # None where it is older than they are


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A life in which the order was alive."""

    epoch: int
    started_at: int
    config_version: str


def find(connection: Connection, name: str) -> list[OrderKey]:
    """The orders whose id is this or begins so, or that the venue calls so; no more than a few."""
    orders = tables.orders.c
    found = _keys(connection, tables.orders, orders.order_id == name)
    found = found or _keys(connection, tables.orders, orders.venue_order_id == name)
    if not found:  # an order that was placed by a journal of which not all is recorded may be in none of its rows
        for table in (tables.orders, tables.requests, tables.fills):
            found += _keys(connection, table, table.c.order_id.startswith(name, autoescape=True))
    return sorted(set(found))[:FOUND_MAX]


def order(connection: Connection, key: OrderKey) -> OrderRow | None:
    """The order as it was last known."""
    rows = _rows(connection, OrderRow, tables.orders, _named(tables.orders, key))
    return rows[0] if rows else None


def asked(connection: Connection, key: OrderKey) -> list[Asked]:
    """Every command about the order, oldest first."""
    found = _rows(connection, Asked, tables.requests, _named(tables.requests, key))
    return sorted(found, key=OLDEST_FIRST)


def fills(connection: Connection, key: OrderKey) -> list[Filled]:
    """Every fill of the order, oldest first."""
    found = _rows(connection, Filled, tables.fills, _named(tables.fills, key))
    return sorted(found, key=OLDEST_FIRST)


def refusals(connection: Connection, key: OrderKey) -> list[Refused]:
    """Every amend and cancel that was not granted, oldest first. What became of a place, the order itself says."""
    answers = tables.answers.c
    is_refusal = and_(answers.request != Request.PLACE, answers.outcome != WORKING)
    found = _rows(connection, Refused, tables.answers, _named(tables.answers, key), is_refusal)
    return sorted(found, key=OLDEST_FIRST)


def decisions_in(connection: Connection, venue: str, row: OrderRow, steps: Collection[Moment]) -> dict[Moment, Decided]:
    """What its strategy decided on its instrument in these steps of the journal that placed it."""
    found: dict[Moment, Decided] = {}
    columns = tuple_(tables.decisions.c.epoch, tables.decisions.c.step)
    wanted = sorted(steps)
    for start in range(0, len(wanted), KEYS_PER_QUERY):
        some = wanted[start : start + KEYS_PER_QUERY]
        query = _decisions(venue, row).where(columns.in_(some))
        found |= {(each.epoch, each.step): _decided(each._asdict()) for each in connection.execute(query)}
    return found


def decisions(connection: Connection, venue: str, row: OrderRow, since: Moment, until: Moment) -> Iterator[Decided]:
    """All of them between two steps, oldest first. There may be many, so they are read in pages."""
    while True:
        page = _decisions(venue, row).where(_between(tables.decisions, since, until)).limit(ROWS_AT_ONCE)
        found = [_decided(each._asdict()) for each in connection.execute(page)]
        yield from found
        if len(found) < ROWS_AT_ONCE:
            return
        since = (found[-1].epoch, found[-1].step + 1)


def decisions_before(connection: Connection, venue: str, row: OrderRow, placed: Moment) -> Iterator[Decided]:
    """The last ones of that life before a step, the newest first."""
    c = tables.decisions.c
    query = _decisions(venue, row).where(c.epoch == placed[0], c.step < placed[1])
    newest_first = query.order_by(None).order_by(c.step.desc(), c.index.desc()).limit(BEFORE_MAX)
    return (_decided(each._asdict()) for each in connection.execute(newest_first))


def denials(connection: Connection, key: OrderKey, row: OrderRow, since: Moment, until: Moment) -> list[Asked]:
    """What our own gate refused of its strategy on its side of its instrument meanwhile, oldest first."""
    requests = tables.requests.c
    found = _rows(
        connection,
        Asked,
        tables.requests,
        requests.journal_id == row.journal_id,
        _between(tables.requests, since, until),
        requests.kind == "denied",
        requests.venue == key.venue,
        requests.account == key.account,
        requests.instrument == row.instrument,
        requests.strategy == row.strategy,
        requests.side == row.side,
    )
    return sorted(found, key=lambda each: (each.epoch, each.step, each.index))


def lives(connection: Connection, row: OrderRow, since: Moment, until: Moment) -> list[Life]:
    """The lives of that journal, from the one that placed it to the last that knew it alive."""
    epochs = tables.lives.c.epoch.between(since[0], until[0])
    found = _rows(connection, Life, tables.lives, tables.lives.c.journal_id == row.journal_id, epochs)
    return sorted(found, key=lambda life: life.epoch)


def mandates(connection: Connection, row: OrderRow, since: Moment, until: Moment) -> dict[int, dict[str, Mandate]]:
    """By life, what all strategies were asked for; lives that are older than these rows are left out."""
    epochs = tables.mandates.c.epoch.between(since[0], until[0])
    query = select(tables.mandates).where(tables.mandates.c.journal_id == row.journal_id, epochs)
    found: dict[int, dict[str, Mandate]] = {}
    for each in connection.execute(query):
        told = {**each._asdict(), "instrument": f"{each.venue}/{each.instrument}"}
        fields = {name: told[name] for name in Mandate.__struct_fields__}
        found.setdefault(each.epoch, {})[each.strategy] = msgspec.convert(fields, Mandate)
    return found


def eaten_before(connection: Connection, key: OrderKey, row: OrderRow, level: int, placed: Moment) -> str:
    """The order that was filled last in this slot before; empty if there is none. A fill's row never changes."""
    fills = tables.fills.c
    before = or_(fills.epoch < placed[0], and_(fills.epoch == placed[0], fills.step <= placed[1]))
    query = (
        select(fills.order_id)
        .where(fills.venue == key.venue, fills.account == key.account, fills.instrument == row.instrument)
        .where(fills.side == row.side, fills.strategy == row.strategy, fills.level == level)
        .where(fills.journal_id == row.journal_id, before)
        .order_by(fills.epoch.desc(), fills.step.desc(), fills.index.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or ""


def instrument(connection: Connection, venue: str, row: OrderRow) -> Instrument:
    """The definition that the order was made under; the newest one, if that was never told."""
    each = tables.instruments.c
    query = select(tables.instruments).where(each.venue == venue, each.name == row.instrument)
    is_it = each.version == row.instrument_version
    found = connection.execute(query.order_by(is_it.desc(), each.version.desc()).limit(1)).one()
    return instrument_of(found._asdict())


def _keys(connection: Connection, table: Table, condition: ColumnElement[bool]) -> list[OrderKey]:
    columns = table.c.venue, table.c.account, table.c.order_id
    query = select(*columns).where(condition, table.c.order_id != "").distinct().order_by(*columns).limit(FOUND_MAX)
    return [OrderKey(*each) for each in connection.execute(query)]


def _named(table: Table, key: OrderKey) -> ColumnElement[bool]:
    return and_(table.c.venue == key.venue, table.c.account == key.account, table.c.order_id == key.order_id)


def _decisions(venue: str, row: OrderRow) -> Select[Any]:
    decided = tables.decisions.c
    whose = (decided.strategy == row.strategy, decided.venue == venue, decided.instrument == row.instrument)
    query = select(tables.decisions).where(decided.journal_id == row.journal_id, *whose)
    return query.order_by(decided.epoch, decided.step)


def _between(table: Table, since: Moment, until: Moment) -> ColumnElement[bool]:
    """Rows of these steps, the first and the last one included."""
    epoch, step = table.c.epoch, table.c.step
    return and_(
        epoch.between(since[0], until[0]),
        or_(epoch > since[0], step >= since[1]),
        or_(epoch < until[0], step <= until[1]),
    )


def _rows(
    connection: Connection, kind: type[msgspec.Struct], table: Table, *conditions: ColumnElement[bool]
) -> list[Any]:
    names = kind.__struct_fields__
    query = select(*(table.c[name] for name in names)).where(*conditions)
    return [msgspec.convert(dict(zip(names, each, strict=True)), kind) for each in connection.execute(query)]


def _decided(row: Mapping[str, Any]) -> Decided:
    fields = {name: row[name] for name in Decided.__struct_fields__}
    fields["terms"] = {name: float(value) for name, value in fields["terms"].items()}
    cuts = fields["cuts"]
    return Decided(
        **fields
        | {
            "wanted": _quotes(fields["wanted"]),
            "permitted": _quotes(fields["permitted"]),
            "cuts": None if cuts is None else msgspec.convert(cuts, tuple[Cut, ...]),
        }
    )


def _quotes(rows: Sequence[Sequence[Any]]) -> tuple[Quote, ...]:
    return tuple(Quote(SIDES[side], level, price, quantity) for side, level, price, quantity in rows)
