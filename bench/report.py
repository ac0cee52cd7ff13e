"""A report on a million fills: `python -m bench.report [--json]`.

What is run. A ledger of `--fills` fills is made in SQLite, below TMPDIR: two instruments (an inverse and a linear
perpetual), two strategies on each, a new configuration version after half of it; each fill has an order and a decision
of its own and the mids after it, and each order two requests with their answers. The books that are quoted are swept
1.8 times a fill, as on a recorded day of a perpetual, and every strategy has obligations, an hour of which is a row and
now and then a breach. Then another process reads the report
from it as the verb does, with progress on stderr; it measures itself, from the first query to the last sum, and the
most memory it ever had. On a machine that does other things too, `cpu_seconds` says more than `seconds`. The floor is
what SQLite's driver alone takes to answer the same queries one after the other, of whose rows nothing is made: no
report that asks for them takes less of a core.

A report on a million fills is to be there within 20 s and 1 GB, and the exit code says whether it was.

What is printed; with `--json` as one document:
    {"fills", "sweeps": {"stored", "read"}, "ledger_bytes", "seconds", "cpu_seconds", "fills_per_second", "peak_bytes",
     "floor": {"seconds", "cpu_seconds"}, "seconds_max", "peak_bytes_max": what was asked for, "is_reached",
     "unexplained": by currency}
"""

import argparse
import gc
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import product
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any

import msgspec
from sqlalchemy import Engine, Table, event

from bench.progress import Progress
from bench.small_exchange import BTC_PERPETUAL
from replenisher.cli import YOUNG_MAX
from replenisher.core.resilience import TAUS_NS, WATCHED_NS, named_time
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.units import HOUR_NS, MINUTE_NS, SECOND_NS
from replenisher.report.report import read_report
from replenisher.store import history, schema, tables
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.store.rows import instrument_row

FILLS = 1_000_000
T0 = 1_700_000_000 * SECOND_NS
BETWEEN_NS = 300_000_000  # a fill every 0.3 s is a million in three and a half days
MARK_EVERY = MINUTE_NS // BETWEEN_NS  # fills
JOURNAL_ID = "0123456789abcdef"
ACCOUNT = "main"
INVERSE = BTC_PERPETUAL
LINEAR = msgspec.structs.replace(
    BTC_PERPETUAL,
    name="BTC_USDT-PERPETUAL",
    inverse=False,
    lot=Decimal("0.001"),
    settlement_currency="USDT",
    quote_currency="USDT",
)
STRATEGIES = ("core", "wide")
ROWS_AT_ONCE = 50_000
SWEEPS_A_FILL = 1.8
BANDS = ((0.0, 53), (5.0, 22), (10.0, 17), (25.0, 8))  # of the mid, and how many in a hundred are its sweeps
PATTERNS = 10_007
SECONDS_MAX, PEAK_BYTES_MAX = 20.0, 1_000_000_000
Query = tuple[str, Any]


# --- The ledger ---------------------------------------------------------------------------------------------------


