"""Uptime: how strategies met their obligations, hour by hour, and each time in which they did not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from replenisher.model.units import HOUR_NS, SECOND_NS
from replenisher.store import presence
from replenisher.store.moment import moment
from replenisher.store.presence import BreachRow
from replenisher.store.queries import AccountKey


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one strategy."""

    strategy: str
    instrument: str
    hour: int  # when it begins
    traded_ns: int  # in which the instrument traded
    met_ns: int  # the part of it in which the obligations were met
    met_pct: float | None  # None if it did not trade
    owed_pct: float | None  # in the version that was in force then; None if no mandate tells it
    is_enough: bool | None  # None if either is not known


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, oldest first."""

    since: int  # what was over by then is not told
    counted_until: int | None  # by the newest row of all there are; None if there is none
    hours: list[Hour]
    breaches: list[BreachRow]


def read_uptime(connection: Connection, keys: Sequence[AccountKey], since: int) -> Uptime:
    """What the rows of these accounts say of the time since then."""
    hours: list[Hour] = []
    breaches: list[BreachRow] = []
    for key in keys:
        for row in presence.presence(connection, key, since):
            hours.append(Hour(**{name: getattr(row, name) for name in Hour.__struct_fields__}))
        breaches += presence.breaches(connection, key, since)
    counted = (presence.counted_until(connection, key) for key in keys)
    return Uptime(
        since=since,
        counted_until=max((at for at in counted if at is not None), default=None),
        hours=sorted(hours, key=lambda hour: (hour.hour, hour.strategy)),
        breaches=sorted(breaches, key=lambda breach: (breach.since, breach.strategy)),
    )


def uptime_page(found: Mapping[str, Any]) -> str:
    """The same for people, from what JSON carries of it. Times are UTC."""
    return "\n".join([*_hours(found), "", *_breaches(found["breaches"])])


def _hours(found: Mapping[str, Any]) -> Iterator[str]:
    if found["counted_until"] is None:
        yield "no hour is recorded of a strategy that has obligations"
    elif not found["hours"]:
        since, last = moment(found["since"]), moment(found["counted_until"])
        yield f"nothing is counted since {since}; the last count was at {last}"
    for hour in found["hours"]:
        begins, ends = moment(hour["hour"])[:16], moment(hour["hour"] + HOUR_NS)[11:16]
        share = "did not trade" if hour["met_pct"] is None else f"{hour['met_pct']:6.2f} %"
        short = ""
        if hour["is_enough"] is False:
            short = f"  too little, {hour['owed_pct']:g} % were owed"
        elif hour["owed_pct"] is None:
            short = "  what was owed is not recorded"
        yield f"{begins}-{ends}  {hour['strategy']} on {hour['instrument']}  {share}{short}"


def _breaches(breaches: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not breaches:
        yield "no breach is recorded"
    for breach in breaches:
        lasted = f"for {breach['lasted_ns'] / SECOND_NS:.3f} s"
        if breach["until"] is None:
            lasted += " and lasts"
        yield f"{moment(breach['since'])}  {breach['strategy']}  {lasted}: {breach['reason']}"
        if len(breach["held_ns"]) > 1:
            for reason, held_ns in breach["held_ns"].items():
                yield f"{'':19}  {held_ns / SECOND_NS:12.3f} s of it: {reason}"
