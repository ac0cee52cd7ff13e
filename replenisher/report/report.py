"""The report: why money was made or lost, from the rows of the ledger alone.

One field is one section, each of them a frozen value that a page, a file or a program can be made of. Rows are read
once and in order, and nothing is kept of them but sums.

A report may be of a part of the ledger's life. What moved money before it is read, too: it made what is held as that
time begins. Positions and the middles of books go on over the border, and all that is added up begins there at zero.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import localcontext
from heapq import merge
from math import ceil
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from replenisher.errors import ReplenisherError
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.report.attribution import Attribution
from replenisher.report.booked import Booked
from replenisher.report.drawn import Curves, Pen, joined
from replenisher.report.halts import Halt, halts_of
from replenisher.report.latency import Latency, latencies
from replenisher.report.markouts import Curve, MarkoutCube, Spread
from replenisher.report.obligations import Obligation, counted_hours, read_obligations
from replenisher.report.opening import Opening, openings
from replenisher.report.performance import Performance, performances
from replenisher.report.pnl import Line, Pnl, Total, account_totals
from replenisher.report.resilience import SWEEPS_MAX, DayOfSweeps, SweepsRead, read_resilience, sweep_count
from replenisher.store import history, queries
from replenisher.store.halts import latches
from replenisher.store.history import Begun, Event, Fill, Paid, Placed, Sent, Taken
from replenisher.store.lived import Life, lived
from replenisher.store.marked import marked_fills
from replenisher.store.marks import Mark, mark_count
from replenisher.store.moment import moment
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey
from replenisher.store.round_trips import RoundTrips, round_trips

DIGITS = 80  # in which sums are made: nothing that fits into the ledger is rounded


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All sections, of all accounts that were asked for."""

    since: int  # the first thing that the ledger knows, or when the part begins that was asked for
    until: int  # the last one, or when it ends
    fills: int
    sweeps: SweepsRead
    opening: tuple[Opening, ...]  # what was there when that part begins; nothing if the ledger begins with it
    pnl: Pnl
    halts: tuple[Halt, ...]
    lives: tuple[Life, ...]
    performance: tuple[Performance, ...]
    markouts: tuple[Curve, ...]
    spreads: tuple[Spread, ...]
    latency: tuple[Latency, ...]
    obligations: tuple[Obligation, ...]
    resilience: tuple[DayOfSweeps, ...]
    curves: Curves


def read_report(
    connection: Connection,
    beside: Connection,
    keys: Sequence[AccountKey],
    period: Period,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    sweeps_max: int = SWEEPS_MAX,
) -> Report:
    """The report on these accounts. `progress` is told how many fills and sweeps of how many are read.

    What the database itself adds up is asked for on the connection `beside`, while the fills are read.
    """
    history.expect_scans(connection)
    counts = {key: history.fill_count(connection, key, period) for key in keys}
    count = sum(counts.values())
    before = 0
    if period.since is not None:
        before = sum(history.fill_count(connection, key, period.before) for key in keys)
    names = ", ".join(f"{key.account} on {key.venue}" for key in keys) or "any account"
    if count + before == 0:
        limit = "" if period.until is None else f" before {moment(period.until)} UTC"
        raise ReplenisherError(f"there is nothing to report: the database holds no fill of {names}{limit}")
    stored = sweep_count(connection, keys, period)
    every = ceil(stored / sweeps_max) or 1
    sweeps = SweepsRead(stored=stored, read=sweep_count(connection, keys, period, every))
    reading = Reading(period, before + count + sweeps.read, progress)
    lines: list[Line] = []
    totals: list[Total] = []
    performance: list[Performance] = []
    curves: list[Curves] = []
    fills_without_mid = 0
    cube, sent, answered = MarkoutCube(), list[Sent](), list[RoundTrips]()
    obligations: list[Obligation] = []
    resilience: list[DayOfSweeps] = []
    with localcontext(prec=DIGITS), ThreadPoolExecutor(max_workers=1) as thread:
        counting = {key: thread.submit(read_counted, beside, key, period) for key in keys}
        for key in keys:
            instruments = queries.instruments(connection, key.venue)
            pen = Pen(key, instruments, counts[key] + mark_count(connection, key, period))
            attribution, booked, until = reading.account(connection, key, instruments, pen, cube)
            lines += (own := attribution.lines())
            totals += account_totals(key.venue, key.account, own, booked.worth(attribution.unit_values))
            currencies = {name: instrument.settlement_currency for name, instrument in instruments.items()}
            fills_without_mid += attribution.fills_without_mid
            hours = counted_hours(connection, key, period)
            obligations += read_obligations(connection, key, hours, period)
            resilience += read_resilience(connection, key, period, every, reading.note)
            curves.append(pen.curves(until, hours))
            counted = counting[key].result()
            performance += performances(key, counted.placed, counted.sent, attribution.courses, currencies)
            sent += counted.sent
            answered += counted.answered
    since, until = period.clip(reading.first), period.clip(reading.last)
    halts = [halt for key in keys for halt in halts_of(key, latches(connection, key), until, period)]
    lives = [life for key in keys for life in lived(connection, key, period)]
    found = Report(
        since=since,
        until=until,
        fills=count,
        sweeps=sweeps,
        opening=tuple(reading.opening),
        pnl=Pnl(lines=tuple(lines), totals=tuple(totals), fills_without_mid=fills_without_mid),
        halts=tuple(halts),
        lives=tuple(lives),
        performance=tuple(performance),
        markouts=cube.curves(),
        spreads=cube.spreads(),
        latency=latencies(answered, sent),
        obligations=tuple(obligations),
        resilience=tuple(resilience),
        curves=joined(curves),
    )
    if reading.last < since or _is_empty(found):
        span = f"from {moment(reading.first)} to {moment(reading.last)} UTC"
        raise ReplenisherError(f"there is nothing to report of that time: the database tells of {names} {span}")
    return found


