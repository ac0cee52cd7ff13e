"""What a statement reads of the SQL ledger: what the venue told us that we hold, in cash and in positions."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from sqlalchemy import Column, Connection, select

from replenisher.store import tables
from replenisher.store.queries import AccountKey

AROUND = 3  # readings of each asset before and after the time that is asked for


class Reading(msgspec.Struct, frozen=True):
    """The venue's word on one asset, when we heard it."""

    at: int
    asset: str  # a currency, or an instrument in which a position is held
    held: Decimal


def readings(connection: Connection, key: AccountKey, since: int, until: int) -> list[Reading]:
    """What was told from `since` to `until`, and a few words before and after; in the order in which we heard them."""
    b, p = tables.balances.c, tables.positions.c
    words = [*_words(connection, key, b.currency, b.balance, since, until)]
    words += _words(connection, key, p.instrument, p.amount, since, until)
    return sorted(words, key=lambda reading: reading.at)


def cash_before(connection: Connection, key: AccountKey, before: int) -> Iterator[Reading]:
    """The last word on each currency that is older than that, by its name."""
    c = tables.balances.c
    of_account = (c.venue == key.venue, c.account == key.account)
    newest_first = (c.at.desc(), c.epoch.desc(), c.step.desc(), c.index.desc())
    currencies = connection.execute(select(c.currency).where(*of_account).distinct()).scalars()
    for currency in sorted(currencies):
        query = select(c.at, c.currency, c.balance).where(*of_account, c.currency == currency, c.at < before)
        for row in connection.execute(query.order_by(*newest_first).limit(1)):
            yield Reading(*row)


def _words(
    connection: Connection, key: AccountKey, asset: Column[str], held: Column[Decimal], since: int, until: int
) -> Iterator[Reading]:
    c = asset.table.c
    of_account = (c.venue == key.venue, c.account == key.account)
    oldest_first = (c.at, c.epoch, c.step, c.index)
    newest_first = [column.desc() for column in oldest_first]
    for name in connection.execute(select(asset).where(*of_account).distinct()).scalars():
        query = select(c.at, asset, held).where(*of_account, asset == name)
        before = connection.execute(query.where(c.at < since).order_by(*newest_first).limit(AROUND)).all()
        within = connection.execute(query.where(c.at >= since, c.at < until).order_by(*oldest_first)).all()
        after = connection.execute(query.where(c.at >= until).order_by(*oldest_first).limit(AROUND)).all()
        for row in (*reversed(before), *within, *after):
            yield Reading(*row)
