"""Leases: one writer for each account. Whoever trades on an account has its row here, and renews it while it lives.

Every taking has a larger epoch than any before it, and that is the epoch in the ids of the orders of that life: so an
order says under which lease it was placed. Time here is the database's own. The holder trusts its lease from when it
asked for it, by its own clock, and so for less long than the row says; and the row says `GRACE` longer than that, so
that what the holder has sent last is decided before anybody takes its place.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, select, update

from replenisher.errors import Taken
from replenisher.store import tables
from replenisher.store.insert import upsert
from replenisher.store.moment import moment

GRACE = 3  # a third of the time for which the holder trusts its lease

# Built once: a lease is renewed for as long as its holder lives.
_LEASES = tables.leases.c
_OF_ACCOUNT = and_(_LEASES.venue == bindparam("of_venue"), _LEASES.account == bindparam("of_account"))
_STANDING = select(tables.leases).where(_OF_ACCOUNT)
_HELD = select(tables.leases).where(_LEASES.until > bindparam("after")).order_by(_LEASES.venue, _LEASES.account)
_HOLD = (
    update(tables.leases)
    .where(_OF_ACCOUNT, _LEASES.journal_id == bindparam("of_journal"), _LEASES.epoch == bindparam("of_epoch"))
    .values(until=bindparam("held_until"))
)


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
    rows = _rows(connection, claim)
    for row in rows:
        if row.until > now and row.journal_id != claim.journal_id:
            raise _taken(row)
    return max((row.epoch for row in rows), default=0)


def require_none(connection: Connection, now: int) -> None:
    """Raise `Taken` if anybody trades on any account of this database, from whichever data directory."""
    if (row := connection.execute(_HELD, {"after": now}).first()) is not None:
        raise _taken(row)


def last_holder(connection: Connection, claim: Claim) -> str:
    """Who had one of these accounts last, in one sentence."""
    last = max(_rows(connection, claim), key=lambda row: row.since, default=None)
    return "another daemon is about to trade on this account" if last is None else holder_of(last)


def standing(connection: Connection, venue: str, account: str) -> Any:
    """The lease of an account as it stands, or None if nobody ever had it."""
    return connection.execute(_STANDING, {"of_venue": venue, "of_account": account}).first()


def take(connection: Connection, claim: Claim, epoch: int, now: int) -> None:
    """Be the one who trades on these accounts, under an epoch that is larger than any before."""
    assert epoch > epoch_before(connection, claim, now), "the fencing token of a lease only grows"
    new = {
        "epoch": epoch,
        "journal_id": claim.journal_id,
        "host": claim.host,
        "pid": claim.pid,
        "data_directory": claim.data_directory,
        "since": now,
        "until": _until(claim, now),
    }
    upsert(
        connection,
        tables.leases,
        [{"venue": venue, "account": account, **new} for venue, account in claim.accounts.items()],
    )


def renew(connection: Connection, claim: Claim, epoch: int, now: int) -> str:
    """Hold the leases for longer; who has one of them now, if it is not this life any more."""
    for venue, account in _hold(connection, claim, epoch, _until(claim, now)):
        row = standing(connection, venue, account)
        gone = f"the lease of account {account} at {venue} is no longer in the database"
        return gone if row is None else holder_of(row)
    return ""


def give_back(connection: Connection, claim: Claim, epoch: int) -> None:
    """Let others trade at once. The row stays, for its epoch must not be forgotten."""
    _hold(connection, claim, epoch, 0)


def holder_of(row: Any) -> str:
    """Who trades on an account, in one sentence."""
    return f"another daemon trades on account {row.account} at {row.venue}: {whereabouts(row)}"


def whereabouts(row: Any) -> str:
    """Which process has a lease, and since when."""
    return (
        f"process {row.pid} on {row.host}, with the data directory {row.data_directory}, since {moment(row.since)} UTC"
    )


def _taken(row: Any) -> Taken:
    return Taken(f"{holder_of(row)}; stop it, or wait: its lease ends {moment(row.until)} UTC if it is dead")


def _until(claim: Claim, now: int) -> int:
    return now + claim.life_ns + claim.life_ns // GRACE


def _rows(connection: Connection, claim: Claim) -> list[Any]:
    found = (standing(connection, venue, account) for venue, account in claim.accounts.items())
    return [row for row in found if row is not None]


def _hold(connection: Connection, claim: Claim, epoch: int, until: int) -> list[tuple[str, str]]:
    """Say until when the leases hold, as far as they are this life's; the accounts of which they are not."""
    of_life = {"of_journal": claim.journal_id, "of_epoch": epoch, "held_until": until}
    return [
        (venue, account)
        for venue, account in claim.accounts.items()
        if not connection.execute(_HOLD, {"of_venue": venue, "of_account": account, **of_life}).rowcount
    ]
