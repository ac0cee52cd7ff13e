"""The report in a terminal: the P&L by part, and a short table of every other section."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from math import inf

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from replenisher.report.numbers import FEW, after, heading, short_names, shown, title, told_apart, written
from replenisher.report.pnl import Parts, Total
from replenisher.report.report import Report
from replenisher.report.tables import Row, Table, tables
from replenisher.store.moment import moment

ROWS_MAX = 12  # of a table; all of them are in the other forms
PADDING, MARGIN = 2, 1  # of a column, and of a table
NAME_WIDTH = 34  # of a row's name in a table that is turned, at most
IN_TIME = ("halts", "lives")  # whose last rows are wanted first
ELSEWHERE = ("report", "pnl.totals", "markouts", "spreads.after", "curves.")
OF_ALL = ("instrument", "strategy", "currency", "day")  # stands in the heading where it is the same in all rows
HIDDEN = ("venue", "account")
ONE_IS_NO_NEWS = ("config_version", "quote_currency")  # goes without saying where it is the same in all rows
ASIDE = (".intervals", ".seen")  # how sure a number is, which fills columns of its own
RESTS_ON = {"half_life_s": "rho_per_s", "never_share": "t90_by 60s"}  # what is seen as often as another number
Known = tuple[float, float | None, int]  # after how many seconds, the mean if there is one, and of how many
Cells = Mapping[str, Sequence[str]]  # by column


def summary(report: Report, width: int) -> RenderableType:
    """All of it that fits into so many columns of text."""
    span = f"{moment(report.since)} to {moment(report.until)} UTC, {report.fills:,} fills\n"
    if report.sweeps.is_part:
        span += f"{report.sweeps.told}\n"
    sections = [table for table in tables(report) if not table.name.startswith(ELSEWHERE)]
    curves = (*_markouts(report, width), *_realised(report, width))
    return Group(Text(span), *_parts(report), *curves, *(_section(each, width) for each in sections))


def outcome(report: Report) -> RenderableType:
    """What it comes to, for who has the rest of it in a file."""
    return Group(*_parts(report))


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
        grid.add_row("P&L at the mid", *(shown(total.total) for total in totals))
        if any(total.unexplained for total in totals):
            grid.add_row("not explained", *(f"{total.unexplained}" for total in totals), style="red")
        yield Group(_head(f"P&L of {account}"), grid)
    if without_mid := report.pnl.fills_without_mid:
        told = f"{without_mid:,} of {report.fills:,} fills have no mid, and count at their own price: a spread of 0"
        yield Text(f"{told}\n", style="dim")


def _markouts(report: Report, width: int) -> Iterator[RenderableType]:
    """The markouts of every strategy."""
    curves = [each for each in report.markouts if each.by == "strategy"]
    points = [[(point.after_s, point.mean_bps, point.fills) for point in curve.points] for curve in curves]
    currencies = told_apart(curve.quote_currency for curve in curves)
    names = [(curve.key, currencies[curve.quote_currency], curve.config_version) for curve in curves]
    yield from _over_time("Markouts, bps", ("strategy", "quoted in"), names, points, width)


def _realised(report: Report, width: int) -> Iterator[RenderableType]:
    """What was left of the effective spread of every level."""
    points = [[(point.after_s, point.realised_bps, point.fills) for point in each.after] for each in report.spreads]
    currencies = told_apart(each.quote_currency for each in report.spreads)
    names = [
        (each.strategy, _level(each.level), currencies[each.quote_currency], each.config_version)
        for each in report.spreads
    ]
    columns = ("strategy", "level", "quoted in")
    yield from _over_time("Spreads: what was left after which time, bps", columns, names, points, width)


def _level(level: int | None) -> str:
    return "" if level is None else str(level)


def _over_time(
    told: str, columns: Sequence[str], names: Sequence[tuple[str, ...]], curves: Sequence[Sequence[Known]], width: int
) -> Iterator[RenderableType]:
    """A curve a line, a column for each time after the fill. The last of a curve's names is its version."""
    if not curves:
        return
    versions = short_names(version for *_, version in names)
    is_told = [*(any(own) for own in zip(*(name[:-1] for name in names), strict=True)), any(versions.values())]
    own = [[*compress((*columns, ""), is_told)]]
    own += [[*compress((*name[:-1], versions[name[-1]]), is_told)] for name in names[:ROWS_MAX]]
    means = [[after(after_s) for after_s, _, _ in curves[0]]]
    means += [[_mean(mean, of) for _, mean, of in points] for points in curves[:ROWS_MAX]]
    grids = [_beside(own, [row[some] for row in means]) for some in _blocks(means, width - MARGIN - sum(_widths(own)))]
    is_of_few = any(mean is not None and of < FEW for points in curves[:ROWS_MAX] for _, mean, of in points)
    yield Group(_head(told), *grids, *_few(is_of_few, "fills"), *_rest(len(curves) - ROWS_MAX))


