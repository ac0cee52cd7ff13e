"""What `simulate --mutations` prints: a line a planted bug as soon as it is settled, and what all of them came to."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from replenisher.cli.program import progress

if TYPE_CHECKING:
    from replenisher.wiring.campaign import Found

SAY_EVERY_S = 30.0  # where nobody sits at a terminal
NAME, FILE = 74, 30  # columns


def plant(
    file: Path, days: Mapping[str, Any], jobs: int, *, only: str | None, results: Path | None, as_json: bool
) -> int:
    """Try the bugs that a file lists; the exit code."""
    from msgspec import to_builtins

    from replenisher.wiring.campaign import Campaign, Days, Record, missing
    from replenisher.wiring.mutations import mutations_in, named

    planted = mutations_in(file)
    if only is not None:
        planted = [named(planted, only)]
    if not as_json:
        typer.echo(f"{'mutant':<{NAME}}  {'file':<{FILE}}  seed  invariant")
    with _progress() as say:
        campaign = Campaign(
            planted,
            Days(**days),
            jobs,
            Record(results),
            tell=lambda found: typer.echo(json.dumps(to_builtins(found)) if as_json else _row(found)),
            say=say,
        )
        campaign.run()
    survived = [each.mutation for each in campaign.found if not each.is_caught]
    never = [] if only is not None else missing(campaign.found)
    unsound = {trial.seed: str(trial) for trial in campaign.unsound}
    if as_json:
        total = {"planted": len(planted), "survived": survived, "never_first": never, "unsound": unsound}
        typer.echo(json.dumps({"total": total}))
    else:
        typer.echo(f"{len(planted) - len(survived)} of {len(planted)} planted bugs were found by their invariant")
        for line in unsound.values():
            typer.echo(f"counts for nothing, since it fails without a bug as well: {line}")
        if only is None:
            typer.echo(f"never the first to find one: {', '.join(never) or 'none'}")
    return 1 if survived or never else 0


def _row(found: "Found") -> str:
    raised = f"  (raised on {', '.join(map(str, found.raised))})" if found.raised else ""
    if found.too_loud:
        verdict = f"   -  TOO LOUD without faults, {found.too_loud}"
    elif found.seed is None:
        verdict = f"   -  SURVIVED{raised}"
    else:
        verdict = f"{found.seed:>4}  {found.invariant:<3}  {found.sentence}{raised}"
    if found.seed is not None and not found.is_caught:
        verdict += f"  (and was to be found by {' or '.join(found.caught_by)})"
    return f"{found.mutation:<{NAME}}  {found.file:<{FILE}}  {verdict}"


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """How far it is: all the time at a terminal, and now and then where only a file is written."""
    if sys.stderr.isatty():
        with progress("planting bugs") as say:
            yield say
        return
    said_at = time.monotonic()

    def say_seldom(what: str) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= SAY_EVERY_S:
            said_at = time.monotonic()
            typer.echo(what, err=True)

    yield say_seldom
