"""The report: why money was made or lost, from the rows of the ledger alone.

One field is one section, each of them a frozen value that a page, a file or a program can be made of. Rows are read
once and in order, and nothing is kept of them but sums.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import localcontext
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
from replenisher.report.obligations import Obligation, read_obligations
from replenisher.report.performance import Performance, performances
from replenisher.report.pnl import Line, Pnl, Total, account_totals
from replenisher.report.resilience import SWEEPS_MAX, DayOfSweeps, SweepsRead, read_resilience, sweep_count
from replenisher.store import history, queries
from replenisher.store.halts import latches
from replenisher.store.history import Begun, Event, Paid, Placed, Sent, Taken
from replenisher.store.marked import marked_fills
from replenisher.store.marks import Mark, mark_count
from replenisher.store.presence import presence
from replenisher.store.queries import AccountKey
from replenisher.store.round_trips import RoundTrips, round_trips

DIGITS = 80  # in which sums are made: nothing that fits into the ledger is rounded


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All sections, of all accounts that were asked for."""

    since: int  # the first thing that the ledger knows
    until: int  # the last one
    fills: int
    sweeps: SweepsRead
    pnl: Pnl
    halts: tuple[Halt, ...]
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
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    sweeps_max: int = SWEEPS_MAX,
) -> Report:
    """The report on these accounts. `progress` is told how many fills and sweeps of how many are read.

    What the database itself adds up is asked for on the connection `beside`, while the fills are read.
    """
    history.expect_scans(connection)
    counts = {key: history.fill_count(connection, key) for key in keys}
    count = sum(counts.values())
    if count == 0:
        names = ", ".join(f"{key.account} on {key.venue}" for key in keys) or "any account"
        raise ReplenisherError(f"there is nothing to report: the database holds no fill of {names}")
    stored = sweep_count(connection, keys)
    every = ceil(stored / sweeps_max) or 1
    sweeps = SweepsRead(stored=stored, read=sweep_count(connection, keys, every))
    reading = Reading(counts, sweeps.read, progress)
    lines: list[Line] = []
    totals: list[Total] = []
    performance: list[Performance] = []
    curves: list[Curves] = []
    fills_without_mid = 0
    cube, sent, answered = MarkoutCube(), list[Sent](), list[RoundTrips]()
    obligations: list[Obligation] = []
    resilience: list[DayOfSweeps] = []
    with localcontext(prec=DIGITS), ThreadPoolExecutor(max_workers=1) as thread:
        counting = {key: thread.submit(read_counted, beside, key) for key in keys}
        for key in keys:
            instruments = queries.instruments(connection, key.venue)
            pen = Pen(key, instruments, counts[key] + mark_count(connection, key))
            attribution, booked, until = reading.account(connection, key, instruments, pen, cube)
            lines += (own := attribution.lines())
            totals += account_totals(key.venue, key.account, own, booked.worth(attribution.unit_values))
            currencies = {name: instrument.settlement_currency for name, instrument in instruments.items()}
            fills_without_mid += attribution.fills_without_mid
            hours = presence(connection, key, 0)
            obligations += read_obligations(connection, key, hours)
            resilience += read_resilience(connection, key, every, reading.note)
            curves.append(pen.curves(until, hours))
            counted = counting[key].result()
            performance += performances(key, counted.placed, counted.sent, attribution.courses, currencies)
            sent += counted.sent
            answered += counted.answered
    halts = [halt for key in keys for halt in halts_of(key, latches(connection, key), reading.until)]
    return Report(
        since=reading.since,
        until=reading.until,
        fills=count,
        sweeps=sweeps,
        pnl=Pnl(lines=tuple(lines), totals=tuple(totals), fills_without_mid=fills_without_mid),
        halts=tuple(halts),
        performance=tuple(performance),
        markouts=cube.curves(),
        spreads=cube.spreads(),
        latency=latencies(answered, sent),
        obligations=tuple(obligations),
        resilience=tuple(resilience),
        curves=joined(curves),
    )


class Counted(NamedTuple):
    """What one account's orders and requests came to."""

    placed: list[Placed]
    sent: list[Sent]
    answered: list[RoundTrips]


def read_counted(connection: Connection, key: AccountKey) -> Counted:
    """These are rows that only the database looks at."""
    history.expect_scans(connection)
    return Counted(
        placed=list(history.placed(connection, key)),
        sent=history.sent(connection, key),
        answered=list(round_trips(connection, key)),
    )


class Reading:
    """The pass over all that moved money, and how far the reading is."""

    def __init__(self, fills: Mapping[AccountKey, int], sweeps: int, progress: Callable[[int, int], None]) -> None:
        self.since = self.until = 0
        self._count = sum(fills.values()) + sweeps
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
        events = history.events(connection, key)
        event, at = next(events, None), 0
        if event is not None:
            self._see(event.at)
        for fills, marked in marked_fills(connection, key):
            for fill in fills:
                while event is not None and event.at <= fill.at:
                    _happen(event, attribution, booked, pen)
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
            _happen(event, attribution, booked, pen)
            at, event = event.at, next(events, None)
        pen.look(at, attribution.lines())
        until = max(at, history.recorded_until(connection, key))
        self._see(until)
        return attribution, booked, until

    def note(self, rows: int) -> None:
        """So many more rows are read."""
        self._done += rows
        self._progress(self._done, self._count)

    def _see(self, at: int) -> None:
        """The ledger knows of this time."""
        self.since, self.until = min(self.since or at, at), max(self.until, at)


def _happen(event: Event, attribution: Attribution, booked: Booked, pen: Pen) -> None:
    """Something that is no fill."""
    match event:
        case Mark():
            attribution.mark(event)
            if pen.mark(event):
                pen.look(event.at, attribution.lines())
        case Begun():
            attribution.begin(event)
        case Taken():
            attribution.take_over(event)
            booked.take_over(event)
            pen.take_over(event)
        case Paid():
            if event.kind == CashKind.DELIVERY:
                attribution.deliver(event.at, event.instrument, booked.delivered(event))
                pen.deliver(event.instrument, event.at)
            attribution.pay(event)
            booked.pay(event)
