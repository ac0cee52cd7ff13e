"""What reports ask of the SQL ledger. Nothing is summed in SQL, which would make doubles of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Select, Table, func, select

from replenisher.errors import ConfigurationError
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side, Status
from replenisher.store import tables
from replenisher.store.rows import instrument_of


class AccountKey(msgspec.Struct, frozen=True):
    """Whose rows to read: one account on one venue."""

    venue: str
    account: str  # the account key, with the exchange's id where there is one


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order of ours as it was last known."""

    order_id: str
    venue_order_id: str
    instrument: str
    strategy: str
    side: Side
    price: Decimal
    amount: Decimal
    filled: Decimal
    status: Status
    reason: str
    created_at: int


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of ours."""

    instrument: str
    trade_id: str
    side: Side
    order_id: str
    venue_order_id: str
    strategy: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    venue_time: int
    at: int


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """Our cash in one currency, as the venue told it."""

    at: int
    currency: str
    balance: Decimal


class CashRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved without a fill."""

    at: int
    venue_time: int
    venue_id: str
    kind: str
    instrument: str  # empty if it was about none
    currency: str
    amount: Decimal
    realized: Decimal  # the part of it that fills had realized before


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much happened."""

    orders: int
    fills: int
    refills: int  # places and amends that put back what a fill had eaten


Row = TypeVar("Row", OrderRow, FillRow, BalanceRow, CashRow)


def orders(connection: Connection, key: AccountKey) -> list[OrderRow]:
    """Every order, oldest first."""
    return _rows(connection, OrderRow, tables.orders, key, "created_at", "order_id")


def fills(connection: Connection, key: AccountKey) -> list[FillRow]:
    """Every fill, in the order in which the venue says they happened."""
    return _rows(connection, FillRow, tables.fills, key, "venue_time", "epoch", "step", "index")


def balances(connection: Connection, key: AccountKey) -> list[BalanceRow]:
    """Every balance the venue told us, oldest first."""
    return _rows(connection, BalanceRow, tables.balances, key, "epoch", "step", "index")


def cash_moves(connection: Connection, key: AccountKey) -> list[CashRow]:
    """All money that moved without a fill, oldest first."""
    return _rows(connection, CashRow, tables.cash_moves, key, "venue_time", "venue_id")


def cash_looks(connection: Connection, key: AccountKey) -> dict[str, int]:
    """By currency, up to when the venue's book of our cash was read; nothing of one that was never."""
    looks = tables.cash_looks.c
    last = _of(key, tables.cash_looks).with_only_columns(looks.currency, func.max(looks.venue_time).label("until"))
    return {row.currency: row.until for row in connection.execute(last.group_by(looks.currency))}


def counts(connection: Connection, key: AccountKey) -> Counts:
    """How many orders, fills and refills there are."""
    requests = tables.requests.c
    refills = _of(key, tables.requests).where(requests.intent == "refill", requests.kind.in_(["place", "amend"]))
    return Counts(
        orders=_count(connection, _of(key, tables.orders)),
        fills=_count(connection, _of(key, tables.fills)),
        refills=_count(connection, refills),
    )


def asked(connection: Connection, key: AccountKey) -> dict[str, set[tuple[Decimal, Decimal]]]:
    """By order, every price and amount that we asked for, when we placed it and when we amended it."""
    requests = tables.requests.c
    wishes = _of(key, tables.requests).where(requests.kind.in_(["place", "amend"]))
    query = wishes.with_only_columns(requests.order_id, requests.price, requests.amount)
    found: dict[str, set[tuple[Decimal, Decimal]]] = {}
    for order_id, price, amount in connection.execute(query):
        found.setdefault(order_id, set()).add((price, amount))
    return found


def instruments(connection: Connection, venue: str) -> dict[str, Instrument]:
    """The instruments of a venue by its own names for them, as last defined."""
    query = select(tables.instruments).where(tables.instruments.c.venue == venue).order_by("at", "version")
    return {row.name: instrument_of(row._asdict()) for row in connection.execute(query)}


def accounts(connection: Connection, venue: str) -> list[str]:
    """The account keys under which lives of ours traded on a venue, the newest first."""
    query = select(tables.lives.c.accounts).order_by(tables.lives.c.started_at.desc())
    return list(dict.fromkeys(row.accounts[venue] for row in connection.execute(query) if venue in row.accounts))


def namespaces(connection: Connection, key: AccountKey) -> frozenset[str]:
    """What the ids of our orders on an account begin with: those of all lives."""
    lives = connection.execute(select(tables.lives.c.namespace, tables.lives.c.accounts))
    return frozenset(row.namespace for row in lives if row.accounts.get(key.venue) == key.account)


def refuse_other_exchange(connection: Connection, key: AccountKey) -> None:
    """A simulated exchange's id is part of the account key; a ledger holds the trades of one exchange only."""
    name, _, exchange_id = key.account.partition("@")
    for held in accounts(connection, key.venue):
        held_name, _, held_id = held.partition("@")
        if held_name == name and exchange_id and held_id and held_id != exchange_id:
            raise ConfigurationError(
                f"database.url: this database holds the trades of exchange {held_id}, and the exchange of this data "
                f"directory is {exchange_id}; use another database, or start over with --fresh"
            )


def refuse_other_account(connection: Connection, journal_id: str, accounts: Mapping[str, str]) -> None:
    """A journal remembers what one account at each venue holds, so it goes on with no other."""
    lives = tables.lives.c
    for (before,) in connection.execute(select(lives.accounts).where(lives.journal_id == journal_id)):
        for venue, account in accounts.items():
            if (held := before.get(venue, account)) != account:
                raise ConfigurationError(
                    f"venues.{venue}.account: this data directory has traded on account {held}, and this is {account}; "
                    "give each account a data directory of its own, or start over with --fresh"
                )


def _of(key: AccountKey, table: Table) -> Select[tuple[object, ...]]:
    return select(table).where(table.c.venue == key.venue, table.c.account == key.account)


def _count(connection: Connection, query: Select[tuple[object, ...]]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def _rows(connection: Connection, kind: type[Row], table: Table, key: AccountKey, *order: str) -> list[Row]:
    """An account's rows of a table, with the columns that a row of this kind has."""
    names = kind.__struct_fields__
    query = _of(key, table).with_only_columns(*(table.c[name] for name in names)).order_by(*order)
    # Decimals are exact already, and strings become the closed words they stand for.
    return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in connection.execute(query)]
