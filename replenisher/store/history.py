"""What a report reads of the SQL ledger: everything that moved an account's money, in order and in bounded memory.

There may be millions of fills, so they are streamed. What else moves money (payments, positions that were taken over,
lives that begin) is rare, and read at once. All of it is ordered by the venue's clock where the venue told a time, and
by session time where only we know of it.
"""

from collections.abc import Iterator
from decimal import Decimal
from heapq import merge
from typing import Any

import msgspec
from sqlalchemy import Connection, Double, Row, Select, Table, and_, case, cast, func, select, type_coerce
from sqlalchemy.types import NullType

from replenisher.model.order import EXTERNAL, SIDES, Liquidity, Request, Side
from replenisher.store import tables
from replenisher.store.batches import Columns, batches
from replenisher.store.marks import Mark, marks
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey

SORTED_KIB = 16 * 1024  # of memory, in which SQLite sorts a piece; a thread of its own may have one more
MAKER = Liquidity.MAKER.value


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One fill of ours."""

    at: int  # when it happened, by the venue's clock, or when we heard of it
    instrument: str
    strategy: str
    config_version: str
    side: Side
    price: Decimal
    amount: Decimal  # wire amount, positive
    fee: Decimal  # negative is a rebate
    fee_currency: str
    is_maker: bool
    mid: Decimal | None  # of the others' book just before it; None where there was none to rely on
    contract_value: Decimal | None = None  # of the instrument then; None if nobody had told


_c = tables.fills.c
_EXACT = (_c.price, _c.amount, _c.fee, _c.mid, _c.contract_value)
_price, _amount, _fee, _mid, _contract_value = (type_coerce(each, NullType) for each in _EXACT)
# What a fill is made of besides its time, in the order of its fields; decimals as the driver has them.
FILL = (
    *(_c.instrument, _c.strategy, _c.config_version, _c.side),
    *(_price, _amount, _fee, _c.fee_currency, _c.liquidity, _mid, _contract_value),
)


class Paid(msgspec.Struct, frozen=True):
    """Money that moved without a fill."""

    at: int
    kind: str
    instrument: str  # empty if it was about none
    currency: str
    amount: Decimal
    realized: Decimal  # the part of it that fills had realized before


class Taken(msgspec.Struct, frozen=True):
    """A position that was taken over and is no strategy's."""

    at: int
    instrument: str
    amount: Decimal  # wire amount, negative is short
    price: Decimal  # at which it counts as entered


class Begun(msgspec.Struct, frozen=True):
    """A life began, under a configuration."""

    at: int
    config_version: str


class Sent(msgspec.Struct, frozen=True):
    """How many requests of a kind one strategy sent for one instrument and reason."""

    instrument: str
    strategy: str
    order_version: str  # the configuration version under which the order was placed
    config_version: str  # and that of the life that asked
    kind: str  # place, amend or cancel
    intent: str  # empty of a cancel
    count: int


class Placed(msgspec.Struct, frozen=True):
    """How many orders one strategy placed on one instrument."""

    instrument: str
    strategy: str
    config_version: str
    orders: int
    filled: int  # of them, in part at least


Event = Paid | Taken | Begun | Mark


