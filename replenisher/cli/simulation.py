"""The verb that lets everything go wrong: the whole system on virtual time, seed after seed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.cli.program import AsJson, app

if TYPE_CHECKING:
    from replenisher.simulate.run import Outcome


@app.command(epilog="Example: replenisher simulate --seeds 1..200 --minutes 10")
def simulate(
    seeds: Annotated[str, typer.Option(metavar="A..B", help="The seeds: one, or the first and the last.")] = "1..20",
    minutes: Annotated[float, typer.Option(min=0.1, help="Simulated, with faults; a while without follows.")] = 10,
    config: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="A paper configuration; else one that is shipped.")
    ] = None,
    faults: Annotated[
        str, typer.Option(metavar="NAMES", help="Which may happen: all, none, or names with commas between them.")
    ] = "all",
    jobs: Annotated[int | None, typer.Option(min=1, help="Seeds at a time; else one a CPU.")] = None,
    mutations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plant these bugs, one at a time, and see which seed finds each."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of what ended a seed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run daemon, exchange and database in one process on virtual time, and let things go wrong.

    A line a seed says how long was simulated, how many messages crossed, what went wrong how often while an order was
    at stake, the hash of every byte and row, and whether every invariant held. The same seed gives the same line. The
    last one says how fast time passed, and what the faults of all seeds came to in a simulated hour. The exit code is 1
    if an invariant did not hold; what failed is said with the command that shows it again.
    """
    from replenisher.wiring import simulation

    if mutations is not None:
        _find_mutations(mutations, _seeds(seeds), minutes, jobs or simulation.cpus(), as_json=as_json)
        return
    chosen, shipped = _seeds(seeds), config or simulation.SHIPPED
    task = simulation.Task(shipped, minutes, simulation.faults_named(faults))
    failed: list[dict[str, Any]] = []
    total = simulation.Total()
    for outcome in simulation.simulate(task, chosen, min(jobs or simulation.cpus(), len(chosen))):
        total.add(outcome)
        typer.echo(json.dumps(_document(outcome)) if as_json else _line(outcome))
        if verbose and outcome.traceback:
            typer.echo(outcome.traceback, err=True)
        if outcome.violation is not None:
            words = f"replenisher simulate --seeds {outcome.seed} --minutes {minutes:g} --faults '{faults}'"
            words += "" if config is None else f" --config {config}"
            again = {"commit": simulation.commit(), "again": words}
            failed.append(again)
            typer.echo(json.dumps(again) if as_json else f"  at commit {again['commit']}: {words}")
    typer.echo(json.dumps({"total": total.document()}) if as_json else total.sentence())
    raise typer.Exit(1 if failed else 0)


def _find_mutations(file: Path, seeds: range, minutes: float, jobs: int, *, as_json: bool) -> None:
    """A line a planted bug: which seed found it, and which invariant."""
    from msgspec import to_builtins

    from replenisher.wiring import mutations

    planted = mutations.mutations_in(file)
    caught = 0
    for found in mutations.find(planted, seeds=seeds, minutes=minutes, jobs=jobs):
        caught += found.is_caught
        if as_json:
            typer.echo(json.dumps(to_builtins(found)))
            continue
        verdict = "NOT FOUND" if found.seed is None else f"seed {found.seed:>3}  {found.invariant:<3}  {found.sentence}"
        if found.without_faults:
            verdict = f"TOO LOUD without faults, {found.without_faults}"
        typer.echo(f"{found.mutation.name:<74}  {found.mutation.file:<26}  {verdict}")
    typer.echo(f"{caught} of {len(planted)} planted bugs were found by an invariant", err=True)
    raise typer.Exit(0 if caught == len(planted) else 1)


def _seeds(words: str) -> range:
    first, _, last = words.partition("..")
    try:
        chosen = range(int(first), int(last or first) + 1)
    except ValueError:
        chosen = range(0)
    if not chosen or chosen[0] < 0:
        raise typer.BadParameter(f"{words!r} is neither a seed nor a range like 1..200", param_hint="--seeds")
    return chosen


def _line(outcome: "Outcome") -> str:
    verdict = "ok"
    if (found := outcome.violation) is not None:
        verdict = f"FAILED {found.invariant} after {found.after_s:.3f} s: {found.sentence}"
    size = f"{outcome.seconds:.0f} s  {outcome.messages:,} messages"
    happened = ", ".join(f"{name} {count}" for name, count in outcome.tally.items()) or "nothing went wrong"
    return f"seed {outcome.seed}  {size}  {outcome.hash}  {verdict}  {happened}"


def _document(outcome: "Outcome") -> dict[str, Any]:
    from msgspec import to_builtins

    document: dict[str, Any] = to_builtins(outcome)
    del document["cpu_s"]  # all that is left is the same in every run of the seed
    return document