def write_ledger(file: Path, fills: int) -> None:
    """A ledger of so many fills, as the recorder would leave it."""
    schema.upgrade(f"sqlite:///{file}")
    progress = Progress()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=OFF")
        for epoch in (1, 2):
            life = {"journal_id": JOURNAL_ID, "epoch": epoch, "config_version": f"version-{epoch}", "namespace": "abc"}
            life |= {"started_at": T0 + (epoch - 1) * fills // 2 * BETWEEN_NS}
            insert(connection, tables.lives, [life | {"accounts": {INVERSE.venue: ACCOUNT}}])
        insert(connection, tables.instruments, [instrument_row(each, T0) for each in (INVERSE, LINEAR)])
        insert(connection, tables.presence, hours := obliged(fills))
        insert(connection, tables.breaches, breached(hours))
        found: dict[Table, list[dict[str, Any]]] = {}
        for number, rows in enumerate(traded(fills), start=1):
            for table, some in rows.items():
                found.setdefault(table, []).extend(some)
            if number % ROWS_AT_ONCE == 0 or number == fills:
                for table, some in found.items():
                    insert(connection, table, some)
                found.clear()
                progress.say(f"ledger: {number:,} of {fills:,} fills")
        write_sweeps(connection, fills, progress)


def insert(connection: sqlite3.Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Rows of one table, all with the same columns."""
    names = list(rows[0])
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" for _ in names)
    values = ([plain(row[name]) for name in names] for row in rows)
    connection.executemany(f"insert into {table.name} ({columns}) values ({marks})", values)


def plain(value: Any) -> Any:
    """A value as the driver takes it: decimals and documents are text."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return f"{value:f}" if isinstance(value, Decimal) else value


def traded(fills: int) -> Iterator[dict[Table, list[dict[str, Any]]]]:
    """The rows of one fill after another, on a market that wanders; who is long sells, and the other way round."""
    random, mid, held = Random(7), 60_000.0, dict[tuple[str, str], Decimal]()
    for number in range(fills):
        mid += random.gauss(0, 2)
        instrument = INVERSE if number % 3 else LINEAR
        strategy = "core" if number % 5 else "wide"
        before = held.get((instrument.name, strategy), Decimal(0))
        side = Side.BUY if random.random() < 0.5 - (before > 0) * 0.1 + (before < 0) * 0.1 else Side.SELL
        amount = instrument.lot * random.randint(1, 300)
        held[instrument.name, strategy] = before + amount * side.sign
        price = Decimal(round((mid - side.sign * random.uniform(0, 12)) * 2)) / 2
        yield rows_of(number, fills, instrument, strategy, side, amount, price, round(mid * 2) / 2)


def rows_of(
    number: int,
    fills: int,
    instrument: Instrument,
    strategy: str,
    side: Side,
    amount: Decimal,
    price: Decimal,
    mid: float,
) -> dict[Table, list[dict[str, Any]]]:
    """A decision, an order, two requests and their answers, a fill, and once a minute a mark."""
    epoch = 1 if number < fills // 2 else 2
    at, step, order_id = T0 + number * BETWEEN_NS + 1, 2 * number + 1, f"abc{epoch:06d}{number:06x}"
    origin = {"journal_id": JOURNAL_ID, "epoch": epoch, "step": step, "index": 0, "at": at}
    place = {"venue": instrument.venue, "account": ACCOUNT, "instrument": instrument.name, "strategy": strategy}
    what = {"order_id": order_id, "side": side.value, "price": price, "amount": amount}
    asked = {"price_ticks": int(price / instrument.tick), "quantity_lots": int(amount / instrument.lot), "level": 0}
    decision = {"fair_value": mid, "terms": {"mid": mid}, "wanted": [], "permitted": [], "withheld": ""}
    filled_at = at + BETWEEN_NS // 2
    fill = {"trade_id": f"{number}", "venue_order_id": f"v{number}", "liquidity": "maker", "venue_time": filled_at}
    fill |= {"mid": Decimal(mid), "spread": 0.5, "own_spread": 12.0, "level": 0}
    fill |= {"config_version": f"version-{epoch}", "contract_value": instrument.contract_value}
    fee = (instrument.value(amount, price) * Decimal("-0.0001")).quantize(Decimal("1e-8"))
    order = {"venue_order_id": f"v{number}", "instrument_version": 1, "intent": "quote", "filled": amount}
    order |= {"status": "filled", "reason": "", "created_at": at, "updated_at": filled_at, "journal_id": JOURNAL_ID}
    order |= {"epoch": epoch, "config_version": f"version-{epoch}", "updated_epoch": epoch, "updated_step": step + 1}
    requests = [
        origin
        | place
        | what
        | asked
        | {"index": index, "kind": kind, "intent": "quote", "strategy": strategy if kind == "place" else None}
        for index, kind in enumerate(("place", "amend"))
    ]
    heard = {"at": at + 5_000_000, "asked_at": at, "intent": "quote", "outcome": "working", "message": ""}
    heard |= {"order_id": order_id, "config_version": f"version-{epoch}"}
    answered = {name: value for name, value in place.items() if name != "instrument"} | heard
    answers = [
        origin | answered | {"step": step + 1, "index": index, "request": kind}
        for index, kind in enumerate(("place", "amend"))
    ]
    whose = {name: value for name, value in place.items() if name != "account"}
    return {
        tables.answers: answers,
        tables.markouts: [
            {name: value for name, value in (origin | place | what).items() if name in tables.markouts.c}
            | {"trade_id": f"{number}", "at": filled_at + 300 * SECOND_NS}
            | dict.fromkeys(tables.MIDS, mid)
        ],
        tables.decisions: [origin | whose | decision],
        tables.marks: [
            {name: value for name, value in (origin | place).items() if name in tables.marks.c} | {"mid": Decimal(mid)}
        ]
        * (number % MARK_EVERY == 0),
        tables.requests: requests,
        tables.orders: [place | what | asked | order],
        tables.fills: [
            origin | {"step": step + 1, "at": filled_at} | place | what | fill
            | {"fee": fee, "fee_currency": instrument.settlement_currency}
        ],
    }  # fmt: skip


def origin_of(number: int, fills: int) -> dict[str, Any]:
    """Where in the journal is what happened about the time of this fill."""
    at = T0 + number * BETWEEN_NS + 2
    return {"journal_id": JOURNAL_ID, "epoch": 1 if number < fills // 2 else 2, "step": 2 * number + 2, "at": at}


def obliged(fills: int) -> list[dict[str, Any]]:
    """How each strategy met its obligations in every hour."""
    random, rows = Random(8), []
    for hour in range(T0 // HOUR_NS, (T0 + fills * BETWEEN_NS) // HOUR_NS + 1):
        number = max(0, hour * HOUR_NS - T0) // BETWEEN_NS
        for index, (strategy, instrument) in enumerate(product(STRATEGIES, (INVERSE, LINEAR))):
            place = {"venue": instrument.venue, "account": ACCOUNT, "instrument": instrument.name}
            whose = origin_of(number, fills) | place | {"index": index, "strategy": f"{strategy}-{instrument.name}"}
            met_ns = round(HOUR_NS * random.uniform(0.9, 1))
            until = {"at": (hour + 1) * HOUR_NS}
            rows.append(whose | until | {"hour": hour * HOUR_NS, "traded_ns": HOUR_NS, "met_ns": met_ns})
    return rows


def breached(hours: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A breach for each hour, as long as it says."""
    rows = []
    for hour in hours:
        lasted_ns = hour["traded_ns"] - hour["met_ns"]
        told = {"since": hour["hour"], "until": hour["hour"] + lasted_ns, "reason": "spread"}
        whose = {name: hour[name] for name in hour if name in tables.breaches.c}
        rows.append(whose | told | {"held_ns": {"spread": lasted_ns}})
    return rows


def write_sweeps(connection: sqlite3.Connection, fills: int, progress: Progress) -> None:
    """As many as there are on a recorded day for so many fills; what became of them is one of some patterns."""
    patterns, columns = list(sweep_patterns()), [column.name for column in tables.sweeps.c]
    count = round(fills * SWEEPS_A_FILL)
    for start in range(0, count, ROWS_AT_ONCE):
        rows = (
            origin_of(number * fills // count, fills)
            | {"index": number, "venue_time": T0 + number * fills // count * BETWEEN_NS}
            | patterns[number % PATTERNS]
            for number in range(start, min(start + ROWS_AT_ONCE, count))
        )
        statement = f"insert into sweeps values ({', '.join('?' for _ in columns)})"
        connection.executemany(statement, ([row[name] for name in columns] for row in rows))
        progress.say(f"ledger: {start:,} of {count:,} sweeps")


def sweep_patterns() -> Iterator[dict[str, Any]]:
    """What may become of a sweep: the shares of the bands, and how soon the next one comes, are a recorded day's."""
    random = Random(9)
    for _ in range(PATTERNS):
        (band_bps,) = random.choices(*zip(*BANDS, strict=True))
        watched_ns = min(WATCHED_NS, round(random.expovariate(1) * SECOND_NS))
        back = {named_time(tau): random.gauss(0.5, 0.5) if tau <= watched_ns else None for tau in TAUS_NS}
        t50_ns = round(random.expovariate(0.3) * SECOND_NS)
        t90_ns = t50_ns + round(random.expovariate(0.1) * SECOND_NS)
        instrument, is_long = random.choice((INVERSE, LINEAR)), watched_ns > SECOND_NS
        yield {
            "venue": instrument.venue,
            "account": ACCOUNT,
            "instrument": instrument.name,
            "side": random.choice(("buy", "sell")),
            "band_bps": band_bps,
            "loss": random.uniform(0.1, 9),
            "watched_ns": watched_ns,
            "back": msgspec.json.encode(back).decode(),
            "t50_ns": t50_ns if t50_ns <= watched_ns else None,
            "t90_ns": t90_ns if t90_ns <= watched_ns else None,
            "flow_per_s": random.uniform(0, 1) if is_long else None,
            "own_share": random.uniform(0, 1) if is_long else None,
        }


# --- The report ---------------------------------------------------------------------------------------------------


def measure(file: Path) -> dict[str, Any]:
    """Read the report, in this process."""
    progress = Progress()

    def told(done: int, count: int) -> None:
        progress.say(f"report: {done:,} of {count:,} fills and sweeps")

    asked: list[Query] = []

    def hear(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        if statement != "BEGIN":  # the report reads on two connections, and the floor on one
            asked.append((statement, values))

    gc.set_threshold(YOUNG_MAX)  # as the program does
    event.listen(Engine, "before_cursor_execute", hear)
    started, cpu = perf_counter(), process_time()
    with closing(Database(f"sqlite:///{file}")) as database:
        report = database.read_beside(
            lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS, told)
        )
    seconds, cpu_seconds = perf_counter() - started, process_time() - cpu
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "fills": report.fills,
        "sweeps": {"stored": report.sweeps.stored, "read": report.sweeps.read},
        "ledger_bytes": file.stat().st_size,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "fills_per_second": round(report.fills / seconds),
        "peak_bytes": peak_bytes,
        "floor": floor(file, asked),
        "seconds_max": SECONDS_MAX,
        "peak_bytes_max": PEAK_BYTES_MAX,
        "is_reached": seconds <= SECONDS_MAX and peak_bytes <= PEAK_BYTES_MAX,
        "unexplained": {total.currency: f"{total.unexplained:f}" for total in report.pnl.totals},
    }


def floor(file: Path, asked: Sequence[Query]) -> dict[str, float]:
    """How long the driver takes over these queries, where nothing is made of their rows."""
    with closing(sqlite3.connect(file)) as connection:
        started, cpu = perf_counter(), process_time()
        for statement, values in asked:
            cursor = connection.execute(statement, values)
            while cursor.fetchmany(ROWS_AT_ONCE):
                pass
        return {"seconds": round(perf_counter() - started, 2), "cpu_seconds": round(process_time() - cpu, 2)}


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    left = ", ".join(f"{value} {name}" for name, value in found["unexplained"].items())
    return (
        f"{found['fills']:,} fills, {found['sweeps']['stored']:,} sweeps ({found['sweeps']['read']:,} are read), "
        f"a ledger of {found['ledger_bytes'] / 1e6:,.0f} MB\n"
        f"report  {found['seconds']:.1f} s ({found['cpu_seconds']:.1f} s of a core), {found['fills_per_second']:,} "
        f"fills a second, {found['peak_bytes'] / 1e6:,.0f} MB at most\n"
        f"floor   {found['floor']['seconds']:.1f} s ({found['floor']['cpu_seconds']:.1f} s of a core), what the driver "
        f"of SQLite alone takes over the same queries\n"
        f"within {found['seconds_max']:g} s and {found['peak_bytes_max'] / 1e6:,.0f} MB: "
        f"{'yes' if found['is_reached'] else 'no'}\n"
        f"not explained by any part: {left}"
    )


def main(words: Sequence[str] | None = None) -> int:
    """Make the ledger, let another process read it, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="A report on many fills, measured.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--fills", type=int, default=FILLS, metavar="N", help="in the ledger")
    parser.add_argument("--read", type=Path, metavar="FILE", help="only read the report of this SQLite file")
    chosen = parser.parse_args(words)
    if chosen.read is not None:
        found = measure(chosen.read)
    else:
        with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as room:
            file = Path(room) / "ledger.db"
            write_ledger(file, chosen.fills)
            command = [sys.executable, "-m", "bench.report", "--json", "--read", str(file)]
            read = subprocess.run(command, stdout=subprocess.PIPE)
            if not read.stdout:
                return read.returncode
            found = json.loads(read.stdout)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if found["is_reached"] else 1


if __name__ == "__main__":
    sys.exit(main())
