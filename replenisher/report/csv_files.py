"""The report as CSV: one file a table, named like it, with numbers as they are. A table without a row has no file."""

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from replenisher.report.report import Report
from replenisher.report.tables import Table, names, tables

BEGINNINGS = (
    *(b"venue,account,", b"group.venue,group.account,"),
    *(b"config_version,by,", b"config_version,strategy,", b"config_version,venue,"),
)  # of all that have rows


def csv_files(report: Report) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    for table in tables(report):
        yield _file(table.name), _text(table)


def beginning(text: str) -> str:
    """What a table of ours is known by: its first two columns, as others may come and go."""
    return ",".join(text.split(",", 2)[:2]) + ","


def left_over(folder: Path, written: Collection[str]) -> list[Path]:
    """The tables of an earlier report in a folder which the one that wrote these files does not have."""
    earlier = [folder / file for file in map(_file, names(Report)) if file not in written]
    return [file for file in earlier if file.is_file() and _head(file).startswith(BEGINNINGS)]


def _head(file: Path) -> bytes:
    """As much of a file as says whether it is one of ours, whatever it is."""
    with file.open("rb") as open_file:
        return open_file.read(max(map(len, BEGINNINGS)))


def _file(table: str) -> str:
    return f"{table.replace('.', '_')}.csv"


def _text(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells for row in table.rows)
    return buffer.getvalue()
