"""The verb that lets the past happen again, as fast as it goes."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from replenisher.cli.program import MINUTES_MAX, AsJson, File, Tape, app, playable, progress, show
from replenisher.errors import UsageError


@app.command(epilog="Example: replenisher replay configs/paper.yaml --synthetic --seed 3 --minutes 60")
def replay(
    file: File,
    tape: Tape = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="The market is a seeded order flow.")] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            callback=playable,
            help="The recording goes by so many times faster; delays, timers and limits stay as they are.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Of the order flow; else the file's.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=MINUTES_MAX,
            help="Of the desk's clock, in which --speed 4 plays four times as much; else all of a tape, and 10 of an "
            "order flow.",
        ),
    ] = None,
    data_directory: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Leave journal, ledger and database there, as `run` does; it must be empty."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take the recorded facts of a journal instead, and compare its commands."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PRICE", help="What a source of price_sources answers, all the time."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a market happen again, as fast as it goes.

    Engine and exchange run on one virtual timeline, without sockets. Latency, fees, the queue model and the rate of
    requests are those of the section `exchange`. The same past gives the same hash, and the same answer byte for byte.
    The exit code is that of `run`: 0 if it ended verified flat, 3 if a limit halted it.

    With --data-directory, the other verbs look at the replay: REPLENISHER_DATA_DIR=DIR replenisher audit CONFIG. What
    is open at the end counts here at the exchange's mark, and in a report at the middle of the others' book.

    Nobody is asked over HTTP: --price says what a source answers all the time, and the answer names it.

    With --journal there is no exchange: what a daemon heard is told to a new engine, which must ask for the same, byte
    for byte. That takes a journal with every step (`journal.market_data: true`). The first step that differs is told,
    and the exit code is 1 then.
    """
    if journal is not None:
        if any((tape, synthetic, speed, seed is not None, minutes, data_directory, price)):
            raise UsageError("the command line: --journal: a journal is all there is to replay")
        raise typer.Exit(_again(file, journal, as_json))
    if synthetic and tape is not None:
        raise UsageError("the command line: --synthetic: a market is either recorded or synthetic")
    if synthetic and speed is not None:
        raise UsageError("the command line: --speed: only a tape is played faster")
    with progress("replay") as tell:
        from replenisher.config import load, market_overrides, require_exchange

        config = load(file, _overrides(market_overrides(tape, speed), synthetic=synthetic, seed=seed))

        from replenisher.wiring import replaying

        prices = replaying.held_prices(price or ())
        replaying.require_replayable(config, prices)
        require_exchange(config)
        outcome = replaying.replay(config, minutes=minutes, directory=data_directory, prices=prices, tell=tell)

    from msgspec import to_builtins

    document: dict[str, Any] = to_builtins(outcome, builtin_types=(Decimal,))
    if sys.stderr.isatty():  # of two replays of the same past it alone differs
        typer.echo(f"replay: {document['cpu_s']} s of CPU", err=True)
    del document["cpu_s"]
    show(document, as_json)
    raise typer.Exit(outcome.exit_code)


def _again(file: Path, journal: Path, as_json: bool) -> int:
    """Live a journal again."""
    with progress("replay") as tell:
        from replenisher.config import load
        from replenisher.wiring import replaying

        found = replaying.again(load(file), journal, tell)

    from msgspec import to_builtins

    show(to_builtins(found), as_json)
    return 1 if found.difference is not None else 0


def _overrides(market: dict[str, Any], *, synthetic: bool, seed: int | None) -> dict[str, Any]:
    """What the command line says about the exchange."""
    exchange = dict(market.get("exchange", {}))
    if synthetic:
        exchange["market"] = {"source": "synthetic"}
    if seed is not None:
        exchange["seed"] = seed
    return {"exchange": exchange} if exchange else {}
