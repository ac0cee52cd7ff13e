"""What a report reads of the SQL ledger: everything that moved an account's money, in order and in bounded memory.

There may be millions of fills, so they are streamed. What else moves money (payments, positions that were taken over,
lives that begin) is rare, and read at once. All of it is ordered by the venue's clock where the venue told a time, and
by session time where only we know of it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Double, Row, Select, Table, and_, case, cast, func, select, type_coerce
from sqlalchemy.types import NullType

from replenisher.model.event import CashKind
from replenisher.model.order import Liquidity, Side
from replenisher.store import tables
from replenisher.store.of_orders import EXTERNAL
from replenisher.store.queries import AccountKey

ROWS_AT_ONCE = 10_000
DECISIONS_AT_END = 1_000  # of a life, among which the last one on each instrument is looked for
SIDES = {side.value: side for side in Side}
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


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What an instrument was worth at a time."""

    at: int
    instrument: str
    price: Decimal


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


class Activity(msgspec.Struct):
    """What one strategy sent for one instrument under one configuration version."""

    instrument: str
    strategy: str
    config_version: str
    orders: int = 0
    filled: int = 0  # of them, in part at least
    requests: int = 0  # places, amends and cancels


Event = Paid | Taken | Begun | Mark


def expect_scans(connection: Connection) -> None:
    """Whole tables are joined in this transaction.

    Without statistics, as after a restore, PostgreSQL would look up each row by itself, which takes longer than a
    server may take to answer.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def account_keys(connection: Connection) -> list[AccountKey]:
    """Every account that any life traded on, by name."""
    lives = connection.execute(select(tables.lives.c.accounts)).scalars()
    found = {(venue, account) for accounts in lives for venue, account in accounts.items()}
    return [AccountKey(venue, account) for venue, account in sorted(found)]


def fill_count(connection: Connection, key: AccountKey) -> int:
    """How many fills there are to be read."""
    fills = tables.fills.c
    query = select(func.count()).select_from(tables.fills)
    return connection.execute(query.where(fills.venue == key.venue, fills.account == key.account)).scalar_one()


def events(connection: Connection, key: AccountKey) -> list[Event]:
    """All that is no fill, oldest first."""
    lives = lives_of(connection, key)
    payments = list(paid(connection, key))
    marks = [*_marks_at_ends(connection, key, lives), *_marks_at_deliveries(connection, key, payments)]
    begun = [Begun(life.started_at, life.config_version) for life in lives]
    found: list[Event] = [*marks, *begun, *taken(connection, key), *payments]
    return sorted(found, key=lambda event: event.at)


def fills(connection: Connection, key: AccountKey, *, as_heard: bool = False) -> Iterator[list[Fill]]:
    """Every fill, many at once, in the order in which the venue says they happened, or in which we heard of them."""
    c = tables.fills.c
    clock = c.at if as_heard else c.venue_time
    exact = (type_coerce(column, NullType) for column in (c.price, c.amount, c.fee, c.mid))  # as the driver has it
    query = (
        select(clock, c.instrument, c.strategy, c.config_version, c.side, *exact, c.fee_currency, c.liquidity)
        .where(c.venue == key.venue, c.account == key.account)
        .order_by(clock, c.epoch, c.step, c.index)
    )
    for rows in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}).partitions():
        yield [
            Fill(
                at,
                instrument,
                strategy,
                config_version,
                SIDES[side],
                Decimal(price),
                Decimal(amount),
                Decimal(fee),
                fee_currency,
                liquidity == MAKER,
                None if mid is None else Decimal(mid),
            )
            for at, instrument, strategy, config_version, side, price, amount, fee, mid, fee_currency, liquidity in rows
        ]


def activity(connection: Connection, key: AccountKey) -> list[Activity]:
    """What each strategy sent. An order is its configuration version's, a request that of the life that sent it.

    Each order was placed once, so only amends and cancels are counted by themselves.
    """
    found: dict[tuple[str, str, str], Activity] = {}

    def of(instrument: str, strategy: str, version: str) -> Activity:
        whose = (instrument, strategy, version)
        return found.setdefault(whose, Activity(*whose))

    o, r = tables.orders.c, tables.requests.c
    # Whether it is 0 is all that is asked of a decimal here, so it may be made a double.
    is_filled = func.sum(case((cast(o.filled, Double) > 0, 1), else_=0))
    orders = select(o.instrument, o.strategy, o.config_version, func.count(), is_filled)
    orders = orders.where(o.venue == key.venue, o.account == key.account)
    orders = orders.group_by(o.instrument, o.strategy, o.config_version)
    for name, strategy, version, count, filled in connection.execute(orders):
        each = of(name, strategy, version)
        each.orders, each.filled, each.requests = count, int(filled), count
    # An amend and a cancel do not say whose they are: their order does.
    same = and_(o.venue == r.venue, o.account == r.account, o.order_id == r.order_id)
    counted = select(r.instrument, o.strategy, func.count()).group_by(r.instrument, o.strategy)
    counted = counted.select_from(tables.requests.outerjoin(tables.orders, same))
    counted = counted.where(r.venue == key.venue, r.account == key.account, r.kind.in_(["amend", "cancel"]))
    for life in lives_of(connection, key):  # by itself, as its rows lie together
        own = counted.where(r.journal_id == life.journal_id, r.epoch == life.epoch)
        for name, strategy, count in connection.execute(own):
            of(name, strategy or EXTERNAL, life.config_version).requests += count
    return list(found.values())


def _marks_at_ends(connection: Connection, key: AccountKey, lives: Iterable[Row[Any]]) -> Iterator[Mark]:
    """What an instrument was worth when a life ended, as far as that is among the last things that it decided."""
    c = tables.decisions.c
    query = select(c.at, c.instrument, c.fair_value).where(c.venue == key.venue, c.fair_value.is_not(None))
    for life in lives:
        own = query.where(c.journal_id == life.journal_id, c.epoch == life.epoch)
        newest = _marks(connection, own.order_by(c.step.desc(), c.index.desc()).limit(DECISIONS_AT_END))
        last: dict[str, Mark] = {}
        for mark in newest:
            last.setdefault(mark.instrument, mark)
        yield from last.values()


def _marks_at_deliveries(connection: Connection, key: AccountKey, paid: Iterable[Paid]) -> Iterator[Mark]:
    """What an instrument was worth before it was delivered."""
    c = tables.decisions.c
    query = select(c.at, c.instrument, c.fair_value).where(c.venue == key.venue, c.fair_value.is_not(None))
    for each in paid:
        if each.kind == CashKind.DELIVERY:
            before = query.where(c.instrument == each.instrument, c.at <= each.at)
            yield from _marks(connection, before.order_by(c.at.desc()).limit(1))


def _marks(connection: Connection, query: Select[Any]) -> Iterator[Mark]:
    for at, name, price in connection.execute(query):
        yield Mark(at, name, Decimal(repr(price)))


def lives_of(connection: Connection, key: AccountKey) -> list[Row[Any]]:
    """The lives that traded on an account, oldest first."""
    lives = connection.execute(select(tables.lives).order_by(tables.lives.c.started_at))
    return [life for life in lives if life.accounts.get(key.venue) == key.account]


def with_version(table: Table, key: AccountKey) -> Select[Any]:
    """The rows of an account, each with the configuration version of the life that told it."""
    c, lives = table.c, tables.lives.c
    told_in = (lives.journal_id == c.journal_id) & (lives.epoch == c.epoch)
    query = select(table, lives.config_version).join(tables.lives, told_in)
    return query.where(c.venue == key.venue, c.account == key.account)


def taken(connection: Connection, key: AccountKey) -> Iterator[Taken]:
    """Positions that were taken over."""
    c = tables.requests.c
    query = select(c.at, c.instrument, c.amount, c.price)
    where = (c.venue == key.venue, c.account == key.account, c.kind == "take_over")
    for row in connection.execute(query.where(*where).order_by(c.at, c.epoch, c.step, c.index)):
        yield Taken(*row)


def paid(connection: Connection, key: AccountKey) -> Iterator[Paid]:
    """Money that moved without a fill, by the venue's clock."""
    c = tables.cash_moves.c
    query = select(c.venue_time, c.kind, c.instrument, c.currency, c.amount, c.realized)
    where = (c.venue == key.venue, c.account == key.account)
    for row in connection.execute(query.where(*where).order_by(c.venue_time, c.epoch, c.step, c.index)):
        yield Paid(*row)
