"""What is read of the lives that traded on an account: when each began, and how it ended.

A life without a row of its end goes on or was cut off; it was, if another life of its journal or on the account
follows. So those look, too, that had ended before there were such rows.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from replenisher.store import tables
from replenisher.store.leases import moment
from replenisher.store.queries import AccountKey

VERIFIED, UNVERIFIED, CUT_OFF = "verified flat", "not verified flat", "cut off"


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """One life, as far as its end is recorded."""

    config_version: str
    since: int
    until: int | None  # None while it goes on, and where it was cut off
    outcome: str  # verified flat, not verified flat or cut off; empty while it goes on
    exit_code: int | None
    reason: str
    may_rest: tuple[str, ...]  # orders, where it was not verified flat

    @property
    def told(self) -> str:
        """The same in the words that follow its name."""
        began = f"began {moment(self.since)}"
        if self.until is None:
            return f"{began}, and no end of it is recorded"
        rest = f"; these may rest: {', '.join(self.may_rest)}" if self.may_rest else ""
        return (
            f"{began} and ended {moment(self.until)}, {self.outcome}, exit code {self.exit_code}: {self.reason}{rest}"
        )


def last_life(connection: Connection, key: AccountKey) -> str:
    """How the last one ended, in a sentence; empty if there was none."""
    lives = list(lived(connection, key))
    return f"the last life {lives[-1].told}" if lives else ""


def lived(connection: Connection, key: AccountKey) -> Iterator[Lived]:
    """The lives of an account, oldest first."""
    lives, ends = tables.lives.c, tables.endings.c
    of_it = (ends.journal_id == lives.journal_id) & (ends.epoch == lives.epoch)
    told = (ends.ended_at, ends.exit_code, ends.reason, ends.is_verified, ends.may_rest)
    query = select(tables.lives, *told).select_from(tables.lives.outerjoin(tables.endings, of_it))
    rows = connection.execute(query.order_by(lives.epoch)).all()  # of an account they only grow, whatever clocks say
    last = {row.journal_id: row.epoch for row in rows}
    ours = [row for row in rows if row.accounts.get(key.venue) == key.account]
    for row in ours:
        is_followed = row.epoch < max(last[row.journal_id], ours[-1].epoch)
        outcome = (CUT_OFF if is_followed else "") if row.ended_at is None else (UNVERIFIED, VERIFIED)[row.is_verified]
        yield Lived(
            config_version=row.config_version,
            since=row.started_at,
            until=row.ended_at,
            outcome=outcome,
            exit_code=row.exit_code,
            reason=row.reason or "",
            may_rest=tuple(row.may_rest or ()),
        )
