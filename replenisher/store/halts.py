"""What the database remembers of halts on an account, whichever journal found or lifted them.

A halt is about an account, and a data directory may be lost, or another one be used for the same account. So each life,
once it has the lease, is told what stands there. Epochs of an account only grow, whoever has the lease: they say which
of two rows came first, where the clocks of two machines may not. What no recorder has brought here nobody else knows.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, exists, func, literal, select

from replenisher.model.command import HaltCause
from replenisher.store import leases, tables
from replenisher.store.leases import Claim
from replenisher.store.queries import AccountKey

HALTED, PAUSED, RESUMED = "halted", "paused", "resumed"


class Standing(msgspec.Struct, frozen=True):
    """A halt that nobody has lifted."""

    cause: HaltCause
    reason: str
    at: int


class Known(msgspec.Struct, frozen=True):
    """What a new life has to know of its accounts."""

    standing: tuple[Standing, ...]  # found under other journals, the oldest first
    lifted: str  # why an operator lifted, under another journal, all that ours has found; empty if nobody did


class Latch(msgspec.Struct, frozen=True):
    """A halt or a pause began, or an operator resumed."""

    journal_id: str
    kind: str  # halted, paused or resumed
    at: int
    reason: str
    cause: str = ""  # of a halt
    strategy: str = ""  # that was paused; empty is all of them
    until: int = 0  # of a pause that ends by itself


def latches(connection: Connection, key: AccountKey) -> list[Latch]:
    """All that is recorded of halts and pauses on an account, in their order."""
    rows = [row._mapping for row in (*_told(connection, {key.venue: key.account}), *_paused(connection, key))]
    rows.sort(key=lambda row: (row["epoch"], row["step"], row["kind"] != RESUMED, row["index"]))
    return [Latch(**{name: row[name] for name in Latch.__struct_fields__ if name in row}) for row in rows]


def known(connection: Connection, claim: Claim, *, epoch: int, step: int) -> Known:
    """What stands on the accounts of a life, whose journal ended with that epoch and step before it began."""
    lifted = ""
    if _is_recorded(connection, claim.journal_id, epoch, step):  # else whoever lifted halts may not have known of all
        for row in _told(connection, claim.accounts):
            if _lifts(row) and row.journal_id != claim.journal_id and row.epoch > epoch:
                lifted = row.reason
    return Known(standing(connection, claim.accounts, but_of=claim.journal_id), lifted)


def standing(connection: Connection, accounts: Mapping[str, str], *, but_of: str = "") -> tuple[Standing, ...]:
    """The halts that stand on these accounts, the oldest first, but for those that one journal has found itself."""
    halts: dict[str, Standing] = {}
    for row in _told(connection, accounts):
        if _lifts(row):
            halts.clear()
        elif row.kind == HALTED and row.journal_id != but_of:
            halts.setdefault(row.cause, Standing(HaltCause(row.cause), row.reason, row.at))
    return tuple(halts.values())


def epoch_before(connection: Connection, claim: Claim, now: int) -> int:
    """The largest epoch that anybody had on these accounts; raises `Taken` if somebody else trades on one of them.

    Whoever resumes while no daemon runs has an epoch as well, and no lease.
    """
    halts = tables.halts.c
    query = select(func.max(halts.epoch)).where(halts.journal_id.in_(_journals_on(connection, claim.accounts)))
    return max(leases.epoch_before(connection, claim, now), connection.execute(query).scalar() or 0)


def _lifts(row: Any) -> bool:
    """Whether an operator has said why all that was halted may go on."""
    return row.kind == RESUMED and bool(row.reason)


def _told(connection: Connection, accounts: Mapping[str, str]) -> Iterable[Any]:
    """Every halt of these accounts and every end of one, in their order."""
    halts = tables.halts.c
    of_these = halts.journal_id.in_(_journals_on(connection, accounts))
    # Facts come before what is decided about them, so within a step a halt comes last.
    in_order = (halts.epoch, halts.step, halts.kind.desc(), halts.index)
    return connection.execute(select(tables.halts).where(of_these).order_by(*in_order))


def _paused(connection: Connection, key: AccountKey) -> Iterable[Any]:
    """Every pause that a daemon of an account found by itself. It names a strategy or nothing, as few requests do."""
    r, m = tables.requests.c, tables.mandates.c
    of_strategy = (m.journal_id == r.journal_id, m.epoch == r.epoch, m.strategy == r.strategy)
    query = select(
        *(r.journal_id, r.epoch, r.step, r.index, r.at, r.reason, r.strategy, r.until), literal(PAUSED).label("kind")
    ).where(r.venue.is_(None), r.account.is_(None), r.order_id.is_(None), r.kind == "pause")
    found = connection.execute(query.where(~exists().where(*of_strategy, m.venue != key.venue)))
    journals = _journals_on(connection, {key.venue: key.account})
    return [row for row in found if row.journal_id in journals]  # asked in SQL, all of their requests would be read


def _journals_on(connection: Connection, accounts: Mapping[str, str]) -> list[str]:
    """Those under which anybody has traded on one of these accounts."""
    lives = tables.lives.c
    rows = connection.execute(select(lives.journal_id, lives.accounts))
    return sorted({row.journal_id for row in rows if not row.accounts.items().isdisjoint(accounts.items())})


def _is_recorded(connection: Connection, journal_id: str, epoch: int, step: int) -> bool:
    """Whether all that a journal held is here."""
    cursor = tables.cursor.c
    row = connection.execute(select(cursor.epoch, cursor.step).where(cursor.journal_id == journal_id)).first()
    return row is not None and (row.epoch, row.step) == (epoch, step)
