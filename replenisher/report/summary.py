"""The report in a terminal: the P&L by part, and a short table of every other section."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from replenisher.report.markouts import Point
from replenisher.report.numbers import FEW, after, heading, moment, short_names, shown, title, written
from replenisher.report.pnl import Parts, Total
from replenisher.report.report import Report
from replenisher.report.tables import Row, Table, tables

ROWS_MAX = 12  # of a table; all of them are in the other forms
PADDING = 2  # of a column
NAME_WIDTH = 24  # of a row's name in a table that is turned
ELSEWHERE = ("report", "pnl.totals", "markouts", "curves.")
HIDDEN = ("venue", "account")
VERSION = "config_version"
ASIDE = (".intervals", ".seen")  # how sure a number is, which fills columns of its own


def summary(report: Report, width: int) -> RenderableType:
    """All of it that fits into so many columns of text."""
    span = f"{moment(report.since)} to {moment(report.until)} UTC, {report.fills:,} fills\n"
    if report.sweeps.is_part:
        span += f"{report.sweeps.told}\n"
    sections = [table for table in tables(report) if not table.name.startswith(ELSEWHERE)]
    return Group(Text(span), *_parts(report), *_markouts(report), *(_section(each, width) for each in sections))


def _parts(report: Report) -> Iterator[RenderableType]:
    """The P&L of each account by part, its currencies beside each other."""
    by_account: dict[str, list[Total]] = {}
    for total in report.pnl.totals:
        by_account.setdefault(f"{total.account} on {total.venue}", []).append(total)
    for account, totals in by_account.items():
        grid = Grid(box=box.SIMPLE)
        grid.add_column("part")
        for total in totals:
            grid.add_column(total.currency, justify="right")
        for part in Parts.__struct_fields__:
            values = [getattr(total.parts, part) for total in totals]
            if any(values):
                grid.add_row(part.replace("_", " "), *(shown(value) if value else "" for value in values))
        grid.add_section()
        grid.add_row("P&L at fair value", *(shown(total.total) for total in totals))
        if any(total.unexplained for total in totals):
            grid.add_row("not explained", *(f"{total.unexplained}" for total in totals), style="red")
        yield Group(_head(f"P&L of {account}"), grid)


def _markouts(report: Report) -> Iterator[RenderableType]:
    """The markouts of every strategy, a column for each time after the fill."""
    curves = [each for each in report.markouts if each.by == "strategy"]
    if not curves:
        return
    grid = Grid(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("strategy", *(after(point.after_s) for point in curves[0].points)):
        grid.add_column(column, justify="left" if column == "strategy" else "right")
    versions = short_names(curve.config_version for curve in curves)
    for curve in curves[:ROWS_MAX]:
        grid.add_row(f"{curve.key} {versions[curve.config_version]}".strip(), *map(_mean, curve.points))
    is_of_few = any(point.mean_bps is not None and point.fills < FEW for curve in curves for point in curve.points)
    few = [Text(f"  in brackets: of fewer than {FEW} fills\n", style="dim")] if is_of_few else []
    yield Group(_head("Markouts, bps"), grid, *few)


def _mean(point: Point) -> str:
    """A mean, and whether it rests on little."""
    if point.mean_bps is None:
        return ""
    return f"{point.mean_bps:.2f}" if point.fills >= FEW else f"({point.mean_bps:.2f})"


def _section(table: Table, width: int) -> RenderableType:
    """A row a line; turned, where its columns would not fit beside each other."""
    columns = [column for column in table.columns if _is_told(table.rows, column)]
    rows = table.rows[:ROWS_MAX]
    cells = {column: [_cell(row, column) for row in rows] for column in columns}
    needed = sum(PADDING + max(map(len, (title(column), *texts))) for column, texts in cells.items())
    is_turned = needed > width
    grid = Grid(box=box.SIMPLE, show_header=not is_turned)
    if is_turned:
        widest = max(len(text) for texts in cells.values() for text in texts)
        rows = rows[: max(1, (width - NAME_WIDTH) // (min(widest, NAME_WIDTH) + PADDING))]
        grid.add_column(style="dim", max_width=NAME_WIDTH)
        for _ in rows:
            grid.add_column(justify="right", overflow="fold")
        for column, texts in cells.items():
            grid.add_row(title(column), *texts[: len(rows)])
    else:
        for column in columns:
            is_text = any(isinstance(row.cells.get(column), str) for row in rows)
            grid.add_column(title(column), justify="left" if is_text else "right")
        for row in rows:
            grid.add_row(*(_cell(row, column) for column in columns))
    more = len(table.rows) - len(rows)
    rest = [Text(f"  {more} more with --json, --csv or --html\n")] if more else []
    return Group(_head(heading(table.name)), grid, *rest)


def _head(text: str) -> Text:
    return Text(text, style="bold")


def _is_told(rows: Sequence[Row], column: str) -> bool:
    """Whether there is something to read: no column of nothing, and of one version no name."""
    last = column.rpartition(".")[2]
    if (
        last in HIDDEN
        or any(each in column for each in ASIDE)
        or (last == VERSION and len({row.cells.get(column) for row in rows}) == 1)
    ):
        return False
    return any(row.cells.get(column) not in (None, "", 0) for row in rows)


def _cell(row: Row, column: str) -> str:
    value = row.cells.get(column)
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return str(value)
    return written(column, value)
