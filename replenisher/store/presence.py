"""Presence as it is recorded: each hour of a strategy that owes something, and each time in which that was not met."""

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from replenisher.model.mandate import Owed
from replenisher.model.units import HOUR_NS
from replenisher.store import tables
from replenisher.store.history import lives_of, with_version
from replenisher.store.queries import AccountKey


class PresenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a strategy met its obligations in one hour."""

    strategy: str
    instrument: str
    config_version: str  # in force when it was last counted
    hour: int  # when it begins
    until: int  # when it was last counted
    traded_ns: int
    met_ns: int
    owed: Owed | None  # under that version; None if no mandate tells it

    @property
    def met_pct(self) -> float | None:
        """What part of it was met."""
        return share_pct(self.met_ns, self.traded_ns)

    @property
    def owed_pct(self) -> float | None:
        """What part of it should have been."""
        return None if self.owed is None else self.owed.min_uptime_pct

    @property
    def is_enough(self) -> bool | None:
        """Whether it was."""
        return is_enough(self.met_pct, self.owed)


class BreachRow(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a strategy did not meet its obligations."""

    strategy: str
    instrument: str
    config_version: str  # under which it was last told
    since: int
    until: int | None  # None while it lasts
    lasted_ns: int  # while it lasts, up to when it was last counted
    reason: str  # with which it began
    held_ns: dict[str, int]  # how long for each reason, in the order in which they first came


def share_pct(met_ns: int, traded_ns: int) -> float | None:
    """What part of the time in which the instrument traded was met; None if it did not."""
    return 100 * met_ns / traded_ns if traded_ns else None


def is_enough(met_pct: float | None, owed: Owed | None) -> bool | None:
    """Whether that is what is owed; None if there is nothing to judge, or nothing to judge it by."""
    return None if met_pct is None or owed is None else met_pct >= owed.min_uptime_pct


def presence(connection: Connection, key: AccountKey, since: int) -> list[PresenceRow]:
    """Every hour of every strategy that has not ended by then, oldest first; of two journals together."""
    owed, c = owed_by_version(connection), tables.presence.c
    hours: dict[tuple[str, str, int], PresenceRow] = {}
    query = with_version(tables.presence, key).where(c.hour > since - HOUR_NS).order_by(c.hour, c.strategy, c.at)
    for row in connection.execute(query):
        whose = row.strategy, row.instrument, row.hour
        before = hours.get(whose)
        traded_ns, met_ns = (0, 0) if before is None else (before.traded_ns, before.met_ns)
        hours[whose] = PresenceRow(
            strategy=row.strategy,
            instrument=row.instrument,
            config_version=row.config_version,
            hour=row.hour,
            until=row.at,
            traded_ns=traded_ns + row.traded_ns,
            met_ns=met_ns + row.met_ns,
            owed=owed.get((row.config_version, row.strategy)),
        )
    return list(hours.values())


def counted_until(connection: Connection, key: AccountKey) -> int | None:
    """Up to when anything was counted of any strategy; None if nothing ever was."""
    c = tables.presence.c
    query = select(func.max(c.at)).where(c.venue == key.venue, c.account == key.account)
    at: int | None = connection.execute(query).scalar_one()
    return at


def breaches(connection: Connection, key: AccountKey, since: int) -> list[BreachRow]:
    """Every breach that was not over by then, oldest first.

    One that its life has left open is over with that life's last count, unless a later life counts on.
    """
    c = tables.breaches.c
    last_epoch = max((life.epoch for life in lives_of(connection, key)), default=0)  # they grow from life to life
    rows = connection.execute(with_version(tables.breaches, key).order_by(c.since, c.strategy))
    found = (_breach(row._asdict(), is_of_last_life=row.epoch == last_epoch) for row in rows)
    return [breach for breach in found if breach.until is None or breach.until > max(since, breach.since)]


def _breach(row: dict[str, Any], *, is_of_last_life: bool) -> BreachRow:
    since, until = row["since"], row["until"]
    counted_ns = sum(row["held_ns"].values())
    if until is None and not is_of_last_life:
        until = since + counted_ns
    told = row | {"until": until, "lasted_ns": counted_ns if until is None else until - since}
    return msgspec.convert({name: told[name] for name in BreachRow.__struct_fields__}, BreachRow)


def owed_by_version(connection: Connection) -> dict[tuple[str, str], Owed]:
    """What each strategy owes under each configuration version, as far as a mandate of a life under it tells."""
    lives, mandates = tables.lives.c, tables.mandates.c
    of_life = (lives.journal_id == mandates.journal_id) & (lives.epoch == mandates.epoch)
    query = select(lives.config_version, mandates.strategy, mandates.obligations).join(tables.lives, of_life)
    rows = connection.execute(query).all()
    return {(version, strategy): msgspec.convert(told, Owed) for version, strategy, told in rows if told is not None}
