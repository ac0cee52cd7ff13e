"""The report as CSV: one file a table, named like it, with numbers as they are. A table without a row has no file."""

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from replenisher.report.report import Report
from replenisher.report.tables import Table, names, tables

BEGINNINGS = ("venue,", "group.venue,", "config_version,")  # of all that have rows


def csv_files(report: Report) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    for table in tables(report):
        yield _file(table.name), _text(table)


def left_over(folder: Path, written: Collection[str]) -> list[Path]:
    """The tables of an earlier report in a folder which the one that wrote these files does not have."""
    earlier = [folder / file for file in map(_file, names(Report)) if file not in written]
    return [file for file in earlier if file.is_file() and file.read_text().startswith(BEGINNINGS)]


def _file(table: str) -> str:
    return f"{table.replace('.', '_')}.csv"


def _text(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells for row in table.rows)
    return buffer.getvalue()
