"""The report as CSV: one file a table, named like it, with numbers as they are."""

import csv
import io
from collections.abc import Iterator

from replenisher.report.report import Report
from replenisher.report.tables import Table, tables


def csv_files(report: Report) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    for table in tables(report):
        yield f"{table.name.replace('.', '_')}.csv", _text(table)


def _text(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells for row in table.rows)
    return buffer.getvalue()