def _beside(names: Sequence[Sequence[str]], numbers: Sequence[Sequence[str]]) -> Grid:
    """A grid of names and numbers, the first line of both its head."""
    grid = _grid()
    for column in names[0]:
        grid.add_column(column)
    for column in numbers[0]:
        grid.add_column(column, justify="right")
    for own, some in zip(names[1:], numbers[1:], strict=True):
        grid.add_row(*own, *some)
    return grid


def _blocks(lines: Sequence[Sequence[str]], room: int) -> Iterator[slice]:
    """The columns, as many at once as there is room for."""
    first, taken = 0, 0
    for place, needed in enumerate(_widths(lines)):
        if place > first and taken + needed > room:
            yield slice(first, place)
            first, taken = place, 0
        taken += needed
    yield slice(first, None)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is."""
    return [PADDING + max(map(len, column)) for column in zip(*lines, strict=True)]


def _mean(mean: float | None, of: int) -> str:
    """A mean, and whether it rests on little."""
    return "" if mean is None else _sure(f"{mean:.2f}", of)


def _sure(number: str, of: float) -> str:
    return number if of >= FEW else f"({number})"


def _few(is_any: bool, of: str) -> list[Text]:
    """What brackets say."""
    return [Text(f"  in brackets: of fewer than {FEW} {of}\n", style="dim")] if is_any else []


def _section(table: Table, width: int) -> RenderableType:
    """A row a line; turned, and in as many blocks as it takes, where its columns would not fit beside each other."""
    rows = table.rows[-ROWS_MAX:] if table.name in IN_TIME else table.rows[:ROWS_MAX]
    told = [column for column in table.columns if _is_told(table.rows, column)]
    of_all = [column for column in told if column.rpartition(".")[2] in OF_ALL and _is_the_same(table.rows, column)]
    cells = {column: [_cell(row, column) for row in rows] for column in told if column not in of_all}
    needed = MARGIN + sum(PADDING + max(map(len, (title(column), *texts))) for column, texts in cells.items())
    about = ", ".join(_cell(rows[0], column) for column in of_all)
    head = Text.assemble((heading(table.name), "bold"), (f"  {about}" if about else "", "dim"))
    grids = _turned(cells, width) if needed > width else [_upright(cells, rows)]
    is_of_few = any(_seen(row, column) < FEW for row in rows for column in cells if row.cells.get(column) is not None)
    return Group(head, *grids, *_few(is_of_few, "sweeps"), *_rest(len(table.rows) - len(rows)))


def _upright(cells: Cells, rows: Sequence[Row]) -> Grid:
    grid = _grid()
    for column in cells:
        is_text = any(isinstance(row.cells.get(column), str) for row in rows)
        grid.add_column(title(column), justify="left" if is_text else "right")
    for texts in zip(*cells.values(), strict=True):
        grid.add_row(*texts)
    return grid


def _turned(cells: Cells, width: int) -> Iterator[Grid]:
    """A line for each column, and as many rows beside each other as there is room for."""
    rows = len(next(iter(cells.values())))
    names = min(NAME_WIDTH, max(len(title(column)) for column in cells))
    room = max(1, width - names - PADDING - MARGIN)
    widest = min(room, max(len(text) for texts in cells.values() for text in texts))
    at_once = max(1, room // (widest + PADDING))
    for first in range(0, rows, at_once):
        grid = _grid(show_header=False)
        grid.add_column(style="dim", max_width=names)
        for _ in range(first, min(rows, first + at_once)):
            grid.add_column(justify="right", overflow="fold")
        for column, texts in cells.items():
            grid.add_row(title(column), *texts[first : first + at_once])
        yield grid


def _grid(*, show_header: bool = True) -> Grid:
    return Grid(box=box.SIMPLE, padding=(0, 1, 0, 0), show_header=show_header)


def _rest(more: int) -> list[Text]:
    """Where to find what there is no room for."""
    return [Text(f"  {more} more with --json, --csv or --html\n")] if more > 0 else []


def _head(text: str) -> Text:
    return Text(text, style="bold")


def _is_the_same(rows: Sequence[Row], column: str) -> bool:
    return len({row.cells.get(column) for row in rows}) == 1


def _is_told(rows: Sequence[Row], column: str) -> bool:
    """Whether there is something to read: no column of nothing, and of one version or currency no name."""
    last = column.rpartition(".")[2]
    if (
        last in HIDDEN
        or any(each in column for each in ASIDE)
        or (last in ONE_IS_NO_NEWS and _is_the_same(rows, column))
    ):
        return False
    return any(row.cells.get(column) not in (None, "", 0) for row in rows)


def _cell(row: Row, column: str) -> str:
    value = row.cells.get(column)
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return str(value)
    return _sure(written(column, value), _seen(row, column))


def _seen(row: Row, column: str) -> float:
    """On how many sweeps a number rests; what is no number of sweeps rests on enough."""
    table, _, name = column.partition(".")
    seen = RESTS_ON.get(name, name)
    count = row.cells.get(f"{table}.seen.{seen}", row.cells.get(f"{table}.seen {seen}"))
    return count if isinstance(count, int) else inf
