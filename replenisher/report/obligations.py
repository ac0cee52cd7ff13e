"""Obligations: what strategies owed, and what part of the time they showed it, by configuration version.

An hour (UTC) counts for the version that was in force when it was last counted, a breach for the one under which it was
last told; neither is cut in two by a change. A day is what a version has of its hours. What was owed is in the mandates
of the lives under that version. Hour by hour it is told by `uptime.py`.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from replenisher.model.mandate import Owed
from replenisher.model.units import DAY_NS
from replenisher.store.period import Period
from replenisher.store.presence import PresenceRow, breaches, is_enough, owed_by_version, presence, share_pct
from replenisher.store.queries import AccountKey


class Obligation(msgspec.Struct, frozen=True, kw_only=True):
    """How one strategy met its obligations under one configuration version."""

    config_version: str
    strategy: str
    instrument: str
    owed: Owed | None  # None if no mandate tells it, and then nothing is judged
    days: int
    short_days: int | None  # in which less was met than is owed
    hours: int
    short_hours: int | None
    traded_ns: int  # in which the instrument traded
    met_ns: int  # the part of it in which the obligations were met
    met_pct: float | None  # None if it did not trade
    is_enough: bool | None
    breaches: int
    longest_breach_ns: int  # in the time of the report; of one that lasts, up to when it was last counted


def counted_hours(connection: Connection, key: AccountKey, period: Period) -> list[PresenceRow]:
    """Every hour that was last counted in a period. It counts there as a whole: nobody knows of a part of it."""
    return [row for row in presence(connection, key, period.since or 0) if period.holds(row.until - 1)]


def read_obligations(
    connection: Connection, key: AccountKey, recorded: Iterable[PresenceRow], period: Period
) -> list[Obligation]:
    """Every strategy of an account that had obligations; `recorded` is every hour of them."""
    owed = owed_by_version(connection)
    hours: dict[tuple[str, str, str], list[PresenceRow]] = {}
    lasted: dict[tuple[str, str, str], list[int]] = {}
    for row in recorded:
        hours.setdefault((row.config_version, row.strategy, row.instrument), []).append(row)
    for breach in breaches(connection, key, 0):
        began, ended = breach.since, breach.since + breach.lasted_ns
        if period.meets(began, ended):
            whose = breach.config_version, breach.strategy, breach.instrument
            lasted.setdefault(whose, []).append(period.clip(ended) - period.clip(began))
    return [
        _obligation(*whose, owed.get(whose[:2]), hours.get(whose, []), lasted.get(whose, []))
        for whose in sorted({*hours, *lasted})
    ]


def _obligation(
    config_version: str,
    strategy: str,
    instrument: str,
    owed: Owed | None,
    hours: Sequence[PresenceRow],
    lasted: Sequence[int],
) -> Obligation:
    days: dict[int, list[PresenceRow]] = {}
    for row in hours:
        days.setdefault(row.hour // DAY_NS, []).append(row)
    met_pct = _met_pct(hours)
    return Obligation(
        config_version=config_version,
        strategy=strategy,
        instrument=instrument,
        owed=owed,
        days=len(days),
        short_days=_short(days.values(), owed),
        hours=len(hours),
        short_hours=_short(([row] for row in hours), owed),
        traded_ns=sum(row.traded_ns for row in hours),
        met_ns=sum(row.met_ns for row in hours),
        met_pct=met_pct,
        is_enough=is_enough(met_pct, owed),
        breaches=len(lasted),
        longest_breach_ns=max(lasted, default=0),
    )


def _met_pct(hours: Sequence[PresenceRow]) -> float | None:
    return share_pct(sum(row.met_ns for row in hours), sum(row.traded_ns for row in hours))


def _short(times: Iterable[Sequence[PresenceRow]], owed: Owed | None) -> int | None:
    """In how many of these less was met than is owed."""
    return None if owed is None else sum(is_enough(_met_pct(hours), owed) is False for hours in times)