def _is_empty(report: Report) -> bool:
    """Whether nothing was held or done, and nothing stood still."""
    told = (report.pnl.lines, report.halts, report.performance, report.latency, report.obligations, report.resilience)
    return not report.fills and not any(told)


class Counted(NamedTuple):
    """What one account's orders and requests came to."""

    placed: list[Placed]
    sent: list[Sent]
    answered: list[RoundTrips]


def read_counted(connection: Connection, key: AccountKey, period: Period) -> Counted:
    """These are rows that only the database looks at."""
    history.expect_scans(connection)
    return Counted(
        placed=list(history.placed(connection, key, period)),
        sent=history.sent(connection, key, period),
        answered=list(round_trips(connection, key, period)),
    )


class Reading:
    """The pass over all that moved money, and how far the reading is."""

    def __init__(self, period: Period, count: int, progress: Callable[[int, int], None]) -> None:
        self.first = self.last = 0  # of all that the ledger knows, up to the end of the period
        self.opening: list[Opening] = []
        self._period = period
        self._count = count
        self._done = 0
        self._progress = progress

    def account(
        self,
        connection: Connection,
        key: AccountKey,
        instruments: Mapping[str, Instrument],
        pen: Pen,
        cube: MarkoutCube,
    ) -> tuple[Attribution, Booked, int]:
        """Everything that moved one account's money, in order; what is no fill comes first. Up to when it is known."""
        attribution, booked = Attribution(key, instruments), Booked(instruments)
        at = 0
        if (since := self._period.since) is not None:
            at = self._open(connection, key, since, attribution, booked)
            for instrument, position in booked.held():
                pen.begin(since, instrument.name, position.size)
        events = history.events(connection, key, self._period)
        event = next(events, None)
        if event is not None:
            self._see(event.at)
        for fills, marked in marked_fills(connection, key, self._period):
            for fill in fills:
                while event is not None and event.at <= fill.at:
                    _happen(event, attribution, booked)
                    if pen.happen(event):
                        pen.look(event.at, attribution.lines())
                    event = next(events, None)
                value = booked.value(fill)
                attribution.fill(fill, value)
                booked.fill(fill, value)
                if pen.fill(fill):
                    pen.look(fill.at, attribution.lines())
            cube.add(marked, instruments)
            pen.after(marked)
            at = fills[-1].at
            self._see(fills[0].at)
            self.note(len(fills))
        while event is not None:
            _happen(event, attribution, booked)
            if pen.happen(event):
                pen.look(event.at, attribution.lines())
            at, event = event.at, next(events, None)
        pen.look(at, attribution.lines())
        at = max(at, history.recorded_until(connection, key))
        self._see(at)
        return attribution, booked, self._period.clip(at)

    def _open(
        self, connection: Connection, key: AccountKey, since: int, attribution: Attribution, booked: Booked
    ) -> int:
        """Go through all that was before the period, of which stays what is held. Up to when that goes."""
        at, past = 0, history.events(connection, key, self._period.before)
        for each in merge(past, self._fills_before(connection, key, since), key=history.happened_at):
            if not at:
                self._see(each.at)
            at = each.at
            if isinstance(each, Fill):
                value = booked.value(each)
                attribution.fill(each, value)
                booked.fill(each, value)
            else:
                _happen(each, attribution, booked)
        self.opening += openings(connection, key, since, attribution, booked)
        booked.count_from_now(attribution.unit_values)
        attribution.count_from(since)
        return at

    def _fills_before(self, connection: Connection, key: AccountKey, since: int) -> Iterator[Fill]:
        for fills in history.fills_before(connection, key, since):
            yield from fills
            self.note(len(fills))

    def note(self, rows: int) -> None:
        """So many more rows are read."""
        self._done += rows
        self._progress(self._done, self._count)

    def _see(self, at: int) -> None:
        """The ledger knows of this time."""
        self.first, self.last = min(self.first or at, at), max(self.last, at)


def _happen(event: Event, attribution: Attribution, booked: Booked) -> None:
    """Something that is no fill."""
    match event:
        case Mark():
            attribution.mark(event)
        case Begun():
            attribution.begin(event)
        case Taken():
            attribution.take_over(event)
            booked.take_over(event)
        case Paid():
            if event.kind == CashKind.DELIVERY:
                attribution.deliver(event.at, event.instrument, booked.delivered(event))
            attribution.pay(event)
            booked.pay(event)
