"""The page: tiles, charts and tables, with style, code and plotly inside, so that it opens anywhere and asks nobody.

Every number stands in the page as the JSON of the same report has it (`<data value=...>`, with its place in `data-at`);
what is shown beside is that number with few digits. A browser is told to load nothing at all.
"""

import json
from collections.abc import Container, Iterator, Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files
from itertools import groupby

import msgspec

from replenisher.report.numbers import heading, title, written
from replenisher.report.page.captions import CAPTIONS
from replenisher.report.page.figure import Figure
from replenisher.report.page.figures import figures, for_plotly
from replenisher.report.report import Report
from replenisher.report.tables import Row, Table, tables
from replenisher.store.moment import moment

# Nothing may be loaded, whatever plotly.js knows of: its maps would come from elsewhere, and none is drawn here.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
HEAD = "<!doctype html><!-- a report of replenisher -->"  # by which a page of ours is known
Number = int | float | Decimal
ROWS_OPEN = 10  # a longer table is opened by whoever wants it
NAME_LENGTH = 32  # what is longer is words, of which a line may be broken
COLUMNS_UPRIGHT, ROWS_TURNED = 10, 8  # a table of more columns and no more rows is turned
DRAWN = "curves."  # these tables are charts, and in the JSON
SIGNED = ("total", "booked", "parts", "spread", "inventory", "fees", "rebates", "funding", "markout", "pnl")


