"""What the database remembers of halts on an account, whichever journal found or lifted them.

A halt is about an account, and a data directory may be lost, or another one be used for the same account. So each life,
once it has the lease, is told what stands there. Epochs of an account only grow, whoever has the lease: they say which
of two rows came first, where the clocks of two machines may not. What no recorder has brought here nobody else knows.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, func, select

from replenisher.model.command import HaltCause
from replenisher.store import leases, tables
from replenisher.store.leases import Claim, moment

HALTED, RESUMED = "halted", "resumed"


class Standing(msgspec.Struct, frozen=True):
    """A halt that nobody has lifted."""

    cause: HaltCause
    reason: str


class Known(msgspec.Struct, frozen=True):
    """What a new life has to know of its accounts."""

    standing: tuple[Standing, ...]  # found under other journals, the oldest first
    lifted: str  # why an operator lifted, under another journal, all that ours has found; empty if nobody did


def known(connection: Connection, claim: Claim, *, epoch: int, step: int) -> Known:
    """What stands on the accounts of a life, whose journal ended with that epoch and step before it began."""
    standing: dict[str, Standing] = {}
    lifted = ""
    halts = tables.halts.c
    query = select(tables.halts).where(halts.journal_id.in_(_journals_on(connection, claim.accounts)))
    # Facts come before what is decided about them, so within a step a halt comes last.
    in_order = query.order_by(halts.epoch, halts.step, halts.kind.desc(), halts.index)
    for row in connection.execute(in_order):
        is_ours = row.journal_id == claim.journal_id
        if row.kind == RESUMED and row.reason:
            standing.clear()
            if not is_ours and row.epoch > epoch:
                lifted = row.reason
        elif row.kind == HALTED and not is_ours:
            reason = f"{row.reason} (halted on {moment(row.at)} with another data directory)"
            standing.setdefault(row.cause, Standing(HaltCause(row.cause), reason))
    if lifted and not _is_recorded(connection, claim.journal_id, epoch, step):
        lifted = ""  # whoever lifted it may not have known of all
    return Known(tuple(standing.values()), lifted)


def epoch_before(connection: Connection, claim: Claim, now: int) -> int:
    """The largest epoch that anybody had on these accounts; raises `Taken` if somebody else trades on one of them.

    Whoever resumes while no daemon runs has an epoch as well, and no lease.
    """
    halts = tables.halts.c
    query = select(func.max(halts.epoch)).where(halts.journal_id.in_(_journals_on(connection, claim.accounts)))
    return max(leases.epoch_before(connection, claim, now), connection.execute(query).scalar() or 0)


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
