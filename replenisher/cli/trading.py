"""The verbs that trade, or say whether one could."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replenisher.cli.program import AsJson, File, Speed, Tape, app, display, progress, show, show_json
from replenisher.errors import ConfigurationError, UsageError


@app.command(epilog="Example: replenisher run configs/paper.yaml --duration 30")
def run(
    file: File,
    duration: Annotated[float | None, typer.Option(metavar="S", min=0, help="Stop after so many seconds.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set the old data directory aside first, with its halts and the day's loss.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Trade real money; the file must say `mode: live` too.")] = False,
    accept_untested: Annotated[
        bool, typer.Option("--accept-untested", help="Go live even on a venue that `list venues` calls untested.")
    ] = False,
    tape: Tape = None,
    speed: Speed = None,
) -> None:
    """Trade until told to stop, and leave no order behind.

    Journal, database and logs are in $REPLENISHER_DATA_DIR, else in `data/` of the current directory under the file's
    name. Ctrl-C, SIGTERM and `stop` end it, and a second signal does not wait. The exit code is 0 if the venue shows
    none of our orders and all rows are written, 1 if some may be left, 3 after a halt, 75 if it may be tried again
    later, 78 if something has to be mended first.
    """
    from replenisher.config import load, market_overrides, require_ready

    if live and fresh:
        raise UsageError(
            "the command line: --fresh forgets halts and the day's loss, which nobody may who trades with --live"
        )
    config = load(file, market_overrides(tape, speed))
    require_ready(config, live=live, accepts_untested=accept_untested)
    if (tape is not None or speed is not None) and not config.starts_exchange:
        raise UsageError("the command line: --tape and --speed need the exchange that mode paper starts")

    from replenisher.wiring import daemon

    raise typer.Exit(daemon.run(config, duration_s=duration, fresh=fresh, screen=sys.stdout.isatty()))


@app.command(epilog="Example: replenisher exchange --port 8787 --seed 7 --ledger exchange.jsonl")
def exchange(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Its section `exchange`.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0 is any free port, and printed.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the order flow.")] = None,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="Continued if it is there already.")] = None,
    tape: Tape = None,
    speed: Speed = None,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Run the simulated exchange alone, for any client.

    Clients log in with `paper` as id and secret of their key, or with the name of an account of `exchange.accounts` as
    both.
    """
    from replenisher.config import load, market_overrides, require_exchange
    from replenisher.config.readiness import no_file

    config = load(file, market_overrides(tape, speed)) if file is not None else None
    if config is not None:
        require_exchange(config)
    elif ledger is None:
        raise UsageError("the command line: --ledger: without CONFIG it is needed")
    elif tape is not None and not tape.is_file():
        raise ConfigurationError(f"the command line: --tape: {str(tape)!r} is not allowed, {no_file(tape)}")
    elif speed is not None and tape is None:
        raise UsageError("the command line: --speed: only a recording has a speed, name one with --tape")

    from replenisher.wiring import market

    raise typer.Exit(
        market.run_exchange(config, port=port, seed=seed, ledger=ledger, tape=tape, speed=speed, child=child)
    )


@app.command(epilog="Example: replenisher check configs/paper.yaml")
def check(file: File, tape: Tape = None, as_json: AsJson = False) -> None:
    """Say whether a configuration could be traded on now. Nothing is sent."""
    from replenisher.config import load, market_overrides, require_ready

    config = load(file, market_overrides(tape, None))
    require_ready(config, live=config.mode == "live", accepts_untested=True)

    from replenisher.wiring import books

    show(books.check(config), as_json)


@app.command(epilog="Example: replenisher doctor configs/paper.yaml")
def doctor(file: File, tape: Tape = None, as_json: AsJson = False) -> None:
    """Look whether trading would go well. No order is placed.

    This machine and every venue are asked. An exchange that `run` would start itself is started for this look, on a
    ledger that is thrown away. The exit code is 0 if nothing is red, 75 if somebody could not be reached, and 1 if
    anything else is red.
    """
    with progress("doctor") as tell:
        tell("the configuration")
        from replenisher.config import load, market_overrides, require_ready

        config = load(file, market_overrides(tape, None))
        require_ready(config, live=config.mode == "live", accepts_untested=True)

        from replenisher.venues.doctor import verdict
        from replenisher.wiring.doctor import doctor as examine

        findings = examine(config, tell)
    light, exit_code = verdict(findings)
    if as_json:
        from msgspec import to_builtins

        show_json({"light": light, "findings": to_builtins(findings)})
    else:
        from replenisher.live.doctor_page import doctor_page

        display(doctor_page(findings))
    raise typer.Exit(exit_code)
