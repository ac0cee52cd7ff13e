"""The verbs that look back."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replenisher.cli.program import AsJson, Ledger, app, display, progress, show_json, warn
from replenisher.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from replenisher.report.report import Report

FIRST_DAY = date(1970, 1, 1)


@app.command(epilog="Example: replenisher report configs/paper.yaml --since 2026-11-25 --html day.html")
def report(
    source: Ledger,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a page with charts that needs nothing else; an earlier page is written over."
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write CSV files into a folder, one a table; those of an earlier report are written over.",
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only from here on, UTC.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="And only before this.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why money was made or lost.

    It tells P&L in parts that sum, halts and pauses, markouts, spreads, how books come back and obligations. It is
    made of the rows of the database alone, so it needs no daemon. All forms tell the same numbers; a terminal gets what
    fits, and with --html or --csv only what it comes to. The exit code is 1 if the parts of a P&L do not come to what
    the ledger has booked; all is written then, too.

    With --since and --until it is of that time alone, as of a day: what was held when it began counts from the middle
    of the book there. Each TIME is like 2026-11-25 or 2026-11-25T13:45:00Z.
    """
    from replenisher.cli.drafting import require_ours, require_writable, write_folder, write_over
    from replenisher.wiring.periods import period_told
    from replenisher.wiring.reporting import report as read
    from replenisher.wiring.reporting import unread

    period = period_told(since, until)
    if html is not None and html.is_dir():
        raise ConfigurationError(f"{html}: cannot be written: it is a folder")
    if csv is not None and csv.exists() and not csv.is_dir():
        raise ConfigurationError(f"{csv}: cannot be written: it is no folder")
    for path in (html, csv):
        if path is not None:
            require_writable(path)
    if html is not None:
        from replenisher.report.page.document import HEAD, page

        require_ours(html, HEAD)
    with progress("the report") as tell:
        found = read(source, lambda done, of: tell(f"{done:,} of {of:,} fills and sweeps"), period)
        tables: dict[str, str] = {}
        if csv is not None:
            from replenisher.report.csv_files import beginning, csv_files, left_over

            tables = dict(csv_files(found))
            for name, text in tables.items():
                require_ours(csv / name, beginning(text))
        if html is not None:
            tell(f"drawing {html}")
            write_over(html, page(found))
        if csv is not None:
            write_folder(csv, tables)
            for file in left_over(csv, tables):
                file.unlink()
    warn(unread(source, period))
    _show(found, as_json=as_json, written=[path for path in (html, csv) if path is not None])
    raise typer.Exit(0 if found.pnl.is_explained else 1)


@app.command(epilog="Example: replenisher why configs/paper.yaml rpl0sfj3a00002k")
def why(
    ledger: Ledger,
    order_id: Annotated[
        str,
        typer.Argument(
            metavar="ORDER_ID", help="Ours, as far as it is unmistakable, or the venue's.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Tell why an order is there, and what became of it.

    Each time it was placed, amended, kept, canceled or filled is told, and what led to it. A price is told from fair
    value to the tick, with every number that was worked with, and then who cut or denied what. It reads the database
    alone: another configuration changes no answer, and no daemon need run.
    """
    from replenisher.report.why.page import why_page
    from replenisher.wiring.explaining import why as read_why

    with progress("reading the story"):
        found = read_why(ledger, order_id)
    if as_json:
        show_json(found)
    else:
        typer.echo(why_page(found))


def _day(text: str) -> date:
    with suppress(ValueError):
        day = datetime.strptime(text, "%Y-%m-%d").date()
        if day >= FIRST_DAY:
            return day
    raise UsageError(f"the command line: --day: {text!r} is no day from 1970 on: write one as 2026-11-25")


@app.command(epilog="Example: replenisher statement configs/paper.yaml --day 2026-11-25 --json")
def statement(
    source: Ledger,
    day: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="YYYY-MM-DD", help="Which day, by UTC; yesterday if not told."),
    ] = None,
    why: Annotated[
        str,
        typer.Option("--accept", metavar="WHY", help="Live with what is not explained: no alarm, unless it changes."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether all that moved our money on a day is known.

    Opening balances and positions, fills, fees, funding, settlements and transfers come to what the venue said at the
    end. What is left is told by name, and the exit code is then 1, or 0 if it is accepted.
    """
    from replenisher.report.statement_page import statement_page
    from replenisher.wiring.reporting import accept
    from replenisher.wiring.reporting import statement as read

    chosen = day or datetime.now(UTC).date() - timedelta(days=1)
    with progress(f"the statement of {chosen}") as tell:
        found = read(source, chosen, lambda done, of: tell(f"{done:,} of {of:,} fills"))
    if as_json:
        from msgspec.json import encode, format

        typer.echo(format(encode(found)))
    else:
        typer.echo(statement_page(found))
    if why:
        accept(source, found, why)
    raise typer.Exit(0 if found.is_explained or why else 1)


def _show(found: "Report", *, as_json: bool, written: list[Path]) -> None:
    if as_json:
        from msgspec.json import encode, format

        typer.echo(format(encode(found)))
        return
    from rich.console import Console

    from replenisher.report.summary import outcome, summary

    display(outcome(found) if written else summary(found, Console().width))
    for path in written:
        typer.echo(f"{path} is written")