def expect_scans(connection: Connection) -> None:
    """Whole tables are joined and sorted in this transaction.

    Without statistics, as after a restore, PostgreSQL would look up each row by itself, which takes longer than a
    server may take to answer. SQLite sorts in pieces, each in a thread of its own while it reads the next one.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    else:
        connection.exec_driver_sql(f"PRAGMA cache_size = -{SORTED_KIB}")
        connection.exec_driver_sql("PRAGMA threads = 1")


def account_keys(connection: Connection) -> list[AccountKey]:
    """Every account that any life traded on, by name."""
    lives = connection.execute(select(tables.lives.c.accounts)).scalars()
    found = {(venue, account) for accounts in lives for venue, account in accounts.items()}
    return [AccountKey(venue, account) for venue, account in sorted(found)]


def fill_count(connection: Connection, key: AccountKey, period: Period) -> int:
    """How many fills there are to be read."""
    query = select(func.count()).select_from(tables.fills).where(*period.has(_c.venue_time))
    return connection.execute(query.where(_c.venue == key.venue, _c.account == key.account)).scalar_one()


def events(connection: Connection, key: AccountKey, period: Period) -> Iterator[Event]:
    """All that is no fill, oldest first."""
    lives = (Begun(life.started_at, life.config_version) for life in lives_of(connection, key))
    begun = [each for each in lives if period.holds(each.at)]
    rare: list[Event] = [*begun, *taken(connection, key, period), *paid(connection, key, period)]
    return merge(marks(connection, key, period), sorted(rare, key=happened_at), key=happened_at)


def happened_at(event: Event | Fill) -> int:
    """By which they are in order."""
    return event.at


def fills(connection: Connection, key: AccountKey) -> Iterator[list[Fill]]:
    """Every fill, many at once, in the order in which we heard of them."""
    query = select(_c.at, *FILL).where(_c.venue == key.venue, _c.account == key.account)
    yield from map(fills_of, batches(connection, query.order_by(_c.at, _c.epoch, _c.step, _c.index)))


def fills_before(connection: Connection, key: AccountKey, until: int) -> Iterator[list[Fill]]:
    """Every fill before a time, many at once, in the order in which the venue says they happened."""
    query = select(_c.venue_time, *FILL).where(_c.venue == key.venue, _c.account == key.account)
    query = query.where(_c.venue_time < until).order_by(_c.venue_time, _c.epoch, _c.step, _c.index)
    yield from map(fills_of, batches(connection, query))


def fills_of(columns: Columns) -> list[Fill]:
    """The fills of a batch whose columns begin with a time and those of `FILL`."""
    at, instrument, strategy, config_version, side, price, amount, fee, fee_currency, liquidity, *exact = columns
    mid, contract_value, *_ = exact
    return list(
        map(
            Fill,
            at,
            instrument,
            strategy,
            config_version,
            map(SIDES.__getitem__, side),
            map(Decimal, price),
            map(Decimal, amount),
            map(Decimal, fee),
            fee_currency,
            map(MAKER.__eq__, liquidity),
            (None if each is None else Decimal(each) for each in mid),
            (None if each is None else Decimal(each) for each in contract_value),
        )
    )


def placed(connection: Connection, key: AccountKey, period: Period) -> Iterator[Placed]:
    """Every order of an account that was placed then, counted."""
    c = tables.orders.c
    whose = (c.strategy, c.instrument, c.config_version)
    # Whether it is 0 is all that is asked of a decimal here, so it may be made a double.
    is_filled = func.sum(case((cast(c.filled, Double) > 0, 1), else_=0))
    query = select(*whose, func.count(), is_filled).where(c.venue == key.venue, c.account == key.account)
    query = query.where(*period.has(c.created_at))
    for strategy, name, version, orders, filled in connection.execute(query.group_by(*whose)):
        yield Placed(name, strategy, version, orders, int(filled))


def sent(connection: Connection, key: AccountKey, period: Period) -> list[Sent]:
    """Every place, amend and cancel of an account that was sent then, counted.

    What differs most stands first in a group: SQLite sorts by it, and looks no further where two rows differ.
    """
    o, r = tables.orders.c, tables.requests.c
    versions = {(life.journal_id, life.epoch): life.config_version for life in lives_of(connection, key)}
    found: list[Sent] = []
    # A place says whose it is, and its order is of the same life.
    whose = (r.strategy, r.instrument, r.intent, r.epoch, r.journal_id)
    places = select(*whose, func.count()).where(r.venue == key.venue, r.account == key.account).group_by(*whose)
    places = places.where(r.kind == Request.PLACE, *period.has(r.at))
    for strategy, name, intent, epoch, journal_id, count in connection.execute(places):
        version = versions[journal_id, epoch]
        found.append(Sent(name, strategy, version, version, Request.PLACE, intent, count))
    # An amend and a cancel do not: their order does.
    same = and_(o.venue == r.venue, o.account == r.account, o.order_id == r.order_id)
    what = (o.strategy, r.instrument, r.kind, r.intent, r.epoch, r.journal_id, o.config_version)
    later = select(*what, func.count()).select_from(tables.requests.outerjoin(tables.orders, same)).group_by(*what)
    later = later.where(r.venue == key.venue, r.account == key.account, r.kind.in_([Request.AMEND, Request.CANCEL]))
    later = later.where(*period.has(r.at))
    for strategy, name, kind, intent, epoch, journal_id, placed_under, count in connection.execute(later):
        version = versions[journal_id, epoch]
        found.append(Sent(name, strategy or EXTERNAL, placed_under or version, version, kind, intent or "", count))
    return found


def lives_of(connection: Connection, key: AccountKey) -> list[Row[Any]]:
    """The lives that traded on an account, oldest first."""
    lives = connection.execute(select(tables.lives).order_by(tables.lives.c.started_at))
    return [life for life in lives if life.accounts.get(key.venue) == key.account]


def recorded_until(connection: Connection, key: AccountKey) -> int:
    """Up to when the journals of an account are recorded, by session time; 0 if nothing says."""
    c = tables.cursor.c
    journals = {life.journal_id for life in lives_of(connection, key)}
    return connection.execute(select(func.max(c.at)).where(c.journal_id.in_(journals))).scalar() or 0


def with_version(table: Table, key: AccountKey) -> Select[Any]:
    """The rows of an account, each with the configuration version of the life that told it."""
    c, lives = table.c, tables.lives.c
    told_in = (lives.journal_id == c.journal_id) & (lives.epoch == c.epoch)
    query = select(table, lives.config_version).join(tables.lives, told_in)
    return query.where(c.venue == key.venue, c.account == key.account)


def taken(connection: Connection, key: AccountKey, period: Period) -> Iterator[Taken]:
    """Positions that were taken over."""
    c = tables.requests.c
    query = select(c.at, c.instrument, c.amount, c.price)
    where = (c.venue == key.venue, c.account == key.account, c.kind == "take_over", *period.has(c.at))
    for row in connection.execute(query.where(*where).order_by(c.at, c.epoch, c.step, c.index)):
        yield Taken(*row)


def paid(connection: Connection, key: AccountKey, period: Period) -> Iterator[Paid]:
    """Money that moved without a fill, by the venue's clock."""
    c = tables.cash_moves.c
    query = select(c.venue_time, c.kind, c.instrument, c.currency, c.amount, c.realized)
    where = (c.venue == key.venue, c.account == key.account, *period.has(c.venue_time))
    for row in connection.execute(query.where(*where).order_by(c.venue_time, c.epoch, c.step, c.index)):
        yield Paid(*row)
