"""Obligations: what part of the time strategies showed what they owe, by configuration version.

An hour (UTC) counts for the version that was in force when it was last counted, a breach for the one under which it was
last told; neither is cut in two by a change. Hour by hour it is told by `uptime.py`.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from replenisher.store import tables
from replenisher.store.history import with_version
from replenisher.store.queries import AccountKey


class Obligation(msgspec.Struct, frozen=True, kw_only=True):
    """How one strategy met its obligations under one configuration version."""

    config_version: str
    strategy: str
    instrument: str
    hours: int
    traded_ns: int  # in which the instrument traded
    met_ns: int  # the part of it in which the obligations were met
    met_pct: float | None  # None if it did not trade
    breaches: int
    longest_breach_ns: int  # of those that are over


def read_obligations(connection: Connection, key: AccountKey) -> list[Obligation]:
    """Every strategy of an account that had obligations."""
    hours: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    breaches: dict[tuple[str, str, str], list[int]] = {}
    for row in connection.execute(with_version(tables.presence, key)):
        hours.setdefault((row.config_version, row.strategy, row.instrument), []).append((row.traded_ns, row.met_ns))
    for row in connection.execute(with_version(tables.breaches, key)):
        lasted_ns = 0 if row.until is None else row.until - row.since
        breaches.setdefault((row.config_version, row.strategy, row.instrument), []).append(lasted_ns)
    return [_obligation(*whose, hours.get(whose, []), breaches.get(whose, [])) for whose in sorted({*hours, *breaches})]


def _obligation(
    config_version: str, strategy: str, instrument: str, hours: Sequence[tuple[int, int]], breaches: Sequence[int]
) -> Obligation:
    traded_ns, met_ns = (sum(column) for column in zip(*hours, strict=True)) if hours else (0, 0)
    return Obligation(
        config_version=config_version,
        strategy=strategy,
        instrument=instrument,
        hours=len(hours),
        traded_ns=traded_ns,
        met_ns=met_ns,
        met_pct=100 * met_ns / traded_ns if traded_ns else None,
        breaches=len(breaches),
        longest_breach_ns=max(breaches, default=0),
    )
