"""Leases: one writer for each account. Whoever trades on an account has its row here, and renews it while it lives.

Every taking has a larger epoch than any before it, and that is the epoch in the ids of the orders of that life: so an
order says under which lease it was placed. Time here is the database's own. The holder trusts its lease from when it
asked for it, by its own clock, and so for less long than the row says; and the row says `GRACE` longer than that, so
that what the holder has sent last is decided before anybody takes its place.
"""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from replenisher.errors import Taken
from replenisher.model.units import SECOND_NS
from replenisher.store import tables
from replenisher.store.insert import insert_new

GRACE = 3  # a third of the time for which the holder trusts its lease


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One life that wants to be alone on its accounts, and where to find it."""

    accounts: Mapping[str, str]  # venue -> account key
    journal_id: str  # whoever has the same is an earlier life of this one, and dead: a journal is held by one process
    life_ns: int  # for how long the holder trusts the lease since it last asked for it
    data_directory: str
    host: str = msgspec.field(default_factory=socket.gethostname)
    pid: int = msgspec.field(default_factory=os.getpid)


def epoch_before(connection: Connection, claim: Claim, now: int) -> int:
    """The largest epoch that anybody had on these accounts; raises `Taken` if somebody else trades on one of them."""
    rows = connection.execute(select(tables.leases).where(_is_of(claim))).all()
    for row in rows:
        if row.until > now and row.journal_id != claim.journal_id:
            raise Taken(f"{holder_of(row)}; stop it, or wait: its lease ends {moment(row.until)} if it is dead")
    return max((row.epoch for row in rows), default=0)


def last_holder(connection: Connection, claim: Claim) -> str:
    """Who had one of these accounts last, in one sentence."""
    row = connection.execute(select(tables.leases).where(_is_of(claim)).order_by(tables.leases.c.since.desc())).first()
    return "another daemon is about to trade on this account" if row is None else holder_of(row)


def standing(connection: Connection, venue: str, account: str) -> Any:
    """The lease of an account as it stands, or None if nobody ever had it."""
    leases = tables.leases.c
    return connection.execute(select(tables.leases).where(leases.venue == venue, leases.account == account)).first()


def take(connection: Connection, claim: Claim, epoch: int, now: int) -> None:
    """Be the one who trades on these accounts, under an epoch that is larger than any before."""
    assert epoch > epoch_before(connection, claim, now), "the fencing token of a lease only grows"
    leases = tables.leases.c
    new = {
        "epoch": epoch,
        "journal_id": claim.journal_id,
        "host": claim.host,
        "pid": claim.pid,
        "data_directory": claim.data_directory,
        "since": now,
        "until": _until(claim, now),
    }
    for venue, account in claim.accounts.items():
        insert_new(connection, tables.leases, [{"venue": venue, "account": account, **new}])
        connection.execute(update(tables.leases).where(leases.venue == venue, leases.account == account).values(**new))


def renew(connection: Connection, claim: Claim, epoch: int, now: int) -> str:
    """Hold the leases for longer; who has one of them now, if it is not this life any more."""
    ours = _is_of(claim)
    rows = {row.venue: row for row in connection.execute(select(tables.leases).where(ours))}
    for venue, account in claim.accounts.items():
        row = rows.get(venue)
        if row is None:
            return f"the lease of account {account} at {venue} is no longer in the database"
        if (row.journal_id, row.epoch) != (claim.journal_id, epoch):
            return holder_of(row)
    connection.execute(update(tables.leases).where(ours).values(until=_until(claim, now)))
    return ""


def give_back(connection: Connection, claim: Claim, epoch: int) -> None:
    """Let others trade at once. The row stays, for its epoch must not be forgotten."""
    connection.execute(update(tables.leases).where(_is_of(claim), tables.leases.c.epoch == epoch).values(until=0))


def holder_of(row: Any) -> str:
    """Who trades on an account, in one sentence."""
    return f"another daemon trades on account {row.account} at {row.venue}: {whereabouts(row)}"


def whereabouts(row: Any) -> str:
    """Which process has a lease, and since when."""
    return f"process {row.pid} on {row.host}, with the data directory {row.data_directory}, since {moment(row.since)}"


def moment(at: int) -> str:
    """When that was, for an operator."""
    return f"{datetime.fromtimestamp(at // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _until(claim: Claim, now: int) -> int:
    return now + claim.life_ns + claim.life_ns // GRACE


def _is_of(claim: Claim) -> ColumnElement[bool]:
    leases = tables.leases.c
    return or_(*(and_(leases.venue == venue, leases.account == account) for venue, account in claim.accounts.items()))
