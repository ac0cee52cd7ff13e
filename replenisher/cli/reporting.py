"""The verbs that look back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replenisher.cli.program import AsJson, app, display, progress
from replenisher.errors import ConfigurationError

if TYPE_CHECKING:
    from replenisher.report.report import Report


@app.command(epilog="Example: replenisher report configs/paper.yaml --html report.html --csv tables")
def report(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|DB", help="The YAML file, or a database: SQLite's file, or a URL.", show_default=False
        ),
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with charts that needs nothing else.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a CSV file a table into a new folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why money was made or lost: P&L in parts, markouts, spreads, obligations.

    It is made of the rows of the database alone, so it needs no daemon. All forms tell the same numbers.
    """
    from replenisher.cli.drafting import require_writable, write_folder, write_over
    from replenisher.wiring.reporting import report as read

    if html is not None and html.is_dir():
        raise ConfigurationError(f"{html}: cannot be written: it is a folder")
    for path in (html, csv):
        if path is not None:
            require_writable(path)
    with progress("the report") as tell:
        found = read(source, lambda done, of: tell(f"{done:,} of {of:,} fills"))
        if html is not None:
            tell(f"drawing {html}")
            from replenisher.report.page.document import page

            write_over(html, page(found))
        if csv is not None:
            from replenisher.report.csv_files import csv_files

            write_folder(csv, dict(csv_files(found)))
    _show(found, as_json=as_json, written=[path for path in (html, csv) if path is not None])


def _show(found: "Report", *, as_json: bool, written: list[Path]) -> None:
    if as_json:
        from msgspec.json import encode, format

        typer.echo(format(encode(found)))
        return
    from replenisher.report.summary import summary

    display(summary(found))
    for path in written:
        typer.echo(f"{path} is written")