def page(report: Report) -> str:
    """The whole file."""
    drawn, found = figures(report), tables(report)
    return "\n".join(
        [
            f'{HEAD}<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>replenisher: report until {moment(report.until)} UTC</title>",
            f"<style>{_own('page.css')}</style></head><body><main>",
            *_head(report),
            *_charts(drawn),
            *(_section(table) for table in found if table.name != "report" and not table.name.startswith(DRAWN)),
            "<footer>Times are UTC. The same numbers are in <code>replenisher report --json</code> and "
            "<code>--csv</code>.</footer></main>",
            f'<script type="application/json" id="report">{_inside(msgspec.json.encode(report).decode())}</script>',
            f'<script type="application/json" id="figures">{_inside(json.dumps(for_plotly(drawn)))}</script>',
            f"<script>{files('plotly').joinpath('package_data/plotly.min.js').read_text()}</script>",
            f"<script>{_own('page.js')}</script></body></html>\n",
        ]
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text()


def _inside(text: str) -> str:
    """JSON that can neither end the element it stands in nor, as `<!--<script` would, hide that element's end."""
    return text.replace("<", "\\u003c")


def _head(report: Report) -> Iterator[str]:
    accounts = sorted({(total.venue, total.account) for total in report.pnl.totals})
    names = ", ".join(f"{account} on {venue}" for venue, account in accounts)
    yield "<header><div><h1>Why money was made or lost</h1>"
    versions = list(dict.fromkeys(each.group.config_version for each in report.performance))
    by = f"Configuration {', '.join(versions)}." if versions else ""
    yield f"<p>{escape(names)}. {moment(report.since)} to {moment(report.until)} UTC. {escape(by)}</p></div>"
    yield '<button id="theme" type="button">Dark</button></header><div class="tiles">'
    for place, total in enumerate(report.pnl.totals):
        of = f" of {total.account}" if len(accounts) > 1 else ""
        yield _tile(f"P&L at the mid{of}", f"pnl.totals[{place}].total", total.total, total.currency, is_signed=True)
    yield _tile("fills", "fills", report.fills, "")
    if without_mid := report.pnl.fills_without_mid:
        of = f"of {report.fills:,}, with a spread of 0"
        yield _tile("fills at their own price", "pnl.fills_without_mid", without_mid, of)
    if report.sweeps.is_part:
        yield _tile("sweeps looked at", "sweeps.read", report.sweeps.read, f"of {report.sweeps.stored:,}")
    if len(report.performance) == 1:
        (only,) = report.performance
        yield _tile("turnover", "performance[0].turnover_quote", only.turnover_quote, "in quote currency")
        yield _tile("deepest fall", "performance[0].drawdown", only.drawdown, only.currency)
    yield "</div>"
    for total in report.pnl.totals:
        if total.unexplained:
            what = f"{total.unexplained} {total.currency} of what the ledger has booked is not explained by any part"
            yield f'<p class="loss">{escape(what)}: this report is wrong.</p>'


def _tile(name: str, place: str, value: Number, unit: str, *, is_signed: bool = False) -> str:
    number = _number(value, place, place, is_signed=is_signed)
    return f'<div class="tile"><span>{escape(name)}</span>{number}<small>{escape(unit)}</small></div>'


def _charts(found: Sequence[Figure]) -> Iterator[str]:
    """All charts, those that are narrow beside each other."""
    for is_narrow, some in groupby(found, key=lambda figure: figure.is_narrow):
        charts = "".join(_chart(figure) for figure in some)
        yield f'<div class="pairs">{charts}</div>' if is_narrow else charts


def _chart(figure: Figure) -> str:
    return (
        f"<section><h2>{escape(figure.title)}</h2><p>{escape(figure.about)}</p>"
        f'<div class="chart" id="{escape(figure.key)}"></div></section>'
    )


def _section(table: Table) -> str:
    columns = [column for column in table.columns if not _goes_without_saying(table.rows, column)]
    numeric = {column for column in columns if any(isinstance(row.cells.get(column), Number) for row in table.rows)}
    is_turned = len(columns) > COLUMNS_UPRIGHT and len(table.rows) <= ROWS_TURNED
    draw, name = _turned if is_turned else _upright, escape(heading(table.name))
    rows = draw(table.rows, columns, numeric)
    grid = f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">{rows}</div>'
    if len(table.rows) > ROWS_OPEN:
        grid = f"<details><summary>{len(table.rows)} rows</summary>{grid}</details>"
    return f"<section><h2>{name}</h2><p>{escape(CAPTIONS[table.name])}</p>{grid}</section>"


def _upright(rows: Sequence[Row], columns: Sequence[str], numeric: Container[str]) -> str:
    head = "".join(f'<th scope="col"{_kind(column in numeric)}>{escape(title(column))}</th>' for column in columns)
    lines = "".join(f"<tr>{''.join(_cell(row, column, column in numeric) for column in columns)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _turned(rows: Sequence[Row], columns: Sequence[str], numeric: Container[str]) -> str:
    """A line for each column, as few rows of many columns would not fit on a page."""
    lines = "".join(
        f'<tr><th scope="row">{escape(title(column))}</th>'
        f"{''.join(_cell(row, column, column in numeric) for row in rows)}</tr>"
        for column in columns
    )
    return f'<table class="turned"><tbody>{lines}</tbody></table>'


def _goes_without_saying(rows: Sequence[Row], column: str) -> bool:
    """Whether no row has anything there, or all of them the one that goes for the whole page."""
    values = {row.cells.get(column) for row in rows}
    is_of_all = column.rpartition(".")[2] in ("venue", "account", "config_version", "quote_currency")
    return values <= {None, "", 0} or (is_of_all and len(values) == 1)


def _cell(row: Row, column: str, is_numeric: bool) -> str:
    value = row.cells.get(column)
    if value is None or value == "":
        return f"<td{_kind(is_numeric)}></td>"
    if isinstance(value, Number) and not isinstance(value, bool):
        is_signed = any(word in column.split(".") for word in SIGNED)
        return f'<td class="number">{_number(value, column, row.places[column], is_signed=is_signed)}</td>'
    kind = ' class="words"' if len(str(value)) > NAME_LENGTH else ""
    return f"<td{kind}>{escape(str(value))}</td>"


def _number(value: Number, column: str, place: str, *, is_signed: bool) -> str:
    text = written(column, value)
    sign = ("loss" if text.startswith("-") else "gain") if is_signed and text != "0" else ""
    kind = f' class="{sign}"' if sign else ""
    return f'<data{kind} value="{_json(value)}" data-at="{escape(place)}">{text}</data>'


def _json(value: Number) -> str:
    """As it stands in the JSON, where money is text so that no digit is lost."""
    return msgspec.json.encode(value).decode().strip('"')


def _kind(is_numeric: bool) -> str:
    return ' class="number"' if is_numeric else ""
