"""Uptime: how each strategy stands to its obligations right now, for `status`."""

from typing import Any

import msgspec

from replenisher.core.presence import missing_of, passed
from replenisher.core.state import State


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """What is owed and what was shown. A share is None as long as the instrument has not traded."""

    min_uptime_pct: float
    hour_pct: float | None  # of this hour, so far
    today_pct: float | None  # since midnight UTC
    is_met: bool
    is_closed: bool  # whether the instrument does not trade, so that no time counts
    missing: str  # why they are not met; empty while they are
    since: int | None  # when the breach began that lasts; None if there is none


def uptimes(state: State, at: int) -> dict[str, Uptime]:
    """Every strategy that has obligations, as of now."""
    uptimes: dict[str, Uptime] = {}
    for setup in state.setup.strategies:
        record = state.presence.get(setup.id)
        if setup.obligations is None or record is None:
            continue
        now, missing = passed(record, state.epoch, at)[-1], missing_of(state, setup, at)
        uptimes[setup.id] = Uptime(
            min_uptime_pct=setup.obligations.min_uptime_pct,
            hour_pct=_pct(now.hour_met_ns, now.hour_ns),
            today_pct=_pct(now.day_met_ns, now.day_ns),
            is_met=not now.missing,
            is_closed=now.is_closed,
            missing=missing.told if missing.what == now.missing else now.missing,
            since=None if now.breach is None else now.breach.since,
        )
    return uptimes


def uptime_of(answer: dict[str, Any], at: int) -> str:
    """One of these, as JSON carries it, in a line."""
    if answer["is_closed"]:
        stands = "nothing is owed, the instrument does not trade"
    elif answer["is_met"]:
        stands = "met"
    else:
        stands = f"not met for {(at - answer['since']) / 1e9:.0f} s: {answer['missing']}"
    shares = [
        f"{answer[key]:.2f} % {name}"
        for key, name in (("hour_pct", "of this hour"), ("today_pct", "of today (UTC)"))
        if answer[key] is not None
    ]
    return ", ".join([stands, *shares, f"owed are {answer['min_uptime_pct']:g} %"])


def _pct(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
