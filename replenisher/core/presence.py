"""Presence: for how much of each hour a strategy has met its obligations, and since when it does not.

The sum is a record (`PresenceCounted`) that outlives the process. It is drawn up whenever a strategy begins to meet
them or ceases to, at the end of each hour (UTC), and once a minute; nothing but orders and time goes into it. While the
instrument does not trade, no time counts. Time that nobody watched, because there was no process or it stood still,
counts as time in which they were not met: what cannot be proved is not claimed.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from replenisher.core.absence import why_absent
from replenisher.core.obligations import Shortfall
from replenisher.core.setup import StrategySetup
from replenisher.core.state import State
from replenisher.model.command import Breach, PresenceCounted
from replenisher.model.units import HOUR_NS, MINUTE_NS, NEVER_NS

RECORD_NS = MINUTE_NS
UNWATCHED_NS = 2 * RECORD_NS  # after so long a record is overdue: nobody was there to draw it up
AWAY = Shortfall("the daemon was away")
OTHER = "other reasons"
REASONS_MAX = 20  # of one breach, that are told apart
HOURS_A_DAY = 24


class Presence:
    """Looks at every strategy that is obliged, whenever something of its own has changed and when a record is due."""

    def __init__(self) -> None:
        self.next_look = 0  # when the next record is due; NEVER_NS if nobody is obliged

    def look(self, state: State, changed: Iterable[str], at: int) -> Iterator[PresenceCounted]:
        """The records to be made now that plans are made; of which instruments something of ours has changed."""
        obliged = state.setup.obliged
        is_due = at >= self.next_look or state.unwatched_since > 0
        for instrument in obliged if is_due else changed:
            for setup in obliged.get(instrument, ()):
                yield from self._records(state, setup, at)
        if is_due:
            records = [state.presence[setup.id] for setups in obliged.values() for setup in setups]
            self.next_look = min(map(_due_at, records), default=NEVER_NS)
            state.unwatched_since = 0

    def _records(self, state: State, setup: StrategySetup, at: int) -> Iterator[PresenceCounted]:
        missing, is_closed = missing_of(state, setup, at), setup.instrument in state.closed
        last = state.presence.get(setup.id)
        if last is None:
            first = PresenceCounted(
                strategy=setup.id, instrument=setup.instrument, epoch=state.epoch, at=at, hour=at // HOUR_NS
            )
            yield turned(first, missing, is_closed=is_closed)
            return
        *ended, now = passed(last, state.epoch, at, state.unwatched_since)
        now = turned(now, missing, is_closed=is_closed)
        is_other = (now.missing, now.is_closed, now.epoch) != (last.missing, last.is_closed, last.epoch)
        if ended or is_other or state.unwatched_since or at >= _due_at(last):
            yield from (*ended, now)


def missing_of(state: State, setup: StrategySetup, at: int) -> Shortfall:
    """Why a strategy does not meet its obligations: the cause, where one keeps it from showing anything.

    Where one keeps it from showing a part, that may be what is missing or not: it is told beside it.
    """
    assert setup.obligations is not None, "only who is obliged can lack something"
    sync, instrument = state.syncs.get(setup.venue), state.instruments.get(setup.instrument)
    if sync is None or not sync.is_synced or instrument is None:
        return Shortfall(why_absent(state, setup, at) or f"{setup.instrument} is not known yet")
    lacking = setup.obligations.shortfall(instrument, state.orders.of(setup.ladder))
    if lacking.what and (cause := why_absent(state, setup, at)):
        return Shortfall(cause)
    if lacking.what and (cut := state.withheld.get(setup.id)):
        return lacking._replace(what=f"{lacking.what}, and withheld is for {cut}")
    return lacking


def passed(last: PresenceCounted, epoch: int, at: int, unwatched_since: int = 0) -> list[PresenceCounted]:
    """What the record becomes by time alone: each hour that has ended since, whole, and then the one that has not.

    Where nobody was there to watch since some time, that counts as not met.
    """
    if unwatched_since:
        *before, now = passed(last, epoch, max(last.at, unwatched_since))
        return [*before, *passed(turned(now, AWAY, is_closed=False), epoch, at)]
    at = max(at, last.at)  # the clock by which the next life began may have been set back
    now = last if last.breach is None or not last.breach.until else replace(last, breach=None)
    if last.epoch != epoch or at - last.at > UNWATCHED_NS:
        now = replace(turned(now, AWAY, is_closed=False), epoch=epoch)
    records: list[PresenceCounted] = []
    while (end := (now.hour + 1) * HOUR_NS) <= at:
        records.append(_later(now, end))
        is_new_day = (now.hour + 1) % HOURS_A_DAY == 0
        of_day = {"day_ns": 0, "day_met_ns": 0} if is_new_day else {}
        now = replace(records[-1], hour=now.hour + 1, hour_ns=0, hour_met_ns=0, **of_day)
    return [*records, _later(now, at)]


def turned(now: PresenceCounted, missing: Shortfall, *, is_closed: bool) -> PresenceCounted:
    """How it stands from now on. What is missing while the instrument does not trade is no breach."""
    is_breach, breach = bool(missing.what) and not is_closed, now.breach
    if breach is None and is_breach:
        breach = Breach(since=now.at, reason=missing.told)
    elif breach is not None and not is_breach:
        breach = replace(breach, until=now.at)
    return replace(now, missing=missing.what, is_closed=is_closed, breach=breach)


def _later(now: PresenceCounted, at: int) -> PresenceCounted:
    """So much time has passed, and nothing else."""
    elapsed_ns = 0 if now.is_closed else at - now.at
    met_ns, breach = 0 if now.missing else elapsed_ns, now.breach
    if breach is not None and elapsed_ns:
        held_ns = breach.held_ns
        reason = now.missing if now.missing in held_ns or len(held_ns) < REASONS_MAX else OTHER
        breach = replace(breach, held_ns={**held_ns, reason: held_ns.get(reason, 0) + elapsed_ns})
    return replace(
        now,
        at=at,
        breach=breach,
        hour_ns=now.hour_ns + elapsed_ns,
        hour_met_ns=now.hour_met_ns + met_ns,
        day_ns=now.day_ns + elapsed_ns,
        day_met_ns=now.day_met_ns + met_ns,
    )


def _due_at(record: PresenceCounted) -> int:
    return min(record.at + RECORD_NS, (record.hour + 1) * HOUR_NS)
