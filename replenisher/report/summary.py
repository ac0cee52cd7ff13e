"""The report in a terminal: the P&L by part, and a short table of every other section."""

from collections.abc import Iterator, Sequence

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from replenisher.report.page.numbers import after, heading, moment, short_names, shown, title, written
from replenisher.report.pnl import Total
from replenisher.report.report import Report
from replenisher.report.tables import Row, Table, tables

ROWS_MAX, TURNED_ROWS_MAX = 12, 4  # of a table; all of them are in the other forms
COLUMNS_MAX = 7
ELSEWHERE = ("report", "pnl.totals", "markouts", "curves.")
HIDDEN = ("venue", "account")
VERSION = "config_version"


def summary(report: Report) -> RenderableType:
    """All of it that fits."""
    span = f"{moment(report.since)} to {moment(report.until)} UTC, {report.fills:,} fills"
    sections = [table for table in tables(report) if not table.name.startswith(ELSEWHERE)]
    parts = [_parts(total) for total in report.pnl.totals]
    return Group(Text(span), *parts, *_markouts(report), *(_section(each) for each in sections))


def _parts(total: Total) -> RenderableType:
    grid = Grid(
        box=box.SIMPLE, title=f"P&L of {total.account} on {total.venue}, {total.currency}", title_justify="left"
    )
    grid.add_column("part")
    grid.add_column(total.currency, justify="right")
    for name, value in msgspec.structs.asdict(total.parts).items():
        if value:
            grid.add_row(name.replace("_", " "), f"{shown(value)}")
    grid.add_section()
    grid.add_row("P&L", f"{shown(total.total)}")
    if total.unexplained:
        grid.add_row("not explained", f"{total.unexplained}")
    return grid


def _markouts(report: Report) -> Iterator[RenderableType]:
    """The markouts of every strategy, a column for each time after the fill."""
    curves = [each for each in report.markouts if each.by == "strategy"]
    if not curves:
        return
    grid = Grid(box=box.SIMPLE, title="Markouts, bps", title_justify="left")
    for column in ("strategy", *(after(point.after_s) for point in curves[0].points)):
        grid.add_column(column, justify="left" if column == "strategy" else "right")
    versions = short_names(curve.config_version for curve in curves)
    for curve in curves[:ROWS_MAX]:
        means = ("" if point.mean_bps is None else f"{point.mean_bps:.2f}" for point in curve.points)
        grid.add_row(f"{curve.key} {versions[curve.config_version]}".strip(), *means)
    yield grid


def _section(table: Table) -> RenderableType:
    """A row a line; turned, where its columns would not fit beside each other."""
    columns = [column for column in table.columns if _is_told(table.rows, column)]
    is_turned = len(columns) > COLUMNS_MAX
    rows = table.rows[: TURNED_ROWS_MAX if is_turned else ROWS_MAX]
    grid = Grid(box=box.SIMPLE, title=heading(table.name), title_justify="left", show_header=not is_turned)
    if is_turned:
        grid.add_column(style="dim")
        for _ in rows:
            grid.add_column(justify="right", overflow="fold")
        for column in columns:
            grid.add_row(title(column), *(_cell(row, column) for row in rows))
    else:
        for column in columns:
            is_text = any(isinstance(row.cells.get(column), str) for row in rows)
            grid.add_column(title(column), justify="left" if is_text else "right", overflow="fold")
        for row in rows:
            grid.add_row(*(_cell(row, column) for column in columns))
    more = len(table.rows) - len(rows)
    return Group(grid, Text(f"  {more} more with --json, --csv or --html")) if more else grid


def _is_told(rows: Sequence[Row], column: str) -> bool:
    """Whether there is something to read: no column of nothing, and of one version no name."""
    last = column.rpartition(".")[2]
    if last in HIDDEN or (last == VERSION and len({row.cells.get(column) for row in rows}) == 1):
        return False
    return any(row.cells.get(column) not in (None, "", 0) for row in rows)


def _cell(row: Row, column: str) -> str:
    value = row.cells.get(column)
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return str(value)
    return written(column, value)
