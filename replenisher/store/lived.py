"""What is read of the lives that traded on an account: when each began, and how it ended.

A life without a row of its end goes on or was cut off; it was, if another life of its journal or on the account
follows. So those look, too, that had ended before there were such rows.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from replenisher.store import tables
from replenisher.store.moment import moment
from replenisher.store.period import ALWAYS, Period
from replenisher.store.queries import AccountKey

VERIFIED, UNVERIFIED, CUT_OFF = "verified flat", "not verified flat", "cut off"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life on an account, as far as its end is recorded."""

    venue: str
    account: str
    config_version: str
    since: int
    until: int | None  # None while it goes on, and where it was cut off
    outcome: str  # verified flat, not verified flat or cut off; empty while it goes on
    exit_code: int | None
    reason: str
    may_rest: str  # the ids of orders, where it was not verified flat

    @property
    def told(self) -> str:
        """How it ended, in the words that follow its name."""
        if self.until is None:
            return f"began {moment(self.since)} UTC, and no end of it is recorded"
        rest = f"; these may rest: {self.may_rest}" if self.may_rest else ""
        return f"ended {moment(self.until)} UTC, {self.outcome}, exit code {self.exit_code}: {self.reason}{rest}"


def last_life(connection: Connection, key: AccountKey) -> Life | None:
    """The last one."""
    return next(reversed([*lived(connection, key, ALWAYS)]), None)


def lived(connection: Connection, key: AccountKey, period: Period) -> Iterator[Life]:
    """The lives of an account in a period, oldest first; one that was cut off is where it began."""
    lives, ends = tables.lives.c, tables.endings.c
    of_it = (ends.journal_id == lives.journal_id) & (ends.epoch == lives.epoch)
    told = (ends.ended_at, ends.exit_code, ends.reason, ends.is_verified, ends.may_rest)
    query = select(tables.lives, *told).select_from(tables.lives.outerjoin(tables.endings, of_it))
    rows = connection.execute(query.order_by(lives.epoch)).all()  # of an account they only grow, whatever clocks say
    last = {row.journal_id: row.epoch for row in rows}
    ours = [row for row in rows if row.accounts.get(key.venue) == key.account]
    for row in ours:
        is_cut_off = row.ended_at is None and row.epoch < max(last[row.journal_id], ours[-1].epoch)
        if period.meets(row.started_at, row.started_at if is_cut_off else row.ended_at):
            yield Life(
                venue=key.venue,
                account=key.account,
                config_version=row.config_version,
                since=row.started_at,
                until=row.ended_at,
                outcome=_outcome(row.is_verified, is_cut_off=is_cut_off),
                exit_code=row.exit_code,
                reason=row.reason or "",
                may_rest=", ".join(row.may_rest or ()),
            )


def _outcome(is_verified: bool | None, *, is_cut_off: bool) -> str:
    if is_verified is None:
        return CUT_OFF if is_cut_off else ""
    return VERIFIED if is_verified else UNVERIFIED
