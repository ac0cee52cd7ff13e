"""The report as CSV: one file a table, named like it, with numbers as they are. A table without a row has no file."""

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import get_args

import msgspec

from replenisher.report.report import Report
from replenisher.report.tables import Table, tables

BEGINNINGS = ("venue,", "group.venue,", "config_version,")  # of all that have rows


def csv_files(report: Report) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    for table in tables(report):
        yield f"{table.name.replace('.', '_')}.csv", _text(table)


def left_over(folder: Path, written: Collection[str]) -> list[Path]:
    """The tables of an earlier report in a folder which the one that wrote these files does not have."""
    earlier = (folder / f"{name}.csv" for name in _names(Report) if f"{name}.csv" not in written)
    return [file for file in earlier if file.is_file() and file.read_text().startswith(BEGINNINGS)]


def _names(struct: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Of every table that a report may have, and so of every file."""
    for field in msgspec.structs.fields(struct):
        place, items = (*path, field.name), get_args(field.type)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _names(field.type, place)
        elif items and isinstance(items[0], type) and issubclass(items[0], msgspec.Struct):
            yield "_".join(place)
            yield from _names(items[0], place)


def _text(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells for row in table.rows)
    return buffer.getvalue()
