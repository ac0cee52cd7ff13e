"""The verb that lets everything go wrong: the whole system on virtual time, seed after seed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.cli.planting import plant
from replenisher.cli.program import MINUTES_MAX, AsJson, app
from replenisher.errors import UsageError

if TYPE_CHECKING:
    from replenisher.simulate.run import Outcome


MINUTES, REAL_MINUTES = 10.0, 0.1
SLEEPERS_A_CPU = 4  # seeds at a time: in real time most of them wait


@app.command(epilog="Example: replenisher simulate --seeds 1..200 --minutes 10")
def simulate(
    seeds: Annotated[str, typer.Option(metavar="A..B", help="The seeds: one, or the first and the last.")] = "1..20",
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.05, max=MINUTES_MAX, help="With faults, 10 if simulated, 0.1 if real; a while without follows."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="A paper configuration; else one that is shipped.")
    ] = None,
    faults: Annotated[
        str, typer.Option(metavar="NAMES", help="Which may happen: all, none, or names with commas between them.")
    ] = "all",
    sockets: Annotated[
        bool, typer.Option("--sockets", help="In real time, through real WebSockets and the exchange's real server.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Seeds at a time; else one a CPU.")] = None,
    mutations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plant these bugs, one at a time, and see which invariant finds each."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plant this one, or the one with this in its name.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every trial of a bug here, and make none twice.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of what ended a seed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole system on virtual time while things go wrong.

    Daemon, exchange and database run in one process. A line a seed says how long was simulated, how many messages
    crossed, what went wrong how often while an order was at stake, the hash of every byte and row, and whether every
    invariant held. The same seed gives the same line. The last ones say how fast time passed, what the faults of all
    seeds came to in a simulated hour, and how long it took to quote again after the last one, to stop verified flat,
    and until unwanted orders were gone. The exit code is 1 if an invariant did not hold; what failed is said with the
    command that shows it again.

    With --sockets time is real, and frames go over real connections to the exchange's server. Faults come as thick in
    seconds as else in minutes; what is said of books, frames and rows must hold. Such a seed goes otherwise each time.
    In the end a whole process lives on from the same files, is asked for everything through its door, and a doctor
    looks at the account.

    With --mutations each planted bug must first pass 20 seeds without faults, and is then run with them, seed after
    seed, until a named invariant finds it; an exception finds nothing. The exit code is 1 if a bug was not found by the
    invariant that the file says, or if an invariant was never the first to find one.
    """
    from replenisher.wiring import simulation

    minutes = minutes or (REAL_MINUTES if sockets else MINUTES)
    if mutations is not None:
        days = {"seeds": _seeds(seeds), "minutes": minutes, "faults": faults, "config": config}
        raise typer.Exit(plant(mutations, days, jobs or simulation.cpus(), only=only, results=results, as_json=as_json))
    for option, value in (("--only", only), ("--results", results)):
        if value is not None:
            raise UsageError(f"the command line: {option}: it says something of planted bugs only")
    chosen, shipped = _seeds(seeds), config or simulation.SHIPPED
    task = simulation.Task(shipped, minutes, simulation.faults_named(faults), on_sockets=sockets)
    at_a_time = jobs or simulation.cpus() * (SLEEPERS_A_CPU if sockets else 1)
    failed: list[dict[str, Any]] = []
    total = simulation.Total()
    for outcome in simulation.simulate(task, chosen, min(at_a_time, len(chosen))):
        total.add(outcome)
        typer.echo(json.dumps(_document(outcome)) if as_json else _line(outcome))
        if verbose and outcome.traceback:
            typer.echo(outcome.traceback, err=True)
        if outcome.violation is not None:
            words = f"replenisher simulate --seeds {outcome.seed} --minutes {minutes:g} --faults '{faults}'"
            words += " --sockets" if sockets else ""
            words += "" if config is None else f" --config {config}"
            again = {"commit": simulation.commit(), "again": words}
            failed.append(again)
            typer.echo(json.dumps(again) if as_json else f"  at commit {again['commit']}: {words}")
    typer.echo(json.dumps({"total": total.document()}) if as_json else total.sentence())
    raise typer.Exit(1 if failed else 0)


def _seeds(words: str) -> range:
    first, _, last = words.partition("..")
    try:
        chosen = range(int(first), int(last or first) + 1)
    except ValueError:
        chosen = range(0)
    if not chosen or chosen[0] < 0:
        raise UsageError(f"the command line: --seeds: {words!r} is neither a seed nor a range like 1..200")
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
