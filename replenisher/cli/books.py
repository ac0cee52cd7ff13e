"""The verbs about the books: the audit and the database."""

from typing import Annotated

import typer

from replenisher.cli.program import AsJson, File, app, database, progress, show, show_json, warn

HOURS_MAX = 1_000_000  # a century: no ledger is older, and a time of the clock is still left


@app.command(epilog="Example: replenisher audit configs/paper.yaml --json")
def audit(
    file: File,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Two empty books agree.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare our SQL ledger with the simulated exchange's books.

    Where money is real there are none to read, and `statement` holds the ledger against what the venue says. Every
    difference is named, and the exit code is 1 if there is one or if both books are empty. While the daemon runs its
    orders may rest, and what differs is looked at twice.
    """
    import msgspec

    from replenisher.config import load
    from replenisher.report.audit_page import audit_page
    from replenisher.store.period import ALWAYS
    from replenisher.wiring import books
    from replenisher.wiring.reporting import unread

    config = load(file)
    with progress("comparing the two books"):
        found = books.audit(config)
    warn(unread(str(file), ALWAYS))
    if as_json:
        show_json(msgspec.to_builtins(found))
    else:
        typer.echo(audit_page(found))
    raise typer.Exit(found.exit_code(allow_empty=allow_empty))


@app.command(epilog="Example: replenisher obligations configs/paper.yaml --hours 24 --json")
def obligations(
    file: File,
    hours: Annotated[int, typer.Option(min=1, max=HOURS_MAX, help="How far to look back.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Say how much of each hour every strategy met its obligations.

    Each breach is listed. It reads the database, so it needs no daemon. The exit code is 0 whatever it says.
    """
    from replenisher.config import load
    from replenisher.report.uptime import uptime_page
    from replenisher.wiring import books

    found = books.obligations(load(file), hours)
    if as_json:
        show_json(found)
    else:
        typer.echo(uptime_page(found))


@database.command("upgrade", epilog="Example: replenisher db upgrade configs/paper.yaml")
def database_upgrade(file: File) -> None:
    """Bring the tables to the version that this program knows. `run` does so by itself."""
    from replenisher.config import load
    from replenisher.wiring import books

    config = load(file)
    books.database_upgrade(config)
    typer.echo(f"{books.database_check(config)['database']}: the tables are as this program knows them")


@database.command("downgrade", epilog="Example: replenisher db downgrade configs/paper.yaml --to base --drop-rows")
def database_downgrade(
    file: File,
    to: Annotated[str, typer.Option(metavar="REVISION", help="How far; `base` is no tables at all.")] = "-1",
    drop_rows: Annotated[bool, typer.Option("--drop-rows", help="Although there are rows: they may go.")] = False,
) -> None:
    """Take the tables back to an older version. For development databases only.

    A database that holds rows is refused unless --drop-rows says that they may go, and one to which a daemon writes
    always.
    """
    from replenisher.config import load
    from replenisher.wiring import books

    name = books.database_downgrade(load(file), to, drop_rows=drop_rows)
    typer.echo(f"{name}: the tables are older now; `run` or `db upgrade` brings them up again")


@database.command("check", epilog="Example: replenisher db check configs/paper.yaml --json")
def database_check(file: File, as_json: AsJson = False) -> None:
    """Say whether the tables are as this program knows them."""
    from replenisher.config import load
    from replenisher.wiring import books

    show(books.database_check(load(file)), as_json)
