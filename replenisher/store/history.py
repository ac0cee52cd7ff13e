"""What a report reads of the SQL ledger: everything that moved an account's money, in order and in bounded memory.

There may be millions of fills, so they are streamed. What else moves money (payments, positions that were taken over,
lives that begin) is rare, and read at once. All of it is ordered by the venue's clock where the venue told a time, and
by session time where only we know of it.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, and_, func, or_, select

from replenisher.model.order import Liquidity, Side
from replenisher.store import tables
from replenisher.store.queries import AccountKey

ROWS_AT_ONCE = 10_000
SIDES = {side.value: side for side in Side}
MAKER = Liquidity.MAKER.value


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One fill of ours."""

    at: int  # by the venue's clock
    instrument: str
    strategy: str
    config_version: str
    side: Side
    price: Decimal
    amount: Decimal  # wire amount, positive
    fee: Decimal  # negative is a rebate
    fee_currency: str
    is_maker: bool
    mid: Decimal | None  # what was last decided on before it happened; None if nothing was


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


Event = Paid | Taken | Begun


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
    found: list[Event] = [*_lives(connection, key), *_taken(connection, key), *_paid(connection, key)]
    return sorted(found, key=lambda event: event.at)


def fills(connection: Connection, key: AccountKey) -> Iterator[Fill]:
    """Every fill, in the order in which the venue says they happened."""
    c = tables.fills.c
    query = (
        select(
            c.venue_time,
            c.instrument,
            c.strategy,
            tables.lives.c.config_version,
            c.side,
            c.price,
            c.amount,
            c.fee,
            c.fee_currency,
            c.liquidity,
        )
        .join(
            tables.lives,
            and_(tables.lives.c.journal_id == c.journal_id, tables.lives.c.epoch == c.epoch),
        )
        .where(c.venue == key.venue, c.account == key.account)
        .order_by(c.venue_time, c.epoch, c.step, c.index)
    )
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    marks, last = marks_in_order(connection, key), dict[str, Decimal]()
    mark = next(marks, None)
    for at, name, strategy, version, side, price, amount, fee, fee_currency, liquidity in rows:
        while mark is not None and mark.at <= at:
            last[mark.instrument] = mark.price
            mark = next(marks, None)
        mid, is_maker = last.get(name), liquidity == MAKER
        yield Fill(at, name, strategy, version, SIDES[side], price, amount, fee, fee_currency, is_maker, mid)


def marks_in_order(connection: Connection, key: AccountKey, *, newest_first: bool = False) -> Iterator[Mark]:
    """What strategies took for the fair value of their instruments, each time that one decided something."""
    c = tables.decisions.c
    lives = [
        and_(c.journal_id == row.journal_id, c.epoch == row.epoch)
        for row in connection.execute(select(tables.lives))
        if row.accounts.get(key.venue) == key.account
    ]
    order = (c.at.desc(), c.step.desc()) if newest_first else (c.at, c.step)
    query = select(c.at, c.instrument, c.fair_value).where(c.venue == key.venue, c.fair_value.is_not(None), or_(*lives))
    for at, name, price in connection.execute(query.order_by(*order), execution_options={"yield_per": ROWS_AT_ONCE}):
        yield Mark(at, name, Decimal(repr(price)))


def _lives(connection: Connection, key: AccountKey) -> Iterator[Begun]:
    for row in connection.execute(select(tables.lives)):
        if row.accounts.get(key.venue) == key.account:
            yield Begun(row.started_at, row.config_version)


def _taken(connection: Connection, key: AccountKey) -> Iterator[Taken]:
    c = tables.requests.c
    query = select(c.at, c.instrument, c.amount, c.price)
    where = (c.venue == key.venue, c.account == key.account, c.kind == "take_over")
    for row in connection.execute(query.where(*where).order_by(c.at, c.epoch, c.step, c.index)):
        yield Taken(*row)


def _paid(connection: Connection, key: AccountKey) -> Iterator[Paid]:
    c = tables.cash_moves.c
    query = select(c.venue_time, c.kind, c.instrument, c.currency, c.amount, c.realized)
    where = (c.venue == key.venue, c.account == key.account)
    for row in connection.execute(query.where(*where).order_by(c.venue_time, c.epoch, c.step, c.index)):
        yield Paid(*row)
